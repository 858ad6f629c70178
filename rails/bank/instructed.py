"""What the simulated bank reads in the files that we send: by their standard, not by our writers.

pain.001 and pain.008 (credits and collections), pacs.028 (status requests), camt.056 and camt.029
(recalls, answers to them), NACHA files of credits, debits and reversals.
"""

from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Literal
from xml.etree import ElementTree as Tree  # reads our own files, in a simulation

Direction = Literal["out", "in"]


class Malformed(ValueError):
    """The file is refused at the door; the text says why."""


@dataclass(frozen=True, slots=True)
class Instruction:
    """One payment that we want."""

    payment_id: str
    message_id: str
    message_kind: str
    scheme: str
    direction: Direction
    currency: str
    amount: Decimal
    peer: str
    name: str = ""
    text: str = ""
    uetr: str = ""
    trace: str = ""
    individual: str = ""
    wanted: date | None = None
    reverses: bool = False


@dataclass(frozen=True, slots=True)
class Question:
    """A status request, a recall, or an answer to one: about a payment, or a case of the bank's."""

    kind: Literal["pacs.028", "camt.056", "camt.029"]
    message_id: str
    about: str
    code: str = ""


def payments(body: bytes) -> list[Instruction]:
    """Every payment of a file, in its order."""
    if body[:1] == b"1":
        return _nacha(body)
    root = _root(body)
    name = _name(root[0])
    if name == "CstmrCdtTrfInitn":
        return [one for info in _all(root[0], "PmtInf") for one in _credits(root[0], info)]
    if name == "CstmrDrctDbtInitn":
        return [one for info in _all(root[0], "PmtInf") for one in _collections(root[0], info)]
    raise Malformed(f"<{name}> instructs no payment")


def question(body: bytes) -> Question:
    """What a file asks or answers about one payment."""
    inner = _root(body)[0]
    match _name(inner):
        case "FIToFIPmtStsReq":
            about = _said(inner, "TxInf/OrgnlEndToEndId") or _said(inner, "TxInf/OrgnlInstrId")
            return Question("pacs.028", _said(inner, "GrpHdr/MsgId"), about)
        case "FIToFIPmtCxlReq":
            about = _said(inner, "Undrlyg/TxInf/OrgnlEndToEndId")
            code = _said(inner, "Undrlyg/TxInf/CxlRsnInf/Rsn/Cd")
            return Question("camt.056", _said(inner, "Assgnmt/Id"), about, code)
        case "RsltnOfInvstgtn":
            details = "CxlDtls/TxInfAndSts/"
            about = (
                _said(inner, f"{details}RslvdCase/Id")
                or _said(inner, "RslvdCase/Id")
                or _said(inner, f"{details}OrgnlCxlId")
                or _said(inner, f"{details}CxlStsId")
            )
            code = _said(inner, f"{details}CxlStsRsnInf/Rsn/Cd") or _said(inner, "Sts/Conf")
            return Question("camt.029", _said(inner, "Assgnmt/Id"), about, code)
        case name:
            raise Malformed(f"<{name}> asks nothing")


# --- ISO 20022 -----------------------------------------------------------------------------------


def _root(body: bytes) -> Tree.Element:
    try:
        root = Tree.fromstring(body)  # noqa: S314  # our own file
    except Tree.ParseError as error:
        raise Malformed(f"no XML: {error}") from error
    if not len(root):
        raise Malformed("an empty document")
    return root


def _name(node: Tree.Element) -> str:
    return node.tag.rpartition("}")[2]


def _all(node: Tree.Element, path: str) -> list[Tree.Element]:
    """Every element at a path, whatever its namespace."""
    found = [node]
    for step in path.split("/"):
        found = [child for parent in found for child in parent if _name(child) == step]
    return found


def _said(node: Tree.Element, path: str) -> str:
    return next(((one.text or "").strip() for one in _all(node, path) if one.text), "")


def _amount(node: Tree.Element, path: str) -> tuple[Decimal, str]:
    found = _all(node, path)
    if not found:
        raise Malformed(f"no {path}")
    try:
        amount = Decimal((found[0].text or "").strip())
    except InvalidOperation as error:
        raise Malformed(f"{path} is no amount") from error
    if amount <= 0 or amount != round(amount, 2):
        raise Malformed(f"{path} of {amount}")
    return amount, found[0].attrib.get("Ccy", "")


