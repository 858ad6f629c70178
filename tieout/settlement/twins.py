"""Which keepers of money there are in simulation, and how each is made. A flat table."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, Protocol

from core.events import Event
from core.rail_effects import SignTransaction
from core.rail_events import TransactionSigned
from core.signing import nobody_signs, refused
from rails import custodian
from rails.bitcoin.address import BadAddress, p2wpkh_address, script_of
from rails.bitcoin.dialect import dialect as bitcoin_dialect
from rails.bitcoin.funding import NoFunds, funded
from rails.bitcoin.signing import BitcoinSigner
from rails.bitcoin.simulated import Holder as BitcoinHolder
from rails.bitcoin.simulated import SimulatedNodes as BitcoinNodes
from rails.bitcoin.wallet import Wallet as BitcoinWallet
from rails.custodian import signing, webhooks
from rails.custodian.simulated import SimulatedCustodian
from rails.dialect import Dialect, Request
from rails.evm.dialect import dialect as evm_dialect
from rails.evm.signing import EvmSigner, address_of
from rails.evm.simulated import Holder, SimulatedNodes
from rails.evm.wallet import Wallet
from rails.keys import PrivateKey
from rails.outsiders import Outsiders
from scenarios.rails import RailSpec
from sim.bitcoin import Bitcoin
from sim.chain import Chain
from sim.dice import Dice
from sim.execution import Plain
from sim.faults import Fault, Faults
from sim.machine import Embedded
from sim.payments import Payments
from sim.truth import Truth
from sim.typed import Transaction
from sim.wire import Wire
from sim.world import World
from tieout.settlement import banks

SECOND = 1_000_000_000
# Units of every asset that settlement keeps: 10 ** -decimals of one.
DECIMALS: Mapping[str, int] = {"USD": 2, "EUR": 2, "GBP": 2, "BTC": 8, "ETH": 18, "USDC": 6}
GAS = {
    "ETH": ("ETH", Decimal("0.0004")),
    "USDC": ("ETH", Decimal("0.0011")),
    "BTC": ("BTC", Decimal("0.00002")),
}
CHAIN_ID = 1
OUTPOINTS = 12
TOKENS = {"USDC": "0x" + "a0" * 20}
STRANGE_TOKEN = "0x" + "5a" * 20
THIEF = "0x" + "7e" * 20


class Keeper(Protocol):
    """A simulated keeper's end of the wire."""

    def handle(self, asked: Request) -> tuple[int, bytes, bool]: ...

    def strike(self, fault: Fault) -> None: ...


@dataclass(slots=True, frozen=True)
class Places:
    """What every keeper stands in; `executing` are the chains on which contracts stand."""

    world: World
    dice: Dice
    faults: Faults
    truth: Truth
    payments: Payments
    until: int
    executing: tuple[str, ...] = ()


@dataclass(slots=True, eq=False)
class Made:
    """A keeper, how to speak with it, and what it brings.

    `addresses` are those at which customers receive. `blind_ns` is how long, at most, something
    that happened there shows in none of its statements yet. `states` says whether a request is
    answered with a statement.
    """

    keeper: Keeper
    dialect: Dialect
    states: Callable[[Request], bool]
    addresses: dict[str, str] = field(default_factory=dict)
    chain: Literal["", "evm", "bitcoin"] = ""
    sources: tuple[str, ...] = ()
    blind_ns: int = 0
    sign: Callable[[SignTransaction, int], Event] = nobody_signs
    begin: Callable[[], None] = lambda: None


Make = Callable[[RailSpec, Wire, Places, dict[str, Decimal], Sequence[str]], Made]


def _custodian(
    spec: RailSpec,
    wire: Wire,
    places: Places,
    opening: dict[str, Decimal],
    customers: Sequence[str],
) -> Made:
    keeper = SimulatedCustodian(
        spec.name,
        spec.account,
        places.world,
        wire,
        places.faults,
        places.truth,
        places.payments,
        places.dice.stream(f"keeper/{spec.name}"),
        opening,
        GAS,
        dict(DECIMALS),
    )
    keys = webhooks.keys(signing.public_pem(), signing.public_jwks())
    dialect = custodian.dialect(DECIMALS, keys)
    asset = next(iter(opening), "")
    addresses = {f"vault-{spec.name}-{who}": who for who in customers}
    every_ns = int(spec.outsiders_every_s * SECOND)
    outsiders = Outsiders(
        places.world,
        places.dice.stream(f"outsiders/{spec.name}"),
        tuple(addresses) if every_ns and asset else (),
        lambda address, amount: keeper.deposit(asset, amount, address),
        every_ns,
        places.until,
        max(1, int(spec.outsiders_amount_max * 100)),
    )
    return Made(
        keeper,
        dialect,
        lambda asked: asked.path in keeper.statements,
        addresses=addresses,
        begin=outsiders.start,
    )


