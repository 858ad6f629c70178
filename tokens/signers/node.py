"""What a signer asks of a node before it signs, as of one head."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from tokens.typed import Domain


@dataclass(slots=True, frozen=True)
class View:
    """A contract as a node has it. Times are the blocks' own, in seconds.

    `domain` is what the contract says of itself (EIP-5267), `chain_id` what the node says. `epochs`
    are those in force for each holder that was asked about, in lower case.
    """

    chain_id: int
    domain: Domain
    head: int
    final: int
    epochs: Mapping[str, int] = field(default_factory=dict)


class NoView(Exception):
    """The node did not say, or said nothing that can be read; the text says what."""


class Node(Protocol):
    """One node. A signer of its own should have a node of its own."""

    def view(self, contract: str, holders: Collection[str]) -> View:
        """The contract and these holders at the newest head; or `NoView`, in a bounded time."""
