"""The figures of a tear sheet with their names, as terminal and page say them.

Each has a name, what it came to, and what it means in a few words; formulas are in `statistics.py`.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from functools import partial
from math import isnan
from typing import NamedTuple

from tieout.backtest.earned import PARTS
from tieout.backtest.fill_quality import after_of
from tieout.backtest.statistics import DAY_NS
from tieout.backtest.tear import KEYS, TearSheet
from tieout.reports.words import SECOND, duration
from tieout.reports.words import count as counted

NAMES_OF_PERIODS = {DAY_NS: "day", DAY_NS // 24: "hour", DAY_NS // 1440: "minute", SECOND: "second"}
CENT = Decimal("0.01")
# What grew by more than this in a year is no figure that anybody should read.
GROWTH_MAX = 100.0
YEARLY_FROM_NS = 30 * DAY_NS
NOTHING = "–"
# Who turned an order away, by its status; of the reasons those that were most often given.
TURNED_AWAY = {"refused": "Refused by our gate", "rejected": "Rejected by a venue"}
REASONS_MAX = 3


class Lines(NamedTuple):
    """A table in words: how its columns are called, how many of them are names, and its rows."""

    heads: Sequence[str]
    names: int
    rows: Sequence[Sequence[str]]


class Fact(NamedTuple):
    name: str
    figure: str
    means: str


def facts(sheet: TearSheet) -> dict[str, Sequence[Fact]]:
    """All of them, under heads."""
    return {"Reward": _reward(sheet), "Risk": _risk(sheet), "Trading": _trading(sheet)}


def _reward(sheet: TearSheet) -> list[Fact]:
    told = sheet.statistics
    each = NAMES_OF_PERIODS[told.period_ns]
    few = f"of {told.periods:,} {each}s, a year of 365 days"
    return [
        Fact("Profit", money(sheet.earned.profit), f"{sheet.reporting}, all of it, after fees"),
        Fact("Return", percent(told.total_return), "on the equity at the beginning"),
        Fact("Return on exposure", percent(_on_exposure(sheet)), "on the largest gross exposure"),
        *_of_a_year(sheet),
        Fact("Sharpe", plus_minus(told.sharpe, told.sharpe_error), f"± one standard error; {few}"),
        Fact("Sortino", number(told.sortino), "the same against downside deviation only"),
        Fact(f"Hit rate, {each}s", percent(told.hit_rate, 0), f"{each}s with a gain"),
        Fact(f"Profit factor, {each}s", number(told.profit_factor), "gains over losses"),
    ]


def _on_exposure(sheet: TearSheet) -> float | None:
    """The same whatever a wallet began with, of which most may have been idle."""
    most = float(sheet.exposure.gross.max())
    return float(sheet.earned.profit) / most if most else None


def _of_a_year(sheet: TearSheet) -> Iterator[Fact]:
    """What grows by itself for a year is told of a month and more: a lucky hour is no rate."""
    told = sheet.statistics
    if sheet.outcome.ended_at - sheet.outcome.began_at >= YEARLY_FROM_NS:
        yield Fact("CAGR", growth(told.cagr), "that return, had it gone on for a year")
        yield Fact("Calmar", number(told.calmar), "CAGR over the deepest drawdown")


def _risk(sheet: TearSheet) -> list[Fact]:
    told = sheet.statistics
    each = NAMES_OF_PERIODS[told.period_ns]
    gross, net = sheet.exposure
    worst = duration(told.drawdown_ns_max / SECOND)
    return [
        Fact("Deepest drawdown", percent(-told.drawdown_max), "from a peak of equity"),
        Fact("Longest drawdown", worst, "from a peak until it was reached again, or the end"),
        Fact("Volatility", percent(told.volatility), "of a year"),
        Fact(f"VaR 95 %, one {each}", percent(-told.var_95), "historical"),
        Fact(f"ES 95 %, one {each}", percent(-told.shortfall_95), "the mean beyond it"),
        Fact(f"VaR 99 %, one {each}", percent(-told.var_99), "historical"),
        Fact(f"ES 99 %, one {each}", percent(-told.shortfall_99), "the mean beyond it"),
        Fact("Time in market", percent(sheet.time_in_market, 0), "with any position"),
        Fact(
            "Gross exposure, at most", money(float(gross.max())), f"{sheet.reporting}, all places"
        ),
        Fact(
            "Net exposure, at most", money(float(net[abs(net).argmax()])), "furthest from nothing"
        ),
    ]


def _trading(sheet: TearSheet) -> list[Fact]:
    told = sheet.quality
    after = [name for name in told if name.startswith("after ")]
    return [
        Fact("Traded", money(sheet.traded), f"{sheet.reporting}, the worth of all fills"),
        Fact("Turnover", f"{number(sheet.turnover)} ×", "of mean equity, in a day"),
        Fact(
            "Orders",
            count(told.get("orders", 0)),
            f"{percent(told.get('filled_whole'), 0)}"
            f" filled whole, {percent(told.get('filled_in_part'), 0)} in part",
        ),
        *_turned_away(sheet),
        Fact("Fills", count(told.get("fills", 0)), "executions"),
        *_liquidated(sheet),
        Fact("Fill rate", percent(told.get("fill_rate"), 0), "of an order, on average"),
        Fact("Maker share", percent(told.get("maker_share"), 0), "of what was traded"),
        Fact("Slippage", basis(told.get("slippage")), "paid beyond the price that was seen"),
        *(Fact(f"Mark {name}", basis(told[name]), "our way since the fill") for name in after),
        Fact("Hit rate, trades", percent(sheet.trades_hit_rate, 0), _closings(sheet)),
        Fact("Profit factor, trades", number(sheet.trades_profit_factor), "gains over losses"),
    ]


def _turned_away(sheet: TearSheet) -> Iterator[Fact]:
    """Orders that came to no market, and why; none where every one did."""
    orders = sheet.outcome.frames["orders"]
    for status, name in TURNED_AWAY.items():
        reasons = Counter(orders.loc[orders["status"] == status, "code"].tolist())
        if reasons:
            said = [f"{why} ({many:,})" for why, many in reasons.most_common(REASONS_MAX)]
            more = ["…"] if len(reasons) > REASONS_MAX else []
            yield Fact(name, count(reasons.total()), "; ".join([*said, *more]))


def _liquidated(sheet: TearSheet) -> Iterator[Fact]:
    """One for each strategy and place; none where every position was covered."""
    for key, row in sheet.liquidated.iterrows():
        assert isinstance(key, tuple)
        where = ", ".join(map(str, key))
        told = f"{sheet.reporting} in {counted(int(row['fills']), 'fill')}: {where}"
        yield Fact("Liquidated by the venue", money(float(row["worth"])), told)


def _closings(sheet: TearSheet) -> str:
    return f"of {len(sheet.results):,} closing trades, after fees"


# --- tables --------------------------------------------------------------------------------------


def profit_lines(sheet: TearSheet) -> Lines:
    """The parts of each strategy's profit in each instrument; the last row is all of it."""
    told = [part for part in PARTS if sheet.parts[part]]
    columns = [sheet.profit[name].tolist() for name in (*KEYS, *told, "profit")]
    rows = [
        (*names[: len(KEYS)], *map(money, names[len(KEYS) :]))
        for names in zip(*columns, strict=True)
    ]
    whole = (*(sheet.parts[part] for part in told), sheet.earned.profit)
    heads = (*KEYS, *told, "profit")
    return Lines(heads, len(KEYS), [*rows, ("all", "", "", *map(money, whole))])


