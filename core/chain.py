"""Payments on a chain: nonces, signed bytes, fees, and finality by two nodes that agree.

Rule 1. A payment keeps its nonce (or the outpoints that it spends) for ever: whatever replaces it
takes the same one, so that at most one of its attempts can ever be mined.
Rule 2. Bytes are journaled before they are sent, and the same bytes are sent again; a new attempt
is a new signature over a higher fee, never another payment.
Rule 3. Only a block that every node calls final settles or fails a payment, and only lines of such
blocks are booked. What is newer is a hint. A node's word alone is never enough.
"""

from typing import NamedTuple

from core import payments
from core.effects import Effect, RaiseAlert
from core.items import close_item, has, open_item
from core.leg_moves import MOVING
from core.listening import LEDGER, arm
from core.rail_effects import (
    BroadcastTransaction,
    FetchBlock,
    FetchFinal,
    FetchNonce,
    FetchTransaction,
    SignTransaction,
)
from core.rail_events import (
    BlockReported,
    DepositSeen,
    HeadReported,
    NonceReported,
    SigningRefused,
    TransactionRejected,
    TransactionReported,
    TransactionSigned,
)
from core.settlement_state import Attempt, Chain, Deposit, Head, Leg
from core.state import Account, State, count, note_move

# Value for a customer in a block that is not final: a hint.
DEPOSITS: dict[str, tuple[str, ...]] = {"none": ("seen",), "seen": ("final", "vanished")}

GWEI = 10**9
TIP = 2 * GWEI
# A base fee can rise by an eighth a block; twice it lasts about six blocks of rising.
FEE_HEADROOM = 2
# Nodes ask for a tenth more on both caps; an eighth satisfies those that ask for 12.5 %.
BUMP_NUMERATOR, BUMP_DENOMINATOR = 9, 8
BUMP_AFTER_LOOKS = 6
ATTEMPTS_MAX = 12
# Above this we wait for the market to calm down: nothing is lost by waiting but time.
FEE_CAP = 1000 * GWEI
# Satoshis for each virtual byte: at first, and at most; and of one transaction, however large.
BITCOIN_RATE = 20
BITCOIN_RATE_CAP = 500
BITCOIN_FEE_CAP = 2_000_000
PATIENCE = 4
# For so long one node may lag behind another in what it takes for final, before people look.
NONCE_DOUBT_NS = 3_600_000_000_000
# What a node said of an attempt that is in no block of its.
NOT_MINED = "not mined"


class Bid(NamedTuple):
    """What an attempt pays at most to be mined: both caps, or a rate and a cap on the whole."""

    fee_max: int
    tip_max: int
    rate: int = 0


# --- sending -------------------------------------------------------------------------------------


def send(state: State, leg: Leg, now: int) -> list[Effect]:
    """Give the payment its nonce and have its first attempt signed."""
    _put_last(state, leg)
    _give_nonce(state, leg)
    return [*_sign_first(state, leg), _look_again(state, leg, now)]


def _put_last(state: State, leg: Leg) -> None:
    """Behind those that began before it, whenever it was asked for: their bytes come first."""
    state.settlement.open_legs.pop(leg.payment_id, None)
    state.settlement.open_legs[leg.payment_id] = None


def _give_nonce(state: State, leg: Leg) -> None:
    """The next one, once the nodes have said which that is (`core.nonces`)."""
    chain = of(state, leg.account)
    if state.accounts[leg.account].chain == "evm" and chain.nonce_known:
        leg.nonce = chain.next_nonce
        chain.next_nonce += 1


def begin_waiting(state: State, account: Account) -> list[Effect]:
    """The next nonce is known: payments that waited for it begin, in their order."""
    effects: list[Effect] = []
    for leg in _under_way(state, account.name):
        if leg.nonce < 0:
            _give_nonce(state, leg)
            effects += _sign_first(state, leg)
    return effects


def _sign_first(state: State, leg: Leg) -> list[Effect]:
    """Have the first attempt signed.

    Where the wallet chooses what to spend, one payment after the other: two that are not signed yet
    might be given the same outpoints.
    """
    if state.accounts[leg.account].chain == "bitcoin":
        unsigned = [each for each in _under_way(state, leg.account) if not each.attempts]
        if unsigned and unsigned[0] is not leg:
            return []
    elif leg.nonce < 0:
        return []  # it waits for the nodes to say the next one
    return [sign(state, leg, 1, _first_bid(state, leg))]


