"""What already stands at a venue when our books begin there: read from its own statements.

Rule 1. Each row becomes an opening as of the statement's own as-of, so that what is told later as
of that moment agrees. The frame that told it is the opening's evidence.
Rule 2. One read is not believed: a lie that was adopted would be our truth. As many reads in a row
must be alike as absurd ones make core believe a venue against its books.
"""

import asyncio
from collections.abc import Callable

from core.effects import FetchStatement
from core.events import OpeningSet, StatementKind, StatementReported, StatementRow
from core.frames import Frame, Headers
from scenarios.model import VenueSpec
from tieout.connector import Transport
from tieout.dialects import DIALECTS
from venues.dialect import Request

READS_ALIKE = 4
READS_MAX = 40
PAUSE_S = 0.25


class NotAdopted(RuntimeError):
    """The venue gave no statement that could be read; the text says which, and what it said."""


async def openings_of(
    spec: VenueSpec,
    transport: Transport[Request],
    clock: Callable[[], int],
    number: Callable[[], int],
    keep: Callable[[Frame], object],
) -> list[OpeningSet]:
    """An opening for each row of each statement; `keep` journals a frame under its `number`."""
    found = []
    for kind in DIALECTS[spec.dialect].statements:
        told = await _statement(spec, kind, transport, clock, number, keep)
        found += [_opening(told, row) for row in told.rows if row.amount]
    return found


def _opening(told: StatementReported, row: StatementRow) -> OpeningSet:
    # Where the venue tells no as-of it holds for when we asked.
    return OpeningSet(
        received_at=told.received_at,
        frame=told.frame,
        account=told.account,
        subject=row.subject,
        leg=row.leg,
        amount=row.amount,
        occurred_at=row.as_of or told.as_of or told.asked_at,
    )


async def _statement(
    spec: VenueSpec,
    kind: StatementKind,
    transport: Transport[Request],
    clock: Callable[[], int],
    number: Callable[[], int],
    keep: Callable[[Frame], object],
) -> StatementReported:
    dialect = DIALECTS[spec.dialect]
    effect = FetchStatement(account=spec.account, kind=kind)
    said, alike = "nothing", 0
    before: tuple[tuple[str, str, int], ...] | None = None
    for _ in range(READS_MAX):
        asked_at = clock()
        status, body, headers = await _asked(dialect.request(effect), transport)
        frame = Frame(
            number=number(),
            account=spec.account,
            channel="rest",
            received_at=clock(),
            body=body,
            status=status,
            about=effect,
            asked_at=asked_at,
            headers=tuple(each for each in headers if each[0].lower() in dialect.headers),
        )
        for event in dialect.decode(frame, {}):
            if isinstance(event, StatementReported):
                now = tuple((row.subject, row.leg, row.amount) for row in event.rows)
                alike, before = alike + 1 if now == before else 1, now
                if alike == READS_ALIKE:
                    keep(frame)
                    return event
        said = f"status {status}, {alike} alike in a row"
        await asyncio.sleep(PAUSE_S)
    raise NotAdopted(f"{spec.account}: no statement of {kind} in {READS_MAX} reads: {said}")


async def _asked(request: Request, transport: Transport[Request]) -> tuple[int, bytes, Headers]:
    came: asyncio.Future[tuple[int, bytes, Headers]] = asyncio.get_running_loop().create_future()

    def answered(status: int, body: bytes, headers: Headers = ()) -> None:
        if not came.done():
            came.set_result((status, body, headers))

    transport.send(request, answered)
    return await came
