"""The spine: one event in, effects out. Deterministic and total.

No clock, no dice, no I/O: whatever happens enters here as an event and leaves as a list of things
to do. The `match` below is the table of contents; a new event that nobody handles does not
type-check.
"""

from collections.abc import Callable
from typing import TypeVar

from core import (
    adjustments,
    books,
    cut,
    deposits,
    issuance,
    listening,
    memory,
    moves,
    nonces,
    recalls,
    reconcile,
    restatement,
    risks,
    settlement,
    settlement_memory,
    trading,
)
from core.effects import Effect, RaiseAlert, SetAlarm
from core.events import (
    AccountOpened,
    AdjustmentBooked,
    AlarmRang,
    AssetListed,
    CancelRejected,
    CancelRequested,
    CashMoved,
    Cause,
    Event,
    FillBusted,
    FillReported,
    FrameDismissed,
    FrameQuarantined,
    FundingPaid,
    HeartbeatHeard,
    InstrumentListed,
    Leg,
    MemoryTrimmed,
    MoveRequested,
    NodeStarted,
    OpeningSet,
    OpenOrdersReported,
    OrderMissing,
    OrderReported,
    OrderRequested,
    PageReported,
    PositionModeReported,
    ProgressReported,
    Recalled,
    ReferenceSet,
    RequestFailed,
    StatementReported,
    StreamClosed,
    StreamOpened,
)
from core.gate import Gate
from core.money import (
    ASSET_DECIMALS,
    ASSET_DECIMALS_MAX,
    PRICE_DECIMALS,
    QUANTITY_DECIMALS,
    show,
)
from core.rail_events import LineBooked, PaymentReported, TransferRequested
from core.risk_events import (
    EntriesClosed,
    EntriesOpened,
    ExposureStated,
    GateFenced,
    GateStarted,
    KillLifted,
    KillOrdered,
    LeaseRequested,
    LeaseReturned,
    LimitsLoaded,
    LossStated,
    StrategyStateSet,
    TicketVoided,
)
from core.state import UNATTRIBUTED, Account, Listing, Reference, State, count, holding
from core.token_events import (
    AuthorizationDeclined,
    AuthorizationJudged,
    AuthorizationRequested,
    AuthorizationSigned,
    HolderStated,
    HoldingsReported,
    OfferingPublished,
    PolicyPublished,
    RequestRefused,
    RevocationRequested,
    TokenBlockReported,
    TokenHeadReported,
    TokenPublished,
    TokenReopened,
    WalletAdmitted,
)

T = TypeVar("T")
# What is said of a fill that was told in two contents.
TOLD_TWICE = "is told again with other terms"
# What telling an account again changes of it.
TERMS = (
    *("tells", "statements", "statement_period_ns", "backfill_period_ns", "settle_ns"),
    *("silence_ns_max", "clock_error_ns", "bracketed", "hedged", "ledger", "instruments"),
    *("chain", "sources", "request_validity_ns", "latency_ns_max", "page_rows"),
)


def step(state: State, event: Event, gate: Gate) -> list[Effect]:
    """Take in one event; returns what is to be done, in order."""
    state.posted.clear()
    state.booked.clear()
    state.settled.clear()
    state.now = event.received_at
    if _is_strange(state, event) and not isinstance(event, AccountOpened | OrderRequested):
        count(state, "events_of_unknown_accounts")
        text = f"{type(event).__name__} of an account that no books are kept for: not booked"
        return [RaiseAlert(severity="critical", subject="accounts", text=text)]
    effects = _take(state, event, gate)
    risk = state.risk
    if risk.content_hash or risk.touched or risk.halted or risk.kills:
        effects += risks.follow(state, gate, event)
    if state.tokens:
        effects += issuance.follow(state)
        effects += settlement.follow_tokens(state, event.frame)
    return effects


