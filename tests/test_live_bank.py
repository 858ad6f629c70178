"""The bank by files: what is read, what is sent, and what is known where a connection breaks off.

Through a folder of this machine and through a real SFTP server on loopback.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("asyncssh", reason="the extra `live` is not installed")

import asyncssh

from rails.bank.folder import Folder, ReadFolder
from rails.bank.live import FILES_AT_ONCE, ByFiles, Files, Forbidden, Pace
from rails.bank.sftp import ReadSftp, Sftp
from rails.dialect import Request
from sim.faults import Fault
from tests.desk import HOUR, Desk, scenario, within
from tests.sftp_server import Server
from tieout.journals.durable import NotDurable
from tieout.wire.bank import BankDesk, Habits

FULL = bool(os.environ.get("TIEOUT_FULL"))
PAY = Request("POST", "/v1/payments", {}, {"Content-Type": "application/xml"}, b"<pay/>" * 2000)
ASK = Request("POST", "/v1/status-requests", {}, {"Content-Type": "application/xml"}, b"<ask/>")
BALANCE = Request("GET", "/v1/accounts/1/balance")
# The grain of SFTP's times is a second; these tests change the size with the content, or move it.
QUICK = Pace(look_s=0.02, settle_s=0.06, answer_s=20.0, durable_s=1.0, beat_s=0.2)


class Place:
    """A folder with what we and the bank see of it, and everything that was told."""

    def __init__(self, root: Path, server: Server | None) -> None:
        self.root, self.server = root, server
        for folder in ("to_bank", "from_bank", "done"):
            (root / folder).mkdir()
        self.told: list[bytes] = []
        self.closed: list[str] = []
        self.answers: list[tuple[int, bytes]] = []
        self.opened = self.beats = 0
        self.on_durable: Callable[[], None] = lambda: None

    def files(self, *, reads_only: bool = False) -> Files:
        if self.server is None:
            return ReadFolder(self.root) if reads_only else Folder(self.root)
        login = self.server.login()
        return ReadSftp(login, 5.0) if reads_only else Sftp(login, 5.0)

    def way(self, files: Files | None = None, pace: Pace = QUICK) -> ByFiles:
        times = iter(range(1, 10**9))
        return ByFiles(files or self.files(), lambda: next(times), self.durable, pace)

    async def durable(self, seconds_max: float) -> None:
        self.on_durable()

    def listen(self, way: ByFiles) -> None:
        way.open_stream(1, self._opened, self.told.append, self.closed.append, self._beat)

    def _opened(self) -> None:
        self.opened += 1

    def _beat(self) -> None:
        self.beats += 1

    def answered(self, status: int, body: bytes, headers: Any = ()) -> None:
        self.answers.append((status, body))

    def lay(self, name: str, body: bytes) -> Path:
        path = self.root / "from_bank" / name
        path.write_bytes(body)
        return path

    def names(self, folder: str) -> list[str]:
        return sorted(each.name for each in (self.root / folder).iterdir())

    def whole(self) -> list[str]:
        """What the bank would take: no temporary name."""
        return [each for each in self.names("to_bank") if each[0] != "."]

    async def until(self, ends: Callable[[], object], seconds: float = 20.0) -> None:
        async with asyncio.timeout(seconds):
            while not ends():
                await asyncio.sleep(0.01)


def played(root: Path, kind: str, play: Callable[[Place], Awaitable[None]]) -> None:
    async def all_of_it() -> None:
        server = Server(root) if kind == "sftp" else None
        if server is not None:
            await server.start()
        place = Place(root, server)
        await play(place)
        if server is not None:
            await server.stop()

    within(60, all_of_it())


both = pytest.mark.parametrize("kind", ["folder", "sftp"])


# --- what is read --------------------------------------------------------------------------------


@both
def test_a_file_is_read_once_it_is_whole(tmp_path: Path, kind: str) -> None:
    """It grows under its own name, or has a temporary one; then it is told, once and whole."""

    async def play(place: Place) -> None:
        way = place.way()
        place.listen(way)
        place.lay("b.xml.part", b"<half")
        with (place.root / "from_bank" / "a.xml").open("wb", buffering=0) as file:
            for _ in range(8):
                file.write(b"<part/>")
                await asyncio.sleep(0.04)
                assert place.told == []
        await place.until(lambda: place.told)
        (place.root / "from_bank" / "b.xml.part").rename(place.root / "from_bank" / "b.xml")
        await place.until(lambda: len(place.told) == 2 and len(place.names("done")) == 2)
        await asyncio.sleep(0.2)
        assert place.told == [b"<part/>" * 8, b"<half"]
        assert (place.names("from_bank"), place.closed) == ([], [])
        await way.close()

    played(tmp_path, kind, play)


class Slow(Folder):
    """A place at which nothing that is written comes to an end."""

    async def write(self, path: str, body: bytes) -> None:
        await asyncio.Event().wait()


def test_what_we_ask_however_much_keeps_nobody_from_reading(tmp_path: Path) -> None:
    async def play(place: Place) -> None:
        way = place.way(Slow(place.root))
        for _ in range(4 * FILES_AT_ONCE):
            way.send(BALANCE, place.answered)
        place.listen(way)
        place.lay("a.xml", b"<told/>")
        await place.until(lambda: place.names("done"), 5)
        assert place.told == [b"<told/>"]
        await way.close()

    played(tmp_path, "folder", play)


@both
def test_the_same_bytes_under_another_name_are_told_again(tmp_path: Path, kind: str) -> None:
    """Whether that is an echo, the books know."""

    async def play(place: Place) -> None:
        way = place.way()
        place.listen(way)
        for name in ("z.xml", "a.xml"):
            place.lay(name, b"<same/>")
        await place.until(lambda: len(place.names("done")) == 2)
        assert place.told == [b"<same/>", b"<same/>"]
        await way.close()

    played(tmp_path, kind, play)


@both
@pytest.mark.parametrize("reads_only", [False, True])
def test_a_file_that_changes_after_it_was_read_is_read_again(
    tmp_path: Path,
    kind: str,
    reads_only: bool,  # noqa: FBT001  # one case, and another
) -> None:
    """Where we only read, it stays where it is, and is told once as long as it stays as it is."""

    async def play(place: Place) -> None:
        way = place.way(place.files(reads_only=reads_only))
        place.listen(way)
        place.lay("a.xml", b"<one/>")
        await place.until(lambda: place.told)
        await asyncio.sleep(0.3)
        place.lay("a.xml", b"<another/>")
        await place.until(lambda: len(place.told) == 2)
        await asyncio.sleep(0.3)
        assert place.told == [b"<one/>", b"<another/>"]
        assert place.names("from_bank") == (["a.xml"] if reads_only else [])
        assert len(place.names("done")) == (0 if reads_only else 2)
        await way.close()

    played(tmp_path, kind, play)


@both
def test_a_file_that_changes_under_our_hands_is_told_as_it_is_put_away(
    tmp_path: Path, kind: str
) -> None:
    """Between the reading and the putting away, while the journal commits."""

    async def play(place: Place) -> None:
        changes = [b"<other/>"]

        def change() -> None:
            if changes:
                place.lay("a.xml", changes.pop())

        place.on_durable = change
        way = place.way()
        place.listen(way)
        place.lay("a.xml", b"<first/>")
        await place.until(lambda: len(place.told) == 2)
        assert place.told == [b"<first/>", b"<other/>"]
        await way.close()

    played(tmp_path, kind, play)


@both
def test_a_file_that_is_gone_before_it_is_read_is_no_harm(tmp_path: Path, kind: str) -> None:
    """The bank takes it back just as we come for it."""

    async def play(place: Place) -> None:
        files = place.files()

        class Takes(type(files)):  # type: ignore[misc]  # either place
            async def read(self, path: str, bytes_max: int) -> bytes | None:
                if path.endswith("gone.xml"):
                    (place.root / path).unlink(missing_ok=True)
                told: bytes | None = await super().read(path, bytes_max)
                return told

        taking = Takes(tmp_path if place.server is None else place.server.login())
        way = place.way(taking)
        place.listen(way)
        place.lay("gone.xml", b"<gone/>")
        place.lay("here.xml", b"<here/>")
        await place.until(lambda: len(place.names("done")) == 1)
        assert (place.told, place.closed) == ([b"<here/>"], [])
        await way.close()

    played(tmp_path, kind, play)


@both
def test_nothing_is_put_away_before_it_is_durable(tmp_path: Path, kind: str) -> None:
    """The journal does not commit: the stream is closed, the file stays, and is told anew."""

    async def play(place: Place) -> None:
        broken = [True]

        def commit() -> None:
            assert place.names("done") == []
            if broken[0]:
                raise NotDurable("full")

        place.on_durable = commit
        way = place.way()
        place.listen(way)
        place.lay("a.xml", b"<a/>")
        await place.until(lambda: place.closed)
        assert (place.names("from_bank"), place.names("done")) == (["a.xml"], [])
        broken[0] = False
        await way.close()
        again = place.way()
        place.listen(again)
        await place.until(lambda: place.names("done"))
        assert place.told == [b"<a/>", b"<a/>"]
        await again.close()

    played(tmp_path, kind, play)


def test_what_is_too_large_is_told_as_that_and_not_read(tmp_path: Path) -> None:
    async def play(place: Place) -> None:
        way = place.way(pace=Pace(0.02, 0.06, bytes_max=100))
        place.listen(way)
        place.lay("a.xml", b"x" * 101)
        await place.until(lambda: place.told)
        assert place.told == [b"101 bytes in a.xml: too large to be read"]
        await way.close()

    played(tmp_path, "folder", play)


# --- what is sent --------------------------------------------------------------------------------


@both
def test_what_is_sent_is_whole_under_its_name_and_its_answer_comes_back(
    tmp_path: Path, kind: str
) -> None:
    async def play(place: Place) -> None:
        way = place.way()
        place.listen(way)
        way.send(PAY, place.answered)
        await place.until(place.whole)
        (name,) = place.names("to_bank")
        assert (place.root / "to_bank" / name).read_bytes() == PAY.body
        assert name.startswith("payments-")
        place.lay(f"{name}.202", b"<taken/>")
        await place.until(lambda: place.answers)
        assert (place.answers, place.told) == ([(202, b"<taken/>")], [])
        await way.close()

    played(tmp_path, kind, play)


def test_the_same_instruction_is_the_same_file_and_a_question_never_is(tmp_path: Path) -> None:
    """An old answer to a question must not answer it when it is asked again later."""

    async def play(place: Place) -> None:
        way = place.way()
        place.listen(way)
        for request in (PAY, PAY, ASK, ASK, BALANCE, BALANCE):
            way.send(request, place.answered)
        await place.until(lambda: len(place.whole()) == 5)
        kinds = [name.partition("-")[0] for name in place.whole()]
        assert kinds == ["ask", "ask", "payments", "status", "status"]
        first = next(name for name in place.whole() if name.startswith("status"))
        place.lay(f"{first}.404", b"{}")
        await place.until(lambda: place.answers)
        await asyncio.sleep(0.2)
        assert place.answers == [(404, b"{}")]
        await way.close()

    played(tmp_path, "folder", play)


def test_what_the_bank_took_and_never_answered_is_laid_there_again(tmp_path: Path) -> None:
    """While who asked first still waits: each is told by its own time, and one answer is to all."""

    async def play(place: Place) -> None:
        way = place.way(pace=Pace(0.02, 0.06, answer_s=3.0))
        place.listen(way)
        way.send(PAY, place.answered)
        await place.until(place.whole)
        (name,) = place.whole()
        (place.root / "to_bank" / name).unlink()
        await asyncio.sleep(1.5)
        way.send(PAY, place.answered)
        await place.until(place.whole)
        assert (place.whole(), place.answers) == ([name], [])
        await place.until(lambda: place.answers)
        place.lay(f"{name}.200", b"<taken/>")
        await place.until(lambda: len(place.answers) == 2)
        assert place.answers == [(0, b"no answer in time"), (200, b"<taken/>")]
        await way.close()

    played(tmp_path, "folder", play)


def test_no_answer_is_unknown_when_its_time_is_over_and_comes_late_to_nobody(
    tmp_path: Path,
) -> None:
    async def play(place: Place) -> None:
        way = place.way(pace=Pace(0.02, 0.06, answer_s=0.3))
        place.listen(way)
        way.send(BALANCE, place.answered)
        await place.until(lambda: place.answers)
        (name,) = place.names("to_bank")
        place.lay(f"{name}.200", b"<late/>")
        await place.until(lambda: place.names("done"))
        assert (place.answers, place.told) == ([(0, b"no answer in time")], [])
        await way.close()

    played(tmp_path, "folder", play)


def test_no_answer_is_unknown_though_the_place_cannot_be_reached_any_more(tmp_path: Path) -> None:
    """Nobody looks there then, and who asked is told all the same."""

    async def play(place: Place) -> None:
        way = place.way(pace=Pace(0.02, 0.06, answer_s=0.6))
        place.listen(way)
        way.send(BALANCE, place.answered)
        await place.until(place.whole)
        (place.root / "from_bank").rename(place.root / "elsewhere")
        await place.until(lambda: place.answers)
        assert place.answers == [(0, b"no answer in time")]
        assert len(place.closed) == 1
        await way.close()

    played(tmp_path, "folder", play)


def test_an_upload_cut_in_the_middle_is_not_sent_and_the_bank_sees_none_of_it(
    tmp_path: Path,
) -> None:
    async def play(place: Place) -> None:
        assert place.server is not None
        place.server.cuts = ["write"]
        way = place.way()
        way.send(PAY, place.answered)
        await place.until(lambda: place.answers)
        assert place.answers[0][0] == 0
        assert place.answers[0][1].startswith(b"not sent: it broke off")
        assert place.names("to_bank") == []
        assert place.server.did["cut at write"] == 1
        await way.close()

    played(tmp_path, "sftp", play)


def test_an_upload_cut_before_it_was_renamed_is_taken_back(tmp_path: Path) -> None:
    """Nobody said whether it was renamed: its part, once removed, cannot be any more."""

    async def play(place: Place) -> None:
        assert place.server is not None
        place.server.cuts = ["rename"]
        way = place.way()
        way.send(PAY, place.answered)
        await place.until(lambda: place.answers)
        assert place.answers == [(0, b"not sent: it broke off, and was taken back")]
        assert (place.names("to_bank"), way.counts["uploads taken back"]) == ([], 1)
        await way.close()

    played(tmp_path, "sftp", play)


@pytest.mark.parametrize("taken", [False, True])
def test_an_upload_cut_after_it_was_renamed_is_sent_once(
    tmp_path: Path,
    taken: bool,  # noqa: FBT001  # one case, and another
) -> None:
    """It is found there by its hash; or the bank took it already, and then its answer tells."""

    async def play(place: Place) -> None:
        assert place.server is not None
        place.server.cuts = ["renamed"]
        if taken:
            place.server.on_renamed = lambda: [
                each.unlink() for each in (place.root / "to_bank").iterdir()
            ]
        way = place.way()
        place.listen(way)
        way.send(PAY, place.answered)
        wanted = "uploads left to the bank's answer" if taken else "uploads found there"
        await place.until(lambda: way.counts.get(wanted))
        place.listen(way)  # who looked met the cut, too; core opens the stream again
        assert (place.answers, place.server.did["cut at renamed"]) == ([], 1)
        name = way._written(PAY)[0]
        place.lay(f"{name}.200", b"<taken/>")
        await place.until(lambda: place.answers)
        assert place.answers == [(200, b"<taken/>")]
        assert place.names("to_bank") == ([] if taken else [name])
        await way.close()

    played(tmp_path, "sftp", play)


@both
def test_another_file_of_its_name_is_not_written_over(tmp_path: Path, kind: str) -> None:
    async def play(place: Place) -> None:
        way = place.way()
        path = place.root / "to_bank" / way._written(PAY)[0]
        path.write_bytes(b"<another/>")
        way.send(PAY, place.answered)
        await place.until(lambda: place.answers)
        assert place.answers == [(0, b"not sent: another file has its name")]
        assert path.read_bytes() == b"<another/>"
        await way.close()

    played(tmp_path, kind, play)


@both
@pytest.mark.parametrize("asked", [1, 2], ids=["before it writes", "before it renames"])
def test_a_node_that_leads_no_more_lays_nothing_before_the_bank(
    tmp_path: Path, kind: str, asked: int
) -> None:
    """Another one took over: before it began, or while its file was on the way there."""

    async def play(place: Place) -> None:
        left = [True] * (asked - 1)
        way = place.way()
        way.leads = lambda: bool(left) and left.pop()
        way.send(PAY, place.answered)
        await place.until(lambda: place.answers)
        assert place.answers == [(0, b"not sent: another node leads")]
        assert (place.whole(), len(place.names("to_bank"))) == ([], asked - 1)
        way.leads = lambda: True
        way.send(PAY, place.answered)
        await place.until(place.whole)
        await way.close()

    played(tmp_path, kind, play)


# --- the connection ------------------------------------------------------------------------------


def test_another_host_key_is_nobody_and_is_told_no_name(tmp_path: Path) -> None:
    async def play(place: Place) -> None:
        assert place.server is not None
        stranger = asyncssh.generate_private_key("ssh-ed25519")
        way = place.way(Sftp(place.server.login(stranger)))
        place.listen(way)
        way.send(PAY, place.answered)
        await place.until(lambda: place.closed and place.answers)
        assert place.closed == ["HostKeyNotVerifiable"]
        assert place.answers == [
            (0, b"not sent: it broke off before it was whole: HostKeyNotVerifiable")
        ]
        assert (place.opened, place.server.did["name told"]) == (0, 0)
        await way.close()

    played(tmp_path, "sftp", play)


def test_a_server_that_says_nothing_is_left_and_dialed_anew(tmp_path: Path) -> None:
    async def play(place: Place) -> None:
        assert place.server is not None
        way = place.way(Sftp(place.server.login(), 2.0))
        place.listen(way)
        await place.until(lambda: place.beats)
        place.server.hangs = True
        await place.until(lambda: place.closed)
        assert place.closed == ["TimeoutError"]
        place.server.hangs = False
        place.listen(way)
        place.lay("a.xml", b"<a/>")
        await place.until(lambda: place.told)
        assert (place.opened, place.server.did["connection"]) == (2, 2)
        await way.close()

    played(tmp_path, "sftp", play)


class Tap:
    """A relay that counts what we send."""

    def __init__(self, port: int) -> None:
        self.sent, self._port = 0, port

    async def start(self) -> int:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return int(server.sockets[0].getsockname()[1])

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._port)

        async def relay(source: asyncio.StreamReader, to: asyncio.StreamWriter, ours: int) -> None:
            while data := await source.read(65536):
                self.sent += ours * len(data)
                to.write(data)
            to.close()

        await asyncio.gather(relay(reader, back, 1), relay(there, writer, 0))


def test_where_we_only_read_a_put_gets_nothing_out(tmp_path: Path) -> None:
    """By the transport, by the place, and by asyncssh's own client: not a byte at the socket."""

    async def play(place: Place) -> None:
        assert place.server is not None
        tap = Tap(place.server.port)
        place.server.port = await tap.start()
        files = place.files(reads_only=True)
        assert isinstance(files, ReadSftp)
        (place.root / "from_bank" / "a.xml").write_bytes(b"<a/>")
        assert await files.read("from_bank/a.xml", 100) == b"<a/>"
        before, way = tap.sent, place.way(files)
        assert before > 0, "the tap sees what is sent"
        way.send(Request("POST", "/v1/payments", {}, {}, b"<pay/>"), place.answered)
        await place.until(lambda: place.answers)
        assert place.answers[0][1].startswith(b"not sent: SFTP packet 3: ")
        looked, own = tap.sent, tmp_path / "own.xml"
        own.write_bytes(b"<own/>")
        client = files.client
        acts: list[Callable[[], Awaitable[object]]] = [
            lambda: files.write("to_bank/x", b"<x/>"),
            lambda: files.rename("from_bank/a.xml", "done/a.xml"),
            lambda: files.remove("from_bank/a.xml"),
            lambda: client.open("/to_bank/x", "wb"),
            lambda: client.open("/to_bank/x", "ab"),
            lambda: client.open("/to_bank/x", "r+"),
            lambda: client.posix_rename("/from_bank/a.xml", "/done/a.xml"),
            lambda: client.mkdir("/to_bank/x"),
            lambda: client.rmdir("/to_bank"),
            lambda: client.symlink("/from_bank/a.xml", "/to_bank/x"),
            lambda: client.link("/from_bank/a.xml", "/to_bank/x"),
            lambda: client.truncate("/from_bank/a.xml", 0),
            lambda: client.chmod("/from_bank/a.xml", 0o777),
        ]
        for act in acts:
            with pytest.raises(Forbidden):
                await act()
        assert tap.sent == looked
        with pytest.raises(Forbidden):
            await client.put(str(own), "/to_bank/own.xml")
        did = place.server.did
        assert (did["open to write"], did["rename"], did["remove"]) == (0, 0, 0)
        assert (place.names("to_bank"), place.names("from_bank")) == ([], ["a.xml"])
        await way.close()

    played(tmp_path, "sftp", play)


