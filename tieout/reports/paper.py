"""What results for people are printed on: colours and tables in a terminal, plain text in a pipe.

Rule. Of a reader who went away it says what everything else says (`tieout.exits`), and not status
1: that would be a claim that failed.
"""

import errno
import os
from typing import NoReturn

from rich.console import Console


class Paper(Console):
    """Names are no markup, and no number in prose has a colour of its own."""

    def __init__(self, *, prose: bool = False) -> None:
        """`prose` is never cut into lines, so that it stays whole in a pipe."""
        super().__init__(highlight=False, markup=False, emoji=False, soft_wrap=prose)

    def on_broken_pipe(self) -> NoReturn:
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))