def _take(state: State, event: Event, gate: Gate) -> list[Effect]:
    # What comes most often stands first: a case that does not match costs a tenth of a microsecond.
    match event:
        case FillReported():
            return trading.on_named(state, event) + _on_fill(state, event)
        case OrderReported():
            return trading.on_order_reported(state, state.accounts[event.account], event)
        case AlarmRang():
            return _on_alarm(state, event)
        case OrderRequested():
            return trading.on_order_requested(state, gate, event)
        case CancelRequested():
            return trading.on_cancel_requested(state, event)
        case MoveRequested():
            return moves.on_requested(state, event)
        case StatementReported():
            return _on_statement(state, event)
        case ProgressReported():
            return trading.on_named(state, event) + _on_progress(state, event)
        case PageReported():
            return _on_page(state, event)
        case PaymentReported() | LineBooked() | TransferRequested():
            return settlement.step(state, event)
        case HeartbeatHeard():
            listening.on_heartbeat(state.accounts[event.account], event)
            return []
        case OrderMissing():
            return trading.on_order_missing(state, state.accounts[event.account], event)
        case CancelRejected():
            return trading.on_cancel_rejected(state, state.accounts[event.account], event)
        case OpenOrdersReported():
            account = state.accounts[event.account]
            known = trading.on_open_orders(state, account, event)
            return known + cut.on_open_orders(state, account, event)
        case FillBusted():
            return trading.on_named(state, event) + _on_bust(state, event)
        case FundingPaid():
            return _on_funding(state, event)
        case CashMoved():
            return trading.on_named(state, event) + _on_cash(state, event)
        case StreamOpened():
            return listening.on_stream_opened(state, state.accounts[event.account], event)
        case StreamClosed():
            return listening.on_stream_closed(state, state.accounts[event.account], event)
        case RequestFailed():
            return listening.on_request_failed(state, state.accounts[event.account], event)
        case PositionModeReported():
            return _on_mode(state, event)
        case FrameQuarantined():
            count(state, f"quarantined/{event.account}")
            return [RaiseAlert(severity="warning", subject=event.account, text=event.reason)]
        case FrameDismissed():
            count(state, f"dismissed/{event.account}")
            return []
        case MemoryTrimmed():
            return memory.on_trimmed(state, event)
        case Recalled():
            memory.on_recalled(state, event)
            return []
        case NodeStarted():
            return _on_started(state, event)
        case AccountOpened():
            return _on_account(state, event)
        case AssetListed():
            return _on_asset(state, event)
        case InstrumentListed():
            return _on_listed(state, event)
        case OpeningSet():
            return _on_opening(state, event)
        case ReferenceSet():
            return _on_reference(state, event)
        case AdjustmentBooked():
            return adjustments.on_adjustment(state, event)
        case LeaseRequested() | LeaseReturned() | TicketVoided() | ExposureStated():
            return risks.step(state, event)
        case LossStated() | GateStarted() | GateFenced() | StrategyStateSet() | LimitsLoaded():
            return risks.step(state, event)
        case EntriesClosed() | EntriesOpened() | KillOrdered() | KillLifted():
            return risks.step(state, event)
        case TokenPublished():
            return issuance.on_published(state, event)
        case PolicyPublished() | HolderStated() | HoldingsReported():
            return issuance.step(state, event)
        case TokenHeadReported() | TokenBlockReported():
            return issuance.step(state, event)
        case OfferingPublished() | WalletAdmitted():
            return issuance.step(state, event)
        case AuthorizationRequested() | RequestRefused() | AuthorizationJudged():
            return issuance.step(state, event)
        case AuthorizationSigned() | AuthorizationDeclined() | RevocationRequested():
            return issuance.step(state, event)
        case TokenReopened():
            return issuance.step(state, event)
        case _:
            return settlement.step(state, event)


# --- what moves the books ------------------------------------------------------------------------


