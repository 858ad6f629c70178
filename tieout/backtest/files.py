"""A backtest on disk: summary.json, one Parquet table per frame, journal.db and report.html.

Amounts rest as decimal text: no digit is lost, and no scale imposed.
"""

import json
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from tieout.backtest.outcome import Outcome
from tieout.reports.files import naming, save_journal

if TYPE_CHECKING:
    import pandas as pd


def save(outcome: Outcome, folder: Path) -> None:
    """Write everything into `folder`, which comes to be; raises `CannotSave`."""
    from tieout.backtest.tear_page import page_of

    with naming(folder):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "summary.json").write_text(json.dumps(outcome.summary(), indent=2) + "\n")
        for name, frame in outcome.frames.items():
            _as_text(frame).to_parquet(folder / f"{name}.parquet", index=False)
        if outcome.store is not None:
            save_journal(outcome.store, folder / "journal.db")
        (folder / "report.html").write_text(page_of(outcome.tear_sheet()), encoding="utf-8")


def _as_text(frame: "pd.DataFrame") -> "pd.DataFrame":
    return frame.map(lambda value: format(value, "f") if isinstance(value, Decimal) else value)
