"""Environments of other Pythons for the digest checks: `python tests/pythons.py` makes them.

Each Python that is there (on PATH, or under pyenv) and that the project supports gets an
environment `.venv-X.Y` beside `.venv`, with the locked base and what tokens take where there is a
wheel of it, and again when the lock has changed. One that is not there is no error.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
VERSIONS = ("3.11", "3.12", "3.13")
LOCK = ROOT / "requirements" / "tokens.txt"
STAMP = ".tokens"


def environment(version: str) -> Path:
    """The interpreter of that environment, made or not."""
    return ROOT / f".venv-{version}" / "bin" / "python"


def interpreter(version: str) -> str | None:
    """A Python of that version that runs."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = sorted(str(path) for path in pyenv.glob(f"{version}.*/bin/python{version}"))
    for name in [f"python{version}", *found]:
        path = shutil.which(name)
        if path and subprocess.run([path, "-c", ""], capture_output=True).returncode == 0:
            return path
    return None


def make(version: str) -> str:
    """Make the environment of that version, or make it anew; says what came of it."""
    python = interpreter(version)
    if python is None:
        return "not there"
    place = environment(version)
    folder = place.parent.parent
    if is_stale(folder / STAMP, LOCK):
        subprocess.run([python, "-m", "venv", "--clear", str(folder)], check=True)
        pip = [str(place), "-m", "pip", "install", "--quiet", "--require-hashes"]
        subprocess.run([*pip, "-r", str(LOCK)], check=True)
        (folder / STAMP).touch()
    return str(place)


def is_stale(stamp: Path, lock: Path) -> bool:
    """Whether the environment was never made to its end, or the lock is younger than it."""
    return not stamp.exists() or stamp.stat().st_mtime < lock.stat().st_mtime


if __name__ == "__main__":
    for each in VERSIONS:
        if not sys.version.startswith(each):
            print(f"Python {each}: {make(each)}")
