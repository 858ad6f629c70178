"""Statistics of backtests: by tables worked out by hand, by published ones, and by kept libraries.

The libraries live in the environment of the peers (`make peers`); without it those tests say so.
"""

import json
import os
import subprocess
from math import erfc, exp, inf, isnan, log, sqrt
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.backtest import statistics as ours
from tieout.backtest.statistics import DAY_NS

ROOT = Path(__file__).parent.parent
PEERS = Path(os.environ.get("TIEOUT_PEERS", ROOT / ".venv-peers")) / "bin" / "python"
DAYS = np.arange(400, dtype=np.int64) * DAY_NS


def drawn(count: int = 101) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """Returns of days, from one seed."""
    return np.random.default_rng(5).normal(0.0008, 0.02, count)


# --- by hand -------------------------------------------------------------------------------------

# 100 → 110 → 99 → 108.9 → 108.9 → 98.01 → 117.612, a day each.
EQUITY = np.array([100.0, 110.0, 99.0, 108.9, 108.9, 98.01, 117.612])
GAINS = [0.1, -0.1, 0.1, 0.0, -0.1, 0.2]
MEAN = 0.2 / 6
SUM_OF_SQUARES = 0.01 * 4 + 0.04
DEVIATION = sqrt((SUM_OF_SQUARES - 6 * MEAN**2) / 5)

BY_HAND = {
    "total_return": 0.17612,
    "cagr": 1.17612 ** (365 / 6) - 1,
    "drawdown_max": 1 - 98.01 / 110,
    "drawdown_ns_max": 5 * DAY_NS,  # from the second value to the seventh
    "calmar": (1.17612 ** (365 / 6) - 1) / (1 - 98.01 / 110),
    "periods": 6,
    "volatility": DEVIATION * sqrt(365),
    "sharpe": MEAN / DEVIATION * sqrt(365),
    "sharpe_error": sqrt((1 + (MEAN / DEVIATION) ** 2 / 2) / 6) * sqrt(365),
    "sortino": MEAN / sqrt(0.02 / 6) * sqrt(365),
    "hit_rate": 3 / 5,
    "profit_factor": 0.4 / 0.2,
    "var_95": 0.1,
    "shortfall_95": 0.1,
    "var_99": 0.1,
    "shortfall_99": 0.1,
}


@pytest.mark.parametrize("name", BY_HAND)
def test_each_figure_is_what_pencil_and_paper_give(name: str) -> None:
    told = ours.statistics(EQUITY, DAYS[:7], DAY_NS)._asdict()
    assert told[name] == pytest.approx(BY_HAND[name], rel=1e-12)


def test_returns_are_those_of_the_series() -> None:
    assert ours.returns(EQUITY) == pytest.approx(GAINS)


def test_what_is_not_defined_is_said_to_be_so() -> None:
    """No deviation, no loss, no time: a ratio to nothing is no figure, and not 0 either."""
    level = np.full(5, 100.0)
    told = ours.statistics(level, DAYS[:5], DAY_NS)
    assert told.total_return == told.cagr == told.drawdown_max == told.volatility == 0
    ratios = (told.sharpe, told.sortino, told.calmar, told.hit_rate, told.profit_factor)
    assert all(map(isnan, ratios))
    one = ours.statistics(np.array([100.0]), DAYS[:1], DAY_NS)
    assert isnan(one.cagr)
    assert isnan(one.sharpe)
    assert isnan(one.var_99)
    assert one.drawdown_ns_max == 0


def test_ruin_ends_the_returns() -> None:
    """Of nothing, nothing is earned: what comes later is no return."""
    equity = np.array([100.0, 50.0, -10.0, 20.0, 40.0])
    assert ours.returns(equity) == pytest.approx([-0.5, -1.2])
    assert ours.cagr(np.array([100.0, -10.0]), DAY_NS) == -1
    assert ours.drawdown(equity, DAYS[:5]).deepest == pytest.approx(1.1)


def test_a_series_is_sampled_at_whole_periods_by_what_stood_then() -> None:
    equity = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    at = np.array([0, 5, 10, 11, 25], dtype=np.int64)
    assert ours.sampled(equity, at, 10).tolist() == [1, 3, 4]
    assert len(ours.sampled(DAYS.astype(float), DAYS, DAY_NS)) == len(DAYS)  # of many, the last too


