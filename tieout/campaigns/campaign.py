"""Many seeds of a scenario, wherever they run; what became of all of them, in figures.

The result of a seed never depends on where it ran: whoever runs it gets a name, a seed, a form and
nothing else. So a campaign that was interrupted and goes on, or that is merged from its shards, is
the campaign that would have been in one go. Where a folder keeps it, what is reported is what was
read back from there.
"""

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from scenarios.model import BadScenario, FiresSpec, find, names
from sim import machine
from tieout.bad_input import BadLedger
from tieout.campaigns.code_version import code_version
from tieout.campaigns.cover import Pairs, pairs, summed, unvisited
from tieout.campaigns.ledger import (
    FAILURES,
    SEEDS,
    Account,
    Header,
    Ledger,
    in_memory,
    opened,
    place_of,
    read,
)
from tieout.campaigns.merge import copy_to, merged, refuse_gaps
from tieout.campaigns.seed import (
    CANARY,
    Begun,
    Done,
    Engine,
    Key,
    Run,
    SeedResult,
    Task,
    content_of,
    here,
    lost,
    run_seed,
    seeds_of,
    tasks_of,
    twice_of,
    words_of,
)
from tieout.campaigns.workers import SEED_SECONDS_MAX, workers
from tieout.reports.files import CannotSave, naming, write_whole
from tieout.reports.words import in_few
from tieout.runs import quantile

WHOLE, PAGE = "campaign.json", "campaign.html"
CANARY_RUNS_MIN = 100
FAILURES_KEPT = 3
# What is cut short hangs, if it ran so many times longer than any that ended, and so long at least.
HANGS_TIMES, HANGS_SECONDS = 20, 60.0

# Writes the report of a failing seed of a scenario, in that form, into a folder.
Keep = Callable[[str, int, bool, Path], Path]


class Ends(NamedTuple):
    """When a campaign ends before all has run; None: not for that."""

    failures_max: int | None = None
    seconds_max: float | None = None

    def why(self, failures: int, seconds: float) -> str:
        """Why it ends now; "" where it goes on."""
        if self.failures_max is not None and failures >= self.failures_max:
            return f"stopped after {failures} failures"
        if self.seconds_max is not None and seconds >= self.seconds_max:
            return f"its budget of {self.seconds_max / 60:g} minutes is spent"
        return ""


