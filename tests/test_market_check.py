"""What is wrong with a recorded market, found before anything runs: its place, and how many."""

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tieout.backtest.check import CHECKS, TWICE, Finding
from tieout.backtest.data import examined, load
from tieout.backtest.formats import SHAPES
from tieout.backtest.rows import Told
from tieout.cli import main
from tieout.exits import BAD_INPUT, FAILED, HELD

ROOT = Path(__file__).parent.parent
MINUTE_MS = 60_000
BEGAN_MS = 1_640_995_200_000
Rows = list[list[float | str]]


def bars(count: int = 100) -> Rows:
    """Bars that wander by a few ticks of 0.1, each opening where the last one closed."""
    dice, close, rows = random.Random(1), 1000, list[list[float | str]]()  # noqa: S311  # a course
    for number in range(count):
        open_, close = close, close + dice.choice((-3, -2, -1, 1, 2, 3))
        high, low = max(open_, close) + 1, min(open_, close) - 1
        prices = [each / 10 for each in (open_, high, low, close)]
        rows.append([BEGAN_MS + number * MINUTE_MS, *prices, 5])
    return rows


def trades(count: int = 100) -> Rows:
    dice = random.Random(2)  # noqa: S311  # a course
    waits = [dice.randrange(900) for _ in range(count)]
    return [
        [BEGAN_MS + n * 1000 + wait, n + 7, "buy", (1000 + wait % 9) / 10, 1]
        for n, wait in enumerate(waits)
    ]


HEADERS = {
    "bars": "open_time,open,high,low,close,volume",
    "trades": "time,id,side,price,amount",
    "quotes": "time,bid,bid_size,ask,ask_size",
}


def written(path: Path, kind: str, rows: Rows) -> Path:
    lines = [HEADERS[kind], *(",".join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines) + "\n")
    return path


def changed(rows: Rows, row: int, **cells: float) -> Rows:
    """The rows with other cells in one of them, named by their places: `_3=7`."""
    for place, cell in cells.items():
        rows[row][int(place[1:])] = cell
    return rows


def quotes() -> Rows:
    return [
        [BEGAN_MS + n * 1000, (999 + n % 3) / 10, 1, (1003 + n % 3) / 10, 1] for n in range(100)
    ]


# What is wrong, in rows of what kind, and what is found: code, whether it refuses, rows, line.
FOUND: dict[str, tuple[str, Callable[[], Rows], list[tuple[str, bool, int, str]]]] = {
    "nothing in bars": ("bars", bars, []),
    "nothing in trades": ("trades", trades, []),
    "nothing in quotes": ("quotes", quotes, []),
    "a bar is missing": (
        "bars",
        lambda: bars()[:40] + bars()[41:],
        [("gap", False, 1, "line 42")],
    ),
    "the feed fell silent": (
        "trades",
        lambda: [
            [int(row[0]) + (10**6 if n > 49 else 0), *row[1:]] for n, row in enumerate(trades())
        ],
        [("gap", False, 1, "line 52")],
    ),
    "three trades were lost": (
        "trades",
        lambda: trades()[:50] + trades()[53:],
        [("lost trades", False, 1, "line 52")],
    ),
    "a page told twice": (
        "trades",
        lambda: trades()[:50] + trades()[40:],
        [("echo", False, 10, "line 52")],
    ),
    "an id with two stories": (
        "trades",
        lambda: trades()[:50] + changed(trades()[49:50], 0, _3=100.5) + trades()[50:],
        [("conflict", True, 1, "line 52")],
    ),
    "a spike in a high": (
        "bars",
        lambda: changed(bars(), 30, _2=1000.0),
        [("jump", False, 1, "line 32")],
    ),
    "a decimal slip in a trade": (
        "trades",
        lambda: changed(trades(), 30, _3=10.0),
        [("jump", False, 2, "line 32")],
    ),
    "a slip in a quote": (
        "quotes",
        lambda: changed(quotes(), 30, _1=9.9, _3=10.1),
        [("jump", False, 2, "line 32")],
    ),
    "a crossed quote": (
        "quotes",
        lambda: changed(quotes(), 30, _1=100.5),
        [("crossed", False, 1, "line 32")],
    ),
    "a bar in which nothing was traded": (
        "bars",
        lambda: changed(bars(), 30, _5=0),
        [("no volume", False, 1, "line 32")],
    ),
    "a price between the ticks": (
        "bars",
        lambda: changed(bars(200), 30, _4=float(bars(200)[30][1]) + 0.005),
        [("fine price", False, 1, "line 32")],
    ),
    "two rows out of order, and a price below zero": (
        "trades",
        lambda: [*changed(trades(), 70, _3=-1)[50:], *trades()[:50]],
        [
            ("disorder", True, 1, "line 52"),
            ("no price", True, 1, "line 22"),
            ("jump", False, 2, "line 22"),
        ],
    ),
}


@pytest.mark.parametrize("what", FOUND)
def test_what_is_wrong_is_found_and_nothing_else(what: str, tmp_path: Path) -> None:
    kind, rows, expected = FOUND[what]
    path = written(tmp_path / "m.csv", kind, rows())
    _, source = examined(path)
    found = [(each.code, each.refuses, each.rows, each.place) for each in source.findings]
    assert found == expected


