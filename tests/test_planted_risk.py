"""Planted bugs of risk: each guard removed once makes a named claim of a catalogue run fail."""

from __future__ import annotations

import pytest

from scenarios.model import find
from tests.planting import Bug, must_be_seen, seeds_of
from tieout.runs import OF_RISK, STANDARD, run

CLAIMS = {spec.figure: spec.claim for spec in (*STANDARD, *OF_RISK)}
OVER = CLAIMS["limit_breaches"]
FLIPS = CLAIMS["risk.flips"]
AGREE = CLAIMS["risk.engine_halted"]
OVERDUE = CLAIMS["risk.word_overdue_seconds"]
KEPT = CLAIMS["risk.reserved_when_over"]
OLD_PRICES = CLAIMS["risk.decided_by_old_prices"]
BACKWARDS = CLAIMS["risk.words_backwards"]
LENT_TWICE = CLAIMS["risk.lent_beyond"]
KEPT_IN = CLAIMS["exits_refused"]
OPENED = CLAIMS["risk.opened_wrongly"]
STATED = CLAIMS["risk.stated_wrongly"]
OVERSPENT = CLAIMS["counts.refused/LEASE_OVERSPENT"]
ENDED = "nothing is let through on a lease that has ended"
HALF = "from a heartbeat on at most half of what was left is spent"
ALONE = "it was disabled without anybody asking"
LENT = "the node never had to refuse what a living lease covered"
LIMITED = "nor what a limit did"

