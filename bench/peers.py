"""`python -m bench.peers`: makes `.venv-peers`, where the peers and our compiled build live.

NautilusTrader needs Python 3.12 or newer: the first of them on PATH is taken.
"""

import shutil
import subprocess
import sys

from bench.interpreters import ROOT

PYTHONS = ("python3.12", "python3.13", "python3.14")
FOLDER = ".venv-peers"


def main() -> None:
    """Make it, by the Makefile's own recipes."""
    python = next(filter(_runs, PYTHONS), None)
    if python is None:
        sys.exit(f"the peers need one of {', '.join(PYTHONS)} on PATH")
    settings = [f"VENV={FOLDER}", f"COMPILED={FOLDER}", f"PYTHON={python}"]
    for target in ("compiled", f"{FOLDER}/.bench"):
        command = ["make", *settings, target]
        subprocess.run(command, cwd=ROOT, check=True)  # noqa: S603  # our own Makefile


def _runs(python: str) -> bool:
    """A name on PATH may be a shim with nothing behind it."""
    if shutil.which(python) is None:
        return False
    return not subprocess.run([python, "-c", ""], capture_output=True).returncode  # noqa: S603


if __name__ == "__main__":
    main()
