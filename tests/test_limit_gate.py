"""The hot gate in the place where core asks its gate: names, lots, leases, and what it follows."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core import trading
from core.effects import CancelOrder, PlaceOrder, RaiseAlert, TellStrategy
from core.events import CancelRequested, ReferenceSet
from core.ids import client_order_id
from core.journal import encode_state
from core.money import PRICE_ONE, price, quantity
from core.node import decode_snapshot, encode_snapshot
from core.risk_effects import AskEngine
from core.risk_events import (
    Amount,
    Bound,
    Demand,
    ExposureStated,
    GateStarted,
    KillOrdered,
    LeaseRequested,
    LimitsLoaded,
    RiskLimit,
    StrategyStateSet,
    StrategyTerms,
    Ticket,
    Tradable,
    Use,
)
from core.risk_state import Cold
from core.state import Drift, Reading
from core.step import step
from core.strategies import KILL
from risk.adapter import LimitGate
from risk.counters import Account, Book, Holding, Scope
from risk.desk import Desk, Place, value_of
from risk.restored import desk_of
from tests.facts import (
    MS,
    PERP,
    Books,
    bust,
    fill,
    linear,
    ms,
    only,
    opened,
    opening,
    report,
    started,
    stream,
    wish,
)

BIG = 1 << 50
LOT = quantity("1")
HEARTBEAT, TTL, HOLD = 1000, 4000, 500
MINE = f"mm/{PERP}/BTC-PERP"
THERE = f"{PERP}/BTC-PERP"
GATE = LimitGate()


def bounds(position_max: int, firm: int) -> tuple[Bound, ...]:
    """All far away but the position of the strategy and the firm's net."""
    return (
        Bound("ORDER_QUANTITY", MINE, 100 * LOT),
        Bound("ORDER_NOTIONAL", MINE, BIG),
        Bound("PRICE_COLLAR", THERE, 1000),
        Bound("REFERENCE_AGE", THERE, 10**9),
        Bound("ACCOUNT_RATE", PERP, 1000, 1_000 * MS),
        Bound("STRATEGY_RATE", "mm", 1000, 1_000 * MS),
        Bound("DUPLICATE", MINE, 0),
        Bound("REPEATED", MINE, 1000, 1_000 * MS),
        Bound("STRATEGY_POSITION", MINE, position_max * LOT),
        Bound("ACCOUNT_POSITION", THERE, BIG),
        *(
            Bound(name, "mm" if "STRATEGY" in name else PERP if "ACCOUNT" in name else "BTC", BIG)
            for name in ("STRATEGY_NET", "STRATEGY_GROSS", "ACCOUNT_NET", "ACCOUNT_GROSS")
        ),
        Bound("ASSET_NET", "BTC", BIG),
        Bound("CONCENTRATION", "BTC", BIG),
        Bound("FIRM_NET", "", firm),
        Bound("FIRM_GROSS", "", BIG),
        Bound("CREDIT", PERP, BIG),
    )


def limits(position_max: int = 10, firm: int = BIG, at: int = 6) -> LimitsLoaded:
    return LimitsLoaded(
        received_at=ms(at),
        content_hash="0" * 64,
        author="anna",
        approver="ben",
        limits=(RiskLimit("firm_net/long", firm),),
        strategies=(StrategyTerms("mm"),),
        heartbeat_ns=HEARTBEAT * MS,
        ttl_ns=TTL * MS,
        hold_ns=HOLD * MS,
        bounds=bounds(position_max, firm),
        tradables=(Tradable(PERP, "BTC-PERP", LOT, PRICE_ONE, 1000),),
        collateral=(Amount(PERP, BIG),),
        slots=8,
    )


