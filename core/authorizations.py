"""The life of an authorization: asked for, judged, reserved, signed, and what became of it.

Rule 1. Value is reserved before anybody is asked to sign, and from then on the authorization counts
as signed, whatever we heard: it is released when a final block shows that it happened, that it is
void, or that its window is over.
Rule 2. The window is timed by the chain's head; where that is old nothing is permitted.
Rule 3. Each has a lane of its sender for itself until it is over, so that none waits for another;
a nonce that was not used is given again, to an authorization whose window comes after.
Rule 4. A block that gives way takes what it mined back to `signed`: only finality ends anything.
Rule 5. What is issued for cash is minted and burned by `core.subscriptions` alone: any other wish
to is refused as unpaid.
"""

from collections.abc import Callable

from core import request_memory, reservations
from core.effects import Effect
from core.state import State, count, note_move
from core.token_effects import JudgeAuthorization, SignAuthorization, TellCaller, VoidAuthorization
from core.token_events import (
    AuthorizationDeclined,
    AuthorizationJudged,
    AuthorizationRequested,
    AuthorizationSigned,
    RevocationRequested,
    TokenLog,
)
from core.token_state import NOBODY, Authorization, AuthorizationStatus, Lane, Movement, Token

OVER_KEPT = 64
# The caller that is no caller: settlement, for what customers subscribe to and redeem.
OURS = ""
SECOND = 1_000_000_000
VALUE_MAX = (1 << 256) - 1
# No signer signs a longer window, nor trusts a head that is further ahead of its clock
# (`tokens.signers.verifying`).
WINDOW_S_MAX = 300
HEAD_AHEAD_S_MAX = 60
# status: what it may become next. What is not here is over.
NEXT: dict[AuthorizationStatus, tuple[AuthorizationStatus, ...]] = {
    "requested": ("refused", "reserved"),
    "reserved": ("signed", "declined", "mined", "expired", "revoked"),
    "signed": ("mined", "expired", "revoked"),
    "declined": ("mined", "expired", "revoked"),
    "mined": ("signed", "final", "revoked"),
}
# Possibly signed, and not over: what is reserved.
OPEN = ("reserved", "signed", "declined", "mined")


# --- asking ---------------------------------------------------------------------------------------


def on_requested(state: State, token: Token, event: AuthorizationRequested) -> list[Effect]:
    """Have it judged, unless it is refused at sight; the same request is answered the same."""
    key = f"{event.caller} {event.request_id}"
    known = token.requests.get(key)
    if known is not None:
        return _answer_again(state, token, token.authorizations.get(known), event)
    token.made += 1
    wanted = Authorization(
        name=f"{token.name}/{token.made}",
        caller=event.caller,
        request_id=event.request_id,
        kind=event.kind,
        sender=event.sender,
        receiver=event.receiver,
        value=event.value,
        requested_at=event.received_at,
        asked_before=event.valid_before,
    )
    token.authorizations[wanted.name] = wanted
    token.requests[key] = wanted.name
    reason = _objection(state, token, wanted)
    if reason:
        return refuse(state, token, wanted, reason)
    wanted.place = _take_lane(token, wanted)
    return [_have_judged(token, wanted)]


def _answer_again(
    state: State, token: Token, known: Authorization | None, event: AuthorizationRequested
) -> list[Effect]:
    if known is None:
        count(state, f"requests_of_old/{token.name}")
        return [_tell(token, event.caller, event.request_id, "", "over", "it is over since long")]
    asked = (event.kind, event.sender, event.receiver, event.value, event.valid_before)
    if asked != (known.kind, known.sender, known.receiver, known.value, known.asked_before):
        count(state, f"refused/other_request/{token.name}")
        reason = "other_request"
        return [_tell(token, event.caller, event.request_id, known.name, "refused", reason)]
    return [_told(token, known)]


