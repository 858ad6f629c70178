"""Limits on value in flight: per rail, per customer, per asset, with holds counted.

Exposure of a leg begins with its hold and ends when its value can no longer be lost: at final
settlement, at failure, or when what was settled cannot be returned any more. A limit is met before
anything is posted: the hold fails, never the post.

Rule 1. What others push is a customer's at once, and may be taken back for a while. What is drawn
of it, paid out or exchanged, is let go by us: it counts as ours where its credit counts (the rail
that brought it, the customer, the asset), for as long as the credit may be taken back or is owed.
Rule 2. An exchange moves nothing out: it counts for what it draws, and in what it sells, for that
is what would be owed. So does a mint, which `core.subscriptions` has a limit of its own for.
Rule 3. What nothing that we do could have kept within a limit is passive: it takes room, and is
named and timed for as long as it stands above.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from core import ledger
from core.effects import Effect, RaiseAlert
from core.rail_events import OVER_A_RAIL
from core.settlement_state import Credited, Leg, Limit
from core.state import State


class Draw(NamedTuple):
    """So much of a credit that may still be taken back goes with a leg."""

    credit: Credited
    leg: Leg
    amount: int


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
        _time(state, key)


def look_again(state: State) -> None:
    """A limit was set: what stands above one, and what does no more."""
    for key in state.settlement.exposure:
        _time(state, key)


def _time(state: State, key: str) -> None:
    """Since when a sum stands above its limit, and for how long it ever did."""
    settlement = state.settlement
    limit, amount = limit_of(state, key), settlement.exposure[key]
    if limit is not None and amount > limit.amount:
        settlement.over_since.setdefault(key, state.now)
        settlement.over_most[key] = max(amount, settlement.over_most.get(key, 0))
    elif key in settlement.over_since:
        since = settlement.over_since.pop(key)
        settlement.over_ns[key] = settlement.over_ns.get(key, 0) + state.now - since


def expose_passively(state: State, leg: Leg | Credited, amount: int) -> list[Effect]:
    """Count what came by no act of ours: a return that was undone, a credit that others pushed.

    It takes room as anything does; that it exceeds a limit by itself is no breach of ours, and is
    named and timed as a passive one.
    """
    leg.passive += amount
    for key in keys(leg):
        state.settlement.passive[key] = state.settlement.passive.get(key, 0) + amount
    stood = dict(state.settlement.over_since)
    expose(state, leg, amount)
    return [_exceeded(state, key) for key in keys(leg) if _is_new(state, key, stood)]


def _is_new(state: State, key: str, stood: dict[str, int]) -> bool:
    return key in state.settlement.over_since and key not in stood


def _exceeded(state: State, key: str) -> RaiseAlert:
    limit, amount = limit_of(state, key), state.settlement.exposure[key]
    assert limit is not None, key
    text = f"{key} stands at {amount} by what others did, {limit.limit} is {limit.amount}"
    return RaiseAlert(severity="warning", subject=limit.subject or limit.asset, text=text)


def over(state: State, legs: list[Leg], drawn: Sequence[Draw] = ()) -> tuple[Limit, int] | None:
    """The first limit that these legs together would exceed, and the headroom that there is.

    Beside what they move they are given what they would draw: that counts where its credit does.
    """
    wanted: dict[str, int] = {}
    for leg in legs:
        for key in keys(leg) if leg.kind in OVER_A_RAIL else ():
            wanted[key] = wanted.get(key, 0) + leg.amount
    for key, amount in wanted.items():
        found = _exceeds(state, key, amount, state.settlement.exposure.get(key, 0))
        if found is not None:
            return found
    taken: dict[str, int] = {}
    for draw_ in drawn:
        for key in keys(draw_.credit):
            taken[key] = taken.get(key, 0) + draw_.amount
    for key, amount in taken.items():
        found = _exceeds(state, key, amount, _ours(state, key) + wanted.get(key, 0))
        if found is not None:
            return found
    return None


def _exceeds(state: State, key: str, amount: int, stands: int) -> tuple[Limit, int] | None:
    limit = limit_of(state, key)
    if limit is None or amount <= limit.amount - stands:
        return None
    return limit, max(0, limit.amount - stands)


def _ours(state: State, key: str) -> int:
    """What of a sum stands by acts of ours."""
    settlement = state.settlement
    return settlement.exposure.get(key, 0) - settlement.passive.get(key, 0)


# --- what is drawn of what others may still take back --------------------------------------------


def draws(state: State, needs: Iterable[tuple[Leg, int]]) -> list[Draw]:
    """What these legs would take of credits that may still be taken back, the oldest first.

    A customer's own goes first: what is posted, and neither held, nor owed to us, nor revocable.
    """
    found: list[Draw] = []
    own: dict[str, int] = {}
    left: dict[str, list[tuple[Credited, int]]] = {}
    for leg, amount in needs:
        key = f"customer/{leg.customer}/{leg.asset}"
        if key not in own:
            left[key] = _undrawn(state, leg.customer, leg.asset)
            revocable = sum(there for _, there in left[key])
            own[key] = ledger.available(state, leg.customer, leg.asset) - revocable
        rest = amount - min(amount, max(0, own[key]))
        own[key] -= amount - rest
        while rest > 0 and left[key]:
            credit, there = left[key].pop(0)
            taken = min(rest, there)
            found.append(Draw(credit, leg, taken))
            rest -= taken
            if there > taken:
                left[key].insert(0, (credit, there - taken))
    return found


def _undrawn(state: State, customer: str, asset: str) -> list[tuple[Credited, int]]:
    """The customer's credits that may be taken back, and how much of each nobody has drawn."""
    settlement = state.settlement
    if not settlement.passive.get(f"customer/{customer}/{asset}"):
        return []
    credits_ = [settlement.credits[subject] for subject in settlement.credits_open]
    mine = [each for each in credits_ if (each.customer, each.asset) == (customer, asset)]
    return [(each, there) for each in mine if (there := min(each.contingent, each.passive))]