def _under_way(state: State, account: str) -> list[Leg]:
    """The account's payments that were sent and are not over, in the order in which they began."""
    settlement = state.settlement
    legs = [settlement.legs[name] for name in settlement.open_legs]
    return [leg for leg in legs if leg.account == account and leg.status in MOVING]


def _first_bid(state: State, leg: Leg) -> Bid:
    if state.accounts[leg.account].chain == "bitcoin":
        return Bid(BITCOIN_FEE_CAP, 0, BITCOIN_RATE)
    heads = of(state, leg.account).heads.values()
    base = max((head.base_fee for head in heads), default=10 * GWEI)
    return Bid(FEE_HEADROOM * base + TIP, TIP)


def sign(state: State, leg: Leg, attempt: int, bid: Bid) -> SignTransaction:
    """What the signer is asked: the same for the same attempt, so the same bytes come back."""
    cancels = 0 < leg.cancels_from <= attempt
    return SignTransaction(
        account=leg.account,
        payment_id=leg.payment_id,
        attempt=attempt,
        nonce=leg.nonce,
        asset=leg.asset,
        amount=0 if cancels else leg.amount,
        beneficiary="" if cancels else leg.beneficiary,
        fee_max=bid.fee_max,
        tip_max=bid.tip_max,
        spends=leg.spends,
        avoid=_avoided(state, leg) if not leg.spends else (),
        cancels=cancels,
        rate=bid.rate,
    )


def _avoided(state: State, leg: Leg) -> tuple[str, ...]:
    under_way = _under_way(state, leg.account)
    return tuple(point for other in under_way if other is not leg for point in other.spends)


def on_signed(state: State, event: TransactionSigned) -> list[Effect]:
    """The bytes are in the journal now: they may go."""
    leg = state.settlement.legs.get(event.payment_id)
    if leg is None or leg.account != event.account:
        count(state, "signed_unknown")
        return []
    if any(each.number == event.attempt for each in leg.attempts) or leg.status not in MOVING:
        return []
    leg.spends = event.spends or leg.spends
    leg.attempts.append(
        Attempt(
            number=event.attempt,
            tx_hash=event.tx_hash,
            raw=event.raw,
            fee_max=event.fee_max,
            tip_max=event.tip_max,
            sent_at=event.received_at,
            rate=event.rate,
        )
    )
    name = f"{leg.account} {event.tx_hash}"
    state.settlement.named[name] = leg.payment_id
    payments.call(leg, name)
    return [hand_in(leg, leg.attempts[-1]), _look_again(state, leg, event.received_at)]


def hand_in(leg: Leg, attempt: Attempt) -> BroadcastTransaction:
    """The bytes of an attempt, as often as need be."""
    return BroadcastTransaction(
        account=leg.account,
        payment_id=leg.payment_id,
        tx_hash=attempt.tx_hash,
        raw=attempt.raw,
    )


def on_refused(state: State, event: SigningRefused) -> list[Effect]:
    """Nothing was signed: the payment waits, is asked for again, and somebody looks."""
    count(state, f"signing_refused/{event.account}")
    leg = state.settlement.legs.get(event.payment_id)
    if leg is not None and leg.payment_id in state.settlement.open_legs:
        # Others do not wait for what cannot be signed now: it is asked for again after them.
        _put_last(state, leg)
    text = f"{event.payment_id}: not signed: {event.reason}"
    return [RaiseAlert(severity="warning", subject=event.account, text=text)]


def on_rejected(state: State, event: TransactionRejected) -> list[Effect]:
    """A node would not take the bytes."""
    leg, attempt = _attempt(state, event.account, event.tx_hash)
    if leg is None or attempt is None or leg.status not in MOVING:
        return []
    count(state, f"tx_{event.code}/{event.account}")
    if event.code == "underpriced":
        return _bump(state, leg, event.received_at)
    if event.code == "nonce_too_low":
        # One of our attempts was mined, or somebody else signs with our key: the chain knows.
        return [*_ask(state, leg), *_ask_nonce(state, leg)]
    if event.code == "no_funds":
        return _wait_for_funds(state, leg, event)
    if event.code == "invalid":
        return _use_up(state, leg, attempt, event)
    return []