class Limited(Books):
    """Books under limits, the engine's first word given; it is asked twice in a heartbeat."""

    def __init__(self, *, fresh: bool = True, **terms: Any) -> None:
        super().__init__()
        self.said = 0
        self.tell(started(), opened(PERP), linear(), opening("USDT", "1000", account=PERP))
        self.tell(stream(account=PERP))
        self.asked(self.tell(limits(**terms)))
        told = StrategyStateSet(received_at=ms(6), strategy="mm", standing="enabled", by="ben")
        self.tell(told)
        self.cost(100, at=6)
        if fresh:
            self.say(at=7)

    def tell(self, *events: Any) -> list[Any]:
        effects: list[Any] = []
        for event in events:
            effects += step(self.state, event, GATE)
        return effects

    def asked(self, effects: list[Any]) -> int:
        self.request = only(AskEngine, effects)[-1].request
        return self.request

    def cost(self, at_price: int, *, at: int) -> None:
        told = {"account": PERP, "instrument": "BTC-PERP", "price": price(str(at_price))}
        self.tell(ReferenceSet(received_at=ms(at), as_of=ms(at), **told))

    def say(self, *, at: int, **terms: Any) -> None:
        """The engine answers the newest request."""
        self.said += 1
        usual = {"epoch": 1, "sequence": self.said, "request": self.request, "lines": ()}
        self.tell(ExposureStated(received_at=ms(at), **{**usual, **terms}))

    @property
    def desk(self) -> Desk:
        desk = desk_of(self.state.risk)
        assert desk is not None
        return desk

    @property
    def cold(self) -> Cold:
        assert isinstance(self.state.risk.cold, Cold)
        return self.state.risk.cold

    def ask(self, side: str, amount: str, *, at: int = 50, **terms: Any) -> str:
        """The client order id, or the word of the refusal."""
        terms = {"account": PERP, "instrument": "BTC-PERP", **terms}
        effects = self.tell(wish(side, amount, terms.pop("cost", "100"), at=at, **terms))
        placed = only(PlaceOrder, effects)
        if placed:
            return placed[0].client_order_id
        return only(TellStrategy, effects)[0].reason

    def told(self, name: str, status: str, at: int, **terms: Any) -> None:
        told = {"account": PERP, "instrument": "BTC-PERP", "order_id": "o", **terms}
        self.tell(report(name, status, at=at, **told))

    def traded(self, name: str, side: str, amount: str, at: int, ident: str = "1") -> None:
        terms = {"account": PERP, "instrument": "BTC-PERP", "order_id": "o"}
        self.tell(fill(ident, side, amount, "100", at=at, client_order_id=name, **terms))

    def sums(self) -> tuple[int, int, int]:
        way = self.desk.gate.routes[self.desk.ways["mm", PERP, "BTC-PERP", "net"].route]
        return way.position, way.long - way.position, way.short + way.position


# --- orders --------------------------------------------------------------------------------------


def test_an_order_is_reserved_from_its_wish_until_it_is_over_for_certain() -> None:
    books = Limited()
    name = books.ask("buy", "6")
    assert books.sums() == (0, 6, 0)
    assert "position limit" in books.ask("buy", "5", at=51)
    books.told(name, "acknowledged", 60)
    books.traded(name, "buy", "2", 70)
    assert books.sums() == (2, 4, 0)
    books.told(name, "cancelled", 90)
    assert books.sums() == (2, 4, 0), "a fill may be told after a cancel"
    books.ring(f"hold/{name}")
    assert books.sums() == (2, 0, 0)
    assert books.state.counts["refused/STRATEGY_POSITION"] == 1


def test_what_a_venue_claims_and_nobody_booked_stays_reserved() -> None:
    books = Limited()
    name = books.ask("buy", "6")
    books.told(name, "cancelled", 60, filled_quantity=quantity("4"))
    books.ring(f"hold/{name}")
    assert books.sums() == (0, 4, 0)
    assert "position limit" in books.ask("buy", "7", at=900)
    books.traded(name, "buy", "4", 950)
    assert books.sums() == (4, 0, 0) or books.ring(f"hold/{name}") is not None
    assert books.sums() == (4, 0, 0)


def test_a_refusal_says_what_would_pass() -> None:
    books = Limited()
    books.ask("buy", "6")
    told = books.ask("buy", "5", at=51)
    assert (
        told == "position limit: 11 against 10, headroom 4; passes: a smaller order, at most 4 lots"
    )


