"""A run on disk: summary, fault plan, journal, one Parquet table per subject, and the report.

Rule 1. The journal's chain is the run's own, group for group: `tieout verify` proves it.
Rule 2. Amounts rest as decimal text (DESIGN §3): wei of any size fits, no scale is imposed and no
digit lost. Their columns are marked, and `load_table` gives the very frame that was saved.
Rule 3. A plan is taken back only if every field of it is understood, and only by the scenario and
seed that it was drawn for: see `load_plan` and `Plan`.
"""

import gc
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from scenarios.model import DIALECTS
from sim.faults import KINDS, Fault
from sim.memory_store import MemoryStore
from tieout.outcome import Outcome
from tieout.sqlite_store import JournalError, SqliteStore, anchor_path

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from tieout.tables import Type

PLAN_SCHEMA = 1
PLACES = ("", "node", *DIALECTS)
NAMES = tuple(each.name for each in fields(Fault))


class CannotSave(Exception):
    """Nothing, or not everything, could be written; the message names the path and why."""


class BadPlan(ValueError):
    """The file is no fault plan; the message names file, field, what was found, what would do."""


# --- out -----------------------------------------------------------------------------------------


def save(outcome: Outcome, folder: Path) -> None:
    """Write everything into `folder`, which comes to be if it is not there."""
    from tieout.report import report  # matplotlib and pandas: half a second, and only needed here
    from tieout.tables import COLUMNS

    with naming(folder), _aside():
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder / "summary.json", outcome.json() + "\n")
        _write(folder / "plan.json", plan_text(outcome))
        save_journal(outcome, folder / "journal.db")
        for name in COLUMNS:
            save_table(outcome, name, folder / f"{name}.parquet")
        _write(folder / "report.html", report(outcome))


@contextmanager
def _aside() -> Iterator[None]:
    """What the run left is not looked through for garbage, again and again, as tables are made."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def ready(folder: Path) -> None:
    """Let the folder be there and take a file, before any work is done whose results it is for."""
    with naming(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass


@contextmanager
def naming(folder: Path) -> Iterator[None]:
    """One exception for all that a disk can say, with the path that it said it of."""
    would_do = "a folder that we may write would do"
    try:
        yield
    except FileExistsError as error:
        raise CannotSave(f"{error.filename}: a file; a folder's name would do") from error
    except JournalError as error:
        raise CannotSave(str(error)) from error
    except OSError as error:
        what = error.strerror or error
        raise CannotSave(f"{error.filename or folder}: {what}; {would_do}") from error


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def save_journal(outcome: Outcome, path: Path) -> None:
    """The run's records as a journal of their own; what stood at the path is replaced."""
    memory = outcome.store
    assert isinstance(memory, MemoryStore), "a simulated run journals into memory"
    for stale in (path, anchor_path(path), Path(f"{path}-wal"), Path(f"{path}-shm")):
        stale.unlink(missing_ok=True)
    store = SqliteStore(path, create="new", synchronous="OFF")  # a copy: the run itself is over
    try:
        store.take_over(memory.records(), memory.groups)
    finally:
        store.close()


# --- tables --------------------------------------------------------------------------------------


