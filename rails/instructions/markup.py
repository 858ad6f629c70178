"""ISO 20022 on paper: elements in their order, amounts, parties and accounts."""

from hashlib import sha256
from uuid import UUID
from xml.etree import ElementTree

from core import beneficiaries
from core.rail_events import BeneficiaryKind
from rails.instructions import text
from rails.instructions.party import CannotSay, OurAccount

Element = ElementTree.Element
CLEARING = {"routing": "USABA", "sort_code": "GBDSC"}


def element(tag: str, *parts: Element | str | None, **attributes: str) -> Element:
    """An element with its parts, text or elements; None is no part."""
    made = Element(tag, attributes)
    for part in parts:
        if isinstance(part, str):
            made.text = part
        elif part is not None:
            made.append(part)
    return made


def document(message: str, body: Element) -> bytes:
    """The whole message, in UTF-8."""
    whole = element("Document", body, xmlns=f"urn:iso:std:iso:20022:tech:xsd:{message}")
    written = ElementTree.tostring(whole, encoding="unicode")
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + written.encode() + b"\n"


def money(tag: str, units: int, ours: OurAccount) -> Element:
    """An amount in the currency of our account."""
    return element(tag, text.amount(units, ours.decimals), Ccy=ours.asset)


def total(units: list[int], ours: OurAccount) -> Element:
    """The control sum."""
    return element("CtrlSum", text.amount(sum(units), ours.decimals))


def named(tag: str, name: str) -> Element:
    """A party by its name."""
    return element(tag, element("Nm", text.name(name)))


def our_account(tag: str, ours: OurAccount) -> Element:
    """Our account, by IBAN or by the number that our bank gave it."""
    number = ours.iban or ours.number
    return element(tag, _number(number), element("Ccy", ours.asset))


def our_bank(tag: str, ours: OurAccount) -> Element:
    """The bank that keeps our account."""
    if ours.bic:
        return element(tag, _bic(ours.bic))
    for kind, code in (("routing", ours.routing), ("sort_code", ours.sort_code)):
        if code:
            return element(tag, _member(kind, code))
    return element(tag, element("FinInstnId", element("Othr", element("Id", text.NAMELESS))))


def their_account(
    kind: BeneficiaryKind, beneficiary: str, agent: str, account: str
) -> tuple[Element | None, Element]:
    """Bank (where it must be told) and account of a beneficiary written as its kind is."""
    if reason := beneficiaries.fault(kind, beneficiary):
        raise CannotSay(f"beneficiary: {reason}")
    code, slash, number = beneficiary.rpartition("/")
    bank = None
    if slash:
        bank = element(agent, _bic(code) if kind == "bic" else _member(kind, code))
    return bank, element(account, _number(number))


def uetr(payment_id: str) -> str:
    """The UETR of a payment: a UUID of version 4 in form, made of our id so that it never moves."""
    return str(UUID(bytes=sha256(payment_id.encode()).digest()[:16], version=4))


def _number(number: str) -> Element:
    if not beneficiaries.iban(number):
        return element("Id", element("IBAN", number))
    return element("Id", element("Othr", element("Id", text.identifier(number, 34))))


def _bic(code: str) -> Element:
    return element("FinInstnId", element("BICFI", code))


def _member(kind: str, code: str) -> Element:
    system = element("ClrSysId", element("Cd", CLEARING[kind]))
    return element("FinInstnId", element("ClrSysMmbId", system, element("MmbId", code)))