def test_an_unknown_order_keeps_its_reservation() -> None:
    books = Limited()
    name = books.ask("buy", "10")
    books.told(name, "unknown", 60)
    assert books.order().status == "unknown"
    assert books.sums() == (0, 10, 0)
    assert "position limit" in books.ask("buy", "1", at=900)


def test_an_order_that_lives_on_after_its_end_is_reserved_again() -> None:
    """Late truth wins: rejected, then acknowledged after all; and a fill after a cancel counts."""
    books = Limited()
    name = books.ask("buy", "6")
    books.told(name, "rejected", 60)
    books.ring(f"hold/{name}")
    assert books.sums() == (0, 0, 0)
    books.told(name, "acknowledged", 700)
    assert books.sums() == (0, 6, 0)
    books.told(name, "cancelled", 800)
    books.traded(name, "buy", "6", 850)
    assert books.sums() == (6, 0, 0)


def test_what_was_undone_of_an_order_may_fill_again() -> None:
    """What is left of an order is derived from its fills: an undone one is still to come."""
    books = Limited()
    name = books.ask("buy", "10")
    books.told(name, "acknowledged", 60)
    terms = {"account": PERP, "instrument": "BTC-PERP", "order_id": "o", "client_order_id": name}
    first = fill("1", "buy", "5", "100", at=70, **terms)
    books.tell(first, bust(first, at=80))
    assert books.sums() == (0, 10, 0)
    assert "position limit" in books.ask("buy", "1", at=900)
    books.traded(name, "buy", "2", 910, "2")
    assert books.sums() == (2, 8, 0)
    books.traded(name, "buy", "8", 920, "3")
    assert books.sums() == (10, 0, 0)


def test_a_position_is_what_the_books_say_whoever_moved_it() -> None:
    """Somebody trades by hand: it is nobody's route, and it counts where strategies are summed."""
    books = Limited()
    books.traded("", "buy", "3", 60)
    assert books.sums() == (0, 0, 0)
    assert books.desk.gate.holdings[0].position == 3
    assert books.desk.gate.firm.scope.long > 0


@pytest.mark.parametrize(("side", "lots"), [("buy", 3), ("sell", -3)])
def test_a_part_of_a_lot_that_is_held_counts_whole(side: str, lots: int) -> None:
    books = Limited()
    books.traded("", side, "2.5", 60)
    assert books.desk.gate.holdings[0].position == lots


def test_while_a_break_is_open_only_exits_pass() -> None:
    """The rule of breaks comes first, with its own word."""
    books = Limited()
    name = books.ask("buy", "6")
    books.traded(name, "buy", "6", 70)
    books.told(name, "filled", 90)
    held = f"{PERP}/BTC-PERP/net"
    four = Reading(held, quantity("4"), ms(80), ms(90), 0, ms(80), ms(90), 1, ms(95))
    books.state.breaks[held] = Drift(reading=four, size=quantity("-2"), opened_at=ms(90), number=1)
    assert "only exits pass" in books.ask("buy", "1", at=500)
    assert "only exits pass" in books.ask("sell", "5", at=501, reduce_only=True)
    assert books.ask("sell", "4", at=502, reduce_only=True).startswith("tie")
    assert books.desk.gate.holdings[0].disputed == -2


def test_a_name_that_no_limit_names_and_a_part_of_a_lot_are_refused() -> None:
    books = Limited()
    assert "known routes only" in books.ask("buy", "1", leg="long")
    assert "well-formed order" in books.ask("buy", "1.5", at=51)
    assert books.sums() == (0, 0, 0)


def test_the_exit_of_a_kill_passes_whatever_the_limits_are_and_is_counted() -> None:
    books = Limited()
    name = books.ask("buy", "6")
    books.traded(name, "buy", "6", 70)
    books.told(name, "filled", 90)
    books.tell(KillOrdered(received_at=ms(100), kill_id="k", by="anna", reason="a drill"))
    assert "blocks all orders" in books.ask("sell", "1", at=101)
    exit_ = wish("sell", "6", "0", at=102, account=PERP, instrument="BTC-PERP", kind="market")
    told = {**_fields(exit_), "strategy": KILL, "reduce_only": True}
    order, _ = trading.place(books.state, GATE, type(exit_)(**told))
    assert order is not None
    books.told(order.client_order_id, "acknowledged", 110)
    kept = books.desk.gate.holdings[0]
    assert kept.short + kept.position == 6


