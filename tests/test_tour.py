"""The tour of the README is real: each command shown prints what is shown, in that order.

A line that ends in "…" is shown in part, a line that is "…" stands for any. Widths of tables depend
on the terminal, so that spaces count as one; figures and words are compared.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent
TOUR = re.compile(r"^## Five minutes$(.*?)^## ", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^```\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MORE = "…"


class Shown(NamedTuple):
    """A command of the tour, and the lines shown of what it prints."""

    command: str
    lines: tuple[str, ...]


def tour(text: str) -> Iterator[Shown]:
    """Each command of the README's tour."""
    part = TOUR.search(text)
    assert part is not None
    for block in BLOCK.findall(part[1]):
        for told in block.split("$ ")[1:]:
            command, *lines = told.splitlines()
            yield Shown(command, tuple(lines))


def missing(shown: Shown, printed: str) -> list[str]:
    """The lines shown that were not printed, or not after the lines before them."""
    rest = iter([_plain(line) for line in printed.splitlines()])
    lines = [each for each in map(_plain, shown.lines) if each not in ("", MORE)]
    return [line for line in lines if not any(_is(line, each) for each in rest)]


def _is(shown: str, printed: str) -> bool:
    if shown.endswith(MORE):
        return printed.startswith(shown.removesuffix(MORE).rstrip())
    return printed == shown


def _plain(line: str) -> str:
    return " ".join(line.split())


SHOWN = list(tour((ROOT / "README.md").read_text(encoding="utf-8")))


def test_the_tour_shows_every_command_with_output() -> None:
    assert len(SHOWN) >= 10
    assert all(each.command.startswith("tieout ") and each.lines for each in SHOWN)


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What each command prints, run one after the other in one folder, as a reader would."""
    folder = tmp_path_factory.mktemp("tour")
    environment = {**os.environ, "COLUMNS": "200", "PYTHONPATH": os.pathsep.join(sys.path)}
    results = {}
    for shown in SHOWN:
        done = subprocess.run(
            [sys.executable, "-m", *shown.command.split()],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, f"{shown.command}: {done.stderr}"
        results[shown.command] = done.stdout
    return results


@pytest.mark.parametrize("shown", SHOWN, ids=lambda shown: shown.command)
def test_a_command_prints_what_is_shown(shown: Shown, printed: dict[str, str]) -> None:
    assert not missing(shown, printed[shown.command])


def test_another_figure_or_order_is_found() -> None:
    shown = Shown("tieout x", ("a  1", "…", "b 2…"))
    assert not missing(shown, "a 1\nc\nb 2, and more\n")
    assert missing(shown, "a 2\nb 2\n") == ["a 1", "b 2…"]
    assert missing(shown, "b 2\na 1\n") == ["b 2…"]
