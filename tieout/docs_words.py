"""What a module says at its top, for the documents that are drawn from the code."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent


def source(package: str, name: str) -> str:
    """A module as it is written: a compiled one cannot be asked."""
    return (ROOT / package / f"{name}.py").read_text(encoding="utf-8")


def rules(text: str) -> str:
    """The words at a module's top; each rule on its own."""
    return re.sub(r"\n(Rule \d)", r"\n\n\1", ast.get_docstring(ast.parse(text)) or "") + "\n"
