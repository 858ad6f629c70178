"""How a lease tightens with age: of what it left unspent, how much may still be spent.

Rule. A gate whose node has stalled is tighter within one heartbeat, and closed when its lease ends:
never later. Age counts from the gate's own request, so that no delay of an answer adds to it.
"""

# From so many heartbeats of age on, so many thousandths of what the lease left unspent are open.
CURVE: tuple[tuple[int, int], ...] = (
    (0, 1000),
    (1, 500),
    (2, 250),
    (3, 100),
)


def permille(age_ns: int, heartbeat_ns: int, ttl_ns: int) -> int:
    """The curve at an age; 0 from the end of the lease on, and for an age that cannot be."""
    if age_ns < 0 or age_ns >= ttl_ns or heartbeat_ns <= 0:
        return 0
    beats = age_ns // heartbeat_ns
    open_now = 0
    for since, share in CURVE:
        if beats >= since:
            open_now = share
    return open_now


def tightened(budget: int, spent_at_grant: int, open_now: int) -> int:
    """The ceiling on what may have been spent in all, rounded down."""
    left = budget - spent_at_grant
    if left <= 0:
        return budget
    return spent_at_grant + left * open_now // 1000
