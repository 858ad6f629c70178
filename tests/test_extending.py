"""The reader's page of how to add things names only what is there."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "extending.md"
# A file or folder of ours, and perhaps a name in it.
NAMED = re.compile(r"`([a-z_]+/[\w./]+|pyproject\.toml)(?::(\w+))?`")
LINKED = re.compile(r"\]\(([\w./]+\.md)\)")


def named() -> list[tuple[str, str]]:
    """Every place that the page names, and the name within it, or ""."""
    return [(path, name) for path, name in NAMED.findall(PAGE.read_text(encoding="utf-8"))]


def defined(path: Path) -> Iterator[str]:
    """The names that a module defines at its top."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            yield node.name
        for target in getattr(node, "targets", [getattr(node, "target", None)]):
            if isinstance(target, ast.Name):
                yield target.id


@pytest.mark.parametrize(("path", "name"), dict.fromkeys(named()))
def test_what_the_page_names_is_there(path: str, name: str) -> None:
    place = ROOT / path
    assert place.exists(), f"{path} is not there"
    if name:
        assert name in defined(place), f"{path} has no {name}"


def test_the_page_names_much_and_links_to_what_is_there() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert len(named()) > 50
    links = LINKED.findall(text)
    assert "not_proven.md" in links
    assert all((PAGE.parent / link).exists() for link in links)
    assert "(docs/extending.md)" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_what_the_page_says_is_written_as_such() -> None:
    """A name of code that the expression above does not see would never be looked up."""
    told = re.findall(r"`([^`\s]*\.(?:py|yaml|md)[^`\s]*)`", PAGE.read_text(encoding="utf-8"))
    seen = {path + (f":{name}" if name else "") for path, name in named()}
    assert {each for each in told if "/" in each} <= seen
