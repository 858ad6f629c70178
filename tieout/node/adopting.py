"""What already stands at a venue when our books begin there: read from its own statements.

Rule 1. Each line becomes an opening as of a moment at which the venue says that it held, so that
what is told later as of that moment agrees, and core books nothing older on top of it. The frame
that told it is its evidence. What a complete statement leaves out is an opening of nothing.
Rule 2. One read is not believed: a lie that was adopted would be our truth. As many reads in a row
must agree as absurd ones make core believe a venue against its books.
Rule 3. An account that moves meanwhile is adopted line by line. A line that tells its own as-of may
move on from one read to the next, if its as-of moves too; it is adopted at the last one's. A line
that tells none must have stood still from one read to the next, and is adopted as of the middle
between them: so that no answer that was under way puts it on the wrong side of a fill.
Rule 4. Where positions or orders stand there, and nobody configured that they are adopted, the node
does not begin at all.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from msgspec.structs import replace

from core.effects import Effect, FetchOpenOrders, FetchStatement
from core.events import (
    EVERY,
    OpeningSet,
    OpenOrdersReported,
    StatementKind,
    StatementReported,
    StatementRow,
)
from core.frames import Frame, Headers
from scenarios.model import VenueSpec
from tieout.node.connector import Transport
from tieout.node.dialects import DIALECTS
from tieout.node.entries import entry_prices
from venues.dialect import Request

READS_ALIKE = 4
READS_MAX = 80
PAUSE_S = 0.25
MS = 1_000_000
Standing = Literal["adopt", "refuse"]


class NotAdopted(RuntimeError):
    """An account cannot be begun with; the text says which, and what its venue said."""


@dataclass(slots=True, frozen=True)
class Desk:
    """How one account is asked: `keep` journals a frame under its `number`."""

    spec: VenueSpec
    transport: Transport[Request]
    clock: Callable[[], int]
    number: Callable[[], int]
    keep: Callable[[Frame], object]


async def openings_of(
    spec: VenueSpec,
    transport: Transport[Request],
    clock: Callable[[], int],
    number: Callable[[], int],
    keep: Callable[[Frame], object],
    standing: Standing = "adopt",
) -> list[OpeningSet]:
    """An opening for each line of each statement; `keep` journals a frame under its `number`.

    Raises `NotAdopted` where no such statement could be had, or where something stands there that
    is not to be adopted.
    """
    desk = Desk(spec, transport, clock, number, keep)
    if standing == "refuse":
        await _refuse_orders(desk)
    found = []
    for kind in DIALECTS[spec.dialect].statements:
        found += await _openings(desk, kind)
    held = [f"{each.subject}/{each.leg}" for each in found if each.leg != "cash" and each.amount]
    if held and standing == "refuse":
        raise NotAdopted(
            f"{spec.account}: positions stand there: {', '.join(held)}; closing them would do, or"
            ' standing = "adopt"'
        )
    return found


async def _refuse_orders(desk: Desk) -> None:
    effect = FetchOpenOrders(account=desk.spec.account)
    for _ in range(READS_MAX):
        frame = await _read(desk, effect)
        for event in DIALECTS[desk.spec.dialect].decode(frame, {}):
            if isinstance(event, OpenOrdersReported):
                if not event.client_order_ids:
                    return
                raise NotAdopted(
                    f"{desk.spec.account}: {len(event.client_order_ids)} orders are open there;"
                    ' cancelling them would do, or standing = "adopt"'
                )
        await asyncio.sleep(PAUSE_S)
    raise NotAdopted(f"{desk.spec.account}: no listing of open orders in {READS_MAX} reads")


# --- lines, read again and again ------------------------------------------------------------------


class Line(NamedTuple):
    """One reading of one line, which held somewhere within `lo`..`hi`, or `exact`ly then."""

    amount: int
    lo: int
    hi: int
    sequence: int
    read: int

    @property
    def exact(self) -> bool:
        return self.lo == self.hi


@dataclass(slots=True)
class Run:
    """Readings of a line in a row that may all be true, the last few."""

    lines: list[Line] = field(default_factory=list)

    def add(self, line: Line) -> None:
        if self.lines and not _follows(self.lines[-1], line):
            self.lines.clear()
        self.lines.append(line)
        del self.lines[:-READS_ALIKE]

    def adopted(self) -> Line | None:
        """Rule 3; its as-of is `hi`. None while too few reads are in a row."""
        last = self.lines[-1]
        if len(self.lines) < READS_ALIKE:
            return None
        if last.exact:
            return last
        pairs = zip(self.lines, self.lines[1:], strict=False)
        still = [pair for pair in pairs if _stood_still(*pair)]
        if not still:
            return None
        before, after = still[-1]
        return before._replace(hi=(before.hi + after.lo) // 2)


def _stood_still(before: Line, line: Line) -> bool:
    """Whether the line had this amount all the time between two reads."""
    return before.amount == line.amount and before.hi < line.lo


def _follows(before: Line, line: Line) -> bool:
    """Whether both may be true, one after the other."""
    if line.lo <= before.lo and before.exact and line.exact:
        return (line.amount, line.lo) == (before.amount, before.lo)
    return line.lo >= before.lo and not _absurd(before.amount, line.amount)


def _absurd(before: int, amount: int) -> bool:
    """All gone, or doubled and more: core, too, lets such a read insist."""
    return before != 0 and (amount == 0 or abs(amount) > 2 * abs(before))


@dataclass(slots=True)
class Reading:
    """A kind of statement, as often as it was read."""

    runs: dict[tuple[str, str], Run] = field(default_factory=dict)
    frames: list[Frame] = field(default_factory=list)
    told: list[StatementReported] = field(default_factory=list)

    def take(self, frame: Frame, told: StatementReported, legs: tuple[str, ...]) -> None:
        """What it has, and what it leaves out: of a known line, and of every other one."""
        number = len(self.told)
        self.frames.append(frame)
        self.told.append(told)
        rows = {(row.subject, row.leg): row for row in told.rows}
        for name in dict.fromkeys([*rows, *self.runs, *((EVERY, leg) for leg in legs)]):
            line = _line(told, rows.get(name), number)
            self.runs.setdefault(name, Run()).add(line)

    def adopted(self) -> dict[tuple[str, str], Line] | None:
        """Each line as it is adopted; None while any of them cannot be."""
        found = {name: run.adopted() for name, run in self.runs.items()}
        whole = {name: line for name, line in found.items() if line is not None}
        return whole if len(whole) == len(found) and whole else None

    def moving(self) -> list[str]:
        return [
            f"{subject}/{leg}" for (subject, leg), run in self.runs.items() if not run.adopted()
        ]


def _line(told: StatementReported, row: StatementRow | None, read: int) -> Line:
    amount, as_of, sequence = (
        (row.amount, row.as_of, row.sequence) if row is not None else (0, 0, 0)
    )
    if as_of:
        return Line(amount, as_of, as_of, sequence, read)
    if told.as_of:
        within = told.as_of_step if told.as_of_step > MS else 0
        return Line(amount, told.as_of - within, told.as_of, 0, read)
    return Line(amount, told.asked_at, told.received_at, 0, read)


async def _openings(desk: Desk, kind: StatementKind) -> list[OpeningSet]:
    dialect = DIALECTS[desk.spec.dialect]
    legs = ("cash",) if kind == "balances" else ("long", "short") if dialect.hedged else ("net",)
    effect = FetchStatement(account=desk.spec.account, kind=kind)
    reading, said = Reading(), "nothing"
    for _ in range(READS_MAX):
        frame = await _read(desk, effect)
        said = f"status {frame.status}"
        for event in dialect.decode(frame, {}):
            if isinstance(event, StatementReported) and event.complete:
                bracketed = replace(event, as_of=0) if dialect.bracketed else event
                reading.take(frame, bracketed, legs)
        adopted = reading.adopted()
        if adopted is not None:
            return _adopt(desk, reading, adopted, kind)
        await asyncio.sleep(PAUSE_S)
    raise NotAdopted(
        f"{desk.spec.account}: of {READS_MAX} reads of {kind} no {READS_ALIKE} in a row agree:"
        f" {said}, {', '.join(reading.moving()) or 'no line was told'}; a quieter account would do"
    )


def _adopt(
    desk: Desk, reading: Reading, adopted: dict[tuple[str, str], Line], kind: StatementKind
) -> list[OpeningSet]:
    """Frames of the reads that are adopted are kept; each opening names its own."""
    kept: dict[int, int] = {}
    for read in sorted({line.read for line in adopted.values()}):
        frame = replace(reading.frames[read], number=desk.number())
        desk.keep(frame)
        kept[read] = frame.number
    prices = entry_prices(desk.spec.dialect, reading.frames[-1].body) if kind == "positions" else {}
    return [
        OpeningSet(
            received_at=reading.told[line.read].received_at,
            frame=kept[line.read],
            account=desk.spec.account,
            subject=subject,
            leg=leg,
            amount=line.amount,
            occurred_at=line.hi,
            adopted=True,
            sequence=line.sequence,
            price=prices.get((subject, leg), 0),
        )
        for (subject, leg), line in adopted.items()
    ]


# --- asking ---------------------------------------------------------------------------------------


async def _read(desk: Desk, effect: Effect) -> Frame:
    dialect = DIALECTS[desk.spec.dialect]
    asked_at = desk.clock()
    status, body, headers = await _asked(dialect.request(effect), desk.transport)
    return Frame(
        number=desk.number(),
        account=desk.spec.account,
        channel="rest",
        received_at=desk.clock(),
        body=body,
        status=status,
        about=effect,
        asked_at=asked_at,
        headers=tuple(each for each in headers if each[0].lower() in dialect.headers),
    )


async def _asked(request: Request, transport: Transport[Request]) -> tuple[int, bytes, Headers]:
    came: asyncio.Future[tuple[int, bytes, Headers]] = asyncio.get_running_loop().create_future()

    def answered(status: int, body: bytes, headers: Headers = ()) -> None:
        if not came.done():
            came.set_result((status, body, headers))

    transport.send(request, answered)
    return await came
