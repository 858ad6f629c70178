"""Every notebook runs as it stands, soon, and says what its committed outputs say.

`python tests/test_notebooks.py` writes the outputs anew after the code has changed.
"""

import ast
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from sim import machine

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
SECONDS_MAX = 60
BYTES_MAX = 300 * 1024
# Executes contracts: where this Python has no embedded EVM, its first cell says so and stops.
OF_TOKENS = ("04_cap_table_and_policy",)
# What a notebook may import beside the standard library: all else that it needs is named by tieout.
STACK = {"tieout", "numpy", "pandas", "matplotlib", "rich"}


def executed(path: Path) -> nbformat.NotebookNode:
    """The notebook, run from the top in a fresh kernel; a cell that fails raises."""
    notebook = nbformat.read(path, as_version=4)
    # From the root, so that the kernel imports this tree, and not what else is installed.
    place = {"metadata": {"path": str(ROOT)}}
    client = NotebookClient(
        notebook,
        timeout=SECONDS_MAX,
        kernel_name="python3",
        resources=place,
        record_timing=False,
        coalesce_streams=True,
    )
    client.execute()
    # What runs anew each time, and what the machine at hand is, are nobody's business.
    notebook.metadata["language_info"] = {"name": "python"}
    return notebook


def told(notebook: nbformat.NotebookNode) -> list[list[str]]:
    """The texts of each code cell. A picture's bytes depend on fonts; that there is one is told."""
    cells = []
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cells.append(told_by(cell))
    return cells


def told_by(cell: nbformat.NotebookNode) -> list[str]:
    """What a code cell printed, and then what it showed."""
    # A kernel sends what is printed in pieces, as it finds the time.
    printed = "".join(output.get("text", "") for output in cell.outputs)
    shown = [output.get("data", {}).get("text/plain", "") for output in cell.outputs]
    return [text for text in (printed, *shown) if text]


def test_there_are_notebooks() -> None:
    assert [path.name for path in NOTEBOOKS][:1] == ["01_follow_one_fill.ipynb"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_soon_and_says_what_it_said(path: Path) -> None:
    """Run from the top, it takes under a minute and prints what stands in the repository."""
    if path.stem in OF_TOKENS and not machine.there():
        pytest.skip("pyrevm has no wheel for this Python")
    began = time.monotonic()
    now = executed(path)
    assert time.monotonic() - began < SECONDS_MAX
    committed = nbformat.read(path, as_version=4)
    assert told(now) == told(committed), "stale outputs: run `python tests/test_notebooks.py`"


@pytest.mark.parametrize("name", OF_TOKENS)
def test_without_an_evm_its_first_cell_says_which_pythons_have_one(name: str) -> None:
    notebook = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
    first = next(cell.source for cell in notebook.cells if cell.cell_type == "code")
    hidden = "import sys; sys.modules['pyrevm'] = None\n"
    done = subprocess.run(  # our own interpreter
        [sys.executable, "-c", hidden + first],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "NoEvm: no embedded EVM: pyrevm has wheels for Python 3.11 and 3.12" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_can_be_read_without_running_it(path: Path) -> None:
    """Each code cell has its output beside it, and the file stays small."""
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.outputs for cell in code)
    assert path.stat().st_size < BYTES_MAX


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_has_a_plot(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    shown = [output.get("data", {}) for cell in code for output in cell.outputs]
    assert any("image/png" in data for data in shown)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_imports_tieout_and_the_data_stack_alone(path: Path) -> None:
    """Nothing of the tests, and nothing of the floors below the roof."""
    assert set(imported_by(path)) - STACK - sys.stdlib_module_names == set()


def imported_by(path: Path) -> Iterator[str]:
    """The package that each import of its code cells begins with."""
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            plain = re.sub(r"^%.*$", "", cell.source, flags=re.MULTILINE)
            for node in ast.walk(ast.parse(plain)):
                if isinstance(node, ast.Import):
                    yield from (each.name.partition(".")[0] for each in node.names)
                elif isinstance(node, ast.ImportFrom):
                    yield (node.module or "").partition(".")[0]


def test_each_figure_that_a_claim_is_about_is_explained() -> None:
    """The first section prints their names; its text says what they count."""
    notebook = nbformat.read(NOTEBOOKS[0], as_version=4)
    first = next(cell for cell in notebook.cells if cell.cell_type == "code")
    figures = re.findall(r"\((\S+) = \d+\)", "".join(told_by(first)))
    explained = " ".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    words = {figure.split(".")[0] for figure in figures}
    words |= {figure.split(".")[1] for figure in figures if "." in figure} - {"lost_frame"}
    assert len(words) > 10
    assert {word for word in words if f"`{word}`" not in explained} == set()


if __name__ == "__main__":
    for each in NOTEBOOKS:
        nbformat.write(executed(each), each)
        print(f"{each.relative_to(ROOT)} written")
