"""Whoever sends transactions on the simulated chain and is not our node: holders, desk, thieves.

A wallet counts its own nonces, looks now and then at what it sent, pays more for what waits, and
hands in again what the mempool forgot, until a final block has used the nonce up.
"""

from dataclasses import dataclass, field

from rails.evm.signing import address_of, signed
from rails.keys import PrivateKey
from sim.chain import Chain
from sim.execution import Machine
from sim.fees import GWEI
from sim.machine import Embedded, Reverted
from sim.typed import BadTransaction

SECOND = 1_000_000_000
GAS = 400_000
TIP_MIN = 2 * GWEI
LOOK_NS = 36 * SECOND
RICH = 10**24


@dataclass(slots=True, eq=False)
class Sent:
    """One nonce's newest attempt."""

    nonce: int
    to: str
    data: bytes
    fee_max: int
    tip_max: int
    tx_hash: str = ""
    raw: bytes = b""


@dataclass(slots=True, eq=False)
class ChainWallet:
    """One key on one chain, with coin enough."""

    chain: Chain
    key: PrivateKey
    pending: list[Sent] = field(default_factory=list)
    sent: int = 0
    address: str = field(init=False)
    _awake: bool = False

    def __post_init__(self) -> None:
        self.address = address_of(self.key)
        self.chain.fund("", self.address, RICH)

    def send(self, to: str, data: bytes) -> str:
        """Hand it in under the next nonce; its hash."""
        tip = max(TIP_MIN, self._base() // 20)
        sent = Sent(self.sent, to, data, 2 * self._base() + 2 * tip, tip)
        self.sent += 1
        self.pending.append(sent)
        self._hand_in(sent)
        if not self._awake:
            self._awake = True
            self.chain.world.call_in(LOOK_NS, self._look)
        return sent.tx_hash

    def would(self, to: str, data: bytes) -> bool:
        """Whether it would go through on the newest block, as a node says that is asked first."""
        machine: Machine = self.chain.machine
        assert isinstance(machine, Embedded), "a chain with contracts executes them"
        try:
            machine.call(to, data, self.chain.head(self.chain.world.now), self.address)
        except Reverted:
            return False
        return True

    def _base(self) -> int:
        return self.chain.fees.base(self.chain.head(self.chain.world.now))

    def _hand_in(self, sent: Sent) -> None:
        fields = [self.chain.chain_id, sent.nonce, sent.tip_max, sent.fee_max, GAS]
        sent.raw = signed([*fields, bytes.fromhex(sent.to[2:]), 0, sent.data, []], self.key)
        self._again(sent)

    def _again(self, sent: Sent) -> None:
        try:
            sent.tx_hash = self.chain.submit(sent.raw).hash
        except BadTransaction:
            return  # its nonce is used, or it waits there already

    def _look(self) -> None:
        chain, now = self.chain, self.chain.world.now
        used = chain.ledger.nonce(self.address, chain.final(now), now)
        self.pending = [sent for sent in self.pending if sent.nonce >= used]
        waiting = {each.nonce: each for each in chain.waiting(self.address)}
        for sent in self.pending:
            if sent.nonce < chain.nonce(self.address):
                continue
            if sent.nonce in waiting:
                self._pay_more(sent)
            else:
                self._again(sent)
        self._awake = bool(self.pending)
        if self._awake:
            chain.world.call_in(LOOK_NS, self._look)

    def _pay_more(self, sent: Sent) -> None:
        sent.fee_max, sent.tip_max = sent.fee_max * 9 // 8 + 1, sent.tip_max * 9 // 8 + 1
        self._hand_in(sent)
