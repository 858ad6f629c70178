"""Closed statements: each ties, and the next one opens where the last one closed.

Rule 1. A statement whose entries do not make its closing is a break until the counterparty corrects
it under its own id, or two people accept it.
Rule 2. Where the next one opens otherwise than the last one closed, what lies between is a break of
its own; it closes when the statements that came since lead from the one figure to the other.
"""

from core import reconcile
from core.effects import Effect
from core.items import close_item, open_item
from core.listening import request_backfill
from core.rail_effects import FetchClosed
from core.rail_events import NostroStated
from core.settlement_state import ItemCause, StatementChain, StatementGap
from core.state import Account, State, count


def on_stated(state: State, account: Account, event: NostroStated) -> list[Effect]:
    """Take in one of them; what contradicts itself is asked for again, and believed in nothing."""
    subject = f"{account.name} {event.statement_id}"
    if event.opening + event.entries_sum != event.closing:
        return _untied(state, account, event, subject)
    if state.settlement.untied.pop(subject, None) is not None:
        close_item(state, subject, "it was corrected", event.frame, "statement_untied")
    return accept(state, account, event)


def accept(state: State, account: Account, event: NostroStated) -> list[Effect]:
    """It is the next one, or one that was missing; its closing is a balance like any other."""
    name = f"{account.name}/{event.asset}"
    last = state.settlement.statements.get(name)
    if last is not None and event.to_at <= last.to_at:
        count(state, f"statements_old/{account.name}")
        return _fill(state, account, event, last)
    state.settlement.statements[name] = StatementChain(
        event.sequence, event.closing, event.to_at, event.statement_id
    )
    count(state, f"statements_closed/{account.name}")
    effects = [] if last is None else _follow(state, account, event, last)
    if _is_gap(event, last):
        # Lines that we do not have: the account's own record is read; what stays is a break.
        effects += request_backfill(state, account, event.received_at)
    return effects + reconcile.on_closing(
        state, account, event.asset, event.closing, event.to_at, event.frame
    )


def ask_again(state: State, account: Account) -> list[Effect]:
    """What is missing, and what does not tie: it may have been found, or corrected."""
    wanted = [
        (gap.after_at, gap.before_at - 1)
        for gap in state.settlement.gaps.values()
        if gap.account == account.name
    ]
    wanted += [
        (untied.to_at - 1, untied.to_at)
        for untied in state.settlement.untied.values()
        if untied.account == account.name
    ]
    return [
        FetchClosed(account=account.name, after_at=after_at, until_at=until_at)
        for after_at, until_at in wanted
    ]


# --- opening + entries = closing -----------------------------------------------------------------


def _untied(state: State, account: Account, event: NostroStated, subject: str) -> list[Effect]:
    """Told again alike it is no news."""
    key = f"untied:{event.statement_id}"
    content = f"{event.opening} {event.entries_sum} {event.closing}"
    if account.seen.get(key) == content:
        return []
    account.seen[key] = content
    state.settlement.untied[subject] = event
    size = event.closing - event.opening - event.entries_sum
    cause: ItemCause = "statement_untied"
    return [
        *open_item(state, cause, subject, account.name, event.asset, size, event.frame),
        *request_backfill(state, account, event.received_at),
    ]


# --- one after another ---------------------------------------------------------------------------


def _is_gap(event: NostroStated, last: StatementChain | None) -> bool:
    if last is None:
        return False
    jumps = event.sequence and event.sequence != last.sequence + 1
    return bool(jumps) or event.opening != last.closing


def _follow(
    state: State, account: Account, event: NostroStated, last: StatementChain
) -> list[Effect]:
    """The next one: it opens where the last one closed, or something is missing between them."""
    if _is_gap(event, last):
        count(state, f"statement_gaps/{account.name}")
    if event.opening == last.closing:
        return []
    subject = f"{account.name} before {event.statement_id}"
    gap = StatementGap(
        account=account.name,
        asset=event.asset,
        after_id=last.statement_id,
        after_at=last.to_at,
        closing=last.closing,
        before_id=event.statement_id,
        before_at=event.to_at,
        opening=event.opening,
    )
    state.settlement.gaps[subject] = gap
    size = event.opening - last.closing
    return [
        *open_item(state, "statement_gap", subject, account.name, event.asset, size, event.frame),
        FetchClosed(account=account.name, after_at=last.to_at, until_at=event.to_at - 1),
    ]


def _fill(
    state: State, account: Account, event: NostroStated, last: StatementChain
) -> list[Effect]:
    """An earlier one: it may be what was missing, or a correction of one that we know."""
    if event.statement_id == last.statement_id:
        last.closing = event.closing
    for subject, gap in list(state.settlement.gaps.items()):
        if (gap.account, gap.asset) != (account.name, event.asset):
            continue
        if event.statement_id == gap.after_id:
            gap.closing = event.closing
        elif event.statement_id == gap.before_id:
            gap.opening = event.opening
        elif gap.after_at < event.to_at < gap.before_at:
            gap.pieces = [piece for piece in gap.pieces if piece[0] != event.to_at]
            gap.pieces.append((event.to_at, event.opening, event.closing))
        if _leads_on(gap):
            del state.settlement.gaps[subject]
            close_item(state, subject, "what was missing came", event.frame, "statement_gap")
    return []


def _leads_on(gap: StatementGap) -> bool:
    """Whether what came of the time between leads from the one figure to the other."""
    figure = gap.closing
    for _, opening, closing in sorted(gap.pieces):
        if opening == figure:
            figure = closing
    return figure == gap.opening
