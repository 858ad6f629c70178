"""The same plan gives the same digest: under any hash seed, on any Python, and from its journal."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache

import msgspec
import pytest

from core.journal import plain
from tests.conftest import ROOT
from tests.pythons import VERSIONS, environment
from tieout.runs import run

RUNS = (("lost_frame", 7), ("spot_weather", 1), ("spot_weather", 2))

# Prints the version it ran on, then each run's digest and that of the replay of its journal.
PROGRAM = f"""
import sys
from tieout.journals.replay import replay
from tieout.runs import run
print("%d.%d" % sys.version_info[:2])
for name, seed in {RUNS!r}:
    outcome = run(name, seed, short=True, sampled=False)
    print(outcome.summary["digest"], replay(outcome.store).digest)
"""


def digests(python: str, hash_seed: str) -> list[str]:
    """The version of that interpreter, and what the runs and their replays gave in it."""
    more = {"PYTHONHASHSEED": hash_seed, "PYTHONDONTWRITEBYTECODE": "1"}
    finished = subprocess.run(
        [python, "-c", PROGRAM],
        cwd=ROOT,
        env=_around(python) | more,
        capture_output=True,
        text=True,
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout.split()


def _around(python: str) -> dict[str, str]:
    """Other interpreters run the source as it lies here; this one what it has, compiled perhaps."""
    if python == sys.executable:
        return dict(os.environ)
    return {k: v for k, v in os.environ.items() if k != "PYTHONSAFEPATH"}


@cache
def expected() -> list[str]:
    """What this interpreter gives under hash seed 0, after its version."""
    return digests(sys.executable, "0")[1:]


def interpreters() -> dict[str, str]:
    """An interpreter per version, where there is one that has what a run needs.

    TIEOUT_PYTHONS names them (a list as in PATH); else they are those that `tests/pythons.py` made.
    """
    told = os.environ.get("TIEOUT_PYTHONS")
    names = told.split(os.pathsep) if told else [str(environment(v)) for v in VERSIONS]
    found: dict[str, str] = {}
    for name in [sys.executable, *names]:
        path = shutil.which(name)
        version = _version(path) if path else ""
        if path and version:
            found.setdefault(version, path)
    return found


def _version(python: str) -> str:
    """The version of an interpreter that can run a scenario, else ""."""
    program = "import sys, msgspec, simpy, tieout.runs; print('%d.%d' % sys.version_info[:2])"
    try:
        finished = subprocess.run(
            [python, "-c", program],
            cwd=ROOT,
            env=_around(python),
            capture_output=True,
            text=True,
            timeout=60,
        )
    except OSError:
        return ""
    return finished.stdout.strip() if finished.returncode == 0 else ""


@cache
def found() -> dict[str, str]:
    return interpreters()


def _no_float(told: str) -> None:
    raise AssertionError(f"a float: {told}")


@pytest.mark.parametrize("name", ["spot_weather", "storm_rails", "storm_risk"])
def test_no_event_no_effect_and_no_state_holds_a_float(name: str) -> None:
    """What syntax does not show would show here: all that is kept is whole."""
    outcome = run(name, 1, short=True, sampled=False)
    decode = msgspec.json.Decoder(float_hook=_no_float).decode
    kept = [record.body for record in outcome.store.records() if record.kind != "frame"]
    for body in kept:
        decode(body)
    assert len(kept) > 1000
    assert _floats(msgspec.to_builtins(outcome.state, str_keys=True, enc_hook=plain)) == []


def _floats(told: object) -> list[float]:
    if isinstance(told, dict):
        return [found for each in told.values() for found in _floats(each)]
    if isinstance(told, list | tuple):
        return [found for each in told for found in _floats(each)]
    return [told] if isinstance(told, float) else []


def test_different_runs_have_different_digests() -> None:
    """Else equal ones would say nothing."""
    assert len(set(expected())) == len(RUNS)


def test_the_replay_of_a_journal_gives_the_digest_of_its_run() -> None:
    assert expected()[0::2] == expected()[1::2]


@pytest.mark.parametrize("hash_seed", ["0", "1", "random"])
def test_a_hash_seed_changes_nothing(hash_seed: str) -> None:
    """No set's or dictionary's order by hash reaches an event, an effect or the state."""
    assert digests(sys.executable, hash_seed)[1:] == expected()


@pytest.mark.parametrize("version", VERSIONS)
def test_a_version_of_python_changes_nothing(version: str) -> None:
    python = found().get(version)
    if python is None:
        pytest.skip(f"no environment of Python {version}: `python tests/pythons.py` makes it")
    assert digests(python, "random") == [version, *expected()]
