"""What a scenario may say: what would run and mean nothing is refused, with its place."""

import ast
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from core import reservations
from risk.codes import TABLE
from scenarios.figures import (
    COUNTS_OF_ACCOUNTS,
    COUNTS_OF_NOTHING,
    COUNTS_OF_TOKENS,
    FIGURES,
    REFUSALS,
    TOKEN_REFUSALS,
)
from scenarios.model import ROWS, BadScenario, check, find, load, names
from sim import machine
from tests.test_cli import ROOT, SMALL
from tieout.runs import NEVER_COUNTED, STANDARD, run
from tokens.policy import RULES

CLAIM = "claims:\n  - {{claim: x, figure: {}, equals: 0}}\n"


def refusal(tmp_path: Path, text: str) -> str:
    path = tmp_path / "wrong.yaml"
    path.write_text(text)
    with pytest.raises(BadScenario) as refused:
        load(path)
    assert str(path) in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize("name", names())
def test_the_catalogue_loads(name: str) -> None:
    assert find(name).name == name


# --- figures -------------------------------------------------------------------------------------


def numbers(told: Mapping[str, Any], before: str = "") -> dict[str, float]:
    """Every number of a summary by its dotted path."""
    found = {}
    for name, value in told.items():
        if isinstance(value, Mapping):
            found |= numbers(value, f"{before}{name}.")
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            found[before + name] = value
    return found


def test_every_number_of_a_summary_is_a_figure_and_every_figure_is_there() -> None:
    """What is named in FIGURES is what a run tells: nothing more but the counts, nothing less."""
    told: dict[str, float] = {}
    issued = ["issued_and_moved", "subscribed_and_redeemed"] if machine.there() else []
    for name in ("storm_venues", "webhook_twice", "cold_path_stalls", *issued):
        scenario = find(name)
        figures = numbers(run(scenario, 1, short=True, sampled=False).summary)
        figures.pop("seed")
        fields = {
            "name": "x",
            "claim": "x",
            "duration_s": 1,
            "venues": list(scenario.venues),
            "settling": scenario.settling,
            "limits": scenario.limits,
            "tokens": scenario.tokens,
        }
        for path in figures:
            check({**fields, "claims": [{"claim": "x", "figure": path, "equals": 0}]}, "x")
        told |= figures
    free = [n for n in FIGURES if n.endswith(".*") or "ACCOUNT" in n or n.startswith(NEVER_COUNTED)]
    free += [] if issued else [n for n in FIGURES if n.startswith("tokens.")]
    assert [name for name in FIGURES if name not in told and name not in free] == []
    assert {spec.figure for spec in STANDARD} <= set(FIGURES)


@pytest.mark.parametrize(
    ("figure", "told"),
    [
        ("faults.lost_fram", "did you mean faults.lost_frame?"),
        ("nosuch.thing", "there are simulated_seconds, events"),
        ("nosuch.thing", "differences.…, drift.…, "),
        ("drift.mised", "did you mean drift.missed?"),
        ("drift", "drift.seconds_to_find.p99"),
        ("drift.seconds_to_find", "drift.seconds_to_find.p99"),
        ("drift.seconds_to_find.p98", "drift.seconds_to_find.p99"),
        ("events.more", "events"),
        ("faults", "faults.lost_frame"),
        ("counts", "counts.breaks/ACCOUNT"),
        ("counts.", "counts.breaks/ACCOUNT"),
        ("counts.refused/BREAK_OPEEN", "did you mean counts.refused/BREAK_OPEN?"),
        ("counts.fills_ecko/binance_spot/main", "there are counts.quarantined/ACCOUNT"),
        ("counts.fills_echo/binance_spot/man", "no account 'binance_spot/man'; there are binance"),
        ("counts.disabled/mn", "no strategy 'mn'; there are mm, tk"),
        ("counts.unknown/fps", "no scheme 'fps'; there is none"),
        ("drift.closed_by_cause.busst", "did you mean drift.closed_by_cause.bust?"),
        ("settlement.items.lat", "did you mean settlement.items.late?"),
        ("settlement.told.complete", "did you mean settlement.told.completed?"),
        ("digest", "events"),
        ("limit_breach", "did you mean limit_breaches?"),
        ("paused_seconds.mtgox/main", "no account 'mtgox/main'; there are binance_spot/main"),
    ],
)
def test_a_mistyped_figure_is_refused(figure: str, told: str, tmp_path: Path) -> None:
    """It would be 0, and a claim that it equals 0 would hold for ever."""
    assert told in refusal(tmp_path, SMALL + CLAIM.format(figure))


