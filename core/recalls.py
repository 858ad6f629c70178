"""Payments that are asked back: by us, and of us; each asked and answered under one id.

Rule 1. A recall obliges nobody: the payment stays as it is until its return is told.
Rule 2. What we ask and what we answer is state. It goes again, the same bytes under the same id,
until the bank has taken it in, whatever crashed meanwhile; after that a recall is asked for now and
then until it is answered, or until there is nothing left to ask back.
Rule 3. What is a customer's is not given back without the customer: we say so. What is nobody's is
held for people: what they do with it is the answer. What no line of ours is called is no line.
"""

from core import filing, payments, schedule
from core.effects import Effect, RaiseAlert
from core.items import close_item, has, open_item
from core.leg_moves import CARRIED_OUT
from core.listening import arm
from core.people import are_two
from core.rail_effects import AnswerRecall, RecallPayment
from core.rail_events import RecallAnswered, RecallReported, RecallRequested, RecallTaken
from core.settlement_state import AskedBack, Credited, Leg, TheirRecall
from core.state import State, count, note_move
from core.suspense import UNEXPLAINED

HOUR = 3_600_000_000_000
DAY = 24 * HOUR
# A bank that took a recall in passes it on, and has days to answer.
ASK_AGAIN_NS = 5 * DAY
ANSWER_AGAIN_NS = HOUR // 4
SENDINGS_MAX = 30
# What we ask back, and what is asked back of us.
OURS: dict[str, tuple[str, ...]] = {
    "asked": ("taken", "accepted", "declined"),
    "taken": ("accepted", "declined"),
}
THEIRS: dict[str, tuple[str, ...]] = {
    "told": ("held", "accepted", "declined"),
    "held": ("accepted", "declined"),
    "accepted": ("taken",),
    "declined": ("taken",),
}


# --- we ask --------------------------------------------------------------------------------------


def on_requested(state: State, event: RecallRequested) -> list[Effect]:
    """Ask back what was sent, where and while the scheme lets one ask; nobody is obliged by it."""
    leg = state.settlement.legs.get(event.payment_id)
    fault = _fault(state, leg, event)
    if fault or leg is None:
        count(state, "recalls_refused")
        text = f"recall of {event.payment_id} refused: {fault}"
        return [RaiseAlert(severity="warning", subject=event.payment_id, text=text)]
    count(state, f"recalls_asked/{leg.account}")
    scheme = state.settlement.schemes[leg.scheme]
    file, asked_at = filing.next_file(state, scheme, leg.account, event.received_at)
    recall = AskedBack(leg.payment_id, event.code, asked_at, file=file)
    state.settlement.asked_back[leg.payment_id] = recall
    return _ask(state, leg, recall, event.received_at)


def _fault(state: State, leg: Leg | None, event: RecallRequested) -> str:
    """Why it is not asked back; "" where it is."""
    if not are_two(event.author, event.approver):
        return "it needs an author and another person's approval"
    if leg is None or leg.kind != "out" or leg.status not in CARRIED_OUT:
        return "no such payment of ours is on its way or settled"
    if leg.recalled:
        return "it was asked back before"
    scheme = state.settlement.schemes[leg.scheme]
    spans = [each for each in scheme.recalls if event.code in each.codes]
    if not any(state.now <= schedule.end(state, scheme, e, leg.settles_at) for e in spans):
        return f"{leg.scheme} lets nobody ask back for {event.code or 'no reason'} now"
    leg.recalled = event.code
    return ""


def _ask(state: State, leg: Leg, recall: AskedBack, now: int) -> list[Effect]:
    """Ask, for the first time or again, and look again later: less and less often."""
    recall.sendings += 1
    every = state.settlement.schemes[leg.scheme].query_every_ns
    wait = ASK_AGAIN_NS if recall.taken else min(DAY, every << min(recall.sendings, 16))
    return [_recall(leg, recall), arm(state, f"recall/{leg.payment_id}", now + wait)]


def _recall(leg: Leg, recall: AskedBack) -> RecallPayment:
    """What the bank is told: the same for the same recall, however often."""
    return RecallPayment(
        account=leg.account,
        scheme=leg.scheme,
        payment_id=leg.payment_id,
        kind=leg.kind,
        asset=leg.asset,
        amount=leg.amount,
        beneficiary=leg.beneficiary,
        beneficiary_name=leg.beneficiary_name,
        code=recall.code,
        sent_at=leg.instructed_at,
        asked_at=recall.asked_at,
        file=recall.file,
    )


