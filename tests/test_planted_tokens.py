"""Planted bugs of tokens: each guard removed once makes a named claim of a run fail."""

from __future__ import annotations

import pytest

from scenarios.model import find
from sim import machine
from tests.planting import Bug, must_be_seen, plant, seeds_of
from tieout.runs import OF_TOKENS, run

pytestmark = pytest.mark.skipif(not machine.there(), reason="no embedded EVM for this Python")

CLAIMS = {spec.figure: spec.claim for spec in OF_TOKENS}
VIOLATED = CLAIMS["tokens.policy_violations"]
REGISTER = CLAIMS["tokens.register_differences"]
MISSED = CLAIMS["tokens.orphans_missed"]
FALSE = CLAIMS["tokens.orphans_false"]
EPOCHS = CLAIMS["tokens.epochs_due"]
SIGNED = CLAIMS["tokens.signed_wrongly"]
CONTRACT = CLAIMS["tokens.contract_differences"]
UNASKED = CLAIMS["tokens.moved_unasked"]
BEYOND = CLAIMS["tokens.permitted_beyond"]
DECLINED = CLAIMS["tokens.declined_wrongly"]
SHARED = CLAIMS["tokens.nonces_shared"]
REFUSED = CLAIMS["tokens.refused_wrongly"]
LEFT = CLAIMS["tokens.outstanding"]
BY_OLD = CLAIMS["tokens.decided_by_old"]
BY_EACH = CLAIMS["tokens.final_by_one"]
SUMS = CLAIMS["tokens.sums_off"]
LIMITS = CLAIMS["tokens.limits_off"]
DOUBLED = CLAIMS["tokens.decisions_doubled"]
UNANSWERED = CLAIMS["tokens.unanswered"]

