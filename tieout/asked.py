"""What commands are asked: seeds and zones as people write them, and worlds in which something
happens."""

import math
import re
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from scenarios.model import Scenario

# More digits than any seed needs; Python itself refuses to read some thousands.
SEED_DIGITS_MAX = 18
# Months of work for a machine, and their list takes a few hundred megabytes.
SEEDS_MAX = 1_000_000


class Amount(click.FloatRange):
    """So much of something: a number, which neither `nan` nor `inf` is."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        found: float = super().convert(value, param, ctx)
        if not math.isfinite(found):
            self.fail(f"found {value!r:.60}; a number would do, as 2.5", param, ctx)
        return found


def is_seed(text: str) -> bool:
    return text.isdecimal() and len(text) <= SEED_DIGITS_MAX


def seed_range(context: click.Context, option: click.Parameter, text: str) -> range:
    """`A:B`: A is in, B is not."""
    first, colon, last = text.partition(":")
    if not (colon and is_seed(first) and is_seed(last) and int(first) < int(last)):
        would_do = "A:B with A < B, of 18 digits at most, would do, as in 0:200"
        raise click.BadParameter(f"found {text!r:.60}; {would_do}")
    if int(last) - int(first) > SEEDS_MAX:
        raise click.BadParameter(f"found {text!r}; {SEEDS_MAX:,} seeds at most would do")
    return range(int(first), int(last))


def new_name(context: click.Context, argument: click.Parameter, text: str) -> str:
    """What a scenario may be called, and its file."""
    from scenarios.model import NAMED

    if not re.fullmatch(NAMED, text):
        raise click.BadParameter(f"found {text!r:.60}; small letters, digits and _ would do")
    return text


def shard(context: click.Context, option: click.Parameter, text: str) -> tuple[int, int]:
    """`I/N`: the I-th of N parts, from 1 on."""
    number, _, of = text.partition("/")
    if not (is_seed(number) and is_seed(of) and 1 <= int(number) <= int(of)):
        raise click.BadParameter(f"found {text!r:.60}; I/N with I from 1 to N would do, as in 2/4")
    return int(number), int(of)


def known_zone(context: click.Context, option: click.Parameter, text: str) -> str:
    """A zone that market files can be read in, whether or not one of them needs it; "" is none."""
    from tieout.backtest.exact import is_zone

    if text and not is_zone(text):
        found = f"found no zone {text!r:.60}; one as UTC, +01:00 or Europe/London would do"
        raise click.BadParameter(found)
    return text


def warn_if_idle(scenario: "Scenario") -> None:
    """A world in which nobody trades or pays proves little: its claims hold by themselves."""
    if not scenario.strategies and scenario.settling is None:
        click.echo(f"tieout: {scenario.name}: no strategies: nothing of ours will trade", err=True)