def _on_fill(state: State, event: FillReported) -> list[Effect]:
    account = state.accounts[event.account]
    order = trading.order_of(state, account, event)
    strategy = order.strategy if order is not None else UNATTRIBUTED
    if account.tells == "progress":
        count(state, f"fills_as_evidence/{account.name}")
        return []
    booked = _try(books.book_fill, state, account, event, strategy)
    count(state, f"fills_{booked}/{account.name}")
    if booked == "echo":
        return []
    if booked == "covered":
        return trading.on_covered(state, order, event.quantity)
    if booked == "late_fee":
        reconcile.on_posted(state, "fee", event.frame, event.received_at)
        return []
    if booked == "other_fee":
        return _fee_told_anew(state, account, event)
    if booked not in ("booked", "inexact"):
        return _strange(state, account, event, booked, event.leg)
    cause: Cause = "missing_fill" if order is not None else "external_trade"
    if event.cause in ("liquidation", "adl"):
        cause = "liquidation"
    effects = []
    if order is None:
        effects = trading.remember_orphan(state, account, event, event.quantity)
    reconcile.on_posted(state, cause, event.frame, event.received_at)
    if booked == "inexact":
        effects += _inexact(state, account, event)
    effects += restatement.reconsider(state, account, event.frame, event.received_at)
    corrects = event.cause == "correction"
    return effects + trading.on_filled(state, order, event.quantity, moves=not corrects)


def _on_statement(state: State, event: StatementReported) -> list[Effect]:
    account = state.accounts[event.account]
    account.unread.pop(event.kind, None)
    effects = reconcile.on_statement(state, account, event)
    return effects + restatement.reconsider(state, account, event.frame, event.received_at)


def _on_progress(state: State, event: ProgressReported) -> list[Effect]:
    account = state.accounts[event.account]
    order = trading.order_of(state, account, event)
    strategy = order.strategy if order is not None else UNATTRIBUTED
    booked = _try(books.book_progress, state, account, event, strategy)
    count(state, f"progress_{booked}/{account.name}")
    if booked == "echo":
        return []
    if booked == "other_fee":
        return _fee_told_anew(state, account, event)
    if booked != "booked":
        return _strange(state, account, event, booked, "net")
    cause: Cause = "missing_fill" if order is not None else "external_trade"
    cause = "fee" if _only_fees(state) else cause
    reconcile.on_posted(state, cause, event.frame, event.received_at)
    return trading.on_progressed(state, order, event)


def _only_fees(state: State) -> bool:
    """Whether all that this step posted is a fee."""
    purposes = [line.figure.rsplit("/", 2)[1] for line in state.posted if line.amount]
    return bool(purposes) and all(purpose == "fee" for purpose in purposes)


def _on_bust(state: State, event: FillBusted) -> list[Effect]:
    account = state.accounts[event.account]
    order = trading.order_of(state, account, event)
    strategy = order.strategy if order is not None else UNATTRIBUTED
    effects = restatement.heed(state, account, event)
    booked = _try(books.book_bust, state, account, event, strategy)
    count(state, f"busts_{booked}/{account.name}")
    if booked == "echo":
        return effects
    if booked in ("conflict", "unlisted", "unreadable"):
        return effects + _strange(state, account, event, booked, event.leg)
    reconcile.on_posted(state, "bust", event.frame, event.received_at)
    effects += _inexact(state, account, event) if booked == "inexact" else []
    effects += restatement.reconsider(state, account, event.frame, event.received_at)
    undone = 0 if booked == "with_fill" else -event.quantity
    if order is None and undone:
        effects += trading.remember_orphan(state, account, event, undone)
    return effects + trading.on_filled(state, order, undone, moves=False)


def _on_opening(state: State, event: OpeningSet) -> list[Effect]:
    account = state.accounts[event.account]
    if books.book_opening(state, account, event) != "conflict":
        return []
    name = holding(account.name, event.subject, event.leg)
    return reconcile.conflict(state, account, name, event.frame, event.received_at)


def _on_funding(state: State, event: FundingPaid) -> list[Effect]:
    account = state.accounts[event.account]
    booked = books.book_funding(state, account, event)
    count(state, f"funding_{booked}/{account.name}")
    return _after_cash(state, account, event.asset, booked, "funding", event)


