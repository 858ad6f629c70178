"""What a token's books count as on its way, beside what is open and held: sums added up anew.

A sum that is off once stays off, and from then on refuses what fits, or passes what does not.
"""

from collections import Counter

from core.token_state import NOBODY, Reserved


def sums_off(book: Reserved) -> list[str]:
    """Each sum that is another than that of its parts."""
    groups, held = book.groups, book.balances
    moves = list(book.open.values())
    taken, given, arriving, joining = (Counter[str]() for _ in range(4))
    for moved in moves:
        if moved.sender != NOBODY:
            given[moved.sender] += moved.value
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
