"""A plan on disk is whole: it runs again to the same digest, whatever its seed would draw."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from hashlib import sha256
from pathlib import Path

import pytest

from scenarios import policies
from scenarios.draw import plan_of as drawn_of
from scenarios.model import check, find, names
from scenarios.thinning import as_told
from sim import machine
from sim.faults import Fault
from sim.materialised import strikes_in
from tieout.failures.plans import (
    BadPlan,
    Plan,
    chosen,
    drawn,
    load_plan,
    materialised_plan,
    plan_of,
    plan_text,
    replay,
)
from tieout.failures.rerun import rerun
from tieout.reports.outcome import Outcome
from tieout.runs import run

executed = pytest.mark.skipif(not machine.there(), reason="no embedded EVM for this Python")


def outcome_of(name: str, seed: int = 3) -> Outcome:
    return _outcome_of(name, seed)


@cache
def _outcome_of(name: str, seed: int) -> Outcome:
    return run(name, seed=seed, short=True, sampled=False)


def digest(plan: Plan) -> str:
    told: str = replay(plan, sampled=False).summary["digest"]
    return told


def stored(plan: Plan, folder: Path) -> Plan:
    (folder / "plan.json").write_text(plan.text())
    return load_plan(folder / "plan.json")


# --- whole ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", names())
def test_a_scenario_in_the_words_of_a_file_is_that_scenario(name: str) -> None:
    """With nothing left to the tables of venues and rails, or to a policy's own file."""
    told = json.loads(json.dumps(as_told(find(name))))
    assert check(told, name) == find(name)


def test_the_plan_of_a_short_form_that_has_less_comes_back_and_is_what_its_seed_runs(
    tmp_path: Path,
) -> None:
    """The short storm has no token: neither what is claimed of one, nor what its dice draw."""
    plan = stored(drawn(find("storm"), 0, short=True), tmp_path)
    whole = plan.scenario
    assert whole is not None
    assert (whole.tokens, whole) == ((), whole.in_short())
    assert len(whole.claims) < len(find("storm").claims)
    ran = run(find("storm"), seed=0, short=True, sampled=False)
    assert (ran.plan, ran.scenario) == (plan.faults, whole)
    assert rerun(plan).failed == {}


def test_a_plan_is_of_what_ran_however_seeds_are_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seed 6 is of a thinned world and a pair of faults; then another rule draws seeds."""
    outcome = outcome_of("storm_venues", 6)
    plan = stored(plan_of(outcome), tmp_path)
    assert plan.scenario == outcome.scenario != find("storm_venues")
    assert (plan.policy, plan.seed, plan.faults) == ("pair", 6, outcome.plan)
    monkeypatch.setattr(policies, "draw", None)
    monkeypatch.setattr("tieout.simulation.draw", None)
    assert digest(plan) == outcome.summary["digest"]
    assert digest(replace(plan, tie_break=1)) != outcome.summary["digest"]


def test_a_plan_beside_the_name_of_its_scenario_brings_its_own_world(tmp_path: Path) -> None:
    """The scenario that is named may have changed since, or the plan be of less of it."""
    outcome = outcome_of("storm_venues", 6)
    path = tmp_path / "plan.json"
    path.write_text(plan_text(outcome))
    told = chosen("storm_venues", path, None, short=True, market=None)
    assert told is not None
    assert told.scenario == outcome.scenario
    assert chosen(str(path), None, 6, short=False, market=None) == load_plan(path)
    assert chosen("storm_venues", None, 6, short=True, market=None) is None
    path.write_text(json.dumps(as_told(find("lost_frame"))))
    assert chosen(str(path), None, 6, short=True, market=None) is None, "a scenario, in JSON"


def test_a_plan_of_the_first_schema_still_runs(tmp_path: Path) -> None:
    """It names its scenario, which is taken as it is now."""
    outcome, path = outcome_of("lost_frame"), tmp_path / "plan.json"
    (fault,) = outcome.plan
    told = {"kind": fault.kind, "where": fault.where, "one_in": fault.one_in}
    told |= {"start_ns": fault.start_ns, "end_ns": fault.end_ns, "strength": fault.strength}
    whole = {"schema": 1, "scenario": "lost_frame", "seed": 3, "short": True, "faults": [told]}
    path.write_text(json.dumps(whole))
    assert digest(load_plan(path)) == outcome.summary["digest"]
    path.write_text(json.dumps({**whole, "scenario": "gone"}))
    with pytest.raises(BadPlan, match=r"plan\.json: scenario: no scenario 'gone'"):
        replay(load_plan(path))


# --- materialised --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "seed"),
    [
        ("storm_rails", 7),
        ("storm_risk", 7),
        pytest.param("storm_tokens", 0, marks=executed),
        ("storm_venues", 3),
        ("rail_outage", 0),
    ],
)
def test_a_plan_that_names_its_strikes_needs_no_dice(
    name: str, seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same digest, from the file, with the dice of strikes taken away; and once more so."""
    outcome = outcome_of(name, seed)
    plan = stored(materialised_plan(outcome), tmp_path)
    assert strikes_in(plan.faults) == len(outcome.struck) > 0

    def no_dice(*_: object) -> bool:
        raise AssertionError("a materialised plan rolls no dice for its strikes")

    taken = "sim.faults.Faults._rolls"
    monkeypatch.setattr(taken, no_dice)
    again = replay(plan, sampled=False)
    assert again.summary["digest"] == outcome.summary["digest"]
    assert again.summary["faults"] == outcome.summary["faults"]
    assert materialised_plan(again).faults == plan.faults


