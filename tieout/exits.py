"""How a command ends: an exit status that means something, and a message on stderr.

A status is the program's word on what it did. Where the results could not be told, it is another:
whoever read them went away (141, as if SIGPIPE had ended it), or where they went takes no more (3).
Where the program itself broke it is one more (4): a bug of ours is no claim that failed.
"""

import errno
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

import click

HELD, FAILED, BAD_INPUT, LACKING, BROKEN, INTERRUPTED, UNHEARD = 0, 1, 2, 3, 4, 130, 141
# By ^C, and by whoever has the machine to share out.
ASKED_TO_END = (signal.SIGINT, signal.SIGTERM)
# What a full or failing disk, a quota, or a closed descriptor says to a write.
UNWRITABLE = (errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EFBIG, errno.EBADF)


def fail(status: int, text: str) -> NoReturn:
    """Say what is wrong on stderr and end with that status."""
    click.echo(f"tieout: {text}", err=True)
    sys.exit(status)


def give_up(text: str) -> NoReturn:
    """End because somebody asked: asked again meanwhile, we are on our way."""
    for number in ASKED_TO_END:
        signal.signal(number, signal.SIG_IGN)
    fail(INTERRUPTED, text)


@contextmanager
def breaking(*, shown: bool) -> Iterator[None]:
    """What nobody foresaw is a line that names its place; `shown`, its traceback comes before."""
    try:
        yield
    except (click.ClickException, click.exceptions.Abort, click.exceptions.Exit):
        raise
    except Exception as error:
        if isinstance(error, OSError) and _is_of_output(error):
            raise
        if shown:
            traceback.print_exc()
        notes = getattr(error, "__notes__", None) or ["tieout --debug ... shows the traceback"]
        what = "".join(traceback.format_exception_only(type(error), error)).split("\n")[0]
        fail(BROKEN, f"a bug of ours: {what} ({_place_of(error)}); {'; '.join(notes)}")


def _place_of(error: Exception) -> str:
    """The last line of ours on the way to where it was raised."""
    root, place = Path(__file__).parent.parent, ""
    for frame in traceback.extract_tb(error.__traceback__):
        path = Path(frame.filename)
        if not place or path.is_relative_to(root):
            where = path.relative_to(root) if path.is_relative_to(root) else path.name
            place = f"{where}:{frame.lineno}"
    return place


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


def _is_of_output(error: OSError) -> bool:
    """Of what the results are written to, not of a file that has a name."""
    return error.errno in (errno.EPIPE, *UNWRITABLE) and error.filename is None


def _unwritten(error: OSError) -> int:
    if not _is_of_output(error):
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
