"""Losses and drawdown, net of fees and funding. A profit that is not verified never loosens.

*Verified* is what the venue's own record says and no open suspect, doubt or stale price touches;
the rest is a hint. A hint that it is worse counts at once, one that it is better when it is proved.
"""

from msgspec import Struct


class Result(Struct, frozen=True, gc=False):
    """What a strategy made since the day's cut, in reporting units.

    `realised` and `marked` are gains; `fees` and `borrow` are what was paid, negative for rebates;
    `funding` is what was received. Each has a part that is not verified yet.
    """

    realised: int = 0
    marked: int = 0
    funding: int = 0
    fees: int = 0
    borrow: int = 0
    unverified_realised: int = 0
    unverified_marked: int = 0
    unverified_funding: int = 0
    unverified_fees: int = 0


class Day(Struct, gc=False):
    """The best and the last of a strategy's day."""

    peak: int = 0
    net: int = 0


def net(result: Result) -> int:
    """The gain that counts: all that is verified, and of each hint only what makes it worse."""
    proved = result.realised + result.marked + result.funding - result.fees - result.borrow
    hints = (
        result.unverified_realised,
        result.unverified_marked,
        result.unverified_funding,
        -result.unverified_fees,
    )
    return proved + sum(min(0, hint) for hint in hints)


def note(day: Day, result: Result) -> None:
    """The day goes on to this result. A peak is of what counts, so no hint raises one."""
    day.net = net(result)
    day.peak = max(day.peak, day.net)


def loss(day: Day) -> int:
    """What was lost since the cut: 0 where nothing was."""
    return max(0, -day.net)


def drawdown(day: Day) -> int:
    """What was lost since the best of the day; the day begins at 0."""
    return day.peak - day.net
