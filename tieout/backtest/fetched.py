"""What was fetched so far, on disk: a line per row in a file beside the wanted one, `.part`.

True here: its first line says of which fetch it is; a line counts when it is whole, and is on disk
before the next page is asked for. When all is there it becomes the file that was wanted, at once.
"""

import csv
import gzip
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Final, Literal

from tieout.bad_input import BadMarket

Kind = Literal["bars", "trades"]
Row = tuple[str, ...]

HEADERS: Final[dict[Kind, Row]] = {
    "bars": ("open_time", "open", "high", "low", "close", "volume"),
    "trades": ("time", "id", "side", "price", "amount"),
}


class Partial:
    """The rows that came so far, in a file of their own beside the one that is wanted."""

    def __init__(self, out: Path, kind: Kind, about: str, *, resume: bool) -> None:
        self._becomes, self._kind = _writer(out), kind
        if out.exists():
            raise BadMarket(f"{out}: it is there already; another --out would do")
        self.out, self.path = out, out.with_name(out.name + ".part")
        self.rows, self.last_ms, self.last_id = 0, 0, ""
        self.latest: set[Row] = set()
        if self.path.exists():
            self._read(about, resume=resume)
        else:
            self.path.write_text(about + "\n")
        self._file = self.path.open("a", newline="")

    def add(self, page: Sequence[Row]) -> None:
        """Keep the rows of a page, on disk when this returns."""
        csv.writer(self._file, lineterminator="\n").writerows(page)
        self._file.flush()
        os.fsync(self._file.fileno())
        for row in page:
            self._note(row)

    def close(self) -> None:
        """Leave the file as it is; one without a row is of no use to anybody."""
        self._file.close()
        if not self.rows:
            self.path.unlink()

    def finish(self) -> None:
        """Become the file that was wanted."""
        made = self.out.with_name(self.out.name + ".new")
        self._becomes(self.path, made, HEADERS[self._kind])
        made.replace(self.out)
        self.path.unlink()

    def _read(self, about: str, *, resume: bool) -> None:
        if not resume:
            raise BadMarket(f"{self.path}: an earlier fetch ended early; --resume would go on")
        whole, _, torn = self.path.read_bytes().rpartition(b"\n")
        first, *lines = whole.decode().split("\n")
        if first != about:
            raise BadMarket(f"{self.path}: it is of another fetch, {first}; the same would do")
        if torn:
            os.truncate(self.path, len(whole) + 1)
        for row in csv.reader(lines):
            self._note(tuple(row))

    def _note(self, row: Row) -> None:
        at = int(row[0])
        if at != self.last_ms:
            self.latest.clear()
        self.latest.add(row)
        self.rows, self.last_ms = self.rows + 1, at
        self.last_id = row[1] if self._kind == "trades" else ""


# --- the form that it is kept in -----------------------------------------------------------------


def _writer(out: Path) -> Callable[[Path, Path, Row], object]:
    for ending, writes in WRITERS.items():
        if out.name.lower().endswith(ending):
            return writes
    raise BadMarket(f"--out: found {out.name}; a name that ends in {', '.join(WRITERS)} would do")


def _csv(partial: Path, out: Path, header: Row) -> None:
    with out.open("wb") as file:
        _lines(partial, file, header)


def _gzipped(partial: Path, out: Path, header: Row) -> None:
    # No time inside: the same rows are the same bytes.
    with out.open("wb") as file, gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed:
        _lines(partial, packed, header)


def _lines(partial: Path, file: IO[bytes] | gzip.GzipFile, header: Row) -> None:
    file.write((",".join(header) + "\n").encode())
    with partial.open("rb") as lines:
        lines.readline()
        shutil.copyfileobj(lines, file)


def _parquet(partial: Path, out: Path, header: Row) -> None:
    """Decimals as texts, so that they stay what the exchange wrote."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with partial.open(newline="") as lines:
        lines.readline()
        columns = list(zip(*csv.reader(lines), strict=True)) or [()] * len(header)
    named = zip(header, columns, strict=True)
    cells = {name: pa.array(column, pa.string()) for name, column in named}
    pq.write_table(pa.table(cells), out)


WRITERS: Final = {".csv": _csv, ".csv.gz": _gzipped, ".parquet": _parquet}
