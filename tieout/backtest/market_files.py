"""The columns of a market file as it has them: CSV, Parquet or JSON, plain, gzipped or zipped.

Nothing is judged here but that it can be read at all: cells are the file's own texts, or Parquet's
own types.
"""

import gzip
import io
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from risk.written import content
from tieout.backtest.formats import Shape, is_number, shape_of
from tieout.backtest.json_rows import BadRows, columns_of
from tieout.bad_input import BadMarket

WOULD_DO: Final = (
    "recorded trades, quotes, depth or bars as .csv, .csv.gz, .csv.zip, .parquet, .json or .json.gz"
    " would do"
)


@dataclass(frozen=True, slots=True)
class Table:
    """What a file holds, in its own names and order.

    `first_line` is the line of its first row, 0 where rows have no lines.
    """

    format: str
    columns: Mapping[str, Any]
    shape: Shape | None = None
    newest_first: bool = False
    first_line: int = 0

    def place(self, row: int) -> str:
        """Where a row stands, as whoever opens the file finds it."""
        return f"line {self.first_line + row}" if self.first_line else f"row {row}"


def raw(path: Path) -> bytes:
    """The bytes of the file, as they are hashed; raises `BadMarket`."""
    try:
        return content(path)
    except OSError as error:
        found = error.strerror or error
        raise BadMarket(f"{path}: cannot be read: {found}; {WOULD_DO}") from error


def table(path: Path, bytes_: bytes) -> Table:
    """The table in the file; raises `BadMarket`."""
    names = [suffix.lower() for suffix in path.suffixes]
    if ".parquet" in names or ".pq" in names:
        return _parquet(path, bytes_)
    inner = _unpacked(path, bytes_)
    if not inner.strip():
        raise BadMarket(f"{path}: found nothing, the file is empty; {WOULD_DO}")
    if ".csv" in names or ".txt" in names:
        return _csv(path, inner)
    return _json(path, inner, lines=".jsonl" in names or ".ndjson" in names)


def _unpacked(path: Path, bytes_: bytes) -> bytes:
    try:
        if path.suffix.lower() == ".gz":
            return gzip.decompress(bytes_)
        if path.suffix.lower() == ".zip":
            return _only_member(path, bytes_)
    except (OSError, EOFError, RuntimeError, zlib.error, zipfile.BadZipFile) as error:
        raise BadMarket(f"{path}: cannot be read: {error}; {WOULD_DO}") from error
    return bytes_


def _only_member(path: Path, bytes_: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(bytes_)) as archive:
        names = archive.namelist()
        if len(names) != 1:
            raise BadMarket(f"{path}: found {len(names)} files inside; one would do")
        return archive.read(names[0])


def _parquet(path: Path, bytes_: bytes) -> Table:
    try:
        told = pq.read_table(io.BytesIO(bytes_))
    except (pa.ArrowException, OSError) as error:
        raise BadMarket(f"{path}: no Parquet: {_line(error)}; {WOULD_DO}") from error
    _unlike(path, told.column_names)
    return Table("Parquet", {name: _flat(told[name]) for name in told.column_names})


def _csv(path: Path, bytes_: bytes) -> Table:
    head = bytes_.removeprefix(b"\xef\xbb\xbf").split(b"\n", 1)[0].decode("utf-8", "replace")
    delimiter = max(",;\t", key=head.count)
    cells = [cell.strip().strip('"') for cell in head.strip().split(delimiter)]
    if not any(is_number(cell) for cell in cells):
        _unlike(path, cells)
        return Table("CSV", _csv_columns(path, bytes_, delimiter, cells, 1), first_line=2)
    shape = shape_of([cell.lower() for cell in cells])
    if shape is None:
        found = f"found {len(cells)} columns without names, {head.strip()!r:.60}"
        raise BadMarket(f"{path}: line 1: {found}; a first line with their names would do")
    columns = _csv_columns(path, bytes_, delimiter, shape.columns, 0)
    return Table(f"CSV: {shape.name}", columns, shape, first_line=1)


def _csv_columns(
    path: Path, bytes_: bytes, delimiter: str, names: Sequence[str], skipped: int
) -> dict[str, Any]:
    try:
        told = pacsv.read_csv(
            io.BytesIO(bytes_),
            # One thread: else a wrong line has no number.
            read_options=pacsv.ReadOptions(
                use_threads=False, column_names=list(names), skip_rows=skipped
            ),
            parse_options=pacsv.ParseOptions(delimiter=delimiter),
            convert_options=pacsv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid as error:
        if "Empty CSV file" in str(error):
            return {name: pa.array([], pa.string()) for name in names}
        would_do = "as many cells in each line as in the first would do"
        raise BadMarket(f"{path}: no CSV: {_line(error)}; {would_do}") from error
    return {name: _flat(told[name]) for name in told.column_names}


def _json(path: Path, bytes_: bytes, *, lines: bool) -> Table:
    try:
        told = columns_of(bytes_, lines=lines)
    except BadRows as error:
        raise BadMarket(f"{path}: {error}") from error
    columns = {name: pa.array(cells, pa.string()) for name, cells in told.columns.items()}
    return Table(f"JSON: {told.name}", columns, told.shape, told.newest_first)


def _unlike(path: Path, names: Sequence[str]) -> None:
    twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if twice:
        raise BadMarket(f"{path}: the column {twice[0]!r} stands twice; once would do")


def _flat(column: Any) -> Any:
    whole = column.combine_chunks()
    if isinstance(whole, pa.ChunkedArray):
        whole = whole.chunk(0) if whole.num_chunks else pa.array([], whole.type)
    if pa.types.is_dictionary(whole.type):
        whole = whole.dictionary_decode()
    return whole.cast(pa.string()) if pa.types.is_large_string(whole.type) else whole


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
