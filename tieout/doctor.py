"""What is installed, compiled, reachable: one line each, and whether Tieout needs it."""

import importlib
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import NamedTuple

BASE = (
    "simpy numpy pandas pydantic matplotlib msgspec apsw click rich pyyaml pyarrow google-crc32c"
).split()
EXTRAS = {
    "live": ["ccxt", "web3"],
    "nats": ["nats-py"],
    "notebooks": ["jupyter"],
    "postgres": ["psycopg"],
    "test": ["hypothesis", "pytest"],
    "tokens": ["pyrevm"],
}
COMPILED = ("core.books", "core.reconcile", "core.step")


class Row(NamedTuple):
    """One finding."""

    what: str
    ok: bool
    needed: bool
    found: str


def examine() -> list[Row]:
    """Look at everything."""
    python = sys.version_info
    rows = [Row("python", python >= (3, 11), True, sys.version.split()[0])]
    rows += [_package(name, "base", needed=True) for name in BASE]
    for extra, packages in EXTRAS.items():
        rows += [_package(name, f"extra {extra}", needed=False) for name in packages]
    return [*rows, _sqlite(), *(_compiled(name) for name in COMPILED)]


def _package(name: str, where: str, *, needed: bool) -> Row:
    try:
        return Row(name, True, needed, f"{version(name)} ({where})")
    except PackageNotFoundError:
        return Row(name, False, needed, f"not installed ({where})")


def _sqlite() -> Row:
    try:
        apsw = importlib.import_module("apsw")
    except ModuleNotFoundError:
        return Row("sqlite", False, True, "apsw is not installed")
    return Row("sqlite", True, True, apsw.sqlite_lib_version())


def _compiled(name: str) -> Row:
    path = importlib.import_module(name).__file__ or ""
    compiled = not path.endswith(".py")
    return Row(name, True, False, "compiled" if compiled else "plain Python")
