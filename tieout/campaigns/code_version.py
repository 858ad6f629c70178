"""Which code this is: seeds are worth as much as the code that drew them.

Rule. It is told by what the files hold, in a checkout and where there is none: two releases of one
version, or a compiled module that lies beside its source, are other code.
"""

import hashlib
import re
import subprocess
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("core", "rails", "risk", "scenarios", "sim", "tieout", "tokens", "venues")
KINDS, COMPILED = ("py", "yaml", "json", "sol"), "so"
LIBRARY = re.compile(rb"\w+__mypyc")  # what compiled modules share lies beside their packages
SOURCES = tuple(f"{package}/*.{kind}" for package in PACKAGES for kind in KINDS)


def code_version() -> str:
    """The last commit that changed a package, with what was changed since in a few digits; else the
    version that is installed, with all of its files in a few more. What documents, tests or benches
    say draws no seed."""
    if _git("rev-parse", "--show-toplevel").strip() != str(ROOT):
        return f"{_installed()}+{_digest(_files(*KINDS, COMPILED))[:12]}"
    commit = _git("log", "-1", "--format=%H", "--", *SOURCES).strip()
    changed = (_git("diff", "HEAD", "--", *SOURCES) + _untracked()).encode()
    changed += b"".join(_files(COMPILED))  # which git is told to look away from
    return f"{commit[:12]}+{_digest([changed])[:8]}" if changed else commit[:12]


def _files(*kinds: str) -> Iterator[bytes]:
    """Name and content of each file of a package that is of these kinds."""
    ours = [path for package in PACKAGES for path in (ROOT / package).rglob("*")]
    if COMPILED in kinds:
        ours += _libraries([path for path in ours if path.suffix[1:] == COMPILED])
    for path in sorted(ours):
        if path.suffix[1:] in kinds:
            yield f"{path.relative_to(ROOT)}\n".encode() + path.read_bytes()


def _libraries(modules: Iterable[Path]) -> list[Path]:
    """What these compiled modules name and import: other projects' lie at the same place."""
    named = {name for path in modules for name in LIBRARY.findall(path.read_bytes())}
    return [path for name in named for path in ROOT.glob(f"{name.decode()}.*")]


def _digest(parts: Iterable[bytes]) -> str:
    whole = hashlib.sha256()
    for each in parts:
        whole.update(each)
    return whole.hexdigest()


def _untracked() -> str:
    names = _git("ls-files", "--others", "--exclude-standard", "-z", "--", *SOURCES).split("\0")
    return "".join(f"{name}\n{(ROOT / name).read_text('utf-8')}" for name in names if name)


def _installed() -> str:
    try:
        return f"version {version('tieout')}"
    except PackageNotFoundError:
        return "unknown"


def _git(*words: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603  # git, with words of ours
            ("git", *words),  # noqa: S607
            cwd=ROOT,
            capture_output=True,
            check=False,
        )
    except FileNotFoundError:
        return ""
    return done.stdout.decode("utf-8", "replace")