def _on_cash(state: State, event: CashMoved) -> list[Effect]:
    account = state.accounts[event.account]
    order = trading.order_of(state, account, event)
    strategy = order.strategy if order is not None else UNATTRIBUTED
    move = moves.of(state, event) if event.reason != "realised" else None
    strategy = strategy if move is None else move.strategy
    booked = books.book_cash(state, account, event, strategy)
    count(state, f"cash_{booked}/{account.name}")
    cause: Cause = "transfer" if event.reason != "realised" else "missing_fill"
    effects = _after_cash(state, account, event.asset, booked, cause, event)
    return effects + (moves.on_told(state, move, event) if move and booked == "booked" else [])


def _after_cash(
    state: State,
    account: Account,
    asset: str,
    booked: books.Booked,
    cause: Cause,
    event: FundingPaid | CashMoved,
) -> list[Effect]:
    if booked == "conflict":
        name = holding(account.name, asset, "cash")
        return reconcile.conflict(state, account, name, event.frame, event.received_at)
    if booked != "covered":
        reconcile.on_posted(state, cause, event.frame, event.received_at)
    return []


def _try(
    book: Callable[[State, Account, T, str], books.Booked],
    state: State,
    account: Account,
    event: T,
    strategy: str,
) -> books.Booked:
    """Book, or say that no exact posting can be made of what was told: `step` is total."""
    try:
        return book(state, account, event, strategy)
    except books.UNBOOKABLE:
        return "unreadable"


def _strange(
    state: State,
    account: Account,
    event: FillReported | FillBusted | ProgressReported,
    booked: books.Booked,
    leg: Leg,
) -> list[Effect]:
    """What contradicts a known fill, cannot be booked exactly, or is of an unknown instrument."""
    if booked != "unlisted":
        listing = account.listings[event.instrument]
        name = holding(account.name, event.instrument, leg)
        if listing.kind == "spot":
            name = holding(account.name, listing.base, "cash")
        effects = reconcile.conflict(state, account, name, event.frame, event.received_at)
        if booked == "conflict" and isinstance(event, FillReported):
            effects.append(_told_twice(event, name))
        return effects
    text = f"a fill of {event.instrument}, which is not listed in our books: not booked"
    return [
        RaiseAlert(severity="critical", subject=account.name, text=text),
        *listening.fetch_instrument(account, event.instrument),
    ]


def _told_twice(event: FillReported, name: str) -> Effect:
    """Which fill it is: one break may be open for many in the same holding."""
    text = (
        f"fill {event.fill_id} ({event.side} {event.instrument}) {TOLD_TWICE}: "
        f"{show(event.quantity, QUANTITY_DECIMALS)} at {show(event.price, PRICE_DECIMALS)}"
    )
    return RaiseAlert(severity="critical", subject=name, text=text)


def _fee_told_anew(
    state: State, account: Account, event: FillReported | ProgressReported
) -> list[Effect]:
    """The venue tells what we know with another fee: which of the two holds, a person says."""
    name = holding(account.name, event.fee_asset, "cash")
    fee = show(event.fee, state.decimals.get(event.fee_asset, ASSET_DECIMALS))
    whose = f"order {event.order_id}"
    if isinstance(event, FillReported):
        whose = f"fill {event.fill_id}"
    what = f"the fee of {whose} corrected to {fee} {event.fee_asset}"
    return reconcile.conflict(
        state, account, name, event.frame, event.received_at, cause="fee", looks_like=what
    )


def _inexact(state: State, account: Account, event: FillReported | FillBusted) -> list[Effect]:
    """A fill of contracts that were restated since, and that does not come out even."""
    name = holding(account.name, event.instrument, event.leg)
    return reconcile.conflict(
        state, account, name, event.frame, event.received_at, cause="multiplier"
    )


# --- how we listen -------------------------------------------------------------------------------


