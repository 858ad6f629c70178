"""A preflight over real sockets: green where all is well, and each check red where it is not."""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ccxt.pro", reason="the extra `live` is not installed")
pytest.importorskip("trustme", reason="the extra `live` is not installed")

from core.events import EVERY, OpeningSet
from core.gate import BreakGate
from core.journal import Journal, decode_event
from core.node import recover
from core.state import State
from scenarios.bounds import LIMITS
from sim.faults import Fault
from tests.deploying import Desk, desk, run, written
from tests.exporting import FULL
from tests.live import KEY
from tieout.deployment.file import load
from tieout.deployment.ways import Mode
from tieout.journals.deployed import Held
from tieout.journals.sqlite_store import SqliteStore
from tieout.journals.verify import verify
from tieout.preflight import books, house, whole
from tieout.preflight.checks import Check, green
from tieout.preflight.house import of_channels
from tieout.preflight.inspections import INSPECTIONS

# So far the clock of a served venue may be behind on a machine that is busy with something else.
SLACK = "skew_ms = 400"
NAMES = (
    "journal room",
    "journal sound",
    "limits",
    "alert channel",
    "leadership",
    "key rights",
    "clock",
    "modes",
    "instruments",
    "standing",
    "kill drill",
    "reconciliations",
)
READS = ("GET ", "socket ", "POST /fapi/v1/listenKey")


async def _goes_green(folder: Path, venue: str) -> None:
    folder.mkdir()
    found = await desk(folder, venue, account=SLACK)
    flight = await found.checked()
    assert [each.name for each in flight.checks] == list(NAMES)
    assert not flight.missing, [str(each) for each in flight.missing]
    none = {each.name for each in flight.checks if each.result == "not applicable"}
    assert none == {"limits", "alert channel", *(["modes"] if venue == "binance_spot" else [])}
    sent = [each for each in found.served.server.asked if not each.startswith(READS)]
    assert not sent, "nothing but reads came to the socket"
    assert verify(folder / "desk.db").status == "sound"
    store = SqliteStore(folder / "desk.db")
    adopted = [decode_event(each.body) for each in store.records() if each.name == "OpeningSet"]
    store.close()
    held = found.served.world.truth()
    lines = [each for each in adopted if isinstance(each, OpeningSet) and each.subject != EVERY]
    assert len(lines) == len([name for name in held if held[name]])
    assert all(isinstance(each, OpeningSet) and each.frame for each in adopted), "with evidence"
    await found.served.server.stop()


def test_it_is_green_where_all_is_well_and_what_stands_there_is_adopted(tmp_path: Path) -> None:
    async def all_green() -> None:
        await asyncio.gather(*(_goes_green(tmp_path / venue, venue) for venue in INSPECTIONS))

    run(all_green, 170)


# --- what is red ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Wrong:
    """Something that is wrong, the check that finds it, and words of what it says."""

    check: str
    says: str
    would_do: str
    venue: str = "okx_swap"
    mode: Mode = "live"
    rights: tuple[str, ...] = KEY.rights
    limits: str = 'limits = "none"'
    account: str = SLACK
    spoil: Callable[[Desk], Any] = lambda desk: None


def _write(name: str, text: str) -> Callable[[Desk], Any]:
    return lambda desk: (desk.path.parent / name).write_text(text)


def _exchange(desk: Desk) -> Any:
    return desk.served.world.sites[desk.served.venue].venue.exchange


def _orders_by_hand(desk: Desk) -> None:
    _exchange(desk).place("", "BTC-USDT-SWAP", "buy", Decimal(1), "limit", Decimal(10), "long")


def _skewed(desk: Desk) -> None:
    _exchange(desk).clock.skew_ns += 3_000_000_000


def _isolated(desk: Desk) -> None:
    _exchange(desk).margin = "isolated"


def _limits_beside(text: str) -> Callable[[Desk], Any]:
    """The limits of the house, with other tests."""

    def beside(desk: Desk) -> None:
        shutil.copy(LIMITS / "house.yaml", desk.path.parent / "house.yaml")
        tests = (LIMITS / "house.tests.yaml").read_text()
        (desk.path.parent / "house.tests.yaml").write_text(tests.replace(*text.split("|")))

    return beside


INSTRUMENT = (
    '{symbol = "BTC-USDT-SWAP", base = "BTC", quote = "USDT", tick = "0.1", lot = "0.01",'
    ' multiplier = "0.01", price = "50000"}'
)


def _instrument(old: str, new: str) -> str:
    return f"{SLACK}\ninstruments = [{INSTRUMENT.replace(old, new)}]"


