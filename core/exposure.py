"""Limits on value in flight: per rail, per customer, per asset, with holds counted.

Exposure of a leg begins with its hold and ends when its value can no longer be lost: at final
settlement, at failure, or when what was settled cannot be returned any more. A limit is met before
anything is posted: the hold fails, never the post.
"""

from core.settlement_state import Credited, Leg, Limit
from core.state import State


def keys(leg: Leg | Credited) -> tuple[str, ...]:
    """The sums that a leg counts in; what no customer pays for counts in no customer's."""
    rail, asset = f"rail/{leg.scheme}/{leg.asset}", f"asset//{leg.asset}"
    return (rail, f"customer/{leg.customer}/{leg.asset}", asset) if leg.customer else (rail, asset)


def expose(state: State, leg: Leg | Credited, amount: int) -> None:
    """Count so much more of a leg (or less) as in flight or contingent."""
    leg.exposed += amount
    exposure = state.settlement.exposure
    over_, leg.passive = leg.passive, min(leg.passive, leg.exposed)
    for key in keys(leg):
        exposure[key] = exposure.get(key, 0) + amount
        if over_ != leg.passive:
            state.settlement.passive[key] -= over_ - leg.passive


def expose_passively(state: State, leg: Leg | Credited, amount: int) -> None:
    """Count what came by no act of ours: a return that was undone, a credit that others pushed.

    It takes room as anything does; that it exceeds a limit by itself is no breach of ours.
    """
    expose(state, leg, amount)
    leg.passive += amount
    for key in keys(leg):
        state.settlement.passive[key] = state.settlement.passive.get(key, 0) + amount


def over(state: State, legs: list[Leg]) -> tuple[Limit, int] | None:
    """The first limit that these legs together would exceed, and the headroom that there is."""
    wanted: dict[str, int] = {}
    for leg in legs:
        for key in keys(leg) if leg.kind != "exchange" else ():
            wanted[key] = wanted.get(key, 0) + leg.amount
    for key, amount in wanted.items():
        limit = limit_of(state, key)
        if limit is not None:
            headroom = limit.amount - state.settlement.exposure.get(key, 0)
            if amount > headroom:
                return limit, max(0, headroom)
    return None


def limit_of(state: State, key: str) -> Limit | None:
    """The limit on a sum: its own, or the one for each of its scope."""
    scope, subject, asset = key.split("/")
    limits = state.settlement.limits
    return limits.get(f"{scope}/{subject}/{asset}") or limits.get(f"{scope}/*/{asset}")


def release_bound(state: State, asset: str) -> int | None:
    """Above this a second person must let a transfer go; None where no bound is set."""
    limit = state.settlement.limits.get(f"release//{asset}")
    return None if limit is None else limit.amount


def breaches(state: State) -> list[str]:
    """The sums that exceed their limit now: none, ever, unless a limit was lowered under them."""
    return [
        key
        for key, amount in state.settlement.exposure.items()
        if (limit := limit_of(state, key)) is not None
        and amount - state.settlement.passive.get(key, 0) > limit.amount
    ]