def _wait_for_funds(state: State, leg: Leg, event: TransactionRejected) -> list[Effect]:
    """Nothing is signed anew: the same bytes are handed in at each look, until a node has them."""
    leg.unfunded = True
    return [
        *open_item(
            state,
            "unfunded",
            leg.payment_id,
            leg.account,
            leg.asset,
            leg.outstanding,
            event.frame,
        ),
        _look_again(state, leg, event.received_at),
    ]


def _use_up(state: State, leg: Leg, attempt: Attempt, event: TransactionRejected) -> list[Effect]:
    """What no node takes fails only when its nonce is used up, by paying nothing to ourselves.

    Until a final block says so its bytes may be taken elsewhere. Where that is refused too, or no
    nonce binds the payment, a person decides.
    """
    effects = open_item(
        state,
        "invalid_bytes",
        leg.payment_id,
        leg.account,
        leg.asset,
        leg.outstanding,
        event.frame,
    )
    last = leg.attempts[-1]
    if leg.nonce < 0 or _mined(leg) or last.number != attempt.number or _cancels(leg, last):
        text = f"{leg.payment_id}: {event.reason}"
        return [*effects, RaiseAlert(severity="critical", subject=leg.account, text=text)]
    leg.cancels_from = last.number + 1
    count(state, f"cancellations/{leg.account}")
    fee = max(_dearer(last.fee_max), _first_bid(state, leg).fee_max)
    bid = Bid(fee, _dearer(last.tip_max))
    return [*effects, sign(state, leg, leg.cancels_from, bid)]


def _cancels(leg: Leg, attempt: Attempt) -> bool:
    return 0 < leg.cancels_from <= attempt.number


def _close_doubts(state: State, leg: Leg, why: str, frame: int) -> None:
    leg.unfunded = False
    close_item(state, leg.payment_id, why, frame, "unfunded")


# --- looking -------------------------------------------------------------------------------------


def on_alarm(state: State, leg: Leg, now: int) -> list[Effect]:
    """Ask both nodes; hand the bytes in again; pay more if it takes long."""
    effects = [_look_again(state, leg, now)]
    scheme = state.settlement.schemes[leg.scheme]
    if now >= leg.due_at:
        effects += open_item(
            state, "late", leg.payment_id, leg.account, leg.asset, leg.outstanding, 0
        )
    if not leg.attempts:
        return [*_sign_first(state, leg), *effects]
    leg.queries += 1
    if now >= leg.due_at:
        if leg.queries % scheme.queries_max == 0:
            effects += _ask_nonce(state, leg)
    if leg.unfunded:
        return [hand_in(leg, leg.attempts[-1]), *effects]
    if blockers(state, leg):
        return effects  # it waits for an earlier nonce: that one is chased
    if not _mined(leg) and leg.queries % BUMP_AFTER_LOOKS == 0 and _is_outbid(state, leg):
        effects += _bump(state, leg, now)
    return [*_ask(state, leg), *effects]


def _ask(state: State, leg: Leg) -> list[Effect]:
    return _ask_of(state, leg, leg.attempts[-3:])


def _ask_of(state: State, leg: Leg, attempts: list[Attempt]) -> list[Effect]:
    return [
        FetchTransaction(
            account=leg.account,
            source=source,
            payment_id=leg.payment_id,
            tx_hash=attempt.tx_hash,
        )
        for attempt in attempts
        for source in state.accounts[leg.account].sources
    ]


def _ask_nonce(state: State, leg: Leg) -> list[Effect]:
    sources = state.accounts[leg.account].sources if leg.nonce >= 0 else ()
    return [FetchNonce(account=leg.account, source=source) for source in sources]


def _bump(state: State, leg: Leg, now: int) -> list[Effect]:
    """A new attempt under the same nonce, a good tenth dearer on both caps, or by its rate."""
    last = leg.attempts[-1]
    bid = _raised(state, leg, last)
    if last.number >= ATTEMPTS_MAX or bid.fee_max > FEE_CAP or bid.rate > BITCOIN_RATE_CAP:
        count(state, f"fee_cap_reached/{leg.account}")
        return []
    count(state, f"fee_bumps/{leg.account}")
    return [sign(state, leg, last.number + 1, bid)]


