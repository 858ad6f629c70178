"""What `summary.json` says of issued tokens: the oracles' verdicts, and what became of requests."""

from collections import Counter
from typing import Any

from core.state import State
from sim.machine import Embedded
from tieout.issuing.callers import WAITING
from tieout.issuing.simulated import Issue, Issuing
from tokens import calls

OVER = ("refused", "final", "expired", "revoked")


def token_figures(issuing: Issuing, state: State, now: int) -> dict[str, Any]:
    """All tokens together; what has a name of its own is in `detail`."""
    each = [_figures(issue, state, now) for issue in issuing.issues]
    summed: dict[str, Any] = {
        name: sum(told.get(name, 0) for told in each)
        for name, value in {name: value for told in each for name, value in told.items()}.items()
        if isinstance(value, int)
    }
    seconds = [second for told in each for second in told["seconds"]]
    requests = Counter(status for told in each for status in told["requests"])
    return {
        **summed,
        "orphan_seconds_max": max(seconds, default=0.0),
        "requests": dict(sorted(requests.items())),
        "detail": [text for told in each for text in told["detail"]][:20],
    }


def _figures(issue: Issue, state: State, now: int) -> dict[str, Any]:
    oracle, troubles, callers = issue.oracle, issue.troubles, issue.callers
    permissions = issue.permissions
    violations, refused = oracle.violations(now), callers.refused_wrongly()
    orphans, missed, false = oracle.orphans(now), oracle.missed(now), oracle.false_orphans()
    unasked, contract = oracle.moved_unasked(now), contract_differences(issue, state)
    cash = issue.subscribers.figures(now) if issue.subscribers is not None else {}
    cash_detail = cash.pop("cash_detail", ())
    sums, limits, doubled = issue.sums.off, issue.limits.off, permissions.decisions_doubled
    unanswered = [each for each in callers.asked.values() if each.status in WAITING]
    return {
        "policy_violations": len(violations),
        "signed_wrongly": len(oracle.signed_wrongly),
        "permitted_beyond": len(permissions.beyond),
        "permitted_while_paused": len(permissions.while_paused),
        "nonces_shared": len(permissions.nonces_shared),
        "decisions_doubled": len(doubled),
        "declined_wrongly": len(permissions.declined_wrongly),
        "register_differences": len(oracle.differences),
        "registers_compared": oracle.compared,
        "contract_differences": len(contract),
        "code_changes": code_changes(issue),
        "orphans": len(orphans),
        "orphans_missed": len(missed),
        "orphans_false": len(false),
        "value_lost": sum(moved.value for moved in orphans),
        "seconds": oracle.seconds_to_find(now),
        "moved_unasked": len(unasked),
        "refused_wrongly": len(refused),
        "probes": sum(may for _, may in callers.probes),
        "unanswered": len(unanswered),
        "outstanding": outstanding(issue, state),
        "sums_off": len(sums),
        "limits_off": len(limits),
        "epochs_due": epochs_due(issue, state),
        "moved": len(oracle.final(now)),
        **cash,
        "policy_changes": troubles.changes,
        "forged": troubles.forged,
        "thefts": troubles.thefts,
        "replays": troubles.replays,
        "replays_moved": troubles.replays_moved,
        "pauses": issue.desk.pauses,
        "used": sum(asked.used for asked in callers.asked.values()),
        "requests": [asked.status or "unanswered" for asked in callers.asked.values()],
        "detail": [
            *violations,
            *oracle.signed_wrongly,
            *permissions.beyond,
            *permissions.while_paused,
            *permissions.nonces_shared,
            *doubled,
            *permissions.declined_wrongly,
            *oracle.differences,
            *contract,
            *(f"{moved.subject}: an orphan that nobody found" for moved in missed),
            *(f"{subject}: no orphan" for subject in false),
            *(f"{moved.subject}: its holder did not act" for moved in unasked),
            *refused,
            *(f"{each.request_id}: no answer" for each in unanswered),
            *sums,
            *(f"at {since}: {what}" for what, since in limits.items()),
            *cash_detail,
        ],
    }


def outstanding(issue: Issue, state: State) -> int:
    """Permissions that are neither refused nor over, or that a lane or value is still kept for."""
    token = state.tokens[issue.spec.token]
    named = [each.name for each in token.authorizations.values() if each.status not in OVER]
    lanes = [lane.user for theirs in token.lanes.values() for lane in theirs if lane.user]
    return len({*named, *token.reserved.open, *lanes})


def epochs_due(issue: Issue, state: State) -> int:
    """By how much the epoch that should be in force is ahead of the final one."""
    token = state.tokens[issue.spec.token]
    return token.epoch_due - token.epoch


def contract_differences(issue: Issue, state: State) -> list[str]:
    """What the contract itself says otherwise than the register, in the register's final block."""
    token, machine = state.tokens[issue.spec.token], issue.chain.machine
    assert isinstance(machine, Embedded)
    number = token.blocks[0].number

    def asked(data: bytes) -> int:
        return int.from_bytes(machine.call(issue.contract, data, number))

    found = []
    if asked(calls.selector("totalSupply()")) != token.reserved.supply:
        found.append("totalSupply is not the register's")
    names = [wallet.address for wallet in issue.parties.wallets.values()]
    for address in dict.fromkeys([*names, *token.reserved.balances]):
        data = calls.selector("balanceOf(address)") + bytes.fromhex(address[2:]).rjust(32, b"\0")
        if asked(data) != token.reserved.balances.get(address, 0):
            found.append(f"balanceOf {address} is not the register's")
    return found


def code_changes(issue: Issue) -> int:
    """1 if the deployed code is not what it was at first."""
    return int(issue.code_hash() != issue.code_first)
