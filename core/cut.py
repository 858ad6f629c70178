"""After a journal that lost its tail: more may be at the venues than our books know.

Rule 1. Limits are the firm's: until every account that can have orders was read back, only exits
pass, wherever they go, and no gate is lent anything.
Rule 2. An account was read back once its open orders were listed, asked for when nothing that we
sent before could come to life any more, and then its record of fills was read to its end by a
round begun after that listing. What was alive at the listing is known from it and counted; what was
over by then is in the record.
Rule 3. Who was once cut reads back each account that it opens from then on.
"""

from msgspec import UNSET

from core.effects import Effect
from core.events import OpenOrdersReported
from core.listening import RETRY_NS, arm, fetch_orders, request_backfill
from core.state import Account, ReadingBack, State, note_move
from core.trading import grace_ns

MOVES: dict[str, tuple[str, ...]] = {"lost": ("listed",), "listed": ("read",)}


def begin(state: State, now: int) -> list[Effect]:
    """The journal is shorter than it was."""
    state.cut = {}
    effects: list[Effect] = []
    for account in state.accounts.values():
        effects += on_account(state, account, now)
    return effects


def on_account(state: State, account: Account, now: int) -> list[Effect]:
    """An account to read back, where ever anything was cut and orders can be."""
    if state.cut is UNSET or account.tells == "lines":
        return []
    since = now + grace_ns(account)
    state.cut[account.name] = ReadingBack(since=since)
    return [arm(state, f"cut/{account.name}", since)]


def on_alarm(state: State, account: Account, now: int) -> list[Effect]:
    """What we sent is alive or over: ask what is open, until it is told."""
    reading = _of(state, account)
    if reading is None or reading.listed_at:
        return []
    return [*fetch_orders(account), arm(state, f"cut/{account.name}", now + RETRY_NS)]


def on_open_orders(state: State, account: Account, event: OpenOrdersReported) -> list[Effect]:
    """Now the record tells what was over by then."""
    reading = _of(state, account)
    if reading is None or reading.listed_at or event.asked_at < reading.since:
        return []
    reading.listed_at = event.received_at
    note_move(state, "cut", "lost", "listed")
    return request_backfill(state, account, event.received_at)


def on_backfilled(state: State, account: Account) -> None:
    """A round of reading the record came to its end."""
    reading = _of(state, account)
    if reading is None or not reading.listed_at:
        return
    if account.backfill.started_at >= reading.listed_at:
        assert state.cut is not UNSET
        del state.cut[account.name]
        note_move(state, "cut", "listed", "read")


def _of(state: State, account: Account) -> ReadingBack | None:
    return None if state.cut is UNSET else state.cut.get(account.name)