def on_answered(state: State, event: RecallAnswered) -> list[Effect]:
    """A yes is followed by the return, a no by nothing."""
    recall = state.settlement.asked_back.get(event.payment_id)
    if recall is None or recall.answer:
        count(state, f"recall_answers_echo/{event.account}")
        return []
    to = "accepted" if event.accepted else "declined"
    note_move(state, "recall", "taken" if recall.taken else "asked", to)
    recall.answer = "yes" if event.accepted else event.code or "no"
    state.alarms.pop(f"recall/{event.payment_id}", None)
    count(state, f"recalls_{'accepted' if event.accepted else 'declined'}/{event.account}")
    return []


def _is_open(state: State, recall: AskedBack) -> bool:
    """Whether there is still something to ask for."""
    leg = state.settlement.legs.get(recall.payment_id)
    if leg is None:
        return False  # it left the state: nothing of it can be asked back any more
    answers = state.settlement.schemes[leg.scheme].settled_by != "silence"
    asked = recall.taken and not answers  # a reversal that was taken is a payment like another
    return not recall.answer and not asked and leg.status in CARRIED_OUT


# --- they ask ------------------------------------------------------------------------------------


def on_reported(state: State, event: RecallReported) -> list[Effect]:
    """Somebody asks back what came to us: Rule 3. Asked again, it is answered again."""
    key = f"{event.account} {event.recall_id}"
    known = state.settlement.recalls.get(key)
    if known is not None:
        count(state, f"recalls_echo/{event.account}")
        return _answer(state, key, known, event.received_at) if known.answer else []
    count(state, f"recalls_received/{event.account}")
    theirs = TheirRecall(
        event.account,
        event.recall_id,
        event.code,
        "",
        0,
        references=event.references,
        amount=event.amount,
        asked_at=event.received_at,
    )
    state.settlement.recalls[key] = theirs
    if payments.find(state, event.account, event.references) is not None:
        theirs.answer = "CUST"  # it came by a payment of a customer's own
    return _decide(state, key, theirs, event.frame)


def decide_held(state: State) -> list[Effect]:
    """Whatever happened may have decided what is held: see whether there is an answer now."""
    effects: list[Effect] = []
    for key in list(state.settlement.recalls_held):
        effects += _decide(state, key, state.settlement.recalls[key], 0)
    return effects


def _decide(state: State, key: str, theirs: TheirRecall, frame: int) -> list[Effect]:
    theirs.answer = theirs.answer or _verdict(state, theirs)
    was = "held" if key in state.settlement.recalls_held else "told"
    if theirs.answer:
        note_move(state, "their_recall", was, _word(theirs))
        state.settlement.recalls_held.pop(key, None)
        close_item(state, key, f"answered: {theirs.answer}", frame, "asked_back")
        theirs.answered_at = state.now
        return _answer(state, key, theirs, state.now)
    if was == "told":
        note_move(state, "their_recall", was, "held")
    state.settlement.recalls_held[key] = None
    if not theirs.about or has(state, key, "asked_back"):
        return []
    count(state, f"recalls_held/{theirs.account}")
    asset, why = state.settlement.suspense[theirs.about].asset, f"{theirs.code}: {theirs.about}"
    return open_item(state, "asked_back", key, theirs.account, asset, theirs.amount, frame, why)


def _word(theirs: TheirRecall) -> str:
    return "accepted" if theirs.answer == "yes" else "declined"


def _verdict(state: State, theirs: TheirRecall) -> str:
    """ "yes", the reason for no, or "" as long as nobody can say."""
    if not theirs.about:
        credits_ = _credits(state, theirs)
        if credits_:
            return "CUST" if any(each.returned < each.amount for each in credits_) else "ARDT"
        theirs.about = _in_suspense(state, theirs)
    if theirs.about:
        return _of_suspense(state, theirs.about)
    return "NOOR" if _is_no_line(state, theirs) else ""


def _credits(state: State, theirs: TheirRecall) -> list[Credited]:
    """What customers had of it: by the line's own name, else by any."""
    settlement = state.settlement
    for name in theirs.references:
        subject = f"{theirs.account} {name}"
        if subject in settlement.suspense:
            return []
        if subject in settlement.credits:
            return [settlement.credits[subject]]
    for name in theirs.references:
        subjects = settlement.credit_names.get(f"{theirs.account} {name}", ())
        if subjects:
            return [settlement.credits[subject] for subject in subjects]
    return []


