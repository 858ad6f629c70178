"""The reconciler: statement lines against the books, at the statement's own as-of.

    line -> agrees | reading -> (settled) agrees | suspect -> (back-filled, read again) | break

Rule 1. A line that disagrees is a *reading*: parked while what would explain it may still be on the
wire (`settle_ns`), then judged.
Rule 2. A reading that stays wrong is a *suspect*: it names holding and signed size, and asks for
the venue's own record. It becomes a *break* only when a back-fill that began after it, and a
statement asked for after that, leave it standing. One read alone never makes a break, and an absurd
one (all gone, more than doubled) must insist.
Rule 3. Suspects and breaks are judged again at every posting to their holding and at every later
line, and close themselves with the evidence named. Nothing is repaired in silence.
"""

from typing import Literal

from msgspec.structs import replace

from core import causes, documents
from core.books import at
from core.effects import Effect, RaiseAlert, SetAlarm
from core.events import AdjustmentBooked, Cause, StatementReported, StatementRow
from core.listening import ask_again, fetch_instruments, request_backfill
from core.state import (
    Account,
    Drift,
    Reading,
    Resolved,
    State,
    Unsure,
    count,
    holding,
    note_move,
)

Verdict = Literal["agrees", "weak", "differs", "inconclusive"]
READS_MAX = 4
PERIODS_MAX = 10
UNSURE_MAX = 3
TICK_NS_MAX = 1_000_000
RESOLVED_KEPT = 64
# A difference in a holding, from its first look to its end. Two tellings that contradict are a
# break at once; a suspect may join the break that its holding has.
MOVES: dict[str, tuple[str, ...]] = {
    "none": ("suspect", "break"),
    "suspect": ("break", "joined", "explained"),
    "break": ("resolved",),
}


# --- a statement comes in ------------------------------------------------------------------------


def on_statement(state: State, account: Account, event: StatementReported) -> list[Effect]:
    """Judge each line; what the venue left out of a complete statement it holds none of."""
    effects: list[Effect] = []
    if event.since:
        for moment in _moments(state, account, event):
            effects += on_statement(state, account, replace(event, as_of=moment, since=0))
    told: dict[str, None] = {}
    for row in event.rows:
        name = holding(account.name, row.subject, row.leg)
        told[name] = None
        effects += _on_line(state, account, event, row, name)
    if event.complete:
        for name in state.holdings:
            if name not in told and _belongs(name, account.name, event.kind):
                row = StatementRow(name.split("/")[2], name.split("/")[3], 0)
                effects += _on_line(state, account, event, row, name)
        count(state, f"statements/{account.name}")
    return effects


def _moments(state: State, account: Account, event: StatementReported) -> list[int]:
    """As of when a run of statements is judged, but for its last: at its first, and wherever the
    books moved within it. Between two of these neither side changed, so nor did the verdict."""
    moments = {event.since: None}
    for name, entries in state.recent.items():
        if _belongs(name, account.name, event.kind):
            for entry in reversed(entries):  # in order of time
                if entry.occurred_at <= event.since:
                    break
                if entry.occurred_at < event.as_of:
                    moments[entry.occurred_at] = None
    return sorted(moments)


def _belongs(name: str, account: str, kind: str) -> bool:
    return name.startswith(account + "/") and name.endswith("/cash") == (kind == "balances")


def _on_line(
    state: State, account: Account, event: StatementReported, row: StatementRow, name: str
) -> list[Effect]:
    return _take(state, account, _reading(account, event, row, name), complete=event.complete)


def on_closing(
    state: State, account: Account, asset: str, amount: int, as_of: int, frame: int
) -> list[Effect]:
    """The closing of a closed statement: a balance as of its end."""
    reading = Reading(
        holding=holding(account.name, asset, "cash"),
        told=amount,
        lo=as_of,
        hi=as_of,
        sequence=0,
        asked_at=state.now,
        heard_at=state.now,
        frame=frame,
        due_at=state.now + account.settle_ns,
        as_of_told=True,
    )
    return _take(state, account, reading, complete=True)


