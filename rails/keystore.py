"""The encrypted keystore: a private key in a file, by Web3 Secret Storage version 3.

Rule 1. The file is written whole or not at all, readable by its owner only, and never over another.
Rule 2. A wrong password is told apart from a file that is no keystore: by the MAC, and only by it.
Files of other programs (geth, foundry, eth-account) are read, scrypt and PBKDF2 alike; ours are
scrypt with geth's standard cost, which takes 256 MiB and a few seconds.
"""

import hashlib
import hmac
import json
import os
import secrets
import uuid
from pathlib import Path
from typing import Any

from rails.keys import keccak256

COST = 262_144  # scrypt's n; r 8 and p 1
MEMORY_MAX = 1 << 30  # a file may not ask for more


class NotAKeystore(ValueError):
    """The file is not a keystore of version 3 that we can read; the text says why."""


class WrongPassword(ValueError):
    """The password does not open this keystore."""


def create(path: Path, secret: bytes, password: str, address: str = "", cost: int = COST) -> None:
    """Write a new keystore; `FileExistsError` where there is a file already."""
    text = encrypt(secret, password, address=address, cost=cost)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)  # unlike a rename it does not replace what is there
    finally:
        draft.unlink()
    _keep(path.parent)


def load(path: Path, password: str) -> bytes:
    """The private key in a keystore file."""
    try:
        return decrypt(path.read_text(), password)
    except NotAKeystore as error:
        raise NotAKeystore(f"{path}: {error}") from error
    except WrongPassword as error:
        raise WrongPassword(f"{path}: {error}") from error


def encrypt(secret: bytes, password: str, *, address: str = "", cost: int = COST) -> str:
    """The keystore's text, with a new salt every time."""
    salt, iv = secrets.token_bytes(32), secrets.token_bytes(16)
    kdf = {"n": cost, "r": 8, "p": 1, "dklen": 32, "salt": salt.hex()}
    derived = _derive("scrypt", kdf, password)
    cipher = _ctr(derived[:16], iv, secret)
    told: dict[str, Any] = {"address": address.removeprefix("0x").lower()} if address else {}
    told["crypto"] = {
        "cipher": "aes-128-ctr",
        "cipherparams": {"iv": iv.hex()},
        "ciphertext": cipher.hex(),
        "kdf": "scrypt",
        "kdfparams": kdf,
        "mac": _mac(derived, cipher).hex(),
    }
    return json.dumps({**told, "id": str(uuid.uuid4()), "version": 3}, indent=2) + "\n"


def decrypt(text: str, password: str) -> bytes:
    """The private key; `WrongPassword` or `NotAKeystore` where there is none to be had."""
    try:
        told = json.loads(text)
        if told["version"] != 3:
            raise NotAKeystore(f"version {told['version']!r} is not 3")
        crypto = {name.lower(): value for name, value in told.items()}["crypto"]
        if crypto["cipher"] != "aes-128-ctr":
            raise NotAKeystore(f"cipher {crypto['cipher']!r} is not aes-128-ctr")
        cipher, mac = bytes.fromhex(crypto["ciphertext"]), bytes.fromhex(crypto["mac"])
        iv = bytes.fromhex(crypto["cipherparams"]["iv"])
        derived = _derive(crypto["kdf"], crypto["kdfparams"], password)
    except NotAKeystore:
        raise
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise NotAKeystore(f"not a keystore: {error!r}") from error
    if not hmac.compare_digest(_mac(derived, cipher), mac):
        raise WrongPassword("the password does not open it")
    return _ctr(derived[:16], iv, cipher)


def _derive(kdf: str, told: dict[str, Any], password: str) -> bytes:
    salt, size = bytes.fromhex(told["salt"]), int(told["dklen"])
    if not 32 <= size <= 64:
        raise NotAKeystore(f"a derived key of {size} bytes")
    if kdf == "scrypt":
        n, r, p = int(told["n"]), int(told["r"]), int(told["p"])
        memory = 128 * r * (n + p + 2)
        if memory > MEMORY_MAX:
            raise NotAKeystore(f"scrypt with n {n}, r {r}, p {p} takes {memory} bytes")
        # OpenSSL keeps RFC 7914's n < 2 ** (16 * r), and official files of this format do not.
        from Crypto.Protocol import KDF

        scrypt: Any = KDF.scrypt  # whose types know of texts only, or not, by version
        derived = scrypt(password.encode(), salt, size, n, r, p)
        assert isinstance(derived, bytes)
        return derived
    if kdf == "pbkdf2" and told["prf"] == "hmac-sha256":
        return hashlib.pbkdf2_hmac("sha256", password.encode(), salt, int(told["c"]), size)
    raise NotAKeystore(f"key derivation {kdf!r} is unknown")


def _mac(derived: bytes, cipher: bytes) -> bytes:
    return keccak256(derived[16:32] + cipher)


def _ctr(key: bytes, iv: bytes, data: bytes) -> bytes:
    from Crypto.Cipher import AES

    return AES.new(key, AES.MODE_CTR, nonce=b"", initial_value=iv).encrypt(data)


def _keep(folder: Path) -> None:
    """The name of a new file is durable only once its folder is."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