def test_a_folder_that_is_only_read_is_never_changed(tmp_path: Path) -> None:
    async def play(place: Place) -> None:
        files = place.files(reads_only=True)
        for act in (
            files.write("to_bank/x", b"x"),
            files.rename("from_bank/a", "done/a"),
            files.remove("from_bank/a"),
        ):
            with pytest.raises(Forbidden):
                await act

    played(tmp_path, "folder", play)


@both
def test_a_place_that_is_not_there_is_lost_and_not_empty(tmp_path: Path, kind: str) -> None:
    """An unmounted folder must not look like a bank that tells nothing, nor swallow a payment."""

    async def play(place: Place) -> None:
        for folder in ("from_bank", "to_bank"):
            (place.root / folder).rmdir()
        way = place.way()
        place.listen(way)
        way.send(PAY, place.answered)
        await place.until(lambda: place.closed and place.answers)
        assert (place.opened, place.answers[0][0]) == (0, 0)
        await way.close()

    played(tmp_path, kind, play)


# --- the whole -----------------------------------------------------------------------------------

EVERYTHING = tuple(
    Fault(kind, one_in=one_in, strength=strength)
    for kind, one_in, strength in (
        ("lost_frame", 8, 0),
        ("duplicate_frame", 8, 60_000),
        ("reorder_frame", 8, 60_000),
        ("late_frame", 12, 60_000),
        ("poison_frame", 10, 0),
        ("disconnect", 16, 60_000),
        ("request_lost", 10, 0),
        ("answer_lost", 8, 0),
        ("rate_limited", 12, 5_000),
        ("server_error", 12, 0),
        ("server_error_after", 12, 0),
        ("truncated_answer", 12, 0),
        ("html_answer", 12, 0),
        ("stale_statement", 6, 3_600_000),
        ("wild_statement", 8, 1),
        ("empty_statement", 8, 1),
        ("notice_twice", 6, 60_000),
        ("notice_disorder", 6, 60_000),
        ("payment_rejected", 10, 0),
        ("payment_unanswered", 8, 3_600_000),
    )
)
BANK = {
    "name": "bank_eu",
    "statement_period_s": 10_800,
    "backfill_period_s": 10_800,
    "outsiders_every_s": 3600,
}
INSTANT = {
    "flow": "instant",
    "legs": [{"kind": "out", "asset": "EUR", "scheme": "sct_inst"}],
    "amount_max": 300,
}


