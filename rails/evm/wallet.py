"""What an account on an EVM chain consists of: its addresses, its coin, the tokens it keeps."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

RANGES: tuple[int, ...] = (4, 16, 64, 256, 1024, 4096, 16384)


@dataclass(frozen=True)
class Wallet:
    """One account of ours ("chain/hot").

    Payments leave from `address`; value may also come to the `deposits`, which send nothing. The
    account's balance is that of all of them. `tokens` maps each asset to its contract. Blocks give
    no hint of value that comes to any other address or in any other token. `range_max` is how many
    blocks one request reads at most, one of `RANGES`: many nodes give no logs of more.
    """

    account: str
    address: str
    chain_id: int
    coin: str = "ETH"
    tokens: Mapping[str, str] = field(default_factory=dict)
    deposits: tuple[str, ...] = ()
    range_max: int = RANGES[-1]

    @cached_property
    def addresses(self) -> tuple[str, ...]:
        """All of them, in lower case; the one that pays first."""
        return tuple(address.lower() for address in (self.address, *self.deposits))

    @cached_property
    def assets(self) -> Mapping[str, str]:
        """The asset of each token's contract (in lower case)."""
        return {contract.lower(): asset for asset, contract in self.tokens.items()}
