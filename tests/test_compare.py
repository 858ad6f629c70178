"""Why live earned other than its simulation: planted differences are found where they were planted,
and the parts are the whole, to the unit."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from core.effects import PlaceOrder
from core.events import (
    AccountOpened,
    Event,
    FillReported,
    InstrumentListed,
    NodeStarted,
    OrderReported,
    OrderRequested,
    ReferenceSet,
    StatementReported,
)
from core.frames import Frame
from core.journal import Journal, Store, decode_event
from core.money import price, quantity
from core.node import Node
from risk.adapter import LimitGate
from scenarios.model import Scenario, find
from sim.memory_store import MemoryStore
from tieout.cli import main
from tieout.exits import BAD_INPUT, FAILED, HELD
from tieout.journals.relive import relive
from tieout.node.dialects import READERS
from tieout.reports.compare import PARTS, Compared, compare, whole
from tieout.reports.files import save_journal
from tieout.reports.session import BadSession, Session, session_of
from tieout.runs import run

ACCOUNT = "binance_spot/main"
SECOND = 1_000_000_000
T0 = 1_700_000_000 * SECOND
KINDS: dict[str, dict[str, Any]] = {
    "spot": {"kind": "spot", "base": "ETH", "quote": "USDT", "settle": "USDT"},
    "linear": {"kind": "linear", "base": "ETH", "quote": "USDT", "settle": "USDT"},
    "inverse": {"kind": "inverse", "base": "ETH", "quote": "USD", "settle": "ETH"},
}


class Told:
    """A journal made by hand: one account, one instrument, one strategy; told what happened."""

    def __init__(self, kind: str = "spot", seconds: int = 0) -> None:
        self.now, self.kind, self.filled = T0 + seconds * SECOND, kind, 0
        self.store = MemoryStore()
        self.node = Node(Journal(self.store), {}, LimitGate())
        self.tell(NodeStarted, node="t", epoch=1)
        self.tell(
            AccountOpened,
            account=ACCOUNT,
            tells="fills",
            statements=("balances",),
            statement_period_ns=SECOND,
            backfill_period_ns=SECOND,
            settle_ns=SECOND,
            silence_ns_max=SECOND,
        )
        listed = {"multiplier": quantity("1"), **KINDS[kind]}
        self.tell(InstrumentListed, account=ACCOUNT, instrument="I", **listed)

    def tell(self, event: Callable[..., Event], /, **told: Any) -> list[Any]:
        self.now += 1_000_000
        self.node.deliver(event(received_at=self.now, **told))
        return self.node.commit()

    def worth(self, figure: str) -> None:
        """The market's price."""
        told = {"account": ACCOUNT, "instrument": "I", "price": price(figure)}
        self.tell(ReferenceSet, **told, as_of=self.now + 1)

    def order(
        self,
        side: str = "buy",
        lots: str = "1",
        arrives: str = "",
        fills: tuple[tuple[str, str], ...] = (("1", "100"),),
        fee: str = "0",
        fee_asset: str = "",
        reference: str = "a",
    ) -> None:
        """A wish, its arrival at the price `arrives`, and its fills: (quantity, price)."""
        wish = {"strategy": "mm", "reference": reference, "account": ACCOUNT, "instrument": "I"}
        effects = self.tell(
            OrderRequested,
            **wish,
            side=side,
            quantity=quantity(lots),
            kind="limit",
            price=price("100"),
        )
        (placed,) = [each for each in effects if isinstance(each, PlaceOrder)]
        name = placed.client_order_id
        if arrives:
            self.worth(arrives)
        self.tell(
            OrderReported,
            account=ACCOUNT,
            client_order_id=name,
            status="acknowledged",
            order_id=f"v{name}",
            occurred_at=self.now + 1_000_000,
        )
        for much, at in fills:
            self.filled += 1
            self.tell(
                FillReported,
                account=ACCOUNT,
                instrument="I",
                fill_id=f"f{self.filled}",
                order_id=f"v{name}",
                client_order_id=name,
                side=side,
                quantity=quantity(much),
                price=price(at),
                occurred_at=self.now + 1_000_000,
                fee=int(Decimal(fee) * 10**8),
                fee_asset=fee_asset if Decimal(fee) else "",
            )

    def session(self) -> Session:
        return session_of(self.store.records)


