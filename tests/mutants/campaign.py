"""One bug's campaign: short seeds of its storm in a copy of the tree, until one fails.

Several ranges of seeds each go in order to their first seed that fails, so that how many seeds it
takes is known with an interval; a last run has no faults, and shows what faults bring.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Sequence
from hashlib import sha256
from math import inf
from pathlib import Path
from typing import Any

from tests.mutants import power
from tests.mutants.catalogue import MUTANTS, STORMS, Mutant
from tests.mutants.tree import ROOT, Edit, Tree

CHILD = Path(__file__).parent / "seeds.py"
# Ranges begin at each remainder of ten: a storm's seeds may take turns at how they are drawn.
STEP = 11
LENGTH = 5
# So many seeds without faults show what those bring.
CALM = 2
FAULTS, NONE = "faults", "none"
Found = dict[str, Any]
# The processes of the moment: whoever ends before they do ends them.
RUNNING: dict[int, subprocess.Popen[str]] = {}


def ranges(count: int) -> list[range]:
    """So many ranges of seeds, none of which is in two."""
    return [range(STEP * number, STEP * number + LENGTH) for number in range(count)]


def hunt(
    tree: Tree, mutant: Mutant, chosen: list[range], seconds_max: float, before: Found
) -> Found:
    """Everything that is told of one bug: what was, and what these ranges say of it."""
    with tree.planted(mutant.edits):
        calm = 0 if before.get("ranges") else CALM
        seeds, stopped = watch(tree, mutant.storm, chosen, calm, seconds_max)
    seeds = _together(before, seeds)
    return {
        "bug": mutant.bug,
        "place": mutant.place,
        "storm": mutant.storm,
        "text": text_of(mutant.storm, mutant.edits),
        **seen(each for each in seeds if each["policy"] == FAULTS),
        "without_faults": seen(each for each in seeds if each["policy"] == NONE),
        "ranges": before.get("ranges", 0) + (0 if stopped else len(chosen)),
        "stopped": stopped,
        "seeds": seeds,
    }


def text_of(storm: str, edits: tuple[Edit, ...] = ()) -> str:
    """What a storm and a bug are made of, in twelve digits."""
    scenario = ROOT / "scenarios" / "catalogue" / f"{storm}.yaml"
    return sha256(scenario.read_bytes() + repr(edits).encode()).hexdigest()[:12]


def sound(tree: Tree, storm: str, chosen: list[range], seconds_max: float, before: Found) -> Found:
    """The same seeds with no bug at all, with faults and without: none may fail."""
    calm = 0 if before.get("ranges") else CALM
    whole = [range(seed, seed + 1) for each in chosen for seed in each]
    seeds, stopped = watch(tree, storm, whole, calm, seconds_max)
    seeds = _together(before, seeds)
    done = before.get("ranges", 0) + (0 if stopped else len(chosen))
    return {
        "text": text_of(storm),
        **seen(seeds),
        "ranges": done,
        "stopped": stopped,
        "seeds": seeds,
    }


def _together(before: Found, seeds: list[Found]) -> list[Found]:
    """Each seed once: a range that was stopped in its midst is begun again."""
    every = [*before.get("seeds", ()), *seeds]
    return list({(each["policy"], each["seed"]): each for each in every}.values())


def seen(seeds: Iterable[Found]) -> Found:
    """What so many seeds come to: the claims that failed, the most often first, and how many seeds
    it takes. What is infinite is null."""
    every = list(seeds)
    failed = [each for each in every if each["failed"]]
    claims: dict[str, int] = {}
    for each in failed:
        for claim in each["failed"]:
            claims[claim] = claims.get(claim, 0) + 1
    low, high = power.interval(len(failed), len(every)) if every else (1.0, inf)
    figures = (power.expected(len(failed), len(every)), low, high)
    return {
        "ran": len(every),
        "failed": len(failed),
        "claims": dict(sorted(claims.items(), key=lambda each: -each[1])),
        "expected_seeds": [None if each == inf else round(each, 2) for each in figures],
        "cpu_seconds": round(sum(each["cpu_seconds"] for each in every), 1),
    }


def watch(
    tree: Tree, storm: str, chosen: list[range], calm: int, seconds_max: float
) -> tuple[list[Found], str]:
    """Run the ranges, and so many seeds without faults, in a process of their own.

    What it said before it was stopped counts; then why it was stopped is told, else "".
    """
    words = [f"{FAULTS}/{each.start}:{each.stop}" for each in chosen] + [f"{NONE}/0:{calm}"]
    process = subprocess.Popen(
        [sys.executable, str(CHILD), storm, *words],
        cwd=tree.folder,
        env=tree.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    RUNNING[process.pid] = process
    stopped = ""
    try:
        out, errors = process.communicate(timeout=seconds_max)
        if process.returncode:
            stopped = errors.strip()[-300:] or f"status {process.returncode}"
    except subprocess.TimeoutExpired:
        process.kill()
        out, _ = process.communicate()
        stopped = f"not done within {seconds_max:.0f} s"
    finally:
        del RUNNING[process.pid]
    lines = [each for each in out.splitlines() if each.startswith("{") and each.endswith("}")]
    return [json.loads(each) for each in lines], stopped


def named(word: str, mutants: Sequence[Mutant] = MUTANTS) -> list[Mutant]:
    """Those with the word in their name or their storm's; the cheapest scenarios first."""
    found = [each for each in mutants if word in each.name or word == each.storm]
    dear = {storm: number for number, storm in enumerate(STORMS)}
    return sorted(found, key=lambda each: dear.get(each.storm, -1))
