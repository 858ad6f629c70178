"""Processes that a live node begins: what they are given of its environment, and that they end.

True here: a strategy is somebody's code, and a key of a venue is none of its business. The node's
secrets may lie in its environment, under names that nobody can list; so a child is given the few
names below, and no other.
"""

import os
import sys
from asyncio import create_subprocess_exec
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping, Sequence
from contextlib import suppress

NAMES = frozenset(
    "PATH HOME LANG TZ TMPDIR VIRTUAL_ENV LD_LIBRARY_PATH SSL_CERT_FILE SSL_CERT_DIR".split()
)
BEGINNINGS = ("PYTHON", "LC_")


def environment(ours: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What a child is given of ours: how Python runs there, and no secret."""
    return {
        name: told for name, told in ours.items() if name in NAMES or name.startswith(BEGINNINGS)
    }


async def begun(
    words: Sequence[str], *, stdout: int | None = None, limit: int = 1 << 16
) -> Process:
    """A Python process with our words as its arguments, its input from us.

    Raises OSError where the machine has no room for one.
    """
    return await create_subprocess_exec(
        sys.executable,
        *words,
        stdin=PIPE,
        stdout=stdout,
        limit=limit,
        env=environment(),
        start_new_session=True,  # whoever interrupts the node does not interrupt it
    )


def end(process: Process | None) -> None:
    """Kill it, if it lives."""
    if process is not None and process.returncode is None:
        with suppress(ProcessLookupError):
            process.kill()