HOUSE = 'limits = {file = "house.yaml", rates = {USDT = "1"}}'
WRONGS = {
    "withdraws": Wrong(
        "key rights",
        "withdraws",
        "without the right to withdraw",
        rights=("read", "trade", "withdraw"),
    ),
    "trades in shadow": Wrong("key rights", "trade", "only read", mode="shadow"),
    "moves in shadow": Wrong(
        "key rights",
        "enableInternalTransfer",
        "only read",
        venue="binance_spot",
        mode="shadow",
        rights=("read", "move"),
    ),
    "may not trade": Wrong("key rights", "reads", "may trade there", rights=("read",)),
    "another secret": Wrong("key rights", "50113", "knows", spoil=_write("secret", "another")),
    "clock": Wrong("clock", "; 2 ms are allowed for", "skew_ms = ", account="", spoil=_skewed),
    "position mode": Wrong(
        "modes",
        "positions net",
        "positions hedged",
        spoil=lambda desk: _exchange(desk).keep_legs(hedged=False),
    ),
    "isolated": Wrong(
        "modes", "margin isolated", "margin cross", venue="binance_usdm", spoil=_isolated
    ),
    "isolated account": Wrong(
        "modes", "margin isolated", "margin cross", venue="bybit_inverse", spoil=_isolated
    ),
    "cross where isolated is said": Wrong(
        "modes", "margin cross", "margin isolated", account=f'{SLACK}\nmargin = "isolated"'
    ),
    "tick": Wrong(
        "instruments",
        "tick is 0.1 there, 0.5 here",
        "",
        account=_instrument('tick = "0.1"', 'tick = "0.5"'),
    ),
    "lot": Wrong(
        "instruments",
        "lot is 0.01 there, 0.1 here",
        "",
        account=_instrument('lot = "0.01"', 'lot = "0.1"'),
    ),
    "multiplier": Wrong(
        "instruments",
        "multiplier is 0.01 there, 1 here",
        "",
        account=_instrument('multiplier = "0.01"', 'multiplier = "1"'),
    ),
    "orders by hand": Wrong(
        "standing",
        "1 open orders, 1 of them not ours",
        'standing = "adopt"',
        limits='limits = "none"\nstanding = "refuse"',
        spoil=_orders_by_hand,
    ),
    "no limits": Wrong("limits", "names none", '"none" in so many words', limits=""),
    "a limit's test fails": Wrong(
        "limits",
        "failed: ",
        "every test held",
        limits=HOUSE,
        spoil=_limits_beside("answer: RESTRICTED|answer: PASSES"),
    ),
    "no tests of limits": Wrong(
        "limits",
        "house.tests.yaml",
        "limits check",
        limits=HOUSE,
        spoil=lambda desk: shutil.copy(LIMITS / "house.yaml", desk.path.parent / "house.yaml"),
    ),
    "no journal": Wrong("journal sound", "", "a backup", spoil=_write("desk.db", "no journal")),
}


async def _is_red(folder: Path, wrong: Wrong) -> None:
    found = await desk(
        folder, wrong.venue, rights=wrong.rights, limits=wrong.limits, account=wrong.account
    )
    wrong.spoil(found)
    flight = await found.checked(wrong.mode)
    await found.served.server.stop()
    _finds(flight.checks, wrong.check, wrong.says, wrong.would_do)


def _finds(checks: list[Check], name: str, says: str, would_do: str) -> None:
    """That check alone is red, besides what was not tried for it; it says so, and what would do."""
    red = {each.name: each for each in checks if each.result == "red"}
    assert name in red, [str(each) for each in checks]
    assert says in red[name].found, red[name]
    assert would_do in red[name].would_do, red[name]
    assert all(each.found.startswith("not tried") for each in red.values() if each.name != name)
    assert "reconciliations" in red, "books are not begun where something is wrong"


@pytest.mark.parametrize("name", WRONGS)
def test_what_is_wrong_is_found_and_said(name: str, tmp_path: Path) -> None:
    async def is_red() -> None:
        await _is_red(tmp_path, WRONGS[name])

    run(is_red)