@pytest.mark.parametrize(
    "figure",
    [
        "counts.refused/BREAK_OPEN",
        "counts.fills_echo/binance_spot/main",
        "counts.disabled/mm",
        "drift.closed_by_cause.bust",
        "paused_seconds.binance_spot/main",
    ],
)
def test_what_may_never_happen_is_a_figure_too(figure: str, tmp_path: Path) -> None:
    path = tmp_path / "right.yaml"
    path.write_text(SMALL + CLAIM.format(figure))
    assert load(path).claims[0].figure == figure


def counted() -> set[str]:
    """What core counts, as its sources say: what differs from account to account is left out."""
    found = set()
    for path in sorted((ROOT / "core").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "count":
                text = re.sub(r"^f?['\"]|['\"]$", "", ast.unparse(node.args[1]))
                found.add(re.sub(r"/\{.*", "/", text))
    return found - {"what"}


def test_every_count_of_core_is_a_figure_and_no_other_is() -> None:
    """One that nobody makes is 0 for ever; `{booked}` and its like stand for words of their own."""
    known = [f"{name}/" for name in COUNTS_OF_ACCOUNTS]
    known += [*COUNTS_OF_NOTHING, "refused/", "told/", "items/", "unknown/", "disabled/"]
    known += ["items_resolved/", "debts/", "send_back_refused/", "engine_irregular/"]
    known += ["cancels_of_others/"]
    # Entries that a live driver closed, lines that an adopted opening covers: no scenario has them.
    known += ["closed/", "lines_covered/"]
    known += [f"refused/{code}" for code in REFUSALS]
    known += [f"{name}/" for name in COUNTS_OF_TOKENS]
    known += [f"refused/{reason}/" for reason in TOKEN_REFUSALS]
    patterns = {name: re.sub(r"\\{.*?\\}", "[a-z_]+", re.escape(name)) for name in counted()}
    assert [
        name for name, p in patterns.items() if not any(re.fullmatch(p, k) for k in known)
    ] == []
    made = [re.compile(pattern) for pattern in patterns.values()]
    told = [name for name in known if not name.startswith("refused/")]
    assert [name for name in told if not any(p.fullmatch(name) for p in made)] == []


def test_every_refusal_of_core_is_a_figure_and_no_other_is() -> None:
    """Whoever refuses says a code in capitals."""
    names = "gate kill leases refusals strategies subscriptions trading transfers".split()
    said = set()
    for name in names:
        tree = ast.parse((ROOT / "core" / f"{name}.py").read_text())
        said |= {
            node.value.removeprefix("refused/")
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and re.fullmatch(r"(refused/)?[A-Z]+(_[A-Z]+)+|KILLED", node.value)
        }
    of_legs = {"EARLIER_LEG", "NOT_PERMITTED"}
    assert said - of_legs <= set(REFUSALS)
    assert set(REFUSALS) - said == {code.name for code in TABLE} - said


def test_every_refusal_of_a_token_is_a_figure_and_no_other_is() -> None:
    """At sight, for want of a judgement, by a limit, or by a rule about people."""
    tree = ast.parse((ROOT / "core" / "authorizations.py").read_text())
    said = {
        answer.value.value
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef) and function.name in ("_objection", "unfit")
        for answer in ast.walk(function)
        if isinstance(answer, ast.Return) and isinstance(answer.value, ast.Constant)
    }
    refusals = (
        call.args[3]
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name)
        if call.func.id == "refuse"
    )
    said |= {each.value for each in refusals if isinstance(each, ast.Constant)}
    named = vars(reservations).items()
    said |= {value for name, value in named if name.isupper() and isinstance(value, str)}
    assert {*said, *RULES, "other_request"} - {""} == set(TOKEN_REFUSALS)


# --- what would run in silence -------------------------------------------------------------------

BASE_IS_QUOTE = """\
name: small
claim: a small world holds
duration_s: 20
venues:
  - dialect: binance_spot
    instruments: [{symbol: XX, base: X, quote: X, tick: "1", lot: "1", price: "1"}]
"""


