"""Whether one more movement can break a limit, whatever becomes of those that are open.

Base state is the finalized block. A movement that is open may happen or not, at any time and in any
order with the others; it happens only if its sender has the value then. What is forced moves all
that its sender has then: it is asked for with all that is there, while nothing is on its way there,
and nothing is let in after (core/authorizations.py), so that it can only be less.

Rule 1. A step breaks a limit where it leaves what the limit bounds beyond it and further beyond
than before: what was over already may shrink. What is open and could break a limit anyway (for the
limit is tighter now) is no reason to refuse another movement.
Rule 2. `objection` is right both ways as long as at most `SEARCHED_MAX` open movements bear on one
another: no movement passes that could make a step break a limit, and none is refused that could
not. Beyond that sums decide, which err only to the safe side.
Rule 3. Sums come first: what they let pass costs no search. They count every movement into an
account and none out of it. While somebody could not pay for all that is open, sums prove nothing.
"""

from core.token_state import NOBODY, Limits, Movement, Reserved

SEARCHED_MAX = 8

UNFUNDED = "unfunded"
LOCKED = "locked"
HOLDER_CAP = "holder_cap"
GROUP_CAP = "group_cap"
HOLDERS_CAP = "holders_cap"
SUPPLY_CAP = "supply_cap"
CROWDED = "crowded"


def objection(book: Reserved, limits: Limits, wanted: Movement) -> str:
    """The limit that it might break, `UNFUNDED` if it can never happen (or might not be paid for,
    where sums decide), or "" if nothing can go wrong."""
    doubt = by_sums(book, limits, wanted)
    if not doubt and not book.short:
        return ""
    bearing = _bearing(book, limits, wanted)
    if len(bearing) > SEARCHED_MAX:
        return doubt or CROWDED
    return _search(book, limits, [*bearing, wanted])


def reserve(book: Reserved, limits: Limits, name: str, wanted: Movement) -> str:
    """Hold it open, if nothing can go wrong; else why not, and nothing changes."""
    refusal = objection(book, limits, wanted)
    if refusal:
        return refusal
    book.open[name] = wanted
    _count(book, wanted, 1)
    return ""


def release(book: Reserved, name: str) -> None:
    """It is open no more: it never happens, or what happened is applied next."""
    _count(book, book.open.pop(name), -1)


def apply(book: Reserved, moved: Movement) -> None:
    """The final state, one movement later."""
    for address, change in ((moved.sender, -moved.value), (moved.receiver, moved.value)):
        if address == NOBODY:
            book.supply -= change
            continue
        _expect(book, address, -1)
        balance = book.balances.pop(address, 0) + change
        if balance:
            book.balances[address] = balance
        _add(book.totals, book.groups.get(address, ""), change)
        _expect(book, address, 1)
        _mark_short(book, address)


def regroup(book: Reserved, address: str, group: str) -> None:
    """The holder's mark is another one from now on."""
    held = book.balances.get(address, 0)
    was = book.groups.get(address, "")
    if was == group:
        return
    moves = [each for each in book.open.values() if address in (each.sender, each.receiver)]
    for each in moves:
        _count(book, each, -1)
    _add(book.totals, was, -held)
    book.groups[address] = group
    _add(book.totals, group, held)
    for each in moves:
        _count(book, each, 1)


def excesses(book: Reserved, limits: Limits) -> dict[str, int]:
    """By how much what is final passes each limit; 0 or less where it does not."""
    found = dict[str, int]()
    if limits.holders_max >= 0:
        found["holders"] = len(book.balances) - limits.holders_max
    if limits.supply_max >= 0:
        found["supply"] = book.supply - limits.supply_max
    for group, bound in limits.groups.items():
        if bound >= 0:
            found[f"group {group}"] = book.totals.get(group, 0) - bound
    for address, held in book.balances.items():
        if limits.holder_max >= 0:
            found[f"holder {address}"] = held - limits.holder_max
    return found


# --- sums -----------------------------------------------------------------------------------------