def test_one_strike_may_be_left_out() -> None:
    """What is not named does not strike, and the rest does."""
    plan = materialised_plan(outcome_of("lost_frame"))
    (line,) = plan.faults
    assert line.strikes is not None
    assert len(line.strikes) > 1
    less = replace(plan, faults=[replace(line, strikes=line.strikes[:1])])
    assert replay(less, sampled=False).summary["faults"] == {"lost_frame": 1}
    assert digest(less) != digest(plan)


# --- mixtures ------------------------------------------------------------------------------------

STORMS = [name for name in names() if find(name).storm is not None]


@pytest.mark.parametrize("name", STORMS)
def test_ten_seeds_in_a_row_see_each_policy(name: str) -> None:
    """Half of them all faults as ever; pairs are two kinds, none is none."""
    scenario = find(name)
    duration = int(scenario.short_s * 10**9)
    drawn = {seed: policies.draw(scenario, seed, duration) for seed in range(10, 20)}
    of = [each.policy for each in drawn.values()]
    assert [of.count(each) for each in ("all", "subset", "pair", "none")] == [5, 2, 2, 1]
    for seed, each in drawn.items():
        kinds = {fault.kind for fault in each.faults}
        match each.policy:
            case "all":
                assert seed % 10 in (0, 1, 5, 7, 9)
                assert each.scenario is scenario
                assert each.faults == drawn_of(scenario, seed, duration)
            case "pair":
                assert len(kinds) == 2
            case "subset":
                every = {f.kind for f in drawn_of(each.scenario, seed, duration)}
                assert 2 < len(kinds) < len(every)
            case _:
                assert not kinds


@pytest.mark.parametrize("name", STORMS)
def test_a_thinned_world_is_a_scenario_and_claims_no_least(name: str) -> None:
    """Sometimes there is less of it, and never nothing: somebody trades where somebody did."""
    scenario, thin = find(name), 0
    for seed in [seed for seed in range(60) if seed % 10 in (2, 3, 6, 8)]:
        world = policies.draw(scenario, seed, int(scenario.short_s * 10**9)).scenario
        assert world.venues or world.settling
        if (world.venues, world.settling, world.strategies) == (
            scenario.venues,
            scenario.settling,
            scenario.strategies,
        ):
            continue
        thin += 1
        assert bool(world.strategies) == bool(scenario.strategies)
        assert all(claim.at_least is None for claim in world.claims)
        assert check(json.loads(json.dumps(as_told(world))), name) == world
    assert thin > 3 or name == "storm_tokens"  # of whose one chain and one flow none can be missed


# --- in ------------------------------------------------------------------------------------------


def test_a_plan_may_be_written_by_hand(tmp_path: Path) -> None:
    """What is not said is always, everywhere, each time; nothing at all is a plan, too."""
    path = tmp_path / "plan.json"
    path.write_text('{"schema":1,"scenario":"x","seed":0,"faults":[{"kind":"crash"}]}')
    assert load_plan(path).faults == [Fault("crash")]
    path.write_text(plan_text(Outcome(**{**vars_of(outcome_of("lost_frame")), "plan": []})))
    assert load_plan(path).faults == []


def vars_of(outcome: Outcome) -> dict[str, object]:
    return {name: getattr(outcome, name) for name in Outcome.__slots__}


@pytest.mark.parametrize(
    ("faults", "told"),
    [
        ('[{"kind":"gremlins"}]', r"faults\.0\.kind: found 'gremlins'"),
        ('[{"kind":"crash"},{"kind":"bust","when":1}]', r"unknown field `when` .*faults\[1\]"),
        ('[{"kind":"bust","one_in":"3"}]', r"Expected `int`, got `str` .*one_in"),
        ('[{"kind":"bust","one_in":0}]', r"one_in: found 0; 1 or more"),
        ('[{"kind":"bust","start_ns":5,"end_ns":5}]', r"found 5 to 5"),
        (
            '[{"kind":"funding","where":"binance_spot","every_ns":9000000}]',
            r"cannot happen at binance",
        ),
        ('[{"kind":"crash","where":"binance_spot"}]', r"crash happens to our node"),
        ('[{"kind":"lost_frame","where":"node"}]', r"happens at a venue, not to our node"),
        ('[{"kind":"bust"}]', r"every_ns: found 0; bust happens by itself"),
        ('[{"kind":"bust","every_ns":1}]', r"every_ns: found 1; .*1000000 or more would do"),
        ('[{"kind":"crash","strikes":[3,3]}]', r"strikes: found \[3, 3\]; rising numbers"),
        ('[{"kind":"crash","line":-2}]', r"line: found -2; -1 or more"),
        ("[{}]", r"missing required field `kind`"),
        ("{}", r"Expected `array`"),
        ('[],"seed":-1', r"seed: found -1; a whole number"),
    ],
)
def test_a_wrong_plan_is_refused_with_its_place(tmp_path: Path, faults: str, told: str) -> None:
    path = tmp_path / "plan.json"
    path.write_text(f'{{"schema":1,"scenario":"x","seed":0,"faults":{faults}}}')
    with pytest.raises(BadPlan, match=told) as refused:
        load_plan(path)
    assert str(path) in str(refused.value)