def script(line: str) -> str:
    options = f"options: {{lines: [{{at_ms: 1, side: buy, lots: 1, {line}}}]}}"
    return SMALL + f"  - {{kind: scripted, name: sc, {options}}}\n"


def spot(fields: str) -> str:
    return SMALL.replace("[binance_spot]", f"[{{dialect: binance_spot, {fields}}}]")


def instrument(*, tick: str, price: str, more: str = "") -> str:
    terms = f'symbol: XY, base: X, quote: Y, tick: "{tick}", lot: "1", price: "{price}"'
    return f"instruments: [{{{terms}{', ' if more else ''}{more}}}]"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            SMALL + "faults:\n  - {kind: lost_frame, from_s: 20}\n",
            "from_s (20) lies beyond the run",
        ),
        (SMALL + "duration_s: 30\n", "line 9: the key 'duration_s' stands twice"),
        (SMALL.replace("name: mm", "name: mm, kind: taker"), "the key 'kind' stands twice"),
        (SMALL.replace("name: mm", "name: tk"), "two strategies are named 'tk'"),
        (
            spot(instrument(tick="1", price="100", more="listed_anew_s: 9")),
            "instruments.0.listed_anew_s: found 9; it halts before: 0, or 15 on, would do",
        ),
        (
            spot(instrument(tick="1", price="100", more="listed_anew_s: 60")).replace(
                "binance_spot", "binance_usdm"
            ),
            "listed_anew_s: found 60; 0 would do at binance_usdm",
        ),
        (
            spot(instrument(tick="1", price="100", more="listed_anew_s: 20")),
            "XY: listed_anew_s (20) lies beyond the run; less than duration_s (20) would do",
        ),
        (SMALL + "covers: [V2, V31]\n", "no row 'V31'; V1 to V30, R1 to R13 or T1 to T7"),
        (SMALL + "covers: [V02]\n", "no row 'V02'"),
        (SMALL.replace("[binance_spot]", "[binance_spot, binance_spot]"), "stands twice"),
        (BASE_IS_QUOTE, "base and quote are both 'X'; two assets would do"),
        (script("account: binance_spot/man"), "lines.0: no account 'binance_spot/man'; there are"),
        (
            script("instrument: XRPETC"),
            "lines.0: no instrument 'XRPETC'; there are XRPETH, ETHUSDT",
        ),
        (spot('wallets: {XRP: "-5"}'), "wallets.XRP: found '-5': Input should be greater than or"),
        (spot(instrument(tick="100", price="5")), "price 5 with tick 100: 1000 or more would do"),
        (
            spot(instrument(tick="1", price="1e40")),
            "price: found '1e40': Input should be less than",
        ),
        (spot("latency_ms_p99: 100000000000000000"), "latency_ms_p99: found 100000000000000000: "),
        (
            SMALL + "faults:\n  - {kind: bust, every_s: 1e-9}\n",
            "every_s: found '1e-9': what happens more often would never end: 0, or at least 0.001",
        ),
    ],
)
def test_what_would_mean_nothing_is_refused(text: str, told: str, tmp_path: Path) -> None:
    assert told in refusal(tmp_path, text)


def test_a_merged_mapping_is_no_key_said_twice(tmp_path: Path) -> None:
    """YAML's own `<<` may be overruled: that is what it is for."""
    path = tmp_path / "right.yaml"
    path.write_text(
        SMALL + "faults:\n  - &one {kind: lost_frame, one_in: 2}\n  - {<<: *one, one_in: 3}\n"
    )
    assert [fault.one_in for fault in load(path).faults] == [2, 3]


# --- one mistake, one line -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (BASE_IS_QUOTE.replace("quote: X", "quote: Y").replace('tick: "1"', 'tick: "0"'), "tick"),
        (BASE_IS_QUOTE.replace("binance_spot", "kraken"), "venues.0.dialect: found 'kraken'"),
        (SMALL.replace("binance_spot", "kraken"), "venues.0.dialect: found 'kraken'"),
        (SMALL + "faults:\n  - {one_in: 3}\n", "faults.0.kind: found nothing: Field required"),
    ],
)
def test_one_mistake_is_one_line(text: str, place: str, tmp_path: Path) -> None:
    """What only follows from it is not said."""
    told = refusal(tmp_path, text)
    assert place in told
    assert len(told.splitlines()) == 1


