"""How a command ends: an exit status that means something, and a message on stderr."""

import sys
from typing import NoReturn

import click

HELD, FAILED, BAD_INPUT, LACKING, INTERRUPTED = 0, 1, 2, 3, 130


def fail(status: int, text: str) -> NoReturn:
    """Say what is wrong on stderr and end with that status."""
    click.echo(f"tieout: {text}", err=True)
    sys.exit(status)