def _raised(state: State, leg: Leg, last: Attempt) -> Bid:
    first = _first_bid(state, leg)
    if first.rate:
        return Bid(first.fee_max, 0, _dearer(last.rate))
    tip = _dearer(last.tip_max)
    return Bid(max(_dearer(last.fee_max), first.fee_max), tip)


def _dearer(fee: int) -> int:
    return fee * BUMP_NUMERATOR // BUMP_DENOMINATOR + 1


def _is_outbid(state: State, leg: Leg) -> bool:
    """Whether the last attempt pays too little for the newest block that we know of.

    Where no node tells what a block asks for, waiting long is the only sign of it.
    """
    if state.accounts[leg.account].chain == "bitcoin":
        return True
    base = max((head.base_fee for head in of(state, leg.account).heads.values()), default=0)
    return leg.attempts[-1].fee_max < base + leg.attempts[-1].tip_max


def blockers(state: State, leg: Leg) -> list[Leg]:
    """The payments with an earlier nonce that nothing used yet: they block this one."""
    found = []
    for other in _under_way(state, leg.account):
        if 0 <= other.nonce < leg.nonce and not _mined(other) and not _taken(state, other):
            found.append(other)
    return found


def _nonce_of(leg: Leg) -> str:
    """What items name: the nonce of the payment's account."""
    return f"{leg.account} nonce {leg.nonce}"


def _taken(state: State, leg: Leg) -> bool:
    """Whether its nonce was used by somebody else: no node would take it any more."""
    return has(state, _nonce_of(leg), "nonce_taken")


def _mined(leg: Leg) -> bool:
    return any(attempt.block_hash for attempt in leg.attempts)


def on_transaction(state: State, event: TransactionReported) -> list[Effect]:
    """A node told what it knows of an attempt."""
    leg, attempt = _attempt(state, event.account, event.tx_hash)
    if leg is None or attempt is None or leg.status not in MOVING:
        return []
    leg.heard_at = event.received_at
    attempt.told.pop(event.source, None)  # its newest word is its only one
    if leg.unfunded and event.status != "unknown":
        _close_doubts(state, leg, "a node has it: the wallet is funded", event.frame)
    if event.status == "mined":
        attempt.block_number, attempt.block_hash = event.block_number, event.block_hash
        attempt.succeeded = event.succeeded
        return _if_final(state, leg, attempt, event)
    if attempt.block_hash and event.source == state.accounts[leg.account].sources[0]:
        # It was in a block that gave way to another.
        count(state, f"tx_unmined/{leg.account}")
        attempt.told.clear()
        attempt.block_number, attempt.block_hash, attempt.succeeded = 0, "", False
    if 0 < leg.nonce_used_at < event.asked_at:
        attempt.told[event.source] = NOT_MINED
    forgotten = event.status == "unknown" and attempt is leg.attempts[-1] and not _mined(leg)
    every = state.settlement.schemes[leg.scheme].query_every_ns
    if not forgotten or event.received_at < attempt.sent_at + every or _taken(state, leg):
        return []
    attempt.sent_at = event.received_at
    count(state, f"tx_sent_again/{leg.account}")
    return [hand_in(leg, attempt)]


def _if_final(state: State, leg: Leg, attempt: Attempt, event: TransactionReported) -> list[Effect]:
    chain = of(state, leg.account)
    if not chain.agreed or event.block_number > chain.agreed:
        return []
    # What was asked before the agreement may still tell of a block that is none any more.
    if event.asked_at <= chain.agreed_at or chain.disagreed_at:
        return []
    attempt.told[event.source] = f"{event.block_hash} {event.succeeded}"
    words = {attempt.told.get(source) for source in state.accounts[leg.account].sources}
    if len(words) > 1:
        return []  # each node must say the same of it, asked after they agreed on what is final
    close_item(state, _nonce_of(leg), "it was ours after all", event.frame, "nonce_taken")
    _end_doubt(state, leg, "an attempt of ours is final", event.frame)
    close_item(state, leg.payment_id, "its nonce is used up", event.frame, "invalid_bytes")
    if event.succeeded and _cancels(leg, attempt):
        count(state, f"cancelled/{leg.account}")
        why = "no node took it, and its nonce is used up by a payment to ourselves"
        return payments.end(state, leg, "failed", "INVALID", why, event.frame)
    if event.succeeded:
        return payments.settle(state, leg, event.frame, event.received_at)
    count(state, f"tx_reverted/{leg.account}")
    return payments.end(
        state, leg, "failed", "REVERTED", "mined and reverted: only its fee was paid", event.frame
    )


