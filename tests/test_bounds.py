"""Limits of a scenario: what a file may say of them, and the event that they become."""

from __future__ import annotations

import shutil
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from core.risk_events import LimitsLoaded
from scenarios import bounds
from scenarios.model import BadScenario, Scenario, check, find
from tieout.risk.loading import loaded
from tieout.runs import run

USUAL: dict[str, Any] = {
    "name": "x",
    "claim": "x",
    "duration_s": 10,
    "venues": ["binance_usdm", "bybit_inverse"],
    "strategies": [{"kind": "taker", "name": "tk"}, {"kind": "taker", "name": "th"}],
}


GATES = [{"name": "a", "strategies": ["tk"]}]


def scenario(**limits: Any) -> Scenario:
    rates = {"USDT": 1, "USD": "1.5"}
    return check({**USUAL, "limits": {"file": "simulated", "rates": rates, **limits}}, "x")


def event(**limits: Any) -> LimitsLoaded:
    told = scenario(**limits)
    assert told.limits is not None
    return loaded(told, told.limits, 7)


def bound(told: LimitsLoaded, control: str, place: str) -> int:
    (found,) = [b.amount for b in told.bounds if (b.control, b.place) == (control, place)]
    return found


@pytest.mark.parametrize(
    ("limits", "told"),
    [
        ({"file": "nosuch"}, "no file 'nosuch'; there are house, simulated"),
        ({"amounts": {"firm_nett": 1}}, "no limit 'firm_nett' in simulated"),
        ({"amounts": {"firm_net": 0.1}}, "a whole number or a quoted decimal would do"),
        ({"ttl_ms": 100}, "at least heartbeat_ms (1000) would do"),
        ({"gates": [{"name": "a", "strategies": ["nobody"]}]}, "no strategy 'nobody' among"),
        ({"gate": []}, "unknown field gate"),
        ({"changes": [{"from_s": 5, "amounts": {"firm": 1}}]}, "no limit 'firm' in simulated"),
        ({"changes": [{"from_s": 5, "to_s": 5}]}, "to_s (5) must lie after from_s (5)"),
        ({"changes": [{"from_s": 5}], "gates": GATES}, "only without gates"),
    ],
)
def test_what_cannot_hold_is_refused(limits: dict[str, Any], told: str) -> None:
    with pytest.raises(BadScenario) as refused:
        scenario(**limits)
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("kind", "limits", "told"),
    [
        ("engine_stalled", {}, "there is no engine; limits with one would do"),
        ("gate_crash", {"limits": {"file": "simulated", "rates": {"USDT": 1}}}, "there is no gate"),
    ],
)
def test_what_is_not_there_does_not_fail(kind: str, limits: dict[str, Any], told: str) -> None:
    with pytest.raises(BadScenario) as refused:
        check({**USUAL, **limits, "faults": [{"kind": kind}]}, "x")
    assert told in str(refused.value)


def test_every_control_is_told_at_every_place_in_whole_units() -> None:
    told = event(amounts={"firm_net": 5}, places={"account_net": {"bybit_inverse/main": 7}})
    assert bound(told, "FIRM_NET", "") == 5_000_000
    assert bound(told, "ACCOUNT_NET", "bybit_inverse/main") == 7_000_000
    assert bound(told, "ACCOUNT_NET", "binance_usdm/main") == 10_000_000 * 10**6
    assert bound(told, "STRATEGY_POSITION", "tk/binance_usdm/main/BTCUSDT") == 10**6 * 10**8
    places = [(each.control, each.place) for each in told.bounds]
    assert len(places) == len(dict.fromkeys(places))
    lines = {each.line: each.amount for each in told.limits}
    assert lines["firm_net/long"] == lines["firm_net/short"] == 5_000_000
    assert lines["account_net/bybit_inverse/main/short"] == 7_000_000
    assert "concentration/BTC/gross" in lines


def losses(**limits: Any) -> dict[str, tuple[int, int]]:
    """Loss and drawdown of each strategy, of a file that bounds both."""
    told = event(file="house", amounts={"firm_net": 1}, **limits)
    return {each.strategy: (each.loss_max, each.drawdown_max) for each in told.strategies}


