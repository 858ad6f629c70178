"""camt.052, camt.053 and camt.054, of any version: what a bank tells of an account.

The sign of an entry is its CdtDbtInd's alone: RvslInd says that it undoes an earlier one, which had
the other sign, and turns nothing round. A camt.052 is no statement: it may come several times a day
and bounds no period. A date of booking is no date of value, and both are told.
"""

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

from core.events import Event
from core.rail_events import LineKind
from rails.messages.context import (
    SECOND,
    Context,
    Unreadable,
    amount,
    apart,
    day_after,
    moment,
    plain,
    told,
)
from rails.messages.statement import ZERO, Alike, Balance, Detail, Line, Statement, tell
from rails.messages.tree import Node

BALANCES: dict[str, Literal["opening", "closing", "interim"]] = {
    "OPBD": "opening",
    "PRCD": "opening",  # the previous closing
    "CLBD": "closing",
    "ITBD": "interim",
}
DAY = 86_400 * SECOND
STATUSES = {"BOOK", "PDNG", "FUTR", "INFO"}
# Sub-families of ISO's bank transaction codes that are none of a payment's own.
KINDS: dict[str, LineKind] = {
    **dict.fromkeys(("RRTN", "UPDD", "PRDD", "RPCR", "UPCQ"), "return"),
    **dict.fromkeys(("CHRG", "COMM", "COME", "COMI", "FEES"), "fee"),
    "INTR": "interest",
}


def statement(document: Node, context: Context) -> list[Event]:
    """camt.053: statements, each of a period, or a page of one."""
    return _each(document, "Stmt", context)


def report(document: Node, context: Context) -> list[Event]:
    """camt.052: reports within a day."""
    return _each(document, "Rpt", context)


def notification(document: Node, context: Context) -> list[Event]:
    """camt.054: single entries told as they are booked, batches with their details."""
    return _each(document, "Ntfctn", context)


def _each(document: Node, name: str, context: Context) -> list[Event]:
    nodes = document.all(name)
    if not nodes:
        raise Unreadable(f"no <{name}> in <{document.name}>")
    alike = Alike()
    return apart(
        nodes, lambda node, _: tell(read_statement(node, context.zone), context, alike), context
    )


# --- a statement ---------------------------------------------------------------------------------


@dataclass(slots=True, frozen=True)
class Around:
    """What an entry needs to know of its statement; `ends` is within the last day it tells of."""

    zone: str
    created: int
    number: str
    ends: int = 0


def read_statement(node: Node, zone: str) -> Statement:
    """What one Stmt, Rpt or Ntfctn tells."""
    pages = node.first("StmtPgntn") or node.first("RptPgntn") or node.first("NtfctnPgntn")
    whole = pages is None or (pages.said("PgNb").lstrip("0") == "1" and pages.is_true("LastPgInd"))
    entries = node.all("Ntry")
    if whole:
        _check_summary(node, entries)
    created = moment(node.said("CreDtTm"), zone) if node.said("CreDtTm") else 0
    number = node.said("Acct/Id/IBAN", "Acct/Id/Othr/Id", "Acct/Id/PrtryAcct/Id")
    around = Around(zone, created, number)
    balances = _balances(node, around)
    ends = max((b.at for b in balances if b.kind != "opening"), default=created + 1)
    around = replace(around, ends=ends - 1)
    return Statement(
        number=number,
        statement_id=node.said("Id"),
        covers="period" if node.name == "Stmt" and whole else "neither",
        balances=balances,
        lines=tuple(_line(e, around) for e in entries if _status(e) != "INFO"),
        sequence=_number(node.said("ElctrncSeqNb", "LglSeqNb") or "0"),
        page=pages.said("PgNb") if pages else "",
        elsewhere=bool(node.all("Bal")),
    )


def _balances(node: Node, around: Around) -> tuple[Balance, ...]:
    """Booked balances; the previous closing only where there is no opening of its own."""
    begins, ends = node.said("FrToDt/FrDtTm"), node.said("FrToDt/ToDtTm")
    from_at = moment(begins, around.zone) if begins else 0
    to_at = moment(ends, around.zone) if ends else 0
    ends_at = {"opening": from_at, "closing": to_at, "interim": to_at or around.created}
    found: dict[tuple[str, str], Balance] = {}
    for told_of in node.all("Bal"):
        code = told_of.said("Tp/CdOrPrtry/Cd", "Tp/Cd")
        if code in BALANCES:
            balance = _balance(told_of, code, ends_at[BALANCES[code]], around.zone)
            known = found.setdefault((code, balance.currency), balance)
            if code != "ITBD" and known.amount != balance.amount:
                raise Unreadable(
                    f"two {code} balances in {balance.currency}: {plain(known.amount)}"
                    f" and {plain(balance.amount)}"
                )
            found[code, balance.currency] = max(known, balance, key=lambda b: b.at)
    own = {currency for code, currency in found if code == "OPBD"}
    return tuple(b for (code, ccy), b in found.items() if code != "PRCD" or ccy not in own)