def of_nonce(state: State, account: str, subject: str) -> Leg | None:
    """The payment under way whose nonce a break names."""
    for leg in _under_way(state, account):
        if subject == _nonce_of(leg):
            return leg
    return None


def on_nonce(state: State, event: NonceReported) -> list[Effect]:
    """A nonce of ours that is used up in a final block, by none of our attempts, is not ours.

    Each node has to say so, for one may lie. That it was used may be told before what used it: when
    all have said so, each is asked for each attempt, and only if none is mined by any of them, and
    each says of the nonce once more that it is used up, was it none of ours. One that goes on to
    contradict others about the nonce hides the theft or invents it: people look. One that calls an
    attempt mined, and no other does, leaves the payment late.
    """
    effects: list[Effect] = []
    settlement = state.settlement
    for payment_id in settlement.open_legs:
        leg = settlement.legs[payment_id]
        if leg.account != event.account or leg.nonce < 0:
            continue
        if leg.nonce >= event.finalized:
            effects += _unused(state, leg, event)
        elif not _mined(leg) and leg.queries > 3:
            effects += _used(state, leg, event)
    return effects


def _used(state: State, leg: Leg, event: NonceReported) -> list[Effect]:
    """One node more, or once more, says that its nonce is used up."""
    leg.nonce_used_by[event.source] = event.received_at
    if any(each not in leg.nonce_used_by for each in state.accounts[leg.account].sources):
        return []
    leg.nonce_used_at = leg.nonce_used_at or event.received_at
    if not all(_mined_by_none(state, leg, attempt) for attempt in leg.attempts):
        return _ask_of(state, leg, leg.attempts)
    if min(leg.nonce_used_by.values()) <= leg.nonce_used_at:
        return []
    _end_doubt(state, leg, "all say that it is used up, and not by us", event.frame)
    owed = leg.account, leg.asset, leg.outstanding
    return open_item(state, "nonce_taken", _nonce_of(leg), *owed, event.frame)


def _mined_by_none(state: State, leg: Leg, attempt: Attempt) -> bool:
    sources = state.accounts[leg.account].sources
    return all(attempt.told.get(each) == NOT_MINED for each in sources)


def _unused(state: State, leg: Leg, event: NonceReported) -> list[Effect]:
    """By the word of this node: what was found out since all said otherwise is asked for anew."""
    leg.nonce_used_by.pop(event.source, None)
    if leg.nonce_used_at:
        leg.nonce_used_at = 0
        for attempt in leg.attempts:
            attempt.told = {who: word for who, word in attempt.told.items() if word != NOT_MINED}
    if leg.nonce_used_by:
        return _doubt(state, leg, event)
    _end_doubt(state, leg, "no node says that it is used up", event.frame)
    return []


def _doubt(state: State, leg: Leg, event: NonceReported) -> list[Effect]:
    """It contradicts another; since when do some? That they agreed in between is no end of it: it
    ends with what is found out."""
    subject, detail = _nonce_of(leg), "used up for good, or not"
    if _taken(state, leg) or has(state, subject, "sources_disagree"):
        return []
    leg.nonce_doubted_at = leg.nonce_doubted_at or event.received_at
    if event.received_at < leg.nonce_doubted_at + NONCE_DOUBT_NS:
        return []
    owed = leg.account, leg.asset, leg.outstanding
    return open_item(state, "sources_disagree", subject, *owed, event.frame, detail)


def _end_doubt(state: State, leg: Leg, why: str, frame: int) -> None:
    leg.nonce_doubted_at = 0
    close_item(state, _nonce_of(leg), why, frame, "sources_disagree")


def after_restart(state: State, leg: Leg) -> list[Effect]:
    """What was signed is handed in again, byte for byte; what was not is signed again."""
    if not leg.attempts:
        return _sign_first(state, leg)
    return [hand_in(leg, leg.attempts[-1]), *_ask(state, leg)]


