"""Other interpreters: the compiled build's and the peers', and how they are asked for a figure.

The worker runs from a folder without our source, so that what it imports is what is installed
there; the bench itself is found last on its path.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec

from bench import stream as streams
from bench.stream import Stream

ROOT = Path(__file__).parent.parent


def compiled_python() -> tuple[Path | None, str]:
    """The interpreter with the compiled build; else None, and why."""
    python = _named("TIEOUT_COMPILED_PYTHON", ".venv-compiled")
    if python is None:
        return None, "no compiled environment (`make compiled`)"
    program = "import core.step, sys; sys.exit(core.step.__file__.endswith('.py'))"
    if _fails(python, program):
        return None, f"{python} has no compiled core"
    return python, ""


def peers_python(module: str = "nautilus_trader") -> tuple[Path | None, str]:
    """An interpreter with a peer; else None, and why."""
    for python in (_named("TIEOUT_PEERS_PYTHON", ".venv-peers"), Path(sys.executable)):
        if python is not None and _has(python, module):
            return python, ""
    return None, f"{module} is not installed (`make peers`; needs Python 3.12)"


def next_python() -> tuple[Path | None, str]:
    """The interpreter with NautilusTrader's pre-release; else None, and why."""
    python = _named("TIEOUT_PEERS_NEXT_PYTHON", ".venv-peers-next")
    if python is not None and _has(python, "nautilus_trader"):
        return python, ""
    return None, "NautilusTrader's pre-release is not installed (`make peers`; needs Python 3.12)"


def _has(python: Path, module: str) -> bool:
    return not _fails(
        python, f"import importlib.util, sys; sys.exit(not importlib.util.find_spec({module!r}))"
    )


def _fails(python: Path, program: str) -> bool:
    asked = subprocess.run(  # noqa: S603  # our own program
        [python, "-c", program], cwd=tempfile.gettempdir(), capture_output=True
    )
    return asked.returncode != 0


def _named(variable: str, folder: str) -> Path | None:
    told = os.environ.get(variable)
    python = Path(told) if told else ROOT / folder / "bin" / "python"
    return python if python.exists() else None


def ask(
    python: Path, subject: str, stream: Stream, rounds: int, path: str = ""
) -> dict[str, float]:
    """Have another interpreter measure a subject, as `bench.worker` takes it.

    A `path` comes before what is installed there.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "stream.json"
        streams.save(stream, file)
        worker = Path(__file__).with_name("worker.py")
        finished = subprocess.run(  # noqa: S603  # our own program
            [python, "-P", worker, subject, file, str(rounds)],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": path},
            stdout=subprocess.PIPE,
            check=True,
        )
    return msgspec.json.decode(finished.stdout.splitlines()[-1], type=dict[str, float])