def test_every_check_is_seen_to_find() -> None:
    """Those that are missing here are in the table of what is refused, by their words."""
    refused = {"no quantity", "broken bar", "overlap"}
    seen = {code for _, _, found in FOUND.values() for code, *_ in found}
    assert seen | refused == {each.code for each in (*TWICE, *CHECKS)}


def test_what_was_told_twice_is_left_out_of_the_tape(tmp_path: Path) -> None:
    path = written(tmp_path / "m.csv", "trades", trades()[:50] + trades()[40:])
    whole = written(tmp_path / "whole.csv", "trades", trades())
    assert load(path).tape.at.tolist() == load(whole).tape.at.tolist()


def test_a_finding_says_how_many_more_there_are() -> None:
    assert str(Finding("gap", False, 1, "line 9", "nothing")) == "line 9: nothing"
    assert str(Finding("gap", False, 3, "line 9", "nothing")) == "line 9: nothing, and in 2 more"


def test_the_document_names_every_finding_and_every_shape() -> None:
    text = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
    for each in (*TWICE, *CHECKS):
        assert f"| {each.code} | {'refused' if each.refuses else 'odd'} |" in text
    for shape in SHAPES:
        name, _, market = shape.name.partition(" (")
        assert f"| {name} (" in text if market else f"| {name} |" in text, shape.name
        assert not market or f"({market}" in text


# --- the command ---------------------------------------------------------------------------------


def tieout(*words: str | Path) -> Result:
    return CliRunner().invoke(main, ["data", "check", *map(str, words)])


def test_the_status_says_whether_it_is_clean_odd_or_refused(tmp_path: Path) -> None:
    """And the worst file decides."""
    clean = written(tmp_path / "clean.csv", "bars", bars())
    odd = written(tmp_path / "odd.csv", "bars", bars()[:40] + bars()[41:])
    bad = written(tmp_path / "bad.csv", "bars", changed(bars(), 5, _1=-1))
    none = tmp_path / "none.csv"
    for files, status in (
        ((clean,), HELD),
        ((clean, odd), FAILED),
        ((clean, odd, bad), BAD_INPUT),
        ((none, clean), BAD_INPUT),
    ):
        done = tieout(*files)
        assert done.exit_code == status, done.output
    assert "odd: gap: line 42: nothing between 2022-01-01T00:40:00Z and then" in tieout(odd).stdout
    assert "REFUSED: no price: line 7: found open -1" in tieout(bad).stdout
    assert "none.csv: cannot be read" in tieout(none).stdout


def test_json_is_one_object_with_all_that_was_found(tmp_path: Path) -> None:
    odd = written(tmp_path / "odd.csv", "bars", bars()[:40] + bars()[41:])
    told = json.loads(tieout(odd, tmp_path / "none.csv", "--json").stdout)
    first, second = told["files"]
    assert (first["verdict"], first["tick"], first["rows"]) == ("odd, and to be judged", "0.1", 99)
    assert first["findings"][0]["code"] == "gap"
    assert second["verdict"] == "refused"


def test_the_options_say_what_the_file_does_not(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    rows = "2022-01-01 00:00,1,1,1,1,5\n2022-01-01 00:01,1,1,1,1,5\n"
    path.write_text("date,open,high,low,close,volume\n" + rows)
    assert tieout(path).stdout.count("assumed: ") == 5
    done = tieout(path, "--zone", "Europe/London", "--bar-time", "close", "--bar-seconds", "60")
    assert "from 2022-01-01T00:00:00Z to 2022-01-01T00:01:00Z" in done.stdout
    assert done.stdout.count("assumed: ") == 3, "tick, lot and what a volume counts"
    assert tieout(path, "--kind", "trades").exit_code == BAD_INPUT


def test_a_zone_that_is_none_is_refused_though_the_file_names_its_own(tmp_path: Path) -> None:
    """What is said in vain is said so: nobody learns of his slip of the pen from the figures."""
    path = tmp_path / "m.csv"
    rows = "2022-01-01T00:00Z,1,1,1,1,5\n2022-01-01T00:01Z,1,1,1,1,5\n"
    path.write_text("date,open,high,low,close,volume\n" + rows)
    other = tieout(path, "--zone", "Asia/Tokyo")
    assert other.exit_code != BAD_INPUT, "some other file may need it"
    done = tieout(path, "--zone", "Mars/Olympus")
    assert done.exit_code == BAD_INPUT
    assert "--zone': found no zone 'Mars/Olympus'; one as UTC" in done.stderr
    words = ["backtest", "momentum", "--market", str(path), "--zone", "Mars/Olympus"]
    run = CliRunner().invoke(main, words)
    assert run.exit_code == BAD_INPUT
    assert run.stderr.splitlines()[-1] == done.stderr.splitlines()[-1]


def test_a_told_kind_and_bars_of_another_length_are_judged_by_it(tmp_path: Path) -> None:
    path = written(tmp_path / "m.csv", "bars", bars())
    _, source = examined(path, Told(bar_ns=30 * 10**9))
    assert [(each.code, each.rows) for each in source.findings] == [("gap", 99)]
