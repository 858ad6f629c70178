"""From a scenario and a seed to a fault plan: listed faults as they stand, a storm's drawn.

The plan is stored with the run: seeds rot when code changes, plans do not.
"""

from scenarios.draw_rails import draw_own, draw_rails, drawn_at
from scenarios.draw_tokens import draw_tokens, kinds_of_tokens
from scenarios.model import FaultSpec, Scenario
from sim.dice import Dice, Stream
from sim.faults import KINDS, OF_RISK, UNABLE, Fault, happens_by_itself

SECOND = 1_000_000_000
# Drawn elsewhere.
APART = ("bank", "custodian", "chain", "token", "treasury")
# For a storm: one opportunity in how many at the mildest and at the worst, and how strong.
RATES = {
    "stream": (300, 20),
    "request": (120, 12),
    "statement": (80, 10),
    "node": (6000, 2000),
    "public": (300, 20),
}
# Of these there are few opportunities, or it takes many of them. They have dice of their own, so
# that what else a seed draws is as it was before there were these.
OF_THEIR_OWN = {
    "answer_late": (6, 1),
    "bust_overtakes": (40, 5),
    "exit_undone": (8, 2),
    "crash_cut_boot": (4, 1),
}
STRENGTHS = {
    "duplicate_frame": (0, 3000),
    "reorder_frame": (5, 400),
    "late_frame": (50, 900),
    "disconnect": (200, 5000),
    "disconnect_replay": (2, 12),
    "half_open": (2000, 20000),
    "slow_request": (100, 900),
    "rate_limited": (200, 1500),
    "stale_statement": (1000, 5000),
    "wild_statement": (1, 2),
    "empty_statement": (1, 2),
    "hand_trade": (1, 6),
    "hand_trade_untold": (1, 6),
    "bust": (3000, 20000),
    "correction": (3000, 20000),
    "liquidation": (1, 5),
    "adl": (1, 5),
    "transfer": (1, 500),
    "unlisted_credit": (1, 500),
    "fill_after_cancel": (1, 2),
    "crash": (200, 3000),
    "crash_torn_tail": (200, 3000),
    "crash_cut_tail": (1, 60),
    "mode_change": (3000, 9000),
    "multiplier_change": (35000, 60000),
    "public_duplicate_frame": (0, 3000),
    "public_reorder_frame": (5, 400),
    "public_late_frame": (50, 900),
    "public_disconnect": (200, 5000),
    "public_half_open": (2000, 20000),
    "answer_late": (100, 900),
    "bust_overtakes": (0, 8),
    "exit_undone": (9000, 25000),
    "crash_cut_boot": (20, 1500),
}
# Only people end these: drawn where the scenario has some.
FOR_PEOPLE = ("contradiction", "unlisted_credit")
# Drawn apart and only where there are limits: one opportunity in how many, mildest and worst.
RISK_RATES = {
    "engine_stalled": (120, 25),
    "engine_slow": (60, 10),
    "engine_crash": (150, 40),
    "engine_parted": (200, 40),
    "word_late": (60, 10),
    "word_lost": (60, 10),
    "word_twice": (40, 6),
    "word_overtaken": (60, 10),
    "word_of_before": (60, 10),
    "gate_crash": (200, 40),
    "gate_parted": (400, 80),
    "lease_late": (60, 10),
    "lease_lost": (60, 10),
    "lease_twice": (40, 6),
    "lease_of_before": (60, 10),
    "order_overtaken": (6, 2),
    "public_absurd": (400, 80),
    "price_jump": (1, 1),
}
# Theirs among the faults of venues and of market data, since they try limits.
OF_PRICES = ("public_absurd", "price_jump")
RISK_STRENGTHS = {
    "engine_stalled": (500, 12_000),
    "engine_slow": (20, 900),
    "engine_crash": (500, 8000),
    "engine_parted": (500, 8000),
    "word_late": (50, 5000),
    "word_twice": (0, 5000),
    "word_overtaken": (50, 5000),
    "gate_crash": (200, 5000),
    "gate_parted": (500, 8000),
    "lease_late": (50, 5000),
    "lease_twice": (0, 5000),
    "order_overtaken": (300, 3000),
    "public_absurd": (3, 400),
    "price_jump": (1, 9),
}
# How much later cash comes that is stuck between two venues.
STUCK_MS = (5_000, 60_000)
AT_COMMITS = ("crash_torn_tail", "crash_cut_tail")
RARE = (
    "disconnect",
    "disconnect_replay",
    "half_open",
    "key_expired",
    "public_disconnect",
    "public_half_open",
)


def plan_of(scenario: Scenario, seed: int, duration_ns: int) -> list[Fault]:
    """The plan of one run."""
    listed = [_as_fault(spec) for spec in scenario.faults]
    if scenario.storm is None:
        return listed
    dice = Dice(seed).stream("plan")
    kinds = _kinds(scenario)
    venues = [venue.dialect for venue in scenario.venues]
    drawn = []
    for kind in kinds:
        if KINDS[kind][0] in APART or kind in RISK_RATES:
            continue
        of_kind = Dice(seed).stream(f"plan/{kind}") if kind in OF_THEIR_OWN else dice
        for where in venues if KINDS[kind][0] != "node" else ["node"]:
            drawn += _draw(kind, where, of_kind, duration_ns)
    if scenario.settling is not None:
        drawn += draw_rails(scenario.settling.rails, kinds, dice, duration_ns)
    tokens = Dice(seed).stream("plan/tokens")
    issued = draw_tokens(scenario.tokens, kinds, tokens, duration_ns)
    drawn += _of_treasury(scenario, kinds, seed, duration_ns)
    drawn += issued + _of_risk(scenario, kinds, seed, duration_ns)
    if scenario.settling is not None:
        drawn += draw_own(scenario.settling.rails, kinds, seed, duration_ns)
    return listed + drawn


