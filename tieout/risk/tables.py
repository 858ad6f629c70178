"""The tables of risk: how limits were used, and what the cold engine reported, cycle by cycle."""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

from core.money import QUANTITY_DECIMALS
from risk.lease import Used
from risk.measures import Measures
from risk.weights import REPORTING_DECIMALS
from tieout.reports.history import exact
from tieout.risk.history import RiskHistory

Row = tuple[Any, ...]
# A part of a million as a share of one.
SHARE_DECIMALS = 6


def utilisation(past: RiskHistory) -> Iterable[Row]:
    """Each line of a limit whenever it changed: what it comes to, its limit, what is open of it."""
    for change in past.changes:
        each = change.used
        control, _, rest = each.line.partition("/")
        place, _, side = rest.rpartition("/")
        figures = (_amount(each, units) for units in (each.used, each.limit, each.open))
        unit = "quantity" if each.lot else "reporting"
        yield change.at, each.line, control, place, side, unit, *figures, change.event


def _amount(line: Used, units: int) -> Decimal:
    if line.lot:
        return exact(units * line.lot, QUANTITY_DECIMALS)
    return exact(units, REPORTING_DECIMALS)


def measures(past: RiskHistory) -> Iterable[Row]:
    """What each cycle reported, a figure a row; tails rounded to units of the reporting asset."""
    for report in past.reports:
        for figure, of, amount in _figures(report):
            yield report.at, figure, of, amount, report.intervals


def _figures(report: Measures) -> Iterator[tuple[str, str, Decimal]]:
    for book, tail in report.tails.items():
        yield "var", book, _value(round(tail.var))
        yield "shortfall", book, _value(round(tail.shortfall))
    for name, loss in report.stresses.items():
        yield "stress", name, _value(loss)
    for account, margin in report.margins.items():
        yield "equity", account, _value(margin.equity)
        yield "initial_margin", account, _value(margin.initial)
        yield "maintenance_margin", account, _value(margin.maintenance)
        yield "liquidation", account, exact(margin.liquidation_ppm, SHARE_DECIMALS)
    for name, gain in report.gains.items():
        yield "gain", f"strategy/{name}", _value(gain)
    for cell, mark in report.marks.items():
        yield "mark", "/".join(cell), _value(round(mark))


def _value(units: int) -> Decimal:
    return exact(units, REPORTING_DECIMALS)
