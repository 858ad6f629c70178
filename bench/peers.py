"""`python -m bench.peers`: makes the environments of the peers, our compiled build beside them.

True here: the peers need Python 3.12 or newer, and the first of them on PATH is taken. A
pre-release cannot stand beside the release before it, so it has an environment of its own.
"""

import shutil
import subprocess
import sys

from bench.interpreters import ROOT

PYTHONS = ("python3.12", "python3.13", "python3.14")
FOLDER, NEXT = ".venv-peers", ".venv-peers-next"
# In each folder, what the Makefile is asked to make there.
MADE = (
    (FOLDER, "compiled"),
    (FOLDER, f"{FOLDER}/.bench"),
    (FOLDER, f"{FOLDER}/.peers"),
    (NEXT, f"{NEXT}/.next"),
)


def main() -> None:
    """Make them, by the Makefile's own recipes."""
    python = next(filter(_runs, PYTHONS), None)
    if python is None:
        sys.exit(f"the peers need one of {', '.join(PYTHONS)} on PATH")
    for folder, target in MADE:
        command = ["make", f"VENV={folder}", f"COMPILED={folder}", f"PYTHON={python}", target]
        subprocess.run(command, cwd=ROOT, check=True)  # noqa: S603  # our own Makefile


def _runs(python: str) -> bool:
    """A name on PATH may be a shim with nothing behind it."""
    if shutil.which(python) is None:
        return False
    return not subprocess.run([python, "-c", ""], capture_output=True).returncode  # noqa: S603


if __name__ == "__main__":
    main()