def _take(state: State, account: Account, reading: Reading, *, complete: bool) -> list[Effect]:
    name = reading.holding
    verdict, _ = judge(state, reading)
    if verdict == "agrees":
        if complete:
            _confirm(account, reading)
        return _agreed(state, reading)
    if not complete:
        return []
    if verdict == "weak" and _may_ask_again(state, account, reading):
        return ask_again(state, account, name)
    parked = state.readings.get(name)
    if parked is not None:
        _interrupt(state, parked, reading)
        return []
    state.readings[name] = reading
    return [_arm(state, account)]


def _interrupt(state: State, parked: Reading, reading: Reading) -> None:
    """Absurd reads with a plausible one between them are not in a row, though it is not judged; nor
    are those beside which another says that the difference is less than half as large."""
    suspect = state.suspects.get(reading.holding)
    if suspect is None:
        return
    plausible = suspect.absurd and not _implausible(state, reading)
    if plausible or _dwarfs(judge(state, parked), judge(state, reading)):
        suspect.reads = 0


def _dwarfs(parked: tuple[Verdict, int], other: tuple[Verdict, int]) -> bool:
    return parked[0] == other[0] == "differs" and abs(parked[1]) > 2 * abs(other[1])


def _reading(account: Account, event: StatementReported, row: StatementRow, name: str) -> Reading:
    hi = row.as_of or event.as_of
    told = hi != 0 and not account.bracketed
    if not told:
        lo = event.asked_at - account.clock_error_ns
        hi = event.received_at + account.clock_error_ns
    else:
        lo = hi - event.as_of_step
    return Reading(
        holding=name,
        told=row.amount,
        lo=lo,
        hi=hi,
        sequence=row.sequence,
        # Nobody asked for a push: where it tells its as-of it was written then, however late it is.
        asked_at=0 if told and _is_pushed(event) else event.asked_at,
        heard_at=event.received_at,
        frame=event.frame,
        due_at=event.received_at + account.settle_ns,
        as_of_told=told,
    )


def _is_pushed(event: StatementReported) -> bool:
    return not event.complete and event.asked_at == event.received_at


def judge(state: State, reading: Reading) -> tuple[Verdict, int]:
    """Whether the books agree with a reading at its own as-of, and the signed size if they don't.

    A reading that holds at one moment, seen by one figure, agrees or differs (within what is in
    doubt). Where the books moved within the reading's bracket it proves little: told one of the
    earlier figures it agrees *weakly*, told none of them it is inconclusive.
    """
    figures = at(state, reading.holding, reading.lo, reading.hi, reading.sequence)
    if not figures:
        return "inconclusive", 0
    doubt = state.doubts.get(reading.holding, 0)
    size = reading.told - figures[-1]
    if -doubt <= size <= doubt:
        return "agrees", 0
    for figure in figures[:-1]:
        if -doubt <= reading.told - figure <= doubt:
            return "weak", size
    # Within one tick of the teller's clock a differing figure still has one size: the tick's last.
    wide = len(figures) > 1 and reading.hi - reading.lo > TICK_NS_MAX
    return ("inconclusive" if wide else "differs"), size


def _may_ask_again(state: State, account: Account, reading: Reading) -> bool:
    """A weak or inconclusive line is read again, a few times.

    Told twice with the same as-of there is nothing left to wait for: all of that tick is in it.
    """
    count(state, f"inconclusive/{account.name}")
    unsure = state.unsure.get(reading.holding)
    if unsure is None:
        unsure = state.unsure[reading.holding] = Unsure()
    again = unsure.reads < UNSURE_MAX and unsure.hi != reading.hi
    unsure.reads, unsure.hi = unsure.reads + 1, reading.hi
    return again


# --- readings fall due ---------------------------------------------------------------------------


def on_due(state: State, account: Account, now: int) -> list[Effect]:
    """Judge the account's parked readings whose time has come."""
    effects: list[Effect] = []
    for name in [n for n, r in state.readings.items() if n.startswith(account.name + "/")]:
        reading = state.readings[name]
        if reading.due_at > now:
            continue
        del state.readings[name]
        verdict, size = judge(state, reading)
        if verdict == "agrees":
            _confirm(account, reading)
            effects += _agreed(state, reading)
        elif verdict != "differs" and _may_ask_again(state, account, reading):
            effects += ask_again(state, account, name)
        else:
            effects += _differs(state, account, reading, size, now)
    if any(n.startswith(account.name + "/") for n in state.readings):
        effects.append(_arm(state, account))
    return effects