def test_what_a_strategy_may_lose_is_what_the_limits_say_or_the_scenario_if_less() -> None:
    usual = 20_000_000_000, 25_000_000_000
    assert losses() == {"tk": usual, "th": usual}
    own = losses(terms={"tk": {"loss_max": 7}, "th": {"loss_max": 20_001}})
    assert own == {"tk": (7_000_000, usual[1]), "th": usual}
    places = {"strategy_loss": {"tk": 3}, "strategy_drawdown": {"th": 0}}
    assert losses(places=places) == {"tk": (3_000_000, usual[1]), "th": (usual[0], 1)}
    assert [(each.loss_max, each.drawdown_max) for each in event().strategies] == [(0, 0)] * 2


def test_coins_are_as_many_contracts_as_hold_no_more_of_them() -> None:
    """Five coins are five of spot, 500 contracts of 0.01, and no number of inverse ones."""
    venues = ["binance_spot", "okx_swap", "bybit_inverse"]
    rates = {"USDT": 1, "USD": 1, "ETH": 3000}
    told = check({**USUAL, "venues": venues, "limits": {"file": "house", "rates": rates}}, "x")
    assert told.limits is not None
    found = {
        each.place.removeprefix("tk/"): each.amount / 10**8
        for each in loaded(told, told.limits, 7).bounds
        if each.control == "ORDER_QUANTITY" and each.place.startswith("tk/")
    }
    assert found["okx_swap/main/BTC-USDT-SWAP"] == 500
    assert found["okx_swap/main/ETH-USDT-SWAP"] == 50
    assert {amount for place, amount in found.items() if "spot" in place} == {5}
    assert {amount for place, amount in found.items() if "inverse" in place} == {0}


LOSSES = """
  - {name: strategy_CONTROL, control: STRATEGY_CONTROL, scope: {strategy: "*"},
     unit: reporting, netting: none, amount: 150, owner: risk,
     rationale: what one simulated strategy may lose before it is stopped}

stresses:
"""


@pytest.mark.parametrize("control", ["LOSS", "DRAWDOWN"])
def test_a_limit_file_stops_a_strategy_that_lost_too_much(
    control: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run of `equity_shock`, without the terms of its own."""
    text = (bounds.LIMITS / "simulated.yaml").read_text(encoding="utf-8")
    told = text.replace("\nstresses:\n", LOSSES.replace("CONTROL", control))
    (tmp_path / f"{control}.yaml").write_text(told, encoding="utf-8")
    shutil.copy(bounds.LIMITS / "simulated.yaml", tmp_path)
    monkeypatch.setattr(bounds, "LIMITS", tmp_path)
    shock = find("equity_shock")
    assert shock.limits is not None
    disabled = []
    for file in ("simulated", control):
        limits = shock.limits.model_copy(update={"file": file, "terms": {}})
        outcome = run(shock.model_copy(update={"limits": limits}), 1, short=True, sampled=False)
        disabled.append([n for n in outcome.summary["counts"] if n.startswith("disabled/")])
    assert disabled == [[], ["disabled/buyer"]]


def test_a_rate_has_its_haircut_against_us_and_what_has_none_is_not_traded() -> None:
    told = event(haircut_bp=3, rates={"USD": "1.5"})
    assert [(each.account, each.rate) for each in told.tradables] == [
        ("bybit_inverse/main", 1_500_450_000_000)
    ] * 2


def test_what_differs_from_the_file_is_in_the_hash() -> None:
    hashes = [event().content_hash, event(amounts={"firm_net": 5}).content_hash]
    hashes.append(event(amounts={"firm_net": 6}).content_hash)
    assert len(dict.fromkeys(hashes)) == len(hashes)


def test_a_change_holds_from_its_moment_and_an_override_until_its_end() -> None:
    changes = [
        {"from_s": 2, "to_s": 6, "amounts": {"firm_net": 9}},
        {"from_s": 4, "amounts": {"firm_net": 3, "firm_gross": 4}},
    ]
    limits = scenario(amounts={"firm_net": 5}, changes=changes).limits
    assert limits is not None
    assert limits.moments() == [2, 4, 6]
    held = [limits.at(Decimal(second)).amounts for second in (0, 2, 4, 6)]
    assert [each["firm_net"] for each in held] == [5, 9, 3, 3]
    assert [each.get("firm_gross") for each in held] == [None, None, 4, 4]
    assert limits.at(Decimal(0)).content_hash == event(amounts={"firm_net": 5}).content_hash
