"""A storm's faults of rails: each kind at each keeper that can have it, at a drawn intensity.

A keeper's days are longer than a venue's minutes: what is drawn here is in its own proportions.
Faults that strike an opportunity (a payment, a frame, a request) are drawn as one in so many, those
that happen by themselves as a mean time between two of them.
"""

from collections.abc import Sequence

from scenarios.rails import RailSpec
from sim.dice import Dice, Stream
from sim.faults import KINDS, OF_KEEPERS, UNABLE, Fault

SECOND = 1_000_000_000
MINUTE, HOUR, DAY = 60, 3600, 86_400
WIRE = ("stream", "request", "statement")
# These have dice of their own, so that what else a seed draws is as it was before there were these.
OF_THEIR_OWN = ("reversed_twice", "tx_reorged_out")
# kind: one opportunity in so many, at the mildest and at the worst; strength from, to.
ONE_IN: dict[str, tuple[int, int, int, int]] = {
    "lost_frame": (40, 4, 0, 0),
    "duplicate_frame": (40, 4, 0, 3000),
    "reorder_frame": (40, 4, 100, 60_000),
    "late_frame": (60, 8, 1000, 60_000),
    "disconnect": (200, 30, 60_000, 3_600_000),
    "request_lost": (60, 8, 0, 0),
    "answer_lost": (60, 8, 0, 0),
    "slow_request": (60, 8, 1000, 15_000),
    "rate_limited": (60, 8, 1000, 30_000),
    "server_error": (60, 8, 0, 0),
    "server_error_after": (60, 8, 0, 0),
    "truncated_answer": (60, 8, 0, 0),
    "html_answer": (60, 8, 0, 0),
    "stale_statement": (60, 8, 600_000, 20_000_000),
    "wild_statement": (60, 8, 0, 0),
    "empty_statement": (60, 8, 0, 0),
    "payment_rejected": (20, 3, 0, 0),
    "rejected_but_booked": (3, 1, 0, 0),
    "payment_unanswered": (20, 3, 60_000, 7_200_000),
    "id_forgotten": (20, 2, 0, 0),
    "payment_denied": (20, 2, 1000, 14_400_000),
    "refusal_muted": (1, 1, 3_600_000, 400_000_000),
    "payment_late": (20, 3, 600_000, 40_000_000),
    "payment_held": (20, 3, 600_000, 40_000_000),
    "payment_returned": (6, 1, 0, 0),
    "return_dishonoured": (2, 1, 0, 0),
    "recalled": (8, 1, 0, 0),
    "change_notified": (8, 1, 0, 0),
    "fee_deducted": (12, 2, 1, 400),
    "fee_excessive": (12, 2, 1, 900),
    "amount_told_wrong": (12, 2, 1, 900),
    "amount_wrong": (12, 2, 1, 900),
    "lines_batched": (4, 1, 0, 0),
    "batch_wrong": (1, 1, 1, 900),
    "line_alike": (12, 2, 0, 0),
    "lines_identical": (12, 2, 0, 0),
    "statement_gap": (6, 2, 0, 0),
    "statement_untied": (6, 2, 600_000, 400_000_000),
    "document_unreadable": (12, 3, 600_000, 250_000_000),
    "line_twice": (20, 4, 0, 0),
    "return_unnamed": (3, 1, 0, 0),
    "notice_twice": (20, 3, 0, 60_000),
    "notice_disorder": (20, 3, 1000, 600_000),
    "completed_but_failed": (10, 2, 0, 0),
    "approval_hangs": (10, 2, 600_000, 20_000_000),
    "custody_replaced": (10, 2, 0, 0),
    "custody_failed": (10, 2, 0, 0),
    "webhook_forged": (10, 2, 0, 0),
    "deposit_reversed": (6, 1, 0, 0),
    "tx_unfunded": (20, 4, 60_000, 7_200_000),
    "tx_invalid": (20, 4, 0, 0),
    "tx_dropped": (12, 3, 0, 0),
    "tx_reverted": (12, 3, 0, 0),
    "nonce_taken": (30, 8, 1, 1_000_000),
    "node_lags": (60, 12, 60_000, 1_200_000),
    "node_lies": (60, 12, 0, 0),
    "answer_outlived": (1, 1, 1000, 10_000),
    "tx_reorged_out": (6, 1, 1, 24),
    "reversed_twice": (2, 1, 0, 0),
}
# kind: the mean seconds between two, at the mildest and at the worst; strength from, to.
BY_ITSELF: dict[str, tuple[int, int, int, int]] = {
    "credit_unreferenced": (4 * DAY, DAY, 1, 90_000),
    "debit_unannounced": (6 * DAY, DAY, 1, 5000),
    "interest_credited": (6 * DAY, DAY, 1, 5000),
    "confirmation_outage": (8 * DAY, 2 * DAY, 600_000, 30_000_000),
    "tx_underpriced": (2 * DAY, 4 * HOUR, 120_000, 3_600_000),
    "reorg": (DAY, 2 * HOUR, 1, 24),
    "nodes_split": (4 * DAY, 12 * HOUR, 600_000, 14_400_000),
    "finality_lost": (6 * DAY, DAY, 600_000, 7_200_000),
    "deposit": (DAY, 3 * HOUR, 100_000, 90_000_000),
    "deposit_vanishes": (2 * DAY, 6 * HOUR, 100_000, 90_000_000),
    "deposit_strange": (4 * DAY, DAY, 100_000, 90_000_000),
}


