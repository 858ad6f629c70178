"""From one limit file to the next: what tightens, what loosens, and what only reads otherwise.

A loosening is whatever lets something pass, at some moment, that did not pass before. What cannot
be compared (another unit, a limit that is gone) counts as one.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import product
from typing import Literal, NamedTuple

from risk.limit_controls import CONTROLS
from risk.limit_files import EVERY, Limit, LimitFile, applying

Kind = Literal["loosened", "tightened", "reworded"]
ELSEWHERE = "(anything else)"


class Change(NamedTuple):
    """One limit that is not what it was."""

    kind: Kind
    name: str
    before: str
    after: str


def changes(old: LimitFile, new: LimitFile, at_ns: int) -> list[Change]:
    """Everything that differs from a moment on, overrides and their ends included."""
    ends = [each.until_ns for file in (old, new) for each in file.overrides]
    moments = sorted({at_ns, *(end for end in ends if end > at_ns)})
    found: dict[Change, None] = {}
    for moment in moments:
        before, after = old.standing(moment), new.standing(moment)
        found |= dict.fromkeys(_by_place([*before.values()], [*after.values()]))
        found |= dict.fromkeys(_by_name(before, after))
    return [*_reporting(old, new), *found, *_restricted(old, new), *_stresses(old, new)]


def _reporting(old: LimitFile, new: LimitFile) -> list[Change]:
    """In another asset every amount means another thing, though it reads the same."""
    if old.reporting == new.reporting:
        return []
    return [Change("loosened", "REPORTING", old.reporting, new.reporting)]


def _by_place(old: Sequence[Limit], new: Sequence[Limit]) -> list[Change]:
    """What holds at each place that either file tells apart."""
    found = []
    for name, control in CONTROLS.items():
        both = [limit for limit in (*old, *new) if limit.control == name]
        options = [
            dict.fromkeys([*(limit.scope[each] for limit in both), ELSEWHERE])
            for each in control.scope
        ]
        for values in product(*(filter(lambda v: v != EVERY, option) for option in options)):
            place = dict(zip(control.scope, values, strict=True))
            before, after = applying(old, name, place), applying(new, name, place)
            kind = _kind(before, after)
            if kind is not None:
                where = "/".join([name, *values])
                found.append(Change(kind, where, _said(before), _said(after)))
    return found


def _kind(before: Limit | None, after: Limit | None) -> Kind | None:
    """No limit refuses: a first one loosens; but one that is gone is not what anybody reviews."""
    if before is None or after is None:
        return None if before is after else "loosened"
    if before.unit != after.unit:
        return "loosened"
    more, less = after.units > before.units, after.units < before.units
    if not CONTROLS[before.control].more_is_looser:
        more, less = less, more
    shorter = (after.window_ms or 0) < (before.window_ms or 0)
    longer = (after.window_ms or 0) > (before.window_ms or 0)
    if more or shorter:
        return "loosened"
    return "tightened" if less or longer else None


def _said(limit: Limit | None) -> str:
    if limit is None:
        return "nothing"
    window = f" in {limit.window_ms} ms" if limit.window_ms else ""
    return f"{limit.amount} {limit.unit}{window}"


def _by_name(old: Mapping[str, Limit], new: Mapping[str, Limit]) -> list[Change]:
    """Owner or reason alone."""
    return [
        Change("reworded", name, _why(old[name]), _why(new[name]))
        for name in old
        if name in new and _why(old[name]) != _why(new[name])
    ]


def _why(limit: Limit) -> str:
    return f"{limit.owner}: {limit.rationale}"


def _stresses(old: LimitFile, new: LimitFile) -> list[Change]:
    """A stress that is gone, or goes less far anywhere, lets through what it would have stopped."""
    before = {each.name: each.moves_ppm for each in old.stresses}
    after = {each.name: each.moves_ppm for each in new.stresses}
    found = []
    for name in dict.fromkeys([*before, *after]):
        was, now = before.get(name, {}), after.get(name, {})
        assets = dict.fromkeys([*was, *now])
        moves = [(was.get(a, was.get(EVERY, 0)), now.get(a, now.get(EVERY, 0))) for a in assets]
        if any(old_move != new_move for old_move, new_move in moves):
            is_milder = any(_is_milder(*both) for both in moves)
            kind: Kind = "loosened" if is_milder else "tightened"
            found.append(Change(kind, f"STRESS/{name}", _moves(was), _moves(now)))
    return found


def _is_milder(was: int, now: int) -> bool:
    """Not as far, or the other way."""
    return now < was if was > 0 else now > was if was < 0 else False


def _moves(moves_ppm: Mapping[str, int]) -> str:
    told = (
        f"{asset} {Decimal(ppm).scaleb(-4).normalize():+f} %" for asset, ppm in moves_ppm.items()
    )
    return ", ".join(told) or "nothing"


def _restricted(old: LimitFile, new: LimitFile) -> list[Change]:
    """A restriction that is gone loosens, one that is new tightens."""
    before = {(each.account, each.instrument): each for each in old.restricted}
    after = {(each.account, each.instrument): each for each in new.restricted}
    gone = [("loosened", *key, "restricted", "free") for key in before if key not in after]
    come = [("tightened", *key, "free", "restricted") for key in after if key not in before]
    return [
        Change("loosened" if kind == "loosened" else "tightened", f"RESTRICTED/{a}/{i}", was, now)
        for kind, a, i, was, now in (*gone, *come)
    ]
