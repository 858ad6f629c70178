"""Simulated banks on a bench: the three that we use, read by their own dialects."""

from decimal import Decimal
from typing import Any

from core.effects import Effect
from core.rail_effects import SendPayment
from core.rail_events import LineBooked, NostroStated, PaymentReported
from rails.bank.decoder import Terms, decoder
from rails.bank.hours import ZONES
from rails.bank.simulated import SimulatedBank
from rails.bank.words import Head
from rails.dialect import Dialect, Request
from sim.faults import Fault
from tests.instructions_by_hand import Files
from tests.rail_bench import DECIMALS, Bench
from tests.test_bank_rules import ns

BANKS = {
    "bank_us": ("fed", Head("", "000123456789", "USD", "Tieout")),
    "bank_eu": ("target", Head("DE89370400440532013000", "0532013000", "EUR", "Tieout")),
    "bank_gb": ("england", Head("GB29NWBK60161331926819", "31926819", "GBP", "Tieout")),
}
OPENING = Decimal("1000000.00")


def not_written(effect: Effect) -> Request:
    raise AssertionError("these tests write their own files")


def bank(name: str, starts: str, *plan: Fault, seed: int = 1) -> Bench:
    """A bank at a local time of its own place, listened to."""
    calendar, head = BANKS[name]
    made = Bench(name, f"{name}/ops", ns(starts, calendar), list(plan), seed)
    numbers = {number: made.account for number in (head.iban, head.number) if number}
    made.dialect = Dialect("bank", not_written, decoder(Terms(numbers, ZONES[calendar])))
    made.keeper = SimulatedBank(
        name,
        made.account,
        calendar,
        head,
        OPENING,
        made.world,
        made.wire,
        made.faults,
        made.truth,
        made.payments,
        made.dice.stream(name),
    )
    made.listen()
    return made


def send(made: Bench, name: str, body: bytes) -> list[Any]:
    """Instruct a payment by a file, and read the answer."""
    return post(made, "payments", body, payment(made, name))


def payment(made: Bench, name: str) -> SendPayment:
    return SendPayment(
        account=made.account,
        scheme="any",
        payment_id=name,
        kind="out",
        asset=made.keeper.head.currency,
        amount=1,
        beneficiary="",
    )


def post(made: Bench, path: str, body: bytes, about: Effect) -> list[Any]:
    asked = Request("POST", f"/v1/{path}", body=body)
    return answer(made, asked, about)


def answer(made: Bench, asked: Request, about: Effect) -> list[Any]:
    status, body, _ = made.keeper.handle(asked)
    events = made.read(body, status=status, about=about, asked_at=made.world.now)
    made.events += events
    return events


def get(made: Bench, path: str, about: Effect, **params: str) -> list[Any]:
    number = made.keeper.head.number
    return answer(made, Request("GET", f"/v1/accounts/{number}/{path}", params), about)


def until(made: Bench, local: str) -> None:
    """Run to a local time of the bank's place."""
    made.run(ns(local, made.keeper.calendar) - made.world.now)


def lines(made: Bench) -> list[LineBooked]:
    """Every line once, as it was told first."""
    seen: dict[str, LineBooked] = {}
    for event in made.of(LineBooked):
        if not event.pending:
            seen.setdefault(event.line_id, event)
    return list(seen.values())


def amounts(made: Bench) -> list[int]:
    return [line.amount for line in lines(made)]


def statuses(made: Bench, name: str) -> list[tuple[str, str]]:
    told = (event for event in made.of(PaymentReported) if event.payment_id == name)
    return [(event.status, event.code) for event in told]


def local(made: Bench, at: int) -> str:
    """A moment by the bank's clock."""
    return made.keeper.office.hours.local(at).replace(tzinfo=None).isoformat()


def statements(made: Bench) -> list[NostroStated]:
    return made.of(NostroStated)


__all__ = ["DECIMALS", "Files"]
