"""The plain source of core beside its compiled build, in one process, over the same structs.

What mypyc compiled is loaded once more from its `.py`, under its own name, and then put back: both
builds of `step` live side by side and take the same events and states.
"""

import importlib
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType

import core


def compiled_names() -> list[str]:
    """The modules of core that are compiled in this interpreter."""
    source = Path(core.__file__).parent
    names = [f"core.{path.stem}" for path in sorted(source.glob("*.py")) if path.stem != "__init__"]
    modules = {name: importlib.import_module(name) for name in names}
    return [name for name, module in modules.items() if not str(module.__file__).endswith(".py")]


def plain(name: str) -> ModuleType:
    """The module as its source says, over the source of every compiled module that it needs."""
    names = compiled_names()
    if not names:
        return importlib.import_module(name)
    compiled = {each: sys.modules.pop(each) for each in names}
    for each in names:
        delattr(core, each.partition(".")[2])
    sys.meta_path.insert(0, _Source())
    try:
        return importlib.import_module(name)
    finally:
        del sys.meta_path[0]
        for each, module in compiled.items():
            sys.modules[each] = module
            setattr(core, each.partition(".")[2], module)


class _Source:
    """Finds core's modules as source only; the others it leaves to the next finder."""

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None, target: ModuleType | None = None, /
    ) -> ModuleSpec | None:
        package, _, stem = name.partition(".")
        if package != "core" or not stem:
            return None
        file = Path(core.__file__).parent / f"{stem}.py"
        return spec_from_file_location(name, file, loader=SourceFileLoader(name, str(file)))