def _arm(state: State, account: Account) -> Effect:
    alarm = f"readings/{account.name}"
    at_ns = min(r.due_at for n, r in state.readings.items() if n.startswith(account.name + "/"))
    state.alarms[alarm] = at_ns
    return SetAlarm(alarm=alarm, at=at_ns)


def _differs(state: State, account: Account, reading: Reading, size: int, now: int) -> list[Effect]:
    name = reading.holding
    broken = state.breaks.get(name)
    if broken is not None and _is_another_matter(state, broken, reading):
        broken = None
    drift = broken or state.suspects.get(name)
    if drift is not None and _older(reading, drift.reading):
        count(state, f"stale/{account.name}")
        return []
    if broken is not None:
        if state.suspects.pop(name, None) is not None:
            note_move(state, "drift", "suspect", "joined")
        broken.reading = reading
        broken.reads += 1
        _resize(state, account, broken, size)
        return []
    suspect = state.suspects.get(name)
    if suspect is None:
        suspect = state.suspects[name] = Drift(reading=reading, size=size, opened_at=now)
        suspect.since, suspect.absurd = reading.hi, _implausible(state, reading)
        _classify(state, account, suspect)
        note_move(state, "drift", "none", "suspect")
        count(state, f"suspects/{account.name}")
        terms = [] if name.endswith("/cash") else fetch_instruments(account)
        return terms + request_backfill(state, account, now)
    # Reads that say the same make a break; one that says otherwise begins anew, but not for ever.
    suspect.reads = suspect.reads + 1 if suspect.size == size else 1
    # What was absurd stays so when the books move meanwhile, until something else is told.
    suspect.absurd &= reading.told == suspect.reading.told
    suspect.absurd |= _implausible(state, reading)
    suspect.reading = reading
    _resize(state, account, suspect, size)
    absurd = suspect.absurd
    enough = READS_MAX if absurd else 3 if account.bracketed else 2
    old = _old(account, suspect, now) and not absurd
    # Asked for after the round that it survived: later rounds run beside every statement of some.
    fresh = reading.asked_at > suspect.survived_at
    if suspect.survived and fresh and (suspect.reads >= enough or old):
        return _break(state, account, suspect, now)
    suspect.survived = suspect.survived and suspect.reads > 1
    return request_backfill(state, account, now)


def _is_another_matter(state: State, broken: Drift, reading: Reading) -> bool:
    """What differs is a suspect beside the break, and must insist before the break is of its size:
    where two tellings contradict, and where a read is absurd."""
    return (broken.contradiction and not broken.size) or _implausible(state, reading)


def _older(reading: Reading, than: Reading) -> bool:
    """Whether a reading reaches less far than another: a stale statement must change nothing.

    By the as-of that both were told with, and where that is the same by when they were asked for:
    a push, which nobody asked for, is no newer than a read. Where one was told none, by when they
    were asked for, or heard.
    """
    if reading.as_of_told and than.as_of_told:
        return (reading.hi, reading.asked_at) < (than.hi, than.asked_at)
    return (reading.asked_at or reading.heard_at) < (than.asked_at or than.heard_at)


def _implausible(state: State, reading: Reading) -> bool:
    """All gone, or more than doubled: more likely a bad read than the truth; it must insist."""
    ours = abs(state.holdings.get(reading.holding, 0))
    return ours > 0 and (reading.told == 0 or abs(reading.told) > 2 * ours)


def _break(state: State, account: Account, suspect: Drift, now: int) -> list[Effect]:
    """It survived the evidence. Where a break stands already, that is of this size from now on."""
    name = suspect.reading.holding
    del state.suspects[name]
    known = state.breaks.get(name)
    if known is not None:
        known.reading, known.size, known.reads = suspect.reading, suspect.size, suspect.reads
        known.since = suspect.since
        note_move(state, "drift", "suspect", "joined")
        return []
    note_move(state, "drift", "suspect", "break")
    _classify(state, account, suspect)
    return _open(state, account, suspect, now)