def _objection(state: State, token: Token, wanted: Authorization) -> str:
    """Why it is refused at sight."""
    if token.closed:
        return "closed"
    if token.blocks[0].timestamp < token.silent_until:
        return "journal_cut"
    if token.paused and wanted.kind != "recovery":
        return "paused"
    if not token.policy.version:
        return "no_policy"
    if token.offering is not None and wanted.kind in ("mint", "burn") and wanted.caller != OURS:
        return "unpaid"
    if not 0 < wanted.value <= VALUE_MAX:
        return "bad_value"
    if not _fits(wanted):
        return "bad_parties"
    if wanted.sender == wanted.receiver:
        return "to_itself"
    if wanted.sender and wanted.value > token.reserved.supply + token.reserved.minting:
        return "above_supply"
    head = token.blocks[-1].timestamp
    # One that is ahead of our clock is a node's lie: windows would begin when nobody is there.
    if not head or abs(state.now - head * SECOND) > token.policy.head_age_s_max * SECOND:
        return "stale_head"
    if wanted.asked_before and wanted.asked_before <= head + 1:  # no later block is earlier
        return "window_past"
    return ""


def _fits(wanted: Authorization) -> bool:
    """Whether those are named whom this kind of movement has, and nobody else."""
    has = (wanted.sender != NOBODY, wanted.receiver != NOBODY)
    return has == (wanted.kind != "mint", wanted.kind != "burn")


def _take_lane(token: Token, wanted: Authorization) -> int:
    """The first lane of the nonce's owner that nothing is open in, and no window that was void
    before its end."""
    lanes = token.lanes.setdefault(owner(token, wanted), [])
    final = token.blocks[0].timestamp
    free = [n for n, lane in enumerate(lanes) if not lane.user and lane.bound_until <= final]
    place = free[0] if free else len(lanes)
    if place == len(lanes):
        lanes.append(Lane())
    lanes[place].user = wanted.name
    return place


def owner(token: Token, wanted: Authorization) -> str:
    """Whose nonce it uses: the sender's, or the contract's own for what the admin signs."""
    return wanted.sender if wanted.kind == "transfer" else token.contract


def asked_signers(token: Token, wanted: Authorization) -> tuple[tuple[str, ...], int]:
    """Who may sign it, and how many must."""
    if wanted.kind == "transfer":
        return token.signers, token.threshold
    return (token.admin,), 1


def epoch_of(token: Token, wanted: Authorization) -> int:
    """The epoch that it must bear: that of the holder who gives, or who receives a mint."""
    return token.epoch_due + token.recoveries.get(wanted.sender or wanted.receiver, 0)


def _have_judged(token: Token, wanted: Authorization) -> JudgeAuthorization:
    """Its window begins at the chain's head, a little earlier for the blocks that may give way."""
    head = token.blocks[-1].timestamp
    wanted.valid_after = head - token.policy.skew_s
    wanted.valid_before = head + token.policy.window_s
    if wanted.asked_before:
        wanted.valid_before = min(wanted.valid_before, wanted.asked_before)
    return JudgeAuthorization(
        token=token.name,
        authorization_id=wanted.name,
        kind=wanted.kind,
        owner=owner(token, wanted),
        sender=wanted.sender,
        receiver=wanted.receiver,
        value=wanted.value,
        valid_after=wanted.valid_after,
        valid_before=wanted.valid_before,
        policy_version=token.policy.version,
        place=wanted.place,
    )


def ask_again(token: Token) -> list[Effect]:
    """The policy in force has other windows: what waits for the vault is asked about in one of
    them, and an answer about one of before is none."""
    every = token.authorizations.values()
    return [_have_judged(token, each) for each in every if each.status == "requested"]


# --- deciding -------------------------------------------------------------------------------------


def on_judged(state: State, token: Token, event: AuthorizationJudged) -> list[Effect]:
    """Reserve what the facts about people allow, and only then have it signed."""
    wanted = token.authorizations.get(event.authorization_id)
    if wanted is None or wanted.status != "requested" or not _is_of_its_window(event, wanted):
        count(state, f"judged_again/{token.name}")
        return []
    if event.policy_version != token.policy.version:
        if wanted.policy_version == event.policy_version:  # it goes by another, and will again
            return refuse(state, token, wanted, "policy_changed")
        wanted.policy_version = event.policy_version
        return [_have_judged(token, wanted)]
    wanted.policy_version, wanted.commitments = event.policy_version, event.commitments
    reason = event.refusal or unfit(state, token, wanted, event)
    if reason:
        return refuse(state, token, wanted, reason)
    moved = movement(wanted)
    reason = reservations.reserve(token.reserved, token.policy.limits, wanted.name, moved)
    if reason:
        return refuse(state, token, wanted, reason)
    lane = _lane(token, wanted)
    if lane.next_nonce < 0:
        used = token.used.pop(f"{owner(token, wanted)} {event.lane}", 0)
        lane.next_nonce = max(event.lane << 64, used)
    wanted.nonce, wanted.epoch = lane.next_nonce, epoch_of(token, wanted)
    wanted.decision_hash = event.decision_hash
    token.decisions[event.decision_hash] = wanted.name
    become(state, wanted, "reserved")
    count(state, f"reserved/{token.name}")
    signers, needed = asked_signers(token, wanted)
    return [_have_signed(token, wanted, signer) for signer in signers[:needed]]


