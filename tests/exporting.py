"""What a machine of Hypothesis did until it failed, as a file; and that file run again.

    TIEOUT_EXPORT=FOLDER pytest tests/test_order_machine.py     a failure leaves FOLDER/NAME.jsonl
    python -m tests.exporting FILE [--journal NEW]              run it again; as a journal, too

True here: the first line of a file names its machine and says what failed; each other line is one
step, with what was drawn for it. A step says all of itself: no dice are kept and none are thrown. A
machine that drives the core by events can also write them as a journal, which `tieout verify`,
`replay` and `trace` take. tests/exported/ keeps files that were red once (tests/test_exported.py).
"""

from __future__ import annotations

import functools
import importlib
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis
from hypothesis import stateful
from hypothesis.stateful import RuleBasedStateMachine

from core.events import Event
from core.gate import BreakGate
from core.journal import Journal
from core.node import Node
from tieout.journals.sqlite_store import SqliteStore

FOLDER = "TIEOUT_EXPORT"
FULL = os.environ.get("TIEOUT_FULL") == "1"


class Machine(RuleBasedStateMachine):
    """A machine that remembers its steps; `latest` is the one that began last."""

    latest: Machine | None = None

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[tuple[str, dict[str, Any]]] = []
        Machine.latest = self

    def events(self) -> list[Event]:
        """What the core was told; nothing where it is not driven by events alone."""
        return []


def rule(**drawn: Any) -> Callable[[Callable[..., None]], Any]:
    """As Hypothesis' own, for a `Machine`."""
    return lambda function: stateful.rule(**drawn)(_noted(function))


def initialize(**drawn: Any) -> Callable[[Callable[..., None]], Any]:
    """As Hypothesis' own, for a `Machine`."""
    return lambda function: stateful.initialize(**drawn)(_noted(function))


def _noted(function: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(function)
    def step(self: Machine, **words: Any) -> None:
        self.steps.append((function.__name__, words))
        function(self, **words)

    return step


# --- out ------------------------------------------------------------------------------------------


def case(machine: type[Machine], examples: int, steps: int) -> Any:
    """The test of a machine: so many examples, ten times as many with TIEOUT_FULL=1."""

    class Case(machine.TestCase):  # type: ignore[misc,name-defined]  # Hypothesis makes it
        def runTest(self) -> None:  # unittest's word
            with exported(machine):
                super().runTest()

    Case.settings = hypothesis.settings(
        max_examples=10 * examples if FULL else examples,
        stateful_step_count=steps,
        deadline=None,
        derandomize=True,
        report_multiple_bugs=False,
        # To explain a failure costs minutes, and runs examples that pass after the smallest.
        phases=[each for each in hypothesis.Phase if each is not hypothesis.Phase.explain],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    return Case


class exported:  # reads as a word
    """What fails within is written down, where a folder is named for it."""

    def __init__(self, machine: type[Machine]) -> None:
        self._machine = machine

    def __enter__(self) -> None:
        Machine.latest = None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        # The last that Hypothesis runs is the smallest that fails.
        if error is None or Machine.latest is None or FOLDER not in os.environ:
            return
        folder = Path(os.environ[FOLDER])
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self._machine.__name__}.jsonl"
        path.write_text(written(Machine.latest, error), encoding="utf-8")
        error.add_note(f"its steps are in {path}: python -m tests.exporting {path}")


def written(machine: Machine, error: BaseException) -> str:
    """The steps of a machine, a line each."""
    kind = type(machine)
    head = {"machine": f"{kind.__module__}:{kind.__qualname__}", "failed": str(error)[:2000]}
    lines = [head, *({"step": name, **words} for name, words in machine.steps)]
    return "".join(json.dumps(line) + "\n" for line in lines)


# --- in again -------------------------------------------------------------------------------------


def rerun(path: Path) -> Machine:
    """Take the same steps; what fails is raised as it was then."""
    head, *lines = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
    module, _, name = head["machine"].partition(":")
    machine: Machine = getattr(importlib.import_module(module), name)()
    try:
        for line in lines:
            getattr(machine, line.pop("step"))(**line)
            for each in machine.invariants:
                each.function(machine)
    finally:
        machine.teardown()
    return machine


def as_journal(events: list[Event], path: Path) -> None:
    """The events through a node of their own, a group each, into a new journal."""
    store = SqliteStore(path, create="new")
    node = Node(Journal(store), {}, BreakGate())
    for event in events:
        node.deliver(event)
        node.commit()
    store.close()


def main() -> None:
    """Run a file again; with --journal NEW, write what the core was told there before."""
    path, journal = Path(sys.argv[1]), sys.argv[3] if sys.argv[2:3] == ["--journal"] else ""
    try:
        rerun(path)
    finally:
        if journal and Machine.latest is not None:
            as_journal(Machine.latest.events(), Path(journal))
    print("every step holds")


if __name__ == "__main__":
    from tests import exporting  # the module that machines know: this one is `__main__`

    exporting.main()
