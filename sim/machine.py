"""A machine that executes real bytecode: an embedded EVM (pyrevm) in the simulated chain's blocks.

True here:

- What a contract does is the EVM's business: storage, logs, reverts with their data. Coin, fees and
  the nonces of accounts stay the chain's: inside the EVM every sender is rich and gas is free.
- A contract's `Transfer` logs are booked in the chain's ledger as well, so nodes answer `balanceOf`
  for any block, as of any time, as they do for plain tokens.
- Each execution leaves a mark. `rewind` goes back to one; a `call` as of an older block goes back,
  asks, and executes again what came after.
- Gas is counted with every slot warm that was ever touched: a real node counts up to 2,100 more for
  each (and up to 4,900 for one that is written). Gas is measured on a node, not here.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from sim.execution import GAS_REFUSED, TRANSFER_TOPIC, Ledger, Log, Outcome, Plain
from sim.typed import Transaction

NOBODY = "0x" + "00" * 20
RICH = 1 << 120
GAS_CALL = 30_000_000
SPEC = "CANCUN"  # what the contracts are compiled for
NONE = (
    "no embedded EVM: pyrevm has wheels for Python 3.11 and 3.12; "
    "with one of these, install requirements/tokens.txt"
)


class NoEvm(RuntimeError):
    """There is no embedded EVM in this Python; the text says which ones have it."""


class Reverted(Exception):
    """A call failed; `data` is what the contract said."""

    def __init__(self, data: bytes) -> None:
        super().__init__("0x" + data.hex())
        self.data = data


@dataclass(slots=True, frozen=True)
class Executed:
    """A transaction that was carried out, and where the EVM stood before."""

    number: int
    transaction: Transaction
    mark: Any


class Embedded:
    """The machine: contracts are executed, everything else is plain."""

    def __init__(self, chain_id: int, timestamp: Callable[[int], int], plain: Plain) -> None:
        """`timestamp` is that of the block of a number, in seconds; equal ones may follow."""
        revm = load()
        self._revm, self._timestamp, self._plain = revm, timestamp, plain
        self._evm = revm.EVM(env=revm.Env(cfg=revm.CfgEnv(chain_id=chain_id)), spec_id=SPEC)
        self._contracts: set[str] = set()
        self._executed: list[Executed] = []

    def deploy(self, deployer: str, code: bytes, number: int = 0) -> str:
        """A contract's address, which follows from deployer and order.

        What is deployed before anything was executed no fork takes away.
        """
        self._enter(number)
        try:
            address: str = self._evm.deploy(deployer, code)
        except RuntimeError as error:
            raise Reverted(_failed(error)) from error
        self._contracts.add(address.lower())
        return address.lower()

    def gas_min(self, transaction: Transaction) -> int:
        return self._plain.gas_min(transaction)

    def execute(
        self, transaction: Transaction, ledger: Ledger, number: int, now: int, *, revert: bool
    ) -> Outcome:
        if transaction.to not in self._contracts:
            return self._plain.execute(transaction, ledger, number, now, revert=revert)
        if revert:
            return Outcome(min(transaction.gas, GAS_REFUSED), succeeded=False)
        outcome = self._carry_out(transaction, number)
        if outcome.succeeded:
            ledger.add("", transaction.sender, -transaction.value, number, now)
            ledger.add("", transaction.to, transaction.value, number, now)
        for log in outcome.logs:
            self._book(log, ledger, number, now)
        return outcome

    def rewind(self, after: int) -> None:
        self._back(after)

    def call(self, to: str, data: bytes, number: int, sender: str = NOBODY) -> bytes:
        """What a contract answers as of the block of that number; nothing changes by it."""
        later = self._back(number)
        self._enter(number)
        mark = self._mark()
        try:
            return self._message(sender, to, data, 0, GAS_CALL)
        finally:
            self._return_to(mark)
            for executed in later:
                self._carry_out(executed.transaction, executed.number)

    def storage(self, address: str, slot: int) -> int:
        """A word of a contract's storage, as of the newest block."""
        told: int = self._evm.storage(address, slot)
        return told

    def code(self, address: str) -> bytes:
        """The code that stands there now."""
        return bytes(self._evm.get_code(address) or b"")

    # --- the EVM ---------------------------------------------------------------------------------

    def _carry_out(self, transaction: Transaction, number: int) -> Outcome:
        self._enter(number)
        self._executed.append(Executed(number, transaction, self._mark()))
        sender, to, value = transaction.sender, transaction.to, transaction.value
        try:
            output = self._message(sender, to, transaction.data, value, transaction.gas)
        except Reverted as error:
            return Outcome(self._evm.result.gas_used, succeeded=False, output=error.data)
        result = self._evm.result
        logs = tuple(_log(each) for each in result.logs)
        return Outcome(result.gas_used, succeeded=True, logs=logs, output=output)

    def _message(self, sender: str, to: str, data: bytes, value: int, gas: int) -> bytes:
        self._evm.set_balance(sender, RICH)
        try:
            told = self._evm.message_call(sender, to, data, value, gas)
        except RuntimeError as error:
            raise Reverted(_failed(error)) from error
        finally:
            self._evm.reset_transient_storage()
        return bytes(told)

    def _enter(self, number: int) -> None:
        block = self._revm.BlockEnv(number=number, timestamp=self._timestamp(number))
        self._evm.set_block_env(block)

    def _mark(self) -> Any:
        # A mark stays good when its depth is given back at once: depth is the EVM's call stack,
        # which has 1,024 places; a mark is a place in its journal.
        mark = self._evm.snapshot()
        self._evm.commit()
        return mark

    def _return_to(self, mark: Any) -> None:
        self._evm.snapshot()
        self._evm.revert(mark)

    def _back(self, number: int) -> list[Executed]:
        """Undo what was executed in blocks above that number; it is told, in order."""
        later = [executed for executed in self._executed if executed.number > number]
        if later:
            self._return_to(later[0].mark)
            del self._executed[-len(later) :]
        return later

    def _book(self, log: Log, ledger: Ledger, number: int, now: int) -> None:
        if len(log.topics) != 3 or log.topics[0] != TRANSFER_TOPIC:
            return
        sender, receiver = ("0x" + topic[-40:] for topic in log.topics[1:])
        amount = int.from_bytes(log.data)
        if sender != NOBODY:
            ledger.add(log.address, sender, -amount, number, now)
        if receiver != NOBODY:
            ledger.add(log.address, receiver, amount, number, now)


def there() -> bool:
    """Whether this Python has an embedded EVM."""
    return find_spec("pyrevm") is not None


def load() -> Any:
    """The embedded EVM; `NoEvm` where there is none."""
    try:
        import pyrevm
    except ImportError as error:
        raise NoEvm(NONE) from error
    return pyrevm


def _failed(error: RuntimeError) -> bytes:
    """What a contract said when it reverted; nothing if it ran out of gas or worse."""
    told = str(error)
    if told.startswith("Halt"):
        return b""
    if not told.startswith("Revert"):
        raise error  # ours: the EVM did not even begin
    output = re.search(r"output: 0x([0-9a-f]*)", told)
    return bytes.fromhex(output[1]) if output else b""


def _log(told: Any) -> Log:
    return Log(told.address.lower(), tuple(told.topics), bytes(told.data[1]))