def _open(state: State, account: Account, drift: Drift, now: int) -> list[Effect]:
    name = drift.reading.holding
    state.breaks_made += 1
    drift.number, drift.broken_at = state.breaks_made, now
    state.breaks[name] = drift
    count(state, f"breaks/{account.name}")
    what = f"{name} differs by {drift.size} after back-fill and re-read"
    if drift.contradiction:
        what = f"{name} is told in two ways that contradict: {drift.proposal}"
    text = f"break {drift.number}: {what}"
    return [RaiseAlert(severity="critical", subject=name, text=text)]


def _resize(state: State, account: Account, drift: Drift, size: int) -> None:
    """The difference is of another size now, and so perhaps of another cause."""
    if size == drift.size:
        return
    drift.size, drift.since = size, drift.reading.hi
    if not drift.contradiction:
        _classify(state, account, drift)


def _classify(state: State, account: Account, drift: Drift) -> None:
    _know(drift, *causes.classify(state, account, drift))


def _know(drift: Drift, cause: Cause, looks_like: str = "") -> None:
    """Owner and proposal go with the cause."""
    drift.cause = cause
    drift.owner, drift.proposal = causes.remedy(cause, looks_like)


def conflict(
    state: State,
    account: Account,
    name: str,
    frame: int,
    now: int,
    *,
    cause: Cause = "conflict",
    looks_like: str = "",
) -> list[Effect]:
    """Same id, other content: a break at once, with no size, for someone to look at.

    A suspect in the same holding stands beside it: what differs there has a name of its own.
    """
    count(state, f"conflicts/{account.name}")
    known = state.breaks.get(name)
    if known is not None:
        known.contradiction = True
        _know(known, cause, looks_like)
        return []
    told = state.holdings.get(name, 0)
    reading = Reading(name, told, now, now, 0, now, now, frame, now)
    drift = Drift(reading=reading, size=0, opened_at=now, survived=True, contradiction=True)
    _know(drift, cause, looks_like)
    note_move(state, "drift", "none", "break")
    return _open(state, account, drift, now)


def on_adjusted(state: State, drift: Drift, event: AdjustmentBooked) -> None:
    """Two people repaired a break. Of two contents that contradict, only people say which holds."""
    if event.cause != "adjustment":
        _know(drift, event.cause)
    people = f"{event.author}, approved by {event.approver}"
    resolution = f"adjustment {event.adjustment_id}: {event.reason} ({people})"
    if drift.contradiction:
        _close(state, event.holding, drift, event.cause, resolution, (), event.received_at)
        _leave_suspect(state, drift, event.received_at)
    on_posted(state, event.cause, event.frame, event.received_at, resolution)


def _leave_suspect(state: State, ended: Drift, now: int) -> None:
    """A contradiction is settled; what differed beside it does so still, and keeps a name."""
    name = ended.reading.holding
    if ended.size and name not in state.suspects:
        drift = state.suspects[name] = Drift(reading=ended.reading, size=ended.size, opened_at=now)
        _classify(state, state.accounts[name.rsplit("/", 2)[0]], drift)
        note_move(state, "drift", "none", "suspect")


# --- evidence ------------------------------------------------------------------------------------


def on_backfilled(state: State, account: Account, now: int) -> list[Effect]:
    """A round that began after a suspect opened has ended and left it standing: read again."""
    effects: list[Effect] = []
    for name, suspect in state.suspects.items():
        if not name.startswith(account.name + "/"):
            continue
        began_after = suspect.opened_at <= account.backfill.started_at
        if began_after and not suspect.survived and not _may_be_hidden(state, account, suspect):
            suspect.survived, suspect.survived_at = True, account.backfill.finished_at
            effects += ask_again(state, account, name)
    return effects