@dataclass(slots=True)
class Campaign:
    """All of them. `at_least` is how often each kind of fault and each refusal must have fired in
    each scenario; None: as often as the scenario itself says, and of fewer seeds than it names
    nothing is expected. `left_out` are scenarios of `all` that did not run, and why; `stopped` is
    why it ended before all had run, and `missing` what did not run though nothing stopped it;
    `runs_min` is how many had to run, whatever its budget; `unsaved` why not all could be written;
    `changed` is how its scenarios were edited while it ran. Of canaries there are some where one
    was due."""

    results: list[SeedResult]
    wall_seconds: float
    at_least: int | None = None
    left_out: dict[str, str] = field(default_factory=dict)
    asked: int = 0
    twice: int = 0
    twice_due: int = 0
    stopped: str = ""
    missing: list[str] = field(default_factory=list)
    runs_min: int = 0
    unsaved: str = ""
    changed: str = ""
    canary_due: bool = False
    canaries: list[SeedResult] = field(default_factory=list)
    code: str = ""

    @property
    def held(self) -> bool:
        if not self.results and self.asked:
            return False
        return not (self.failures or self.wrong())

    def wrong(self) -> list[str]:
        """What no claim says and a campaign does not hold with, in words for people."""
        found = [f"seen too rarely: {what}: {times} ×" for what, times in self.unfired().items()]
        if missed := self.canary_missed():
            found.append(f"this campaign does not report what it sees: {missed}")
        if self.changed:
            found.append(f"its scenario was edited while it ran: begun with {self.changed}")
        if self.missing:
            found.append(f"nothing is known, though nothing stopped it, of {in_few(self.missing)}")
        if (ran := len(self.results)) < self.runs_min:
            found.append(f"{ran} of at least {self.runs_min} runs were made")
        if self.runs_min > 1 and self.twice_due and not self.twice:
            found.append("no run was made a second time, and compared")
        return found

    @property
    def failures(self) -> list[SeedResult]:
        return _failures(self.results)

    def canary_missed(self) -> str:
        """What a campaign that had to report a canary failed to report; "" where it did."""
        from tieout.campaigns import canary

        if not self.canary_due:
            return ""
        reported = {each.seed: each.failed for each in _failures(self.canaries)}
        ran = {each.seed for each in self.canaries}
        for seed in canary.BESIDE:
            told = [said for said in reported.get(seed, []) if said.startswith(canary.SONG)]
            if seed not in ran:
                return "" if self.stopped else f"canary seed {seed} did not run"
            if canary.sings(seed) and not told:
                return f"canary seed {seed} has to fail, and was not reported"
            if not canary.sings(seed) and seed in reported:
                return f"canary seed {seed} has to hold, and was reported"
        return ""

    def _canary(self) -> dict[str, Any]:
        """Whether it was due and all of it was as it has to be; an early end may leave it out."""
        missed, ran = self.canary_missed(), len(self.canaries) == len(_beside())
        heard = self.canary_due and ran and not missed
        return {"due": self.canary_due, "missed": missed, "heard": heard}

    def faults(self) -> dict[str, int]:
        """How often each kind of fault struck, in all scenarios."""
        return summed(each["faults"] for each in self.fired().values())

    def refusals(self) -> dict[str, int]:
        """How often each rule refused something, in all scenarios."""
        return summed(each["refusals"] for each in self.fired().values())

    def pairs(self) -> Pairs:
        """Kinds of fault that struck in one run."""
        return pairs(self.results, lambda name: _planned(name)[0])

    def visited(self) -> dict[str, int]:
        """How often each transition of core's lifecycles was taken."""
        return summed(result.visited for result in self.results)

    def rarest(self) -> dict[str, Any] | None:
        """What fired least of all faults and refusals; None where nothing could."""
        seen = [*self.faults().items(), *self.refusals().items()]
        if not seen:
            return None
        what, times = min(seen, key=lambda each: each[1])
        return {"what": what, "times": times}

    def fired(self) -> dict[str, dict[str, dict[str, int]]]:
        """Per scenario, how often each kind of fault struck and each rule refused something.

        What the scenario's plan may have is there even where it never fired.
        """
        return {
            name: {
                "faults": summed([dict.fromkeys(kinds, 0), *(each.faults for each in ours)]),
                "refusals": summed([dict.fromkeys(codes, 0), *(each.refusals for each in ours)]),
            }
            for name, ours, kinds, codes in self._expected()
        }

    def unfired(self) -> dict[str, int]:
        """What this campaign should have seen more often, with how often it did."""
        rare: dict[str, int] = {}
        fired = self.fired()
        for name, ours, kinds, codes in self._expected():
            wanted = self._wanted(name, len(ours))
            for sort, expected in (("faults", kinds), ("refusals", codes)):
                seen = fired[name][sort]
                rare |= {f"{name}: {what}": seen[what] for what in expected if seen[what] < wanted}
        return rare

    def _wanted(self, name: str, seeds: int) -> int:
        if self.at_least is not None:
            return self.at_least
        says = _planned(name)[1]
        return says.times if says is not None and seeds >= says.seeds else 0

    def _expected(self) -> Iterator[tuple[str, list[SeedResult], list[str], tuple[str, ...]]]:
        """Each scenario with its results, and the faults and refusals that its plan may have."""
        by_name: dict[str, list[SeedResult]] = {}
        for result in self.results:
            by_name.setdefault(result.scenario, []).append(result)
        for name, ours in by_name.items():
            kinds, fires = _planned(name)
            yield name, ours, kinds, fires.refusals if fires is not None else ()

    def digest(self) -> str:
        """One for all seeds: equal where every seed gave the same."""
        lines = (f"{r.scenario} {r.seed} {r.digest} {r.held}\n" for r in self.results)
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    def summary(self) -> dict[str, Any]:
        """What `--json` prints."""
        return {
            "runs": len(self.results),
            "asked": max(self.asked, len(self.results)),
            "stopped": self.stopped,
            "missing": self.missing,
            "changed": self.changed,
            "wrong": self.wrong(),
            "held": len(self.results) - len(self.failures),
            "failed": [asdict(result) for result in self.failures],
            "digest": self.digest(),
            "code": self.code,
            "twice": self.twice,
            "canary": self._canary(),
            **self.speed(),
            "drift": _drift(self.results),
            "faults": self.faults(),
            "refusals": self.refusals(),
            "fired": self.fired(),
            "rarest": self.rarest(),
            "unfired": self.unfired(),
            "pairs": self.pairs().summary(),
            "visited": self.visited(),
            "unvisited": unvisited(self.visited()),
            "left_out": self.left_out,
        }

    def speed(self) -> dict[str, Any]:
        """How much was run, in how much time."""
        cpu = sum(result.cpu_seconds for result in self.results)
        simulated = sum(result.simulated_seconds for result in self.results)
        return {
            "wall_seconds": round(self.wall_seconds, 2),
            "cpu_seconds": round(cpu, 2),
            "simulated_seconds": round(simulated, 1),
            "simulated_per_wall_second": round(simulated / max(self.wall_seconds, 1e-9), 1),
            "records_per_cpu_second": round(sum(r.records for r in self.results) / max(cpu, 1e-9)),
            "inputs_per_cpu_second": round(sum(r.inputs for r in self.results) / max(cpu, 1e-9)),
        }

    def save(self, folder: Path) -> None:
        """Write campaign.json, and campaign.html for people."""
        from tieout.campaigns.page import page_of

        with naming(folder):
            write_whole(folder / WHOLE, json.dumps(self.summary(), indent=2))
            write_whole(folder / PAGE, page_of(self, folder))


