"""Plant every bug of the catalogue in a copy of the tree, and see how soon a storm finds it.

    python -m tests.mutants [--only WORD] [--blind] [--ranges N] [--jobs N] [--seconds N] [--afresh]

Results go to bench/mutants.json as they come. Of what is known of this very tree nothing is run
again: with more ranges only those are looked at that are new. The status is 1 where a bug that was
asked for survives, was not looked at to the end or takes more than fifty expected seeds, where the
whole catalogue takes more than two in the median, or where a seed of a storm fails without one.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import UTC, datetime
from pathlib import Path
from queue import SimpleQueue
from statistics import median
from typing import Any

import click

from tests.mutants import campaign, tree
from tests.mutants.blind import FIRST
from tests.mutants.blind_second import SECOND
from tests.mutants.catalogue import MUTANTS, Mutant

KEPT = tree.ROOT / "bench" / "mutants.json"
Found = dict[str, Any]
# Expected seeds until a bug is seen: of the worst, and of the one in the middle.
SEEDS_MAX, MEDIAN_MAX = 50, 2
SORTS = ("mutants", "blind", "sound")
# What is kept of a seed, in this order: a file of fifty for each bug has to stay small.
OF_A_SEED = ("policy", "seed", "cpu_seconds", "failed")


@click.command()
@click.option("--only", default="", help="Those with this in their name, or of this storm.")
@click.option(
    "--ranges", "count", default=10, help="Ranges of five seeds, each to its first failure."
)
@click.option("--jobs", default=2, help="Processes.")
@click.option("--seconds", default=900.0, help="The most that one bug may take.")
@click.option("--blind", is_flag=True, help="Those by people who knew no claim instead.")
@click.option("--afresh", is_flag=True, help="Look for all of them again.")
def main(only: str, count: int, jobs: int, seconds: float, *, blind: bool, afresh: bool) -> None:
    """Hunt each bug, print the table, keep the results."""
    kept = Kept(KEPT, afresh=afresh)
    sort = "blind" if blind else "mutants"
    mutants = campaign.named(only, (*FIRST, *SECOND) if blind else MUTANTS)
    work = []
    for each in mutants:
        before = kept.of(sort, each.name, campaign.text_of(each.storm, each.edits))
        chosen = campaign.ranges(count)[before.get("ranges", 0) :]
        work.append((campaign.hunt, sort, each.name, each, chosen, seconds, before))
    for storm in dict.fromkeys(each.storm for each in mutants):
        before = kept.of("sound", storm, campaign.text_of(storm))
        chosen = campaign.ranges(count)[before.get("ranges", 0) :]
        work.append((campaign.sound, "sound", storm, storm, chosen, seconds, before))
    _spread([each for each in work if each[4]], jobs, kept)
    kept.prune()
    print(table(kept.found))
    sys.exit(0 if is_well(kept.found, mutants, sort) else 1)


class Kept:
    """The file of results: each with the tree that it is of."""

    def __init__(self, path: Path, *, afresh: bool) -> None:
        self._path, self._lock = path, threading.Lock()
        self._tree, self._commit, self._afresh = tree.digest(), _commit(), afresh
        self.found: Found = {sort: {} for sort in SORTS}
        if path.exists():
            read = json.loads(path.read_text(encoding="utf-8"))
            self.found |= {sort: {n: _whole(t) for n, t in read[sort].items()} for sort in SORTS}

    def of(self, sort: str, name: str, text: str) -> Found:
        """What is known of it in this tree; nothing where it was of another text."""
        found: Found = self.found[sort].get(name, {})
        same = (found.get("tree"), found.get("text")) == (self._tree, text)
        return found if same and not self._afresh else {}

    def keep(self, sort: str, name: str, found: Found) -> None:
        """On disk, whole, before anything else begins."""
        today = datetime.now(UTC).date().isoformat()
        with self._lock:
            found = found | {"commit": self._commit, "date": today, "tree": self._tree}
            if sort == "blind":
                found["first"] = self.found[sort].get(name, {}).get("first") or _first(found)
            self.found[sort][name] = found
            self._write()

    def prune(self) -> None:
        """In the catalogue's order, and nothing that is in it no more."""
        with self._lock:
            every = self.found["mutants"]
            self.found["mutants"] = {m.name: every[m.name] for m in MUTANTS if m.name in every}
            self.found["summary"] = summary(self.found)
            self._write()

    def _write(self) -> None:
        beside = self._path.with_suffix(".part")
        beside.write_text(_text(self.found), encoding="utf-8")
        beside.replace(self._path)


def _text(found: Found) -> str:
    """JSON with a line for each bug: each has tens of seeds."""
    sorts = []
    for sort, each in found.items():
        lines = (f"{json.dumps(name)}: {json.dumps(_short(told))}" for name, told in each.items())
        sorts.append(f"{json.dumps(sort)}: {{\n" + ",\n".join(lines) + "\n}")
    return "{\n" + ",\n".join(sorts) + "\n}\n"


def _short(told: Any) -> Any:
    """With a list for each seed; the summary's figures as they are."""
    if not isinstance(told, dict) or "seeds" not in told:
        return told
    return told | {"seeds": [[seed[each] for each in OF_A_SEED] for seed in told["seeds"]]}


def _whole(told: Found) -> Found:
    """What `_short` made short."""
    named = [dict(zip(OF_A_SEED, seed, strict=True)) for seed in told.get("seeds", ())]
    return told | {"seeds": named} if named else told


