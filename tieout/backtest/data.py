"""Recorded markets: a file becomes a tape, or is refused with the place and what would do.

True here: no decimal passes through a float (floats of Parquet are the decimals that they stand
for); what the file did not say is in `Source.assumed`, what looks odd in `Source.findings`.
"""

from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from core.money import PRICE_DECIMALS, QUANTITY_DECIMALS, show
from tieout.backtest.check import Finding, judged, moment
from tieout.backtest.market_files import raw, table
from tieout.backtest.rows import Rows, Told, rows_of
from tieout.bad_input import BadMarket
from venues.recorded.tape import Kind, Tape

NOTHING_TOLD: Final = Told()


@dataclass(frozen=True, slots=True)
class Source:
    """What was read: which file, its very bytes, and as what; moments are ns UTC."""

    file: str
    sha256: str
    format: str
    kind: Kind
    rows: int
    tick: int
    lot: int
    bar_ns: int
    began_at: int
    ended_at: int
    assumed: tuple[str, ...]
    findings: tuple[Finding, ...]

    def as_dict(self) -> dict[str, Any]:
        """The same for JSON, ticks and lots as decimals."""
        return asdict(self) | {
            "tick": show(self.tick, PRICE_DECIMALS),
            "lot": show(self.lot, QUANTITY_DECIMALS),
            "findings": [each._asdict() for each in self.findings],
        }

    def __str__(self) -> str:
        bars = f" of {self.bar_ns / 1e9:g} s" if self.bar_ns else ""
        return (
            f"{self.file}: {self.rows} {self.kind}{bars} ({self.format}) from"
            f" {moment(self.began_at)} to {moment(self.ended_at)}, tick"
            f" {show(self.tick, PRICE_DECIMALS)}, lot {show(self.lot, QUANTITY_DECIMALS)}, sha256"
            f" {self.sha256[:12]}…"
        )


@dataclass(frozen=True, slots=True, eq=False)
class Recorded:
    """A tape and where it came from."""

    tape: Tape
    source: Source


def load(path: Path, told: Told = NOTHING_TOLD) -> Recorded:
    """The market in the file; raises `BadMarket` where it cannot be run on."""
    rows, source = examined(path, told)
    refused = [each for each in source.findings if each.refuses]
    if refused:
        more = f"; {len(refused) - 1} more: `tieout data check` has them" if refused[1:] else ""
        raise BadMarket(f"{path}: {refused[0]}{more}")
    return Recorded(Tape(rows.kind, rows.tick, rows.lot, rows.at, rows.columns), source)


def examined(path: Path, told: Told = NOTHING_TOLD) -> tuple[Rows, Source]:
    """The rows and all that is wrong with them; raises `BadMarket` where they cannot be read."""
    bytes_ = raw(path)
    rows, findings = judged(rows_of(path, table(path, bytes_), told))
    source = Source(
        path.name,
        sha256(bytes_).hexdigest(),
        rows.format,
        rows.kind,
        len(rows.at),
        rows.tick,
        rows.lot,
        rows.bar_ns,
        int(rows.at[0]),
        int(rows.at[-1]),
        tuple(rows.assumed),
        tuple(findings),
    )
    return rows, source
