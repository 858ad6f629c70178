"""NACHA files: credits, debits and reversals, as records of 94 characters.

Rule 1. One file holds one batch in one direction. It is told from others of its minute by its File
ID Modifier alone: `core.filing` numbers files, so that no two of a minute have the same one, and
`files_sent` refuses what would all the same.
Rule 2. A return names the trace number, and may repeat the fifteen characters of the individual id.
Ours is at most as long as that, or stands there shortened by `short_id` and whole in the addenda.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

from core import beneficiaries
from core.ids import base36
from core.rail_effects import SendPayment
from rails.instructions import text
from rails.instructions.party import CannotSay, OurAccount

SCHEMES = ("fedach_credit_same_day", "fedach_credit_next_day", "fedach_debit")
WIDTH, BLOCK = 94, 10
AMOUNT_MAX = 10**10 - 1
TRACES = 10**7 - 1  # seven digits, from 1
HEADER = b"101"
MODIFIERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
CREDIT, DEBIT = "22", "27"  # to and from a demand account
_SHORT, _HASH = 15, 10**10


@dataclass(slots=True, frozen=True)
class Batch:
    """What the bank is told beside the payments: when they are to settle, and which numbers the
    entries bear. `entry_class` says whose account it is: a person's (PPD) or a company's (CCD)."""

    created_at: int
    settles_at: int
    modifier: str
    first_trace: int
    entry_class: Literal["PPD", "CCD"] = "PPD"
    description: str = "PAYMENT"


def nacha(payments: Sequence[SendPayment], ours: OurAccount, batch: Batch) -> bytes:
    """A file of credits (all `out`) or of debits (all `in`). Raises `CannotSay`."""
    if batch.description.upper() == "REVERSAL":
        raise CannotSay("REVERSAL describes reversals alone")
    code = CREDIT if _direction(payments) == "out" else DEBIT
    return _file(payments, ours, batch, code)


def nacha_reversal(originals: Sequence[SendPayment], ours: OurAccount, batch: Batch) -> bytes:
    """A file that takes back payments sent in error: the same amounts the other way, and the
    Company Entry Description REVERSAL, by which it is known. Raises `CannotSay`."""
    code = DEBIT if _direction(originals) == "out" else CREDIT
    return _file(originals, ours, batch, code, "REVERSAL")


def short_id(payment_id: str) -> str:
    """A payment id in the fifteen characters of an entry: itself, or what stands for it."""
    if len(text.identifier(payment_id)) <= _SHORT:
        return payment_id
    return base36(int(sha256(payment_id.encode()).hexdigest(), 16))[-_SHORT:].upper()


def trace_number(ours: OurAccount, number: int) -> str:
    """The trace number of an entry: our bank's routing number without its check digit, and ours."""
    return ours.routing[:8] + f"{number:07}"


# --- the file ------------------------------------------------------------------------------------


