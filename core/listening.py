"""How we listen to an account: the stream, the schedule of statements, and back-fill by cursor.

Rule 1. A stream is a hint. On every new epoch, on schedule and on suspicion the venue's own record
is read from our cursor to its end, page by page; a cursor moves only over pages that were read.
Rule 2. A stream whose heartbeat is not heard for `silence_ns_max` is dropped and opened afresh,
whatever the socket says; that requests are answered says nothing of the stream.
Rule 3. Reads that fail are asked again after a while that the venue may lengthen; a statement after
longer and longer, until its schedule is sooner.
"""

from core.effects import (
    Effect,
    FetchFills,
    FetchInstruments,
    FetchLedger,
    FetchOpenOrders,
    FetchStatement,
    OpenStream,
    RaiseAlert,
    RenewStream,
    SetAlarm,
)
from core.events import (
    HeartbeatHeard,
    InstrumentListed,
    PageReported,
    RequestFailed,
    StatementKind,
    StreamClosed,
    StreamOpened,
)
from core.rail_effects import FetchFinal, FetchHead
from core.state import Account, State, count, note_move

RETRY_NS = 500_000_000
STATEMENT_RETRY_NS = 250_000_000
RENEW_NS = 30 * 60 * 1_000_000_000
ASK_TIMEOUT_NS = 20_000_000_000
LEDGER = "ledger"
# A private stream, by what we heard of its current epoch.
MOVES: dict[str, tuple[str, ...]] = {"down": ("up",), "up": ("down",)}


# --- alarms --------------------------------------------------------------------------------------


def arm(state: State, alarm: str, at: int) -> Effect:
    """Arm an alarm; it is state, so that a restart can arm it again."""
    state.alarms[alarm] = at
    return SetAlarm(alarm=alarm, at=at)


def begin(state: State, account: Account, now: int) -> list[Effect]:
    """Start, or after a crash start again, to listen."""
    account.backfill.waiting.clear()
    return [
        *open_stream(state, account, now),
        *fetch_orders(account),
        arm(state, f"statement/{account.name}", now + account.statement_period_ns),
        arm(state, f"backfill/{account.name}", now + account.backfill_period_ns),
        *_arm_renewal(state, account, now),
    ]


def _arm_renewal(state: State, account: Account, now: int) -> list[Effect]:
    """Exchanges give keys that end; those who keep money do not."""
    if account.tells == "lines":
        return []
    return [arm(state, f"renew/{account.name}", now + RENEW_NS)]


# --- the stream ----------------------------------------------------------------------------------


def open_stream(state: State, account: Account, now: int) -> list[Effect]:
    """Ask for a new epoch of the stream, and watch that it comes up and stays alive."""
    account.epoch += 1
    _move(state, account, streaming=False)
    account.heard_at = now
    return [
        OpenStream(account=account.name, epoch=account.epoch),
        arm(state, f"silence/{account.name}", now + account.silence_ns_max),
    ]


def on_stream_opened(state: State, account: Account, event: StreamOpened) -> list[Effect]:
    """A new epoch stands: read all that may have been told to nobody."""
    if event.epoch != account.epoch:
        return []
    _move(state, account, streaming=True)
    account.refused = 0
    account.heard_at = event.received_at
    return [
        *request_backfill(state, account, event.received_at),
        *fetch_statements(account),
        *fetch_instruments(account),
        *fetch_orders(account),
    ]