def test_a_wrong_scenario_of_a_plan_is_refused_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    for scenario, told in (
        ('"demo"', "scenario: found a name; the whole scenario would do"),
        ('{"name":"x","claim":"y","duration_s":-1}', "scenario: duration_s: found -1"),
    ):
        path.write_text(f'{{"schema":2,"scenario":{scenario},"seed":0,"faults":[]}}')
        with pytest.raises(BadPlan, match=told):
            load_plan(path)


@pytest.mark.parametrize("content", [None, "", "nonsense", "[]", '{"schema":9,"scenario":"x"}'])
def test_what_is_no_plan_is_refused(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "plan.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(BadPlan, match=r"plan\.json.* would do|cannot be read"):
        load_plan(path)


def test_a_plan_serves_only_what_it_was_drawn_for(tmp_path: Path) -> None:
    """Another scenario's plan would run in silence, and so would another seed's."""
    path = tmp_path / "plan.json"
    path.write_text('{"schema":1,"scenario":"demo","seed":7,"faults":[]}')
    load_plan(path).fit(find("demo"), 7)
    for scenario, seed, place in (
        ("lost_frame", 7, "scenario: found 'demo'"),
        ("demo", 8, "seed: found 7"),
    ):
        with pytest.raises(BadPlan, match=place):
            load_plan(path).fit(find(scenario), seed)
    path.write_text(
        '{"schema":1,"scenario":"demo","seed":7,"faults":[{"kind":"lost_frame","where":"nyse"}]}'
    )
    with pytest.raises(BadPlan, match=r"faults\.0\.where: found 'nyse'; one of '', 'node', 'binan"):
        load_plan(path).fit(find("demo"), 7)


def test_a_plan_of_rails_comes_back(tmp_path: Path) -> None:
    """Its places are keepers of money."""
    outcome = run("webhook_twice", seed=3, short=True, sampled=False)
    (tmp_path / "plan.json").write_text(plan_text(outcome))
    plan = load_plan(tmp_path / "plan.json")
    plan.fit(find("webhook_twice"), 3, short=True)
    assert plan.faults == outcome.plan


ROW = '[{}, "{}", null, "buy", 0.00141, {}, 1.0]'


def test_a_run_says_which_market_and_form_it_had(tmp_path: Path) -> None:
    """Summary and plan name the file, its bytes, pace and form; another world is refused."""
    path, other, plan = tmp_path / "m.json", tmp_path / "n.json", tmp_path / "plan.json"
    path.write_text(f"[{ROW.format(1, 'a', 1.0)}, {ROW.format(9999, 'b', 2.0)}]")
    other.write_text(f"[{ROW.format(1, 'a', 1.0)}, {ROW.format(9999, 'b', 3.0)}]")
    scenario = find("lost_frame")
    outcome = run(scenario, seed=3, market=path, sampled=False)
    told = {
        "file": "m.json",
        "sha256": sha256(path.read_bytes()).hexdigest(),
        "gap_ms_max": scenario.market_gap_ms_max,
    }
    assert (outcome.summary["market"], outcome.summary["short"]) == (told, False)
    plan.write_text(plan_text(outcome))
    kept = load_plan(plan)
    kept.fit(scenario, 3, market=path)
    assert kept.faults == outcome.plan
    paced = scenario.model_copy(update={"market_gap_ms_max": 7})
    for wrong, market in ((scenario, None), (scenario, other), (paced, path)):
        with pytest.raises(BadPlan, match=r"market: it is of m\.json .* --market with that file"):
            kept.fit(wrong, 3, market=market)
    with pytest.raises(BadPlan, match="short: it is of the whole; no --short would do"):
        kept.fit(scenario, 3, short=True, market=path)
    of_our_own = run(scenario, seed=3, short=True, sampled=False)
    assert (of_our_own.summary["market"], of_our_own.summary["short"]) == (None, True)
    plan.write_text(plan_text(of_our_own))
    with pytest.raises(BadPlan, match="short: it is of the short form; --short would do"):
        load_plan(plan).fit(scenario, 3)
    with pytest.raises(
        BadPlan, match=r"market: it is of a market of our own.* no --market would do"
    ):
        load_plan(plan).fit(scenario, 3, short=True, market=path)