def campaign(
    scenario: str,
    seeds: Iterable[int],
    *,
    jobs: int | None = None,
    short: bool = False,
    out: Path | None = None,
    at_least: int | None = None,
    progress: Callable[[int, int, int], None] = lambda done, todo, failed: None,
    told: Callable[[str], None] = lambda text: None,
    engine: Engine | None = None,
    seed_seconds_max: float = SEED_SECONDS_MAX,
    resume: bool = False,
    shard: tuple[int, int] = (1, 1),
    stop_after: int | None = None,
    seconds_max: float | None = None,
    keep: Keep | None = None,
    failures: int = FAILURES_KEPT,
    runs_min: int = 0,
    run: Run = run_seed,
) -> Campaign:
    """Run every seed of a scenario, or of `all`; with `out`, each is on disk once it is done.

    In `jobs` processes, by an `engine`, or by default in this one. Of `all`, what this Python
    cannot run is left out and said (`left_out`); alone it is `NoEvm`. With `at_least`, it does not
    hold where a fault or a refusal of the plan fired less often; nor where fewer than `runs_min`
    ran. An interrupt ends it at once; what
    was done by then is in the ledger, and `resume` goes on from there. It ends early after
    `stop_after` failures, or once `seconds_max` are over. The first `failures` that can be run
    again here are handed to `keep`, with a folder each.
    """
    header, whole = _planned_work(scenario, list(seeds), short=short, shard=shard)
    due, twice = _canary_due(scenario, whole), twice_of(whole)
    work = whole[shard[0] - 1 :: shard[1]]
    if engine is None:
        engine = here if jobs is None else workers(jobs, seed_seconds_max)
    tasks = tasks_of(work, short, _beside() if due else (), twice)
    with in_memory() if out is None else opened(out, header, resume=resume) as ledger:
        if out is not None:
            if ledger.replaced:
                told(f"{out}: written over: {ledger.replaced} of a campaign that had ended")
            _clear(out, resume=resume)
        if resume and out is not None:
            told(_resumed(ledger.account, work, out))
            for each in ledger.account.forget_ended(seed_seconds_max):
                told(f"{each}: was ended; runs again, for {seed_seconds_max:g} s at most")
        todo = [task for task in tasks if ledger.account.wants(task)]
        stopped = _run(engine, todo, run, ledger, Ends(stop_after, seconds_max), progress)
        _note_edits(header, ledger, told)
        if not any(ledger.account.wants(task) for task in tasks):
            ledger.write({"ended": {}})
        account = ledger.account if out is None else read(out)[1]
    done = concluded(header, tasks, account, at_least=at_least, canary_due=due, stopped=stopped)
    done.runs_min = runs_min
    if out is None:
        return done
    try:
        done.save(out)  # before anything runs again here: whatever that does, this is known
        if keep is not None and _keep(done, keep, failures, out, short=short, told=told):
            done.save(out)  # its page leads to the reports
    except CannotSave as error:
        done.unsaved = f"{error}; --resume goes on"
    return done


def concluded(
    header: Header,
    tasks: Sequence[Task],
    account: Account,
    *,
    at_least: int | None,
    canary_due: bool,
    stopped: str = "",
) -> Campaign:
    """What an account says of the tasks, in their order."""
    beside = _beside() if canary_due else []
    work = [task.key for task in tasks if not task.again and task.key not in beside]
    return Campaign(
        [account.result(key) for key in work if key in account.results],
        account.wall_seconds,
        at_least,
        header.left_out,
        asked=len(work),
        changed=account.changed,
        twice=sum(key in account.again for key in work),
        twice_due=sum(task.again for task in tasks),
        stopped=stopped,
        missing=[] if stopped else [str(each) for each in account.gaps(tasks, work)],
        canary_due=canary_due,
        canaries=[account.result(key) for key in _beside() if key in account.results],
        code=header.code,
    )


