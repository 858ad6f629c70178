"""From one policy to the next: what tightens, what loosens, and what only reads otherwise.

A loosening is whatever lets a movement pass that did not pass before, or a permission live longer.
What tightens here is what `policy.tightens` names, and the window besides: that voids nothing, for
what is outstanding keeps its own.
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple

from tokens.policy import Jurisdiction, Policy

Kind = Literal["loosened", "tightened", "reworded"]
NONE = "none"


class Change(NamedTuple):
    """One thing that is not what it was. `voids` says that what is outstanding has to be void."""

    kind: Kind
    name: str
    before: str
    after: str
    voids: bool = False


def changes(before: Policy, after: Policy) -> list[Change]:
    """Everything that differs, loosenings first; of two tokens' policies nothing can be said."""
    assert before.token == after.token, "policies of two tokens"
    order = ("loosened", "tightened", "reworded")
    return sorted(_all(before, after), key=lambda change: order.index(change.kind))


def _all(before: Policy, after: Policy) -> Iterator[Change]:
    for name in ("holder_max", "holders_max", "supply_max"):
        yield from _bound(name, getattr(before, name), getattr(after, name))
    yield from _number("lot_min", after.lot_min, before.lot_min, voids=True, turned=True)
    for name in ("lasts_s", "skew_s", "head_age_s_max"):
        was, now = getattr(before.window, name), getattr(after.window, name)
        yield from _number(f"window.{name}", was, now, voids=False)
    for place in dict.fromkeys([*before.jurisdictions, *after.jurisdictions]):
        was, now = before.jurisdictions.get(place), after.jurisdictions.get(place)
        yield from _jurisdiction(f"jurisdictions.{place}", was, now)
    for name in ("owner", "rationale"):
        was, now = getattr(before, name), getattr(after, name)
        if was != now:
            yield Change("reworded", name, was, now)


def _number(
    name: str, was: int, now: int, *, voids: bool, turned: bool = False
) -> Iterator[Change]:
    """More is looser; one that is `turned` comes the other way round, for there less is."""
    if was == now:
        return
    told = (now, was) if turned else (was, now)
    kind: Kind = "loosened" if now > was else "tightened"
    yield Change(kind, name, str(told[0]), str(told[1]), voids and kind == "tightened")


def _bound(name: str, was: int | None, now: int | None) -> Iterator[Change]:
    """None bounds nothing."""
    if was == now:
        return
    is_looser = now is None or (was is not None and now > was)
    before, after = (NONE if each is None else str(each) for each in (was, now))
    kind: Kind = "loosened" if is_looser else "tightened"
    yield Change(kind, name, before, after, voids=not is_looser)


def _jurisdiction(
    name: str, was: Jurisdiction | None, now: Jurisdiction | None
) -> Iterator[Change]:
    if was is None or now is None:
        kind: Kind = "tightened" if now is None else "loosened"
        yield Change(kind, name, _shown(was), _shown(now), voids=now is None)
        return
    gone = [each for each in was.receives_from if each not in now.receives_from]
    come = [each for each in now.receives_from if each not in was.receives_from]
    where = f"{name}.receives_from"
    if gone:
        yield Change("tightened", where, " ".join(gone), "not any more", voids=True)
    if come:
        yield Change("loosened", where, "not yet", " ".join(come))
    if was.accredited != now.accredited:
        before, after = ("the accredited" if each.accredited else "anybody" for each in (was, now))
        kind = "tightened" if now.accredited else "loosened"
        yield Change(kind, f"{name}.accredited", before, after, voids=now.accredited)
    yield from _bound(f"{name}.holds_max", was.holds_max, now.holds_max)


def _shown(place: Jurisdiction | None) -> str:
    if place is None:
        return "nobody there receives"
    who = "accredited only, " if place.accredited else ""
    most = f", at most {place.holds_max}" if place.holds_max is not None else ""
    return f"{who}from {' '.join(place.receives_from)}{most}"
