"""The simulated bank's own ISO 20022: statuses, notices, reports, statements, returns, recalls.

Written as text, element by element; shares nothing with any reader. A time has nine digits, so that
what is stated as of a moment is stated exactly.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from xml.sax.saxutils import escape

from rails.bank.ledger import Closed, Line, Part

SECOND = 1_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Head:
    """Whose account it is, as the bank's messages name it."""

    iban: str
    number: str
    currency: str
    owner: str


def when(at: int) -> str:
    """A moment, exactly, in UTC."""
    return f"{_EPOCH + timedelta(seconds=at // SECOND):%Y-%m-%dT%H:%M:%S}.{at % SECOND:09d}Z"


def _document(kind: str, inner: str) -> bytes:
    space = f"urn:iso:std:iso:20022:tech:xsd:{kind}"
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<Document xmlns="{space}">{inner}</Document>'
    return text.encode()


def _leaf(name: str, told: str) -> str:
    """An element with a text; nothing where nothing is to be told."""
    return f"<{name}>{escape(told)}</{name}>" if told else ""


def _money(name: str, amount: Decimal, currency: str) -> str:
    return f'<{name} Ccy="{currency}">{abs(amount):.2f}</{name}>'


def _side(amount: Decimal) -> str:
    return f"<CdtDbtInd>{'DBIT' if amount < 0 else 'CRDT'}</CdtDbtInd>"


def _group(message_id: str, at: int) -> str:
    return f"<GrpHdr><MsgId>{message_id}</MsgId><CreDtTm>{when(at)}</CreDtTm></GrpHdr>"


# --- statuses ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Status:
    """What became of one payment."""

    payment_id: str
    message_id: str
    message_kind: str
    code: str
    reason: str = ""
    text: str = ""
    uetr: str = ""
    reference: str = ""
    amount: Decimal = Decimal(0)
    charge: Decimal = Decimal(0)
    at: int = 0


def _reason(status: Status) -> str:
    if not status.reason:
        return ""
    own = status.reason.startswith("G00")  # gpi's reasons are no codes of ISO's list
    code = _leaf("Prtry" if own else "Cd", status.reason)
    return f"<StsRsnInf><Rsn>{code}</Rsn>{_leaf('AddtlInf', status.text)}</StsRsnInf>"


def pain_002(statuses: Iterable[Status], message_id: str, at: int, group: str = "") -> bytes:
    """To the customer: what the bank has done with the instruction, on the debtor's side."""
    told = list(statuses)
    first = told[0]
    lines = "".join(
        "<TxInfAndSts>"
        + _leaf("OrgnlEndToEndId", status.payment_id)
        + _leaf("OrgnlUETR", status.uetr)
        + _leaf("TxSts", status.code)
        + _reason(status)
        + _leaf("AcctSvcrRef", status.reference)
        + "</TxInfAndSts>"
        for status in told
    )
    return _document(
        "pain.002.001.10",
        "<CstmrPmtStsRpt>"
        + _group(message_id, at)
        + "<OrgnlGrpInfAndSts>"
        + _leaf("OrgnlMsgId", first.message_id)
        + _leaf("OrgnlMsgNmId", first.message_kind)
        + _leaf("GrpSts", group)
        + "</OrgnlGrpInfAndSts><OrgnlPmtInfAndSts>"
        + _leaf("OrgnlPmtInfId", first.message_id)
        + f"{lines}</OrgnlPmtInfAndSts></CstmrPmtStsRpt>",
    )


def pacs_002(status: Status, message_id: str, at: int, currency: str) -> bytes:
    """Between banks, and passed on to us: what the scheme says of the payment."""
    charges = ""
    if status.charge:
        charges = f"<ChrgsInf>{_money('Amt', status.charge, currency)}</ChrgsInf>"
    settled = f"<AccptncDtTm>{when(status.at)}</AccptncDtTm>" if status.at else ""
    return _document(
        "pacs.002.001.10",
        "<FIToFIPmtStsRpt>"
        + _group(message_id, at)
        + "<TxInfAndSts><OrgnlGrpInf>"
        + _leaf("OrgnlMsgId", status.message_id)
        + _leaf("OrgnlMsgNmId", status.message_kind)
        + "</OrgnlGrpInf>"
        + _leaf("OrgnlEndToEndId", status.payment_id)
        + _leaf("OrgnlUETR", status.uetr)
        + _leaf("TxSts", status.code)
        + _reason(status)
        + charges
        + settled
        + _leaf("AcctSvcrRef", status.reference)
        + "<OrgnlTxRef>"
        + _money("IntrBkSttlmAmt", status.amount, currency)
        + "</OrgnlTxRef></TxInfAndSts></FIToFIPmtStsRpt>",
    )


# --- returns and recalls -------------------------------------------------------------------------


