"""What is stuck, as a person or a program reads it: payments under way, open items, suspense.

Rule. It is made from the state that a journal's events make, at its end or at a moment before, and
says so where there is nothing.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from core.items import advice
from core.journal import Record, Store, decode_event
from core.money import show
from core.settlement_state import Item, Suspended
from core.state import State
from core.step import step
from core.stuck import Stuck, debts, stuck
from risk.adapter import LimitGate
from tieout.bad_input import BadMoment
from tieout.journals.sqlite_store import read_records
from tieout.journals.verify import opened
from tieout.reports.trace import plain
from tieout.reports.words import SECOND, clock, count, minute, span
from tieout.settlement.tables import amount, asset_of

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
WIDTH_MIN = 120
NOTHING = (
    "nothing is stuck: no payment is under way, no item is open, nothing is owed,"
    " nothing lies in suspense"
)


@dataclass(slots=True, frozen=True)
class StuckView:
    """What is stuck at a moment. Late payments first, then the longest waiting; and what customers
    owe since it came back."""

    at: int
    state: State
    payments: tuple[Stuck, ...]
    items: tuple[Item, ...]
    suspense: tuple[Suspended, ...]
    debts: tuple[Stuck, ...]

    @property
    def empty(self) -> bool:
        return not (self.payments or self.items or self.suspense or self.debts)

    def __str__(self) -> str:
        return "\n".join(self._texts())

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        # Ten columns need room; without it, a paragraph for each payment reads better.
        if self.empty or options.max_width < WIDTH_MIN:
            yield Text(str(self))
        else:
            yield self._tables()

    def _tables(self) -> RenderableType:
        parts: list[RenderableType] = [Text(self._head() + self._counted(), style="bold")]
        if self.payments:
            parts.append(self._payment_table(self.payments))
        if self.items:
            parts += [Text("\nopen items", style="bold"), self._item_table()]
        if self.suspense:
            parts += [Text("\nin suspense", style="bold"), self._suspense_table()]
        if self.debts:
            parts += [Text("\nowed to us", style="bold"), self._payment_table(self.debts)]
        return Group(*parts)

    def as_dict(self) -> dict[str, Any]:
        """For JSON: amounts as decimal texts, times in nanoseconds, 0 where nothing says when."""
        return {
            "at": self.at,
            "payments": self._rows(self.payments),
            "debts": self._rows(self.debts),
            "items": [
                {
                    "number": item.number,
                    "subject": item.subject,
                    "account": item.account,
                    "asset": asset_of(self.state, item),
                    "size": self.size(item),
                    "cause": item.cause,
                    "opened_at": item.opened_at,
                    "owner": item.owner,
                    "proposal": advice(item),
                    "evidence": item.evidence,
                }
                for item in self.items
            ],
            "suspense": [
                {
                    "account": line.account,
                    "line_id": line.line_id,
                    "asset": line.asset,
                    "amount": self.amount(line.asset, line.amount),
                    "at": line.at,
                    "references": line.references,
                    "counterparty": line.counterparty,
                    "frame": line.frame,
                }
                for line in self.suspense
            ],
        }

    def _rows(self, rows: Iterable[Stuck]) -> list[dict[str, Any]]:
        return [{**row._asdict(), "amount": self.amount(row.asset, row.amount)} for row in rows]

    def amount(self, asset: str, units: int) -> str:
        """An exact amount as text."""
        return plain(amount(self.state, asset, units))

    def size(self, item: Item) -> str:
        """An item's size, signed."""
        return self.amount(asset_of(self.state, item), item.size)

    def shown(self, asset: str, units: int) -> str:
        """The same for a person: without trailing zeros, with its asset."""
        return f"{show(units, self.state.decimals.get(asset, 0))} {asset}"

    def _head(self) -> str:
        return f"at {clock(self.at)} UTC: " if self.at else ""

    def _counted(self) -> str:
        late = sum(row.late for row in self.payments)
        return (
            f"{count(len(self.payments), 'payment')} under way, {late} late;"
            f" {count(len(self.items), 'open item')},"
            f" {count(len(self.suspense), 'line')} in suspense"
        ) + (f"; {count(len(self.debts), 'debt')} of customers" if self.debts else "")

    # --- plain text ------------------------------------------------------------------------------

    def _texts(self) -> Iterator[str]:
        if self.empty:
            yield self._head() + NOTHING
            return
        yield self._head() + self._counted()
        for row in self.payments:
            yield ""
            yield from self._payment_texts(row)
        for item in self.items:
            yield ""
            size = self.shown(asset_of(self.state, item), item.size)
            where = f"{item.subject}: {item.cause}, {size}"
            yield f"item {item.number}: {where} at {item.account}, {self._since(item.opened_at)}"
            yield f"  {item.owner}: {advice(item)}"
        for line in self.suspense:
            yield ""
            what = f"{self.shown(line.asset, line.amount)} at {line.account}"
            yield f"suspense: {line.line_id}, {what}, {self._since(line.at)}"
            yield f"  references: {', '.join(line.references) or 'none'}; frame {line.frame}"
        for row in self.debts:
            yield ""
            yield from self._payment_texts(row)

    def _payment_texts(self, row: Stuck) -> Iterator[str]:
        what = f"{self.shown(row.asset, row.amount)} over {row.scheme}"
        late = "LATE " if row.late else ""
        where = f" at {row.account}" if row.account else ""
        whose = f"transfer {row.transfer_id} of {row.customer}"
        yield f"{late}{row.payment_id} ({whose}): {what}{where}"
        yield f"  {row.stage}, {self._since(row.since)}"
        yield f"  waiting for {row.waiting_for}, {self._expected(row)}"
        if row.blocks:
            yield f"  blocks {', '.join(row.blocks)}"
        yield f"  safe: {row.safe}"

    def _since(self, at: int) -> str:
        return f"since {minute(at)} UTC ({span(at, self.at)})"

    def _expected(self, row: Stuck) -> str:
        if not row.expected_by:
            return "and nothing says until when"
        return f"expected by {minute(row.expected_by)} UTC"

    # --- a terminal ------------------------------------------------------------------------------

    def _payment_table(self, rows: Iterable[Stuck]) -> Table:
        table = Table(box=None, pad_edge=False, header_style="dim")
        for name in ("payment", "customer", "rail", "amount", "stage", "for", "waiting for"):
            table.add_column(name, overflow="fold", justify="right" if name == "amount" else "left")
        for name in ("expected by", "blocks", "safe to"):
            table.add_column(name, overflow="fold")
        for row in rows:
            due = minute(row.expected_by) if row.expected_by else "-"
            table.add_row(
                f"{row.payment_id} ({row.transfer_id})",
                row.customer,
                row.scheme,
                self.shown(row.asset, row.amount),
                row.stage,
                span(row.since, self.at),
                row.waiting_for,
                Text(f"{due} late" if row.late else due, style="bold red" if row.late else ""),
                ", ".join(row.blocks) or "-",
                row.safe,
            )
        return table

    def _item_table(self) -> Table:
        table = Table(box=None, pad_edge=False, header_style="dim")
        for name in ("no.", "about", "cause", "size", "for", "owner", "what would help"):
            table.add_column(name, overflow="fold", justify="right" if name == "size" else "left")
        for item in self.items:
            size = self.shown(asset_of(self.state, item), item.size)
            age = span(item.opened_at, self.at)
            cells = (str(item.number), item.subject, item.cause, size, age)
            table.add_row(*cells, item.owner, advice(item))
        return table

    def _suspense_table(self) -> Table:
        table = Table(box=None, pad_edge=False, header_style="dim")
        for name in ("line", "account", "amount", "for", "references"):
            table.add_column(name, overflow="fold", justify="right" if name == "amount" else "left")
        for line in self.suspense:
            what = self.shown(line.asset, line.amount)
            age = span(line.at, self.at)
            table.add_row(line.line_id, line.account, what, age, ", ".join(line.references))
        return table


