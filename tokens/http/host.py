"""What the control plane needs of a node: that it is told something, and that it can be looked at.

The host wires the rest: it performs the node's effects after each commit, and hands `TellCaller` to
`ControlPlane.told`. Both methods run in the one event loop of node and control plane.
"""

from typing import Protocol

from core.state import State
from core.token_events import TokenEvent


class NotTaken(RuntimeError):
    """The node did not make it durable, or nobody knows whether it did."""


class Host(Protocol):
    """A node as the control plane sees it, in a simulation or live."""

    async def tell(self, event: TokenEvent) -> None:
        """Have it delivered, stamped by the node's clock; returns once its group is durable.

        Raises `NotTaken`.
        """

    async def state(self) -> State:
        """The books as they stand: all that they hold is durable. They are only looked at.

        Raises `NotTaken` where that is not known.
        """