def pacs_004(
    return_id: str, part: Part, original: str, reason: str, fee: Decimal, at: int, currency: str
) -> bytes:
    """A payment comes back; the amount is what is left of it after `fee`, or, of one that was
    pulled, what is taken with it."""
    charges = f"<ChrgsInf>{_money('Amt', fee, currency)}</ChrgsInf>" if fee else ""
    returned = abs(part.amount)
    return _document(
        "pacs.004.001.09",
        "<PmtRtr>"
        + _group(return_id, at)
        + f"<TxInf><RtrId>{return_id}</RtrId>"
        + _leaf("OrgnlEndToEndId", part.end_to_end_id)
        + _leaf("OrgnlTxId", original)
        + _leaf("OrgnlUETR", part.uetr)
        + _money("OrgnlIntrBkSttlmAmt", returned + (fee if part.amount < 0 else -fee), currency)
        + _money("RtrdIntrBkSttlmAmt", returned, currency)
        + charges
        + f"<RtrRsnInf><Rsn>{_leaf('Cd', reason)}</Rsn></RtrRsnInf></TxInf></PmtRtr>",
    )


def camt_056(
    case_id: str, recall_id: str, line: Line, reason: str, at: int, currency: str
) -> bytes:
    """Somebody asks back what they paid us."""
    part = line.parts[0]
    return _document(
        "camt.056.001.08",
        f"<FIToFIPmtCxlReq><Assgnmt><Id>{case_id}</Id><CreDtTm>{when(at)}</CreDtTm></Assgnmt>"
        f"<Undrlyg><TxInf><CxlId>{recall_id}</CxlId>"
        + _leaf("OrgnlEndToEndId", part.end_to_end_id or "NOTPROVIDED")
        + _leaf("OrgnlTxId", line.reference)
        + _money("OrgnlIntrBkSttlmAmt", part.amount, currency)
        + f"<CxlRsnInf><Rsn>{_leaf('Cd', reason)}</Rsn></CxlRsnInf>"
        "</TxInf></Undrlyg></FIToFIPmtCxlReq>",
    )


def camt_029(case_id: str, payment_id: str, code: str, reason: str, at: int) -> bytes:
    """The answer to a recall of ours: CNCL (it comes back) or RJCR (it does not)."""
    why = f"<CxlStsRsnInf><Rsn>{_leaf('Cd', reason)}</Rsn></CxlStsRsnInf>" if reason else ""
    return _document(
        "camt.029.001.09",
        f"<RsltnOfInvstgtn><Assgnmt><Id>{case_id}</Id><CreDtTm>{when(at)}</CreDtTm></Assgnmt>"
        f"<Sts><Conf>{code}</Conf></Sts><CxlDtls><TxInfAndSts><CxlStsId>{case_id}</CxlStsId>"
        + _leaf("OrgnlEndToEndId", payment_id)
        + f"<TxCxlSts>{'ACCR' if code == 'CNCL' else 'RJCR'}</TxCxlSts>"
        + f"{why}</TxInfAndSts></CxlDtls></RsltnOfInvstgtn>",
    )


# --- the account ---------------------------------------------------------------------------------


def camt_054(head: Head, line: Line, message_id: str, at: int) -> bytes:
    """A notice of one line, as it is booked."""
    return _document(
        "camt.054.001.08",
        "<BkToCstmrDbtCdtNtfctn>"
        + _group(message_id, at)
        + f"<Ntfctn><Id>{message_id}</Id><CreDtTm>{when(at)}</CreDtTm>{_account(head)}"
        + f"{_entry(line, head.currency)}</Ntfctn></BkToCstmrDbtCdtNtfctn>",
    )


def camt_052(
    head: Head, balance: Decimal | None, lines: Iterable[Line], message_id: str, at: int
) -> bytes:
    """A report within the day: how the account stands now, or a page of its lines, or both."""
    return _document(
        "camt.052.001.08",
        "<BkToCstmrAcctRpt>"
        + _group(message_id, at)
        + f"<Rpt><Id>{message_id}</Id><CreDtTm>{when(at)}</CreDtTm>{_account(head)}"
        + ("" if balance is None else _balance("ITBD", balance, f"<DtTm>{when(at)}</DtTm>", head))
        + "".join(_entry(line, head.currency) for line in lines)
        + "</Rpt></BkToCstmrAcctRpt>",
    )


def camt_053(head: Head, day: Closed, message_id: str, at: int) -> bytes:
    """The statement of what was closed."""
    return _document(
        "camt.053.001.08",
        "<BkToCstmrStmt>"
        + _group(message_id, at)
        + f"<Stmt><Id>{head.number}-{day.sequence}</Id><ElctrncSeqNb>{day.sequence}</ElctrncSeqNb>"
        + f"<CreDtTm>{when(at)}</CreDtTm><FrToDt><FrDtTm>{when(day.from_at)}</FrDtTm>"
        + f"<ToDtTm>{when(day.to_at)}</ToDtTm></FrToDt>{_account(head)}"
        + _balance("OPBD", day.opening, _dated(day.first), head)
        + _balance("CLBD", day.closing, _dated(day.last), head)
        + _summary(day.lines)
        + "".join(_entry(line, head.currency) for line in day.lines)
        + "</Stmt></BkToCstmrStmt>",
    )


