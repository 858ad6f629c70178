"""The tear sheet in a terminal."""

from typing import Literal

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tieout.backtest.tear import TearSheet
from tieout.backtest.tear_facts import Lines, facts, profit_lines, quality_lines
from tieout.words import minute


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
    if len(sheet.fills):
        parts.append(_table("How well it was filled", quality_lines(sheet)))
    parts += [Text(f"assumed: {each}", style="dim") for each in sheet.assumptions]
    return Group(*parts)


def _table(title: str, lines: Lines) -> Table:
    table = Table(title=title, title_justify="left", box=None)
    for number, head in enumerate(lines.heads):
        justify: Literal["left", "right"] = "left" if number < lines.names else "right"
        table.add_column(head, justify=justify)
    for row in lines.rows:
        table.add_row(*row)
    return table
