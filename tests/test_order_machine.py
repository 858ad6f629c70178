"""Orders and books against a plain model: anything told in any order, doubled, late, lost, undone.

A venue lives here, and says what it did whenever Hypothesis lets it; the core is stepped by hand.
After every telling the books are the model's to the unit, and each order is called what the model
calls it. Once everything is told and asked after, nothing is suspected that is not contradicted.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition
from msgspec.structs import replace

from core.effects import Effect, FetchFills, FetchOpenOrders, FetchStatement, PlaceOrder, QueryOrder
from core.events import (
    AlarmRang,
    Event,
    FillBusted,
    FillReported,
    NodeStarted,
    OpenOrdersReported,
    OrderMissing,
    OrderReported,
    OrderRequested,
    PageReported,
    Side,
    StatementReported,
    StatementRow,
    StreamOpened,
)
from core.gate import BreakGate
from core.journal import encode_state
from core.state import State
from core.step import step
from tests import exporting, order_model
from tests.exporting import Machine, initialize, rule
from tests.facts import MS, SPOT, bust, fill, ms, opened, opening, progress, report, spot, started
from tests.order_model import UNDECIDED, Model

CUMULATIVE = "cumulative/main"
LOT = 10**8
# A lot at each price, in units of the quote asset.
PRICES = {"0.001": 100_000, "0.002": 200_000, "0.0015": 150_000}
PRICE = st.sampled_from(tuple(PRICES))
PICK = st.integers(0, 10**6)
SIDE: Any = st.sampled_from(("buy", "sell"))
ENDS = ("cancelled", "expired", "rejected")


@dataclass
class Ticket:
    """An order as its venue has it. A rejected one may fill for all that: late truth wins."""

    account: str
    client_order_id: str
    side: Side
    lots: int
    number: int
    filled: int = 0
    value: int = 0
    status: str = "acknowledged"
    fills: list[FillReported] = field(default_factory=list)
    undone: dict[str, FillBusted] = field(default_factory=dict)

    @property
    def stands(self) -> str:
        """What we should call it."""
        partly = self.status == "acknowledged" and self.filled
        return "partially_filled" if partly else self.status

    @property
    def order_id(self) -> str:
        return f"v{self.number}"


class Orders(Machine):
    """Two accounts, their venues, and the core."""

    def __init__(self) -> None:
        super().__init__()
        self.state, self.model = State(), Model("XRP", "ETH")
        self.told: list[Event] = []
        self.asked: list[Effect] = []
        self.pending: list[Event] = []
        self.tickets: list[Ticket] = []
        self.now = 100
        self.epoch = 1

    def events(self) -> list[Event]:
        return self.told

    @initialize()
    def open_accounts(self) -> None:
        other = replace(spot(), account=CUMULATIVE)
        self.tell(started(), opened(), spot())
        self.tell(opened(CUMULATIVE, tells="progress", statements=()), other)
        for account in (SPOT, CUMULATIVE):
            for asset, amount in (("XRP", "1000"), ("ETH", "10"), ("BNB", "1")):
                self.tell(opening(asset, amount, account=account))
            self.tell(StreamOpened(received_at=ms(5), account=account, epoch=1))
        for cumulative in (False, False, True):
            self._wish("buy", 4, cumulative=cumulative)

    def tell(self, *events: Event) -> None:
        """Core and model take it in at this moment, and agree."""
        for event in events:
            event = replace(event, received_at=max(ms(self.now), self.state.now))
            self.told.append(event)
            effects = step(self.state, event, BreakGate())
            self.asked += effects
            for each in effects:
                if isinstance(each, PlaceOrder):
                    self.model.placed(each.client_order_id, each.quantity)
            self.model.tell(event)
            self.agree()

    def agree(self) -> None:
        held = {name: amount for name, amount in self.state.holdings.items() if amount}
        assert held == {name: amount for name, amount in self.model.holdings.items() if amount}
        for name, expected in self.model.orders.items():
            order = self.state.orders[name]
            assert (order.status, order.filled) == (expected.status, expected.filled), name

    # --- orders and what their venue does ---------------------------------------------------------

    @rule(cumulative=st.booleans(), side=SIDE, lots=st.integers(1, 6))
    def wish(self, *, cumulative: bool, side: Side, lots: int) -> None:
        self._wish(side, lots, cumulative=cumulative)

    def _wish(self, side: Side, lots: int, *, cumulative: bool) -> None:
        account = CUMULATIVE if cumulative else SPOT
        self.asked.clear()
        self.tell(
            OrderRequested(
                received_at=0,
                strategy="mm",
                reference="r",
                account=account,
                instrument="XRPETH",
                side=side,
                quantity=lots * LOT,
                kind="limit",
                price=10**9,
            )
        )
        for each in self.asked:
            if isinstance(each, PlaceOrder):
                name, number = each.client_order_id, len(self.tickets) + 1
                self.tickets.append(Ticket(account, name, side, lots, number))
                self.pending.append(self._report(self.tickets[-1], "acknowledged"))

    @rule(
        pick=PICK,
        lots=st.integers(1, 6),
        at_price=PRICE,
        fee=st.booleans(),
    )
    @precondition(lambda self: self._open())
    def trade(self, *, pick: int, lots: int, at_price: str, fee: bool) -> None:
        ticket = self._one(pick)
        lots = min(lots, ticket.lots - ticket.filled)
        self.now += 1
        ticket.filled += lots
        ticket.value += lots * PRICES[at_price]
        done = ticket.filled == ticket.lots
        ticket.status = "filled" if done else "acknowledged"
        if ticket.account == SPOT:
            fee_terms: dict[str, Any] = {"fee": "0.01", "fee_asset": "BNB"} if fee else {}
            told = fill(
                f"{ticket.number}.{ticket.filled}",
                ticket.side,
                str(lots),
                at_price,
                at=self.now,
                client_order_id=ticket.client_order_id,
                order_id=ticket.order_id,
                **fee_terms,
            )
            ticket.fills.append(told)
            self.pending.append(told)
        else:
            self.pending.append(self._progress(ticket))
        self.pending.append(self._report(ticket, "filled" if done else "partially_filled"))

    @rule(pick=PICK, how=st.sampled_from(ENDS))
    @precondition(lambda self: self._open())
    def end(self, *, pick: int, how: str) -> None:
        """Its venue takes it off. Who says no said nothing before; it may fill for all that."""
        ticket = self._one(pick)
        if how == "rejected":
            if ticket.filled or self.model.orders[ticket.client_order_id].status not in UNDECIDED:
                return
            mine = ticket.client_order_id
            self.pending = [x for x in self.pending if getattr(x, "client_order_id", "") != mine]
        ticket.status = how
        self.pending.append(self._report(ticket, how))

    @rule(pick=PICK)
    @precondition(lambda self: self._fills())
    def undo(self, *, pick: int) -> None:
        """The venue undoes a fill, told or not."""
        fills = self._fills()
        ticket, told = fills[pick % len(fills)]
        self.now += 1
        undone = bust(told, at=self.now)
        ticket.undone[told.fill_id] = undone
        self.pending.append(undone)

    # --- what is told, and when -------------------------------------------------------------------

    @rule(pick=PICK, again=st.booleans())
    @precondition(lambda self: self.pending)
    def hear(self, *, pick: int, again: bool) -> None:
        """Any of what is under way, in any order; perhaps once more later."""
        place = pick % len(self.pending)
        self.tell(self.pending[place] if again else self.pending.pop(place))

    @rule()
    @precondition(lambda self: self.pending)
    def hear_all(self) -> None:
        self._hear_all()

    def _hear_all(self) -> None:
        while self.pending:
            self.tell(self.pending.pop(0))

    @rule(pick=PICK)
    @precondition(lambda self: self.pending)
    def lose(self, *, pick: int) -> None:
        self.pending.pop(pick % len(self.pending))

    @rule(pick=PICK)
    @precondition(lambda self: self.model.fills)
    def contradict(self, *, pick: int) -> None:
        """A fill under its id, at another price: nothing moves, and it is shown."""
        told = list(self.model.fills.values())[pick % len(self.model.fills)]
        self.tell(replace(told, price=told.price * 2))

    @rule()
    def state_balances(self) -> None:
        self.tell(self._statement())

    @rule(ms_=st.sampled_from((1, 50, 400, 1500, 6000)))
    def wait(self, *, ms_: int) -> None:
        """Time goes by, and what was due rings."""
        self._wait(ms_)

    def _wait(self, ms_: int) -> None:
        self.now += ms_
        due = [name for name, at in self.state.alarms.items() if at <= ms(self.now)]
        for name in due:
            self.tell(AlarmRang(received_at=0, alarm=name))

    @rule()
    def restart(self) -> None:
        """The node is built again from what it was told, and starts."""
        again = State()
        for event in self.told:
            step(again, event, BreakGate())
        assert encode_state(again) == encode_state(self.state)
        self.state = again
        self.epoch += 1
        self.tell(NodeStarted(received_at=0, node="tie", epoch=self.epoch))

    # --- what always holds ------------------------------------------------------------------------

    @invariant()
    def what_is_contradicted_is_shown(self) -> None:
        for account in self.model.contradicted:
            causes = [
                drift.cause for name, drift in self._open_breaks() if name.startswith(account)
            ]
            assert "conflict" in causes

    def teardown(self) -> None:
        """Everything is told at last, and asked after: the books are the venue's, and no doubt."""
        if not self.state.accounts:
            return
        self._hear_all()
        for _ in range(12):
            self._wait(6000)
            self._answer()
            self.tell(self._statement())
        world = {asset: self._truth(asset) for asset in ("XRP", "ETH", "BNB")}
        books = {asset: self.state.holdings[f"{SPOT}/{asset}/cash"] for asset in world}
        assert books == world
        assert not self.state.suspects
        open_causes = [drift.cause for _, drift in self._open_breaks()]
        assert open_causes == ["conflict"] * len(open_causes)
        for ticket in self.tickets:
            if not ticket.undone:
                order = self.state.orders[ticket.client_order_id]
                assert (order.status, order.filled) == (ticket.stands, ticket.filled * LOT)

    # --- the venue --------------------------------------------------------------------------------

    def _answer(self) -> None:
        """Whatever was asked is answered by what is so."""
        asked, self.asked = self.asked, []
        for each in asked:
            match each:
                case FetchFills(account=account):
                    self._tell_record(account)
                    page = PageReported(
                        received_at=0,
                        account=account,
                        subject="XRPETH",
                        through=f"{self.now}",
                        more=False,
                        asked_at=ms(self.now) - MS,
                    )
                    self.tell(page)
                case FetchStatement(account=account) if account == SPOT:
                    self.tell(self._statement())
                case FetchOpenOrders(account=account):
                    self._tell_open(account)
                case QueryOrder(client_order_id=name):
                    self._tell_order(name)

    def _tell_record(self, account: str) -> None:
        for ticket in [each for each in self.tickets if each.account == account]:
            if account == CUMULATIVE and ticket.filled:
                self.tell(self._progress(ticket))
            self.tell(*ticket.fills, *ticket.undone.values())

    def _tell_open(self, account: str) -> None:
        live = [x for x in self.tickets if x.account == account and x.status == "acknowledged"]
        self.tell(*(self._report(ticket, "acknowledged") for ticket in live))
        names = tuple(ticket.client_order_id for ticket in live)
        told = OpenOrdersReported(
            received_at=0, account=account, client_order_ids=names, asked_at=ms(self.now) - MS
        )
        self.tell(told)

    def _tell_order(self, name: str) -> None:
        for ticket in self.tickets:
            if ticket.client_order_id == name:
                self.tell(self._report(ticket, ticket.status))
                return
        self.tell(OrderMissing(received_at=0, account=SPOT, client_order_id=name, asked_at=0))

    def _report(self, ticket: Ticket, status: str) -> OrderReported:
        return report(
            ticket.client_order_id,
            status,
            account=ticket.account,
            order_id=ticket.order_id,
            side=ticket.side,
            quantity=ticket.lots * LOT,
            filled_quantity=ticket.filled * LOT,
        )

    def _progress(self, ticket: Ticket) -> Event:
        told = progress(
            ticket.order_id,
            ticket.side,
            str(ticket.filled),
            "0.001",
            at=self.now,
            client_order_id=ticket.client_order_id,
            value=ticket.value,
        )
        return replace(told, account=CUMULATIVE)

    def _statement(self) -> StatementReported:
        rows = [StatementRow(asset, "cash", self._truth(asset)) for asset in ("XRP", "ETH", "BNB")]
        return StatementReported(
            received_at=0,
            account=SPOT,
            kind="balances",
            asked_at=ms(self.now),
            as_of=ms(self.now),
            as_of_step=MS,
            rows=tuple(rows),
        )

    def _truth(self, asset: str) -> int:
        """What the venue says that we hold."""
        amount = {"XRP": 1000, "ETH": 10, "BNB": 1}[asset] * LOT
        for ticket in self.tickets:
            for told in ticket.fills:
                if told.fill_id in ticket.undone:
                    continue
                sign = 1 if told.side == "buy" else -1
                amount += {
                    "XRP": sign * told.quantity,
                    "ETH": -sign * told.quantity * told.price // 10**12,
                    "BNB": -told.fee,
                }[asset]
        return amount

    def _open(self) -> list[Ticket]:
        return [each for each in self.tickets if each.status in ("acknowledged", "rejected")]

    def _one(self, pick: int) -> Ticket:
        tickets = self._open()
        return tickets[pick % len(tickets)]

    def _fills(self) -> list[tuple[Ticket, FillReported]]:
        every = [(ticket, told) for ticket in self.tickets for told in ticket.fills]
        return [each for each in every if each[1].fill_id not in each[0].undone]

    def _open_breaks(self) -> list[tuple[str, Any]]:
        return list(self.state.breaks.items())


TestOrders = exporting.case(Orders, examples=60, steps=40)


def test_the_model_shares_no_code_with_the_core() -> None:
    """Of the core it knows the words of events, and nothing else."""
    tree = ast.parse(Path(order_model.__file__).read_text())
    imported = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert set(imported) == {"__future__", "collections.abc", "core.events", "dataclasses"} - {
        "collections.abc"
    }