def _first(found: Found) -> Found:
    """What the first run said of a bug: it stands, whatever claims came since."""
    return {each: found[each] for each in ("commit", "date", "ran", "failed")}


def _commit() -> str:
    asked = ["git", "-C", str(tree.ROOT), "rev-parse", "--short", "HEAD"]
    return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()


def _spread(work: list[Any], jobs: int, kept: Kept) -> None:
    """Each worker has a copy of its own; copies go when all is done, or when it is interrupted."""
    if not work:
        return
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copies: SimpleQueue[tree.Tree] = SimpleQueue()
        for number in range(jobs):
            copies.put(tree.Tree(Path(folder) / str(number)))

        ended = threading.Event()

        def one(look: Callable[..., Found], sort: str, name: str, *words: Any) -> str:
            copy = copies.get()
            started = time.perf_counter()
            try:
                found = look(copy, *words)
            finally:
                copies.put(copy)
            if not ended.is_set():  # else it was stopped by us, and says nothing
                kept.keep(sort, name, found)
            return f"{name}: {_outcome(found)}, {time.perf_counter() - started:.0f} s"

        pool = ThreadPoolExecutor(jobs)
        try:
            done = as_completed([pool.submit(one, *each) for each in work])
            for number, future in enumerate(done, 1):
                print(f"{number}/{len(work)} {future.result()}", file=sys.stderr, flush=True)
        finally:
            ended.set()
            pool.shutdown(wait=False, cancel_futures=True)
            for process in list(campaign.RUNNING.values()):
                process.kill()
            pool.shutdown()


def _outcome(found: Found) -> str:
    why = f" ({found['stopped'].splitlines()[-1]})" if found["stopped"] else ""
    how = f"{found['failed']} of {found['ran']} seeds failed{why}"
    return f"{how}: {next(iter(found['claims']))}" if found["claims"] else how


# --- what it comes to ----------------------------------------------------------------------------


def is_well(found: Found, asked: Sequence[Mutant], sort: str = "mutants") -> bool:
    """Each bug that was asked for was looked at and seen, soon enough, and nothing of its storm
    failed without it. What is kept of others says nothing of this tree."""
    looked = [found[sort].get(each.name, {}) for each in asked]
    without = [found["sound"].get(storm) for storm in {each.storm for each in asked}]
    quiet = all(each and not (each["failed"] or each["stopped"]) for each in without)
    return quiet and all(each.get("failed") for each in looked) and _soon(looked, sort)


def _soon(looked: Sequence[Found], sort: str) -> bool:
    """In so many expected seeds at most; the median is of the whole catalogue, and of no part."""
    seeds = [each["expected_seeds"][0] for each in looked]
    whole = sort == "mutants" and len(seeds) == len(MUTANTS)
    return max(seeds, default=0) <= SEEDS_MAX and not (whole and median(seeds) > MEDIAN_MAX)


def summary(found: Found) -> Found:
    """The figures of all of them."""
    every = found["mutants"]
    seeds = [each["expected_seeds"][0] for each in every.values() if each["failed"]]
    return {
        "bugs": len(every),
        "caught": len(seeds),
        "trees": len({each["tree"] for each in every.values()}),
        "not_looked_at": [each.name for each in MUTANTS if each.name not in every],
        "survived": [name for name, each in every.items() if not each["failed"]],
        "blind": len(found["blind"]),
        "blind_caught_at_first": sum(e["first"]["failed"] > 0 for e in found["blind"].values()),
        "blind_caught": sum(each["failed"] > 0 for each in found["blind"].values()),
        "blind_survived": [name for name, each in found["blind"].items() if not each["failed"]],
        "expected_seeds_median": median(seeds) if seeds else None,
        "expected_seeds_max": max(seeds, default=None),
        "caught_without_faults": sum(e["without_faults"]["failed"] > 0 for e in every.values()),
        "cpu_seconds": round(sum(each["cpu_seconds"] for each in every.values())),
    }


def table(found: Found) -> str:
    """For people: a line for each bug, and what it comes to."""
    wide = 1 + max(map(len, found["sound"]), default=0)
    head = f"{'storm':{wide}}{'seeds':>6}  {'95 %':13}{'calm':5} bug: the claim that caught it"
    lines = [head, ""]
    for name, each in [*found["mutants"].items(), *found["blind"].items()]:
        caught = next(iter(each["claims"]), f"SURVIVED {each['ran']} seeds")
        lines.append(f"{each['storm']:{wide}}{_seeds(each)} {name}: {caught}")
    for storm, each in found["sound"].items():
        lines.append(f"{storm:{wide}}without a bug: {each['failed']} of {each['ran']} seeds failed")
    told = found["summary"]
    lines += [f"{'':{wide}}not looked at: {name}" for name in told["not_looked_at"]]
    lines += [
        "",
        f"{told['caught']} of {told['bugs']} caught; expected seeds: median "
        f"{told['expected_seeds_median']}, at most {told['expected_seeds_max']}; "
        f"{told['caught_without_faults']} of them without faults, in {campaign.CALM} seeds; "
        f"of {told['blind']} by people who knew no claim {told['blind_caught']}, "
        f"{told['blind_caught_at_first']} of these at first",
    ]
    return "\n".join(lines)


def _seeds(each: Found) -> str:
    expected, least, most = ("-" if n is None else f"{n:.1f}" for n in each["expected_seeds"])
    calm = "seen" if each["without_faults"]["failed"] else "-"
    return f"{expected:>6}  {f'{least} to {most}':13}{calm:5}"


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # which leaves no copy behind
    main()
