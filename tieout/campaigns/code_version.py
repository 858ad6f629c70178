"""Which code this is: seeds are worth as much as the code that drew them."""

import hashlib
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("core", "rails", "risk", "scenarios", "sim", "tieout", "tokens", "venues")
SOURCES = tuple(
    f"{package}/*.{kind}" for package in PACKAGES for kind in ("py", "yaml", "json", "sol")
)


def code_version() -> str:
    """The last commit that changed a package, with what was changed since in a few digits; else the
    version that is installed. What documents, tests or benches say draws no seed."""
    if _git("rev-parse", "--show-toplevel").strip() != str(ROOT):
        return _installed()
    commit = _git("log", "-1", "--format=%H", "--", *SOURCES).strip()
    changed = _git("diff", "HEAD", "--", *SOURCES) + _untracked()
    return (
        f"{commit[:12]}+{hashlib.sha256(changed.encode()).hexdigest()[:8]}"
        if changed
        else (commit[:12])
    )


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
