"""Exports of exchanges as files: each read whole, known by its columns or keys, row by row.

Rule. A file that is not read whole is refused (`BadFile`): its name, the row and the column, what
was found there, and what would do. Rows are numbered as a person finds them: lines of a table with
its heading as it stands in the file, entries of a JSON list from 1.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path
from typing import NamedTuple

from core.reading import Unreadable, loads
from risk.written import content
from tieout.bad_input import BadFile
from tieout.tie.cells import BadCell, Fields, Zones, zone_of
from tieout.tie.kinds import KINDS, Envelope, Kind

# Binance writes numbers and truths where others write texts; in a table they are texts.
WHOLE = ("id", "orderId", "time", "updateTime", "tranId", "positionIdx", "seq")
TRUTH = ("isBuyer", "isMaker", "maker", "buyer")
TRUTHS: Mapping[str, bool] = {"TRUE": True, "FALSE": False}
# Moments in milliseconds: from 2001 on, and before 2286.
MS_MIN, MS_MAX = 10**12, 10**13
# How XML, MT940, and BAI2 begin.
BANKS = (b"<", b":20:", b"{1:", b"01,")
WOULD_DO = "docs/tie.md lists the exports that do"


class Row(NamedTuple):
    """One row in the words of the venue's own record, and where it stands."""

    number: int
    fields: Fields


@dataclass(slots=True, frozen=True)
class Export:
    """A file that was read whole. `category` and `told_at` (ms) are what its envelope says."""

    path: Path
    body: bytes
    kind: Kind
    rows: list[Row]
    category: str = ""
    told_at: int = 0

    def place(self, row: Row) -> str:
        """Where a person finds it."""
        return f"{self.path.name}, row {row.number}"


def read_export(path: Path, zone: tzinfo | None = None) -> Export:
    """Read a file; moments that name no zone are in `zone`, where one is given."""
    try:
        body = content(path)
    except OSError as error:
        reason = error.strerror or error
        raise BadFile(f"{path}: {reason}; an export of an exchange would do") from error
    if not body.strip():
        raise BadFile(f"{path}: empty; an export of an exchange would do ({WOULD_DO})")
    export = _json(path, body) if body.lstrip()[:1] in b"[{" else _table(path, body, zone)
    _check_rows(export)
    return export


# --- JSON ----------------------------------------------------------------------------------------


class _Unwrapped(NamedTuple):
    envelope: Envelope
    rows: list[object]
    category: str = ""
    told_at: int = 0


def _json(path: Path, body: bytes) -> Export:
    try:
        document = loads(body)
    except (Unreadable, RecursionError) as error:
        raise BadFile(f"{path}: {error}; a whole JSON document would do") from error
    told = _pages(path, document)
    rows = [Row(n, _an_object(path, n, each)) for n, each in enumerate(told.rows, 1)]
    kind = _known_by(path, {key for row in rows for key in row.fields})
    if kind.columns:
        raise BadFile(f"{path}: a table's columns in JSON; the table itself (CSV) would do")
    return Export(path, body, kind, rows, told.category, told.told_at)


def _pages(path: Path, document: object) -> _Unwrapped:
    """The rows of an answer, or of a list of such answers, page after page."""
    pages = document if isinstance(document, list) else [document]
    unwrapped = [_unwrapped(page) for page in pages]
    whole = [each for each in unwrapped if each is not None]
    if not isinstance(document, list) or (whole and len(whole) == len(pages)):
        if not whole:
            return _Unwrapped("object", [document])
        if len({each.category for each in whole}) > 1:
            raise BadFile(f"{path}: pages of several categories; a file for each would do")
        return whole[-1]._replace(rows=[row for each in whole for row in each.rows])
    return _Unwrapped("array", document)


def _unwrapped(page: object) -> _Unwrapped | None:
    """What lies in the envelope of OKX, or of Bybit; None where there is none."""
    if not isinstance(page, dict):
        return None
    if isinstance(page.get("data"), list):
        return _Unwrapped("data", page["data"])
    result = page.get("result")
    if isinstance(result, dict) and isinstance(result.get("list"), list):
        time = page.get("time")
        told_at = time if isinstance(time, int) else 0
        return _Unwrapped("list", result["list"], str(result.get("category", "")), told_at)
    return None


def _an_object(path: Path, number: int, row: object) -> Fields:
    if not isinstance(row, dict):
        raise BadFile(f"{path}, row {number}: found {row!r}; an object with named fields would do")
    return row


# --- tables --------------------------------------------------------------------------------------


def _table(path: Path, body: bytes, zone: tzinfo | None) -> Export:
    if body.lstrip().startswith(BANKS):
        raise BadFile(f"{path}: a bank's file, it seems; --journal JOURNAL would do beside it")
    try:
        text = body.decode("utf-8-sig").replace("\ufeff", "")
    except UnicodeDecodeError as error:
        raise BadFile(f"{path}: neither JSON nor UTF-8 text; {WOULD_DO}") from error
    lines = list(_lines(path, text))
    heading = next((n for n, (_, cells) in enumerate(lines) if _is_heading(cells)), 0)
    names = [cell.strip() for cell in lines[heading][1]]
    kind = _known_by(path, set(names))
    zones = Zones(_zone_in(cell for _, cells in lines[:heading] for cell in cells), zone)
    rows = [_row(path, kind, number, names, cells, zones) for number, cells in lines[heading + 1 :]]
    if not rows:
        raise BadFile(f"{path}: no row below its heading; an export with rows would do")
    return Export(path, body, kind, rows)