def on_stream_closed(state: State, account: Account, event: StreamClosed) -> list[Effect]:
    """The current epoch ended: open the next one a little later."""
    if event.epoch != account.epoch:
        return []
    count(state, f"stream_closed/{account.name}")
    _move(state, account, streaming=False)
    # Who refuses us over and over is asked less and less often, and never given up.
    wait = min(RETRY_NS << min(account.refused, 20), max(RETRY_NS, account.silence_ns_max // 4))
    account.refused += 1
    return [arm(state, f"reopen/{account.name}", event.received_at + wait)]


def _move(state: State, account: Account, *, streaming: bool) -> None:
    if streaming != account.streaming:
        note_move(state, "stream", *(("down", "up") if streaming else ("up", "down")))
    account.streaming = streaming


def on_heartbeat(account: Account, event: HeartbeatHeard) -> None:
    """The current epoch lives; what an older one says is no news."""
    if event.epoch == account.epoch:
        account.heard_at = event.received_at


def on_silence(state: State, account: Account, now: int) -> list[Effect]:
    """The alarm of silence rang: if nothing was heard since it was set, drop the stream."""
    due = account.heard_at + account.silence_ns_max
    if now < due:
        return [arm(state, f"silence/{account.name}", due)]
    count(state, f"stream_silent/{account.name}")
    text = f"nothing heard for {account.silence_ns_max // 10**6} ms: opening the stream afresh"
    return [
        *open_stream(state, account, now),
        RaiseAlert(severity="warning", subject=account.name, text=text),
    ]


def on_renew(state: State, account: Account, now: int) -> list[Effect]:
    """Keep the stream's key alive."""
    return [RenewStream(account=account.name), *_arm_renewal(state, account, now)]


# --- statements ----------------------------------------------------------------------------------


def on_statement_alarm(state: State, account: Account, now: int) -> list[Effect]:
    """Time for the next scheduled statements.

    A statement without an as-of proves little while the account is busy: there the record of fills
    is read as often, and finds what was lost by itself.
    """
    return [
        *fetch_statements(account),
        *(request_backfill(state, account, now) if account.bracketed else []),
        arm(state, f"statement/{account.name}", now + account.statement_period_ns),
    ]


def fetch_statements(account: Account) -> list[Effect]:
    """Ask for every kind of statement that the venue gives."""
    return [FetchStatement(account=account.name, kind=kind) for kind in account.statements]


def ask_again(state: State, account: Account, name: str) -> list[Effect]:
    """Ask at once for the statement that holds this holding."""
    kind: StatementKind = "balances" if name.endswith("/cash") else "positions"
    return [FetchStatement(account=account.name, kind=kind)]


def fetch_orders(account: Account) -> list[Effect]:
    """Ask for all open orders, where orders can be."""
    return [] if account.tells == "lines" else [FetchOpenOrders(account=account.name)]


def fetch_instruments(account: Account) -> list[Effect]:
    """Ask for the terms of what we trade, where the venue can be asked: they may have changed."""
    if not account.instruments:
        return []
    return [FetchInstruments(account=account.name, instrument=name) for name in account.listings]


def fetch_instrument(account: Account, instrument: str) -> list[Effect]:
    """Ask what an instrument is that is in no book of ours, where the venue can be asked."""
    if not account.instruments:
        return []
    return [FetchInstruments(account=account.name, instrument=instrument)]


# --- back-fill -----------------------------------------------------------------------------------


def request_backfill(state: State, account: Account, now: int) -> list[Effect]:
    """Begin a round, or have another follow the one under way (its answers may be too old)."""
    if account.backfill.waiting:
        account.backfill.wanted = True
        return []
    return _round(state, account, now)


def _round(state: State, account: Account, now: int) -> list[Effect]:
    backfill = account.backfill
    backfill.wanted = False
    backfill.started_at = now
    effects: list[Effect] = []
    for subject in [*account.listings, *([LEDGER] if account.ledger else [])]:
        backfill.waiting[subject] = now
        effects += _ask(account, subject)
    return effects


def _ask(account: Account, subject: str) -> list[Effect]:
    """The record after our cursor; a chain's lies in blocks that each node must call final."""
    after = account.cursors.get(subject, "")
    if account.chain:
        return [FetchHead(account=account.name, source=source) for source in account.sources]
    if subject == LEDGER:
        return [FetchLedger(account=account.name, after=after, rows=account.page_rows)]
    return [
        FetchFills(account=account.name, instrument=subject, after=after, rows=account.page_rows)
    ]


def on_listed_anew(account: Account, event: InstrumentListed) -> list[Effect]:
    """Ids begin anew, and the record with them: it is read from its start, if need be once more."""
    if event.listing == account.listings[event.instrument].listing:
        return []
    account.cursors.pop(event.instrument, None)
    if event.instrument not in account.backfill.waiting:
        return []
    account.backfill.waiting[event.instrument] = event.received_at
    return _ask(account, event.instrument)


def _of_former_listing(account: Account, event: PageReported) -> bool:
    """Whether the page was asked for before the instrument was listed anew: its cursor is void."""
    listing = account.listings.get(event.subject)
    if listing is None or listing.listing == 1:
        return False
    return event.asked_at < account.backfill.waiting.get(event.subject, event.received_at)


def on_page(state: State, account: Account, event: PageReported) -> tuple[bool, list[Effect]]:
    """A page was read: move the cursor; ask for the next, or end the round (then True)."""
    backfill = account.backfill
    if _of_former_listing(account, event):
        return False, []
    if event.through:
        account.cursors[event.subject] = event.through
    if event.subject not in backfill.waiting:
        return False, []
    if event.more:
        backfill.waiting[event.subject] = event.received_at
        return False, _next_page(state, account, event)
    del backfill.waiting[event.subject]
    if backfill.waiting:
        return False, []
    backfill.finished_at = event.received_at
    return True, []


def _next_page(state: State, account: Account, event: PageReported) -> list[Effect]:
    """Go on from the cursor; on a chain within what was agreed to be final when the round began."""
    if not account.chain:
        return _ask(account, event.subject)
    return [
        FetchFinal(
            account=account.name,
            source=account.sources[0],
            after=int(event.through),
            through=state.settlement.chains[account.name].agreed,
        )
    ]


def next_round(state: State, account: Account, now: int) -> list[Effect]:
    """Begin the round that was wanted while the last one ran."""
    return _round(state, account, now) if account.backfill.wanted else []


def on_backfill_alarm(state: State, account: Account, now: int) -> list[Effect]:
    """Time for a scheduled round; a round that hangs is asked for again."""
    effects: list[Effect] = []
    backfill = account.backfill
    for subject, asked_at in backfill.waiting.items():
        if now - asked_at > ASK_TIMEOUT_NS:
            backfill.waiting[subject] = now
            effects += _ask(account, subject)
    if not backfill.waiting:
        effects += _round(state, account, now)
    effects += fetch_orders(account)
    effects += fetch_instruments(account)
    effects.append(arm(state, f"backfill/{account.name}", now + account.backfill_period_ns))
    return effects


def on_request_failed(state: State, account: Account, event: RequestFailed) -> list[Effect]:
    """A read failed: it is asked for again, a statement unless its schedule is as soon."""
    count(state, f"failed_reads/{account.name}")
    if event.about in ("closed", "document"):
        return []
    wait = max(event.retry_after_ns, RETRY_NS)
    if event.about in ("balances", "positions"):
        tries = account.unread.get(event.about, 0)
        account.unread[event.about] = tries + 1
        wait = max(event.retry_after_ns, STATEMENT_RETRY_NS << min(tries, 40))
        if wait >= account.statement_period_ns:
            return []
    return [arm(state, f"retry/{account.name}/{event.about}", event.received_at + wait)]


def on_retry(state: State, account: Account, about: str, now: int) -> list[Effect]:
    """Ask again for what failed."""
    if about == "open_orders":
        return fetch_orders(account)
    if about in ("balances", "positions"):
        kind: StatementKind = "balances" if about == "balances" else "positions"
        return [FetchStatement(account=account.name, kind=kind)] if kind in account.unread else []
    what, _, subject = about.partition(":")
    if what == "instruments":
        return [FetchInstruments(account=account.name, instrument=subject)]
    if subject in account.backfill.waiting:
        account.backfill.waiting[subject] = now
        return _ask(account, subject)
    return []
