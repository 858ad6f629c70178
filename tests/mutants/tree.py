"""A copy of the tree in which bugs are planted: never the tree itself.

Rule 1. A bug is one text of one function, or of one file, that becomes another; it must be there
once.
Rule 2. A copy lies in a folder of its own that goes with the campaign; whatever stops that, the
tree that people work in never held a bug.
"""

from __future__ import annotations

import ast
import compileall
import hashlib
import os
import shutil
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from py_compile import PycInvalidationMode
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PACKAGES = ("core", "rails", "risk", "scenarios", "sim", "tieout", "tokens", "venues")


class Edit(NamedTuple):
    """In `place` ("module:function", "module:Class.method", or "module"), `old` becomes `new`."""

    place: str
    old: str
    new: str

    @property
    def file(self) -> str:
        return self.place.partition(":")[0].replace(".", "/") + ".py"


def edited(source: str, edit: Edit) -> str:
    """The whole source with the edit; a LookupError where its text is not there once."""
    first, end = _lines(source, edit.place.partition(":")[2])
    lines = source.splitlines(keepends=True)
    whole = "".join(lines[first:end])
    text = textwrap.dedent(whole)
    if text.count(edit.old) != 1:
        raise LookupError(f"{edit.place} has {edit.old!r} {text.count(edit.old)} times")
    margin = whole[: len(whole) - len(whole.lstrip(" "))]
    planted = textwrap.indent(text.replace(edit.old, edit.new), margin)
    return "".join([*lines[:first], planted, *lines[end:]])


def _lines(source: str, path: str) -> tuple[int, int]:
    """Where the function stands, its decorators included; all of the file where none is named."""
    if not path:
        return 0, source.count("\n") + 1
    body: list[ast.stmt] = ast.parse(source).body
    for name in path.split("."):
        found = [each for each in body if getattr(each, "name", "") == name]
        if len(found) != 1 or not isinstance(found[0], ast.FunctionDef | ast.ClassDef):
            raise LookupError(f"no {path} in this file")
        node = found[0]
        body = node.body
    assert node.end_lineno is not None
    first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
    return first - 1, node.end_lineno


class Tree:
    """One copy, which holds one bug at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for package in PACKAGES:
            ignored = shutil.ignore_patterns("__pycache__", "*.so")
            shutil.copytree(ROOT / package, folder / package, ignore=ignored)
        # By their content and not by their date: what was compiled of another text is not run.
        for package in PACKAGES:
            compileall.compile_dir(
                folder / package, quiet=1, invalidation_mode=PycInvalidationMode.CHECKED_HASH
            )

    @classmethod
    def at(cls, folder: Path) -> Tree:
        """The packages that are in that folder already: somebody else's copy."""
        tree = cls.__new__(cls)
        tree.folder = folder
        return tree

    @contextmanager
    def planted(self, edits: tuple[Edit, ...]) -> Iterator[None]:
        """These bugs are in the copy until it is left."""
        before = {edit.file: (self.folder / edit.file).read_text("utf-8") for edit in edits}
        try:
            for edit in edits:
                file = self.folder / edit.file
                file.write_text(edited(file.read_text("utf-8"), edit), "utf-8")
            yield
        finally:
            for name, text in before.items():
                (self.folder / name).write_text(text, "utf-8")

    def environment(self) -> dict[str, str]:
        """That of a Python which runs this copy, and leaves no compiled bug behind."""
        return os.environ | {"PYTHONPATH": str(self.folder), "PYTHONDONTWRITEBYTECODE": "1"}


def digest() -> str:
    """What the packages of this tree are, in twelve digits: results of another tree say nothing.

    The catalogue of scenarios is left out: a result has a digest of its own storm's.
    """
    whole = hashlib.sha256()
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*")):
            if file.suffix in (".py", ".yaml", ".json") and file.parent.name != "catalogue":
                whole.update(str(file.relative_to(ROOT)).encode() + b"\0" + file.read_bytes())
    return whole.hexdigest()[:12]