def _is_of_its_window(event: AuthorizationJudged, wanted: Authorization) -> bool:
    """An answer that comes after it was asked again speaks of a window that is not its own: its
    decision is not of what would be signed."""
    window = (wanted.valid_after, wanted.valid_before)
    return (event.valid_after, event.valid_before) == window


def movement(wanted: Authorization) -> Movement:
    """What it moves, as limits look at it: a recovery is forced."""
    forced = wanted.kind == "recovery"
    return Movement(wanted.sender, wanted.receiver, wanted.value, forced)


def _stated(token: Token, wanted: Authorization) -> list[str]:
    """The commitments to the facts by which limits count its parties: others were judged where
    they differ, or nobody has said yet what limits count somebody as."""
    parties = (wanted.sender, wanted.receiver)
    return [told for each in parties if (told := token.stated.get(each, ""))]


def unfit(state: State, token: Token, wanted: Authorization, event: AuthorizationJudged) -> str:
    """What came between asking and the answer, or what the answer lacks."""
    if list(event.commitments) != _stated(token, wanted):
        return "facts_changed"
    if not event.decision_hash or event.decision_hash in token.decisions or event.lane < 0:
        return "bad_judgement"
    head = token.blocks[-1].timestamp
    if not wanted.valid_after <= head < wanted.valid_before - 1:  # no later block is earlier
        return "judged_too_late"
    if wanted.kind == "recovery" and _is_less_than_all(token, wanted):
        return "not_all"
    if wanted.receiver in token.reserved.recovered:  # nothing more comes where all is taken
        return "being_recovered"
    if wanted.kind != "recovery" and _holds_elsewhere(token, wanted.receiver):
        return "other_wallet"
    return _objection(state, token, wanted)


def _is_less_than_all(token: Token, wanted: Authorization) -> bool:
    """A recovery moves all that is there, whatever it says: what is reserved must be that, and
    nothing may be on its way there."""
    book = token.reserved
    held = book.balances.get(wanted.sender, 0)
    return wanted.value != held or wanted.sender in book.incoming


def _holds_elsewhere(token: Token, receiver: str) -> bool:
    """Whether the same person holds something at another address, or may come to: limits bound what
    an address holds, so a person has one that does."""
    theirs = token.wallets.get(token.holders.get(receiver, ""), ())
    book = token.reserved
    return any(
        each != receiver and (each in book.balances or each in book.incoming) for each in theirs
    )


def refuse(state: State, token: Token, wanted: Authorization, reason: str) -> list[Effect]:
    """Not permitted: nothing of it was reserved."""
    wanted.reason = reason
    become(state, wanted, "refused")
    count(state, f"refused/{reason}/{token.name}")
    return [_told(token, wanted), *_leave(state, token, wanted)]


def _have_signed(token: Token, wanted: Authorization, signer: str) -> SignAuthorization:
    return SignAuthorization(
        token=token.name,
        authorization_id=wanted.name,
        signer=signer,
        kind=wanted.kind,
        sender=wanted.sender,
        receiver=wanted.receiver,
        value=wanted.value,
        valid_after=wanted.valid_after,
        valid_before=wanted.valid_before,
        nonce=wanted.nonce,
        epoch=wanted.epoch,
        decision_hash=wanted.decision_hash,
    )


def on_signed(state: State, token: Token, event: AuthorizationSigned) -> list[Effect]:
    """One more signature; the last that is needed makes it one that its holder may use."""
    wanted = token.authorizations.get(event.authorization_id)
    if wanted is None or wanted.status not in OPEN:
        count(state, f"signed_in_vain/{token.name}")
        return []
    signers, needed = asked_signers(token, wanted)
    if event.signer not in signers:
        count(state, f"signed_in_vain/{token.name}")
        return []
    wanted.signatures.setdefault(event.signer, event.signature)
    if wanted.status != "reserved" or len(wanted.signatures) < needed:
        return []
    become(state, wanted, "signed")
    return [_told(token, wanted)]