def _file(
    payments: Sequence[SendPayment], ours: OurAccount, batch: Batch, code: str, described: str = ""
) -> bytes:
    _check(payments, ours, batch)
    numbered = list(enumerate(payments, batch.first_trace))
    entries = [
        line for number, each in numbered for line in _entry(each, ours, batch, code, number)
    ]
    amount = sum(payment.amount for payment in payments)
    paid, pulled = (amount, 0) if code == CREDIT else (0, amount)
    checked = sum(int(payment.beneficiary[:8]) for payment in payments) % _HASH
    totals = f"{checked:010}{pulled:012}{paid:012}"
    service = "220" if code == CREDIT else "225"
    lines = [
        _file_header(ours, batch),
        _batch_header(payments[0].scheme, ours, batch, service, described or batch.description),
        *entries,
        f"8{service}{len(entries):06}{totals}{ours.company_id:<10}{'':25}{ours.routing[:8]}0000001",
    ]
    blocks = -(-(len(lines) + 1) // BLOCK)
    lines.append(f"9000001{blocks:06}{len(entries):08}{totals}{'':39}")
    lines += ["9" * WIDTH] * (blocks * BLOCK - len(lines))
    assert all(len(line) == WIDTH and line.isascii() for line in lines), lines
    return ("\n".join(lines) + "\n").encode("ascii")


def _file_header(ours: OurAccount, batch: Batch) -> str:
    made = text.local(batch.created_at, ours.zone).strftime("%y%m%d%H%M")
    names = _words(ours.bank_name, 23) + _words(ours.name, 23)
    head = f"101 {ours.routing}{ours.company_id:>10}{made}{batch.modifier}"
    return f"{head}0{WIDTH}{BLOCK}1{names}{'':8}"


def _batch_header(scheme: str, ours: OurAccount, batch: Batch, service: str, described: str) -> str:
    settles = text.local(batch.settles_at, ours.zone)
    same_day = scheme == "fedach_credit_same_day"
    descriptive = settles.strftime("SD%H%M") if same_day else settles.strftime("%y%m%d")
    head = f"5{service}{_words(ours.name, 16)}{'':20}{ours.company_id:<10}{batch.entry_class}"
    dates = f"{descriptive}{settles.strftime('%y%m%d')}{'':3}"
    return f"{head}{_words(described, 10)}{dates}1{ours.routing[:8]}0000001"


def _entry(
    payment: SendPayment, ours: OurAccount, batch: Batch, code: str, number: int
) -> list[str]:
    """An entry, and the addenda that says our id in full."""
    bank, _, account = payment.beneficiary.partition("/")
    named = _words(text.name(payment.beneficiary_name), 22)
    who = f"{short_id(payment.payment_id):<15}{named}"
    trace = trace_number(ours, number)
    told = f"{payment.payment_id} {text.words(payment.memo, 80)}"[:80]
    return [
        f"6{code}{bank}{account:<17}{payment.amount:010}{who}{'':2}1{trace}",
        f"705{told:<80}0001{number:07}",
    ]


def _words(told: str, width: int) -> str:
    return f"{text.words(told, width).upper()[:width]:<{width}}"


# --- what cannot be said -------------------------------------------------------------------------


def _direction(payments: Sequence[SendPayment]) -> str:
    directions = {payment.kind for payment in payments}
    if len(directions) != 1 or "exchange" in directions:
        raise CannotSay("payments in one direction, at least one, would do")
    return directions.pop()


def _check(payments: Sequence[SendPayment], ours: OurAccount, batch: Batch) -> None:
    if reason := beneficiaries.aba(ours.routing):
        raise CannotSay(f"our bank: {reason}")
    if ours.asset != "USD" or ours.decimals != 2:
        raise CannotSay(f"an account in {ours.asset}; one in USD would do")
    text.identifier(ours.company_id, 10)
    if len(batch.modifier) != 1 or batch.modifier not in MODIFIERS:
        raise CannotSay(f"modifier {batch.modifier!r}; one of A to Z and 0 to 9 would do")
    if batch.first_trace < 1 or batch.first_trace + len(payments) - 1 > TRACES:
        raise CannotSay("trace numbers have seven digits")
    if len({payment.payment_id for payment in payments}) < len(payments):
        raise CannotSay("a payment stands in the file twice")
    if len({payment.scheme for payment in payments}) > 1:
        raise CannotSay("payments over one scheme would do")
    for payment in payments:
        _check_payment(payment)
    if sum(payment.amount for payment in payments) >= 10**12:
        raise CannotSay("the total has more than twelve digits")


def _check_payment(payment: SendPayment) -> None:
    if payment.scheme not in SCHEMES:
        raise CannotSay(f"scheme {payment.scheme!r}; {', '.join(SCHEMES)} would do")
    if payment.asset != "USD" or not 0 < payment.amount <= AMOUNT_MAX:
        raise CannotSay(f"an amount of {payment.amount} units of {payment.asset}")
    if reason := beneficiaries.routing(payment.beneficiary):
        raise CannotSay(f"beneficiary: {reason}")
