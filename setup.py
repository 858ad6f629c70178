"""What mypyc compiles, where TIEOUT_COMPILED=1 asks for it; all else stands in pyproject.toml.

Rule. Never a module that defines a msgspec Struct (mypyc would silently drop `frozen` and `tag`),
and never in place: `make compiled` builds a wheel into an environment of its own.
"""

import ast
import os
from pathlib import Path
from typing import Any

from setuptools import setup

CORE = Path(__file__).parent / "core"
GATE = ("codes", "counters", "controls", "gate")  # of risk: what an order waits for
# Calls within the library are bound when it is built: nobody replaces its functions at load.
BOUND = "-fno-semantic-interposition"


def compiled_modules() -> list[str]:
    """Core's decisions: its modules but for those that define a struct, by name."""
    names = [path.stem for path in sorted(CORE.glob("*.py")) if not _defines_a_struct(path)]
    return [name for name in names if name != "__init__"]


def _defines_a_struct(path: Path) -> bool:
    """Struct by name, or a class given a struct's settings (`Fact`, `Wish` are bases too)."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ClassDef):
            settings = {keyword.arg for keyword in node.keywords}
            if settings or any(ast.unparse(base).endswith("Struct") for base in node.bases):
                return True
    return False


def extensions() -> Any:
    """The compiled modules: none unless asked for."""
    if os.environ.get("TIEOUT_COMPILED") != "1":
        return []
    from mypyc.build import mypycify

    paths = [f"core/{name}.py" for name in compiled_modules()]
    paths += [f"risk/{name}.py" for name in GATE]
    found = mypycify(["--strict", "--follow-imports=silent", *paths], opt_level="3")
    for each in found:
        each.extra_compile_args.append(BOUND)
    return found


if __name__ == "__main__":
    setup(ext_modules=extensions())