async def banked(root: Path, kind: str, seed: int, hours: int, cuts: int) -> None:
    """Customers pay by files while everything goes wrong; then all is put right."""
    told = scenario([BANK], [INSTANT], hours, every_s=600, balances={"EUR": "9000"})
    # Core asks again by the world's clock: faster, its questions would be more than files can bear.
    desk = Desk(told, seed, EVERYTHING, speed=1200 if kind == "sftp" else 3600)
    site = desk.world.site("bank_eu")
    bank = BankDesk(desk.world, site, root, Habits(grows=5, twice=5, replaced=5, gone=8))
    bank.start()
    server = Server(root)
    await server.start()
    files = Sftp(server.login(), 5.0) if kind == "sftp" else Folder(root)
    pace = Pace(look_s=0.02, settle_s=0.06, answer_s=4.0, durable_s=5.0, beat_s=5.0)
    way = ByFiles(files, desk.world.now, desk.host.durable.wait, pace)
    desk.begin({site.spec.account: way})
    for n in range(cuts):
        await desk.last(hours * HOUR // (cuts + 1))
        server.cuts = [("rename", "renamed", "write")[n % 3]]
    await desk.last(hours * HOUR // (cuts + 1))
    desk.world.heal()
    server.cuts = []
    still = await desk.until(desk.is_still, 48 * HOUR)
    said = (desk.differences(), desk.state.suspects, desk.state.breaks, desk.wrong())
    assert still, said
    assert said == ({}, {}, {}, {})
    assert len(desk.state.settlement.transfers) >= hours
    # One hash, one file: an instruction is taken again only where the bank's own wire lost it.
    assert sum(desk.world.simulation.faults.counts.values()) >= 5 * hours
    assert sum(bank.did[habit] for habit in ("grows", "twice", "replaced", "gone")) >= 1
    await desk.end()
    await way.close()
    await bank.stop()
    await server.stop()


@pytest.mark.parametrize("seed", range(5, 9) if FULL else [5])
def test_books_are_the_bank_s_through_a_folder_where_everything_goes_wrong(
    tmp_path: Path, seed: int
) -> None:
    within(600 if FULL else 120, banked(tmp_path, "folder", seed, 12 if FULL else 2, 0))


@pytest.mark.parametrize("seed", range(5, 9) if FULL else [6])
def test_books_are_the_bank_s_by_sftp_whose_connection_is_cut(tmp_path: Path, seed: int) -> None:
    hours, cuts = (12, 12) if FULL else (1, 2)
    within(900 if FULL else 120, banked(tmp_path, "sftp", seed, hours, cuts))
