"""Who speaks: our own account as a bank knows it, and what a message may refer to."""

from dataclasses import dataclass
from typing import Literal

SequenceType = Literal["FRST", "RCUR", "OOFF", "FNAL"]


class CannotSay(ValueError):
    """The format has no words for it; the text says for what."""


@dataclass(slots=True, frozen=True)
class OurAccount:
    """One account of ours: how it is called, which currency it is in, whose days it lives by.

    An account is told by `iban`, or by `number` with the `routing` number or `sort_code` of its
    bank. `creditor_id` is the SEPA identifier of those who pull debits, `company_id` (ten
    characters) and `bank_name` stand in NACHA files.
    """

    name: str
    asset: str
    decimals: int
    zone: str
    iban: str = ""
    bic: str = ""
    routing: str = ""
    sort_code: str = ""
    number: str = ""
    creditor_id: str = ""
    company_id: str = ""
    bank_name: str = ""


@dataclass(slots=True, frozen=True)
class Mandate:
    """What entitles us to pull a debit: its reference, the day it was signed on ("2026-07-06"), and
    where in the row of collections this one stands."""

    mandate_id: str
    signed_on: str
    sequence: SequenceType = "RCUR"


@dataclass(slots=True, frozen=True)
class Original:
    """The message that an instruction of ours went out with: its id, its kind and when."""

    message_id: str
    sent_at: int
    message_name: str = "pain.001.001.09"
