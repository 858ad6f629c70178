"""The chain world in Bitcoin's flavour: outpoints are spent, and a replacement is another txid.

True here:

- Blocks come by lottery, ten minutes apart in the mean; they cost nothing while nobody waits.
- A transaction spends outpoints that stand in the chain or wait in the mempool; of two that spend
  the same one only one ever stands. A replacement pays at least what it replaces and a satoshi more
  for each byte of its own, whether or not anybody signalled (full RBF).
- The mempool forgets after 336 hours; anybody may send the same bytes again.
- A reorganisation is less deep than what is final; what gave way waits again, or an earlier attempt
  at the same outpoint takes its place, or nobody keeps it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from sim.dice import Dice
from sim.fees import FeeMarket
from sim.forks import SECOND, Depth, Lottery, Timeline
from sim.segwit import BadSpend, Outpoint, Spend, check_signed, read_spend, twice
from sim.world import Call, World

EXPIRY_NS = 336 * 3600 * SECOND
RELAY = 1  # satoshis a virtual byte: the least, and the least more of a replacement
DUST_RELAY = 3
OUTSIDE_SIZE = 141


@dataclass(slots=True, frozen=True)
class Mined:
    """A transaction in a block: of this number, made by that fork, at that time."""

    number: int
    branch: int
    index: int
    at: int


@dataclass(slots=True, eq=False)
class Known:
    """What the nodes know of a transaction: its fee, when it waited, which blocks had it."""

    spend: Spend
    fee: int
    waited: list[tuple[int, int]] = field(default_factory=list)
    mined: list[Mined] = field(default_factory=list)

    def waits(self, now: int) -> bool:
        """Whether it is in the mempool at that time; nobody keeps it for longer than two weeks."""
        return any(since <= now < until for since, until in self.waited)

    def leave(self, now: int) -> None:
        """It is not in the mempool any more."""
        since, until = self.waited[-1]
        self.waited[-1] = (since, min(now, until))


class Bitcoin:
    """One chain of outpoints."""

    def __init__(self, name: str, world: World, dice: Dice, confirmations: int = 6) -> None:
        """Block 0 is there now; final is what has so many confirmations."""
        self.name, self.world = name, world
        lottery = Lottery(world.now, dice.stream(f"chain/{name}/lottery"))
        self.finality = Depth(lottery, confirmations)
        self.timeline = Timeline(name, lottery, self.finality)
        # Satoshis for a thousand virtual bytes.
        self.fees = FeeMarket(dice.seed, name, median=8_000, p99=30_000)
        self.issued = 0
        self.known: dict[str, Known] = {}
        self.blocks: dict[tuple[int, int], list[Known]] = {}
        self.on_block: Callable[[list[Known]], None] = lambda mined: None
        self._pool: dict[str, Known] = {}
        self._spenders: dict[Outpoint, list[Known]] = {}
        self._paying: dict[bytes, list[tuple[Known, int]]] = {}
        self._dice = dice.stream(f"chain/{name}/blocks")
        self._call: Call | None = None
        self._outsiders = 0

    # --- reading ---------------------------------------------------------------------------------

    def head(self, now: int) -> int:
        return self.timeline.head(now)

    def final(self, now: int) -> int:
        return self.timeline.final(now)

    def place(self, known: Known, now: int) -> Mined | None:
        """Where the transaction is mined, as the chain stands at that time."""
        for mined in reversed(known.mined):
            if mined.at <= now and self.timeline.branch(mined.number, now) == mined.branch:
                return mined
        return None

    def spender(self, outpoint: Outpoint, now: int) -> Known | None:
        """Who spent it, in the chain as it stands at that time."""
        for known in self._spenders.get(outpoint, ()):
            if self.place(known, now):
                return known
        return None

    def unspent(self, script: bytes, number: int, now: int) -> Iterator[tuple[Outpoint, int]]:
        """What pays to this script after the block of this number, and is not spent by then."""
        for known, vout in self._paying.get(script, ()):
            mined, outpoint = self.place(known, now), (known.spend.txid, vout)
            if mined is None or mined.number > number:
                continue
            if not self._spent_by(outpoint, number, now):
                yield outpoint, known.spend.outputs[vout][0]

    def _spent_by(self, outpoint: Outpoint, number: int, now: int) -> bool:
        spender = self.spender(outpoint, now)
        mined = self.place(spender, now) if spender else None
        return mined is not None and mined.number <= number

    def output(self, outpoint: Outpoint) -> tuple[int, bytes] | None:
        """Value and script of an output that stands or waits; None if there is none."""
        known, now = self.known.get(outpoint[0]), self.world.now
        if known is None or not (self.place(known, now) or known.waits(now)):
            return None
        outputs = known.spend.outputs
        return outputs[outpoint[1]] if outpoint[1] < len(outputs) else None

    def waiting(self) -> list[Known]:
        """What is in the mempool now, in order of arrival."""
        now = self.world.now
        return [known for known in self._pool.values() if known.waits(now)]

    # --- the mempool -----------------------------------------------------------------------------

    def submit(self, raw: bytes) -> Known:
        """Take signed bytes into the mempool; `BadSpend` says why not."""
        spend, now = read_spend(raw), self.world.now
        known = self.known.get(spend.txid)
        if known is not None and self.place(known, now):
            raise BadSpend(-27, "Transaction outputs already in utxo set")
        if known is not None and known.waits(now):
            return known  # Core then just tells its peers again
        if any(value < least_output(script) for value, script in spend.outputs):
            raise BadSpend(-26, "dust")
        spent = [self._spendable(outpoint) for outpoint in spend.inputs]
        check_signed(spend, spent)
        fee = sum(value for value, _ in spent) - spend.paid
        self._check_fee(spend, fee)
        if known is None:
            known = self._keep(spend, fee)
        self._enter(known)
        return known

    def _spendable(self, outpoint: Outpoint) -> tuple[int, bytes]:
        output = self.output(outpoint)
        if output is None or self.spender(outpoint, self.world.now):
            raise BadSpend(-25, "bad-txns-inputs-missingorspent")
        return output

    def _check_fee(self, spend: Spend, fee: int) -> None:
        """Core's rules of relay and of replacement (BIP 125's 3, 4 and the higher rate)."""
        if fee < 0:
            raise BadSpend(-26, "bad-txns-in-belowout")
        if fee < RELAY * spend.vsize:
            raise BadSpend(-26, f"min relay fee not met, {fee} < {RELAY * spend.vsize}")
        conflicts = self._conflicts(spend)
        if not conflicts:
            return
        words = f"insufficient fee, rejecting replacement {spend.txid}"
        if any(fee * old.spend.vsize <= old.fee * spend.vsize for old in conflicts):
            raise BadSpend(-26, f"{words}; new feerate is not higher than an old one")
        replaced = sum(old.fee for old in self._with_descendants(conflicts))
        if fee < replaced:
            raise BadSpend(-26, f"{words}, less fees than conflicting txs; {fee} < {replaced}")
        more = fee - replaced
        if more < RELAY * spend.vsize:
            raise BadSpend(
                -26,
                f"{words}, not enough additional fees to relay; {more} < {RELAY * spend.vsize}",
            )

    def _conflicts(self, spend: Spend) -> list[Known]:
        """What waits and spends one of the same outpoints."""
        mine = set(spend.inputs)
        return [k for k in self.waiting() if k.spend is not spend and mine & set(k.spend.inputs)]

    def _with_descendants(self, roots: list[Known]) -> list[Known]:
        """These, and all that waits upon them."""
        found = {known.spend.txid: known for known in roots}
        grown = True
        while grown:
            grown = False
            for known in self.waiting():
                child = any(txid in found for txid, _ in known.spend.inputs)
                if child and known.spend.txid not in found:
                    found[known.spend.txid] = known
                    grown = True
        return list(found.values())

    def _keep(self, spend: Spend, fee: int) -> Known:
        known = self.known[spend.txid] = Known(spend, fee)
        for outpoint in spend.inputs:
            self._spenders.setdefault(outpoint, []).append(known)
        for vout, (_, script) in enumerate(spend.outputs):
            self._paying.setdefault(script, []).append((known, vout))
        return known

    def _enter(self, known: Known) -> None:
        for old in self._with_descendants(self._conflicts(known.spend)):
            self._leave(old)
        now = self.world.now
        known.waited.append((now, now + EXPIRY_NS))
        self._pool[known.spend.txid] = known
        self._wake()

    def _leave(self, known: Known) -> None:
        known.leave(self.world.now)
        del self._pool[known.spend.txid]

    def drop(self, txid: str) -> bool:
        """The mempool forgets a transaction and what waits upon it."""
        known = self._pool.get(txid)
        if known is None or not known.waits(self.world.now):
            return False
        for gone in self._with_descendants([known]):
            self._leave(gone)
        return True

    # --- blocks ----------------------------------------------------------------------------------

    def _wake(self) -> None:
        if self._call is None and self.waiting():
            number = self.head(self.world.now) + 1
            self._call = self.world.call_at(self.timeline.schedule.time(number), self._make, number)

    def _make(self, number: int) -> None:
        self._call = None
        for known in [k for k in self._pool.values() if not k.waits(self.world.now)]:
            del self._pool[known.spend.txid]
        if (number, self.timeline.branch(number, self.world.now)) not in self.blocks:
            self._fill(number)
        self._wake()

    def _fill(self, number: int) -> None:
        """Mine what pays enough, parents before children."""
        now, price = self.world.now, self.fees.base(number)
        branch = self.timeline.branch(number, now)
        mined: list[Known] = []
        ready = True
        while ready:
            ready = False
            for known in self.waiting():
                if known.fee * 1000 < price * known.spend.vsize or not self._stands(known, now):
                    continue
                self._leave(known)
                known.mined.append(Mined(number, branch, len(mined), now))
                mined.append(known)
                ready = True
        if mined:
            self.blocks[number, branch] = mined
            self.on_block(mined)

    def _stands(self, known: Known, now: int) -> bool:
        """Whether all that it spends is in the chain, and spent by nobody."""
        parents = (self.known.get(txid) for txid, _ in known.spend.inputs)
        return all(p is not None and self.place(p, now) for p in parents) and not any(
            self.spender(outpoint, now) for outpoint in known.spend.inputs
        )

    # --- forks -----------------------------------------------------------------------------------

    def reorganise(self, depth: int, vanish: str = "", forget: str = "") -> int:
        """The newest blocks give way to others; how many did.

        `vanish` was spent otherwise; `forget` no mempool takes back, until it is submitted again.
        """
        now = self.world.now
        head = self.head(now)
        old = [
            (number, self.timeline.branch(number, now)) for number in range(head - depth, head + 1)
        ]
        fork = self.timeline.reorganise(depth, now)
        if fork is None:
            return 0
        gone = [k for place in old if place[0] > fork.after for k in self.blocks.get(place, [])]
        if vanish:
            self._outspend(self.known[vanish], head)
        for known in gone:
            if known.spend.txid != forget:
                self._return(known)
        self._forget_orphans()
        if (head, self.timeline.branch(head, now)) not in self.blocks and self._dice.chance(1, 2):
            self._fill(head)
        self._wake()
        return head - fork.after

    def _return(self, known: Known) -> None:
        """Back into the mempool, or an earlier attempt at its first outpoint in its place."""
        attempts = self._spenders.get(known.spend.inputs[0], []) if known.spend.inputs else []
        if len(attempts) > 1 and self._dice.chance(1, 4):
            known = self._dice.pick(attempts)
        now = self.world.now
        taken = self._conflicts(known.spend) or known.waits(now) or self.place(known, now)
        if not taken and not any(self.spender(o, now) for o in known.spend.inputs):
            self._enter(known)

    def _forget_orphans(self) -> None:
        """What spends an output that is not there any more can never be mined."""
        now = self.world.now
        orphans = [
            known
            for known in self.waiting()
            if any(self.output(o) is None or self.spender(o, now) for o in known.spend.inputs)
        ]
        for known in orphans:
            if known.waits(now):
                self.drop(known.spend.txid)

    def _outspend(self, known: Known, number: int) -> None:
        """Its sender paid somebody else with the same outpoint, in a block of the other chain."""
        value = known.spend.paid + known.fee
        outputs = ((value, b"\0\x14" + b"\x0e" * 20),)
        spend = Spend(
            self._name_txid(f"outspent/{known.spend.txid}"), known.spend.inputs, outputs, 110
        )
        other, now = self._keep(spend, 0), self.world.now
        branch = self.timeline.branch(number, now)
        other.mined.append(Mined(number, branch, 0, now))
        self.blocks[number, branch] = [other]

    # --- outsiders -------------------------------------------------------------------------------

    def fund(self, script: bytes, value: int) -> Outpoint:
        """What was there when the world began."""
        self._outsiders += 1
        spend = Spend(self._name_txid(f"fund/{self._outsiders}"), (), ((value, script),), 110)
        known = self._keep(spend, 0)
        known.mined.append(Mined(0, 0, self._outsiders, self.timeline.schedule.time(0)))
        self.issued += value
        return spend.txid, 0

    def deposit(self, script: bytes, value: int) -> Known:
        """Somebody pays to this script, and enough to be mined soon."""
        fee = 500 * OUTSIDE_SIZE
        coin = self.fund(b"\0\x14" + b"\x0f" * 20, value + fee)
        txid = self._name_txid(f"deposit/{self._outsiders}")
        known = self._keep(Spend(txid, (coin,), ((value, script),), OUTSIDE_SIZE), fee)
        self._enter(known)
        return known

    def _name_txid(self, what: str) -> str:
        return twice(f"{self.name}/{what}".encode()).hex()


def least_output(script: bytes) -> int:
    """Core's threshold of dust: three satoshis for each byte of the output and of what spends it,
    whose signature counts a quarter where it is a witness."""
    witness = script[0] in (0, *range(0x51, 0x61)) and script[1] + 2 == len(script)
    spending = 36 + 1 + (107 // 4 if witness else 107) + 4
    return DUST_RELAY * (8 + 1 + len(script) + spending)
