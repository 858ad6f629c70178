"""How a command ends: an exit status that means something, and a message on stderr.

A status is the program's word on what it did. Where the results could not be told, it is another:
whoever read them went away (141, as if SIGPIPE had ended it), or where they went takes no more (3).
"""

import errno
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

import click

HELD, FAILED, BAD_INPUT, LACKING, INTERRUPTED, UNHEARD = 0, 1, 2, 3, 130, 141
# What a full or failing disk, a quota, or a closed descriptor says to a write.
UNWRITABLE = (errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EFBIG, errno.EBADF)


def fail(status: int, text: str) -> NoReturn:
    """Say what is wrong on stderr and end with that status."""
    click.echo(f"tieout: {text}", err=True)
    sys.exit(status)


def end(command: Callable[[], object]) -> NoReturn:
    """Run a command line and end the process by it; nothing that was printed is left unwritten."""
    try:
        status = _status_of(command)
        if sys.stdout is not None:
            sys.stdout.flush()
    except KeyboardInterrupt:
        status = _said("interrupted", INTERRUPTED)
    except OSError as error:
        status = _unwritten(error)
    sys.exit(status)


def _status_of(command: Callable[[], object]) -> int:
    try:
        told = command()
    except click.exceptions.Abort:
        return _said("interrupted", INTERRUPTED)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.exceptions.Exit as ending:
        return ending.exit_code
    except SystemExit as ending:
        told = ending.code
    return told if isinstance(told, int) else HELD


def _unwritten(error: OSError) -> int:
    if error.errno not in (errno.EPIPE, *UNWRITABLE) or error.filename is not None:
        raise error
    # Python would try once more to write what is left, and complain.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.__stdout__.fileno() if sys.__stdout__ is not None else nowhere)
    if error.errno == errno.EPIPE:
        return UNHEARD
    return _said(f"the results cannot be written: {error.strerror}", LACKING)


def _said(text: str, status: int) -> int:
    with suppress(OSError):
        click.echo(f"tieout: {text}", err=True)
    return status
