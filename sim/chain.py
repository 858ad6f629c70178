"""The chain world: one EVM-like chain with its mempool, its fee market, its forks and its truth.

True here:

- Blocks cost nothing until a transaction is in them: only then, and only as long as some
  transaction could go in, does the world wake for the next one.
- Signatures are verified. An account's nonces are strictly sequential: a gap blocks all behind it.
- A replacement bears the same nonce and pays a tenth more on both caps, as geth asks.
- A reorganisation never reaches a final block. What was in the blocks that gave way is mined again
  in others, or waits in the mempool again, or an earlier attempt takes its place, or nobody keeps
  it.
- Everything can be read as of an earlier time: that is how a node lags.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable
from dataclasses import dataclass, field

from sim.dice import Dice
from sim.execution import Ledger, Machine, Outcome, Plain
from sim.fees import GWEI, FeeMarket
from sim.forks import SECOND, Epochs, Slots, Timeline
from sim.typed import BadTransaction, Transaction, keccak256, read_transaction
from sim.versions import Versions
from sim.world import Call, World

BLOCK_MAX = 200  # transactions of anybody whom we model
PATIENCE_MAX = 25  # blocks
FOREVER = 1 << 62
BURNT = "0x" + "00" * 20  # where fees go: of the chain's whole value nothing is lost


@dataclass(slots=True, eq=False)
class Mined:
    """A transaction in a block: of this number, made by that fork, at that time."""

    transaction: Transaction
    number: int
    branch: int
    index: int
    at: int
    price: int
    outcome: Outcome
    first_log: int
    internal: tuple[str, str, int] | None = None

    @property
    def fee(self) -> int:
        return self.price * self.outcome.gas_used


@dataclass(slots=True, eq=False)
class Known:
    """What the nodes know of a transaction: when it was in the mempool, which blocks had it."""

    transaction: Transaction
    waited: list[tuple[int, int]] = field(default_factory=list)
    mined: list[Mined] = field(default_factory=list)
    internal: tuple[str, str, int] | None = None

    def waits(self, now: int) -> bool:
        """Whether it is in the mempool at that time."""
        return any(since <= now < until for since, until in self.waited)

    def leave(self, now: int) -> None:
        """It is not in the mempool any more."""
        self.waited[-1] = (self.waited[-1][0], now)


class Chain:
    """One chain."""

    def __init__(
        self,
        name: str,
        world: World,
        dice: Dice,
        *,
        chain_id: int = 1,
        tokens: tuple[str, ...] = (),
        machine: Machine | None = None,
        slot_ns: int = 12 * SECOND,
    ) -> None:
        """Block 0 is there now; `tokens` are contracts that tell their transfers. `misquoted` are
        blocks that a node told otherwise than they are."""
        self.name, self.chain_id, self.tokens = name, chain_id, tokens
        self.world = world
        slots = Slots(world.now, slot_ns)
        self.finality = Epochs(slots)
        self.timeline = Timeline(name, slots, self.finality)
        self.fees = FeeMarket(dice.seed, name)
        self.ledger = Ledger(Versions(self.timeline))
        self.machine: Machine = machine if machine is not None else Plain(tokens)
        self.issued: dict[str, int] = {}
        self.misquoted: dict[str, None] = {}
        self.known: dict[str, Known] = {}
        self.blocks: dict[tuple[int, int], list[Mined]] = {}
        self.reverts: Callable[[Transaction], bool] = lambda transaction: False
        self.on_block: Callable[[int, list[Mined]], None] = lambda number, mined: None
        self.on_fork: Callable[[list[Mined]], None] = lambda gone: None
        self._pool: dict[str, dict[int, Known]] = {}
        self._attempts: dict[tuple[str, int], list[Known]] = {}
        self._dice = dice.stream(f"chain/{name}/blocks")
        self._filled: list[int] = []
        self._call: Call | None = None
        self._patience = 1
        self._outsiders = 0

    # --- reading ---------------------------------------------------------------------------------

    def head(self, now: int) -> int:
        return self.timeline.head(now)

    def final(self, now: int) -> int:
        return self.timeline.final(now)

    def block(self, number: int, now: int) -> list[Mined]:
        """What is in the block that has this number at that time."""
        return self.blocks.get((number, self.timeline.branch(number, now)), [])

    def filled(self, first: int, last: int) -> list[int]:
        """The numbers in this range that ever had a transaction, in order."""
        lo, hi = bisect_left(self._filled, first), bisect_right(self._filled, last)
        return self._filled[lo:hi]

    def place(self, known: Known, now: int) -> Mined | None:
        """Where the transaction is mined, as the chain stands at that time."""
        for mined in reversed(known.mined):
            if mined.at <= now and self.stands(mined, now):
                return mined
        return None

    def stands(self, mined: Mined, now: int) -> bool:
        """Whether its block is part of the chain at that time."""
        return self.timeline.branch(mined.number, now) == mined.branch

    def balance(self, asset: str, address: str) -> int:
        """The newest balance; of the coin for ""."""
        now = self.world.now
        return self.ledger.balance(asset, address, self.head(now), now)

    def nonce(self, address: str) -> int:
        """How many transactions of the account are mined."""
        now = self.world.now
        return self.ledger.nonce(address, self.head(now), now)

    # --- the mempool -----------------------------------------------------------------------------

    def fund(self, asset: str, address: str, amount: int) -> None:
        """What the account had when the world began."""
        self.issued[asset] = self.issued.get(asset, 0) + amount
        self.ledger.add(asset, address, amount, 0, self.world.now)

    def submit(self, raw: bytes) -> Transaction:
        """Take signed bytes into the mempool; `BadTransaction` says why not."""
        transaction = read_transaction(raw, self.chain_id)
        self._check(transaction)
        old = self._pool.get(transaction.sender, {}).get(transaction.nonce)
        if old is not None:
            self._leave(old)
        known = self.known.get(transaction.hash)
        if known is None:
            known = self.known[transaction.hash] = Known(transaction)
            place = (transaction.sender, transaction.nonce)
            self._attempts.setdefault(place, []).append(known)
        self._wait(known)
        return transaction

    def _check(self, transaction: Transaction) -> None:
        """geth's rules, in geth's order and words."""
        known = self.known.get(transaction.hash)
        if known is not None and known.waits(self.world.now):
            raise BadTransaction("already known")
        if transaction.tip_max > transaction.fee_max:
            raise BadTransaction(
                "max priority fee per gas higher than max fee per gas: address "
                f"{transaction.sender}, maxPriorityFeePerGas: {transaction.tip_max}, "
                f"maxFeePerGas: {transaction.fee_max}"
            )
        needed = self.machine.gas_min(transaction)
        if transaction.gas < needed:
            raise BadTransaction(
                f"intrinsic gas too low: gas {transaction.gas}, minimum needed {needed}"
            )
        if transaction.tip_max < 1:
            raise BadTransaction("transaction underpriced: gas tip cap 0, minimum needed 1")
        nonce = self.nonce(transaction.sender)
        if transaction.nonce < nonce:
            raise BadTransaction(f"nonce too low: next nonce {nonce}, tx nonce {transaction.nonce}")
        balance, cost = self.balance("", transaction.sender), cost_max(transaction)
        if balance < cost:
            raise BadTransaction(
                f"insufficient funds for gas * price + value: balance {balance}, tx cost {cost}, "
                f"overshot {cost - balance}"
            )
        old = self._pool.get(transaction.sender, {}).get(transaction.nonce)
        if old is not None and not outbids(transaction, old.transaction):
            raise BadTransaction("replacement transaction underpriced")

    def _wait(self, known: Known) -> None:
        transaction = known.transaction
        known.waited.append((self.world.now, FOREVER))
        self._pool.setdefault(transaction.sender, {})[transaction.nonce] = known
        self._patience = 1
        self._wake()

    def waiting(self, sender: str) -> list[Transaction]:
        """What waits in the mempool for this account, by nonce."""
        waiting = self._pool.get(sender, {})
        return [waiting[nonce].transaction for nonce in sorted(waiting)]

    def drop(self, tx_hash: str) -> bool:
        """The mempool forgets a transaction; False if it did not wait there."""
        known = self.known.get(tx_hash)
        if known is None or not known.waits(self.world.now):
            return False
        self._leave(known)
        return True

    def _leave(self, known: Known) -> None:
        known.leave(self.world.now)
        waiting = self._pool[known.transaction.sender]
        del waiting[known.transaction.nonce]
        if not waiting:
            del self._pool[known.transaction.sender]

    # --- blocks ----------------------------------------------------------------------------------

    def _wake(self) -> None:
        """See to it that the next block is made, if anything could go in."""
        if self._call is not None:
            self._call.cancel()
            self._call = None
        if any(self._next(sender) for sender in self._pool):
            number = self.head(self.world.now) + self._patience
            at = self.timeline.schedule.time(number)
            self._call = self.world.call_at(at, self._make, number)

    def _next(self, sender: str) -> Known | None:
        """The account's next transaction in order, if it waits."""
        return self._pool.get(sender, {}).get(self.nonce(sender))

    def _make(self, number: int) -> None:
        self._call = None
        if (number, self.timeline.branch(number, self.world.now)) in self.blocks:
            # A fork at this very instant has filled it, and a block never changes.
            self._wake()
            return
        # What nobody wants is looked at less and less often, down to every fifth minute.
        went_in = self._fill(number, chance=(7, 8))
        self._patience = 1 if went_in else min(2 * self._patience, PATIENCE_MAX)
        self._wake()

    def _fill(self, number: int, chance: tuple[int, int]) -> bool:
        """Mine what pays enough, each account's in order; some wait for no reason of ours."""
        now = self.world.now
        base, tip_min = self.fees.base(number), self.fees.tip_min(number)
        mined: list[Mined] = []
        for sender in list(self._pool):
            while (known := self._next(sender)) is not None and len(mined) < BLOCK_MAX:
                transaction = known.transaction
                tip = min(transaction.tip_max, transaction.fee_max - base)
                if tip < tip_min or not self._dice.chance(*chance):
                    break
                if cost_max(transaction) > self.balance("", sender):
                    break
                first_log = sum(len(other.outcome.logs) for other in mined)
                mined.append(self._mine(known, number, len(mined), base + tip, first_log, now))
        if mined:
            branch = self.timeline.branch(number, now)
            self.blocks.setdefault((number, branch), []).extend(mined)
            if number not in self._filled[-1:]:
                place = bisect_left(self._filled, number)
                if self._filled[place : place + 1] != [number]:
                    insort(self._filled, number)
            self.on_block(number, mined)
        return bool(mined)

    def _mine(
        self, known: Known, number: int, index: int, price: int, first_log: int, now: int
    ) -> Mined:
        transaction, ledger = known.transaction, self.ledger
        self._leave(known)
        ledger.set_nonce(transaction.sender, transaction.nonce + 1, number, now)
        outcome = self._outcome(known, number, now)
        fee = price * outcome.gas_used
        ledger.add("", transaction.sender, -fee, number, now)
        ledger.add("", BURNT, fee, number, now)
        branch = self.timeline.branch(number, now)
        mined = Mined(
            transaction, number, branch, index, now, price, outcome, first_log, known.internal
        )
        known.mined.append(mined)
        return mined

    def _outcome(self, known: Known, number: int, now: int) -> Outcome:
        """What it does: as it says, or as the world arranged for an outsider's."""
        transaction = known.transaction
        if known.internal is not None:
            sender, receiver, amount = known.internal
            self.ledger.add("", sender, -amount, number, now)
            self.ledger.add("", receiver, amount, number, now)
            return Outcome(60_000, succeeded=True)
        revert = self.reverts(transaction)
        return self.machine.execute(transaction, self.ledger, number, now, revert=revert)

    # --- forks -----------------------------------------------------------------------------------

    def reorganise(self, depth: int, vanish: str = "", forget: str = "") -> int:
        """The newest blocks give way to others; how many did.

        `vanish` names a transaction that the other chain never heard of: its money was spent
        otherwise, and it does not come back. `forget` names one that no mempool takes back: it is
        nowhere until somebody submits it again.
        """
        now = self.world.now
        head = self.head(now)
        old = {number: self.block(number, now) for number in range(head, head - depth, -1)}
        fork = self.timeline.reorganise(depth, now)
        if fork is None:
            return 0
        self.machine.rewind(fork.after)
        gone = [m for n, block in sorted(old.items()) if n > fork.after for m in block]
        for mined in gone:
            if mined.transaction.hash == vanish:
                self._outspend(mined.transaction, head)
            elif mined.transaction.hash != forget:
                self._return(mined)
        self._settle_pool()
        self.on_fork(gone)
        if gone and self._dice.chance(1, 2):
            self._fill(head, chance=(3, 4))
        self._wake()
        return head - fork.after

    def _return(self, mined: Mined) -> None:
        """Back into the mempool, or an earlier attempt in its place: others may have kept that."""
        sender, nonce = mined.transaction.sender, mined.transaction.nonce
        if nonce in self._pool.get(sender, {}):
            return
        attempts = self._attempts.get((sender, nonce), [])
        known = self.known[mined.transaction.hash]
        if len(attempts) > 1 and self._dice.chance(1, 4):
            known = self._dice.pick(attempts)
        self._wait(known)

    def _settle_pool(self) -> None:
        """What waits under a nonce that is mined never will be: it is forgotten."""
        for sender, waiting in list(self._pool.items()):
            nonce = self.nonce(sender)
            for known in [k for n, k in waiting.items() if n < nonce]:
                self._leave(known)

    def _outspend(self, transaction: Transaction, number: int) -> None:
        """Somebody else's transaction took its nonce."""
        self.ledger.set_nonce(transaction.sender, transaction.nonce + 1, number, self.world.now)

    # --- outsiders -------------------------------------------------------------------------------

    def deposit(self, asset: str, to: str, amount: int) -> Transaction:
        """Somebody sends to this address: the coin for "", else a token that the chain knows."""
        sender = self._outsider(asset, amount)
        data, value, target = b"", amount, to
        if asset:
            data = bytes.fromhex("a9059cbb" + "0" * 24 + to[2:]) + amount.to_bytes(32)
            value, target = 0, asset
        return self._from_outside(sender, target, value, data).transaction

    def deposit_internal(self, to: str, amount: int) -> Transaction:
        """A contract sends coin to this address: no transaction names it and no log tells."""
        sender = self._outsider("", amount)
        router = "0x" + keccak256(f"{self.name}/router".encode())[12:].hex()
        known = self._from_outside(sender, router, 0, b"")
        known.internal = (sender, to, amount)
        return known.transaction

    def _outsider(self, asset: str, amount: int) -> str:
        """Somebody whom nobody saw before, who has just enough."""
        self._outsiders += 1
        address = "0x" + keccak256(f"{self.name}/outsider/{self._outsiders}".encode())[12:].hex()
        self.fund("", address, 10**18 + (0 if asset else amount))
        if asset:
            self.fund(asset, address, amount)
        return address

    def _from_outside(self, sender: str, to: str, value: int, data: bytes) -> Known:
        tx_hash = "0x" + keccak256(f"{sender}/{to}/{value}".encode() + data).hex()
        # Outsiders pay whatever it takes: their deposits do not wait for the crowd.
        cap, tip = 5_000 * GWEI, 100 * GWEI
        transaction = Transaction(
            tx_hash, sender, 0, to, value, data, 100_000, cap, tip, self.chain_id
        )
        known = self.known[tx_hash] = Known(transaction)
        self._attempts[sender, 0] = [known]
        self._wait(known)
        return known


def cost_max(transaction: Transaction) -> int:
    """What a transaction may take from its sender at most, in coin."""
    return transaction.value + transaction.gas * transaction.fee_max


def outbids(new: Transaction, old: Transaction) -> bool:
    """geth's price bump: ten in a hundred more on both caps."""
    return 10 * new.fee_max >= 11 * old.fee_max and 10 * new.tip_max >= 11 * old.tip_max
