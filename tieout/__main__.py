"""`tieout`, and `python -m tieout`. An interrupt is status 130 from the first line on."""

import os
import signal
import sys
from types import FrameType

SHOW_CURSOR = "\x1b[?25h"


def run() -> None:
    """Run the command line and end the process."""
    # Not as an exception: raised within an import or a class body it ends as another one, or kills.
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, _give_up)
    from tieout.cli import run as command

    command()


def _give_up(number: int, frame: FrameType | None) -> None:
    """End at once; a bar of progress may have hidden the cursor. `--debug` asks where we were."""
    if "--debug" in sys.argv:
        import traceback

        traceback.print_stack(frame)
    text = "tieout: interrupted\n"
    os.write(2, (SHOW_CURSOR + text if os.isatty(2) else text).encode())
    os._exit(130)


if __name__ == "__main__":
    run()