# Two lots at 110, the top of the collar, are worth 2.2 units of the reporting asset.
VALUE = 2_200_000
EXACT = (
    ("ORDER_QUANTITY", MINE, 2 * LOT),
    ("ORDER_NOTIONAL", MINE, VALUE),
    ("PRICE_HIGH", THERE, 1000),
    ("REFERENCE_STALE", THERE, 44),
    ("STRATEGY_POSITION", MINE, 2 * LOT),
    ("ACCOUNT_POSITION", THERE, 2 * LOT),
    ("STRATEGY_NET", "mm", VALUE),
    ("STRATEGY_GROSS", "mm", VALUE),
    ("ACCOUNT_NET", PERP, VALUE),
    ("ACCOUNT_GROSS", PERP, VALUE),
    ("ASSET_NET", "BTC", VALUE),
    ("CONCENTRATION", "BTC", VALUE),
    ("FIRM_NET", "", VALUE),
    ("FIRM_GROSS", "", VALUE),
    ("CREDIT", PERP, VALUE),
)
LIMIT_OF = {"PRICE_HIGH": "PRICE_COLLAR", "REFERENCE_STALE": "REFERENCE_AGE"}


def loaded(*changed: Bound, without: str = "", **terms: Any) -> Limited:
    """The usual limits but for these."""
    books = Limited()
    names = [without, *(each.control for each in changed)]
    usual = [each for each in bounds(10, BIG) if each.control not in names]
    told = {"bounds": (*usual, *changed), **terms}
    books.tell(msgspec.structs.replace(limits(), **told))
    return books


def refused(books: Limited, **terms: Any) -> str:
    """The code of the refusal of two lots; "" where they pass."""
    before = dict(books.state.counts)
    books.ask("buy", "2", **{"cost": "110", **terms})
    codes = [name for name, n in books.state.counts.items() if n > before.get(name, 0)]
    return "".join(name[8:] for name in codes if name.startswith("refused/"))


@pytest.mark.parametrize(("code", "place", "exactly"), EXACT, ids=[row[0] for row in EXACT])
def test_a_bound_that_is_loaded_binds_to_the_unit(code: str, place: str, exactly: int) -> None:
    control = LIMIT_OF.get(code, code)
    assert refused(loaded(Bound(control, place, exactly))) == ""
    assert refused(loaded(Bound(control, place, exactly - 1))) == code
    assert refused(loaded(without=control)) != "", "what no limit names is refused"