def _balance(node: Node, code: str, end: int, zone: str) -> Balance:
    """One with a bare date stood where the statement says that it begins or ends, if that is of
    the same day; else a closing stood when its day had ended."""
    value, currency = _signed(node)
    at = moment(node.said("Dt/DtTm", "Dt/Dt"), zone)
    if not node.said("Dt/DtTm"):
        if code in ("CLBD", "PRCD"):
            at = day_after(at, zone)
        at = end if end and abs(end - at) <= DAY else at
    return Balance(BALANCES[code], currency, value, at)


def _check_summary(node: Node, entries: list[Node]) -> None:
    """TxsSummry counts and sums all entries, or only those that are booked: banks differ."""
    booked = [entry for entry in entries if _status(entry) == "BOOK"]
    for name, side in (("TtlNtries", ""), ("TtlCdtNtries", "CRDT"), ("TtlDbtNtries", "DBIT")):
        total = node.first(f"TxsSummry/{name}")
        if total is not None and not any(_agrees(total, some, side) for some in (entries, booked)):
            count, summed = total.said("NbOfNtries"), total.said("Sum")
            raise Unreadable(f"{name} tells {count or '?'} entries of {summed or '?'}: not these")


def _agrees(total: Node, entries: list[Node], side: str) -> bool:
    values = [_signed(entry) for entry in entries if side in ("", entry.said("CdtDbtInd"))]
    if total.said("NbOfNtries") and _number(total.said("NbOfNtries")) != len(values):
        return False
    if len({currency for _, currency in values}) > 1:
        return True  # a sum over currencies says nothing
    gross = sum((abs(value) for value, _ in values), ZERO)
    net = sum((value for value, _ in values), ZERO)
    nets = total.said("TtlNetNtryAmt", "TtlNetNtry/Amt")
    agrees = not total.said("Sum") or amount(total.said("Sum")) == gross
    return agrees and (not nets or amount(nets) == abs(net))


# --- an entry ------------------------------------------------------------------------------------


def _status(entry: Node) -> str:
    status = entry.said("Sts", "Sts/Cd", "Sts/Prtry")
    if status not in STATUSES:
        raise Unreadable(f"entry status {status!r} is none of {', '.join(sorted(STATUSES))}")
    return status


def _line(entry: Node, around: Around) -> Line:
    value, currency = _signed(entry)
    details = entry.all("NtryDtls/TxDtls")
    for batch in entry.all("NtryDtls"):
        _check_batch(batch, entry)
    kind, code = _kind(entry, details)
    booked = entry.said("BookgDt/DtTm", "BookgDt/Dt")
    valued = entry.said("ValDt/DtTm", "ValDt/Dt")
    return Line(
        amount=value,
        currency=currency,
        booked_at=moment(booked, around.zone) if booked else around.created,
        value_at=moment(valued, around.zone) if valued else 0,
        reference=_bank_reference(entry, details),
        kind=kind,
        references=_references(entry, details, around),
        details=_details(details, value, currency, around),
        counterparty=_counterparty(details[0], value, around) if len(details) == 1 else "",
        code=code,
        reversal=entry.is_true("RvslInd"),
        pending=_status(entry) != "BOOK",
        fee=_fee(entry, details, currency),
        lasting=(
            *_references(entry, details, around, number=False),
            *told(entry.said("AddtlNtryInf")),
        ),
        known_at=0 if booked else moment(valued, around.zone) if valued else around.ends,
    )


def _signed(node: Node) -> tuple[Decimal, str]:
    """An amount with the sign of its CdtDbtInd, and its currency."""
    told_as = node.first("Amt")
    if told_as is None:
        raise Unreadable(f"<{node.name}> without an amount")
    currency = told_as.attributes.get("Ccy", "")
    if not currency:
        raise Unreadable(f"<{node.name}> with an amount and no currency")
    return _sign(node) * amount(told_as.text), currency


def _sign(node: Node) -> int:
    side = node.said("CdtDbtInd")
    if side not in ("CRDT", "DBIT"):
        raise Unreadable(f"<{node.name}> CdtDbtInd {side!r} is neither CRDT nor DBIT")
    return 1 if side == "CRDT" else -1


def _bank_reference(entry: Node, details: list[Node]) -> str:
    """AcctSvcrRef, the only id of an entry that is the same in every message."""
    lone = details[0].said("Refs/AcctSvcrRef") if len(details) == 1 else ""
    return next(iter(told(entry.said("AcctSvcrRef"), lone)), "")


def _kind(entry: Node, details: list[Node]) -> tuple[LineKind, str]:
    """What the entry is, by its return reason, its code or its reversal mark; and the code.

    It is a return if all of its payments are: of what is returned beside what is not, each is known
    by its references.
    """
    domain = entry.first("BkTxCd/Domn")
    family = domain.said("Fmly/SubFmlyCd") if domain else ""
    codes = [domain.said("Cd"), domain.said("Fmly/Cd"), family] if domain else []
    code = "/".join(codes) or entry.said("BkTxCd/Prtry/Cd")
    reasons = [detail.first("RtrInf") for detail in details]
    if reasons and reasons[0] and all(reasons):
        return "return", reasons[0].said("Rsn/Cd", "Rsn/Prtry") or code
    if family in KINDS:
        return KINDS[family], code
    return ("reversal" if entry.is_true("RvslInd") else "payment"), code


