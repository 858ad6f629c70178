"""A campaign goes on where the code that draws its seeds is the same, whatever else was changed."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tieout.campaigns import code_version as version


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a package and a page."""
    monkeypatch.setattr(version, "ROOT", tmp_path)
    git(tmp_path, "init", "-q")
    for place in ("core/books.py", "docs/page.md", "bench/proofs.json"):
        change(tmp_path, place, "first")
    return tmp_path


def git(tree: Path, *words: str) -> None:
    who = "-c", "user.name=ann", "-c", "user.email=ann@example.org"
    subprocess.run(("git", *who, *words), cwd=tree, check=True)


def change(tree: Path, place: str, text: str) -> None:
    path = tree / place
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    git(tree, "add", ".")
    git(tree, "commit", "-qm", place)


def test_it_is_the_commit_that_last_changed_a_package(tree: Path) -> None:
    first = version.code_version()
    assert len(first) == 12
    change(tree, "docs/page.md", "second")
    (tree / "bench" / "proofs.json").write_text("{}")
    assert version.code_version() == first
    change(tree, "core/books.py", "second")
    assert version.code_version() not in (first, "unknown")


@pytest.mark.parametrize("place", ["core/books.py", "core/new.py"])
def test_what_is_changed_and_not_committed_is_another_code(tree: Path, place: str) -> None:
    first = version.code_version()
    (tree / place).write_text("# another\n")
    assert version.code_version().startswith(f"{first}+")


COMPILED = "core/books.cpython-311.so", "1ec73a__mypyc.cpython-311.so"
NAMES_IT = b"\x7fELF\xff\0PyInit_books\x001ec73a__mypyc\0"


@pytest.mark.parametrize("place", COMPILED)
def test_what_is_compiled_is_another_code_though_git_looks_away(tree: Path, place: str) -> None:
    change(tree, ".gitignore", "*.so\n")
    plain = version.code_version()
    (tree / "core/money.cpython-311.so").write_bytes(NAMES_IT)
    first = version.code_version()
    (tree / place).write_bytes(b"\x7fELF\xff")
    assert version.code_version().startswith(f"{plain}+")
    assert version.code_version() not in (plain, first)


def test_what_other_projects_compiled_beside_ours_is_not_our_code(tree: Path) -> None:
    change(tree, ".gitignore", "*.so\n")
    (tree / "core/money.cpython-311.so").write_bytes(NAMES_IT)
    first = version.code_version()
    (tree / "6ec57f__mypyc.cpython-311.so").write_bytes(b"\x7fELF\xff")
    assert version.code_version() == first


@pytest.mark.parametrize("place", ["core/books.py", "core/new.py", "risk/lines.yaml", *COMPILED])
def test_what_is_installed_is_told_by_its_files_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """Where there is no repository: two trees of one release may be two codes."""
    monkeypatch.setattr(version, "ROOT", tmp_path)
    for each in ("core/books.py", "core/__pycache__/books.pyc", "risk/lines.yaml"):
        (tmp_path / each).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / each).write_text("first")
    (tmp_path / "core/money.cpython-311.so").write_bytes(NAMES_IT)
    first = version.code_version()
    (tmp_path / "core/__pycache__/books.pyc").write_text("second")
    assert version.code_version() == first
    (tmp_path / place).write_text("second")
    assert version.code_version() != first
