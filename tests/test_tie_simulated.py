"""What simulated venues answered in a run, tied as files: another source than our own hand.

The venues encode on their own and share no code with who reads them. Each page of a record and each
statement is a file; the first statements open the books, and every other one is held against them.
"""

import json
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from core.effects import FetchFills, FetchLedger, FetchStatement
from core.frames import Frame
from core.journal import decode_frame
from tieout.runs import run
from tieout.tie.books import books_of
from tieout.tie.tied import Tied, tied

# Scenarios whose faults are of the stream, or of nobody: the venues' own record is whole.
CALM = ("contracts_are_not_coins", "forced_closes", "fee_in_a_third_asset")
IDS = ("tradeId", "execId", "id")
SIZES = ("fillSz", "execQty", "qty")


@cache
def answers(scenario: str) -> tuple[Frame, ...]:
    """The pages and statements that have rows, as they came."""
    outcome = run(scenario, seed=7, short=True, sampled=False)
    frames = (decode_frame(r) for r in outcome.store.records() if r.kind == "frame")
    asked = (FetchFills, FetchLedger, FetchStatement)
    answered = [f for f in frames if isinstance(f.about, asked) and f.status == 200]
    return tuple(frame for frame in answered if _rows(json.loads(frame.body)))


def _rows(answer: Any) -> list[dict[str, Any]]:
    """The rows of an answer, wherever its venue lays them; none of a record that is not read."""
    if isinstance(answer, list):
        return answer
    if "rows" in answer:
        return []
    if "data" in answer:
        rows: list[dict[str, Any]] = answer["data"]
        return rows
    return answer["result"]["list"] if "result" in answer else [answer]


def save(frames: tuple[Frame, ...], folder: Path, left_out: str = "") -> list[Path]:
    """A file for each answer, without the fill of that number."""
    paths = []
    for frame in frames:
        answer = json.loads(frame.body)
        rows = _rows(answer)
        if isinstance(frame.about, FetchFills) and left_out:
            rows[:] = [row for row in rows if _id(row) != left_out]
        if rows:
            paths.append(folder / f"{frame.number}.json")
            paths[-1].write_text(json.dumps(answer))
    return paths


def _id(row: dict[str, Any]) -> str:
    name = row.get("instId") or row["symbol"]
    return f"{name} {next(row[key] for key in IDS if key in row)}"


def _size(row: dict[str, Any]) -> Decimal:
    """Signed, as the position goes with it."""
    size = Decimal(next(row[key] for key in SIZES if key in row))
    return size if row["side"].lower() == "buy" else -size


def tie(scenario: str, folder: Path, left_out: str = "") -> Tied:
    return tied(books_of(save(answers(scenario), folder, left_out)))


@pytest.mark.parametrize("scenario", CALM)
def test_what_venues_answered_ties_to_the_unit(scenario: str, tmp_path: Path) -> None:
    """Hundreds of statements, liquidations and fees in a third asset among them: no break."""
    outcome = tie(scenario, tmp_path)
    assert outcome.breaks == ()
    assert len(outcome.holdings) >= 4
    assert {each.difference for each in outcome.holdings} == {0}


def test_each_fill_that_is_left_out_of_every_file_is_found_to_the_unit(tmp_path: Path) -> None:
    """The newest ten of two venues: the position differs by that fill, whatever else does."""
    scenario = "forced_closes"
    pages = [json.loads(f.body) for f in answers(scenario) if isinstance(f.about, FetchFills)]
    fills = {_id(row): row for page in pages for row in _rows(page)}
    assert len(fills) > 20
    for number, (name, row) in enumerate(list(fills.items())[-10:]):
        folder = tmp_path / str(number)
        folder.mkdir()
        breaks = tie(scenario, folder, name).breaks
        of_it = [each for each in breaks if each.subject == name.split()[0]]
        assert [each.size for each in of_it] == [_size(row)], name