def both(live: Told, sim: Told, mark: str = "110") -> Compared:
    """Both end at the same price."""
    for each in (live, sim):
        each.now += SECOND
        each.worth(mark)
    return compare(live.session(), sim.session())


def parts(compared: Compared, asset: str = "USDT") -> dict[str, Decimal]:
    """The parts that are something, of one asset."""
    (line,) = [each for each in compared.lines if each.asset == asset]
    assert line.residual == 0
    return {part: compared.amount(asset, n) for part, n in line.parts if n}


def made(kind: str = "spot", seconds: int = 0, begins: str = "100", **order: Any) -> Told:
    told = Told(kind, seconds)
    told.worth(begins)
    told.order(**order)
    return told


# --- planted, one at a time ----------------------------------------------------------------------

PLANTED: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, str]]] = {
    "nothing": ({}, {}, {}),
    "a fee": (
        {"fee": "0.3", "fee_asset": "USDT"},
        {"fee": "0.1", "fee_asset": "USDT"},
        {"fees": "-0.2"},
    ),
    "a fee in coins": ({"fee": "0.01", "fee_asset": "ETH"}, {}, {"fees": "-1.1"}),
    "a worse price": ({"fills": (("1", "101.5"),)}, {}, {"price": "-1.5"}),
    "a later arrival": (
        {"arrives": "103", "fills": (("1", "103"),)},
        {},
        {"latency": "-3"},
    ),
    "later and worse": (
        {"arrives": "103", "fills": (("1", "104"),)},
        {"arrives": "101", "fills": (("1", "101"),)},
        {"latency": "-2", "price": "-1"},
    ),
    "another decision": (
        {"begins": "102", "fills": (("1", "102"),)},
        {},
        {"decisions": "-2"},
    ),
    "a missed fill": ({"fills": ()}, {}, {"missed fills": "-10"}),
    "half a missed fill": ({"fills": (("0.5", "100"),)}, {}, {"missed fills": "-5"}),
    "a missed fill saves its fee": (
        {"fills": ()},
        {"fee": "0.1", "fee_asset": "USDT"},
        {"missed fills": "-9.9"},
    ),
    "half, and dearer fees": (
        {"fills": (("0.5", "100"),), "fee": "0.3", "fee_asset": "USDT"},
        {"fee": "0.2", "fee_asset": "USDT"},
        {"missed fills": "-4.9", "fees": "-0.2"},
    ),
    "only live filled": ({}, {"fills": ()}, {"missed fills": "10"}),
    "sold, later": (
        {"side": "sell", "arrives": "97", "fills": (("1", "97"),)},
        {"side": "sell"},
        {"latency": "-3"},
    ),
    "another way": (
        {"side": "sell"},
        {},
        {"orders": "-20"},
    ),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_difference_is_found_where_it_was_planted(name: str) -> None:
    live, sim, wanted = PLANTED[name]
    compared = both(made(**live), made(**sim))
    assert compared.whole
    found = parts(compared) if compared.lines else {}
    assert found == {part: Decimal(amount) for part, amount in wanted.items()}


def test_a_contract_s_profit_is_in_what_it_settles_in() -> None:
    """Of an inverse one in coins: bought at 100 and at 125, worth 1/100 and 1/125 of a coin."""
    late = {"arrives": "125", "fills": (("1", "125"),)}
    compared = both(made("inverse", **late), made("inverse"), mark="125")
    assert parts(compared, "ETH") == {"latency": Decimal("-0.002")}
    compared = both(made("linear", **late), made("linear"))
    assert parts(compared) == {"latency": Decimal(-25)}


def test_a_fee_in_an_asset_without_a_price_stays_in_that_asset() -> None:
    compared = both(made(fee="0.5", fee_asset="BNB"), made(fee="0.2", fee_asset="BNB"))
    assert parts(compared, "BNB") == {"fees": Decimal("-0.3")}
    assert parts(compared) == {}


def test_what_is_of_no_known_price_is_price() -> None:
    live, sim = Told(), Told()
    live.order(fills=(("1", "101"),))
    sim.order()
    compared = both(live, sim)
    assert (parts(compared), compared.without_price) == ({"price": Decimal(-1)}, 1)


# --- pairs ---------------------------------------------------------------------------------------


def several(*waits: float, seconds: int = 0) -> Told:
    """Orders under one word, each after its wait."""
    told = Told(seconds=seconds)
    told.worth("100")
    for number, wait in enumerate(waits):
        told.now += int(wait * SECOND)
        told.order(fills=(("1", str(100 + number)),))
    return told


def test_orders_of_one_word_are_paired_by_their_time_since_the_beginning() -> None:
    """The second of three was never sent: the third is not taken for it."""
    compared = both(several(5, 20, seconds=1000), several(5, 10, 10))
    assert (compared.paired, compared.only_live, compared.only_sim) == (2, 0, 1)
    assert parts(compared) == {"price": Decimal(1), "orders": Decimal(-9)}


def test_a_word_that_each_said_once_is_one_pair_whenever_it_was_said() -> None:
    compared = both(several(50), several(5))
    assert (compared.paired, parts(compared)) == (1, {})


def test_what_lies_too_far_apart_is_no_pair() -> None:
    live, sim = several(5, 5), several(6.5, 5)
    assert both(live, sim).paired == 0
    assert compare(live.session(), sim.session(), within_ns=2 * SECOND).paired == 2


# --- sums ----------------------------------------------------------------------------------------


@settings(max_examples=20, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["buy", "sell"]),
            st.sampled_from(["97", "101.37", "100", "113"]),
            st.lists(
                st.tuples(st.sampled_from(["0.3", "0.7", "1.1"]), st.sampled_from(["99", "103.7"])),
                max_size=3,
            ),
            st.sampled_from(["0", "0.07"]),
        ),
        min_size=2,
        max_size=6,
    ),
    st.sampled_from(list(KINDS)),
    st.integers(1, 5),
)
def test_the_parts_are_the_whole_whatever_happened(
    orders: list[tuple[str, str, list[tuple[str, str]], str]], kind: str, cut: int
) -> None:
    unit = "ETH" if kind == "inverse" else "USDT"
    sessions = []
    for part in (orders[:cut], orders[cut:]):
        told = Told(kind)
        told.worth("100")
        for side, arrives, fills, fee in part:
            told.order(side, "4", arrives, tuple(fills), fee, unit)
        told.order("buy")
        sessions.append(told)
    compared = both(*sessions, mark="107.77")
    assert compared.whole
    for line in compared.lines:
        assert sum(units for _, units in line.parts) == line.live - line.sim