def _on_page(state: State, event: PageReported) -> list[Effect]:
    account = state.accounts[event.account]
    ended, effects = listening.on_page(state, account, event)
    if ended:
        cut.on_backfilled(state, account)
        effects += reconcile.on_backfilled(state, account, event.received_at)
        effects += settlement.on_backfilled(state, account)
        effects += listening.next_round(state, account, event.received_at)
    return effects


def _on_alarm(state: State, event: AlarmRang) -> list[Effect]:
    due = state.alarms.get(event.alarm)
    if due is None or due > event.received_at:
        return []
    del state.alarms[event.alarm]
    what, _, rest = event.alarm.partition("/")
    now = event.received_at
    if what == "order":
        return trading.on_order_alarm(state, rest, now)
    if what == "fills":
        return trading.on_fills_alarm(state, rest, now)
    if what == "leg":
        return settlement.on_alarm(state, rest, now)
    if what == "credit":
        return deposits.on_alarm(state, rest)
    if what in ("recall", "answer"):
        return recalls.on_alarm(state, what, rest, now)
    if what in ("hold", "kill", "engine"):
        return risks.on_alarm(state, what, rest, now)
    if what == "token":
        return issuance.on_alarm(state, rest)
    if what == "move":
        return moves.on_alarm(state, rest)
    if what == "retry":
        name, _, about = rest.rpartition("/")
        return listening.on_retry(state, state.accounts[name], about, now)
    account = state.accounts[rest]
    if what == "cut":
        return cut.on_alarm(state, account, now)
    if what == "nonce":
        return nonces.on_alarm(state, account, now)
    if what == "restate":
        return restatement.on_due(state, account, now)
    if what == "readings":
        due_now = reconcile.on_due(state, account, now)
        return due_now + restatement.reconsider(state, account, 0, now)
    if what == "statement":
        missing = settlement.on_statement_alarm(state, account)
        return listening.on_statement_alarm(state, account, now) + missing
    if what == "backfill":
        return [
            *listening.on_backfill_alarm(state, account, now),
            *trading.ask_for_orphans(account),
        ]
    if what == "silence":
        return listening.on_silence(state, account, now)
    if what == "reopen":
        return listening.open_stream(state, account, now)
    assert what == "renew", event.alarm
    return listening.on_renew(state, account, now)


def _on_mode(state: State, event: PositionModeReported) -> list[Effect]:
    account = state.accounts[event.account]
    before, account.mode_told = account.mode_told, event.hedged
    if event.hedged == account.hedged or event.hedged == before:
        return []
    count(state, f"mode_changed/{account.name}")
    text = f"the account keeps {'two legs' if event.hedged else 'one net position'}, we do not"
    return [RaiseAlert(severity="critical", subject=account.name, text=text)]


def _is_strange(state: State, event: Event) -> bool:
    """Whether it is about an account that we keep no books for."""
    account = getattr(event, "account", None)
    if account is None or account in state.accounts:
        return False
    return account != settlement_memory.OURS or not isinstance(event, Recalled)


# --- what stands ---------------------------------------------------------------------------------


def _on_started(state: State, event: NodeStarted) -> list[Effect]:
    state.node, state.epoch, state.orders_made = event.node, event.epoch, 0
    effects: list[Effect] = _on_cut(state, event) if event.records_lost else []
    state.readings.clear()
    for account in state.accounts.values():
        state.alarms.pop(f"readings/{account.name}", None)
        effects += listening.begin(state, account, event.received_at)
    effects += trading.after_restart(state, event.received_at)
    effects += settlement.after_restart(state, event.received_at)
    effects += risks.after_restart(state, event.records_lost)
    effects += issuance.after_restart(state, event.records_lost)
    effects += moves.after_restart(state)
    fresh = {effect.alarm: None for effect in effects if isinstance(effect, SetAlarm)}
    for alarm, due in state.alarms.items():
        if alarm not in fresh:
            effects.append(SetAlarm(alarm=alarm, at=max(due, event.received_at)))
    return effects