def test_a_disk_without_room_is_red(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(house, "ROOM_BYTES", 2**62)

    async def is_red() -> None:
        await _is_red(tmp_path, Wrong("journal room", "MiB free at", "MiB would do"))

    run(is_red)


def test_a_deployment_that_says_nothing_of_alerts_is_red(tmp_path: Path) -> None:
    """Where nobody is to hear of anything, that stands there in so many words."""
    path = written(tmp_path, "okx_swap")
    none = asyncio.run(of_channels(load(path), tmp_path))
    path.write_text(path.read_text().replace('alerts = "none"\n', ""))
    silent = asyncio.run(of_channels(load(path), tmp_path))
    shadow = asyncio.run(of_channels(load(path), tmp_path, "shadow"))
    assert [each.result for each in (none, silent, shadow)] == [
        "not applicable",
        "red",
        "not applicable",
    ]


def test_another_node_with_the_journal_is_red(tmp_path: Path) -> None:
    held = SqliteStore(tmp_path / "desk.db")

    async def is_red() -> None:
        await _is_red(tmp_path, Wrong("leadership", "another process writes it", "ended would do"))

    run(is_red)
    held.close()


def test_an_alert_channel_is_tried(tmp_path: Path) -> None:
    """Who delivers alerts gives the check; the preflight asks for it and keeps what it says."""

    async def told() -> Check:
        return green("alert channel", "", "somebody acknowledged it")

    async def is_tried() -> None:
        found = await desk(tmp_path, "okx_swap", limits="", account=SLACK)
        flight = await found.checked(channel=told)
        await found.served.server.stop()
        assert await told() in flight.checks

    run(is_tried)


class Takes(BaseHTTPRequestHandler):
    """A receiver of webhooks."""

    def do_POST(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *words: object) -> None:
        """Nobody reads it."""


def test_each_channel_that_the_deployment_names_is_told_a_test(tmp_path: Path) -> None:
    """While nobody takes it, the check is red by the channel's name; then it is green."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Takes)
    path = written(tmp_path, "okx_swap")
    where = f"http://127.0.0.1:{server.server_port}"
    path.write_text(path.read_text().replace('alerts = "none"\n', ""))
    with path.open("a") as file:
        file.write(f'[[alerts.channels]]\nname = "desk"\nwebhook = "{where}"\n')
        file.write('secret = "file:secret"\n')
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        check = asyncio.run(of_channels(load(path), tmp_path))
        assert (check.result, check.found) == ("green", "desk took a test")
    finally:
        server.shutdown()
        server.server_close()
    check = asyncio.run(of_channels(load(path), tmp_path))
    assert check.result == "red"
    assert check.found.startswith("desk: ")


@pytest.mark.skipif(not FULL, reason="ten seconds; TIEOUT_FULL=1 runs it")
def test_a_venue_that_often_gives_no_answer_is_asked_again(tmp_path: Path) -> None:
    plan = [Fault(kind, one_in=4) for kind in ("server_error", "html_answer", "truncated_answer")]

    async def goes_green() -> None:
        found = await desk(tmp_path, "binance_usdm", plan, account=SLACK)
        flight = await found.checked()
        await found.served.server.stop()
        assert not flight.missing, [str(each) for each in flight.missing]

    run(goes_green, 120)


def test_on_the_journal_of_before_it_adopts_nothing_anew_and_sees_what_no_record_lists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What stood there is known the second time; cash that comes untold never agrees, the third."""

    async def credited(found: Desk) -> None:
        while True:
            _exchange(found).credit_unlisted("USDT", Decimal(1))
            await asyncio.sleep(0.3)

    async def thrice() -> None:
        refuse = 'limits = "none"\nstanding = "refuse"'
        found = await desk(tmp_path, "okx_swap", account=SLACK, limits=refuse)
        first, second = await found.checked(), await found.checked()
        assert (first.missing, second.missing) == ([], [])
        monkeypatch.setattr(books, "RECONCILED_S_MAX", 5.0)
        crediting = asyncio.create_task(credited(found))
        third = await found.checked()
        crediting.cancel()
        await found.served.server.stop()
        assert [each.name for each in third.missing] == ["reconciliations"]
        assert "of okx_swap/main/USDT/cash" in third.missing[0].found
        store = SqliteStore(tmp_path / "desk.db")
        opened = [each for each in store.records() if each.name == "AccountOpened"]
        store.close()
        assert len(opened) == 1, "adopted once"

    run(thrice)


def test_a_state_that_was_kept_warm_is_not_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A standby's is of the moment at which it took over; the preflight adopts after that."""

    async def opened(*asked: Any) -> tuple[Held | None, Check]:
        journal, led = await house.opened(*asked)
        return journal and replace(journal, warm=State()), led

    async def goes_on() -> None:
        found = await desk(tmp_path, "okx_swap", account=SLACK)
        monkeypatch.setattr(whole, "opened", opened)
        async with AsyncExitStack() as stack:
            flight = await whole.preflight(found.deployment, tmp_path, "live", stack)
            assert flight.journal is not None
            warm = flight.journal.warm
            begun = warm or recover(Journal(flight.journal.store), BreakGate())
        await found.served.server.stop()
        assert not flight.missing, [str(each) for each in flight.missing]
        assert list(begun.accounts) == ["okx_swap/main"], "what it adopted is known to who goes on"

    run(goes_on)