def stuck_view(store: Store | str | os.PathLike[str], at: int = 0) -> StuckView:
    """What is stuck at the end of a journal, or at the moment `at` (nanoseconds UTC).

    Beyond the journal's end it is what stood at its end, judged late as of then. Raises
    `BadMoment`, and `JournalError` of a path.
    """
    state = state_at(store, at)
    return of_state(state, at or state.now)


def of_state(state: State, at: int) -> StuckView:
    """The same of a state."""
    settlement = state.settlement
    items = sorted(settlement.items.values(), key=lambda item: item.opened_at)
    lines = sorted(settlement.suspense.values(), key=lambda line: line.at)
    owed = tuple(debts(state))
    return StuckView(at, state, tuple(stuck(state)), tuple(items), tuple(lines), owed)


def state_at(store: Store | str | os.PathLike[str], at: int = 0) -> State:
    """The books as the journal's events made them until then; `now` is that moment."""
    state = State()
    gate = LimitGate()
    with _records(store) as records:
        for record in records:
            if record.kind != "event":
                continue
            event = decode_event(record.body)
            if at and event.received_at > at:
                if not state.now:
                    raise BadMoment(
                        f"--at: found {clock(at)} UTC, before the journal begins;"
                        f" {clock(event.received_at)} or later would do"
                    )
                break
            step(state, event, gate)
    state.now = max(state.now, at)
    return state


@contextmanager
def _records(store: Store | str | os.PathLike[str]) -> Iterator[Iterator[Record]]:
    if not isinstance(store, str | os.PathLike):
        yield store.records()
        return
    with opened(Path(store)) as connection:
        yield read_records(connection)


def moment(text: str) -> int:
    """A moment as people write it (ISO 8601; UTC where no zone is told), in nanoseconds."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadMoment(f"--at: found {text!r}; 2026-03-01T12:00 would do") from error
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    since = when - EPOCH
    return (since.days * 86_400 + since.seconds) * SECOND + since.microseconds * 1000