def take(state: State, drawn: Sequence[Draw]) -> None:
    """What was let go of a credit is exposed by an act of ours from now on."""
    for credit, leg, amount in drawn:
        credit.drawn[leg.payment_id] = credit.drawn.get(leg.payment_id, 0) + amount
        leg.drawn += amount
        _call_passive(state, credit, -amount)


def give_back(state: State, leg: Leg) -> None:
    """The leg took nothing after all, or it came back whole: the customer has it again."""
    if not leg.drawn:
        return
    leg.drawn = 0
    settlement = state.settlement
    for credit in [settlement.credits[subject] for subject in settlement.credits_open]:
        amount = credit.drawn.pop(leg.payment_id, 0)
        _call_passive(state, credit, min(amount, credit.exposed - credit.passive))


def disposable(state: State, owing: Leg | Credited) -> int:
    """How much its customer has that may pay what is owed: nothing that is held, nor what others
    may still take back, nor what stands for another debt."""
    name, asset = owing.customer, owing.asset
    settlement = state.settlement
    passive = settlement.passive.get(f"customer/{name}/{asset}", 0) - _backed(owing)
    held = settlement.ledger.get(f"held/{name}/{asset}", 0)
    return max(0, ledger.posted(state, name, asset) - held - passive)


def pay(state: State, owing: Leg | Credited, amount: int) -> None:
    """A debt is paid: first of it what nobody drew, for that is what pays it."""
    if isinstance(owing, Credited):
        _call_passive(state, owing, -min(amount, _backed(owing)))
    expose(state, owing, -amount)


def _backed(owing: Leg | Credited) -> int:
    """What is owed of a credit of which nothing was drawn: the customer has it yet."""
    return min(owing.passive, ledger.owed(owing)) if isinstance(owing, Credited) else 0


def _call_passive(state: State, credit: Credited, amount: int) -> None:
    credit.passive += amount
    for key in keys(credit):
        state.settlement.passive[key] = state.settlement.passive.get(key, 0) + amount


# --- limits --------------------------------------------------------------------------------------


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