BUGS = (
    Bug(
        "nothing is reserved: what is out does not count",
        "core.reservations:objection",
        "doubt = by_sums(book, limits, wanted)",
        "book = Reserved(book.balances, book.groups, book.locked, book.totals, book.supply)\n"
        "    doubt = by_sums(book, limits, wanted)",
        "two_authorizations_one_cap",
        range(1),
        VIOLATED,
    ),
    Bug(
        "signers are asked whether it could be reserved or not",
        "core.reservations:reserve",
        "if refusal:",
        "if False:",
        "two_authorizations_one_cap",
        range(1),
        VIOLATED,
    ),
    Bug(
        "what is on its way to a holder is not counted",
        "core.reservations:by_sums",
        "held + book.incoming.get(receiver, 0) + value",
        "held + value",
        "two_authorizations_one_cap",
        range(1),
        BEYOND,
    ),
    Bug(
        "what is on its way out is not counted",
        "core.reservations:by_sums",
        "book.balances.get(sender, 0) - book.outgoing.get(sender, 0) - value",
        "book.balances.get(sender, 0) - value",
        "lock_up_ends",
        range(1),
        BEYOND,
    ),
    Bug(
        "every window is over for those who sign",
        "tokens.signers.verifying:_window",
        "if message.valid_before <= view.head:",
        "if True:",
        "two_authorizations_one_cap",
        range(1),
        DECLINED,
    ),
    Bug(
        "an answer to what was asked before is taken for the newest",
        "core.authorizations:_is_of_its_window",
        "return (event.valid_after, event.valid_before) == window",
        "return True",
        "node_killed_between_decision_and_use",
        range(1),
        BY_OLD,
    ),
    Bug(
        "a policy with other windows lets what is being judged have one of before",
        "core.issuance:_on_policy",
        "effects += authorizations.ask_again(token)",
        "pass",
        "policy_changes_while_judged",
        range(1),
        BY_OLD,
    ),
    Bug(
        "a restart has a decision signed under the next nonce",
        "core.authorizations:after_restart",
        "signers, needed = asked_signers(token, wanted)",
        "signers, needed = asked_signers(token, wanted)\n            wanted.nonce += 1",
        "node_killed_between_decision_and_use",
        range(1),
        DOUBLED,
    ),
    Bug(
        "what expired keeps its value reserved",
        "core.authorizations:_end",
        "reservations.release(token.reserved, wanted.name)",
        "pass",
        "used_late_twice_or_never",
        range(1),
        LEFT,
    ),
    Bug(
        "every permission of a holder has one lane",
        "core.authorizations:_take_lane",
        "not lane.user and lane.bound_until <= final",
        "True",
        "two_authorizations_one_cap",
        range(1),
        SHARED,
    ),
    Bug(
        "what is seen is final",
        "core.register:follow",
        "if chain.agreed <= token.blocks[0].number or not chain.agreed_hash:\n"
        "        return _stands(state, token, chain)\n"
        "    place = _place(token, chain.agreed_hash)",
        "place = len(token.blocks) - 1",
        "reorg_after_transfer",
        range(1),
        REGISTER,
    ),
    Bug(
        "what is final is told by one node",
        "core.register:_lacking",
        "return [each for each in state.accounts[token.account].sources if each not in told]",
        "return []",
        "lying_chain_nodes",
        range(1),
        REGISTER,
    ),
    Bug(
        "a window is over by our own clock",
        "core.issuance:on_alarm",
        "effects = register.look(state, token)",
        "effects = authorizations.expire(state, token, state.now // 10**9)\n"
        "    effects += register.look(state, token)",
        "nodes_silent_past_window",
        range(1),
        FALSE,
    ),
    Bug(
        "what nobody decided is nothing to speak of",
        "core.register:_apply",
        "effects += _orphan(state, token, block, log)",
        "pass",
        "signer_stolen",
        range(1),
        MISSED,
    ),
    Bug(
        "one person is enough to open a token that closed itself",
        "core.resolutions:_unfit",
        "if not are_two(event.author, event.approver):",
        "if False:",
        "reopened_by_two",
        range(1),
        "one person alone opens nothing",
    ),
    Bug(
        "an epoch is in force once it is asked for, not once it is final",
        "core.issuance:_on_policy",
        "token.epoch_due += 1",
        'token.epoch_due += 1\n        raised = register.TokenLog("epoch", 0, "", '
        "epoch=token.epoch_due)\n        effects += register._raise_epoch(state, token, raised)",
        "policy_changes_between_sign_and_mine",
        range(2),
        FALSE,
    ),
    Bug(
        "nobody is asked to raise the epoch that a tighter policy needs",
        "core.issuance:_remind",
        "if token.epoch_due > token.epoch:",
        "if False:",
        "policy_changes_between_sign_and_mine",
        range(1),
        EPOCHS,
    ),
    Bug(
        "what a block mined that gave way stays mined",
        "core.register:_undo",
        "authorizations.on_undone(state, wanted)",
        "pass",
        "reorg_after_transfer",
        range(2),
        FALSE,
    ),
    Bug(
        "a revocation that comes too late uses up no nonce",
        "core.register:_void_below",
        "authorizations.use_up(token, log.holder, log.nonce)",
        "pass",
        "revoked_after_its_window",
        range(1),
        "what is asked for later moves",
    ),
    Bug(
        "nobody looks whether a receiver is sanctioned",
        "tokens.policy:_unfit",
        "if receiver.sanctioned:",
        "if False:",
        "facts_change_under_a_permission",
        range(1),
        SIGNED,
    ),
    Bug(
        "what is minted is not counted in the supply",
        "core.reservations:apply",
        "book.supply -= change",
        "pass",
        "issued_and_moved",
        range(1),
        CONTRACT,
    ),
    Bug(
        "windows never end",
        "core.register:_finalize",
        "return effects + authorizations.expire(state, token, block.timestamp)",
        "return effects",
        "used_late_twice_or_never",
        range(1),
        LEFT,
    ),
    Bug(
        "what is reserved stays so when it is over",
        "core.reservations:release",
        "_count(book, book.open.pop(name), -1)",
        "pass",
        "storm_tokens",
        range(5),
        REFUSED,
    ),
    Bug(
        "a thief has the holder's key as well",
        "tieout.issuing.troubles:Troubles._forge",
        "parties.thief.key",
        "parties.wallets[holder].key",
        "stolen_keys_move_nothing",
        range(1),
        UNASKED,
    ),
    Bug(
        "what is final is told by one node, and none lies",
        "core.register:_lacking",
        "return [each for each in state.accounts[token.account].sources if each not in told]",
        "return []",
        "two_authorizations_one_cap",
        range(1),
        BY_EACH,
    ),
    Bug(
        "who vouched for one block has vouched for the next",
        "core.register:follow",
        "        token.vouched.clear()\n",
        "",
        "two_authorizations_one_cap",
        range(1),
        BY_EACH,
    ),
    Bug(
        "a sender's new mark leaves what is open of it in the old sums",
        "core.reservations:regroup",
        "if address in (each.sender, each.receiver)]",
        "if address == each.receiver]",
        "facts_change_under_a_permission",
        range(1),
        SUMS,
    ),
    Bug(
        "what comes into a group counts for half, in and out",
        "core.reservations:_count",
        'book.groups.get(moved.receiver, ""), value)',
        'book.groups.get(moved.receiver, ""), value // 2)',
        "two_authorizations_one_cap",
        range(1),
        SUMS,
    ),
    Bug(
        "nobody notes of whom all is to be taken",
        "core.reservations:_count",
        "_add(book.recovered, moved.sender, sign)",
        "pass",
        "lost_key_recovered",
        range(1),
        SUMS,
    ),
    Bug(
        "a policy's caps are those of the first",
        "core.issuance:_on_policy",
        "limits=Limits(",
        "limits=token.policy.limits if token.policy.version else Limits(",
        "policy_changed_three_times",
        range(1),
        LIMITS,
    ),
    Bug(
        "what is beyond a limit is passed over in silence",
        "core.issuance:breaches",
        "for subject, excess in passed.items():",
        "for subject, excess in ():",
        "policy_changed_three_times",
        range(1),
        LIMITS,
    ),
    Bug(
        "a limit that is kept again stays an open break",
        "core.issuance:breaches",
        "if item.subject not in passed:",
        "if False:",
        "policy_changed_three_times",
        range(1),
        LIMITS,
    ),
)


