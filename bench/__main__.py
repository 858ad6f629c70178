"""`python -m bench`: measures, prints a table, writes bench/results.json."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from bench import (
    apply,
    backtest,
    campaign,
    engine,
    gate,
    ingest,
    live,
    order_path,
    recovery,
    settlement,
    simulated,
    storms,
    stream,
    tokens,
)
from bench.rows import Row

WIDTH = 140
RESULTS = Path(__file__).with_name("results.json")

SUBJECTS: dict[str, Callable[[bool], list[Row]]] = {
    "apply": lambda quick: apply.rows(stream.record(quick=quick), 6 if quick else 50),
    "ingest": lambda quick: ingest.rows(quick=quick),
    "live": lambda quick: live.rows(quick=quick),
    "recovery": lambda quick: recovery.rows(quick=quick),
    "settlement": lambda quick: settlement.rows(quick=quick),
    "tokens": lambda quick: tokens.rows(quick=quick),
    "engine": lambda quick: engine.rows(quick=quick),
    "simulated": lambda quick: simulated.rows(quick=quick),
    "campaign": lambda quick: campaign.rows(quick=quick),
    "storms": lambda quick: storms.rows(quick=quick),
    "backtest": lambda quick: backtest.rows(quick=quick),
    "gate": lambda quick: gate.rows(quick=quick),
    "order_path": lambda quick: order_path.rows(quick=quick),
}


def main() -> None:
    """Measure what is asked for; only a full run replaces the results."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", choices=SUBJECTS, help="one subject")
    parser.add_argument("--quick", action="store_true", help="little to measure, for a look")
    parser.add_argument("--must-hold", action="store_true", help="exit 1 if a target is missed")
    asked = parser.parse_args()
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)
    rows: list[Row] = []
    for name, measure in SUBJECTS.items():
        if asked.only in (None, name):
            with Console(stderr=True).status(name):
                rows += measure(asked.quick)
    console.print(table(rows))
    if asked.only is None and not asked.quick:
        text = msgspec.json.format(msgspec.json.encode([row.as_json() for row in rows]))
        RESULTS.write_bytes(text + b"\n")
        console.print(f"written to {RESULTS}")
    if asked.must_hold and any(row.target and not row.held for row in rows):
        sys.exit(1)


def table(rows: list[Row]) -> Table:
    """The rows for a person."""
    drawn = Table("figure", "value", "unit", "ratio", "against", "target", "held")
    for row in rows:
        held = {True: "[green]held", False: "[red]not held", None: ""}[row.held]
        drawn.add_row(
            row.name,
            "" if row.value is None else f"{row.value:,.4g}",
            row.unit,
            "" if row.ratio is None else f"{row.ratio:.2f}",
            row.against,
            row.target,
            row.note if row.value is None else held,
        )
    return drawn


if __name__ == "__main__":
    main()
