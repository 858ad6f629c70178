"""How a bug is planted: one text of a function changed, in memory, for one test."""

from __future__ import annotations

import importlib
import inspect
import textwrap
from collections.abc import Callable, Iterable
from types import CodeType, FunctionType
from typing import Any, NamedTuple

import pytest


class Bug(NamedTuple):
    """In `function`, the text `old` (it is there once) becomes `new`; then `claim` must fail."""

    name: str
    function: str
    old: str
    new: str
    scenario: str
    seeds: range
    claim: str


def seeds_of(bugs: Iterable[Bug], scenario: str) -> list[int]:
    """Those that any of its bugs is looked for with."""
    return sorted({seed for bug in bugs if bug.scenario == scenario for seed in bug.seeds})


def locate(function: str) -> FunctionType:
    """The function named "module:name" or "module:Class.name"."""
    module, _, path = function.partition(":")
    found: Any = importlib.import_module(module)
    for name in path.split("."):
        found = getattr(found, name)
    if not isinstance(found, FunctionType):
        pytest.skip(f"{function} is compiled: there is no source to plant a bug in")
    return found


def planted(function: FunctionType, old: str, new: str) -> CodeType:
    """The function's code with `old` replaced by `new`, in the function's own module."""
    source = textwrap.dedent(inspect.getsource(function))
    if source.count(old) != 1:
        raise LookupError(f"{function.__name__} has {old!r} {source.count(old)} times")
    made: dict[str, Any] = {}
    code = compile(source.replace(old, new), f"<{function.__name__} with a bug>", "exec")
    exec(code, function.__globals__, made)  # noqa: S102  # our own source, changed by one text
    code_made: CodeType = made[function.__name__].__code__
    return code_made


def plant(patch: pytest.MonkeyPatch, function: str, old: str, new: str) -> None:
    """Change `old` to `new` in the function until the test is over."""
    place = locate(function)
    patch.setattr(place, "__code__", planted(place, old, new))


def must_be_seen(
    bug: Bug, patch: pytest.MonkeyPatch, failing: Callable[[str, int], dict[str, str]]
) -> None:
    """Plant it: its claim is among the `failing` of its scenario with one of its seeds."""
    plant(patch, bug.function, bug.old, bug.new)
    failed: dict[str, str] = {}
    for seed in bug.seeds:
        failed |= failing(bug.scenario, seed)
        if bug.claim in failed:
            return
    pytest.fail(f"{bug.claim!r} held; what failed: {failed or 'nothing'}")
