"""How every dialect's reader is entered: the drop copy aside, guarded, and checked for shape."""

from core import reading
from core.events import Event
from core.frames import Frame
from core.reading import Decimals, Read
from venues import dropcopy
from venues.reading import no_answer


def read(frame: Frame, decimals: Decimals, stream: Read, answer: Read) -> list[Event]:
    """Every event that the frame tells, read by the dialect's own `stream` or `answer`."""
    if frame.channel == "dropcopy":
        return dropcopy.decode(frame, decimals)
    return reading.read(frame, decimals, stream, answer, no_answer)