def failing(name: str, seed: int) -> dict[str, str]:
    """The claims that fail, with their figures."""
    outcome = run(find(name), seed, short=True, sampled=False)
    return {each.claim: each.figure for each in outcome.claims if not each.held}


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_planted_bug_makes_its_claim_fail(bug: Bug, monkeypatch: pytest.MonkeyPatch) -> None:
    must_be_seen(bug, monkeypatch, failing)


def test_logs_of_a_number_instead_of_a_hash_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two guards stand behind one another: what is asked for, and what is believed."""
    plant(
        monkeypatch,
        "tokens.requests:request",
        '{"blockHash": effect.block_hash, "address": contracts[effect.token]}',
        '{"fromBlock": "latest", "toBlock": "latest", "topics": []}',
    )
    plant(monkeypatch, "tokens.decoder:_logs", 'log["blockHash"] != block_hash or ', "")
    assert REGISTER in failing("reorg_after_transfer", 0)


def test_a_question_that_is_lost_leaves_its_caller_without_an_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two guards stand behind one another: it is asked again, and refused when it is too late."""
    place = "core.authorizations:after_restart"
    plant(monkeypatch, place, "effects.append(_have_judged(token, wanted))", "pass")
    plant(
        monkeypatch,
        "core.authorizations:expire",
        'wanted.status == "requested":  # the vault never answered, and it would be too late',
        "False:",
    )
    assert UNANSWERED in failing("node_killed_between_decision_and_use", 0)


@pytest.mark.parametrize("name", sorted({bug.scenario for bug in BUGS}))
def test_without_a_bug_every_claim_holds_on_the_same_seeds(name: str) -> None:
    for seed in seeds_of(BUGS, name):
        assert failing(name, seed) == {}
