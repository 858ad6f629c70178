"""A wallet's next nonce as the nodes have it: asked at each start, before the first payment.

Rule 1. No payment is given a nonce before every node has said, since we began to listen, how many
transactions of the account are mined, and how many more wait. The next one is the first that no
node knows; a wallet that was used before our books began goes on from there.
Rule 2. What all nodes know beyond ours, somebody else signed with our key, or our journal lost: a
break, for people. What one node alone says is asked for again: it may lie, and others may lag.
Rule 3. What we gave and no node knows is handed in again, byte for byte.
"""

from core import chain
from core.effects import Effect, RaiseAlert
from core.items import open_item
from core.leg_moves import MOVING
from core.listening import arm
from core.rail_effects import FetchNonce
from core.rail_events import NonceReported
from core.settlement_state import Chain
from core.state import Account, State, count

ASK_AGAIN_NS = 30_000_000_000


def begin(state: State, account: Account, now: int) -> list[Effect]:
    """We listen to this account from now on: whatever was known before is asked anew."""
    if account.chain != "evm":
        return []
    its = chain.of(state, account.name)
    its.nonce_known = False
    return _ask(state, account, its, now)


def _ask(state: State, account: Account, its: Chain, now: int) -> list[Effect]:
    its.used.clear()
    return [
        *(FetchNonce(account=account.name, source=source) for source in account.sources),
        arm(state, f"nonce/{account.name}", now + ASK_AGAIN_NS),
    ]


def on_alarm(state: State, account: Account, now: int) -> list[Effect]:
    """An answer was lost, or the nodes did not say the same."""
    its = chain.of(state, account.name)
    return [] if its.nonce_known else _ask(state, account, its, now)


def on_reported(state: State, event: NonceReported) -> list[Effect]:
    """A node told; when all have, what they say is held against ours."""
    account, its = state.accounts[event.account], chain.of(state, event.account)
    if its.nonce_known or account.chain != "evm":
        return []
    its.used[event.source] = max(event.latest, event.pending)
    if any(source not in its.used for source in account.sources):
        return []
    most, least = max(its.used.values()), min(its.used.values())
    if its.nonce_opened and most > its.next_nonce >= least:
        count(state, f"nonces_doubtful/{account.name}")
        return []  # Rule 2: the alarm asks again
    effects: list[Effect] = []
    if its.nonce_opened and least > its.next_nonce:
        effects += _taken(state, account, its, event)
    its.nonce_known = its.nonce_opened = True
    its.next_nonce = max(its.next_nonce, most)
    state.alarms.pop(f"nonce/{account.name}", None)
    return [*effects, *_hand_in(state, account, most), *chain.begin_waiting(state, account)]


def _taken(state: State, account: Account, its: Chain, event: NonceReported) -> list[Effect]:
    count(state, f"nonces_of_others/{account.name}")
    first, last = its.next_nonce, min(its.used.values()) - 1
    text = f"nonces {first} to {last} were used, and not by us: the next is {last + 1}"
    subject = f"{account.name} nonce {first}"
    return [
        RaiseAlert(severity="critical", subject=account.name, text=text),
        *open_item(state, "nonce_taken", subject, account.name, "", 0, event.frame),
    ]


def _hand_in(state: State, account: Account, known: int) -> list[Effect]:
    """Rule 3: from the first nonce on that no node knows."""
    settlement = state.settlement
    legs = [settlement.legs[name] for name in settlement.open_legs]
    return [
        chain.hand_in(leg, leg.attempts[-1])
        for leg in legs
        if leg.account == account.name and leg.status in MOVING and leg.attempts
        if leg.nonce >= known
    ]
