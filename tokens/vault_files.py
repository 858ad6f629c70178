"""The vault in a folder: what is sealed in one file, what opens it in another.

Rule 1. A file is written whole or not at all, and its owner alone may read it.
Rule 2. Keys are durable before what they seal. To destroy a person's key is to write one file, and
no copy of the other tells anything of that person from then on.
Rule 3. A vault that is gone is not an empty one: only `create` makes a new one.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from tokens.vault import BrokenChain, People, Record, Vault, people_of, vault_of

RECORDS, KEYS, SECRET = "records.json", "keys.json", "secret"
SECRET_BYTES = 32


class NoVault(Exception):
    """The folder holds no vault that can be opened; the text says why, and what would do."""


def create(folder: Path, dice: Callable[[int], bytes]) -> None:
    """A new and empty one; `FileExistsError` where something is there already."""
    folder.mkdir(mode=0o700, parents=True)
    _write(folder / SECRET, dice(SECRET_BYTES))
    save(folder, Vault(dice))


def load(folder: Path, dice: Callable[[int], bytes]) -> tuple[Vault, bytes]:
    """The vault, and the secret by which its judge marks what may be journaled."""
    would_do = "the folder that `tieout tokens init` made would do"
    try:
        secret = (folder / SECRET).read_bytes()
        people = msgspec.json.decode((folder / KEYS).read_bytes(), type=People)
        records = msgspec.json.decode((folder / RECORDS).read_bytes(), type=list[Record])
        if len(secret) != SECRET_BYTES:
            raise NoVault(f"{folder / SECRET}: found {len(secret)} bytes; {SECRET_BYTES} would do")
        return vault_of(dice, records, people), secret
    except OSError as error:
        raise NoVault(f"{error.filename or folder}: {error.strerror}; {would_do}") from error
    except (msgspec.MsgspecError, RecursionError) as error:
        raise NoVault(f"{folder}: no vault: {error}; {would_do}") from error
    except BrokenChain as error:
        raise NoVault(f"{folder / RECORDS}: {error}; it as it was written would do") from error


def save(folder: Path, vault: Vault) -> None:
    """All that it holds now."""
    _write(folder / KEYS, msgspec.json.encode(people_of(vault)))
    _write(folder / RECORDS, msgspec.json.encode(vault.records))


def _write(path: Path, told: bytes) -> None:
    draft = path.with_name(f".{path.name}.draft")
    with suppress(FileNotFoundError):
        draft.unlink()
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(told)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the new name is durable only once its folder is
    finally:
        os.close(folder)
