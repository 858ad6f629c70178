"""The tear sheet in a terminal."""

from typing import Literal

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tieout.backtest.tear import TearSheet
from tieout.backtest.tear_facts import Lines, facts, profit_lines, quality_lines
from tieout.reports.words import minute

COLUMNS_MAX = 4


def tables(sheet: TearSheet) -> RenderableType:
    """What it earned, the figures under their heads, and what they stand on."""
    outcome = sheet.outcome
    when = f"{minute(outcome.began_at)} to {minute(outcome.ended_at)} UTC"
    parts: list[RenderableType] = [Text(f"{outcome.name}, {when}", style="bold")]
    parts.append(_table(f"Profit, {sheet.reporting}", profit_lines(sheet)))
    for head, told in facts(sheet).items():
        table = Table(title=head, title_justify="left", box=None, show_header=False)
        table.add_column(no_wrap=True)
        table.add_column(justify="right", no_wrap=True)
        table.add_column(style="dim")
        for fact in told:
            table.add_row(*fact)
        parts.append(table)
    parts += _filled(quality_lines(sheet)) if len(sheet.fills) else []
    parts += [Text(f"assumed: {each}", style="dim") for each in sheet.assumptions]
    return Group(*parts)


def _table(title: str, lines: Lines) -> Table:
    table = Table(title=title, title_justify="left", box=None)
    for number, head in enumerate(lines.heads):
        justify: Literal["left", "right"] = "left" if number < lines.names else "right"
        table.add_column(head, justify=justify, overflow="fold")
    for row in lines.rows:
        table.add_row(*row)
    return table


def _filled(lines: Lines) -> list[RenderableType]:
    """Each strategy's figures in a column, a few of them beside one another, for eighty letters."""
    parts: list[RenderableType] = []
    for first in range(0, len(lines.rows), COLUMNS_MAX):
        those = lines.rows[first : first + COLUMNS_MAX]
        table = Table(title="How well it was filled", title_justify="left", box=None)
        table.add_column()
        for row in those:
            table.add_column("\n".join(row[: lines.names]), justify="right", overflow="fold")
        for number in range(lines.names, len(lines.heads)):
            table.add_row(lines.heads[number], *(row[number] for row in those))
        parts.append(table)
    return parts
