"""Planted bugs of settlement: each guard removed once makes a named claim of a run fail.

A table of bugs is a table of what the claims can see. Where two guards stand behind one another,
the bug takes away what both guard.
"""

from __future__ import annotations

import pytest

from tests.planting import Bug, locate, planted
from tests.rail_worlds import world
from tieout.runs import OF_SETTLEMENT, STANDARD, run

CLAIMS = {spec.figure: spec.claim for spec in (*STANDARD, *OF_SETTLEMENT)}
SILENT = CLAIMS["silent_differences"]
WRONGLY = CLAIMS["wrongly_settled"]
DOUBLED = CLAIMS["settlement.doubled"]
LEDGER = CLAIMS["settlement.ledger_faults"]
STANDS = CLAIMS["settlement.differences"]
PENDING = CLAIMS["settlement.pending"]
TOLD = CLAIMS["settlement.told_wrongly"]
ENDED = CLAIMS["settlement.astray"]
BALANCES = CLAIMS["settlement.balances_off"]
IN_TRUTH = CLAIMS["settlement.over_limit_in_truth"]
LEFT = CLAIMS["settlement.outstanding"]
JUDGED = CLAIMS["settlement.misjudged"]

BUGS = (
    Bug(
        'a line is booked as often as it is told',
        'core.lines:on_line',
        'account.seen[key] = content',
        'pass',
        'calm_wires',
        range(1),
        SILENT,
    ),
    Bug(
        'a request that is told again is another one',
        'core.transfers:on_requested',
        'if known is not None:\n        return _again(state, known, content)',
        'pass',
        'calm_wires',
        range(1),
        BALANCES,
    ),
    Bug(
        'another body under a known id takes the place of the first',
        'core.transfers:_again',
        'if known.content == content:',
        'if False:',
        'calm_wires',
        range(1),
        JUDGED,
    ),
    Bug(
        'another body is an echo',
        'core.transfers:_again',
        'if known.content == content:',
        'if True:',
        'calm_wires',
        range(1),
        JUDGED,
    ),
    Bug(
        'what has no answer is sent again under a new id',
        'core.payments:_chase',
        'effects.append(query(leg))',
        "from msgspec.structs import replace\n        effects.append(replace(instruction(leg), payment_id=leg.payment_id + 'x'))",
        'no_answers',
        range(1),
        STANDS,
    ),
    Bug(
        'what has no answer is sent again unasked',
        'core.payments:_chase',
        'effects.append(query(leg))',
        'effects.append(instruction(leg))',
        'unanswered',
        range(1),
        STANDS,
    ),
    Bug(
        'what they do not have is never sent again',
        'core.payments:on_missing',
        'return [instruction(leg), _arm(state, leg, event.received_at)]',
        'return [_arm(state, leg, event.received_at)]',
        'no_answers',
        range(1),
        BALANCES,
    ),
    Bug(
        'silence settles without reading the record',
        'core.payments:_chase',
        'return request_backfill(state, state.accounts[leg.account], now)',
        'return settle(state, leg, 0, now)',
        'storm_rails',
        range(1, 2),
        BALANCES,
    ),
    Bug(
        'silence settles by a record that was read before its deadline',
        'core.payments:on_backfilled',
        'account.backfill.started_at <= leg.silent_until',
        'False',
        'returns',
        range(1),
        WRONGLY,
    ),
    Bug(
        'an acceptance settles',
        'core.payments:on_reported',
        'if event.status == "settled" and',
        'if event.status in ("settled", "accepted") and',
        'calm_wires',
        range(1),
        WRONGLY,
    ),
    Bug(
        'a definite no is not heard',
        'core.payments:on_reported',
        'if event.status in DEFINITE:',
        'if False:',
        'rejected',
        range(1),
        STANDS,
    ),
    Bug(
        'the highest of two final blocks is taken',
        'core.chain:on_head',
        'lowest = min(',
        'lowest = max(',
        'reorgs',
        range(1),
        STANDS,
    ),
    Bug(
        'a block that is mined settles',
        'core.chain:_if_final',
        'if not chain.agreed or event.block_number > chain.agreed:',
        'if False:',
        'reorgs',
        range(1),
        WRONGLY,
    ),
    Bug(
        'a reverted transaction settles',
        'core.chain:_if_final',
        'if event.succeeded:',
        'if True:',
        'reorgs',
        range(1),
        WRONGLY,
    ),
    Bug(
        'a nonce is used twice',
        'core.chain:send',
        'chain.next_nonce += 1',
        'chain.next_nonce += state.now % 2',
        'mempool',
        range(1),
        BALANCES,
    ),
    Bug(
        'a fee is raised under another nonce',
        'core.chain:_bump',
        'count(state, f"fee_bumps/{leg.account}")',
        'if leg.nonce >= 0:\n        leg.nonce = of(state, leg.account).next_nonce\n        of(state, leg.account).next_nonce += 1',
        'mempool',
        range(1),
        DOUBLED,
    ),
    Bug(
        'what a node forgot is not sent again',
        'core.chain:on_transaction',
        'return [_broadcast(leg, attempt)]',
        'return []',
        'mempool',
        range(3),
        BALANCES,
    ),
    Bug(
        'bytes are signed anew after a restart',
        'core.chain:after_restart',
        'if not leg.attempts:\n        return _sign_first(state, leg)',
        'leg.attempts.clear()\n    leg.spends = ()\n    if leg.nonce >= 0:\n        leg.nonce = of(state, leg.account).next_nonce\n        of(state, leg.account).next_nonce += 1\n    if True:\n        return _sign_first(state, leg)',
        'mempool',
        range(1),
        STANDS,
    ),
    Bug(
        'what may come back counts against no limit',
        'core.payments:settle',
        'if leg.revocable_until > at:\n        memorise(state, leg, leg.amount, frame)',
        'if leg.revocable_until > at:\n        memorise(state, leg, leg.amount, frame)\n        expose(state, leg, -leg.exposed)',
        'fiat_in_crypto_out_reversed',
        range(2),
        IN_TRUTH,
    ),
    Bug(
        'limits are not asked',
        'core.transfers:on_requested',
        'or _over_limit(state, legs)',
        '',
        'limits',
        range(1),
        IN_TRUTH,
    ),
    Bug(
        'a failure leaves its amount in the limits',
        'core.payments:end',
        'expose(state, leg, -leg.exposed)',
        'pass',
        'rejected',
        range(1),
        TOLD,
    ),
    Bug(
        'a failure does not give back what was sent',
        'core.payments:end',
        'book(state, "fail", leg.payment_id, frame, _negated(_sent_lines(leg)))',
        'pass',
        'rejected',
        range(1),
        LEDGER,
    ),
    Bug(
        'a return books nothing that is owed',
        'core.payments:_returned_lines',
        'return ((transit, -amount), (f"receivable/{leg.customer}/{leg.asset}", amount))',
        'return ((transit, -amount), (f"loss/{leg.asset}", amount))',
        'returns',
        range(1),
        BALANCES,
    ),
    Bug(
        'a return before settlement is owed by the customer',
        'core.payments:_returned_lines',
        'if was != "settled":',
        'if False:',
        'returns',
        range(1),
        BALANCES,
    ),
    Bug(
        'a dishonoured return stays returned',
        'core.payments:on_return_reported',
        'if event.dishonours:',
        'if False:',
        'returns',
        range(3),
        STANDS,
    ),
    Bug(
        'a rate holds for ever',
        'core.transfers:_exchange',
        'if state.now > leg.expires_at:',
        'if False:',
        'legs',
        range(1),
        ENDED,
    ),
    Bug(
        'a customer releases his own transfer',
        'core.transfers:on_released',
        'if not event.approver or event.approver in (transfer.requested_by, transfer.customer):',
        'if False:',
        'people',
        range(1),
        ENDED,
    ),
    Bug(
        'screening is not waited for',
        'core.transfers:_may_go',
        'cleared = bool(transfer.approver) and transfer.screened == "clear"',
        'cleared = bool(transfer.approver)',
        'people',
        range(3),
        ENDED,
    ),
    Bug(
        'a hit leaves the transfer waiting',
        'core.transfers:on_screened',
        'return _cancel_rest(state, transfer, "SCREENING_HIT", event.reference)',
        'return []',
        'people',
        range(1),
        ENDED,
    ),
    Bug(
        'an undo asks for no limit',
        'core.transfers:_undo',
        'if over(state, [back]) is not None:',
        'if False:',
        'legs',
        range(1),
        IN_TRUTH,
    ),
    Bug(
        'nothing is undone',
        'core.transfers:_undo',
        'leg.undone = True',
        'return []',
        'legs',
        range(1),
        TOLD,
    ),
    Bug(
        'a leg starts while the one before it may come back',
        'core.transfers:_go_on',
        'if leg.status != "settled" or (leg.waits_for == "irrevocable" and leg.contingent):',
        'if leg.status != "settled":',
        'legs',
        range(1),
        TOLD,
    ),
    Bug(
        'a leg starts while the one before it is on its way',
        'core.transfers:_go_on',
        'if leg.status != "settled" or (leg.waits_for == "irrevocable" and leg.contingent):',
        'if leg.status not in ("settled", "in_flight"):',
        'legs',
        range(1),
        TOLD,
    ),
    Bug(
        'funds are not asked',
        'core.transfers:on_requested',
        '_unfunded(state, event) or',
        '',
        'storm_rails',
        range(1, 2),
        TOLD,
    ),
    Bug(
        'a customer sees what was settled before as pending again',
        'core.transfers:view',
        'if "returned" in statuses:\n        return "returned", 0',
        'if "returned" in statuses:\n        return "pending", 0',
        'returns',
        range(1),
        TOLD,
    ),
    Bug(
        'a transfer is completed with its first leg',
        'core.transfers:view',
        'if any(leg.status != "settled" for leg in legs):',
        'if all(leg.status != "settled" for leg in legs):',
        'legs',
        range(1),
        TOLD,
    ),
    Bug(
        'what was told right before a crash is told no more',
        'core.transfers:after_restart',
        'return effects + [_news(state, transfer) for transfer in lately]',
        'return effects',
        'killed',
        range(2),
        ENDED,
    ),
    Bug(
        "a settled pull is never the customer's",
        'core.payments:settle',
        'if leg.kind == "in":',
        'if False:',
        'returns',
        range(1),
        BALANCES,
    ),
    Bug(
        'a third party that failed is settled',
        'core.lines:_is_return',
        'awaited = bool(leg.recalled) or has(state, leg.payment_id, "third_party_failed")',
        'awaited = False',
        'custody',
        range(1),
        STANDS,
    ),
)


def failing(name: str, seed: int) -> dict[str, str]:
    """The claims that fail, with their figures."""
    outcome = run(world(name), seed, short=True, sampled=False)
    return {each.claim: each.figure for each in outcome.claims if not each.held}


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_planted_bug_makes_its_claim_fail(bug: Bug, monkeypatch: pytest.MonkeyPatch) -> None:
    function = locate(bug.function)
    monkeypatch.setattr(function, "__code__", planted(function, bug.old, bug.new))
    failed: dict[str, str] = {}
    for seed in bug.seeds:
        failed |= failing(bug.scenario, seed)
        if bug.claim in failed:
            return
    pytest.fail(f"{bug.claim!r} held; what failed: {failed or 'nothing'}")


@pytest.mark.parametrize("name", sorted({bug.scenario for bug in BUGS}))
def test_without_a_bug_every_claim_holds_on_the_same_seeds(name: str) -> None:
    for seed in range(max(bug.seeds.stop for bug in BUGS if bug.scenario == name)):
        assert failing(name, seed) == {}
