"""What we ask of the world: imperative, addressed, safe to perform twice.

A performer may be asked again after a crash: every effect that spends carries an id of ours that
the counterparty refuses to honour twice, and reads change nothing.
"""

from typing import Literal

from msgspec import Struct

from core.events import Leg, OrderKind, Side, StatementKind


class Wish(Struct, frozen=True, kw_only=True, gc=False, tag=True, omit_defaults=True):
    """What every effect is."""


class PlaceOrder(Wish, frozen=True, kw_only=True, gc=False):
    """Send an order; built from `Approved` only."""

    account: str
    client_order_id: str
    instrument: str
    side: Side
    quantity: int
    kind: OrderKind
    price: int = 0
    leg: Leg = "net"
    reduce_only: bool = False


class CancelOrder(Wish, frozen=True, kw_only=True, gc=False):
    """Take an order back. `order_id` is the venue's own, "" while it has not told us."""

    account: str
    client_order_id: str
    instrument: str
    order_id: str = ""


class QueryOrder(Wish, frozen=True, kw_only=True, gc=False):
    """Ask what became of an order. `order_id` is the venue's own, "" while it has not told us."""

    account: str
    client_order_id: str
    instrument: str
    order_id: str = ""


class FetchOpenOrders(Wish, frozen=True, kw_only=True, gc=False):
    """Ask for all open orders."""

    account: str


class FetchStatement(Wish, frozen=True, kw_only=True, gc=False):
    """Ask for the venue's own record of balances or positions."""

    account: str
    kind: StatementKind


class FetchFills(Wish, frozen=True, kw_only=True, gc=False):
    """Ask for the fills (or orders' progress) of an instrument after a cursor; "" is the start.

    `rows` is how many at most; 0 leaves it to the dialect.
    """

    account: str
    instrument: str
    after: str
    rows: int = 0


class FetchLedger(Wish, frozen=True, kw_only=True, gc=False):
    """Ask for funding and other movements after a cursor; "" is the start. `rows` as for fills."""

    account: str
    after: str
    rows: int = 0


class FetchInstruments(Wish, frozen=True, kw_only=True, gc=False):
    """Ask for an instrument's terms as they stand, and for changes that are announced."""

    account: str
    instrument: str


class OpenStream(Wish, frozen=True, kw_only=True, gc=False):
    """Open the private stream afresh; an older one of the account is dropped."""

    account: str
    epoch: int


class RenewStream(Wish, frozen=True, kw_only=True, gc=False):
    """Keep the stream's key alive, where the venue wants that."""

    account: str


class SetAlarm(Wish, frozen=True, kw_only=True, gc=False):
    """Ring once at `at`; a later SetAlarm of the same name takes its place."""

    alarm: str
    at: int


class TellStrategy(Wish, frozen=True, kw_only=True, gc=False):
    """What a strategy hears of its own order."""

    strategy: str
    reference: str
    client_order_id: str
    account: str
    instrument: str
    side: Side
    status: str
    quantity: int
    filled_quantity: int
    leg: Leg = "net"
    reason: str = ""


class RaiseAlert(Wish, frozen=True, kw_only=True, gc=False):
    """A person should look."""

    severity: Literal["notice", "warning", "critical"]
    subject: str
    text: str


Effect = (
    PlaceOrder
    | CancelOrder
    | QueryOrder
    | FetchOpenOrders
    | FetchStatement
    | FetchFills
    | FetchLedger
    | FetchInstruments
    | OpenStream
    | RenewStream
    | SetAlarm
    | TellStrategy
    | RaiseAlert
)
