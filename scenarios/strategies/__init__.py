"""Strategies: one file each, importing core's vocabulary only; `make` builds one by its kind.

Anybody's own is a .py file with a `make(name, options)`, named by its path in place of a kind.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import ModuleType

from core.strategy import MakeStrategy, Strategy
from scenarios.strategies import arbitrage, maker, momentum, runaway, scripted, taker

KINDS: Mapping[str, MakeStrategy] = {
    "maker": maker.make,
    "taker": taker.make,
    "momentum": momentum.make,
    "arbitrage": arbitrage.make,
    "scripted": scripted.make,
    "runaway": runaway.make,
}


_read: dict[str, MakeStrategy] = {}


class NoStrategy(ValueError):
    """No kind of that name, no file of that path, or a file without a `make`; says which."""


def make(kind: str, name: str, options: Mapping[str, object]) -> Strategy:
    """A strategy of that kind, or of that file as it was read last; raises `NoStrategy`."""
    return (_read.get(kind) or maker_of(kind))(name, options)


def maker_of(kind: str) -> MakeStrategy:
    """What makes strategies of that kind, or of that file, which is read; raises `NoStrategy`.

    So whoever checks a scenario reads its files, and a run, which may read none, has them as then.
    """
    if kind.endswith(".py"):
        path = Path(kind).absolute()
        try:
            source = path.read_bytes()
        except OSError as error:
            raise NoStrategy(f"{path}: no such file; a .py file with a `make` would do") from error
        _read[kind] = _of_file(path, source)
        return _read[kind]
    if kind not in KINDS:
        known = ", ".join(sorted(KINDS))
        raise NoStrategy(f"no strategy {kind!r}; there are {known}, and a .py file would do")
    return KINDS[kind]


@cache
def _of_file(path: Path, source: bytes) -> MakeStrategy:
    """By its content, so that one which was edited meanwhile is run as it is, whatever its age."""
    module = ModuleType(path.stem)
    module.__file__ = str(path)
    try:
        exec(compile(source, path, "exec"), module.__dict__)  # noqa: S102  # as an import would
    except (Exception, SystemExit) as error:
        why = f"{type(error).__name__}: {error}"
        raise NoStrategy(f"{path}: cannot be imported: {why}") from error
    found = getattr(module, "make", None)
    if not callable(found):
        raise NoStrategy(
            f"{path}: has no `make(name, options)`; one that returns a Strategy would do"
        )
    made: MakeStrategy = found
    return made
