"""A simulated venue's frames look like the real ones: keys, JSON types, units, signs.

A module `tests/shapes_DIALECT.py` says which verbatim sample each kind of frame is held against:

    DIALECT = "binance_usdm"
    VENUES = ("binanceusdm",)                     # names in the index of samples
    def frames() -> dict[str, bytes]              # kind: one frame, made by the venue's own Words
    SAMPLES = {"order update, trade": "sample-id"}     # kind: a verbatim sample's id
    UNSAMPLED = {"income": "why there is none"}        # every other kind, with the reason
    PARTS = {"kind": ("data.o", "o")}             # where in the sample and in the frame to compare
    DIFFERS = {"kind": {"o.gtd": "why"}}          # paths that only one of them has, or typed apart
    SIGNS = {"kind": ("o.n",)}                    # paths whose sign means something; same in both

A path is the keys joined by dots, counted from the compared part; of a list the first item stands
for all. Two texts match if both are decimals or neither is; two whole numbers if both are times
(of the same unit) or neither is.
"""

import importlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

HERE = Path(__file__).parent
NAMES = sorted(path.stem for path in HERE.glob("shapes_*.py"))
MODULES: dict[str, ModuleType] = {n: importlib.import_module(f"tests.{n}") for n in NAMES}
KINDS = [(name, kind) for name, module in MODULES.items() for kind in module.SAMPLES]
DECIMAL = re.compile(r"-?\d+(\.\d+)?")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


@pytest.mark.parametrize(("name", "kind"), KINDS)
def test_a_frame_is_shaped_as_its_sample(name: str, kind: str, samples: Path) -> None:
    """Same keys, same JSON types, same units."""
    module = MODULES[name]
    theirs, ours = pair(module, kind, samples)
    found = dict(differences(theirs, ours, ""))
    known = getattr(module, "DIFFERS", {}).get(kind, {})
    assert {path: text for path, text in found.items() if path not in known} == {}
    assert set(known) <= set(found), "a difference that is gone is taken off the list"


@pytest.mark.parametrize(("name", "kind"), KINDS)
def test_signs_mean_the_same(name: str, kind: str, samples: Path) -> None:
    """Where a sign says who pays or which way, frame and sample agree (zero agrees with nobody)."""
    module = MODULES[name]
    theirs, ours = pair(module, kind, samples)
    for path in getattr(module, "SIGNS", {}).get(kind, ()):
        assert sign(at(theirs, path)) == sign(at(ours, path)) != 0, path


@pytest.mark.parametrize("name", NAMES)
def test_every_kind_is_held_against_a_sample_or_listed(
    name: str, record_property: Callable[[str, object], None]
) -> None:
    """What a simulated venue says without a sample to compare is listed, with the reason."""
    module = MODULES[name]
    assert set(module.frames()) == set(module.SAMPLES) | set(module.UNSAMPLED)
    assert not set(module.SAMPLES) & set(module.UNSAMPLED)
    for kind, why in module.UNSAMPLED.items():
        record_property("unsampled", f"{module.DIALECT}: {kind}: {why}")


# --- comparing -----------------------------------------------------------------------------------


def pair(module: ModuleType, kind: str, samples: Path) -> tuple[Any, Any]:
    """The compared parts: of the sample, and of the simulated frame."""
    index = json.loads((samples / "venues" / "index.json").read_text())
    case = next(case for case in index if case["id"] == module.SAMPLES[kind])
    assert case["verbatim"], "only what a venue really sent is a yardstick"
    assert case["venue"] in module.VENUES
    text = json.loads((samples / "venues" / case["file"]).read_text())["raw_text"]
    theirs, ours = getattr(module, "PARTS", {}).get(kind, ("", ""))
    return at(json.loads(text), theirs), at(json.loads(module.frames()[kind]), ours)


def differences(theirs: Any, ours: Any, path: str) -> list[tuple[str, str]]:
    """Every path at which the two are shaped apart, and how."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        found = []
        for key in dict.fromkeys([*theirs, *ours]):
            inner = f"{path}.{key}" if path else key
            if key not in ours:
                found.append((inner, "only in the sample"))
            elif key not in theirs:
                found.append((inner, "only in the frame"))
            else:
                found += differences(theirs[key], ours[key], inner)
        return found
    if isinstance(theirs, list) and isinstance(ours, list):
        return differences(theirs[0], ours[0], path) if theirs and ours else []
    told, said = shape(theirs), shape(ours)
    return [] if told == said else [(path, f"the sample has {told}, the frame {said}")]


def shape(value: Any) -> str:
    """What a value is like: its JSON type, and of texts and numbers a little more."""
    if isinstance(value, bool) or value is None:
        return type(value).__name__
    if isinstance(value, str):
        if DECIMAL.fullmatch(value):
            return "decimal text"
        return "time text" if TIME.fullmatch(value) else "text"
    if isinstance(value, int):
        return (
            f"time of {len(str(value))} digits"
            if value > 1_400_000_000 and len(str(value)) in (13, 16, 19)
            else "whole number"
        )
    return type(value).__name__


def at(value: Any, path: str) -> Any:
    """What stands at a path; of a list the first item, unless a number names another."""
    for key in path.split(".") if path else ():
        if isinstance(value, list):
            value = value[int(key)] if key.isdigit() else value[0][key]
        else:
            value = value[key]
    return value


def sign(value: Any) -> int:
    number = float(value)
    return (number > 0) - (number < 0)
