"""Settlement's part of the spine: one fact of a rail in, effects out.

The three ledgers of a transfer are kept in one double-entry book (`core.ledger`); what a payment
goes through stands in `core.payments` and `core.chain`, what a transfer does in `core.transfers`,
and what counterparties book in `core.lines`. Whatever moved a leg in a step, its transfer is
followed before the step ends.
"""

from typing import assert_never

from core import (
    chain,
    corrections,
    documents,
    exchanges,
    exposure,
    lines,
    nonces,
    payments,
    quotes,
    recalls,
    resolutions,
    statements,
    subscriptions,
    transfers,
)
from core.effects import Effect, RaiseAlert
from core.identity import opened_key
from core.ledger import book, customer, nostro
from core.leg_moves import MOVING
from core.rail_events import (
    OVER_A_RAIL,
    AddressAssigned,
    BalanceOpened,
    BlockReported,
    CalendarPublished,
    ChangeNotified,
    CustomerOpened,
    DebtResolved,
    DepositSeen,
    DocumentQuarantined,
    DocumentRead,
    ExchangeCovered,
    ExchangeQuoted,
    HeadReported,
    ItemResolved,
    LimitSet,
    LineBooked,
    NonceReported,
    NostroStated,
    PaymentMissing,
    PaymentReported,
    RailEvent,
    RecallAnswered,
    RecallReported,
    RecallRequested,
    RecallTaken,
    ReturnReported,
    SchemePublished,
    SigningRefused,
    SuspenseResolved,
    TransactionRejected,
    TransactionReported,
    TransactionSigned,
    TransferCancelled,
    TransferReleased,
    TransferRequested,
    TransferScreened,
)
from core.reconcile import on_posted
from core.settlement_state import Limit
from core.state import Account, State


def step(state: State, event: RailEvent) -> list[Effect]:
    """Take in one event of settlement."""
    effects = _take(state, event)
    effects += transfers.follow(state)
    return effects + recalls.decide_held(state)


def _take(state: State, event: RailEvent) -> list[Effect]:
    settlement = state.settlement
    match event:
        case LineBooked():
            effects = lines.on_line(state, state.accounts[event.account], event)
            on_posted(state, "transfer", event.frame, event.received_at)
            return effects
        case PaymentReported():
            return [*payments.on_reported(state, event), *lines.on_named(state, event)]
        case TransactionReported():
            return chain.on_transaction(state, event)
        case HeadReported():
            return chain.on_head(state, state.accounts[event.account], event)
        case BlockReported():
            return chain.on_block(state, state.accounts[event.account], event)
        case PaymentMissing():
            return payments.on_missing(state, event)
        case TransferRequested():
            return transfers.on_requested(state, event)
        case TransferReleased():
            return transfers.on_released(state, event)
        case TransferScreened():
            return transfers.on_screened(state, event)
        case TransferCancelled():
            return transfers.on_cancelled(state, event)
        case ReturnReported():
            return payments.on_return_reported(state, state.accounts[event.account], event)
        case NostroStated():
            return statements.on_stated(state, state.accounts[event.account], event)
        case TransactionSigned():
            return chain.on_signed(state, event)
        case SigningRefused():
            return chain.on_refused(state, event)
        case TransactionRejected():
            return chain.on_rejected(state, event)
        case NonceReported():
            return [*nonces.on_reported(state, event), *chain.on_nonce(state, event)]
        case DepositSeen():
            return chain.on_deposit(state, event)
        case ChangeNotified():
            return corrections.on_change(state, event)
        case RecallReported():
            return recalls.on_reported(state, event)
        case RecallAnswered():
            return recalls.on_answered(state, event)
        case RecallRequested():
            return recalls.on_requested(state, event)
        case RecallTaken():
            return recalls.on_taken(state, event)
        case SuspenseResolved():
            return resolutions.on_suspense(state, event)
        case ItemResolved():
            return resolutions.on_item(state, event)
        case DebtResolved():
            return resolutions.on_debt(state, event)
        case DocumentQuarantined():
            return documents.on_quarantined(state, state.accounts[event.account], event)
        case DocumentRead():
            return documents.on_read(state, state.accounts[event.account], event)
        case ExchangeQuoted():
            return quotes.on_quoted(state, event)
        case ExchangeCovered():
            return exchanges.on_covered(state, event)
        case CalendarPublished():
            settlement.calendars[event.calendar] = event
            return []
        case SchemePublished():
            settlement.schemes[event.scheme] = event
            return []
        case LimitSet():
            _set_limit(state, event)
            return []
        case CustomerOpened():
            return _open_customer(state, event)
        case AddressAssigned():
            settlement.addresses[f"{event.account} {event.address}"] = event.customer
            return []
        case BalanceOpened():
            _open_balance(state, event)
            return []
        case _:
            assert_never(event)