def _credits(root: Tree.Element, info: Tree.Element) -> list[Instruction]:
    wanted = _said(info, "ReqdExctnDt/Dt") or _said(info, "ReqdExctnDt")
    made = []
    for one in _all(info, "CdtTrfTxInf"):
        amount, currency = _amount(one, "Amt/InstdAmt")
        peer = _said(one, "CdtrAcct/Id/IBAN") or _said(one, "CdtrAcct/Id/Othr/Id")
        made.append(
            Instruction(
                payment_id=_said(one, "PmtId/EndToEndId"),
                message_id=_said(root, "GrpHdr/MsgId"),
                message_kind="pain.001",
                scheme=_scheme(info, one, currency),
                direction="out",
                currency=currency,
                amount=amount,
                peer=peer,
                name=_said(one, "Cdtr/Nm"),
                text=_said(one, "RmtInf/Ustrd"),
                uetr=_said(one, "PmtId/UETR"),
                wanted=date.fromisoformat(wanted[:10]) if wanted else None,
            )
        )
    return made


def _scheme(info: Tree.Element, one: Tree.Element, currency: str) -> str:
    """By service level and local instrument, of the payment or of its batch; else by currency."""
    levels = [one, info]
    said = {
        _said(level, f"PmtTpInf/{path}")
        for level in levels
        for path in ("SvcLvl/Cd", "SvcLvl/Prtry", "LclInstrm/Cd", "LclInstrm/Prtry")
    }
    if "INST" in said:
        return "sct_inst"
    if said & {"G001", "G002", "G003", "G004", "G005", "G006", "G007", "G009"}:
        return "swift_gpi"
    if currency == "EUR":
        return "sepa_sct"
    if currency == "GBP":
        return "fps"
    return "fedwire"


def _collections(root: Tree.Element, info: Tree.Element) -> list[Instruction]:
    wanted = _said(info, "ReqdColltnDt")
    made = []
    for one in _all(info, "DrctDbtTxInf"):
        amount, currency = _amount(one, "InstdAmt")
        made.append(
            Instruction(
                payment_id=_said(one, "PmtId/EndToEndId"),
                message_id=_said(root, "GrpHdr/MsgId"),
                message_kind="pain.008",
                scheme="sdd_core",
                direction="in",
                currency=currency,
                amount=amount,
                peer=_said(one, "DbtrAcct/Id/IBAN"),
                name=_said(one, "Dbtr/Nm"),
                text=_said(one, "RmtInf/Ustrd"),
                wanted=date.fromisoformat(wanted[:10]) if wanted else None,
            )
        )
    return made


# --- NACHA ---------------------------------------------------------------------------------------


def _nacha(body: bytes) -> list[Instruction]:
    """Entries with the addenda under them and the batch above them."""
    records = body.decode("ascii").splitlines()
    if any(len(record) != 94 for record in records) or len(records) % 10:
        raise Malformed("records are 94 characters, blocked by ten")
    file_id = records[0][13:34].strip()  # origin, creation date and time, and the modifier
    made: list[Instruction] = []
    batch = ""
    for record in records:
        if record[0] == "5":
            batch = record
        elif record[0] == "6":
            made.append(_entry(record, batch, file_id))
        elif record[:3] == "705" and made:
            made[-1] = _named(made[-1], record[3:83].strip())
    if not made:
        raise Malformed("a file without an entry")
    return made


def _entry(record: str, batch: str, file_id: str) -> Instruction:
    debit = record[1:3] in ("27", "37")
    effective = batch[69:75]
    same_day = batch[63:69].startswith("SD")
    scheme = "fedach_debit" if debit else "fedach_credit_next_day"
    if same_day and not debit:
        scheme = "fedach_credit_same_day"
    return Instruction(
        payment_id=record[39:54].strip(),
        message_id=file_id,
        message_kind="NACHA",
        scheme=scheme,
        direction="in" if debit else "out",
        currency="USD",
        amount=Decimal(int(record[29:39])).scaleb(-2),
        peer=f"{record[3:12]}/{record[12:29].strip()}",
        name=record[54:76].strip(),
        trace=record[79:94],
        individual=record[39:54].strip(),
        wanted=date(2000 + int(effective[:2]), int(effective[2:4]), int(effective[4:])),
        reverses=batch[53:63].strip() == "REVERSAL",
    )


def _named(entry: Instruction, text: str) -> Instruction:
    """An id may not fit its entry's fifteen characters; the addenda begins with the whole of it."""
    whole, _, rest = text.partition(" ")
    return replace(entry, payment_id=whole or entry.payment_id, text=rest.strip())
