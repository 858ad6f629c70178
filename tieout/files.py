"""A run on disk: summary, fault plan, journal, one Parquet table per subject, and the report.

Rule 1. The journal's chain is the run's own, group for group: `tieout verify` proves it.
Rule 2. Amounts rest as decimal text (DESIGN §3): wei of any size fits, no scale is imposed and no
digit lost. Their columns are marked, and `load_table` gives the very frame that was saved.
Rule 3. A plan is taken back only if every field of it is understood, and only by the scenario,
seed, form and market that it was drawn for: see `load_plan` and `Plan`.
"""

import gc
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from core.journal import Store
from risk.written import content
from scenarios.model import Scenario
from sim.faults import KINDS, Fault, happens_by_itself, impossible
from sim.memory_store import MemoryStore
from tieout import market as markets
from tieout.market import Market
from tieout.outcome import Outcome
from tieout.sqlite_store import JournalError, SqliteStore, anchor_path

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from tieout.tables import Type

PLAN_SCHEMA = 1
TRACEBACK = "traceback.txt"  # of a run that broke: see `broken`
EVERY_NS_MIN = 1_000_000
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
        (folder / TRACEBACK).unlink(missing_ok=True)
        _write(folder / "summary.json", outcome.json() + "\n")
        _write(folder / "plan.json", plan_text(outcome))
        save_journal(outcome.store, folder / "journal.db")
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


def save_journal(memory: Store, path: Path) -> None:
    """A run's records as a journal of their own; what stood at the path is replaced."""
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
    """The whole file. Where nothing is said of the form, either will do."""

    schema: int
    scenario: str
    seed: int
    faults: list[PlannedFault]
    short: bool | None = None
    market: Market | None = None


def plan_text(outcome: Outcome) -> str:
    """The plan as JSON, one fault a line, so that any tool can compare two plans."""
    return plan_of_run(
        outcome.scenario.name,
        outcome.seed,
        outcome.plan,
        short=outcome.short,
        market=outcome.market,
    )


def plan_of_run(
    scenario: str, seed: int, plan: Sequence[Fault], *, short: bool, market: Market | None
) -> str:
    """The plan of a run, whether or not that came to an outcome."""
    lines = [json.dumps({name: getattr(each, name) for name in NAMES}) for each in plan]
    faults = "[\n  " + ",\n  ".join(lines) + "\n ]" if lines else "[]"
    told = json.dumps(None if market is None else msgspec.structs.asdict(market))
    head = f'"schema": {PLAN_SCHEMA},\n "scenario": {json.dumps(scenario)},\n "seed": {seed}'
    head += f',\n "short": {json.dumps(short)},\n "market": {told}'
    return f'{{{head},\n "faults": {faults}}}\n'


@dataclass(slots=True, frozen=True)
class Plan:
    """The faults of a file, and what they were drawn for."""

    path: Path
    scenario: str
    seed: int
    faults: list[Fault]
    short: bool | None = None
    market: Market | None = None

    def faults_for(
        self, scenario: Scenario, seed: int, *, short: bool = False, market: Path | None = None
    ) -> list[Fault]:
        """The faults, if they were drawn for this; raises `BadPlan`."""
        if self.scenario != scenario.name:
            found = f"found {self.scenario!r}, and the run is of {scenario.name!r}"
            raise BadPlan(f"{self.path}: scenario: {found}; a plan of {scenario.name!r} would do")
        if self.seed != seed:
            found = f"found {self.seed}, and the run's is {seed}"
            raise BadPlan(f"{self.path}: seed: {found}; seed {self.seed}, or none said, would do")
        if self.short not in (None, short):
            forms = ("the short form; --short", "the whole; no --short")
            raise BadPlan(f"{self.path}: short: it is of {forms[short]} would do")
        self._same_market(markets.named(market, scenario.market_gap_ms_max) if market else None)
        self._known_places(scenario)
        return self.faults

    def _same_market(self, market: Market | None) -> None:
        if self.market is None or market is None:
            if market is self.market:
                return
        elif (market.sha256, market.gap_ms_max) == (self.market.sha256, self.market.gap_ms_max):
            return
        made, given = self.market or "a market of our own", market or "without --market"
        would_do = "--market with that file" if self.market else "no --market"
        raise BadPlan(f"{self.path}: market: it is of {made}, the run {given}; {would_do} would do")

    def _known_places(self, scenario: Scenario) -> None:
        rails = scenario.settling.rails if scenario.settling is not None else ()
        places = ("", "node", *(v.dialect for v in scenario.venues), *(r.name for r in rails))
        for number, fault in enumerate(self.faults):
            if fault.where not in places:
                known = ", ".join(map(repr, places))
                where = f"{self.path}: faults.{number}.where"
                raise BadPlan(f"{where}: found {fault.where!r}; one of {known}")


def load_plan(path: Path) -> Plan:
    """A plan that was saved, or one written by hand; raises `BadPlan`."""
    try:
        told = msgspec.json.decode(content(path), type=PlanFile)
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
    return Plan(path, told.scenario, told.seed, faults, told.short, told.market)


def _fault(told: PlannedFault, where: str) -> Fault:
    if told.kind not in KINDS:
        raise BadPlan(f"{where}.kind: found {told.kind!r}; one of {', '.join(sorted(KINDS))}")
    if said := impossible(told.kind, told.where):
        raise BadPlan(f"{where}: {said}")
    if told.end_ns <= told.start_ns or told.start_ns < 0:
        found = f"{told.start_ns} to {told.end_ns}"
        raise BadPlan(f"{where}.start_ns: found {found}; from 0 on, and before end_ns, would do")
    for name, least in (("one_in", 1), ("times_max", 1), ("strength", 0), ("every_ns", 0)):
        if getattr(told, name) < least:
            found = getattr(told, name)
            raise BadPlan(f"{where}.{name}: found {found}; {least} or more would do")
    if happens_by_itself(told.kind) and told.every_ns < EVERY_NS_MIN:
        found = f"found {told.every_ns}; {told.kind} happens by itself"
        raise BadPlan(f"{where}.every_ns: {found}: {EVERY_NS_MIN} or more would do")
    return Fault(**{name: getattr(told, name) for name in NAMES})
