"""The vault in a folder: what was known is known again, and what was erased is nowhere."""

import stat
from pathlib import Path

import pytest

from tests.test_token_policy import ANN, BEA, counted
from tokens import vault_files
from tokens.vault import Erased
from tokens.vault_files import KEYS, RECORDS, SECRET, NoVault


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "vault"
    vault_files.create(made, counted())
    vault, _ = vault_files.load(made, counted())
    for each in (ANN, BEA):
        vault.put(each)
    vault_files.save(made, vault)
    return made


def test_what_was_put_is_there_with_the_same_commitments(folder: Path) -> None:
    one, secret = vault_files.load(folder, counted())
    other, again = vault_files.load(folder, counted())
    assert one.newest("ann") == other.newest("ann") is not None
    assert (one.newest("ann") or [None])[0] == ANN
    assert (secret, len(secret)) == (again, 32)
    assert one.verify() == 2


def test_nobody_else_may_read_it_and_the_records_tell_nobody(folder: Path) -> None:
    modes = {stat.S_IMODE(each.stat().st_mode) for each in folder.iterdir()}
    assert modes == {0o600}
    assert sorted(each.name for each in folder.iterdir()) == sorted([KEYS, RECORDS, SECRET])
    told = (folder / RECORDS).read_bytes()
    assert [word for word in (b"ann", b"bea", b"US", b"DE", b"approved") if word in told] == []


def test_who_was_erased_stays_so_in_every_copy(folder: Path) -> None:
    vault, _ = vault_files.load(folder, counted())
    assert vault.erase("ann") == 1
    vault_files.save(folder, vault)
    again, _ = vault_files.load(folder, counted())
    assert again.newest("ann") is None
    assert again.newest("bea") is not None
    with pytest.raises(Erased):
        again.open(again.records[0])
    assert again.verify() == 2


def test_keys_alone_that_a_crash_left_are_of_nobody(folder: Path) -> None:
    """Killed between the two files: the person is put anew."""
    before = (folder / RECORDS).read_bytes()
    vault, _ = vault_files.load(folder, counted())
    vault.erase("bea")
    vault.put(BEA)
    vault_files.save(folder, vault)
    (folder / RECORDS).write_bytes(before)
    again, _ = vault_files.load(folder, counted())
    assert again.newest("bea") is None
    assert again.newest("ann") is not None


@pytest.mark.parametrize(
    ("name", "told", "words"),
    [
        (RECORDS, b"[" * 100_000, "no vault"),
        (RECORDS, b"[]x", "no vault"),
        (KEYS, b"{", "no vault"),
        (SECRET, b"short", "found 5 bytes; 32 would do"),
    ],
)
def test_what_is_no_vault_is_said(folder: Path, name: str, told: bytes, words: str) -> None:
    (folder / name).write_bytes(told)
    with pytest.raises(NoVault) as error:
        vault_files.load(folder, counted())
    assert words in str(error.value)


def test_a_record_that_was_changed_is_found(folder: Path) -> None:
    told = (folder / RECORDS).read_bytes()
    (folder / RECORDS).write_bytes(told.replace(b'"number":1', b'"number":3'))
    with pytest.raises(NoVault, match="record 1"):
        vault_files.load(folder, counted())


def test_a_new_one_is_never_made_over_another(folder: Path) -> None:
    with pytest.raises(FileExistsError):
        vault_files.create(folder, counted())
    (folder / KEYS).unlink()
    with pytest.raises(NoVault, match=r"keys\.json"):
        vault_files.load(folder, counted())