def _in_suspense(state: State, theirs: TheirRecall) -> str:
    """The credit in suspense that it names: the line itself, else the only one so called."""
    lying = {
        subject: line
        for subject, line in state.settlement.suspense.items()
        if line.account == theirs.account and line.amount > 0
    }
    for name in theirs.references:
        if f"{theirs.account} {name}" in lying:
            return f"{theirs.account} {name}"
    named = [s for s, line in lying.items() if set(line.references) & set(theirs.references)]
    return named[0] if len(named) == 1 else ""


def _of_suspense(state: State, subject: str) -> str:
    """What became of it is the answer; nothing yet, none."""
    settlement = state.settlement
    if subject in settlement.suspense:
        return ""
    if subject in settlement.gone_back:
        return "" if has(state, subject, *UNEXPLAINED) else "yes"
    return "CUST" if subject in settlement.resolutions.values() else "ARDT"


def _is_no_line(state: State, theirs: TheirRecall) -> bool:
    """Whether the whole record was read since it was asked back, and has nothing of that name."""
    read = state.accounts[theirs.account].backfill
    unread = any(each.account == theirs.account for each in state.settlement.unread.values())
    return read.finished_at >= read.started_at > theirs.asked_at and not unread


def _answer(state: State, key: str, theirs: TheirRecall, now: int) -> list[Effect]:
    theirs.sendings += 1
    accepted = theirs.answer == "yes"
    effects: list[Effect] = [
        AnswerRecall(
            account=theirs.account,
            recall_id=theirs.recall_id,
            code="" if accepted else theirs.answer,
            answered_at=theirs.answered_at,
            accepted=accepted,
        )
    ]
    if not theirs.taken:
        wait = min(DAY, ANSWER_AGAIN_NS << min(theirs.sendings, 16))
        effects.append(arm(state, f"answer/{key}", now + wait))
    return effects


# --- what was taken in, and what was not ---------------------------------------------------------


def on_taken(state: State, event: RecallTaken) -> list[Effect]:
    """The bank has it: it need not be sent again before its answer is late."""
    settlement = state.settlement
    theirs = settlement.recalls.get(f"{event.account} {event.recall_id}")
    if event.recall_id and theirs is not None:
        if theirs.answer and not theirs.taken:
            note_move(state, "their_recall", _word(theirs), "taken")
        theirs.taken = True
        state.alarms.pop(f"answer/{event.account} {event.recall_id}", None)
        return []
    recall = settlement.asked_back.get(event.payment_id)
    if recall is None or recall.taken:
        return []
    recall.taken = True
    if not recall.answer:
        note_move(state, "recall", "asked", "taken")
    if not _is_open(state, recall):
        state.alarms.pop(f"recall/{event.payment_id}", None)
        return []
    return [arm(state, f"recall/{event.payment_id}", event.received_at + ASK_AGAIN_NS)]


def on_alarm(state: State, what: str, name: str, now: int) -> list[Effect]:
    """Not taken in yet, or not answered: it goes again, and somebody looks if that never ends."""
    settlement = state.settlement
    if what == "answer":
        theirs = settlement.recalls[name]
        if theirs.sendings >= SENDINGS_MAX:
            return _give_up(state, theirs.account, f"our answer to recall {theirs.recall_id}")
        return _answer(state, name, theirs, now)
    recall = settlement.asked_back[name]
    if not _is_open(state, recall):
        return []
    leg = settlement.legs[name]
    if recall.sendings >= SENDINGS_MAX:
        return _give_up(state, leg.account, f"our recall of {name}")
    return _ask(state, leg, recall, now)


def _give_up(state: State, account: str, what: str) -> list[Effect]:
    count(state, f"recalls_given_up/{account}")
    text = f"{what} was sent {SENDINGS_MAX} times and nobody says what became of it: telephone"
    return [RaiseAlert(severity="critical", subject=account, text=text)]


def after_restart(state: State, now: int) -> list[Effect]:
    """Whether it left before the crash is unknown: it goes again, the same under the same id."""
    effects: list[Effect] = []
    settlement = state.settlement
    for recall in settlement.asked_back.values():
        if not recall.taken and _is_open(state, recall):
            effects += _ask(state, settlement.legs[recall.payment_id], recall, now)
    for key, theirs in settlement.recalls.items():
        if theirs.answer and not theirs.taken and theirs.sendings < SENDINGS_MAX:
            effects += _answer(state, key, theirs, now)
    return effects
