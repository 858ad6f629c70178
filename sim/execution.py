"""What a transaction does when it is mined: value moves, and logs tell of tokens.

`Plain` knows plain transfers of the coin and `transfer` of a token. Another `Machine` may execute
real bytecode in its place: the chain asks nothing else of it.
"""

from dataclasses import dataclass
from typing import Protocol

from sim.typed import Transaction, keccak256
from sim.versions import Versions

TRANSFER = bytes.fromhex("a9059cbb")
TRANSFER_TOPIC = "0x" + keccak256(b"Transfer(address,address,uint256)").hex()
GAS_COIN = 21_000
GAS_TOKEN = 51_438
GAS_REFUSED = 24_310


@dataclass(slots=True, frozen=True)
class Log:
    """What a contract told while it was executed."""

    address: str
    topics: tuple[str, ...]
    data: bytes


@dataclass(slots=True, frozen=True)
class Outcome:
    """What became of the execution: gas, whether it went through, and its logs (none if not).

    `output` is what a contract returned, or said when it failed; no node keeps it.
    """

    gas_used: int
    succeeded: bool
    logs: tuple[Log, ...] = ()
    output: bytes = b""


@dataclass(slots=True)
class Ledger:
    """Balances and nonces as of any block: the coin's under the asset "", tokens' by contract."""

    versions: Versions

    def balance(self, asset: str, address: str, number: int, now: int) -> int:
        return self.versions.read((asset, address), number, now)

    def nonce(self, address: str, number: int, now: int) -> int:
        return self.versions.read(("nonce", address), number, now)

    def set_nonce(self, address: str, nonce: int, number: int, now: int) -> None:
        self.versions.write(("nonce", address), nonce, number, now)

    def add(self, asset: str, address: str, amount: int, number: int, now: int) -> None:
        """More of it, or less; never less than nothing."""
        balance = self.balance(asset, address, number, now) + amount
        assert balance >= 0, f"{address} has no {-amount} of {asset or 'the coin'}"
        self.versions.write((asset, address), balance, number, now)

    def total(self, asset: str, number: int, now: int) -> int:
        """All that there is of an asset."""
        keys = [
            key for key in self.versions.written() if isinstance(key, tuple) and key[0] == asset
        ]
        return sum(self.versions.read(key, number, now) for key in keys)


class Machine(Protocol):
    """Executes transactions. Nonce and gas are the chain's business, the rest is the machine's."""

    def gas_min(self, transaction: Transaction) -> int:
        """What it costs before anything is executed."""

    def execute(
        self, transaction: Transaction, ledger: Ledger, number: int, now: int, *, revert: bool
    ) -> Outcome:
        """Carry it out in the block of this number; with `revert` it fails after its start."""

    def rewind(self, after: int) -> None:
        """The blocks above `after` gave way: what the machine keeps of its own goes back."""

    def call(self, to: str, data: bytes, number: int) -> bytes:
        """What a contract answers as of the block of that number; nothing changes by it."""


class Plain:
    """Transfers and nothing else; a call of anything else just moves its value."""

    def __init__(self, tokens: tuple[str, ...]) -> None:
        self._tokens = tokens

    def gas_min(self, transaction: Transaction) -> int:
        nonzero = sum(1 for byte in transaction.data if byte)
        return GAS_COIN + 16 * nonzero + 4 * (len(transaction.data) - nonzero)

    def execute(
        self, transaction: Transaction, ledger: Ledger, number: int, now: int, *, revert: bool
    ) -> Outcome:
        sender, to, value = transaction.sender, transaction.to, transaction.value
        if to not in self._tokens:
            if revert:
                return Outcome(GAS_COIN, succeeded=False)
            ledger.add("", sender, -value, number, now)
            ledger.add("", to, value, number, now)
            return Outcome(GAS_COIN, succeeded=True)
        receiver, amount = _transfer(transaction.data)
        short = amount > ledger.balance(to, sender, number, now)
        gas = min(transaction.gas, GAS_REFUSED if revert or short else GAS_TOKEN)
        if revert or short or value or not receiver or transaction.gas < GAS_TOKEN:
            return Outcome(gas, succeeded=False)
        ledger.add(to, sender, -amount, number, now)
        ledger.add(to, receiver, amount, number, now)
        return Outcome(gas, succeeded=True, logs=(transfer_log(to, sender, receiver, amount),))

    def rewind(self, after: int) -> None:
        """It keeps nothing of its own: the ledger reads past what gave way."""

    def call(self, to: str, data: bytes, number: int) -> bytes:
        """Nothing, as where no code is."""
        return b""


def _transfer(data: bytes) -> tuple[str, int]:
    """Receiver and amount of a call of `transfer`; ("", 0) if it is another call."""
    if len(data) != 68 or data[:4] != TRANSFER or data[4:16].strip(b"\0"):
        return "", 0
    return "0x" + data[16:36].hex(), int.from_bytes(data[36:])


def transfer_log(token: str, sender: str, receiver: str, amount: int) -> Log:
    """The log of a token's transfer."""
    topics = (TRANSFER_TOPIC, topic(sender), topic(receiver))
    return Log(token, topics, amount.to_bytes(32))


def topic(address: str) -> str:
    """An address as an indexed argument of a log."""
    return "0x" + "0" * 24 + address[2:]
