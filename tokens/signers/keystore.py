"""A key in an encrypted file (Web3 Secret Storage, version 3), open while the process lives."""

from pathlib import Path

from rails import keystore
from rails.keys import NotAKey, PrivateKey
from tokens.signers.backend import NotSigned, own, whole
from tokens.signers.signature import Signature, address_of


class KeystoreBackend:
    """Signs in this process, with a key that was decrypted once."""

    __slots__ = ("_key", "address")

    def __init__(self, key: PrivateKey) -> None:
        self._key = key
        self.address = address_of(key.public(compressed=False))

    def __repr__(self) -> str:
        return f"KeystoreBackend({self.address})"

    def sign(self, digest: bytes) -> Signature:
        """The key's own signature of the digest."""
        parity, r, s = self._key.sign_recoverable(whole(digest))
        return own(digest, r, s, self.address, likely=27 + parity)


def opened(path: Path, password: str, address: str) -> KeystoreBackend:
    """The backend of a keystore file, whose key must be this address's; else `NotSigned`."""
    try:
        backend = KeystoreBackend(PrivateKey(keystore.load(path, password)))
    except (OSError, keystore.NotAKeystore, keystore.WrongPassword, NotAKey) as error:
        raise NotSigned(f"no key from the keystore: {error}") from error
    if backend.address != address.lower():
        raise NotSigned(f"{path}: its key is that of {backend.address}, not of {address}")
    return backend