def save_table(outcome: Outcome, name: str, path: Path) -> None:
    """One subject as Parquet."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from tieout.tables import COLUMNS, table

    rows = table(name, outcome.store, outcome.state)
    columns, arrays = [], []
    for column, kind in COLUMNS[name].items():
        values = rows[column]
        if kind == "decimal":
            values = values.map(lambda amount: None if amount is None else format(amount, "f"))
        arrow = _arrow(kind)
        mark = {"tieout": "decimal"} if kind == "decimal" else None
        columns.append(pa.field(column, arrow, metadata=mark))
        arrays.append(pa.array(values, type=arrow, from_pandas=True))
    pq.write_table(pa.Table.from_arrays(arrays, schema=pa.schema(columns)), path)


def load_table(path: Path) -> "pd.DataFrame":
    """A saved table as the frame that it was: amounts as decimals, evidence as tuples."""
    import pyarrow.parquet as pq

    from tieout.tables import COLUMNS, frame

    told = pq.read_table(path)
    columns = COLUMNS[path.stem]
    return frame(
        columns,
        zip(*(_values(told.column(name), kind) for name, kind in columns.items()), strict=True),
    )


def _values(column: "pa.ChunkedArray", kind: "Type") -> list[object]:
    match kind:
        case "time":
            return [value or 0 for value in column.cast("int64").to_pylist()]
        case "decimal":
            return [None if text is None else Decimal(text) for text in column.to_pylist()]
        case "numbers":
            return [tuple(numbers) for numbers in column.to_pylist()]
        case _:
            values: list[object] = column.to_pylist()
            return values


def _arrow(kind: "Type") -> "pa.DataType":
    import pyarrow as pa

    match kind:
        case "time":
            return pa.timestamp("ns", "UTC")
        case "int":
            return pa.int64()
        case "seconds":
            return pa.float64()
        case "bool":
            return pa.bool_()
        case "numbers":
            return pa.list_(pa.int64())
        case _:
            return pa.string()


# --- the plan ------------------------------------------------------------------------------------


class PlannedFault(Struct, forbid_unknown_fields=True):
    """A `Fault` as the file has it: what is not said is always, everywhere, each time."""

    kind: str
    where: str = ""
    start_ns: int = 0
    end_ns: int = 2**63 - 1
    one_in: int = 1
    strength: int = 0
    every_ns: int = 0
    times_max: int = 2**31


class PlanFile(Struct, forbid_unknown_fields=True):
    """The whole file."""

    schema: int
    scenario: str
    seed: int
    faults: list[PlannedFault]


def plan_text(outcome: Outcome) -> str:
    """The plan as JSON, one fault a line, so that any tool can compare two plans."""
    lines = [json.dumps({name: getattr(each, name) for name in NAMES}) for each in outcome.plan]
    faults = "[\n  " + ",\n  ".join(lines) + "\n ]" if lines else "[]"
    scenario = json.dumps(outcome.scenario.name)
    head = f'"schema": {PLAN_SCHEMA},\n "scenario": {scenario},\n "seed": {outcome.seed}'
    return f'{{{head},\n "faults": {faults}}}\n'


@dataclass(slots=True, frozen=True)
class Plan:
    """The faults of a file, and what they were drawn for."""

    path: Path
    scenario: str
    seed: int
    faults: list[Fault]

    def faults_for(self, scenario: str, seed: int) -> list[Fault]:
        """The faults, if they were drawn for this; raises `BadPlan`."""
        if self.scenario != scenario:
            found = f"found {self.scenario!r}, and the run is of {scenario!r}"
            raise BadPlan(f"{self.path}: scenario: {found}; a plan of {scenario!r} would do")
        if self.seed != seed:
            found = f"found {self.seed}, and the run's is {seed}"
            raise BadPlan(f"{self.path}: seed: {found}; seed {self.seed}, or none said, would do")
        return self.faults


def load_plan(path: Path) -> Plan:
    """A plan that was saved, or one written by hand; raises `BadPlan`."""
    try:
        told = msgspec.json.decode(path.read_bytes(), type=PlanFile)
    except OSError as error:
        raise BadPlan(f"{path}: cannot be read: {error.strerror}") from error
    except msgspec.MsgspecError as error:
        shape = '{"schema": 1, "scenario": NAME, "seed": N, "faults": [{"kind": KIND}]} would do'
        raise BadPlan(f"{path}: not a plan: {error}; {shape}") from error
    if told.schema != PLAN_SCHEMA:
        raise BadPlan(f"{path}: schema: found {told.schema}; {PLAN_SCHEMA} would do")
    if told.seed < 0:
        raise BadPlan(f"{path}: seed: found {told.seed}; a whole number from 0 on would do")
    faults = [_fault(each, f"{path}: faults.{n}") for n, each in enumerate(told.faults)]
    return Plan(path, told.scenario, told.seed, faults)


def _fault(told: PlannedFault, where: str) -> Fault:
    if told.kind not in KINDS:
        raise BadPlan(f"{where}.kind: found {told.kind!r}; one of {', '.join(sorted(KINDS))}")
    if told.where not in PLACES:
        places = ", ".join(repr(place) for place in PLACES)
        raise BadPlan(f"{where}.where: found {told.where!r}; one of {places}")
    if told.end_ns <= told.start_ns or told.start_ns < 0:
        found = f"{told.start_ns} to {told.end_ns}"
        raise BadPlan(f"{where}.start_ns: found {found}; from 0 on, and before end_ns, would do")
    for name, least in (("one_in", 1), ("times_max", 1), ("strength", 0), ("every_ns", 0)):
        if getattr(told, name) < least:
            found = getattr(told, name)
            raise BadPlan(f"{where}.{name}: found {found}; {least} or more would do")
    return Fault(**{name: getattr(told, name) for name in NAMES})
