"""What we ask of the world: imperative, addressed, safe to perform twice.

A performer may be asked again after a crash: every effect that spends carries an id of ours that
the counterparty refuses to honour twice, and reads change nothing.
"""

from typing import Literal

from core.events import Leg, Memory, OrderKind, Side, StatementKind
from core.rail_effects import RailEffect
from core.risk_effects import RiskEffect
from core.token_effects import TokenEffect
from core.wish import Wish


class PlaceOrder(Wish, frozen=True, kw_only=True, gc=False):
    """Send an order; built from `Approved` only.

    By our clock the venue may take it until `expires_at` (0: for ever) and must refuse it later.
    """

    account: str
    client_order_id: str
    instrument: str
    side: Side
    quantity: int
    kind: OrderKind
    price: int = 0
    leg: Leg = "net"
    reduce_only: bool = False
    expires_at: int = 0


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


class Remember(Wish, frozen=True, kw_only=True, gc=False):
    """Keep what the state gives up, to be found again by its key. To journal it is to perform it.

    An id's content is what must be the same in each telling; an order, a progress and a transfer
    with its legs are kept whole, as JSON; of the venue's id of an order, our own; of a payment, its
    transfer's; of a name that a counterparty has for payments, their ids; of a caller's request,
    the authorization's name. What is of no one account (a transfer, a payment) has none ("").
    """

    account: str
    kind: Memory
    key: str
    content: str


class TellStrategy(Wish, frozen=True, kw_only=True, gc=False):
    """What a strategy hears of its own order.

    `moved` is by how much its fills grew with this telling; negative where one was undone.
    """

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
    moved: int = 0


class TellPosition(Wish, frozen=True, kw_only=True, gc=False):
    """What a strategy holds of an instrument, in all: it takes the place of whatever it thought.

    Told when a node came up, and when contracts are counted anew. Of a spot instrument it is what
    was bought less what was sold and what was paid in it as a fee.
    """

    strategy: str
    account: str
    instrument: str
    leg: Leg
    quantity: int


class MoveCash(Wish, frozen=True, kw_only=True, gc=False):
    """Have the treasury move cash between two accounts of ours, once under this id."""

    move_id: str
    source: str
    target: str
    asset: str
    amount: int


class TellMove(Wish, frozen=True, kw_only=True, gc=False):
    """What a strategy hears of cash that it asked to have moved."""

    strategy: str
    reference: str
    move_id: str
    source: str
    target: str
    asset: str
    amount: int
    status: str
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
    | Remember
    | TellStrategy
    | TellPosition
    | MoveCash
    | TellMove
    | RaiseAlert
    | RailEffect
    | RiskEffect
    | TokenEffect
)
