"""The page of a backtest under fire: what is left of its profit, drawn and listed, on its own."""

import json
from collections.abc import Sequence
from pathlib import Path

from tieout.backtest.fire import FireResult
from tieout.backtest.fire_view import cells, drawn
from tieout.reports.files import naming
from tieout.reports.page import Html, grid, join, page, row, tag, text

HEADS = (
    *(("family", ""), ("strength", "n"), ("runs", "n"), ("profit", "n")),
    *(("left", "n"), ("worst seed", "n"), ("fills", "n"), ("breaks", "n"), ("faults", "n")),
    *(("silent", "n"), ("failed", "n")),
)


def page_of(name: str, results: Sequence[FireResult], coin: str) -> str:
    """The whole page."""
    failed = [each for each in results if not each.held]
    verdict = (
        f"{len(results)} runs; every claim held in each: nothing was ever silently different."
        if not failed
        else f"{len(failed)} of {len(results)} runs have a claim that does not hold."
    )
    css = "verdict failed" if failed else "verdict"
    return page(
        f"{name} under fire",
        join(
            tag("h1", text(f"{name} under fire")),
            tag("p", text(verdict), css),
            tag("div", Html(drawn(results, coin)), "plot"),
            _rows(results),
            *[
                tag("p", text(f"{e.scenario}, seed {e.seed}: {'; '.join(e.failed)}"))
                for e in failed
            ],
        ),
    )


def _rows(results: Sequence[FireResult]) -> Html:
    rows = [
        row(
            [
                (each.family, ""),
                (f"{float(each.strength):.2f}", "n"),
                (each.runs, "n"),
                (f"{each.profit:,.2f}", "n"),
                ("–" if each.share is None else f"{each.share:.0%}", "n"),
                (f"{each.worst:,.2f}", "n"),
                *((count, "n") for count in each[6:]),
            ]
        )
        for each in cells(results)
    ]
    return grid(HEADS, rows)


def save(name: str, results: Sequence[FireResult], coin: str, folder: Path) -> None:
    """fire.json, fire.parquet and fire.html in the folder; raises `CannotSave`."""
    from tieout.backtest.fire_view import frame

    with naming(folder):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "fire.json").write_text(json.dumps(summary(results, coin), indent=2) + "\n")
        told = frame(results)
        amounts = {each: told[each].astype(str) for each in ("profit", "worst", "calm")}
        told.assign(**amounts).to_parquet(folder / "fire.parquet", index=False)
        (folder / "fire.html").write_text(page_of(name, results, coin), encoding="utf-8")


def summary(results: Sequence[FireResult], coin: str) -> dict[str, object]:
    """For JSON: exact amounts as texts."""
    return {
        "coin": coin,
        "runs": len(results),
        "silent_differences": sum(each.silent for each in results),
        "failed": [
            {"run": each.scenario, "seed": each.seed, "claims": each.failed}
            for each in results
            if not each.held
        ],
        "cells": [
            {
                **each._asdict(),
                **{name: str(getattr(each, name)) for name in ("profit", "worst", "calm")},
                "strength": float(each.strength),
                "share": None if each.share is None else float(each.share),
            }
            for each in cells(results)
        ],
    }
