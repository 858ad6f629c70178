"""A storm's faults of issued tokens: each kind at each token's chain, at a drawn intensity.

A key that is stolen with a holder who acts ends what a token permits: it is drawn for late in the
run, and rarely.
"""

from collections.abc import Sequence

from scenarios.tokens import TokenSpec
from sim.dice import Stream
from sim.faults import KINDS, Fault

SECOND = 1_000_000_000
# kind: one permission, question or signature in so many, mildest and worst; strength from, to.
ONE_IN: dict[str, tuple[int, int, int, int]] = {
    "use_late": (20, 5, 1000, 120_000),
    "use_never": (20, 5, 0, 0),
    "use_twice": (20, 5, 0, 0),
    "use_held": (12, 3, 5000, 110_000),
    "use_stuck": (30, 8, 120_000, 900_000),
    "signer_slow": (20, 5, 1000, 90_000),
    "signer_declines": (20, 5, 0, 0),
    "signer_out": (60, 15, 20_000, 600_000),
    "vault_slow": (12, 3, 1000, 180_000),
    "revocation_races": (20, 5, 0, 0),
    "epoch_races": (60, 15, 0, 0),
    "facts_race": (8, 2, 1000, 60_000),
    "sender_moves": (20, 5, 0, 0),
}
# kind: the mean seconds between two, mildest and worst.
BY_ITSELF: dict[str, tuple[int, int]] = {
    "epoch_raised": (7200, 1800),
    "paused_by_hand": (14400, 3600),
    "policy_tightened": (3600, 900),
    "policy_loosened": (3600, 900),
    "facts_changed": (1200, 300),
    "keys_stolen": (3600, 900),
}
FORGED = "authorization_forged"


def draw_tokens(
    tokens: Sequence[TokenSpec], kinds: Sequence[str], dice: Stream, duration_ns: int
) -> list[Fault]:
    """Each kind is there three times in four, in a window; a forgery once in three."""
    drawn = []
    for token in tokens:
        for kind in kinds_of_tokens(kinds):
            drawn += _draw(kind, token, dice, duration_ns)
    return drawn


def kinds_of_tokens(kinds: Sequence[str]) -> list[str]:
    """Of the kinds, those of a token."""
    return [kind for kind in kinds if KINDS[kind][0] == "token"]


def _draw(kind: str, token: TokenSpec, dice: Stream, duration_ns: int) -> list[Fault]:
    present, rare = dice.below(4) > 0, dice.below(3) == 0
    start = dice.below(max(1, duration_ns // 2))
    length = duration_ns // 4 + dice.below(max(1, duration_ns // 2))
    intensity, strong = dice.below(101), dice.below(101)
    where = token.rail
    if kind == FORGED:
        late = duration_ns * 7 // 10
        every = duration_ns // 10
        return [Fault(kind, where, late, duration_ns, every_ns=every, times_max=1)] if rare else []
    if not present:
        return []
    if kind in BY_ITSELF:
        mild, worst = BY_ITSELF[kind]
        every_ns = SECOND * (mild - (mild - worst) * intensity // 100)
        return [Fault(kind, where, start, start + length, every_ns=every_ns)]
    mild, worst, lo, hi = ONE_IN[kind]
    one_in, strength = mild - (mild - worst) * intensity // 100, lo + (hi - lo) * strong // 100
    return [Fault(kind, where, start, start + length, one_in, strength)]