def _references(
    entry: Node, details: list[Node], around: Around, *, number: bool = True
) -> tuple[str, ...]:
    """All ids told of the entry; those of its details only where it has one alone.

    NtryRef may be its number within the message, which another message gives to another entry.
    """
    texts = [entry.said("AcctSvcrRef"), entry.said("NtryRef") if number else ""]
    for batch in entry.all("NtryDtls/Btch"):
        texts += [batch.said("MsgId"), batch.said("PmtInfId")]
    value, currency = _signed(entry)
    if len(details) == 1 or not _details(details, value, currency, around):
        texts += [text for one in details for text in _detail_references(one, value, around)]
    return told(*texts)


def _detail_references(detail: Node, value: Decimal, around: Around) -> tuple[str, ...]:
    """Ids, creditor references, remittance texts, and to which account of ours it was sent."""
    ids = [node.text or node.said("Ref") for refs in detail.all("Refs") for node in refs.children]
    ids += [node.said("Ref") for node in detail.all("RmtInf/Strd/CdtrRefInf")]
    ids += [node.text for node in detail.all("RmtInf/Ustrd")]
    addressed = _party_account(detail, "Cdtr") if value > 0 else ""
    return told(*ids, addressed if addressed != around.number else "")


def _counterparty(detail: Node, value: Decimal, around: Around) -> str:
    """Who paid us, or whom we paid: the account if told, else the name; never ourselves."""
    side = "Dbtr" if value > 0 else "Cdtr"
    account = _party_account(detail, side)
    name = detail.said(f"RltdPties/{side}/Nm", f"RltdPties/{side}/Pty/Nm")
    return "" if account == around.number else account or name


def _party_account(detail: Node, side: str) -> str:
    return detail.said(f"RltdPties/{side}Acct/Id/IBAN", f"RltdPties/{side}Acct/Id/Othr/Id")


# --- batches, details, fees ----------------------------------------------------------------------


def _check_batch(batch: Node, entry: Node) -> None:
    """A batch that counts its transactions has as many, where it details them."""
    count, detailed = batch.said("Btch/NbOfTxs"), len(batch.all("TxDtls"))
    if count and detailed and _number(count) != detailed:
        raise Unreadable(f"a batch of {count} transactions details {detailed}")
    total, value = batch.first("Btch/TtlAmt"), entry.first("Amt")
    alone = len(entry.all("NtryDtls")) == 1
    if total is None or value is None or not alone or entry.all("Chrgs"):
        return
    same = total.attributes.get("Ccy") == value.attributes.get("Ccy")
    if same and amount(total.text) != amount(value.text):
        raise Unreadable(f"a batch of {total.text} in an entry of {value.text}")


def _details(
    details: list[Node], value: Decimal, currency: str, around: Around
) -> tuple[Detail, ...]:
    """The payments of an entry, if each tells its amount in the entry's currency.

    One may go the other way than its entry, which is then what they come to together; one that does
    not say which way it goes goes as its entry does.
    """
    read = []
    for detail in details:
        own = _own_amount(detail, currency)
        if own is None:
            return ()
        signed = own * (_sign(detail) if detail.said("CdtDbtInd") else 1 if value >= 0 else -1)
        read.append(Detail(signed, _detail_references(detail, signed, around)))
    return tuple(read)


def _own_amount(detail: Node, currency: str) -> Decimal | None:
    for path in ("Amt", "AmtDtls/TxAmt/Amt", "AmtDtls/CntrValAmt/Amt"):
        node = detail.first(path)
        if node is not None and node.attributes.get("Ccy") == currency:
            return amount(node.text)
    return None


def _fee(entry: Node, details: list[Node], currency: str) -> Decimal:
    """Charges that are told as included in the amount; what is charged apart has its own entry."""
    fee = ZERO
    for charge in _charges([entry]) or _charges(details):
        node = charge.first("Amt")
        included = charge.is_true("ChrgInclInd")
        if node is not None and included and node.attributes.get("Ccy") == currency:
            fee += amount(node.text) * (-1 if charge.said("CdtDbtInd") == "CRDT" else 1)
    if fee < ZERO:
        raise Unreadable(f"charges of {plain(fee)} {currency}: less than nothing")
    return fee


def _charges(nodes: list[Node]) -> list[Node]:
    """Charge records; older versions tell one without a record around it."""
    charges = [charge for node in nodes for charge in node.all("Chrgs")]
    return [record for charge in charges for record in charge.all("Rcrd") or [charge]]


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 18:
        raise Unreadable(f"{text!r} is no number")
    return int(text)
