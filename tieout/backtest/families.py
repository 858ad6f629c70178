"""How a backtest is set on fire: families of faults, each at a strength from 0 (none) to 1.

True here: a plan is drawn from a family, a strength and a seed, and from nothing else; at strength
0 it is empty. Seeds of one number see the same moments at every strength, longer or more often: so
the rows of a table are of one story that gets worse.
"""

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import Final, NamedTuple

from sim.dice import Dice, Stream
from sim.faults import Fault

MS: Final = 1_000_000
STRENGTHS: Final = tuple(Fraction(quarter, 4) for quarter in range(5))
# At strength 1 outages of one sort take that part of the run together, in so many pieces.
DOWN: Final = Fraction(1, 4)
PIECES: Final = 6


class Often(NamedTuple):
    """A fault of messages: one opportunity in how many at strength 1, and how strong then."""

    kind: str
    one_in: int
    strength: int = 0


# Streams and answers that are lost, late, twice, or overtaken, of the account and of the market.
DISORDER: Final = (
    Often("lost_frame", 5),
    Often("duplicate_frame", 3, 3000),
    Often("reorder_frame", 3, 400),
    Often("late_frame", 5, 900),
    Often("answer_lost", 10),
    Often("request_lost", 10),
    Often("slow_request", 4, 900),
    Often("stale_statement", 10, 5000),
    Often("public_lost_frame", 10),
    Often("public_duplicate_frame", 5, 3000),
    Often("public_late_frame", 10, 900),
)
# What a venue that is down does: who asks is refused, and no stream stands.
DOWN_KINDS: Final = ("disconnect", "public_disconnect")


def outages(strength: Fraction, dice: Stream, run_ns: int) -> Iterator[Fault]:
    """Every venue is out, again and again: who asks waits in vain, and nothing is told."""
    for start, length in _pieces(strength, dice, run_ns):
        yield Fault("request_lost", "", start, start + length)
        for kind in DOWN_KINDS:
            yield Fault(kind, "", start, start + length, strength=length // MS)


def disorder(strength: Fraction, dice: Stream, run_ns: int) -> Iterator[Fault]:
    """Messages come late, twice, in another order, or not at all."""
    for each in DISORDER:
        one_in = int(each.one_in / strength)
        yield Fault(each.kind, "", one_in=one_in, strength=int(each.strength * strength))


def stalled_risk(strength: Fraction, dice: Stream, run_ns: int) -> Iterator[Fault]:
    """The cold engine stands still: its word ends, and the gate closes."""
    for start, length in _pieces(strength, dice, run_ns):
        yield Fault("engine_stalled", "", start, start + length, strength=length // MS)


def stuck_deposits(strength: Fraction, dice: Stream, run_ns: int) -> Iterator[Fault]:
    """Cash that left one venue comes to the other so much later."""
    yield Fault("credit_stuck", "", strength=int(strength * run_ns / 4) // MS)


def crashes(strength: Fraction, dice: Stream, run_ns: int) -> Iterator[Fault]:
    """Our node is killed, and is down for a while."""
    for start, length in _pieces(strength, dice, run_ns):
        yield Fault("crash", "node", start, run_ns, strength=length // MS, strikes=(0,))


def _pieces(strength: Fraction, dice: Stream, run_ns: int) -> Iterator[tuple[int, int]]:
    """Begin and length: one in each equal part of the run."""
    part = run_ns // PIECES
    for number in range(PIECES):
        length = int(part * DOWN * strength)
        yield number * part + dice.below(part - int(part * DOWN)), length


FAMILIES: Final[Mapping[str, Callable[[Fraction, Stream, int], Iterator[Fault]]]] = {
    "outages": outages,
    "disorder": disorder,
    "stalled risk": stalled_risk,
    "stuck deposits": stuck_deposits,
    "crashes": crashes,
}


def plan_of(family: str, strength: Fraction, seed: int, run_ns: int) -> list[Fault]:
    """The faults of one run; none at strength 0."""
    if not strength:
        return []
    return list(FAMILIES[family](strength, Dice(seed).stream(f"fire/{family}"), run_ns))
