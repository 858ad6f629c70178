"""The banks of the simulated world: one in the United States, one in the euro area, one in Britain.

Each keeps one account of ours, on its own calendar, and gives every customer a number to pay to.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from rails import bank
from rails.bank.hours import ZONES
from rails.bank.simulated import SimulatedBank
from rails.bank.words import Head
from rails.dialect import Dialect
from rails.instructions.party import Mandate, OurAccount
from rails.outsiders import Outsiders
from sim.dice import Dice
from sim.faults import Faults
from sim.payments import Payments
from sim.truth import Truth
from sim.wire import Wire
from sim.world import World

NAME = "Tieout"
# Those who let us pull from them, in simulation, signed one mandate each.
DEBTORS = ("DE89370400440532013000", "NL91ABNA0417164300", "FR1420041010050500013M02606")
MANDATES: Mapping[str, Mandate] = {
    debtor: Mandate(f"MANDATE-{number}", "2026-01-05") for number, debtor in enumerate(DEBTORS, 1)
}


class Places(Protocol):
    """What a bank stands in."""

    @property
    def world(self) -> World: ...
    @property
    def dice(self) -> Dice: ...
    @property
    def faults(self) -> Faults: ...
    @property
    def truth(self) -> Truth: ...
    @property
    def payments(self) -> Payments: ...
    @property
    def until(self) -> int: ...


@dataclass(slots=True, frozen=True)
class Place:
    """Where a bank is, how it knows our account, and how the numbers begin that it gives to
    customers."""

    calendar: str
    ours: OurAccount
    prefix: str


PLACES: Mapping[str, Place] = {
    "bank_us": Place(
        "fed",
        OurAccount(
            NAME,
            "USD",
            2,
            ZONES["fed"],
            routing="091000019",
            number="000123456789",
            company_id="1234567890",
            bank_name="First Example Bank",
        ),
        "8800",
    ),
    "bank_eu": Place(
        "target",
        OurAccount(
            NAME,
            "EUR",
            2,
            ZONES["target"],
            iban="DE02120300000000202051",
            bic="BYLADEM1001",
            number="0000202051",
            creditor_id="DE98ZZZ09999999999",
        ),
        "DEVIRTUAL",
    ),
    "bank_gb": Place(
        "england",
        OurAccount(
            NAME,
            "GBP",
            2,
            ZONES["england"],
            iban="GB29NWBK60161331926819",
            sort_code="601613",
            number="31926819",
        ),
        "GBVIRTUAL",
    ),
}


@dataclass(slots=True, frozen=True)
class Branch:
    """A bank with our account, how to speak with it, its customers' numbers, who pays to them."""

    keeper: SimulatedBank
    dialect: Dialect
    addresses: dict[str, str]
    outsiders: Outsiders


def branch(
    name: str,
    account: str,
    opening: Decimal,
    customers: Sequence[str],
    wire: Wire,
    places: Places,
    *,
    every_ns: int,
    amount_max: Decimal,
) -> Branch:
    """The bank of that name; outsiders pay every `every_ns` on average, 0 for never."""
    place = PLACES[name]
    ours = place.ours
    keeper = SimulatedBank(
        name,
        account,
        place.calendar,
        Head(ours.iban, ours.number, ours.asset, ours.name),
        opening,
        places.world,
        wire,
        places.faults,
        places.truth,
        places.payments,
        places.dice.stream(f"keeper/{name}"),
    )
    numbers = {f"{place.prefix}{n:06d}": who for n, who in enumerate(customers, 1)}
    outsiders = Outsiders(
        places.world,
        places.dice.stream(f"outsiders/{name}"),
        tuple(numbers) if every_ns else (),
        keeper.credit,
        every_ns,
        places.until,
        max(1, int(amount_max.scaleb(ours.decimals))),
        ours.decimals,
    )
    return Branch(keeper, bank.dialect(account, ours, MANDATES), numbers, outsiders)
