"""Numbers, spans and moments in the words of a person."""

from collections.abc import Sequence
from datetime import UTC, datetime

SECOND = 1_000_000_000


def count(number: int, noun: str) -> str:
    """A number and its noun: 1 break, 2 breaks."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def in_few(names: Sequence[str], shown: int = 8) -> str:
    """Of many only the first."""
    more = [f"{len(names) - shown:,} more"] if len(names) > shown else []
    return ", ".join([*names[:shown], *more])


def be(number: int) -> str:
    return "was" if number == 1 else "were"


def duration(seconds: float) -> str:
    """A length of time as a person would say it."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 120:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"


def span(start: int, end: int) -> str:
    """The time between two moments of ours."""
    return duration(max(0, end - start) / SECOND)


def clock(at: int) -> str:
    """A time of ours to the millisecond."""
    stamp = datetime.fromtimestamp(at // SECOND, UTC)
    return f"{stamp:%Y-%m-%d %H:%M:%S}.{at // 10**6 % 1000:03}"


def minute(at: int) -> str:
    """The same as people make appointments by."""
    return f"{datetime.fromtimestamp(at // SECOND, UTC):%Y-%m-%d %H:%M}"