def test_two_mistakes_are_two_lines(tmp_path: Path) -> None:
    text = SMALL.replace("20", "-1").replace("maker", "hodler")
    assert len(refusal(tmp_path, text).splitlines()) == 2


# --- names ---------------------------------------------------------------------------------------


def test_every_row_is_explained() -> None:
    """docs/covers.md has each row once, in order, and says something of it."""
    text = (ROOT / "docs" / "covers.md").read_text()
    rows = re.findall(r"^\| ([VRT]\d+) \| .{30,}\. \|$", text, re.MULTILINE)
    assert tuple(rows) == ROWS


def test_what_tries_the_rows_of_rails_is_the_catalogues() -> None:
    """The table in docs/covers.md names each scenario that says so, and no other."""
    text = (ROOT / "docs" / "covers.md").read_text()
    told = re.findall(r"^\| (R\d+) \| (`.*`|the storms alone) \|$", text, re.MULTILINE)
    tried: dict[str, set[str]] = {row: set() for row in ROWS if row.startswith("R")}
    for name in names():
        for row in find(name).covers:
            if row in tried and name not in ("storm", "storm_rails"):
                tried[row].add(f"`{name}`")
    assert {row: set(words.split(", ")) for row, words in told} == {
        row: those or {"the storms alone"} for row, those in tried.items()
    }
    assert set(tried) <= set(find("storm_rails").covers)


def test_a_folder_of_a_scenarios_name_does_not_hide_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "demo").mkdir()
    monkeypatch.chdir(tmp_path)
    assert find("demo").name == "demo"


# --- short forms ---------------------------------------------------------------------------------

LOST = {"claim": "frames were lost", "figure": "faults.lost_frame"}


def claims_of(*, short: bool, **bounds: int) -> dict[str, str]:
    """What a scenario claims of its own in a run, each with its bound; no frame is ever lost."""
    fields = {
        "name": "x",
        "claim": "x",
        "duration_s": 4,
        "short_s": 2,
        "heal_s": 1,
        "venues": ["binance_spot"],
        "claims": [{**LOST, **bounds}],
    }
    outcome = run(check(fields, "x"), short=short, sampled=False)
    return {c.claim: f"{c.bound} {c.held}" for c in outcome.claims if c.claim == LOST["claim"]}


@pytest.mark.parametrize(
    ("bounds", "full", "short"),
    [
        ({"at_least": 5}, ">= 5 False", None),
        ({"at_least": 5, "at_least_short": 2}, ">= 5 False", ">= 2 False"),
        ({"at_least": 5, "at_most": 9}, "<= 9 and >= 5 False", "<= 9 True"),
        ({"at_least": 5, "at_least_short": 0}, ">= 5 False", ">= 0 True"),
    ],
)
def test_a_short_form_claims_what_was_stated_for_it(
    bounds: dict[str, int], full: str, short: str | None
) -> None:
    assert claims_of(short=False, **bounds) == {LOST["claim"]: full}
    assert claims_of(short=True, **bounds) == ({LOST["claim"]: short} if short else {})


@pytest.mark.parametrize("bounds", [{"equals": 0}, {"at_least": 1}])
def test_a_short_form_cannot_claim_more_than_the_whole(bounds: dict[str, int]) -> None:
    with pytest.raises(BadScenario, match="at_least_short needs an at_least that is no less"):
        claims_of(short=True, at_least_short=2, **bounds)


@pytest.mark.parametrize("where", ["scheme: fedwire", "rails: [bank_us"])
def test_a_scheme_that_is_none_is_refused_with_the_nearest(where: str, tmp_path: Path) -> None:
    """Of a flow, and of a keeper that states its own."""
    text = (ROOT / "scenarios/catalogue/rail_outage.yaml").read_text()
    wrong = {
        "scheme: fedwire": "scheme: fedwir",
        "rails: [bank_us": "rails: [{name: bank_us, keeper: bank, schemes: [fedwir]}",
    }
    said = refusal(tmp_path, text.replace(where, wrong[where]))
    assert "no such scheme; did you mean fedwire?" in said