def runs_here(name: str) -> bool:
    """Whether this Python has all that the scenario takes: tokens take an embedded EVM."""
    return name == CANARY or machine.there() or not find(name).tokens


def runs_here_in_short(name: str) -> bool:
    """The same of its short form, which may leave its tokens out."""
    return name == CANARY or machine.there() or not find(name).in_short().tokens


def merge(folders: Sequence[Path], out: Path, at_least: int | None = None) -> Campaign:
    """One campaign of its shards, in a folder of its own, as if it had been run in one go.

    Refuses a shard that is missing, there twice, unfinished, of another campaign or another
    code, and an `out` that is one of them.
    """
    if out.resolve() in [each.resolve() for each in folders]:
        raise BadLedger(f"{out}: is a shard; another folder would do")
    header, account, shards = merged(folders)
    whole, work = _planned_work(
        header.scenario, seeds_of(header.seeds), short=header.short, shard=(1, 1)
    )
    if said := whole.difference(header):
        raise BadLedger(f"{folders[0]}: begun with {said}: the code and files of then would do")
    due = _canary_due(header.scenario, work)
    tasks = tasks_of(work, header.short, _beside() if due else (), twice_of(work))
    refuse_gaps(account, tasks, work, shards)
    with opened(out, header, resume=False) as ledger:
        try:
            copy_to(ledger, account, tasks)
        except BaseException:
            (out / SEEDS).unlink()  # a part would be taken for a campaign that did not end
            raise
    done = concluded(header, tasks, read(out)[1], at_least=at_least, canary_due=due)
    done.save(out)
    return done


def _run(
    engine: Engine,
    todo: Sequence[Task],
    run: Run,
    ledger: Ledger,
    ends: Ends,
    progress: Callable[[int, int, int], None],
) -> str:
    """Run what is to be run; says why it ended before all was."""
    since, done, failed = time.monotonic(), 0, dict[Key, None]()
    beside, begun, longest = _beside(), dict[Task, float](), 0.0
    with closing(engine(todo, run)) as events:
        for event in events:
            ledger.take(event)
            if isinstance(event, Begun):
                begun[event.task] = time.monotonic()
                continue
            longest = max(longest, time.monotonic() - begun.pop(event.task, since))
            done += 1
            key = event.task.key
            if key not in beside and not ledger.account.holds(key):
                failed[key] = None
            progress(done, len(todo), len(failed))
            if why := ends.why(len(failed), time.monotonic() - since):
                for event in list(_hanging(begun, longest)):
                    del begun[event.task]
                    ledger.take(event)
                return why + _slow(begun, longest) if done < len(todo) else ""
    return ""


def _slow(begun: dict[Task, float], longest: float) -> str:
    """What ran longer than any that ended, as the campaign did: it may hang."""
    now = time.monotonic()
    took = {str(task): now - since for task, since in begun.items() if now - since > longest}
    told = ", ".join(f"{name} for {seconds:.0f} s" for name, seconds in took.items())
    return f"; was running, and longer than any that ended: {told}" if told else ""


def _hanging(begun: dict[Task, float], longest: float) -> Iterator[Done]:
    """What an early end cuts short is run again by --resume; what hangs would be cut each time."""
    for task, since in begun.items():
        seconds = time.monotonic() - since
        if seconds > max(HANGS_SECONDS, HANGS_TIMES * longest):
            why = f"had run for {seconds:.0f} s as the campaign ended, others {longest:.0f} at most"
            yield Done(task, lost(task, why))


def _note_edits(header: Header, ledger: Ledger, told: Callable[[str], None]) -> None:
    """Each seed reads its scenario afresh: edited meanwhile, some ran one world and some another,
    and the campaign does not hold. Of the code most was loaded at the beginning: it is said."""
    now = replace(header, code=code_version(), content=content_of(_chosen(header.scenario)))
    said = now.difference(header)
    if header.content != now.content:
        ledger.write({"changed": said})
    elif said:
        told(f"the code was edited while it ran: begun with {said}")


