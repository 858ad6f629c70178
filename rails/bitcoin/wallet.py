"""What an account on Bitcoin consists of: its addresses, and how deep is final for us."""

from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Wallet:
    """One account of ours ("bitcoin/hot"), watched by the node's own wallet.

    Change returns to `address`, the only one whose outputs we spend. A block is final for us once
    `confirmations` are built upon it, itself counted: Bitcoin knows no other finality.
    """

    account: str
    address: str
    coin: str = "BTC"
    deposits: tuple[str, ...] = ()
    confirmations: int = 6

    @cached_property
    def addresses(self) -> tuple[str, ...]:
        """All of them; the one that pays first."""
        return (self.address, *self.deposits)
