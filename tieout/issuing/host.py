"""What the simulated surroundings of a token need of where the node lives."""

from typing import Protocol

from core.events import Event
from core.frames import Frame
from core.state import State


class TokenHost(Protocol):
    """The one door in, and what the books say; None while nobody is at home."""

    def tell(self, told: Frame | Event) -> None: ...

    @property
    def state(self) -> State | None: ...
