"""The failure report of one run: what failed and when, what explains it, and what to type next.

A folder of it has the run itself (plan, journal, tables and report, or the traceback of what it
raised) and `failure.txt`, which says in words that fit a screen what a person would look for;
`failure.json` is the same for programs, and whole.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from html import escape
from pathlib import Path
from shlex import quote
from typing import Any

from scenarios.model import Scenario, find
from tieout.bad_input import BadMarket
from tieout.failures import evidence
from tieout.failures.evidence import Row
from tieout.failures.plans import BadPlan, Plan, drawn, load_plan, replay
from tieout.failures.rerun import Moment, Rerun, TooLong, rerun
from tieout.failures.shrink import NothingFails, Shrinker
from tieout.reports.files import CannotSave, naming

PLAN, FAILURE, REPORT, WHY = "plan.json", "failure.json", "report.html", "failure.txt"
# How long a report may take that nobody waits for by name: a campaign writes a few of them.
SECONDS = 60.0
SHOWN_MAX = 8


@dataclass(slots=True)
class Failure:
    """One failing run, explained. `families` are the kinds of fault that the claim needs to fail,
    of so many in the plan; `searched` is false where time ran out before all were tried."""

    scenario: str
    seed: int
    short: bool
    policy: str
    events: int
    claim: str
    figure: str
    bound: str
    others: list[str]
    moment: Row | None
    truth_and_books: list[Row]
    untold: list[Row]
    inputs: list[Row]
    strikes: list[Row]
    families: list[str]
    families_in_all: int
    searched: bool
    first_difference: Row | None
    commands: dict[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        form = ", short" if self.short else ""
        yield f"{self.scenario}, seed {self.seed}{form}, policy {self.policy}: {self.events} events"
        yield f"failed: {self.claim}"
        yield f"  {self.figure}{f' (must be {self.bound})' if self.bound else ''}"
        yield from (f"  and: {each}" for each in self.others)
        if self.moment is not None:
            yield f"since {self.moment['at_s']:.3f} s, record {self.moment['record']}"
        else:
            yield "judged at the end, in the healed world"
        needed = ", ".join(self.families) or "none: it fails without any fault"
        needed += "" if self.searched else " (time ran out: fewer may do)"
        yield f"needs {len(self.families)} of {self.families_in_all} families of faults: {needed}"
        yield from _table("truth against books", self.truth_and_books)
        yield from _table("what happened and was not taken in", self.untold)
        yield from _table("what was told around then", self.inputs)
        yield from _table("what struck before", self.strikes[-SHOWN_MAX:])
        if self.first_difference is not None:
            yield from _table("first difference from the nearest plan that passes", _pair(self))
        yield from (f"{what}: {command}" for what, command in self.commands.items())


def _pair(failure: Failure) -> list[Row]:
    told = failure.first_difference or {}
    return [{"run": which, **(told.get(which) or {})} for which in ("failing", "passing")]


def _table(title: str, rows: list[Row]) -> Iterator[str]:
    if rows:
        yield f"{title}:"
    for row in rows[:SHOWN_MAX]:
        yield "  " + "  ".join(f"{name} {_short(each)}" for name, each in row.items())
    if len(rows) > SHOWN_MAX:
        yield f"  and {len(rows) - SHOWN_MAX} more, in {FAILURE}"


def _short(each: object) -> str:
    text = f"{each:.3f}" if isinstance(each, float) else _visible(str(each))
    return text if len(text) <= 160 else f"{text[:157]}..."


def _visible(text: str) -> str:
    """What separates fields of FIX as a bar, what else no screen shows as its escape."""
    bars = text.replace("\x01", "|")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in bars)


# --- one failing seed ----------------------------------------------------------------------------


def keep(
    name: str | Scenario,
    seed: int,
    short: bool,  # noqa: FBT001  # as campaigns tell their workers
    folder: Path,
    *,
    seconds: float = SECONDS,
) -> Path:
    """Run the seed again and write the report of its failure into the folder; raises `NothingFails`
    where every claim holds."""
    scenario = name if isinstance(name, Scenario) else find(name)
    keep_plan(drawn(scenario, seed, short=short), folder, seconds=seconds)
    return folder


def keep_plan(
    plan: Plan,
    folder: Path,
    *,
    claim: str = "",
    market: Path | None = None,
    seconds: float = SECONDS,
) -> Failure:
    """The same of a plan, by what failed first or that claim: what it is of is written by the run
    itself, whatever that comes to."""
    try:
        replay(plan, market=market, out=folder)
    except (BadPlan, BadMarket, CannotSave):
        raise
    except Exception:  # what a run raises is what the report is about
        if not (folder / PLAN).exists():
            raise
    return report_on(plan, folder, claim=claim, market=market, seconds=seconds)


def report_on(
    plan: Plan,
    folder: Path,
    *,
    claim: str = "",
    market: Path | None = None,
    seconds: float = SECONDS,
) -> Failure:
    """Explain the plan and write it down beside the run that is in the folder."""
    failure = explain(plan, claim=claim, market=market, seconds=seconds)
    failure.commands = commands_for(folder)
    with naming(folder):
        told = json.dumps(failure.as_dict(), indent=1, default=str)
        (folder / FAILURE).write_text(told + "\n", encoding="utf-8")
        (folder / WHY).write_text(f"{failure}\n", encoding="utf-8")
        if not (folder / REPORT).exists():  # a run that raised has none of its own
            page = f"<!DOCTYPE html><meta charset='utf-8'><pre>{escape(str(failure))}</pre>\n"
            (folder / REPORT).write_text(page, encoding="utf-8")
    return failure


def commands_for(folder: Path) -> dict[str, str]:
    """What to type: to see it again, to make it smaller, to keep it, to look at it."""
    place = quote(str(folder))
    return {
        "replay": f"tieout run {quote(str(folder / PLAN))}",
        "shrink": f"tieout shrink {place}",
        "keep": f"tieout keep {place} NAME",
        "timeline": str(folder / REPORT),
    }


def failed_plan(path: Path) -> Plan:
    """The plan of a failure: of its folder, or the file itself; raises `BadPlan`."""
    if path.is_dir():
        path = path / PLAN
        if not path.exists():
            raise BadPlan(f"{path}: found nothing; the folder of a failure has one")
    return load_plan(path)


def claim_of(path: Path, plan: Plan) -> str:
    """What the scenario of a failure claims: what failed, where the report of it says so."""
    folder = path if path.is_dir() else path.parent
    try:
        failed = json.loads((folder / FAILURE).read_text(encoding="utf-8"))["claim"]
    except (OSError, ValueError, KeyError):
        failed = plan.whole().claim
    return f"{failed} (once not so in {plan.name}, seed {plan.seed})"


# --- explained -----------------------------------------------------------------------------------


def explain(
    plan: Plan,
    *,
    claim: str = "",
    market: Path | None = None,
    seconds: float = SECONDS,
    tell: Callable[[str], None] = lambda text: None,
) -> Failure:
    """What failed first (or that claim) and what explains it; raises `NothingFails`."""
    made = rerun(plan, market=market, sampled=True)
    if not made.failed or (claim and claim not in made.failed):
        raise NothingFails(f"{plan.path}: {claim or 'every claim'}: it holds")
    failed = made.failed[claim] if claim else next(iter(made.failed.values()))
    rows = evidence.truth_and_books(made, failed)
    moment = evidence.since(made, failed, rows)
    shrinker, searched = _families(plan, failed.claim, seconds, market, tell)
    kinds = list(dict.fromkeys(fault.kind for fault in shrinker.best.plan.faults))
    scenario = plan.whole()
    return Failure(
        scenario=scenario.name,
        seed=plan.seed,
        short=bool(plan.short),
        policy=plan.policy,
        events=made.events,
        claim=failed.claim,
        figure=failed.figure,
        bound=failed.bound,
        others=[each.claim for each in made.failed.values() if each is not failed],
        moment=None if moment is None else _moment(moment),
        truth_and_books=rows,
        untold=evidence.untold(made, failed),
        inputs=evidence.inputs(made, rows, moment),
        strikes=evidence.strikes(made, rows, moment),
        families=kinds,
        families_in_all=len({fault.kind for fault in plan.faults}),
        searched=searched,
        first_difference=_against_passing(shrinker, kinds, market),
    )


def _moment(moment: Moment) -> Row:
    return {"at_s": moment.at_s, "record": moment.record}


def _families(
    plan: Plan, claim: str, seconds: float, market: Path | None, tell: Callable[[str], None]
) -> tuple[Shrinker, bool]:
    """The plan with no more families of faults than the claim needs; whether all were tried."""
    shrinker = Shrinker(plan, claim, seconds, market, tell)
    try:
        shrinker.cut()
        shrinker.families()
    except TooLong:
        return shrinker, False
    return shrinker, True


def _against_passing(shrinker: Shrinker, kinds: list[str], market: Path | None) -> Row | None:
    """Against the same plan, of which the last family that it needs strikes nothing: its lines keep
    their turns in the order of ties, so that nothing else differs."""
    failing = shrinker.best
    for kind in reversed(kinds):
        faults = [replace(f, strikes=()) if f.kind == kind else f for f in failing.plan.faults]
        passing: Rerun = rerun(replace(failing.plan, faults=faults), market=market)
        if shrinker.claim not in passing.failed:
            told = evidence.first_difference(failing, passing)
            return None if told is None else {"without": kind, **told}
    return None