def _look_again(state: State, leg: Leg, now: int) -> Effect:
    every = state.settlement.schemes[leg.scheme].query_every_ns
    # What is in a block waits for finality, which takes its time whatever we ask.
    every *= PATIENCE if _mined(leg) else 1 + min(leg.queries // 10, PATIENCE)
    return arm(state, f"leg/{leg.payment_id}", now + every)


def _attempt(state: State, account: str, tx_hash: str) -> tuple[Leg, Attempt] | tuple[None, None]:
    leg = payments.find(state, account, (tx_hash,))
    if leg is not None:
        for attempt in leg.attempts:
            if attempt.tx_hash == tx_hash:
                return leg, attempt
    return None, None


# --- finality ------------------------------------------------------------------------------------


def on_head(state: State, account: Account, event: HeadReported) -> list[Effect]:
    """The lowest final block that nodes named is asked for at each of the others."""
    chain = of(state, account.name)
    chain.heads[event.source] = Head(
        event.number,
        event.block_hash,
        event.finalized,
        event.finalized_hash,
        event.base_fee,
        event.received_at,
    )
    if len(chain.heads) < len(account.sources):
        return []
    if any(chain.heads[s].at < account.backfill.started_at for s in account.sources):
        return []  # this round's answers are not complete
    lowest = min(account.sources, key=lambda source: chain.heads[source].finalized)
    head = chain.heads[lowest]
    if head.finalized < chain.agreed:
        count(state, f"finality_went_back/{account.name}")
        return _end_round(account, chain)
    chain.asked_block = head.finalized
    chain.asked_hash = head.finalized_hash
    return [
        FetchBlock(account=account.name, source=source, number=head.finalized)
        for source in account.sources
        if source != lowest
    ]


def on_block(state: State, account: Account, event: BlockReported) -> list[Effect]:
    """Another node says which block it has there: the same, or no block is final."""
    chain = of(state, account.name)
    if event.number != chain.asked_block:
        return []
    if event.block_hash != chain.asked_hash:
        if not event.block_hash:
            return _end_round(account, chain)  # it lags: nothing is agreed, nothing contradicted
        chain.disagreed_at = event.received_at
        count(state, f"sources_disagree/{account.name}")
        return [
            *open_item(state, "sources_disagree", account.name, account.name, "", 0, event.frame),
            *_end_round(account, chain),
        ]
    if chain.disagreed_at:
        chain.disagreed_at = 0
        close_item(state, account.name, "the nodes agree again", event.frame, "sources_disagree")
    chain.read, chain.read_hash = chain.agreed, chain.agreed_hash
    chain.agreed, chain.agreed_hash = event.number, event.block_hash
    chain.agreed_at = event.received_at
    return _end_round(account, chain)


def _end_round(account: Account, chain: Chain) -> list[Effect]:
    """Read the record up to what is agreed: its page ends the round."""
    # Where nothing new is final the last block is read once more: an answer must end the round.
    after = min(int(account.cursors.get(LEDGER, "") or "0"), chain.agreed - 1)
    return [
        FetchFinal(
            account=account.name,
            source=account.sources[0],
            after=max(0, after),
            through=max(1, chain.agreed),
            after_hash=chain.read_hash if after == chain.read else "",
        )
    ]


def on_deposit(state: State, event: DepositSeen) -> list[Effect]:
    """A hint: shown as on its way, credited only from a final block."""
    settlement = state.settlement
    key = f"{event.account} {event.line_id}"
    owner = settlement.addresses.get(f"{event.account} {event.address}", "")
    if event.removed:
        if settlement.deposits.pop(key, None) is not None:
            note_move(state, "deposit", "seen", "vanished")
            count(state, f"deposits_vanished/{event.account}")
        return []
    seen = state.accounts[event.account].seen
    if owner and f"line:{event.line_id}" not in seen:
        if key not in settlement.deposits:
            note_move(state, "deposit", "none", "seen")
        settlement.deposits[key] = Deposit(
            event.account,
            event.asset,
            event.amount,
            owner,
            event.block_number,
            event.block_hash,
            event.received_at,
        )
    return []


def forget_vanished(state: State, account: Account) -> None:
    """What was seen at or below a block that is final now, and is not in it, is gone."""
    chain = of(state, account.name)
    deposits = state.settlement.deposits
    for key, seen in list(deposits.items()):
        if seen.account == account.name and seen.block_number <= chain.agreed:
            note_move(state, "deposit", "seen", "vanished")
            count(state, f"deposits_vanished/{account.name}")
            del deposits[key]


def of(state: State, account: str) -> Chain:
    return state.settlement.chains.setdefault(account, Chain(account=account))