def on_declined(state: State, token: Token, event: AuthorizationDeclined) -> list[Effect]:
    """Ask the next signer; where none is left it stays reserved until its window is over."""
    wanted = token.authorizations.get(event.authorization_id)
    if wanted is None or wanted.status != "reserved" or event.signer in wanted.declined:
        return []
    wanted.declined[event.signer] = event.reason
    count(state, f"declined/{token.name}")
    signers, needed = asked_signers(token, wanted)
    others = [each for each in signers if each not in wanted.declined]
    if len(others) < needed:
        wanted.reason = event.reason
        become(state, wanted, "declined")
        return [_told(token, wanted)]
    if not _may_be_signed(token, wanted):
        return []
    return [_have_signed(token, wanted, others[needed - 1])]


def _may_be_signed(token: Token, wanted: Authorization) -> bool:
    """Whether anybody more is to be asked: a token that is closed has nothing signed, what was
    reserved before it closed included."""
    return not wanted.void_wanted and not token.closed


def on_revocation(state: State, token: Token, event: RevocationRequested) -> list[Effect]:
    """Have it voided: it is void when a final block says so, and may still happen before.

    What nobody was asked to sign yet is refused at once, and nobody is asked.
    """
    wanted = token.authorizations.get(event.authorization_id)
    if wanted is not None and wanted.status == "requested":
        wanted.void_wanted = True
        return refuse(state, token, wanted, "withdrawn")
    if wanted is None or wanted.status not in OPEN:
        count(state, f"revoked_in_vain/{token.name}")
        return []
    wanted.void_wanted = True
    return [_void(token, wanted)]


def _void(token: Token, wanted: Authorization) -> VoidAuthorization:
    return VoidAuthorization(
        token=token.name,
        authorization_id=wanted.name,
        holder=owner(token, wanted),
        nonce=wanted.nonce,
    )


# --- what the chain shows -------------------------------------------------------------------------


def of_log(token: Token, log: TokenLog) -> Authorization | None:
    """The authorization that a movement on chain had, if it is one of ours and moved as decided."""
    wanted = token.authorizations.get(token.decisions.get(log.decision_hash, ""))
    if wanted is None or wanted.status not in OPEN:
        return None
    decided = (wanted.sender, wanted.receiver, wanted.nonce)
    amount = wanted.kind == "recovery" or wanted.value == log.value
    return wanted if amount and decided == (log.sender, log.receiver, log.nonce) else None


def on_mined(state: State, wanted: Authorization, log: TokenLog, block_hash: str) -> None:
    """It happened, in a block that may still give way."""
    wanted.block_hash, wanted.tx_hash = block_hash, log.tx_hash
    become(state, wanted, "mined")


def on_undone(state: State, wanted: Authorization) -> None:
    """Its block gave way: it may happen again, or not at all."""
    wanted.block_hash = wanted.tx_hash = ""
    wanted.status = "mined"  # it is where it was, whatever it had been before it was mined
    become(state, wanted, "signed")


def on_final(state: State, token: Token, wanted: Authorization) -> list[Effect]:
    """It happened for good."""
    reservations.release(token.reserved, wanted.name)
    become(state, wanted, "final")
    _lane(token, wanted).next_nonce = wanted.nonce + 1
    count(state, f"final/{token.name}")
    return [_told(token, wanted), *_leave(state, token, wanted)]


def void_where(
    state: State,
    token: Token,
    is_void: Callable[[Authorization], bool],
    reason: str,
) -> list[Effect]:
    """A final block says that these can never happen."""
    effects: list[Effect] = []
    for wanted in [each for each in token.authorizations.values() if each.status in OPEN]:
        if is_void(wanted):
            effects += _end(state, token, wanted, "revoked", reason)
    return effects


