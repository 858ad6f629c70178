"""A run on disk: summary, fault plan, journal, one Parquet table per subject, and the report.

Rule 1. The journal's chain is the run's own, group for group: `tieout verify` proves it.
Rule 2. Amounts rest as decimal text (DESIGN §3): wei of any size fits, no scale is imposed and no
digit lost. Their columns are marked, and `load_table` gives the very frame that was saved.
Rule 3. Its plan is whole, so that it can be run again from that file alone: see
`tieout.failures.plans`.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

from core.journal import Store
from sim.memory_store import MemoryStore
from tieout.failures.plans import plan_text
from tieout.journals.sqlite_store import JournalError, SqliteStore, anchor_path
from tieout.reports.outcome import Outcome

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from tieout.reports.tables import Type

TRACEBACK = "traceback.txt"  # of a run that broke: see `broken`


class CannotSave(Exception):
    """Nothing, or not everything, could be written; the message names the path and why."""


# --- out -----------------------------------------------------------------------------------------


def save(outcome: Outcome, folder: Path) -> None:
    """Write everything into `folder`, which comes to be if it is not there."""
    from tieout.reports.report import (
        report,  # matplotlib and pandas: half a second, and only needed here
    )
    from tieout.reports.tables import COLUMNS

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


def write_whole(path: Path, text: str) -> None:
    """All of it or nothing: half a page says nothing that is true."""
    try:
        _write(path, text)
    except OSError:
        path.unlink(missing_ok=True)
        raise


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

    from tieout.reports.tables import COLUMNS, table

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

    from tieout.reports.tables import COLUMNS, frame

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
