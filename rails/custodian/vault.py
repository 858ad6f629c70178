"""What is truly in the simulated vault: transactions and balances, in decimals of their assets."""

from dataclasses import dataclass, field
from decimal import Decimal
from itertools import takewhile

ZERO = Decimal(0)
OURS = "VAULT_ACCOUNT"


@dataclass(slots=True, eq=False)
class Tx:
    """One transaction as the custodian has it; times are its milliseconds."""

    tx_id: str
    external_id: str
    asset: str
    amount: Decimal
    source: dict[str, str]
    destination: dict[str, str]
    created_at: int
    updated_at: int
    address: str = ""
    tag: str = ""
    note: str = ""
    status: str = "SUBMITTED"
    sub_status: str = ""
    tx_hash: str = ""
    replaced_hash: str = ""
    fee: Decimal = ZERO
    fee_asset: str = ""
    height: int = 0

    @property
    def out(self) -> bool:
        return self.source["type"] == OURS

    @property
    def to_third_party(self) -> bool:
        return self.destination["type"] == "EXCHANGE_ACCOUNT"


@dataclass(slots=True, eq=False)
class Vault:
    """The balances of one vault account, and what is on its way out of it."""

    number: str
    totals: dict[str, Decimal]
    transactions: dict[str, Tx] = field(default_factory=dict)
    by_external_id: dict[str, Tx] = field(default_factory=dict)
    reserved: dict[str, Decimal] = field(default_factory=dict)

    def keep(self, tx: Tx) -> None:
        self.transactions[tx.tx_id] = tx
        if tx.external_id:
            self.by_external_id[tx.external_id] = tx

    def free(self, asset: str) -> Decimal:
        return self.totals.get(asset, ZERO) - self.reserved.get(asset, ZERO)

    def reserve(self, tx: Tx, sign: int) -> None:
        """Set aside (1) what a transaction will take, or let go of it (-1)."""
        for asset, amount in ((tx.asset, tx.amount), (tx.fee_asset, tx.fee)):
            if amount:
                self.reserved[asset] = self.reserved.get(asset, ZERO) + sign * amount

    def book(self, asset: str, amount: Decimal) -> None:
        self.totals[asset] = self.totals.get(asset, ZERO) + amount

    def touch(self, tx: Tx) -> None:
        """It changed: `transactions` stand in the order in which they changed last."""
        self.transactions[tx.tx_id] = self.transactions.pop(tx.tx_id)

    def updated_after(self, after_ms: int, limit: int) -> list[Tx]:
        """The first so many that changed after a millisecond, as they changed."""
        newest = reversed(self.transactions.values())
        later = list(takewhile(lambda tx: tx.updated_at > after_ms, newest))
        return later[::-1][:limit]