def _lines(path: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    """The lines that hold anything, parted by whichever of comma and semicolon parts the table."""
    semicolons = text.count(";") > text.count(",")
    reader = csv.reader(io.StringIO(text), delimiter=";" if semicolons else ",", strict=True)
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield reader.line_num, cells
    except csv.Error as error:
        raise BadFile(f"{path}, line {reader.line_num}: {error}; a table would do") from error


def _is_heading(cells: list[str]) -> bool:
    """At least half of the columns of some kind: what is before it is a file's own first lines."""
    names = {cell.strip() for cell in cells}
    return any(2 * len(names.intersection(kind.keys)) >= len(kind.keys) for kind in KINDS)


def _zone_in(cells: Iterable[str]) -> tzinfo | None:
    for cell in cells:
        match = re.match(r"\s*Time ?Zone:\s*(\S+)", cell, re.IGNORECASE)
        if match:
            return zone_of(match[1])
    return None


def _row(
    path: Path, kind: Kind, number: int, names: list[str], cells: list[str], zones: Zones
) -> Row:
    if len(cells) != len(names):
        found = f"found {len(cells)} cells"
        raise BadFile(f"{path}, row {number}: {found}; {len(names)}, as in the heading, would do")
    fields: Fields = {}
    for name, cell in zip(names, map(str.strip, cells), strict=True):
        try:
            if not kind.columns:
                fields[name] = _typed(kind, name, cell)
            elif name in kind.columns:
                fields |= kind.columns[name](cell, zones)
        except BadCell as error:
            raise BadFile(f"{path}, row {number}, column {name!r}: {error}") from error
    return Row(number, fields)


def _typed(kind: Kind, name: str, cell: str) -> object:
    """A cell of a venue's own record that was saved as a table."""
    if not kind.venue.startswith("binance"):
        return cell
    if name in TRUTH and cell.upper() in TRUTHS:
        return TRUTHS[cell.upper()]
    if name in WHOLE and re.fullmatch(r"-?\d+", cell):
        return int(cell)
    return cell


# --- what a file is ------------------------------------------------------------------------------


def _known_by(path: Path, names: set[str]) -> Kind:
    """The kind whose keys are all there, the most of them; else what is missing of the nearest."""
    if not names:
        raise BadFile(f"{path}: no row in it; an export with rows would do ({WOULD_DO})")
    fits = [kind for kind in KINDS if names.issuperset(kind.keys)]
    if fits:
        return max(fits, key=lambda kind: len(kind.keys))
    nearest = max(KINDS, key=lambda kind: len(names.intersection(kind.keys)) / len(kind.keys))
    missing = [key for key in nearest.keys if key not in names]
    if 2 * len(missing) <= len(nearest.keys):
        what = f"missing columns: {', '.join(missing)}"
        raise BadFile(f"{path}: {what}; the whole of it ({nearest.name}) would do")
    found = ", ".join(sorted(names)[:8])
    raise BadFile(f"{path}: no export that is known here: found {found}; {WOULD_DO}")


# --- what every row must be ----------------------------------------------------------------------


def _check_rows(export: Export) -> None:
    kind = export.kind
    for row in export.rows:
        for key in kind.keys if not kind.columns else ():
            if key not in row.fields:
                raise BadFile(f"{export.path}, row {row.number}: no {key!r}; a whole row would do")
        for key in kind.positive:
            _check_positive(export, row, key)
    if kind.at:
        _check_order(export)


def _check_positive(export: Export, row: Row, key: str) -> None:
    found = str(row.fields[key])
    if found.startswith("-") or not re.search("[1-9]", found.partition("e")[0].partition("E")[0]):
        what = f"{export.path}, row {row.number}, column {_column(export.kind, key)!r}"
        raise BadFile(f"{what}: found {found!r}; a number above 0 would do")


def _column(kind: Kind, key: str) -> str:
    """What the field is called in the file."""
    for name, cell in kind.columns.items():
        for probe in ("1", "1BTC"):
            with suppress(BadCell):
                if key in cell(probe, Zones()):
                    return name
    return key


def moment(export: Export, row: Row) -> int:
    """A row's moment in milliseconds; refused where it is none."""
    found = row.fields[export.kind.at]
    told = int(found) if isinstance(found, str) and found.isdecimal() else found
    if not isinstance(told, int) or not MS_MIN <= told < MS_MAX:
        where = f"{export.path}, row {row.number}, column {export.kind.at!r}"
        raise BadFile(f"{where}: found {found!r}; a moment in milliseconds would do")
    return told


def _check_order(export: Export) -> None:
    """Rows rise in time, or fall: of fills, those of each instrument."""
    last: dict[object, int] = {}
    ways: dict[object, int] = {}
    for row in export.rows:
        of = row.fields.get("symbol", row.fields.get("instId"))
        of = of if export.kind.subject == "fills" else ""
        at = moment(export, row)
        before, last[of] = last.get(of, at), at
        way = (at > before) - (at < before)
        if way and way != ways.setdefault(of, way):
            where = f"{export.path}, row {row.number}, column {export.kind.at!r}"
            raise BadFile(f"{where}: rows out of order; sorted by time, either way, would do")