@pytest.mark.parametrize("kind", ["linear", "inverse"])
@given(
    lot=st.integers(1, 10**10),
    multiplier=st.integers(1, 10**10),
    rate=st.integers(1, 10**16),
    price=st.integers(1, 10**18),
)
@example(lot=3, multiplier=7, rate=10**12 + 1, price=10**18 - 1)
@example(lot=10**8, multiplier=10**8, rate=(10**12) // 3, price=10**18 - 1)
def test_a_lot_is_never_worth_too_little_nor_a_millionth_too_much(
    kind: str, lot: int, multiplier: int, rate: int, price: int
) -> None:
    held = Holding(Account(Scope(0, 0)), Scope(0, 0), Book())
    place = Place(PERP, "BTC-PERP", "net", lot, rate)
    value_of(held, place, multiplier, kind == "inverse")
    held.reference = price
    held.price_anew()
    worth = Fraction(lot * multiplier * rate, 10**28) * 10**6
    worth *= Fraction(price, 10**12) if kind == "linear" else 1
    assert worth <= held.unit <= worth + 1 + Fraction(price, 10**18)


def test_margin_is_asked_of_collateral_that_was_told() -> None:
    margin = VALUE // 10
    assert refused(loaded(collateral=(Amount(PERP, margin),))) == ""
    assert refused(loaded(collateral=(Amount(PERP, margin - 1),))) == "MARGIN"
    assert refused(loaded(collateral=())) == "MARGIN"


def test_what_is_restricted_or_tradable_no_more_is_not_traded() -> None:
    (tradable,) = limits().tradables
    barred = msgspec.structs.replace(tradable, restricted=True)
    assert refused(loaded(tradables=(barred,))) == "RESTRICTED"
    assert refused(loaded(tradables=())) == "RESTRICTED"


def test_an_order_like_the_last_one_waits_its_span_or_for_ever() -> None:
    books = loaded(Bound("DUPLICATE", MINE, 10))
    assert [refused(books, at=at) for at in (50, 59, 60)] == ["", "DUPLICATE", ""]
    endless = loaded(without="DUPLICATE")
    assert [refused(endless, at=at) for at in (50, 900)] == ["", "DUPLICATE"]


def test_so_many_executions_in_a_window_and_none_where_no_limit_says_how_many() -> None:
    books = loaded(Bound("REPEATED", MINE, 1, 500 * MS))
    name = books.ask("buy", "2", at=50)
    books.traded(name, "buy", "1", 100)
    heard = (books.state.now - ms(0)) // MS
    assert refused(books, at=heard + 499) == "REPEATED"
    assert refused(books, at=heard + 500) == ""
    assert refused(loaded(without="REPEATED")) == "REPEATED"


def paced(control: str, place: str) -> Limited:
    """Three messages a second."""
    return loaded(Bound(control, place, 3, 1_000 * MS))


PACES = pytest.mark.parametrize(
    ("control", "place"), [("STRATEGY_RATE", "mm"), ("ACCOUNT_RATE", PERP)]
)


@PACES
def test_so_many_messages_at_once_and_then_one_by_one(control: str, place: str) -> None:
    books = paced(control, place)
    for at in (50, 50, 50):
        assert books.ask("buy", "1", at=at).startswith("tie")
    assert "message rate" in books.ask("buy", "1", at=51)
    assert "message rate" in books.ask("buy", "1", at=383)
    assert books.ask("buy", "1", at=384).startswith("tie"), "a third of a second later"
    assert "message rate" in books.ask("buy", "1", at=385)


@PACES
def test_a_cancel_passes_and_counts_among_the_messages(control: str, place: str) -> None:
    books = paced(control, place)
    names = [books.ask("buy", "1", at=50), books.ask("buy", "2", at=50)]
    for name in names:
        books.told(name, "acknowledged", 50, order_id=name)
        wanted = CancelRequested(received_at=ms(50), strategy="mm", client_order_id=name)
        assert only(CancelOrder, books.tell(wanted))
    assert "message rate" in books.ask("buy", "1", at=384), "the fourth was a cancel"
    assert books.ask("buy", "1", at=718).startswith("tie")


def test_a_gate_that_falls_shut_says_so_once() -> None:
    """All slots are taken, and an order of ours turns up that the journal had lost."""
    books = Limited()
    for at in range(8):
        assert books.ask("buy", "1", at=50 + at).startswith("tie")
    lost = client_order_id(books.state.node, 1, 99)
    terms = {"account": PERP, "instrument": "BTC-PERP", "order_id": "x", "side": "buy"}
    done = books.tell(report(lost, "acknowledged", at=90, quantity=LOT, **terms))
    (alert,) = [each for each in only(RaiseAlert, done) if each.subject == "gate"]
    assert (alert.severity, "no order passes any more" in alert.text) == ("critical", True)
    assert refused(books, at=91) == "KILLED"
    again = books.tell(report(lost, "cancelled", at=95, **terms))
    assert not [each for each in only(RaiseAlert, again) if each.subject == "gate"]


# --- gates beside strategies ---------------------------------------------------------------------

LONG, SHORT = f"account_position/{THERE}/long", f"account_position/{THERE}/short"
MINE_LONG, MINE_SHORT = f"strategy_position/{MINE}/long", f"strategy_position/{MINE}/short"
ONE = Use(LONG, LOT, SHORT, LOT), Use(MINE_LONG, LOT, MINE_SHORT, LOT)


def lent() -> tuple[Limited, int]:
    """A gate's epoch with budget on all lines of the instrument; this process asks for nothing."""
    books = Limited()
    lines = tuple(RiskLimit(line, 10 * LOT) for line in (LONG, SHORT, MINE_LONG, MINE_SHORT))
    books.tell(msgspec.structs.replace(limits(), limits=lines))
    books.tell(GateStarted(received_at=ms(20), gate="g", boot=1))
    epoch = books.state.risk.gates["g"]
    demands = tuple(Demand(each.line, 5 * LOT) for each in lines)
    asked = LeaseRequested(
        received_at=ms(21), gate="g", epoch=epoch, request=1, applied=0, usage=(), demands=demands
    )
    books.tell(asked)
    return books, epoch


@pytest.mark.parametrize(
    ("uses", "said"),
    [
        (ONE, "tie"),
        ((*ONE, Use("firm_net/long", 0)), "no limit is set"),
        ((Use(LONG, 2 * LOT), Use(MINE_LONG, LOT)), "tie"),  # more taken, nothing relieved
        ((), "it takes nothing of it"),
        (ONE[:1], "it takes nothing of it"),
        ((Use(LONG, LOT - 1, SHORT, LOT), ONE[1]), "it takes 99999999"),
        ((Use(LONG, LOT, SHORT, LOT + 1), ONE[1]), "it relieves 100000001"),
        ((Use(LONG, LOT, LONG, LOT), ONE[1]), "it relieves 100000000"),
        ((Use(LONG, LOT, MINE_SHORT, LOT), ONE[1]), "it relieves 100000000"),
        ((*ONE, Use(SHORT, 0, LONG, LOT)), "it relieves 100000000"),
    ],
)
def test_a_gates_word_binds_by_what_its_order_may_come_to(uses: tuple[Use, ...], said: str) -> None:
    """A gate that says its order takes less, or relieves more, than it does is not believed."""
    books, epoch = lent()
    answer = books.ask("buy", "1", ticket=Ticket("g", epoch, 1, uses))
    assert said in answer
    reserved = books.state.risk.lines[LONG].reserved
    assert reserved == (max(use.amount for use in uses) if said == "tie" else 0)
    assert books.state.counts.get("refused/BAD_TICKET", 0) == int(said.startswith("it "))


# --- leases --------------------------------------------------------------------------------------


def test_nothing_passes_before_the_engine_has_spoken() -> None:
    books = Limited(fresh=False)
    assert "lease" in books.ask("buy", "1")
    books.say(at=60)
    assert books.ask("buy", "1", at=61).startswith("tie")


@pytest.mark.parametrize(
    ("at", "most"),
    [(6 + HEARTBEAT - 1, 10), (6 + HEARTBEAT, 5), (6 + 2 * HEARTBEAT, 2), (6 + 3 * HEARTBEAT, 1)],
)
def test_a_silent_engine_tightens_by_the_age_of_its_word(at: int, most: int) -> None:
    """From our own request on, made at 6 ms: what may be open of ten falls by the curve."""
    books = Limited()
    assert "position limit" in books.ask("buy", str(most + 1), at=at)
    assert books.ask("buy", str(most), at=at).startswith("tie")


def test_it_closes_when_the_lease_ends_and_no_nanosecond_later() -> None:
    for late, passes in ((-1, True), (0, False)):
        books = Limited()
        event = wish("buy", "1", "100", at=6 + TTL, account=PERP, instrument="BTC-PERP")
        asked = type(event)(**{**_fields(event), "received_at": ms(6 + TTL) + late})
        assert bool(only(PlaceOrder, books.tell(asked))) is passes


def _fields(event: Any) -> dict[str, Any]:
    return {name: getattr(event, name) for name in event.__struct_fields__}


def test_what_is_open_when_a_lease_tightens_stays_and_counts() -> None:
    """Of the ten, four were open at the engine's word: half of the other six is left."""
    books = Limited()
    books.ask("buy", "4")
    books.asked(books.ring("engine"))
    books.say(at=510)
    assert books.sums() == (0, 4, 0)
    at = 506 + HEARTBEAT
    assert "position limit" in books.ask("buy", "4", at=at)
    assert books.ask("buy", "3", at=at).startswith("tie")


def test_an_answer_out_of_sequence_closes_until_the_next_regular_one() -> None:
    books = Limited()
    books.asked(books.ring("engine"))
    books.say(at=510, sequence=3)
    assert "lease" in books.ask("buy", "1", at=511)
    books.said = 3
    books.asked(books.ring("engine"))
    books.say(at=1010)
    assert books.ask("buy", "1", at=1011).startswith("tie")


def test_an_answer_of_the_epoch_before_closes_and_frees_nothing() -> None:
    books = Limited()
    books.asked(books.ring("engine"))
    books.say(at=510, epoch=2, sequence=1)
    books.ask("buy", "6", at=511)
    books.say(at=512, epoch=1, sequence=2)
    assert "lease" in books.ask("buy", "1", at=513)
    assert books.sums() == (0, 6, 0)
    assert books.state.counts["engine_irregular/epoch"] == 1


def test_the_same_answer_once_more_loosens_nothing() -> None:
    """An echo that comes when the lease is old does not make it young."""
    books = Limited()
    books.ask("buy", "4")
    books.say(at=6 + HEARTBEAT, sequence=1)
    assert books.state.counts["engine_echoes"] == 1
    assert "position limit" in books.ask("buy", "2", at=7 + HEARTBEAT)


def test_an_answer_that_comes_when_its_lease_has_ended_opens_nothing() -> None:
    books = Limited(fresh=False)
    books.say(at=6 + TTL)
    assert "lease" in books.ask("buy", "1", at=7 + TTL)
    assert books.state.counts["engine_irregular/late"] == 1


def test_a_node_that_came_up_again_waits_for_an_answer_to_itself() -> None:
    books = Limited()
    effects = books.tell(started(2, at=100))
    assert "lease" in books.ask("buy", "1", at=101)
    books.said += 1
    books.say(at=102, sequence=2)
    assert "lease" in books.ask("buy", "1", at=103), "it was asked by the life before"
    books.asked(effects)
    books.say(at=110, sequence=3)
    assert books.ask("buy", "1", at=111).startswith("tie")


def test_the_engine_holds_a_line_below_its_limit() -> None:
    """The firm may be net long of twenty units of the reporting asset; the engine lends fewer."""
    books = Limited(firm=20 * 10**6)
    books.asked(books.ring("engine"))
    books.say(at=510, ceilings=(Amount("firm_net/long", 3 * 10**6),))
    assert "net limit of the firm" in books.ask("buy", "3", at=511)
    assert books.ask("buy", "2", at=512).startswith("tie")
    assert books.ask("sell", "3", at=513, cost="105").startswith("tie")


def test_limits_that_are_loaded_anew_hold_at_once_and_free_nothing() -> None:
    books = Limited()
    books.ask("buy", "6")
    books.tell(limits(position_max=6, at=60))
    assert books.sums() == (0, 6, 0)
    assert "position limit" in books.ask("buy", "1", at=61)


# --- as state ------------------------------------------------------------------------------------


def test_its_state_is_plain_and_comes_back() -> None:
    books = Limited()
    name = books.ask("buy", "6")
    books.traded(name, "buy", "2", 70)
    told = decode_snapshot(encode_snapshot(books.state))
    assert told is not None
    assert encode_state(told) == encode_state(books.state)
    assert isinstance(desk_of(told.risk), Desk)
    assert encode_state(told) == encode_state(books.state)
    again = Limited()
    again.state = told
    assert again.ask("buy", "5", at=80) == books.ask("buy", "5", at=80)
    assert again.ask("buy", "4", at=81) == books.ask("buy", "4", at=81)
    assert encode_state(again.state) == encode_state(books.state)


def test_before_limits_were_loaded_only_the_rule_of_breaks_holds() -> None:
    books = Books()
    books.tell(started(), opened(PERP), linear())
    order = wish("buy", "1", "100", account=PERP, instrument="BTC-PERP")
    assert only(PlaceOrder, step(books.state, order, GATE))
    assert b"desk" not in encode_state(books.state)