@pytest.mark.parametrize(
    ("days", "period"), [(30, DAY_NS), (29, DAY_NS // 24), (1, DAY_NS // 1440), (0.001, 10**9)]
)
def test_periods_are_as_long_as_thirty_of_them_fit(days: float, period: int) -> None:
    assert ours.period_of(int(days * DAY_NS)) == period


def test_the_longest_drawdown_ends_where_the_peak_is_reached_or_the_series_ends() -> None:
    equity = np.array([10.0, 12, 11, 12, 9, 8, 10])
    assert ours.drawdown(equity, DAYS[:7]) == (pytest.approx(1 / 3), 3 * DAY_NS)
    risen = np.array([10.0, 11, 12, 13])
    assert ours.drawdown(risen, DAYS[:4]) == (0, 0)


# --- tests of VaR --------------------------------------------------------------------------------


def exceedances(n: int, x: int) -> list[bool]:
    """x times in n, first of all."""
    return [number < x for number in range(n)]


# How few and how many exceedances do not yet refute VaR at 5 % of error: P. H. Kupiec 1995, as in
# P. Jorion, "Value at Risk" (nonrejection regions at 95 % confidence). Of the first that table says
# N < 7 only; none in 255 has a ratio of 5.13, and so is refuted by the formula too.
NOT_REFUTED = {
    (99, 255): (1, 6),
    (99, 510): (2, 10),
    (99, 1000): (5, 16),
    (95, 255): (7, 20),
    (95, 510): (17, 35),
    (95, 1000): (38, 64),
}


@pytest.mark.parametrize(("percent", "n"), NOT_REFUTED)
def test_kupiec_refutes_what_the_published_table_refutes(percent: int, n: int) -> None:
    kept = [x for x in range(n // 5) if ours.kupiec(exceedances(n, x), percent).p_value >= 0.05]
    assert (kept[0], kept[-1]) == NOT_REFUTED[percent, n]
    assert kept == list(range(kept[0], kept[-1] + 1))


def test_kupiec_by_hand() -> None:
    """Five in a hundred of one: 2 (95 ln(.95/.99) + 5 ln(.05/.01))."""
    found = ours.kupiec(exceedances(100, 5), 99)
    assert found.likelihood_ratio == pytest.approx(2 * (95 * log(0.95 / 0.99) + 5 * log(5)))
    assert found.p_value == pytest.approx(erfc(sqrt(found.likelihood_ratio / 2)))
    assert ours.kupiec(exceedances(100, 0), 99).likelihood_ratio == pytest.approx(-200 * log(0.99))
    assert ours.kupiec(exceedances(100, 1), 99) == (pytest.approx(0, abs=1e-12), 1)


def test_christoffersen_by_hand() -> None:
    """Four exceedances in twelve, in two pairs: n00 = 5, n01 = 2, n10 = 2, n11 = 2."""
    told = [bool(int(each)) for each in "001100001100"]
    alone = 7 * log(7 / 11) + 4 * log(4 / 11)
    chained = 5 * log(5 / 7) + 2 * log(2 / 7) + 2 * log(2 / 4) + 2 * log(2 / 4)
    apart = ours.christoffersen_independence(told)
    assert apart.likelihood_ratio == pytest.approx(2 * (chained - alone))
    both = ours.christoffersen_coverage(told, 95)
    often = ours.kupiec(told, 95)
    assert both.likelihood_ratio == pytest.approx(often.likelihood_ratio + apart.likelihood_ratio)
    assert both.p_value == pytest.approx(exp(-both.likelihood_ratio / 2))


def test_clusters_are_found_where_the_rate_is_right() -> None:
    """Ten exceedances in two hundred are five in a hundred; all in a row, nobody believes it."""
    in_a_row = [100 <= n < 110 for n in range(200)]
    scattered = [n % 20 == 7 for n in range(200)]
    assert ours.kupiec(in_a_row, 95).p_value == ours.kupiec(scattered, 95).p_value == 1
    assert ours.christoffersen_independence(in_a_row).p_value < 1e-6
    assert ours.christoffersen_independence(scattered).p_value > 0.2
    assert ours.christoffersen_coverage(in_a_row, 95).p_value < 1e-6


@given(st.lists(st.booleans(), min_size=2, max_size=60), st.integers(50, 99))
def test_a_likelihood_ratio_is_never_negative_and_a_p_value_is_one(
    told: list[bool], percent: int
) -> None:
    for found in (
        ours.kupiec(told, percent),
        ours.christoffersen_independence(told),
        ours.christoffersen_coverage(told, percent),
    ):
        assert 0 <= found.likelihood_ratio < inf
        assert 0 <= found.p_value <= 1


# --- by libraries that others keep ---------------------------------------------------------------

# Of the same returns, for 365 days: what each of ours is called there.
EMPYRICAL = {
    "total_return": "e.cum_returns_final(r)",
    "cagr": "e.cagr(r, annualization=365)",
    "volatility": "e.annual_volatility(r, annualization=365)",
    "sharpe": "e.sharpe_ratio(r, annualization=365)",
    "sortino": "e.sortino_ratio(r, annualization=365)",
    "calmar": "e.calmar_ratio(r, annualization=365)",
    "drawdown_max": "-e.max_drawdown(r)",
    "var_95": "-e.value_at_risk(r, 0.05)",
    "shortfall_95": "-e.conditional_value_at_risk(r, 0.05)",
}
QUANTSTATS = {
    "volatility": "q.volatility(r, periods=365)",
    "sharpe": "q.sharpe(r, periods=365)",
    "sortino": "q.sortino(r, periods=365)",
    "drawdown_max": "-q.max_drawdown(r)",
    "profit_factor": "q.profit_factor(r)",
    "hit_rate": "q.win_rate(r)",
}
SCIPY = {f"{degrees} {x}": f"chi2.sf({x}, {degrees})" for degrees in (1, 2) for x in (0, 0.5, 9)}
IMPORTS = {
    "empyrical": "import empyrical as e",
    "quantstats": "import quantstats.stats as q",
    "scipy": "from scipy.stats import chi2",
}


def asked(library: str, formulas: dict[str, str]) -> dict[str, float]:
    """What a library of the peers' environment makes of `drawn()`."""
    if not PEERS.exists():
        pytest.skip("not run: the peers' environment is not there; `make peers` makes it")
    program = (
        "import json, sys, warnings; warnings.simplefilter('ignore')\n"
        f"{IMPORTS[library]}\n"
        "import pandas as pd\n"
        "told = json.load(sys.stdin)\n"
        "days = pd.date_range('2024-01-01', periods=len(told['r']), freq='D')\n"
        "r = pd.Series(told['r'], index=days)\n"
        "print(json.dumps({n: float(eval(f)) for n, f in told['formulas'].items()}))"
    )
    done = subprocess.run(
        [PEERS, "-c", program],
        input=json.dumps({"r": drawn().tolist(), "formulas": formulas}),
        capture_output=True,
        text=True,
        check=False,
    )
    if "ModuleNotFoundError" in done.stderr:
        pytest.skip(f"not run: the peers' environment has no {library}; `make peers` makes it anew")
    assert done.returncode == 0, done.stderr
    answer: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return answer


@pytest.mark.parametrize(
    ("library", "formulas"), [("empyrical", EMPYRICAL), ("quantstats", QUANTSTATS)]
)
def test_a_kept_library_says_the_same(library: str, formulas: dict[str, str]) -> None:
    """Of 101 days: with so many, its quantile at 5 % lies on one of them, and so on ours."""
    theirs = asked(library, formulas)
    equity = np.concatenate([[1.0], np.cumprod(1 + drawn())])
    told = ours.statistics(equity, DAYS[: len(equity)], DAY_NS)._asdict()
    assert {name: told[name] for name in formulas} == pytest.approx(theirs, rel=1e-9)


def test_scipy_has_the_same_tails() -> None:
    theirs = asked("scipy", SCIPY)
    told = {
        name: ours.chi_square_tail(float(name.split()[1]), int(name.split()[0])) for name in SCIPY
    }
    assert told == pytest.approx(theirs, rel=1e-12)
