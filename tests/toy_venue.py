"""A toy venue, and a small node that keeps its books: for tests of the journal and of snapshots.

`read` is its dialect, `founding` what stands at the beginning, `truth` the books' figures by
arithmetic of its own.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from core.events import (
    AccountOpened,
    Event,
    FillReported,
    InstrumentListed,
    NodeStarted,
    PageReported,
    StreamOpened,
)
from core.frames import Frame
from core.gate import BreakGate
from core.journal import Journal
from core.node import Node, recover
from tieout.journals.sqlite_store import SqliteStore

ACCOUNT = "toy/main"
INSTRUMENT = "BTCUSDT"
COIN = 10**8
BASE, QUOTE = f"{ACCOUNT}/BTC/cash", f"{ACCOUNT}/USDT/cash"
DOLLAR_PRICE = 10**12


class Fill(msgspec.Struct, frozen=True):
    """One fill of the toy venue: whole coins at whole dollars, the fee in cents of a cent."""

    id: int
    side: str
    coins: int
    dollars: int
    fee: int


class Told(msgspec.Struct, frozen=True, omit_defaults=True):
    """A message of the toy venue: `opened`, `fill`, or a `page` of fills."""

    kind: str
    epoch: int = 0
    fills: tuple[Fill, ...] = ()
    through: str = ""
    more: bool = False


def read(frame: Frame, decimals: Mapping[str, int]) -> list[Event]:
    """The toy venue's reader."""
    told = msgspec.json.decode(frame.body, type=Told)
    at = frame.received_at
    if told.kind == "opened":
        return [StreamOpened(received_at=at, frame=frame.number, account=ACCOUNT, epoch=told.epoch)]
    events: list[Event] = [fill_reported(frame, fill) for fill in told.fills]
    if told.kind == "page":
        events.append(
            PageReported(
                received_at=at,
                frame=frame.number,
                account=ACCOUNT,
                subject=INSTRUMENT,
                through=told.through,
                more=told.more,
                asked_at=at,
            )
        )
    return events


def fill_reported(frame: Frame, fill: Fill) -> FillReported:
    return FillReported(
        received_at=frame.received_at,
        frame=frame.number,
        account=ACCOUNT,
        instrument=INSTRUMENT,
        fill_id=str(fill.id),
        order_id=f"o{fill.id}",
        side="buy" if fill.side == "buy" else "sell",
        quantity=fill.coins * COIN,
        price=fill.dollars * DOLLAR_PRICE,
        occurred_at=fill.id,
        fee=fill.fee,
        fee_asset="USDT",
    )


def truth(fills: list[Fill]) -> dict[str, int]:
    """What the books must hold, by arithmetic of our own."""
    base = quote = 0
    for fill in fills:
        sign = 1 if fill.side == "buy" else -1
        base += sign * fill.coins * 100_000_000
        quote -= sign * fill.coins * fill.dollars * 100_000_000 + fill.fee
    return {BASE: base, QUOTE: quote}


def founding() -> list[Event]:
    """What stands at the beginning of the books."""
    return [
        AccountOpened(
            received_at=1,
            account=ACCOUNT,
            tells="fills",
            statements=(),
            statement_period_ns=10**9,
            backfill_period_ns=10**9,
            settle_ns=10**6,
            silence_ns_max=10**9,
        ),
        InstrumentListed(
            received_at=1,
            account=ACCOUNT,
            instrument=INSTRUMENT,
            kind="spot",
            base="BTC",
            quote="USDT",
            settle="USDT",
            multiplier=COIN,
        ),
    ]


def boot(store: SqliteStore) -> Node:
    """A node on this journal, as it stood, and one epoch further."""
    journal = Journal(store)
    state = recover(journal, BreakGate())
    node = Node(journal, {"toy": read}, BreakGate(), state)
    now = state.now + 1
    node.deliver(NodeStarted(received_at=now, node="toy", epoch=store.epoch + 1))
    if not state.accounts:
        for event in founding():
            node.deliver(event)
    return node


def frame_of(node: Node, body: bytes) -> Frame:
    return Frame(
        number=node.journal.next_number,
        account=ACCOUNT,
        channel="stream",
        received_at=node.state.now + 1,
        body=body,
    )