def _open_customer(state: State, event: CustomerOpened) -> list[Effect]:
    """A customer's name is part of names, which are written with slashes."""
    if not event.customer or "/" in event.customer:
        text = f"no balances are kept for {event.customer!r}: a name without a slash would do"
        return [RaiseAlert(severity="warning", subject=event.customer, text=text)]
    state.settlement.customers[event.customer] = None
    return []


def _set_limit(state: State, event: LimitSet) -> None:
    subject = "" if event.scope in ("asset", "release", "position") else event.subject
    state.settlement.limits[f"{event.scope}/{subject}/{event.asset}"] = Limit(
        event.limit, event.scope, subject, event.asset, event.amount
    )
    exposure.look_again(state)


def _open_balance(state: State, event: BalanceOpened) -> None:
    """Once, however often a deployment says what it began with."""
    account = state.accounts[event.account]
    key = opened_key(event.asset, event.customer)
    if key in account.seen:
        return
    account.seen[key] = str(event.amount)
    theirs = customer(event.customer, event.asset) if event.customer else f"equity/{event.asset}"
    lines_ = ((nostro(event.account, event.asset), event.amount), (theirs, -event.amount))
    book(state, "opening", event.account, event.frame, lines_, event.occurred_at)


def follow_tokens(state: State, frame: int) -> list[Effect]:
    """What became of mints and burns moves their cash in the same step; `frame` showed it."""
    subscriptions.look_again(state)
    effects = subscriptions.follow(state, frame)
    while state.settlement.touched:
        effects += [*transfers.follow(state), *subscriptions.follow(state, frame)]
    return effects


# --- what time, a read to the end and a restart bring --------------------------------------------


def on_alarm(state: State, payment_id: str, now: int) -> list[Effect]:
    """It is time to look at a payment."""
    leg = state.settlement.legs[payment_id]
    if leg.status in MOVING and state.accounts[leg.account].chain:
        effects = chain.on_alarm(state, leg, now)
    else:
        effects = payments.on_alarm(state, payment_id, now)
    return effects + transfers.follow(state)


def on_statement_alarm(state: State, account: Account) -> list[Effect]:
    """It is time for statements: what is missing of the record is asked for once more."""
    return [*statements.ask_again(state, account), *documents.ask_again(state, account)]


def on_backfilled(state: State, account: Account) -> list[Effect]:
    """An account's own record was read to its end."""
    if account.chain:
        chain.forget_vanished(state, account)
        return []
    effects = payments.on_backfilled(state, account) + transfers.follow(state)
    return effects + recalls.decide_held(state)


def after_restart(state: State, now: int) -> list[Effect]:
    """Ask for every payment that may or may not have left."""
    state.settlement.payments_made = 0
    effects = transfers.after_restart(state)
    for account in state.accounts.values():
        effects += nonces.begin(state, account, now)
    for payment_id in list(state.settlement.open_legs):
        leg = state.settlement.legs[payment_id]
        if leg.status not in MOVING or leg.kind not in OVER_A_RAIL:
            continue
        if state.accounts[leg.account].chain:
            effects += chain.after_restart(state, leg)
        else:
            effects += payments.after_restart(state, leg)
    effects += subscriptions.after_restart(state)
    effects += recalls.after_restart(state, now)
    return effects + transfers.follow(state)