def draw_rails(
    rails: Sequence[RailSpec], kinds: Sequence[str], dice: Stream, duration_ns: int
) -> list[Fault]:
    """Each kind is there at each keeper three times in four, in a window, at its own intensity."""
    drawn = []
    for rail in rails:
        sites = (*WIRE, *OF_KEEPERS[rail.keeper])
        for kind in kinds:
            told = (kind in ONE_IN or kind in BY_ITSELF) and kind not in OF_THEIR_OWN
            if KINDS[kind][0] in sites and told:
                drawn += _draw(kind, rail, dice, duration_ns)
    return drawn


def draw_own(
    rails: Sequence[RailSpec], kinds: Sequence[str], seed: int, duration_ns: int
) -> list[Fault]:
    """The same of what has dice of its own."""
    drawn = []
    for kind in OF_THEIR_OWN:
        for rail in rails:
            if kind in kinds and KINDS[kind][0] in OF_KEEPERS[rail.keeper]:
                dice = Dice(seed).stream(f"plan/{kind}/{rail.name}")
                drawn += _draw(kind, rail, dice, duration_ns)
    return drawn


def drawn_at(rail: RailSpec, kinds: Sequence[str]) -> list[str]:
    """The kinds that may be drawn for a keeper."""
    sites = (*WIRE, *OF_KEEPERS[rail.keeper])
    unable = (*UNABLE.get(rail.name, ()), *UNABLE.get(rail.keeper, ()))
    told = (*ONE_IN, *BY_ITSELF)
    return [k for k in kinds if KINDS[k][0] in sites and k in told and k not in unable]


def _draw(kind: str, rail: RailSpec, dice: Stream, duration_ns: int) -> list[Fault]:
    present = dice.below(4) > 0
    start = dice.below(max(1, duration_ns // 2))
    length = duration_ns // 4 + dice.below(max(1, duration_ns // 2))
    intensity, how_strong = dice.below(101), dice.below(101)
    mild, worst, lo, hi = ONE_IN.get(kind) or BY_ITSELF[kind]
    strength = lo + (hi - lo) * how_strong // 100
    rate = mild - (mild - worst) * intensity // 100
    if not present or kind in (*UNABLE.get(rail.name, ()), *UNABLE.get(rail.keeper, ())):
        return []
    one_in, every_ns = (rate, 0) if kind in ONE_IN else (1, rate * SECOND)
    return [Fault(kind, rail.name, start, start + length, one_in, strength, every_ns)]