@settings(deadline=None)
@given(st.lists(st.integers(-99_999, 99_999), min_size=1, max_size=8))
def test_whole_units_sum_to_the_sum_and_lose_less_than_one_each(sevenths: list[int]) -> None:
    exact = [Fraction(each, 7) for each in sevenths]
    units = whole(exact)
    assert sum(units) == round(sum(exact, Fraction(0)))
    assert all(abs(n - part) < 1 for n, part in zip(units, exact, strict=True))


def test_what_the_parts_do_not_explain_is_a_residual() -> None:
    """Books that say otherwise than their orders: nothing is called whole that is not."""
    live, sim = made().session(), made().session()
    place = next(iter(live.booked))
    live.booked[place]["USDT"] -= Fraction(7, 10**8)
    compared = compare(live, sim)
    assert not compared.whole
    assert [(line.asset, line.residual) for line in compared.lines] == [("USDT", -7)]
    live.booked[place]["USDT"] += Fraction(69, 10**9)
    compared = compare(live, sim)
    assert [line.residual for line in compared.lines] == [0], "a tenth of a unit"
    assert not compared.whole


# --- real runs -----------------------------------------------------------------------------------


def changed(**venue: Any) -> Scenario:
    scenario = find("lost_frame")
    venues = tuple(each.model_copy(update=venue) for each in scenario.venues)
    return scenario.model_copy(update={"venues": venues})


@cache
def ran(seed: int, **venue: Any) -> Store:
    return run(changed(**venue), seed, short=True, sampled=False).store


def strategies(store: Store) -> list[str]:
    with pytest.raises(BadSession) as found:
        session_of(store.records, "nobody")
    names = str(found.value).partition("one of ")[2].partition(" would do")[0]
    return names.split(", ")


Mend = Callable[[FillReported], FillReported]


def planted(mend: Mend) -> Store:
    """The same session at a venue that told each fill so. What it says of its books is left out:
    they would not agree, and orders would be refused."""

    def reads(frame: Frame, decimals: Mapping[str, int]) -> list[Event]:
        read = READERS["binance_spot"](frame, decimals)
        told = [each for each in read if not isinstance(each, StatementReported)]
        return [mend(each) if isinstance(each, FillReported) else each for each in told]

    return relive(ran(1), {**READERS, "binance_spot": reads}).store


