"""What a token's books count as on its way, beside what is open and held: sums added up anew.

A sum that is off refuses what fits, or passes what does not. Each is looked at whenever what it is
of changed: one that is counted out as wrongly as it was counted in is right again at the end.
"""

from collections import Counter

from core.state import State
from core.token_state import NOBODY, Reserved

Mark = tuple[object, ...]


class Sums:
    """Watches the books of one token."""

    def __init__(self, token: str) -> None:
        self.off: list[str] = []
        self._token = token
        self._mark: Mark = ()

    def look(self, state: State) -> None:
        """A step was taken."""
        token = state.tokens.get(self._token)
        if token is None:
            return
        book = token.reserved
        mark = (token.blocks[0].block_hash, *book.open, *token.stated.values())
        if mark != self._mark:
            self._mark = mark
            self.off += [f"at {state.now}: {each}" for each in sums_off(book)]


def sums_off(book: Reserved) -> list[str]:
    """Each sum that is another than that of its parts."""
    groups, held = book.groups, book.balances
    moves = list(book.open.values())
    taken, given, arriving, joining, forced = (Counter[str]() for _ in range(5))
    for moved in moves:
        if moved.sender != NOBODY:
            given[moved.sender] += moved.value
            forced[moved.sender] += moved.forced
        if moved.receiver == NOBODY:
            continue
        taken[moved.receiver] += moved.value
        place = groups.get(moved.receiver, "")
        if moved.sender == NOBODY or groups.get(moved.sender, "") != place:
            arriving[place] += moved.value
        if moved.receiver not in held:
            joining[moved.receiver] += 1
    totals = Counter[str]()
    for address, balance in held.items():
        totals[groups.get(address, "")] += balance
    pairs = {
        "incoming": (book.incoming, taken),
        "outgoing": (book.outgoing, given),
        "arriving": (book.arriving, arriving),
        "newcomers": (book.newcomers, joining),
        "recovered": (book.recovered, forced),
        "short": (
            dict.fromkeys(book.short, 1),
            {who: 1 for who, units in given.items() if units > held.get(who, 0)},
        ),
        "totals": (book.totals, totals),
        "minting": (
            {"": book.minting},
            {"": sum(moved.value for moved in moves if moved.sender == NOBODY)},
        ),
        "supply": ({"": book.supply}, {"": sum(held.values())}),
    }
    return [
        f"{name} {key}: {counted.get(key, 0)}, and its parts come to {parts.get(key, 0)}"
        for name, (counted, parts) in pairs.items()
        for key in dict.fromkeys([*counted, *parts])
        if counted.get(key, 0) != parts.get(key, 0)
    ]