def _on_cut(state: State, event: NodeStarted) -> list[Effect]:
    """What was lost is told again by the venues' own records; that it was lost must be seen."""
    count(state, "journal_cuts")
    text = f"the journal lost {event.records_lost} records that its anchor knows of"
    alert = RaiseAlert(severity="critical", subject="journal", text=text)
    return [alert, *cut.begin(state, event.received_at)]


def _on_account(state: State, event: AccountOpened) -> list[Effect]:
    """Its terms are those told last; what is remembered of it stays, however often it is told."""
    account = Account(
        name=event.account,
        tells=event.tells,
        statements=event.statements,
        statement_period_ns=event.statement_period_ns,
        backfill_period_ns=event.backfill_period_ns,
        settle_ns=event.settle_ns,
        silence_ns_max=event.silence_ns_max,
        clock_error_ns=event.clock_error_ns,
        bracketed=event.bracketed,
        hedged=event.hedged,
        ledger=event.ledger,
        instruments=event.instruments,
        chain=event.chain,
        sources=event.sources,
        request_validity_ns=event.request_validity_ns,
        latency_ns_max=event.latency_ns_max,
        page_rows=event.page_rows,
    )
    known = state.accounts.setdefault(event.account, account)
    if known is not account:
        for name in TERMS:
            setattr(known, name, getattr(account, name))
    now = event.received_at
    effects = [*listening.begin(state, known, now), *nonces.begin(state, known, now)]
    return effects + (cut.on_account(state, account, now) if known is account else [])


def _on_asset(state: State, event: AssetListed) -> list[Effect]:
    """Set an asset's decimals; what is booked at others would silently be worth something else."""
    if event.decimals == state.decimals.get(event.asset, ASSET_DECIMALS):
        state.decimals[event.asset] = event.decimals
        return []
    if 0 <= event.decimals <= ASSET_DECIMALS_MAX and not _is_known(state, event.asset):
        state.decimals[event.asset] = event.decimals
        return []
    count(state, "assets_refused")
    text = f"{event.asset} is not kept with {event.decimals} decimals: it is booked, or none has so"
    return [RaiseAlert(severity="critical", subject=event.asset, text=text)]


def _is_known(state: State, asset: str) -> bool:
    """Whether units of the asset are remembered anywhere."""
    held = [*state.holdings, *state.readings, *state.suspects, *state.breaks]
    return any(name.endswith(f"/{asset}/cash") for name in held) or any(
        name.endswith(f"/{asset}") for name in state.figures
    )


def _on_listed(state: State, event: InstrumentListed) -> list[Effect]:
    account = state.accounts[event.account]
    known = account.listings.get(event.instrument)
    if known is None and event.frame and not event.asked_at:
        return []  # a venue lists much that we do not trade; what we asked for, somebody traded
    if known is not None and known.listing == event.listing:
        if event.frame or event.effective_at:
            return restatement.on_told(state, account, known, event)
        if known.changes:
            return []  # a deployment tells what it began with; the venue has told more since
    effects = listening.on_listed_anew(account, event) if known is not None else []
    account.listings[event.instrument] = Listing(
        instrument=event.instrument,
        kind=event.kind,
        base=event.base,
        quote=event.quote,
        settle=event.settle,
        multiplier=event.multiplier,
        listing=event.listing,
        effective_at=event.effective_at,
        at_first=event.multiplier,
    )
    if known is None and event.frame:  # what was told of it before is in its record
        effects += listening.request_backfill(state, account, event.received_at)
    return effects


def _on_reference(state: State, event: ReferenceSet) -> list[Effect]:
    """Keep the newest; no price, or one of what we do not trade, is none to keep."""
    account = state.accounts[event.account]
    if event.instrument not in account.listings or event.price <= 0:
        count(state, f"references_ignored/{account.name}")
        return []
    known = account.references.get(event.instrument)
    if known is None or event.as_of > known.as_of:
        account.references[event.instrument] = Reference(event.price, event.as_of)
    return []