def _may_be_hidden(state: State, account: Account, suspect: Drift) -> bool:
    """Whether a document that nobody could read yet may explain it: the round proved nothing.

    Its lines were in a statement soon after; and what waits long enough is a break all the same.
    """
    soon = suspect.since - account.statement_period_ns
    return documents.may_hide(state, account, soon) and not _old(account, suspect, state.now)


def _old(account: Account, suspect: Drift, now: int) -> bool:
    return now - suspect.opened_at > PERIODS_MAX * account.statement_period_ns


def on_posted(
    state: State, cause: Cause, frame: int, now: int, resolution: str = "evidence booked"
) -> None:
    """Judge what is open in the holdings just posted to, and close what the posting explains."""
    if not state.suspects and not state.breaks:
        return
    for line in state.posted:
        for named in (state.suspects, state.breaks):
            drift = named.get(line.holding)
            if drift is not None and (drift.size or not drift.contradiction):
                _judge_again(state, drift, cause, frame, now, resolution)


def _judge_again(
    state: State, drift: Drift, cause: Cause, frame: int, now: int, resolution: str
) -> None:
    verdict, size = judge(state, drift.reading)
    name = drift.reading.holding
    if verdict == "agrees" and drift.contradiction:
        drift.size = 0
    elif verdict == "agrees":
        _close(state, name, drift, cause, resolution, (frame,), now)
    elif size:  # 0 where the reading lies further back than our books remember
        _resize(state, state.accounts[name.rsplit("/", 2)[0]], drift, size)


def _confirm(account: Account, reading: Reading) -> None:
    """A leg was as we count it when we asked: the venue had not counted it anew by then.

    Where that is after a change whose time was not told, the leg had changed with it at the latest.
    """
    listing = account.listings.get(reading.holding.split("/")[2])
    if listing is None or not reading.told or not reading.as_of_told:
        return
    asked_at, derived = reading.asked_at - account.clock_error_ns, listing.derived
    listing.confirmed_at = max(listing.confirmed_at, asked_at)
    if derived is None or asked_at <= derived.heard_at or reading.hi < derived.lo:
        return
    derived.hi = min(derived.hi, reading.hi)
    if reading.hi >= derived.since:
        derived.agreed[reading.holding] = None


def _agreed(state: State, reading: Reading) -> list[Effect]:
    """A line agrees: it settles every older doubt about its holding."""
    name = reading.holding
    state.unsure.pop(name, None)
    parked = state.readings.get(name)
    if (
        parked is not None
        and parked.hi <= reading.hi
        and parked.heard_at <= reading.heard_at
        and not _older(reading, parked)
    ):
        del state.readings[name]
    for drift in (state.suspects.get(name), state.breaks.get(name)):
        if drift is None or _older(reading, drift.reading):
            continue
        if drift.contradiction:
            drift.reading, drift.size = reading, 0
            continue
        reason = "a later statement agrees"
        cause: Cause = "stale_snapshot" if not drift.number else drift.cause
        _close(state, name, drift, cause, reason, (reading.frame,), reading.heard_at)
    return []


def _close(
    state: State,
    name: str,
    drift: Drift,
    cause: Cause,
    resolution: str,
    evidence: tuple[int, ...],
    now: int,
) -> None:
    for named in (state.suspects, state.breaks):
        if named.get(name) is drift:
            del named[name]
    if drift.cause == "unknown" and cause != "unknown":
        _know(drift, cause)
    note_move(
        state, "drift", *(("break", "resolved") if drift.number else ("suspect", "explained"))
    )
    state.resolved_made += 1
    state.causes[drift.cause] = state.causes.get(drift.cause, 0) + 1
    # Those of this very step stay, however many: who watches the steps misses none.
    while len(state.resolved) >= RESOLVED_KEPT and state.resolved[0].closed_at < now:
        del state.resolved[0]
    state.resolved.append(
        Resolved(
            holding=name,
            size=drift.size,
            number=drift.number,
            opened_at=drift.opened_at,
            broken_at=drift.broken_at,
            closed_at=now,
            cause=drift.cause,
            owner=drift.owner,
            proposal=drift.proposal,
            resolution=resolution,
            evidence=(drift.reading.frame, *evidence),
        )
    )