def _evm(
    spec: RailSpec,
    wire: Wire,
    places: Places,
    opening: dict[str, Decimal],
    customers: Sequence[str],
) -> Made:
    """One key pays; each customer has an address to receive at."""
    key = PrivateKey(_secret(places.dice, f"key/{spec.name}"))
    addresses = {_address(places.dice, f"{spec.name}/{name}"): name for name in customers}
    tokens = {asset: TOKENS[asset] for asset in opening if asset != "ETH"}
    wallet = Wallet(
        spec.account, address_of(key), CHAIN_ID, tokens=tokens, deposits=tuple(addresses)
    )
    known = (*tokens.values(), STRANGE_TOKEN)
    machine = _machine(known, lambda: chain) if spec.name in places.executing else None
    chain = Chain(
        spec.name,
        places.world,
        places.dice,
        chain_id=CHAIN_ID,
        tokens=known,
        machine=machine,
    )
    assets = {TOKENS.get(asset, ""): (asset, DECIMALS[asset]) for asset in opening}
    nodes = SimulatedNodes(
        spec.name,
        chain,
        Holder(spec.account, wallet.addresses, assets),
        places.faults,
        places.truth,
        places.payments,
        places.dice.stream(f"keeper/{spec.name}"),
        wire,
        scheme="evm",
    )
    for asset, amount in opening.items():
        nodes.open(TOKENS.get(asset, ""), int(amount.scaleb(DECIMALS[asset])))
    signer = EvmSigner({spec.account: wallet}, {spec.account: key})

    def steal(ours: Transaction, units: int) -> bytes | None:
        """The bytes of somebody else who has our key, and pays half as much again."""
        effect = SignTransaction(
            account=spec.account,
            payment_id="stolen",
            attempt=1,
            nonce=ours.nonce,
            asset="ETH",
            amount=units,
            beneficiary=THIEF,
            fee_max=ours.fee_max * 3 // 2 + 1,
            tip_max=ours.tip_max * 3 // 2 + 1,
        )
        told = signer.sign(effect, places.world.now)
        return bytes.fromhex(told.raw[2:]) if isinstance(told, TransactionSigned) else None

    nodes.steal = steal
    nodes.use(spec.used)
    return Made(
        nodes,
        evm_dialect(spec.name, {spec.account: wallet}),
        lambda asked: b"eth_getBalance" in asked.body and b"eth_getLogs" not in asked.body,
        addresses=addresses,
        chain="evm",
        sources=("a", "b"),
        sign=signer.sign,
    )


def _machine(tokens: tuple[str, ...], chain: Callable[[], Chain]) -> Embedded:
    """It sees each block's time as the chain's schedule has it."""

    def timestamp(number: int) -> int:
        return chain().timeline.schedule.time(number) // SECOND

    return Embedded(CHAIN_ID, timestamp, Plain(tokens))


def _bitcoin(
    spec: RailSpec,
    wire: Wire,
    places: Places,
    opening: dict[str, Decimal],
    customers: Sequence[str],
) -> Made:
    """One key pays, from several outpoints; each customer has an address to receive at."""
    key = PrivateKey(_secret(places.dice, f"key/{spec.name}"))
    addresses = {
        p2wpkh_address(
            PrivateKey(_secret(places.dice, f"deposit/{spec.name}/{name}")).public(compressed=True)
        ): name
        for name in customers
    }
    wallet = BitcoinWallet(
        spec.account, p2wpkh_address(key.public(compressed=True)), deposits=tuple(addresses)
    )
    chain = Bitcoin(spec.name, places.world, places.dice)
    scripts = {address: script_of(address) for address in wallet.addresses}
    nodes = BitcoinNodes(
        spec.name,
        chain,
        BitcoinHolder(spec.account, scripts),
        places.faults,
        places.truth,
        places.payments,
        places.dice.stream(f"keeper/{spec.name}"),
    )
    satoshis = int(opening["BTC"].scaleb(8))
    part = satoshis // OUTPOINTS
    nodes.open(*[part] * (OUTPOINTS - 1), satoshis - part * (OUTPOINTS - 1))
    signer = BitcoinSigner({spec.account: wallet}, {spec.account: key})

    def sign(effect: SignTransaction, now: int) -> Event:
        final = chain.final(now)
        unspent = chain.unspent(scripts[wallet.address], final, now)
        points = [f"{txid}:{vout}:{worth}" for (txid, vout), worth in unspent]
        try:
            return signer.sign(funded(effect, points), now)
        except (BadAddress, NoFunds) as error:
            return refused(effect, now, str(error))

    return Made(
        nodes,
        bitcoin_dialect(spec.name, {spec.account: wallet}),
        lambda asked: b"scantxoutset" in asked.body,
        addresses=addresses,
        chain="bitcoin",
        sources=("a", "b"),
        sign=sign,
    )


def _secret(dice: Dice, name: str) -> bytes:
    """A key for simulation, from the seed: it guards nothing."""
    stream = dice.stream(name)
    return b"\x01" + b"".join(stream.word().to_bytes(8) for _ in range(4))[1:]


def _address(dice: Dice, name: str) -> str:
    return address_of(PrivateKey(_secret(dice, f"deposit/{name}")))


def _bank(
    spec: RailSpec,
    wire: Wire,
    places: Places,
    opening: dict[str, Decimal],
    customers: Sequence[str],
) -> Made:
    """Each customer has a number to be paid at; outsiders pay to them."""
    made = banks.branch(
        spec.name,
        spec.account,
        opening[banks.PLACES[spec.name].ours.asset],
        customers,
        wire,
        places,
        every_ns=int(spec.outsiders_every_s * SECOND),
        amount_max=spec.outsiders_amount_max,
    )
    return Made(
        made.keeper,
        made.dialect,
        lambda asked: asked.path in made.keeper.statements,
        addresses=made.addresses,
        begin=made.outsiders.start,
    )


KEEPERS: Mapping[str, Make] = {
    "bank": _bank,
    "bitcoin": _bitcoin,
    "custodian": _custodian,
    "evm": _evm,
}