def _account(head: Head) -> str:
    own = _leaf("IBAN", head.iban) or f"<Othr>{_leaf('Id', head.number)}</Othr>"
    owner = f"<Ownr>{_leaf('Nm', head.owner)}</Ownr>"
    return f"<Acct><Id>{own}</Id><Ccy>{head.currency}</Ccy>{owner}</Acct>"


def _dated(day: date) -> str:
    return f"<Dt>{day.isoformat()}</Dt>"


def _balance(code: str, amount: Decimal, dated: str, head: Head) -> str:
    return (
        f"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>"
        f"{_money('Amt', amount, head.currency)}{_side(amount)}<Dt>{dated}</Dt></Bal>"
    )


def _summary(lines: tuple[Line, ...]) -> str:
    total = sum((abs(line.amount) for line in lines), Decimal(0))
    counted = f"<NbOfNtries>{len(lines)}</NbOfNtries><Sum>{total:.2f}</Sum>"
    return f"<TxsSummry><TtlNtries>{counted}</TtlNtries></TxsSummry>"


def _entry(line: Line, currency: str) -> str:
    return (
        f"<Ntry><NtryRef>{line.number}</NtryRef>{_money('Amt', line.amount, currency)}"
        + _side(line.amount)
        + ("<RvslInd>true</RvslInd>" if line.kind == "reversal" else "")
        + f"<Sts><Cd>BOOK</Cd></Sts><BookgDt><DtTm>{when(line.booked_at)}</DtTm></BookgDt>"
        + f"<ValDt>{_dated(line.value_day)}</ValDt><AcctSvcrRef>{line.reference}</AcctSvcrRef>"
        + _code(line)
        + _charges(line, currency)
        + _details(line, currency)
        + "</Ntry>"
    )


def _code(line: Line) -> str:
    domain, family, sub = line.family.split("/")
    inner = f"<Cd>{domain}</Cd><Fmly><Cd>{family}</Cd><SubFmlyCd>{sub}</SubFmlyCd></Fmly>"
    return f"<BkTxCd><Domn>{inner}</Domn></BkTxCd>"


def _charges(line: Line, currency: str) -> str:
    if not line.charge:
        return ""
    return (
        f"<Chrgs><Rcrd>{_money('Amt', line.charge, currency)}<CdtDbtInd>DBIT</CdtDbtInd>"
        "<ChrgInclInd>true</ChrgInclInd></Rcrd></Chrgs>"
    )


def _details(line: Line, currency: str) -> str:
    batch = ""
    if line.batch:
        batch = (
            f"<Btch><PmtInfId>{line.batch}</PmtInfId><NbOfTxs>{len(line.parts)}</NbOfTxs></Btch>"
        )
    told = ""
    if line.told_parts:
        told = "".join(_detail(part, line.reference, currency) for part in line.parts)
    return f"<NtryDtls>{batch}{told}</NtryDtls>" if batch or told else ""


def _detail(part: Part, reference: str, currency: str) -> str:
    """One payment of a line; its account of ours only where it came to us."""
    ids = (
        _leaf("AcctSvcrRef", reference)
        + _leaf("EndToEndId", part.end_to_end_id or "NOTPROVIDED")
        + _leaf("UETR", part.uetr)
        + _leaf("TxId", part.trace)
    )
    other = "Dbtr" if part.amount > 0 else "Cdtr"
    parties = (
        (f"<{other}><Pty>{_leaf('Nm', part.name)}</Pty></{other}>" if part.name else "")
        + (f"<{other}Acct>{_party_account(part.peer)}</{other}Acct>" if part.peer else "")
        + (f"<CdtrAcct>{_party_account(part.address)}</CdtrAcct>" if part.address else "")
    )
    reason = f"<RtrInf><Rsn>{_leaf('Cd', part.reason)}</Rsn></RtrInf>" if part.reason else ""
    return (
        f"<TxDtls><Refs>{ids}</Refs>{_money('Amt', part.amount, currency)}{_side(part.amount)}"
        + (f"<RltdPties>{parties}</RltdPties>" if parties else "")
        + (f"<RmtInf>{_leaf('Ustrd', part.text)}</RmtInf>" if part.text else "")
        + f"{reason}</TxDtls>"
    )


def _party_account(number: str) -> str:
    iban = number[:2].isalpha()
    inner = _leaf("IBAN", number) if iban else f"<Othr>{_leaf('Id', number)}</Othr>"
    return f"<Id>{inner}</Id>"
