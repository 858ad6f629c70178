"""A limit's headroom shared among gates by what they ask for; the shares never exceed it.

The share is max-min fair: who asks for little gets all of it, and the rest is shared evenly among
those who ask for more. So a gate that runs away and asks for everything starves no other. Shares
are whole units; the odd ones go to who asks for most, of equals to the last by name.
"""

from collections.abc import Mapping

from risk.records import Exposure


def headroom(limit: int, exposure: Exposure, side: str, outstanding: int) -> int:
    """What may still be granted under a limit, open reservations and unspent grants deducted.

    A stale reference gives no new budget, nor does a net that is short of zero give more than the
    limit: it is gone as soon as what hedges is closed.
    """
    if exposure.stale:
        return 0
    used = {"long": exposure.long, "short": exposure.short, "gross": exposure.gross}[side]
    return max(0, limit - max(0, used) - outstanding)


def allocate(room: int, demands: Mapping[str, int]) -> dict[str, int]:
    """Each gate's grant. The same demands give the same grants, in whichever order they came."""
    assert room >= 0
    grants = dict.fromkeys(sorted(demands), 0)
    # From the smallest: whoever is below an even share of what is left is served in full.
    waiting = sorted(grants, key=lambda gate: (max(0, demands[gate]), gate))
    for served, gate in enumerate(waiting):
        share = room // (len(waiting) - served)
        grants[gate] = min(max(0, demands[gate]), share)
        room -= grants[gate]
    return grants
