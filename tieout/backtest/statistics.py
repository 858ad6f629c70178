"""Statistics of an equity series and of trades, each with its formula and where that is from.

True here: floats, for people; a year has 365 days, for crypto never closes. What is not defined
(a ratio to nothing, a growth after ruin) is `nan`, never 0. Returns are simple ones, of periods of
one length; losses are positive in VaR and expected shortfall, as in `risk.var`.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import ceil, erfc, exp, isnan, nan, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Moments = NDArray[np.int64]

DAYS_A_YEAR = 365
DAY_NS = 86_400 * 10**9
YEAR_NS = DAYS_A_YEAR * DAY_NS
PERIODS_NS = (DAY_NS, DAY_NS // 24, DAY_NS // 1440, 10**9)


class Drawdown(NamedTuple):
    """The deepest fall from a peak as a share of it, and the longest time below any peak."""

    deepest: float
    longest_ns: int


class Statistics(NamedTuple):
    """Of one equity series; each figure is the function of its name below.

    Growth and drawdown are of the series itself, all else of its returns, period by period.
    """

    total_return: float
    cagr: float
    drawdown_max: float
    drawdown_ns_max: int
    calmar: float
    periods: int
    period_ns: int
    volatility: float
    sharpe: float
    sharpe_error: float
    sortino: float
    hit_rate: float
    profit_factor: float
    var_95: float
    shortfall_95: float
    var_99: float
    shortfall_99: float


def statistics(equity: Floats, at: Moments, period_ns: int) -> Statistics:
    """All of an equity series, of which each value stands from its moment on."""
    gains = returns(sampled(equity, at, period_ns))
    fallen = drawdown(equity, at)
    growth = cagr(equity, int(at[-1] - at[0]))
    return Statistics(
        total_return=total_return(equity),
        cagr=growth,
        drawdown_max=fallen.deepest,
        drawdown_ns_max=fallen.longest_ns,
        calmar=ratio(growth, fallen.deepest),
        periods=len(gains),
        period_ns=period_ns,
        volatility=volatility(gains, period_ns),
        sharpe=sharpe(gains, period_ns),
        sharpe_error=sharpe_error(gains, period_ns),
        sortino=sortino(gains, period_ns),
        hit_rate=hit_rate(gains),
        profit_factor=profit_factor(gains),
        var_95=value_at_risk(gains, 95),
        shortfall_95=expected_shortfall(gains, 95),
        var_99=value_at_risk(gains, 99),
        shortfall_99=expected_shortfall(gains, 99),
    )


def period_of(lasted_ns: int) -> int:
    """The longest of day, hour, minute and second that goes thirty times into it, or a second."""
    return next((each for each in PERIODS_NS if lasted_ns >= 30 * each), PERIODS_NS[-1])


def sampled(equity: Floats, at: Moments, period_ns: int) -> Floats:
    """What stood at the beginning and after each whole period; a rest at the end is left out."""
    whole = int(at[-1] - at[0]) // period_ns
    ends = at[0] + period_ns * np.arange(whole + 1, dtype=np.int64)
    stood: Floats = equity[np.searchsorted(at, ends, side="right") - 1]
    return stood


def periods_a_year(period_ns: int) -> float:
    """How many periods 365 days have."""
    return YEAR_NS / period_ns


def ratio(above: float, below: float) -> float:
    """One through the other; `nan` where there is nothing to divide by."""
    return above / below if below else nan


# --- growth --------------------------------------------------------------------------------------


def returns(equity: Floats) -> Floats:
    """r_i = E_i / E_(i-1) - 1. They end with the ruin: of nothing, nothing is earned."""
    ruined = np.flatnonzero(equity <= 0)
    alive = equity[: ruined[0] + 1] if len(ruined) else equity
    return alive[1:] / alive[:-1] - 1


def total_return(equity: Floats) -> float:
    """E_n / E_0 - 1."""
    return float(equity[-1] / equity[0] - 1) if len(equity) and equity[0] > 0 else nan


def cagr(equity: Floats, lasted_ns: int) -> float:
    """Compound annual growth rate: (E_n / E_0) ^ (365 days / lasted) - 1.

    Of a few days it is an extrapolation, and mostly noise: it is told because people ask for it.
    """
    if not lasted_ns or equity[0] <= 0:
        return nan
    if equity[-1] <= 0:
        return -1.0
    with np.errstate(over="ignore"):
        return float(np.power(equity[-1] / equity[0], YEAR_NS / lasted_ns) - 1)


# --- risk for reward -----------------------------------------------------------------------------


def volatility(gains: Floats, period_ns: int) -> float:
    """s * sqrt(N): the sample deviation (n - 1) of returns, of N periods a year."""
    return _deviation(gains) * sqrt(periods_a_year(period_ns))


def sharpe(gains: Floats, period_ns: int) -> float:
    """mean(r) / s * sqrt(N), over a riskless rate of 0.

    W. F. Sharpe, "The Sharpe ratio", Journal of Portfolio Management 21 (1), 1994.
    """
    if len(gains) < 2:
        return nan
    return ratio(float(gains.mean()), _deviation(gains)) * sqrt(periods_a_year(period_ns))


def sharpe_error(gains: Floats, period_ns: int) -> float:
    """The standard error of the Sharpe ratio: sqrt((1 + S² / 2) / n) * sqrt(N), S of one period.

    Of independent, identically distributed returns: A. W. Lo, "The statistics of Sharpe ratios",
    Financial Analysts Journal 58 (4), 2002.
    """
    if len(gains) < 2:
        return nan
    each = ratio(float(gains.mean()), _deviation(gains))
    return sqrt((1 + each * each / 2) / len(gains)) * sqrt(periods_a_year(period_ns))


def sortino(gains: Floats, period_ns: int) -> float:
    """mean(r) / sqrt(mean(min(r, 0)²)) * sqrt(N), over a target of 0.

    F. A. Sortino, L. N. Price, "Performance measurement in a downside risk framework",
    Journal of Investing 3 (3), 1994.
    """
    if not len(gains):
        return nan
    downside = sqrt(float(np.mean(np.minimum(gains, 0) ** 2)))
    return ratio(float(gains.mean()), downside) * sqrt(periods_a_year(period_ns))


def drawdowns(equity: Floats) -> Floats:
    """1 - E_i / max(E_0 … E_i): how far below its highest peak so far it stands, as a share."""
    peaks = np.maximum.accumulate(equity)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(peaks > 0, 1 - equity / peaks, nan)


def drawdown(equity: Floats, at: Moments) -> Drawdown:
    """The deepest fall, and the longest time from a peak until it was reached again, or the end.

    Calmar's ratio is CAGR over the deepest: T. W. Young, "Calmar ratio: a smoother tool",
    Futures 20 (1), 1991.
    """
    if not len(equity):
        return Drawdown(nan, 0)
    at_peak = np.flatnonzero(equity >= np.maximum.accumulate(equity))
    ends = np.append(at_peak[1:], len(equity) - 1)
    below = ends - at_peak > 1  # a peak right after a peak is no drawdown
    below[-1] = ends[-1] > at_peak[-1]
    spans = (at[ends] - at[at_peak])[below]
    return Drawdown(float(drawdowns(equity).max()), int(spans.max(initial=0)))


def _deviation(gains: Floats) -> float:
    return float(gains.std(ddof=1)) if len(gains) > 1 else nan


# --- results: of periods, or of closed trades ----------------------------------------------------


def hit_rate(results: Floats) -> float:
    """The share of gains among all that is no 0."""
    return ratio(int((results > 0).sum()), int((results != 0).sum()))


def profit_factor(results: Floats) -> float:
    """The sum of gains over the sum of losses."""
    return ratio(float(results[results > 0].sum()), float(-results[results < 0].sum()))


# --- tails, and tests of them --------------------------------------------------------------------


def value_at_risk(gains: Floats, percent: int) -> float:
    """Of n returns the worst n * (1 - percent %), rounded up, are the tail; VaR is the mildest.

    Historical simulation, with the rule of `risk.var`: a short history does not flatter.
    """
    tail = _tail(gains, percent)
    return float(-tail.max()) if len(tail) else nan


def expected_shortfall(gains: Floats, percent: int) -> float:
    """The mean loss in that tail: C. Acerbi, D. Tasche, "On the coherence of expected shortfall",
    Journal of Banking & Finance 26 (7), 2002."""
    tail = _tail(gains, percent)
    return float(-tail.mean()) if len(tail) else nan


def _tail(gains: Floats, percent: int) -> Floats:
    return np.sort(gains)[: ceil(len(gains) * (100 - percent) / 100)]


class Verdict(NamedTuple):
    """A likelihood ratio, and how often chance alone gives one as large."""

    likelihood_ratio: float
    p_value: float


def kupiec(exceeded: Sequence[bool], percent: int) -> Verdict:
    """Is VaR exceeded as often as it says? x of n times, for a rate of p = 1 - percent %.

    LR = -2 ln[(1 - p)^(n - x) p^x] + 2 ln[(1 - x/n)^(n - x) (x/n)^x], chi-square of 1 degree:
    P. H. Kupiec, "Techniques for verifying the accuracy of risk measurement models", Journal of
    Derivatives 3 (2), 1995.
    """
    n, x = len(exceeded), sum(exceeded)
    if not n:
        return Verdict(nan, nan)
    said, seen = (100 - percent) / 100, x / n
    return _verdict(_likelihood(n - x, x, seen) - _likelihood(n - x, x, said), degrees=1)


def christoffersen_independence(exceeded: Sequence[bool]) -> Verdict:
    """Do exceedances come alone, or in clusters? A Markov chain of first order against none.

    LR = -2 ln L(p) + 2 ln L(p01, p11), chi-square of 1 degree, with p01 the rate after a period
    without and p11 after one with: P. F. Christoffersen, "Evaluating interval forecasts",
    International Economic Review 39 (4), 1998.
    """
    if len(exceeded) < 2:
        return Verdict(nan, nan)
    steps = list(pairwise(exceeded))
    n00, n01 = steps.count((False, False)), steps.count((False, True))
    n10, n11 = steps.count((True, False)), steps.count((True, True))
    alone = _likelihood(n00 + n10, n01 + n11, (n01 + n11) / len(steps))
    chained = _likelihood(n00, n01, _share(n01, n00)) + _likelihood(n10, n11, _share(n11, n10))
    return _verdict(chained - alone, degrees=1)


def christoffersen_coverage(exceeded: Sequence[bool], percent: int) -> Verdict:
    """Both at once: LR = LR of `kupiec` + LR of independence, chi-square of 2 degrees."""
    often = kupiec(exceeded, percent).likelihood_ratio
    apart = christoffersen_independence(exceeded).likelihood_ratio
    return _verdict((often + apart) / 2, degrees=2)


def _likelihood(without: int, withal: int, rate: float) -> float:
    """The logarithm of (1 - rate)^without * rate^withal, where 0^0 is 1."""
    parts = ((without, 1 - rate), (withal, rate))
    with np.errstate(divide="ignore"):
        return float(sum(times * np.log(share) for times, share in parts if times))


def _share(withal: int, without: int) -> float:
    return withal / (withal + without) if withal + without else 0.0


def _verdict(gained: float, degrees: int) -> Verdict:
    found = nan if isnan(gained) else max(0.0, 2 * gained)
    return Verdict(found, chi_square_tail(found, degrees))


def chi_square_tail(x: float, degrees: int) -> float:
    """How often a chi-square of 1 or 2 degrees is over x: erfc(sqrt(x / 2)), and exp(-x / 2)."""
    assert degrees in (1, 2), degrees
    return erfc(sqrt(x / 2)) if degrees == 1 else exp(-x / 2)