def _clear(out: Path, *, resume: bool) -> None:
    """Of an earlier campaign no page and no report stays that could be taken for this one's."""
    with naming(out):
        for name in (WHOLE, PAGE):
            (out / name).unlink(missing_ok=True)
        for name in () if resume else ("failure.json", "failure.txt", "report.html"):
            for path in (out / FAILURES).glob(f"*/{name}"):
                path.unlink()


def _resumed(account: Account, work: Sequence[Key], out: Path) -> str:
    """What it goes on from; a seed that ends whole machines is among those that were running."""
    ended = sum(key in account.results for key in work)
    if not account.running and not ended:
        return f"{out}: no campaign to resume: begun anew"
    again = ", ".join(f"{each.scenario} seed {each.seed}" for each in account.running)
    running = f"; was running, and is run again: {again}" if again else ""
    return f"{out}: resumed: {ended} of {len(work)} runs had ended{running}"


def _keep(
    done: Campaign,
    keep: Keep,
    most: int,
    out: Path,
    *,
    short: bool,
    told: Callable[[str], None],
) -> bool:
    """The first failures, each in a folder; a seed that took its worker along is not run here.

    Whether there were any. One that cannot be explained (it holds when it is run again, as what
    differs between two runs may) is said, and takes nothing of the campaign along.
    """
    chosen = [each for each in done.failures if not each.lost][:most]
    for number, result in enumerate(chosen, 1):
        name = f"{result.scenario} seed {result.seed}"
        told(f"{name}: runs again, to be explained ({number} of {len(chosen)})")
        folder = out / FAILURES / place_of(result.scenario, result.seed)
        try:
            keep(result.scenario, result.seed, short, folder)
        except Exception as error:  # noqa: BLE001  # whatever it is, the campaign is over and known
            why = f"{name}: not explained: {type(error).__name__}: {error}"
            told(why)
            _note(folder, why)
    return bool(chosen)


def _note(folder: Path, why: str) -> None:
    """In place of its report, so that nobody is sent there for one; it was said in any case."""
    from tieout.failures.failure import WHY

    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / WHY).write_text(f"{why}\n", encoding="utf-8", errors="backslashreplace")


def _planned_work(
    scenario: str, seeds: Sequence[int], *, short: bool, shard: tuple[int, int]
) -> tuple[Header, list[Key]]:
    """What a campaign is, and all of its seeds, whatever the shard."""
    chosen = _chosen(scenario)
    if scenario not in ("all", CANARY):
        find(scenario)
    runs = runs_here_in_short if short else runs_here
    left_out = {name: machine.NONE for name in chosen if not runs(name)}
    if left_out and scenario != "all":
        machine.load()
    work = [(name, seed) for name in chosen if name not in left_out for seed in seeds]
    header = Header(
        scenario,
        words_of(seeds),
        short,
        code_version(),
        content=content_of(chosen),
        shard=shard,
        left_out=left_out,
    )
    return header, work


def _chosen(scenario: str) -> list[str]:
    return names() if scenario == "all" else [scenario]


def _canary_due(scenario: str, work: Sequence[Key]) -> bool:
    """Of few seeds a look is enough."""
    return scenario != CANARY and len(work) >= CANARY_RUNS_MIN


def _beside() -> list[Key]:
    from tieout.campaigns import canary

    return [(CANARY, seed) for seed in canary.BESIDE]


@cache
def _planned(name: str) -> tuple[list[str], FiresSpec | None]:
    """The kinds of fault that a scenario lists or draws, and what it says must fire."""
    from scenarios.draw import kinds_drawn  # not before a campaign has ended

    if name == CANARY:
        return [], None
    try:
        scenario = find(name)
    except BadScenario:  # it was there: that it was edited since is said
        return [], None
    listed = (fault.kind for fault in scenario.faults)
    return list(dict.fromkeys([*listed, *kinds_drawn(scenario)])), scenario.fires


def _failures(results: Iterable[SeedResult]) -> list[SeedResult]:
    return [result for result in results if not result.held]


def _drift(results: Iterable[SeedResult]) -> dict[str, Any]:
    results = list(results)
    drift = [result.drift for result in results if result.drift]
    seconds = sorted(each for result in results for each in result.seconds)
    return {
        "injected": sum(each["injected"] for each in drift),
        "found": sum(each["found"] for each in drift),
        "missed": sum(each["missed"] for each in drift),
        "false_alarms": sum(each["false_alarms"] for each in drift),
        "seconds_to_find": {
            "p50": quantile(seconds, 50),
            "p99": quantile(seconds, 99),
            "max": seconds[-1] if seconds else 0.0,
        },
    }