def by_sums(book: Reserved, limits: Limits, wanted: Movement) -> str:
    """The first limit that sums cannot vouch for: all that is open comes in, nothing goes out."""
    sender, receiver, value = wanted.sender, wanted.receiver, wanted.value
    if sender != NOBODY:
        left = book.balances.get(sender, 0) - book.outgoing.get(sender, 0) - value
        # What is forced may leave others that are open with too little.
        least = 0 if sender not in book.outgoing else book.locked.get(sender, 0)
        if left < max(least, _locked(book, wanted)):
            return LOCKED if left >= 0 else UNFUNDED
        # Whoever leaves and may come back joins anew: it matters where there are too many already.
        if left == 0 and sender in book.incoming and _is_full(book, limits, sender):
            return HOLDERS_CAP
    elif 0 <= limits.supply_max < book.supply + book.minting + value:
        return SUPPLY_CAP
    if receiver == NOBODY:
        return ""
    held = book.balances.get(receiver, 0)
    if 0 <= limits.holder_max < held + book.incoming.get(receiver, 0) + value:
        return HOLDER_CAP
    group = book.groups.get(receiver, "")
    if crosses(book, wanted):
        bound = limits.groups.get(group, -1)
        if 0 <= bound < book.totals.get(group, 0) + book.arriving.get(group, 0) + value:
            return GROUP_CAP
    # Whoever may have left by then joins anew.
    if held <= book.outgoing.get(receiver, 0) and _is_full(book, limits, receiver):
        return HOLDERS_CAP
    return ""


def _locked(book: Reserved, moved: Movement) -> int:
    """How much must stay with its sender."""
    return 0 if moved.forced else book.locked.get(moved.sender, 0)


def crosses(book: Reserved, moved: Movement) -> bool:
    """Whether it brings value into the receiver's group from outside."""
    if moved.sender == NOBODY:
        return True
    return book.groups.get(moved.sender, "") != book.groups.get(moved.receiver, "")


def _is_full(book: Reserved, limits: Limits, receiver: str) -> bool:
    """Whether there might be too many holders if all came that are on their way, and this one."""
    joins = receiver not in book.balances and receiver not in book.newcomers
    return 0 <= limits.holders_max < len(book.balances) + len(book.newcomers) + joins


def _count(book: Reserved, moved: Movement, sign: int) -> None:
    """Into the sums, or out of them."""
    value = sign * moved.value
    if moved.sender == NOBODY:
        book.minting += value
    else:
        _add(book.outgoing, moved.sender, value)
        _mark_short(book, moved.sender)
        if moved.forced:
            _add(book.recovered, moved.sender, sign)
    if moved.receiver != NOBODY:
        _add(book.incoming, moved.receiver, value)
        if crosses(book, moved):
            _add(book.arriving, book.groups.get(moved.receiver, ""), value)
        if moved.receiver not in book.balances:
            _add(book.newcomers, moved.receiver, sign)


def _expect(book: Reserved, address: str, sign: int) -> None:
    """Whoever holds nothing and may come to hold something is a newcomer: counted in, or out."""
    if address not in book.balances:
        due = sum(1 for each in book.open.values() if each.receiver == address)
        if due:
            _add(book.newcomers, address, sign * due)


def _mark_short(book: Reserved, address: str) -> None:
    if book.outgoing.get(address, 0) > book.balances.get(address, 0):
        book.short[address] = None
    else:
        book.short.pop(address, None)


def _add(sums: dict[str, int], key: str, change: int) -> None:
    total = sums.get(key, 0) + change
    if total:
        sums[key] = total
    else:
        sums.pop(key, None)


# --- the search -----------------------------------------------------------------------------------


def _bearing(book: Reserved, limits: Limits, wanted: Movement) -> list[Movement]:
    """The open movements that bear on it, directly or by way of others.

    Two bear on one another by a holder in common; by a group whose bound sums cannot vouch for; and
    all do where the number of holders, or the supply, is in doubt.
    """
    left = list(book.open.values())
    if _is_doubtful(book, limits, wanted):
        return left
    known = set(_marks(book, limits, wanted, wanted))
    found: list[Movement] = []
    grown = True
    while grown and left:
        near = [each for each in left if not known.isdisjoint(_marks(book, limits, each, wanted))]
        left = [each for each in left if each not in near]
        found += near
        for each in near:
            known.update(_marks(book, limits, each, wanted))
        grown = bool(near)
    return found


def _is_doubtful(book: Reserved, limits: Limits, wanted: Movement) -> bool:
    """Whether the number of holders or the supply might pass its bound, if all came in."""
    minted = wanted.value if wanted.sender == NOBODY else 0
    return _is_full(book, limits, wanted.receiver) or (
        0 <= limits.supply_max < book.supply + book.minting + minted
    )


def _marks(book: Reserved, limits: Limits, moved: Movement, wanted: Movement) -> list[str]:
    """By what it may bear on others: its holders, and the groups that are in doubt."""
    marks = []
    for address in (moved.sender, moved.receiver):
        if address == NOBODY:
            continue
        marks.append(address)
        group = book.groups.get(address, "")
        due = book.totals.get(group, 0) + book.arriving.get(group, 0) + wanted.value
        if 0 <= limits.groups.get(group, -1) < due:
            marks.append(f"group {group}")
    return marks