def as_told(fill: FillReported) -> FillReported:
    return fill


def dearer(fill: FillReported) -> FillReported:
    return replace(fill, fee=fill.fee + 3)


def worse(fill: FillReported) -> FillReported:
    assert fill.value is not None
    return replace(fill, value=fill.value + (2 if fill.side == "buy" else -2))


def fills_of(store: Store, strategy: str) -> int:
    orders = {each.name for each in session_of(store.records, strategy).sent}
    told = [decode_event(body) for body in store.events()]
    ids = {e.order_id: e.client_order_id for e in told if isinstance(e, OrderReported)}
    fills = {
        (each.instrument, each.fill_id)
        for each in told
        if isinstance(each, FillReported)
        and (each.client_order_id or ids.get(each.order_id)) in orders
    }
    return len(fills)


@pytest.mark.parametrize(("mend", "part", "each"), [(dearer, "fees", -3), (worse, "price", -2)])
def test_what_is_planted_in_a_real_run_is_found_to_the_unit(
    mend: Mend, part: str, each: int
) -> None:
    """So many units for each fill of a strategy's, in one part and in no other."""
    live, sim = planted(mend), planted(as_told)
    for compared in compared_runs(live, sim):
        found = [(name, units) for line in compared.lines for name, units in line.parts if units]
        assert compared.whole
        assert found == [(part, each * fills_of(sim, compared.strategy))]
        assert found[0][1] < 0, "it traded"


def compared_runs(live: Store, sim: Store) -> list[Compared]:
    return [
        compare(session_of(live.records, name), session_of(sim.records, name))
        for name in strategies(live)
    ]


def test_a_run_against_itself_differs_in_nothing() -> None:
    for each in compared_runs(ran(1), ran(1)):
        assert each.whole
        assert not any(units for line in each.lines for _, units in line.parts)
        assert each.paired > 3


def test_two_seeds_of_a_real_run_differ_and_the_parts_are_the_whole() -> None:
    some = 0
    for each in compared_runs(ran(1), ran(2)):
        assert each.whole
        some += sum(bool(line.difference) for line in each.lines)
    assert some


# --- the command ---------------------------------------------------------------------------------


def tieout(*arguments: object) -> Any:
    return CliRunner().invoke(main, ["compare", *map(str, arguments)])


@pytest.fixture
def journals(tmp_path: Path) -> tuple[Path, Path]:
    live, sim = made(fee="0.3", fee_asset="USDT"), made()
    both(live, sim)
    for name, told in (("live", live), ("sim", sim)):
        save_journal(told.store, tmp_path / f"{name}.db")
    return tmp_path / "live.db", tmp_path / "sim.db"


def test_the_command_shows_a_table_an_object_and_a_page(
    journals: tuple[Path, Path], tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    said = tieout(*journals, "--page", page)
    assert said.exit_code == HELD, said.output
    assert re.search(r"^  fees +-0\.30000000 USDT$", said.output, re.MULTILINE)
    told = json.loads(tieout(*journals, "--json").stdout)
    (asset,) = told["assets"]
    assert (asset["difference"], asset["residual"]) == ("-0.30000000", "0.00000000")
    assert Decimal(asset["parts"]["fees"]) == Decimal("-0.3")
    assert asset["parts"].keys() == set(PARTS)
    html = page.read_text()
    assert "<svg" in html
    assert "The parts are the whole, to the unit." in html
    assert "-0.30000000" in html


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("live.db", "none.db"), "none.db"),
        (("live.db", "text"), "text"),
        (("live.db", "sim.db", "--strategy", "x"), "--strategy: found 'x'; one of mm would do"),
        (("live.db", "sim.db", "--within", "-1"), "--within"),
        (("live.db", "sim.db", "--page", "no/such/page"), "a new file's path would do"),
    ],
)
def test_wrong_input_is_a_message_and_a_status(
    arguments: tuple[str, ...],
    words: str,
    journals: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(journals[0].parent)
    Path("text").write_text("no journal")
    said = tieout(*arguments)
    assert (said.exit_code, words in said.output) == (BAD_INPUT, True), said.output


def test_a_residual_is_a_failure(
    journals: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from tieout.reports import session

    monkeypatch.setattr(session, "_posted", lambda *told: iter(()))
    assert tieout(*journals).exit_code == FAILED
