"""What a rail's dialect is made of: how we ask, and how we read.

A dialect package holds `requests.py` (an effect becomes a request), `decoder.py` (a frame becomes
events; pure, shared by the simulation and live) and `simulated.py` (the keeper of the rail, in its
own words).
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

from core.effects import Effect
from core.frames import RETRY_AFTER, Decode


@dataclass(slots=True, frozen=True)
class Request:
    """One request as it goes to a bank, a custodian or a node, before it is signed."""

    method: Literal["GET", "POST", "PUT", "DELETE"]
    path: str
    params: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(slots=True, frozen=True)
class Dialect:
    """One rail's way to ask and to be read."""

    rail: str
    request: Callable[[Effect], Request]
    decode: Decode
    headers: tuple[str, ...] = (RETRY_AFTER,)

    def read_by(self, decode: Decode, rail: str) -> "Dialect":
        """The same way to ask, under another name, and read by more than its own decoder."""
        return replace(self, rail=rail, decode=decode)