def _search(book: Reserved, limits: Limits, moves: list[Movement]) -> str:
    """Every order of every subset, by the states that they lead to; the last one is the wanted.

    A state is the set of those that happened: which order led there matters no more.
    """
    last = len(moves) - 1
    states = _states(book, moves)
    for number in range(last):
        before = _broken(book, limits, moves, states, number, last, after=False)
        news = _broken(book, limits, moves, states, number, last, after=True) - before
        if news:
            return min(news)
    own = _broken(book, limits, moves, states, last, last, after=False)
    if own:
        return min(own)
    wanted = moves[last]
    return "" if any(_can_pay(state, wanted) for state in states.values()) else UNFUNDED


def _broken(
    book: Reserved,
    limits: Limits,
    moves: list[Movement],
    states: dict[int, "Reach"],
    number: int,
    last: int,
    *,
    after: bool,
) -> set[str]:
    """Which limits this one may break, before the wanted one happens or after it did."""
    moved = moves[number]
    found = set[str]()
    for happened, state in states.items():
        if happened >> number & 1 or bool(happened >> last & 1) != after:
            continue
        if _can_pay(state, moved):
            found.update(breaks(state, book, limits, moved))
    return found


class Reach:
    """A state that some order leads to: what differs from the final one."""

    __slots__ = ("held", "holders", "supply", "totals")

    def __init__(
        self, held: dict[str, int], totals: dict[str, int], holders: int, supply: int
    ) -> None:
        self.held = held
        self.totals = totals
        self.holders = holders
        self.supply = supply


def _states(book: Reserved, moves: list[Movement]) -> dict[int, Reach]:
    """Each state that can be reached, by the set of movements that led to it."""
    held, totals = dict[str, int](), dict[str, int]()
    for moved in moves:
        for address in (moved.sender, moved.receiver):
            if address != NOBODY:
                held[address] = book.balances.get(address, 0)
                group = book.groups.get(address, "")
                totals[group] = book.totals.get(group, 0)
    states = {0: Reach(held, totals, len(book.balances), book.supply)}
    for happened in range(1 << len(moves)):
        before = states.get(happened)
        if before is None:
            continue
        for number, moved in enumerate(moves):
            after = happened | 1 << number
            if after not in states and after != happened and _can_pay(before, moved):
                states[after] = _after(before, book, moved)
    return states


def _can_pay(before: Reach, moved: Movement) -> bool:
    return moved.sender == NOBODY or before.held[moved.sender] >= max(1, _value(before, moved))


def _value(before: Reach, moved: Movement) -> int:
    return before.held[moved.sender] if moved.forced else moved.value


def _after(before: Reach, book: Reserved, moved: Movement) -> Reach:
    held, totals = dict(before.held), dict(before.totals)
    supply, value = before.supply, _value(before, moved)
    for address, change in ((moved.sender, -value), (moved.receiver, value)):
        if address == NOBODY:
            supply -= change
        else:
            held[address] += change
            totals[book.groups.get(address, "")] += change
    return Reach(held, totals, before.holders + _joins(before, moved), supply)


def _joins(before: Reach, moved: Movement) -> int:
    """By how many the holders become more: one that comes less one that leaves."""
    comes = moved.receiver != NOBODY and before.held[moved.receiver] == 0
    leaves = moved.sender != NOBODY and before.held[moved.sender] == _value(before, moved)
    return int(comes) - int(leaves)


def breaks(before: Reach, book: Reserved, limits: Limits, moved: Movement) -> list[str]:
    """The limits that this step breaks."""
    sender, receiver, value = moved.sender, moved.receiver, _value(before, moved)
    found = []
    if sender != NOBODY and before.held[sender] - value < _locked(book, moved):
        found.append(LOCKED)
    if sender == NOBODY and 0 <= limits.supply_max < before.supply + value:
        found.append(SUPPLY_CAP)
    if receiver == NOBODY:
        return found
    if 0 <= limits.holder_max < before.held[receiver] + value:
        found.append(HOLDER_CAP)
    group = book.groups.get(receiver, "")
    if crosses(book, moved) and 0 <= limits.groups.get(group, -1) < before.totals[group] + value:
        found.append(GROUP_CAP)
    joins = _joins(before, moved)
    if joins > 0 and 0 <= limits.holders_max < before.holders + joins:
        found.append(HOLDERS_CAP)
    return found