def use_up(token: Token, whose: str, next_nonce: int) -> None:
    """A final block says that all below this nonce is used up in its lane: whoever had it, open or
    over since long, and whatever used it. A lane that we do not have may be one that a cut journal
    lost: whoever is given it again goes on from there."""
    number = next_nonce >> 64
    for lane in token.lanes.get(whose, ()):
        if lane.next_nonce >= 0 and lane.next_nonce >> 64 == number:
            lane.next_nonce = max(lane.next_nonce, next_nonce)
            return
    if token.blocks[0].timestamp < token.silent_until:
        place = f"{whose} {number}"
        token.used[place] = max(token.used.get(place, 0), next_nonce)


def expire(state: State, token: Token, timestamp: int) -> list[Effect]:
    """A final block is as late as this: windows that ended by then are over."""
    effects: list[Effect] = []
    for wanted in list(token.authorizations.values()):
        if wanted.valid_before > timestamp:
            continue
        if wanted.status == "requested":  # the vault never answered, and it would be too late
            effects += refuse(state, token, wanted, "judged_too_late")
        elif wanted.status in OPEN and wanted.status != "mined":
            effects += _end(state, token, wanted, "expired", wanted.reason)
    return effects


def _end(
    state: State, token: Token, wanted: Authorization, status: AuthorizationStatus, reason: str
) -> list[Effect]:
    reservations.release(token.reserved, wanted.name)
    wanted.reason = reason
    become(state, wanted, status)
    count(state, f"{status}/{token.name}")
    return [_told(token, wanted), *_leave(state, token, wanted)]


# --- for all --------------------------------------------------------------------------------------


def become(state: State, wanted: Authorization, status: AuthorizationStatus) -> None:
    """The next status: never one that the table does not have."""
    assert status in NEXT.get(wanted.status, ()), f"{wanted.name}: {wanted.status} to {status}"
    note_move(state, "authorization", wanted.status, status)
    wanted.status = status


def _lane(token: Token, wanted: Authorization) -> Lane:
    return token.lanes[owner(token, wanted)][wanted.place]


def _leave(state: State, token: Token, wanted: Authorization) -> list[Effect]:
    """It is over: its lane is another's, and only the last ones stay at hand, with their ids."""
    for lane in token.lanes.get(owner(token, wanted), ()):
        if lane.user == wanted.name:
            lane.user = ""
            if lane.next_nonce == wanted.nonce >= 0:
                lane.bound_until = wanted.valid_before
    if wanted.caller == OURS:
        token.ended.append(wanted)
    token.over.append(wanted.name)
    if len(token.over) <= OVER_KEPT:
        return []
    gone = token.authorizations.pop(token.over.pop(0))
    token.decisions.pop(gone.decision_hash, None)
    return [request_memory.put_away(state, token, gone)]


def after_cut(state: State, token: Token) -> None:
    """What was permitted and is lost may still be used, until a final block is later than any
    window that was signed: nothing is reserved for it, so nothing is permitted beside it."""
    until = state.now // SECOND + HEAD_AHEAD_S_MAX + WINDOW_S_MAX
    token.silent_until = max(token.silent_until, until)


def after_restart(token: Token) -> list[Effect]:
    """What was asked and may have been lost is asked again: each answer is the same twice."""
    effects: list[Effect] = []
    for wanted in token.authorizations.values():
        if wanted.status == "requested":
            effects.append(_have_judged(token, wanted))
        if wanted.status == "reserved" and _may_be_signed(token, wanted):
            signers, needed = asked_signers(token, wanted)
            able = [each for each in signers if each not in wanted.declined]
            lacking = [s for s in able[:needed] if s not in wanted.signatures]
            effects += [_have_signed(token, wanted, signer) for signer in lacking]
    return effects


def due_void(token: Token) -> list[Effect]:
    """What is to be void and is not over yet is asked for again: who heard it first may not have
    carried it out."""
    every = token.authorizations.values()
    return [_void(token, each) for each in every if each.void_wanted and each.status in OPEN]


def _told(token: Token, wanted: Authorization) -> TellCaller:
    name, status = wanted.name, wanted.status
    return _tell(token, wanted.caller, wanted.request_id, name, status, wanted.reason)


def _tell(
    token: Token, caller: str, request_id: str, name: str, status: str, reason: str
) -> TellCaller:
    return TellCaller(
        token=token.name,
        caller=caller,
        request_id=request_id,
        authorization_id=name,
        status=status,
        reason=reason,
    )
