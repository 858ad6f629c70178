"""An opening that was adopted covers what came before it; what came after is booked on top."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from core import ids
from core.effects import QueryOrder, RaiseAlert
from core.events import EVERY, CashMoved, OpeningSet
from core.frames import Frame
from core.journal import encode_state
from core.money import price
from core.node import decode_snapshot, encode_snapshot
from core.orders import claimed
from scenarios.model import check
from tests.facts import (
    PERP,
    SPOT,
    Books,
    bust,
    fill,
    funding,
    linear,
    ms,
    only,
    opened,
    opening,
    report,
    spot,
    started,
    statement,
    units,
)
from tieout.node import adopting
from tieout.node.adopting import NotAdopted, openings_of
from tieout.node.entries import entry_prices

AS_OF = 50_000
SWAP = "BTC-PERP"


def adopted(
    subject: str, amount: str, leg: str = "cash", account: str = SPOT, **more: Any
) -> OpeningSet:
    return OpeningSet(
        received_at=ms(AS_OF + 1_000),
        frame=1,
        account=account,
        subject=subject,
        leg=leg,
        amount=units(amount),
        occurred_at=ms(AS_OF),
        adopted=True,
        **more,
    )


def begun() -> Books:
    """10 XRP and 5 ETH stood there, and nothing else."""
    books = Books()
    books.tell(started(), opened(), spot())
    books.tell(adopted("XRP", "10"), adopted("ETH", "5"), adopted(EVERY, "0"))
    return books


def positioned(amount: str = "3", **more: Any) -> Books:
    """So many contracts and 100 USDT stood there."""
    books = Books()
    books.tell(started(), opened(PERP), linear())
    books.tell(
        adopted(SWAP, amount, "net", PERP, **more),
        adopted("USDT", "100", account=PERP),
        adopted(EVERY, "0", account=PERP),
        adopted(EVERY, "0", "net", PERP),
    )
    return books


def stands(books: Books) -> dict[str, str]:
    return {name.split("/")[2]: held for name, held in books.all_holdings().items()}


# --- the rule -------------------------------------------------------------------------------------


def test_an_older_fill_is_not_booked_on_top_of_an_opening() -> None:
    """Nor its fee in a third asset that nobody held any more; nor is its order asked after."""
    books = begun()
    told = fill("1", "buy", "2", "0.5", at=AS_OF - 1, heard=AS_OF + 2_000, fee="1", fee_asset="BNB")
    done = books.tell(told, told)
    assert stands(books) == {"XRP": "10", "ETH": "5"}
    assert not only(QueryOrder, done)
    assert books.state.counts[f"fills_covered/{SPOT}"] == 1
    assert books.state.counts[f"fills_echo/{SPOT}"] == 1, "its id is known"


@pytest.mark.parametrize(("at", "more"), [(AS_OF, {}), (AS_OF + 1, {"BNB": "-1"})])
def test_a_fee_that_is_told_late_is_covered_with_its_fill(at: int, more: dict[str, str]) -> None:
    """It was paid when the fill was made, not when it was told."""
    books = begun()
    bare = fill("1", "buy", "2", "0.5", at=at)
    books.tell(bare)
    held = stands(books)
    late: dict[str, Any] = {"heard": AS_OF + 2_000, "fee": "1", "fee_asset": "BNB"}
    books.tell(fill("1", "buy", "2", "0.5", at=at, **late))
    assert stands(books) == held | more


def test_a_fill_of_the_very_moment_is_in_the_opening_and_a_later_one_is_not() -> None:
    books = begun()
    books.tell(fill("1", "buy", "2", "0.5", at=AS_OF), fill("2", "buy", "2", "0.5", at=AS_OF + 1))
    assert stands(books) == {"XRP": "12", "ETH": "4"}


def test_what_a_fill_moves_is_covered_line_by_line() -> None:
    """The venue told one asset as of an earlier moment than the other."""
    books = Books()
    books.tell(started(), opened(), spot(), adopted("XRP", "10"))
    books.tell(fill("1", "buy", "2", "0.5", at=AS_OF - 1))
    assert stands(books) == {"XRP": "10", "ETH": "-1"}


def test_the_undoing_of_an_older_fill_is_news() -> None:
    books = begun()
    told = fill("1", "buy", "2", "0.5", at=AS_OF - 1)
    books.tell(told, bust(told, at=AS_OF + 5))
    assert stands(books) == {"XRP": "8", "ETH": "6"}


def test_older_movements_and_funding_are_covered_and_explain_no_difference() -> None:
    books = positioned()
    moved = CashMoved(
        received_at=ms(AS_OF + 2_000),
        account=PERP,
        movement_id="m",
        asset="USDT",
        amount=units("7"),
        reason="deposit",
        occurred_at=ms(AS_OF - 3),
    )
    books.tell(moved, funding("f", "2", at=AS_OF - 2), funding("g", "4", at=AS_OF + 2))
    assert stands(books) == {SWAP: "3", "USDT": "104"}
    assert [each.ident for each in books.account(PERP).moves] == ["g"]


def test_a_covered_fill_of_contracts_leaves_no_value_behind() -> None:
    books = positioned()
    books.tell(fill("1", "sell", "1", "50000", at=AS_OF - 1, account=PERP, instrument=SWAP))
    assert stands(books) == {SWAP: "3", "USDT": "100"}
    assert not [name for name, amount in books.state.figures.items() if "value" in name and amount]


@pytest.mark.parametrize(
    ("opening_at", "fill_at", "at", "covered"),
    [
        (7, 7, AS_OF + 1, True),
        (7, 8, AS_OF - 1, False),
        (7, 0, AS_OF, True),  # where one of both bears none, their times decide
        (7, 0, AS_OF + 1, False),
        (0, 8, AS_OF, True),
        (0, 8, AS_OF + 1, False),
    ],
)
def test_a_venue_s_own_sequence_decides_where_it_tells_one(
    opening_at: int,
    fill_at: int,
    at: int,
    covered: bool,  # noqa: FBT001
) -> None:
    books = positioned(sequence=opening_at)
    told = fill("1", "buy", "1", "50000", sequence=fill_at, account=PERP, instrument=SWAP, at=at)
    books.tell(told)
    assert stands(books)[SWAP] == ("3" if covered else "4")


@pytest.mark.parametrize(
    ("amount", "at_price", "worth"),
    [("3", "40000", "-1200"), ("-3", "40000", "1200"), ("3", "0", "0"), ("0", "40000", "0")],
)
def test_a_position_is_adopted_at_the_price_that_its_venue_tells(
    amount: str, at_price: str, worth: str
) -> None:
    """So that its result is counted from there: 3 contracts of 0.01 BTC for 40,000 each."""
    books = positioned(amount, price=price(at_price))
    name = f"opening/{PERP}/{SWAP}/value/USDT"
    assert books.figure(name) == worth
    assert (name in books.state.figures) == (worth != "0")
    assert set(books.all_holdings()) <= {f"{PERP}/{SWAP}/net", f"{PERP}/USDT/cash"}


def test_a_position_of_before_a_change_is_adopted_in_the_contracts_of_its_time() -> None:
    """3 contracts of 0.01 BTC for 40,000 each: they are of a tenth since, and were not then."""
    books = Books()
    changed = replace(linear(multiplier="0.001"), effective_at=ms(AS_OF + 500))
    books.tell(started(), opened(PERP, instruments=True), linear(), changed)
    books.tell(adopted(SWAP, "3", "net", PERP, price=price("40000")))
    assert books.figure(f"opening/{PERP}/{SWAP}/value/USDT") == "-1200"


@pytest.mark.parametrize(("at", "stands_at"), [(AS_OF, "100"), (AS_OF + 1, "101")])
def test_what_has_no_number_is_covered_by_its_time_though_the_opening_has_one(
    at: int, stands_at: str
) -> None:
    books = Books()
    books.tell(started(), opened(PERP), linear())
    books.tell(adopted("USDT", "100", account=PERP, sequence=5), funding("f", "1", at=at))
    assert stands(books)["USDT"] == stands_at


@pytest.mark.parametrize(("at", "doubt"), [(AS_OF, 0), (AS_OF + 1, 1)])
def test_a_value_that_is_covered_leaves_its_holding_in_no_doubt(at: int, doubt: int) -> None:
    """It came out uneven, and nothing of it was booked."""
    books = begun()
    books.tell(fill("1", "buy", "3", "0.000000001", at=at))
    assert books.state.doubts.get(f"{SPOT}/ETH/cash", 0) == doubt


@pytest.mark.parametrize("told", [adopted, opening], ids=["adopted", "by hand"])
def test_an_opening_that_is_told_otherwise_is_a_break_and_not_booked(
    told: Callable[[str, str], OpeningSet],
) -> None:
    """Told again as it was it is an echo."""
    books = Books()
    books.tell(started(), opened(), spot())
    assert not books.tell(told("XRP", "10"), told("XRP", "10"))
    (alert,) = books.tell(told("XRP", "11"))
    assert stands(books) == {"XRP": "10"}
    assert isinstance(alert, RaiseAlert)
    assert list(books.state.breaks) == [alert.subject] == [f"{SPOT}/XRP/cash"]


def test_an_order_that_was_found_partly_filled_claims_nothing_that_is_in_the_opening() -> None:
    books = begun()
    terms = {"order_id": "o1", "quantity": units("5"), "filled_quantity": units("2")}
    ours = ids.client_order_id("tie", 1, 1)
    later = {"order_id": "o1", "client_order_id": ours}
    books.tell(
        report(ours, "partially_filled", at=AS_OF + 1_500, occurred_at=ms(AS_OF - 1), **terms),
        fill("1", "buy", "2", "0.5", at=AS_OF - 1, heard=AS_OF + 1_600, **later),
    )
    assert (books.order().filled, claimed(books.order())) == (units("2"), 0)
    books.tell(fill("2", "buy", "3", "0.5", at=AS_OF + 2_000, **later))
    assert books.order().status == "filled"
    assert stands(books) == {"XRP": "13", "ETH": "3.5"}


def test_an_order_that_went_on_after_the_opening_gets_its_older_fills_and_no_coins() -> None:
    """It was found when a later fill was told already: what is older comes by the record."""
    books = begun()
    ours = ids.client_order_id("tie", 1, 1)
    terms = {"order_id": "o1", "quantity": units("5"), "filled_quantity": units("3")}
    later = {"order_id": "o1", "client_order_id": ours}
    books.tell(
        report(ours, "partially_filled", at=AS_OF + 1_500, occurred_at=ms(AS_OF + 1), **terms),
        fill("1", "buy", "2", "0.5", at=AS_OF - 1, heard=AS_OF + 1_600, **later),
        fill("2", "buy", "1", "0.5", at=AS_OF + 1, heard=AS_OF + 1_600, **later),
    )
    assert (books.order().filled, claimed(books.order())) == (units("3"), 0)
    assert stands(books) == {"XRP": "11", "ETH": "4.5"}


def test_a_statement_of_before_the_opening_proves_nothing_against_it() -> None:
    books = begun()
    books.tell(statement({"XRP": "3", "ETH": "9"}, as_of=AS_OF - 500, heard=AS_OF + 2_000))
    while f"readings/{SPOT}" in books.state.alarms:
        books.ring(f"readings/{SPOT}")
    assert not books.state.suspects
    books.tell(statement({"XRP": "10", "ETH": "5"}, as_of=AS_OF, heard=AS_OF + 2_900))
    assert not books.doubted()


def test_openings_are_in_snapshots_and_leave_every_other_state_as_it_was() -> None:
    books = begun()
    again = decode_snapshot(encode_snapshot(books.state))
    assert again is not None
    assert again.openings == books.state.openings
    other = Books()
    other.tell(started(), opened(), spot(), opening("XRP", "10"))
    assert other.state.openings is UNSET
    assert b"openings" not in encode_state(other.state)
    other.tell(fill("1", "buy", "2", "0.5", at=-1))
    assert stands(other)["XRP"] == "12", "an opening that nobody adopted covers nothing"


# --- reading it -----------------------------------------------------------------------------------


SPEC = check(
    {
        "name": "x",
        "claim": "none",
        "duration_s": 10,
        "heal_s": 1,
        "venues": [{"dialect": "binance_usdm"}],
        "strategies": [],
    },
    "here",
).venues[0]
ORDER = {
    "symbol": "BTCUSDT",
    "orderId": 1,
    "clientOrderId": "x",
    "side": "BUY",
    "positionSide": "BOTH",
    "status": "NEW",
    "origQty": "1",
    "price": "40000",
    "executedQty": "0",
    "updateTime": 900,
}
Told = Callable[[int], dict[str, tuple[str, int]]]


class Account:
    """A venue that tells its positions and balances as a function of how often it was asked."""

    def __init__(self, positions: Told, balances: Told | None = None, orders: int = 0) -> None:
        self.positions, self.balances, self.orders = positions, balances or positions, orders
        self.asked = 0

    def send(self, request: Any, on_answer: Any) -> None:
        self.asked += 1
        on_answer(200, self._body(request.path))

    def _body(self, path: str) -> bytes:
        if "openOrders" in path:
            return json.dumps([ORDER] * self.orders).encode()
        if "balance" in path or "account" in path:
            rows = [
                {"asset": name, "balance": amount, "updateTime": at}
                for name, (amount, at) in self.balances(self.asked).items()
            ]
            return json.dumps(rows).encode()
        rows = [
            {
                "symbol": name,
                "positionSide": "BOTH",
                "positionAmt": amount,
                "entryPrice": "40000",
                "updateTime": at,
            }
            for name, (amount, at) in self.positions(self.asked).items()
        ]
        return json.dumps(rows).encode()


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adopting, "PAUSE_S", 0.0)


def read(account: Account, standing: Any = "adopt") -> dict[tuple[str, str], OpeningSet]:
    clock = iter(range(1_000_000, 2_000_000, 7))
    kept: list[Frame] = []
    found = asyncio.run(
        openings_of(
            SPEC,
            account,  # type: ignore[arg-type]  # of a transport what is used here
            lambda: next(clock),
            lambda: len(kept) + 1,
            kept.append,
            standing,
        )
    )
    assert [each.number for each in kept] == list(range(1, len(kept) + 1))
    assert {each.frame for each in found} <= {each.number for each in kept}
    return {(each.subject, each.leg): each for each in found}


def quiet(asked: int) -> dict[str, tuple[str, int]]:
    return {"BTCUSDT": ("2", 900)}


def usdt(asked: int) -> dict[str, tuple[str, int]]:
    return {"USDT": ("50", 800)}


def test_what_stands_is_adopted_with_its_own_as_of_and_price_and_all_else_as_nothing() -> None:
    found = read(Account(quiet, usdt))
    swap = found["BTCUSDT", "net"]
    assert (swap.amount, swap.occurred_at, swap.price) == (units("2"), 900 * 10**6, price("40000"))
    assert found["USDT", "cash"].occurred_at == 800 * 10**6
    rest = found[EVERY, "net"]
    assert (rest.amount, rest.adopted) == (0, True)
    assert rest.occurred_at >= 1_000_000


def test_one_read_is_not_believed() -> None:
    def lies(asked: int) -> dict[str, tuple[str, int]]:
        return {"BTCUSDT": ("2" if asked % 5 else "9", 900)}

    assert read(Account(lies, usdt))["BTCUSDT", "net"].amount == units("2")


def test_an_account_that_moves_is_adopted_where_its_lines_tell_their_as_of() -> None:
    def moves(asked: int) -> dict[str, tuple[str, int]]:
        return {"BTCUSDT": (str(100 + asked), 900 + asked)}

    found = read(Account(moves, usdt))["BTCUSDT", "net"]
    amount = found.amount // units("1")
    assert found.occurred_at == (900 + amount - 100) * 10**6, "each amount at its own moment"


def test_a_line_that_changes_and_keeps_its_as_of_is_never_adopted() -> None:
    def changes(asked: int) -> dict[str, tuple[str, int]]:
        return {"BTCUSDT": (str(100 + asked), 900)}

    with pytest.raises(NotAdopted, match="BTCUSDT/net"):
        read(Account(changes, usdt))


def test_a_position_is_refused_where_nobody_configured_that_it_is_adopted() -> None:
    with pytest.raises(NotAdopted, match="BTCUSDT/net"):
        read(Account(quiet, usdt), "refuse")
    with pytest.raises(NotAdopted, match="2 orders are open"):
        read(Account(lambda asked: {}, usdt, orders=2), "refuse")
    assert read(Account(lambda asked: {}, usdt), "refuse")


def test_entry_prices_of_what_cannot_be_read_are_none() -> None:
    for venue in ("binance_usdm", "okx_swap", "bybit_inverse"):
        for body in (b"", b"{}", b"[1]", b'{"data":[{}],"result":{"list":[{}]}}'):
            assert entry_prices(venue, body) == {}
