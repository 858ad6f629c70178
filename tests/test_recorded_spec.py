"""What a scenario may say of recorded markets, and what becomes of it."""

from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import yaml

from scenarios.model import BadScenario, check
from scenarios.recorded import ImpactSpec, ModelsSpec
from tieout.backtest.funding_file import rates
from tieout.bad_input import BadMarket
from venues.recorded.book import Assumed
from venues.recorded.funding import Due, Fixed
from venues.recorded.impact import SquareRoot
from venues.recorded.latency import Constant, Empirical
from venues.recorded.queue import RISK_AVERSE, Likely
from venues.recorded.slippage import BasisPoints, Ticks

D = Decimal
MS = 1_000_000
LOT = D("0.001")


def scenario(models: dict[str, Any] | None = None, **recorded: Any) -> dict[str, Any]:
    instrument = {
        "symbol": "BTCUSDT",
        "base": "BTC",
        "quote": "USDT",
        "tick": "0.1",
        "lot": "0.001",
        "price": 30000,
    }
    venue = {
        "dialect": "binance_usdm",
        "instruments": [{**instrument, **({"recorded": recorded} if recorded else {})}],
        "wallets": {"USDT": 1000},
        **({"models": models} if models is not None else {}),
    }
    return {"name": "x", "claim": "x", "duration_s": 1, "venues": [venue]}


@pytest.mark.parametrize(
    ("models", "told"),
    [
        ({"entry": {}}, "models.entry: either ns or samples_ns, one of both, would do"),
        ({"entry": {"ns": 1, "samples_ns": [1]}}, "models.entry: either ns or samples_ns"),
        ({"reply": {"ns": -1}}, "models.reply.ns: found -1: "),
        ({"slippage": {}}, "models.slippage: either ticks or basis_points, one of both"),
        ({"slippage": {"ticks": 1, "basis_points": 1}}, "models.slippage: either ticks or"),
        ({"queue": {"model": "fifo"}}, "models.queue.model: found 'fifo': "),
        ({"queue": {"exponent": 3}}, "models.queue: exponent is of power; model: power would do"),
        ({"bar_fills": "close"}, "models.bar_fills: found 'close': "),
        ({"volume_share": 0}, "models.volume_share: found 0: "),
        ({"liquidation": {"maintenance_rate": 1}}, "maintenance_rate: found 1: "),
        ({"funding": {"rate": 1}}, "models.funding.rate: found 1: "),
        ({"funding": {"rate": 0, "every_s": 0}}, "models.funding.every_s: found 0: "),
        ({"slipage": 1}, "models: unknown field slipage; there are entry, reply, queue"),
    ],
)
def test_models_that_mean_nothing_are_refused(models: dict[str, Any], told: str) -> None:
    with pytest.raises(BadScenario) as refused:
        check(scenario(models), "x.yaml")
    assert str(refused.value).startswith("x.yaml: venues.0.")
    assert told in str(refused.value)


def test_a_spot_venue_pays_no_funding_and_takes_nothing_over() -> None:
    told = scenario({"funding": {"rate": "0.0001"}, "liquidation": {"maintenance_rate": "0.01"}})
    told["venues"][0]["dialect"] = "binance_spot"
    with pytest.raises(BadScenario, match="funding and liquidation are of contracts; without them"):
        check(told, "x.yaml")


def test_a_recorded_instrument_says_where_its_market_lies() -> None:
    loaded = check(scenario(file="btc.csv", funding="funding.csv"), "x.yaml")
    recorded = loaded.venues[0].instruments[0].recorded
    assert recorded is not None
    assert (recorded.file, recorded.kind, recorded.funding) == ("btc.csv", "", "funding.csv")
    with pytest.raises(BadScenario, match=r"recorded\.kind: found 'ticks': "):
        check(scenario(file="btc.csv", kind="ticks"), "x.yaml")


def test_what_nobody_says_flatters_nobody() -> None:
    models = ModelsSpec()
    assert models.assumed(LOT) == Assumed(
        queue=RISK_AVERSE,
        ahead=None,
        slippage=None,
        impact=None,
        bar_fills="through",
        bar_late_ns=0,
        volume_share=Fraction(1, 10),
    )
    assert models.latencies(12) == (Constant(12 * MS), Constant(12 * MS))


