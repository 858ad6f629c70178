"""How every dialect's reader is entered: the drop copy aside, guarded, and checked for shape.

Nothing that a venue sends may raise beyond here: an answer that cannot be read is no answer, any
other frame that cannot be read is quarantined.
"""

from collections.abc import Callable, Mapping

from core.events import Event
from core.frames import Frame
from venues import dropcopy
from venues.reading import Unreadable, no_answer, quarantined, sound

Decimals = Mapping[str, int]
Read = Callable[[Frame, Decimals], list[Event]]
STRANGE = (Unreadable, AttributeError, IndexError, KeyError, TypeError, ValueError)


def read(frame: Frame, decimals: Decimals, stream: Read, answer: Read) -> list[Event]:
    """Every event that the frame tells, read by the dialect's own `stream` or `answer`."""
    if frame.channel == "dropcopy":
        return dropcopy.decode(frame, decimals)
    try:
        return sound(
            stream(frame, decimals) if frame.channel == "stream" else answer(frame, decimals)
        )
    except STRANGE as error:
        if frame.about is not None:
            return no_answer(frame, frame.about, f"unreadable answer: {error!r}")
        return quarantined(frame, f"{type(error).__name__}: {error}")