BUGS = (
    Bug(
        "limits that are loaded later change nothing at the gate",
        "risk.adapter:LimitGate.follow",
        "if event.slots:",
        "if event.slots and desk is None:",
        "limits_change",
        range(1),
        OVER,
    ),
    Bug(
        "an order without an outcome gives its reservation back",
        "risk.desk:Desk._follow",
        "if order.reserved <= 0:",
        "if order.reserved <= 0 or order.status == 'unknown':",
        "unknown_order_holds_limit",
        range(1, 2),
        OVER,
    ),
    Bug(
        "an order that is over for its venue reserves nothing of what it claims",
        "core.leases:_follow",
        "_hold(state, order, min(order.reserved, left))",
        "_hold(state, order, 0)",
        "unknown_order_holds_limit",
        range(1),
        OVER,
    ),
    Bug(
        "a position is what is held, without what is open",
        "risk.controls:own",
        "way.long + extra > way.position_max",
        "way.position + extra > way.position_max",
        "unknown_order_holds_limit",
        range(1),
        OVER,
    ),
    Bug(
        "the firm's sum is not asked",
        "risk.controls:shared",
        "code = over(firm.scope, side, value, grows, reduces)",
        "code = codes.PASSED",
        "systemic_across_strategies",
        range(1),
        OVER,
    ),
    Bug(
        "an asset's sum is not asked",
        "risk.controls:shared",
        "code = over(holding.asset, side, value, grows, reduces)",
        "code = codes.PASSED",
        "systemic_across_venues",
        range(1),
        OVER,
    ),
    Bug(
        "an inverse contract is worth nothing",
        "risk.desk:value_of",
        "kept.value_flat = -(-worth // 10 ** (8 + 8 + 12))",
        "kept.value_flat = 1",
        "systemic_across_venues",
        range(1),
        OVER,
    ),
    Bug(
        "exits do not count one another",
        "risk.controls:only_reduces",
        "return way.short + lots <= 0 and holding.short + lots",
        "return way.position >= lots and lots - holding.position",
        "flip_through_reduce_only",
        range(2),
        FLIPS,
    ),
    Bug(
        "a lease does not end",
        "risk.lease:Lease.tighten",
        "firm.open_until = cold.since + risk.ttl_ns - 1",
        "firm.open_until = now",
        "cold_path_stalls",
        range(1),
        ENDED,
    ),
    Bug(
        "a lease's age counts from the answer",
        "core.cold:heard",
        "cold.since = cold.asked[str(event.request)]",
        "cold.since = state.now",
        "cold_path_stalls",
        range(1, 2),
        ENDED,
    ),
    Bug(
        "a lease does not tighten",
        "risk.lease:Lease.tighten",
        "permille(now - cold.since, risk.heartbeat_ns, risk.ttl_ns)",
        "1000",
        "cold_path_stalls",
        range(2, 3),
        HALF,
    ),
    Bug(
        "a price that leaps is believed at once",
        "venues.public:MarketData._is_due",
        "elif not self._stays(instrument, middle, LEAP_LOOKS):",
        "elif False:",
        "absurd_prices",
        range(1),
        OVER,
    ),
    Bug(
        "refusals disable nobody",
        "core.strategies:on_refused",
        "if len(strategy.refused_at) <= terms.refusals_max:",
        "if True:",
        "runaway_strategy",
        range(1),
        ALONE,
    ),
    Bug(
        "the engine forgets the short side of what it keeps up",
        "risk.engine:Engine.change",
        "self.short_of[cell] = short = worth",
        "short = worth",
        "systemic_across_strategies",
        range(1),
        AGREE,
    ),
    Bug(
        "what is lent to others is lent again",
        "core.leases:_budget",
        "most = min(spent + share, _ceiling(epoch, name) + room)",
        "most = spent + line.limit",
        "three_gates_one_limit",
        range(1, 2),
        LIMITED,
    ),
    Bug(
        "a gate forgets what it spent",
        "risk.lease_holder:LeaseHolder.spend",
        "self._spent[use.line] = self._spent.get(use.line, 0) + use.amount",
        "self._spent[use.line] = 0",
        "three_gates_one_limit",
        range(1),
        LENT,
    ),
    # what a storm is asked, whatever else it claims
    Bug(
        "a lease does not end, in a storm",
        "risk.lease:Lease.tighten",
        "firm.open_until = cold.since + risk.ttl_ns - 1",
        "firm.open_until = now",
        "storm_risk",
        range(23, 24),
        OVERDUE,
    ),
    Bug(
        "what was rejected or cancelled keeps its reservation",
        "core.leases:_follow",
        "effects = _hold(state, order, min(order.reserved, left))",
        "return _hold(state, order, left)",
        "storm_risk",
        range(1),
        KEPT,
    ),
    Bug(
        "what a cut lost is not read back before entries pass",
        "core.gate:BreakGate.check",
        "if state.cut:",
        "if state.cut and wish.price == 0:",
        "entries_wait_for_what_was_cut",
        range(37, 38),
        OVER,
    ),
    Bug(
        "a fill that was undone keeps its order's reservation",
        "core.leases:_due",
        "claimed(order) if is_awaited(state, order) else 0",
        "claimed(order)",
        "storm_risk",
        range(489, 490),
        KEPT,
    ),
    Bug(
        "a gate forgets what it spent, in a storm",
        "risk.lease_holder:LeaseHolder.spend",
        "self._spent[use.line] = self._spent.get(use.line, 0) + use.amount",
        "self._spent[use.line] = 0",
        "storm_risk",
        range(1, 2),
        OVERSPENT,
    ),
    Bug(
        "a stale price is a price",
        "risk.controls:own",
        "now - holding.reference_at > holding.reference_age_max",
        "False",
        "storm_risk",
        range(1),
        OLD_PRICES,
    ),
    Bug(
        "an older grant is held, though it closes the gate",
        "risk.lease_holder:LeaseHolder.on_granted",
        "grant.sequence > self.sequence",
        "grant.sequence != self.sequence",
        "storm_risk",
        range(1, 2),
        BACKWARDS,
    ),
    Bug(
        "an older word of the engine takes the place of a newer",
        "core.cold:heard",
        "newer = place > (cold.epoch, cold.sequence)",
        "newer = True",
        "storm_risk",
        range(1),
        BACKWARDS,
    ),
    Bug(
        "what a gate spent on orders that have not come is lent again",
        "core.leases:unspent",
        "_ceiling(epoch, name) - epoch.spent.get(name, 0)",
        "_ceiling(epoch, name) - _spent(epoch, name)",
        "storm_risk",
        range(5, 6),
        LENT_TWICE,
    ),
    Bug(
        "a buy that closes a disputed short takes our word against the venue's",
        "risk.controls:only_reduces",
        "holding.long + lots <= min(0, -holding.disputed)",
        "holding.long + lots <= min(0, holding.disputed)",
        "storm_risk",
        range(1),
        KEPT_IN,
    ),
    Bug(
        "a new word changes no limit while it is as fresh as the word before",
        "risk.lease:Lease.heard",
        "self.open_now = CLOSED",
        "pass",
        "storm_risk",
        range(5, 6),
        OPENED,
    ),
    Bug(
        "a contract's new size does not make the engine's price of it stale",
        "risk.engine:Engine.listing",
        "self.as_of[number] = 0",
        "pass",
        "storm_risk",
        range(1, 2),
        STATED,
    ),
)


def failing(name: str, seed: int) -> dict[str, str]:
    """The claims that fail, with their figures."""
    outcome = run(find(name), seed, short=True, sampled=False)
    return {each.claim: each.figure for each in outcome.claims if not each.held}


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_planted_bug_makes_its_claim_fail(bug: Bug, monkeypatch: pytest.MonkeyPatch) -> None:
    must_be_seen(bug, monkeypatch, failing)


@pytest.mark.parametrize("name", sorted({bug.scenario for bug in BUGS}))
def test_without_a_bug_every_claim_holds_on_the_same_seeds(name: str) -> None:
    for seed in seeds_of(BUGS, name):
        assert failing(name, seed) == {}