def _moves_cash(scenario: Scenario) -> bool:
    return any(each.kind == "arbitrage" for each in scenario.strategies)


def _of_treasury(scenario: Scenario, kinds: list[str], seed: int, duration_ns: int) -> list[Fault]:
    """What happens to cash between venues, where a strategy has it moved."""
    if not _moves_cash(scenario) or "credit_stuck" not in kinds:
        return []
    dice = Dice(seed).stream("plan/treasury")
    start = dice.below(max(1, duration_ns // 2))
    ends = start + duration_ns // 4 + dice.below(max(1, duration_ns // 2))
    least, most = STUCK_MS
    strength = dice.between(least, most)
    fault = Fault(
        kind="credit_stuck",
        where="treasury",
        start_ns=start,
        end_ns=ends,
        one_in=1 + dice.below(3),
        strength=strength,
    )
    return [fault] if dice.below(4) else []


def _of_risk(scenario: Scenario, kinds: list[str], seed: int, duration_ns: int) -> list[Fault]:
    """What goes wrong between node, engine, gates and prices."""
    dice = Dice(seed).stream("plan/risk")
    drawn: list[Fault] = []
    for kind in risk_kinds(scenario, kinds):
        present = dice.below(4) > 0
        start = dice.below(max(1, duration_ns // 2))
        length = duration_ns // 4 + dice.below(max(1, duration_ns // 2))
        intensity, strong = dice.below(101), dice.below(101)
        mild, worst = RISK_RATES[kind]
        lo, hi = RISK_STRENGTHS.get(kind, (0, 0))
        if present:
            one_in = mild - (mild - worst) * intensity // 100
            strength = lo + (hi - lo) * strong // 100
            every_ns = SECOND * (20 + (100 - intensity) // 2) if kind == "price_jump" else 0
            drawn.append(Fault(kind, "", start, start + length, one_in, strength, every_ns))
    return drawn


def risk_kinds(scenario: Scenario, kinds: list[str]) -> list[str]:
    """Of the kinds, those of risk that the scenario can have: without gates there are none of a
    gate, without limits none at all."""
    if scenario.limits is None:
        return []
    sites = [site for site in OF_RISK if site != "gate" or scenario.limits.gates]
    return [
        kind
        for kind in kinds
        if kind in RISK_RATES and (KINDS[kind][0] in sites or kind in OF_PRICES)
    ]


def kinds_drawn(scenario: Scenario) -> list[str]:
    """Every kind that some seed's plan of the scenario's storm may have."""
    if scenario.storm is None:
        return []
    kinds = _kinds(scenario)
    able = dict.fromkeys(kind for kind in kinds if KINDS[kind][0] == "node")
    for venue in scenario.venues:
        sites = ("stream", "request", "statement", "venue", "public")
        unable = UNABLE.get(venue.dialect, ())
        able |= dict.fromkeys(
            kind for kind in kinds if KINDS[kind][0] in sites and kind not in (*unable, *RISK_RATES)
        )
    for rail in scenario.settling.rails if scenario.settling is not None else ():
        able |= dict.fromkeys(drawn_at(rail, kinds))
    stuck = [kind for kind in kinds if kind == "credit_stuck" and _moves_cash(scenario)]
    able |= dict.fromkeys([*risk_kinds(scenario, kinds), *stuck])
    able |= dict.fromkeys(kinds_of_tokens(kinds) if scenario.tokens else ())
    return list(able)


def _kinds(scenario: Scenario) -> list[str]:
    """What the storm draws from."""
    storm = scenario.storm
    if storm is None:
        return []
    never = () if scenario.operators else FOR_PEOPLE
    kinds = [*storm.kinds] or [kind for kind in KINDS if kind not in never]
    return [kind for kind in kinds if kind not in storm.without]


def _draw(kind: str, where: str, dice: Stream, duration_ns: int) -> list[Fault]:
    """Each kind is there at each place three times in four, in a window, at its own intensity."""
    present = dice.below(4) > 0
    start = dice.below(max(1, duration_ns // 2))
    length = duration_ns // 4 + dice.below(max(1, duration_ns // 2))
    intensity = dice.below(101)
    lo, hi = STRENGTHS.get(kind, (0, 0))
    strength = lo + (hi - lo) * dice.below(101) // 100
    if not present or kind in UNABLE.get(where, ()):
        return []
    site = KINDS[kind][0]
    one_in, every_ns = 1, 0
    if kind == "key_expired":
        every_ns = SECOND * (60 + (100 - intensity))
    elif happens_by_itself(kind):
        every_ns = SECOND * (20 + (100 - intensity))
    elif kind.startswith("fill_after"):
        one_in = 120 - intensity
    else:
        mild, worst = OF_THEIR_OWN[kind] if kind in OF_THEIR_OWN else RATES[site]
        one_in = mild - (mild - worst) * intensity // 100
        one_in = one_in // 4 if kind in AT_COMMITS else one_in  # there are fewer than steps
        one_in *= 8 if kind in RARE else 2 if kind in FOR_PEOPLE else 1
    return [Fault(kind, where, start, start + length, one_in, strength, every_ns)]


def _as_fault(spec: FaultSpec) -> Fault:
    return Fault(
        kind=spec.kind,
        where=spec.where,
        start_ns=int(spec.from_s * SECOND),
        end_ns=int(spec.to_s * SECOND),
        one_in=spec.one_in,
        strength=spec.strength,
        every_ns=int(spec.every_s * SECOND),
        times_max=spec.times_max,
        line=spec.line,
        strikes=spec.strikes,
    )
