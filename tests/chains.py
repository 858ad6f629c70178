"""A small chain world for tests: one funded key, two tokens, a signer's shorthand."""

from dataclasses import dataclass
from decimal import Decimal

from rails.evm.signing import GAS_COIN, GAS_TOKEN, TRANSFER, Item, address_of, signed
from rails.evm.simulated import Holder, SimulatedNodes
from rails.evm.wallet import Wallet
from rails.keys import PrivateKey
from sim.chain import Chain
from sim.dice import Dice
from sim.execution import Machine
from sim.faults import Fault, Faults
from sim.forks import SECOND
from sim.payments import Payments
from sim.truth import Truth
from sim.world import World

USDC = "0x" + "a0" * 20
DAI = "0x" + "da" * 20
SPAM = "0x" + "5a" * 20
SLOT = 12 * SECOND
GWEI = 10**9
ETH = 10**18
OTHER = "0x" + "0e" * 20
DEPOSIT = "0x" + "de" * 20
KEY = PrivateKey(bytes(range(1, 33)))
OURS = address_of(KEY)
WALLET = Wallet("chain/hot", OURS, 1, tokens={"USDC": USDC, "DAI": DAI}, deposits=(DEPOSIT,))
WALLETS = {"chain/hot": WALLET}
START = 1_700_000_000 * SECOND
TOKENS = (USDC, DAI, SPAM)


@dataclass(slots=True, eq=False)
class Site:
    """A world with one chain, and the nodes that tell of it."""

    world: World
    chain: Chain
    nodes: SimulatedNodes
    truth: Truth
    payments: Payments
    faults: Faults

    def run_blocks(self, count: int) -> None:
        """Until the middle of the slot so many blocks from here."""
        number = self.chain.head(self.world.now) + count
        self.world.run(until=self.chain.timeline.schedule.time(number) + SLOT // 2)

    def held(self, asset: str) -> Decimal:
        """The truth of our account."""
        return self.truth.totals.get(f"chain/hot/{asset}/cash", Decimal(0))


def site(seed: int = 1, plan: list[Fault] | None = None, machine: Machine | None = None) -> Site:
    """A chain on which our account has ten coins and a thousand of a token."""
    world, dice = World(START), Dice(seed)
    chain = Chain("chain", world, dice, tokens=TOKENS, machine=machine)
    faults = Faults(plan or [], dice, lambda: world.now - START)
    truth, payments = Truth(lambda: world.now), Payments()
    assets = {"": ("ETH", 18), USDC: ("USDC", 6), DAI: ("DAI", 18)}
    holder = Holder("chain/hot", (OURS, DEPOSIT), assets)
    stream = dice.stream("chain/nodes")
    nodes = SimulatedNodes("chain", chain, holder, faults, truth, payments, stream)
    nodes.open("", 10 * ETH)
    nodes.open(USDC, 1_000_000_000)
    return Site(world, chain, nodes, truth, payments, faults)


def coin(
    nonce: int,
    amount: int = ETH // 100,
    *,
    cap: int = 200 * GWEI,
    tip: int = 3 * GWEI,
    key: PrivateKey = KEY,
    to: str = OTHER,
) -> bytes:
    """A signed transfer of the coin."""
    fields: list[Item] = [1, nonce, tip, cap, GAS_COIN, bytes.fromhex(to[2:]), amount, b"", []]
    return signed(fields, key)


def token(
    nonce: int, amount: int, *, cap: int = 200 * GWEI, tip: int = 3 * GWEI, to: str = OTHER
) -> bytes:
    """A signed transfer of a token."""
    data = TRANSFER + bytes.fromhex(to[2:]).rjust(32, b"\0") + amount.to_bytes(32)
    contract = bytes.fromhex(USDC[2:])
    fields: list[Item] = [1, nonce, tip, cap, GAS_TOKEN, contract, 0, data, []]
    return signed(fields, KEY)
