"""What mypyc compiles, where TIEOUT_COMPILED=1 asks for it; all else stands in pyproject.toml.

Rule. Never a module that defines a msgspec Struct (mypyc would silently drop `frozen` and `tag`),
and never in place: `make compiled` builds a wheel into an environment of its own.
"""

import os
import re
from pathlib import Path

from setuptools import setup

# The decisions, which run for every event. `gate`, `journal` and `strategy` define structs.
COMPILED = ("money", "ids", "orders", "books", "listening", "trading", "reconcile", "step", "node")


def extensions() -> list:
    """The compiled modules: none unless asked for."""
    if os.environ.get("TIEOUT_COMPILED") != "1":
        return []
    from mypyc.build import mypycify

    paths = [f"core/{name}.py" for name in COMPILED]
    for path in paths:
        if re.search(r"^class \w+\(.*Struct", Path(path).read_text(), re.MULTILINE):
            raise SystemExit(f"{path} defines a msgspec Struct: it must not be compiled")
    return mypycify(["--strict", "--follow-imports=silent", *paths], opt_level="3")


setup(ext_modules=extensions())
