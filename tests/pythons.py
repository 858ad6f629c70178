"""Environments of other Pythons for the digest checks: `python tests/pythons.py` makes them.

Each Python that is there (on PATH, or under pyenv) and that the project supports gets an
environment `.venv-X.Y` beside `.venv`, with the locked base. One that is not there is no error.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
VERSIONS = ("3.11", "3.12", "3.13")


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
    """Make the environment of that version; says what came of it."""
    python = interpreter(version)
    if python is None:
        return "not there"
    place = environment(version)
    if not place.exists():
        subprocess.run([python, "-m", "venv", str(place.parent.parent)], check=True)
        pip = [str(place), "-m", "pip", "install", "--quiet", "--require-hashes"]
        subprocess.run([*pip, "-r", str(ROOT / "requirements" / "base.txt")], check=True)
    return str(place)


if __name__ == "__main__":
    for each in VERSIONS:
        if not sys.version.startswith(each):
            print(f"Python {each}: {make(each)}")
