"""What a person sees of a kill: how far it is on each account, and how it ended.

True here: a stage is called done only by the venue's own word, as `core.kill` told it; what nobody
has told yet is shown as such, never as nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from core.risk_effects import TellKill

if TYPE_CHECKING:
    from tieout.operating.kill import Ending

SECOND = 1_000_000_000
STEPS = ("block", "cancel", "confirm", "flatten", "verify")
FIGURES = ("open", "held", "seconds")
SAID = "last refusal"
# Of each stage of `core.kill.PROCEDURE`, which step is under way: all before it are over.
UNDER_WAY = {"cancelling": 1, "confirming": 2, "flattening": 3, "verifying": 4, "done": 5}
# A word, how long it took to it, and why the last answer of that venue was no good one.
Tell = Callable[[TellKill, int, str], None]
Word = tuple[TellKill, int, str]


class Board:
    """How far each account is, drawn anew with each word."""

    def __init__(self, accounts: list[str]) -> None:
        self._told: dict[str, Word | None] = dict.fromkeys(accounts)

    def take(self, word: Word) -> None:
        """One more word."""
        self._told[word[0].account] = word

    def __rich__(self) -> Table:
        table = Table(box=None, header_style="dim")
        for name in ("account", *STEPS, *FIGURES, SAID):
            table.add_column(name, justify="right" if name in FIGURES else "left", no_wrap=True)
        for account, word in self._told.items():
            table.add_row(account, *_row(word))
        return table


def _row(word: Word | None) -> list[Text]:
    if word is None:
        return [Text("·", style="dim")] * len(STEPS)
    told, took_ns, said = word
    under_way = UNDER_WAY[told.stage]
    marks = [_mark(number, under_way) for number in range(len(STEPS))]
    figures = (known(told.open_orders), known(told.positions), f"{took_ns / SECOND:.1f}")
    return [*marks, *(Text(figure) for figure in figures), Text(said, style="red")]


def _mark(number: int, under_way: int) -> Text:
    if number < under_way:
        return Text("done", style="green")
    return Text("now", style="bold yellow") if number == under_way else Text("·", style="dim")


def known(count: int) -> str:
    """How many are left; nobody may have told."""
    return str(count) if count >= 0 else "?"


@contextmanager
def watched(accounts: list[str], *, shown: bool) -> Iterator[Tell]:
    """Progress on stderr: a table in a terminal, in a pipe a line for each change."""
    if not shown:
        yield lambda told, took_ns, said: None
    elif sys.stderr.isatty():
        board = Board(accounts)
        with Live(board, console=Console(stderr=True), transient=True) as live:
            yield lambda *word: _draw(live, board, word)
    else:
        yield Lines().tell


def _draw(live: Live, board: Board, word: Word) -> None:
    board.take(word)
    live.refresh()


class Lines:
    """A line for each word that says something new."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[TellKill, str]] = {}

    def tell(self, told: TellKill, took_ns: int, said: str) -> None:
        if self._last.get(told.account) != (told, said):
            self._last[told.account] = told, said
            print(_line(told, took_ns, said), file=sys.stderr)


def _line(told: TellKill, took_ns: int, said: str) -> str:
    left = f"{known(told.open_orders)} open, {known(told.positions)} held"
    line = f"{took_ns / SECOND:6.1f} s  {told.account:<20} {told.stage:<11} {left}"
    return f"{line}  {said}".rstrip()


def lines_of(
    accounts: list[str],
    ending: Ending,
    said: Mapping[str, str],
    unreached: Mapping[str, str],
) -> Iterator[str]:
    """How it ended: each account's last word, then what a person should look at: of accounts by
    name what a venue `said` last, if it refused, and why nothing reached it."""
    for account in accounts:
        told = ending.stages.get(account)
        stage = told.stage if told is not None else "not begun"
        orders, held = (told.open_orders, told.positions) if told is not None else (-1, -1)
        yield f"{account:<20} {stage:<11} {known(orders)} open, {known(held)} held"
    for account, why in unreached.items():
        yield f"{account:<20} not reached  {why}"
    for account, why in said.items():
        if why:
            yield f"{account:<20} refused last: {why}"
    for alert in ending.alerts:
        yield f"alert: {alert}"