def test_what_is_said_becomes_the_models() -> None:
    models = ModelsSpec.model_validate(
        {
            "entry": {"ns": 5},
            "reply": {"samples_ns": [7, 9]},
            "queue": {"model": "power", "exponent": 2, "ahead": "0.0015"},
            "slippage": {"basis_points": "0.5"},
            "bar_fills": "touch",
            "bar_late_ms": 3,
            "volume_share": "0.25",
            "funding": {"rate": "-0.0001"},
        }
    )
    impact = ImpactSpec.model_validate({"daily_volatility": "0.03", "daily_volume": "12.5"})
    assumed = models.assumed(LOT, impact)
    assert models.latencies(12) == (Constant(5), Empirical((7, 9)))
    assert assumed.ahead == 2, "1.5 lots are counted as two"
    assert assumed.slippage == BasisPoints(Fraction(1, 2))
    assert assumed.impact == SquareRoot(Fraction(3, 100), 12_500)
    assert assumed.queue.ahead(60, 40, 13) == 51
    assert (assumed.bar_fills, assumed.bar_late_ns) == ("touch", 3 * MS)
    assert assumed.volume_share == Fraction(1, 4)
    assert models.funding is not None
    assert models.funding.made() == Fixed(D("-0.0001"), 8 * 3600 * 10**9)


@pytest.mark.parametrize(
    ("told", "model"),
    [
        ({"queue": {"model": "risk_averse"}}, RISK_AVERSE),
        ({"queue": {"model": "logarithm"}}, Likely),
        ({"queue": {"model": "power"}}, Likely),
    ],
)
def test_a_queue_by_its_name(told: dict[str, Any], model: object) -> None:
    queue = ModelsSpec.model_validate(told).assumed(LOT).queue
    assert queue == model or type(queue) is model


def test_slippage_in_ticks() -> None:
    assert ModelsSpec.model_validate({"slippage": {"ticks": 3}}).assumed(LOT).slippage == Ticks(3)


def test_the_example_of_the_document_is_one() -> None:
    text = (Path(__file__).parent.parent / "docs" / "backtest_models.md").read_text("utf-8")
    told = yaml.safe_load(text.partition("```yaml\n")[2].partition("```")[0])
    (venue,), whole = told["venues"], scenario()
    whole["venues"][0] |= {"models": venue["models"]}
    whole["venues"][0]["instruments"][0] |= venue["instruments"][0]
    loaded = check(whole, "docs").venues[0]
    assert loaded.models is not None
    named = loaded.models.model_fields_set
    assert set(ModelsSpec.model_fields) == named, "every model is in the example"


# --- files of funding ----------------------------------------------------------------------------


def test_rates_are_read_as_exchanges_give_them(tmp_path: Path) -> None:
    csv, json = tmp_path / "f.csv", tmp_path / "f.json"
    csv.write_text("fundingTime,fundingRate\n1700000000000,0.0001\n1699971200000,-0.00025\n")
    json.write_text('[{"symbol": "X", "fundingRate": "-0.0375", "fundingTime": 1570608000000}]')
    assert rates(csv).due == [
        Due(1699971200000 * MS, D("-0.00025")),
        Due(1700000000000 * MS, D("0.0001")),
    ]
    assert rates(json).due == [Due(1570608000000 * MS, D("-0.0375"))]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "found nothing, the file is empty"),
        ("fundingTime,fundingRate\n", "found no rate; one or more would do"),
        ("fundingTime,fee\n1700000000000,2\n", "found fundingTime, fee; fundingRate too would do"),
        ("time,rate\n1700000000000,1.5\n", "line 2: found the rate 1.5; a part of the value"),
        ("time,rate\n1700000000000,x\n", "line 2: rate: found 'x'"),
        ("time,rate\n1700000000000,0\n1700000000000,0\n", "line 3: a moment stands twice"),
        ("time,rate\n2024-01-01 00:00:00,0\n", "found times without a zone"),
    ],
)
def test_a_file_of_funding_that_will_not_do(text: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text(text)
    with pytest.raises(BadMarket) as refused:
        rates(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert told in str(refused.value)
