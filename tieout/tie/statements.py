"""The statements that exports hold: snapshots, and what stood before and after a ledger.

Rule. A statement is placed at the moment by which its venue says that it holds, never at that of
its file. Where the venue says none, what it tells of is at its newest line.
"""

from collections.abc import Mapping
from typing import NamedTuple

from msgspec.structs import replace

from core.events import FillReported, StatementKind, StatementReported, StatementRow
from tieout.tie.facts import Fact, Told
from tieout.tie.ledgers import Balance, in_turn

MS = 1_000_000


class Stated(NamedTuple):
    """A statement of the files: all that holds at a moment."""

    at: int
    event: StatementReported
    place: str
    opens: bool = False  # a ledger's first balance: an opening, also where all began at zero


def statements_in(told: Told, end: int) -> dict[tuple[str, StatementKind], list[Stated]]:
    """By account and kind, the earliest first; `end` is the moment of the files' last fact."""
    found: dict[tuple[str, StatementKind], list[Stated]] = {}
    for fact in told.facts:
        if isinstance(fact.event, StatementReported):
            stated = _of_snapshot(fact, end)
            found.setdefault((fact.event.account, fact.event.kind), []).append(stated)
    for account, pair in _of_ledgers(told).items():
        found.setdefault((account, "balances"), []).extend(pair)
    return {key: sorted(each, key=lambda s: s.at) for key, each in found.items()}


def _of_snapshot(fact: Fact, end: int) -> Stated:
    """It holds at its newest line's moment. What it leaves out may have ended since then: that is
    compared as of the files' end, and agrees by the first of the two."""
    event = fact.event
    assert isinstance(event, StatementReported)
    newest = event.as_of or max([row.as_of for row in event.rows], default=0) or end
    return Stated(newest, replace(event, as_of=event.as_of or max(newest, end)), fact.place)


def _of_ledgers(told: Told) -> dict[str, list[Stated]]:
    """What stood before a ledger's first row, and after its last, for each account that has one.

    A trade is in the ledger later than at its moment: the ledger begins with the first that it has.
    """
    found: dict[str, list[Stated]] = {}
    for account in dict.fromkeys(each.account for each in told.balances):
        rows = in_turn([each for each in told.balances if each.account == account])
        moments = [*_of_trades(told, account), rows[0].at, rows[-1].at]
        start, end = min(moments) - MS, max(moments)
        first: dict[str, Balance] = {}
        for each in rows:
            first.setdefault(each.asset, each)
        last = {each.asset: each for each in rows}
        before = {asset: each.balance - each.change for asset, each in first.items()}
        after = {asset: each.balance for asset, each in last.items()}
        found[account] = [
            _ledger_stands(account, before, start, rows[0].place, opens=True),
            _ledger_stands(account, after, end, rows[-1].place, opens=False),
        ]
    return found


def _of_trades(told: Told, account: str) -> list[int]:
    """The moments of those fills that the account's ledger tells again."""
    again = {(line.instrument, line.trade) for line in told.lines if line.account == account}
    return [
        fact.event.occurred_at
        for fact in told.facts
        if isinstance(fact.event, FillReported)
        and (fact.event.instrument, fact.event.fill_id) in again
    ]


def _ledger_stands(
    account: str, amounts: Mapping[str, int], at: int, place: str, *, opens: bool
) -> Stated:
    rows = tuple(StatementRow(asset, "cash", amount, as_of=at) for asset, amount in amounts.items())
    event = StatementReported(
        received_at=0,
        account=account,
        kind="balances",
        rows=rows,
        asked_at=at,
        as_of=at,
        as_of_step=MS,
    )
    return Stated(at, event, place, opens)