def quality_lines(sheet: TearSheet) -> Lines:
    """How well each strategy's orders in each instrument were filled."""
    told = sheet.quality_by(*KEYS).reset_index()
    after = after_of(told)
    whole = partial(percent, decimals=0)
    shown: list[tuple[str, str, Callable[[float], str]]] = [
        ("orders", "orders", count),
        ("fill_rate", "filled", whole),
        ("fills", "fills", count),
        ("traded", "traded", money),
        ("maker_share", "maker", whole),
        ("slippage", "slippage, bp", number),
        *((name, f"{name.replace('after ', '+')}, bp", number) for name in after),
    ]
    columns = [
        *(told[name].tolist() for name in KEYS),
        *([words(figure) for figure in told[name].tolist()] for name, _, words in shown),
    ]
    heads = (*KEYS, *(head for _, head, _ in shown))
    return Lines(heads, len(KEYS), list(zip(*columns, strict=True)))


# --- numbers in words ----------------------------------------------------------------------------


def money(amount: Decimal | float) -> str:
    """To a cent; less than one to six decimals, so that a dust of profit is not called nothing."""
    exact = amount if isinstance(amount, Decimal) else Decimal(repr(float(amount)))
    unit = CENT if not exact or abs(exact) >= 1 else Decimal("0.000001")
    return sign(f"{exact.quantize(unit, ROUND_HALF_EVEN):,f}")


def percent(share: float | None, decimals: int = 2) -> str:
    return NOTHING if share is None or isnan(share) else sign(f"{100 * share:.{decimals}f} %")


def number(figure: float | None) -> str:
    return NOTHING if figure is None or isnan(figure) else sign(f"{figure:,.2f}")


def basis(points: float | None) -> str:
    return NOTHING if points is None or isnan(points) else sign(f"{points:.2f} bp")


def count(figure: float) -> str:
    return NOTHING if isnan(figure) else f"{figure:,.0f}"


def growth(figure: float) -> str:
    return f"over {100 * GROWTH_MAX:,.0f} %" if figure > GROWTH_MAX else percent(figure)


def plus_minus(figure: float, error: float) -> str:
    return NOTHING if isnan(figure) else sign(f"{figure:.2f} ± {error:.2f}")


def sign(text: str) -> str:
    """A minus as wide as a plus; none before nothing."""
    bare = text.removeprefix("-")
    if text == bare or not any(each in "123456789" for each in bare.partition("±")[0]):
        return bare
    return f"−{bare}"
