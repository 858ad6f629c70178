"""Which keepers of money there are in simulation, and how each is made. A flat table."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, Protocol

from core.events import Event
from core.rail_effects import SignTransaction
from core.rail_events import SigningRefused
from rails import custodian
from rails.custodian import signing, webhooks
from rails.custodian.simulated import SimulatedCustodian
from rails.dialect import Dialect, Request
from scenarios.rails import RailSpec
from sim.dice import Dice
from sim.faults import Fault, Faults
from sim.payments import Payments
from sim.truth import Truth
from sim.wire import Wire
from sim.world import World

SECOND = 1_000_000_000
# Units of every asset that settlement keeps: 10 ** -decimals of one.
DECIMALS: Mapping[str, int] = {"USD": 2, "EUR": 2, "GBP": 2, "BTC": 8, "ETH": 18, "USDC": 6}
GAS = {
    "ETH": ("ETH", Decimal("0.0004")),
    "USDC": ("ETH", Decimal("0.0011")),
    "BTC": ("BTC", Decimal("0.00002")),
}


class Keeper(Protocol):
    """A simulated keeper's end of the wire."""

    @property
    def statements(self) -> dict[str, str]:
        """The paths that answer with a statement, and of what kind."""

    def handle(self, asked: Request) -> tuple[int, bytes, bool]: ...

    def strike(self, fault: Fault) -> None: ...


@dataclass(slots=True, frozen=True)
class Places:
    """What every keeper stands in."""

    world: World
    dice: Dice
    faults: Faults
    truth: Truth
    payments: Payments
    until: int


def _nobody_signs(effect: SignTransaction, now: int) -> Event:
    return SigningRefused(
        received_at=now,
        account=effect.account,
        payment_id=effect.payment_id,
        attempt=effect.attempt,
        reason="no key signs for this account",
    )


@dataclass(slots=True, eq=False)
class Made:
    """A keeper, how to speak with it, and what it brings.

    `addresses` are those at which customers receive. `blind_ns` is how long, at most, something
    that happened there shows in none of its statements yet (finality, on a chain).
    """

    keeper: Keeper
    dialect: Dialect
    addresses: dict[str, str] = field(default_factory=dict)
    chain: Literal["", "evm", "bitcoin"] = ""
    sources: tuple[str, ...] = ()
    blind_ns: int = 0
    sign: Callable[[SignTransaction, int], Event] = _nobody_signs
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
    return Made(keeper, custodian.dialect(DECIMALS, keys))


KEEPERS: Mapping[str, Make] = {"custodian": _custodian}
