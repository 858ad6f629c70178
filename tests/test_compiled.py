"""The compiled build is the same program: structs keep what they declare, and digests are equal."""

from __future__ import annotations

import ast
import importlib
import os
import runpy
import subprocess
import sys
from functools import cache
from pathlib import Path

import msgspec
import pytest

import core
from tests.conftest import ROOT

RUNS = (
    ("lost_frame", 7),
    ("spot_weather", 0),
    ("storm_venues", 1),
    ("storm_rails", 1),
    ("storm", 1),
)
MODULES = sorted(path.stem for path in Path(core.__file__).parent.glob("*.py"))

# Prints where `step` came from, and each run's digest.
PROGRAM = f"""
import core.step
from tieout.runs import run
print(core.step.__file__)
for name, seed in {RUNS!r}:
    print(run(name, seed, short=True, sampled=False).summary["digest"])
"""


def structs(module: str) -> list[type[msgspec.Struct]]:
    """The structs that the module defines."""
    members = vars(importlib.import_module(f"core.{module}")).values()
    kinds = [each for each in members if isinstance(each, type)]
    kinds = [each for each in kinds if issubclass(each, msgspec.Struct)]
    return [each for each in kinds if each.__module__ == f"core.{module}"]


# --- what compiling must not change --------------------------------------------------------------


@pytest.mark.parametrize("module", ["events", "effects"])
def test_events_and_effects_are_frozen_and_tagged_in_the_build_that_runs(module: str) -> None:
    """mypyc drops both in silence from a struct that it compiles."""
    found = structs(module)
    assert len(found) > 10
    for kind in found:
        assert kind.__struct_config__.frozen, kind
        if kind.__name__ != "StatementRow":
            assert kind.__struct_config__.tag == kind.__name__, kind


def test_what_its_source_declares_frozen_is_frozen_in_the_build_that_runs() -> None:
    """In every module of core, by its source text."""
    frozen = 0
    for module in MODULES:
        source = ast.parse((Path(core.__file__).parent / f"{module}.py").read_text())
        classes = {each.name: each for each in source.body if isinstance(each, ast.ClassDef)}
        for kind in structs(module):
            told = {word.arg: ast.unparse(word.value) for word in classes[kind.__name__].keywords}
            assert kind.__struct_config__.frozen or told.get("frozen") != "True", kind
            assert not kind.__struct_config__.gc or told.get("gc") != "False", kind
            frozen += kind.__struct_config__.frozen
    assert frozen > 40


def test_no_module_that_defines_a_struct_is_compiled() -> None:
    """And each one that defines none is: nothing is forgotten."""
    names = runpy.run_path(str(ROOT / "setup.py"), run_name="setup")["compiled_modules"]()
    with_structs = {module for module in MODULES if structs(module)}
    assert with_structs >= {"events", "effects", "frames", "state"}
    assert set(names) == set(MODULES) - with_structs - {"__init__"}


def test_no_compiled_module_lies_beside_its_source() -> None:
    """It would be imported in the place of the source that one reads."""
    for package in ("core", "sim", "venues", "rails", "risk", "tokens", "scenarios", "tieout"):
        assert not [*(ROOT / package).rglob("*.so"), *(ROOT / package).rglob("*.pyd")]


# --- the compiled build, where there is one ------------------------------------------------------


@cache
def compiled_python() -> Path:
    """The interpreter of the compiled environment; a counted skip where there is none."""
    told = os.environ.get("TIEOUT_COMPILED_PYTHON")
    python = Path(told) if told else ROOT / ".venv-compiled" / "bin" / "python"
    if not python.exists():
        assert not told, f"TIEOUT_COMPILED_PYTHON: {told} does not exist"
        pytest.skip("no compiled environment: `make compiled` makes one")
    return python


def run_in(python: Path | str, folder: Path) -> tuple[Path, list[str]]:
    """Where the interpreter takes `step` from in that folder, and the digests of the runs."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    finished = subprocess.run(
        [python, "-c", PROGRAM], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert finished.returncode == 0, finished.stderr
    file, *digests = finished.stdout.split()
    return Path(file), digests


def _texts(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.glob("*.py")}


def test_compiled_and_plain_runs_have_equal_digests(tmp_path: Path) -> None:
    """Each from a folder where its own build is the one that is imported."""
    file, digests = run_in(compiled_python(), tmp_path)
    assert file.suffix in (".so", ".pyd"), f"{file} is not compiled"
    if _texts(file.parent) != _texts(ROOT / "core"):
        pytest.skip("the compiled build is of another source: `make compiled`")
    file, expected = run_in(sys.executable, ROOT)
    if file.suffix != ".py":
        pytest.skip("this is the compiled environment: there is no plain build to compare")
    assert len(set(expected)) == len(RUNS)
    assert digests == expected
