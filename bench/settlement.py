"""Settlement: whole lives of payments through node, step and journal; and tying a million legs.

A life is a request, an acceptance, a settlement and the line that books it. Its yardstick is the
same as ingest's: the very rows that the node wrote, put in bare, in the same groups.
"""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.ingest import fresh, groups_of, inserting
from bench.lanes import GATE
from bench.measure import Chunk, race
from bench.rows import Row
from core.events import AccountOpened, AssetListed, Event, NodeStarted
from core.journal import Journal
from core.node import Node
from core.rail_events import (
    BalanceOpened,
    CustomerOpened,
    LegWanted,
    LineBooked,
    PaymentReported,
    SchemePublished,
    TransferRequested,
)
from core.tying import Booked, Expected, tie
from tieout.journals.sqlite_store import SqliteStore

LIVES = 20_000
GROUP = 100
LEGS = 1_000_000
HOUR = 3600 * 10**9
# A hundred requests a second: from some thousand lives on, as many leave the state as come.
EVERY = 10**7
BANK = "bank/ops"


def rows(*, quick: bool = False) -> list[Row]:
    """Measure on the file system of the temporary folder (TMPDIR)."""
    lives, rounds = (2_000, 2) if quick else (LIVES, 5)
    took = _race_lives(lives, rounds)
    ratio, rate = took["bare"] / took["node"], lives / took["node"] * 1e9
    found = [
        Row("durable lives of payments", rate, "lives/s", ratio, "a bare SQLite loop", ">= 0.2")
    ]
    legs = 100_000 if quick else LEGS
    took = race({"tie": lambda: _tying(legs), "join": lambda: _joining(legs)}, rounds)
    ratio, rate = took["tie"] / took["join"], legs / took["tie"] * 1e9
    found.append(
        Row(f"tying {legs:,} legs", rate, "legs/s", ratio, "a plain dictionary join", "<= 5")
    )
    return found


# --- lives of payments ---------------------------------------------------------------------------


def _race_lives(lives: int, rounds: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="tieout-bench-") as name:
        folder = Path(name)
        for chunk in _living(folder, lives, "once"):
            chunk()
        written = groups_of(folder / "once.db")
        return race(
            {
                "node": lambda: _living(folder, lives, "node"),
                "bare": lambda: inserting(folder, written),
            },
            rounds,
        )


def _living(folder: Path, lives: int, name: str) -> Iterator[Chunk]:
    """A chunk is a group of lives, delivered and committed."""
    store = SqliteStore(fresh(folder, name), create="new")
    node = Node(Journal(store), {}, GATE)
    for event in _setup():
        node.deliver(event)
    node.commit()

    def chunk(numbers: range) -> Chunk:
        def run() -> None:
            for number in numbers:
                _live(node, number)
            node.commit()

        return run

    for begin in range(0, lives, GROUP):
        yield chunk(range(begin, begin + GROUP))
    store.close()


def _live(node: Node, number: int) -> None:
    wanted = LegWanted(
        kind="out", asset="USD", amount=100, scheme="wire", beneficiary="021000021/1"
    )
    transfer_id, now = f"t{number}", number * EVERY
    node.deliver(
        TransferRequested(received_at=now, transfer_id=transfer_id, customer="c", legs=(wanted,))
    )
    settlement = node.state.settlement
    name = settlement.transfers[transfer_id].legs[0]
    for event in (
        PaymentReported(received_at=now, account=BANK, payment_id=name, status="accepted"),
        PaymentReported(received_at=now, account=BANK, payment_id=name, status="settled"),
        LineBooked(
            received_at=now,
            account=BANK,
            line_id=f"L{number}",
            asset="USD",
            amount=-100,
            booked_at=now,
            references=(name,),
        ),
    ):
        node.deliver(event)
    assert name not in settlement.open_legs, "a life that did not end measures nothing"


def _setup() -> Sequence[Event]:
    return (
        NodeStarted(received_at=1, node="t", epoch=1),
        AssetListed(received_at=1, asset="USD", decimals=2),
        AccountOpened(
            received_at=1,
            account=BANK,
            tells="lines",
            statements=("balances",),
            statement_period_ns=HOUR,
            backfill_period_ns=HOUR,
            settle_ns=1,
            silence_ns_max=24 * HOUR,
            ledger=True,
        ),
        SchemePublished(
            received_at=1,
            scheme="wire",
            account=BANK,
            asset="USD",
            kind="out",
            settled_by="message",
            settles_ns_max=HOUR,
            answer_ns_max=HOUR,
            query_every_ns=HOUR,
            queries_max=3,
            beneficiaries="routing",
        ),
        CustomerOpened(received_at=1, customer="c"),
        BalanceOpened(
            received_at=1,
            account=BANK,
            asset="USD",
            amount=10**12,
            customer="c",
            occurred_at=1,
        ),
    )


# --- tying ---------------------------------------------------------------------------------------


def _legs(count: int) -> tuple[list[Expected], list[Booked]]:
    """Both ways, with dates; one in a hundred differs."""
    wanted = [
        Expected(f"p{n:08d}", "USD", (n % 997 + 1) * (1 if n % 2 else -1), n, n + 100)
        for n in range(count)
    ]
    booked = [
        Booked(each.key, each.asset, each.amount + (n % 100 == 0), n + 50)
        for n, each in enumerate(wanted)
    ]
    return wanted, booked


def _tying(count: int) -> Iterator[Chunk]:
    """One chunk: all of it."""
    wanted, booked = _legs(count)

    def run() -> None:
        found = tie(wanted, booked)
        assert found.tied == count - count // 100

    yield run


def _joining(count: int) -> Iterator[Chunk]:
    """One chunk: amounts looked up by key, and no more."""
    wanted, booked = _legs(count)

    def run() -> None:
        amounts = {each.key: each.amount for each in booked}
        different = [each.key for each in wanted if amounts.get(each.key) != each.amount]
        assert len(different) == count // 100

    yield run
