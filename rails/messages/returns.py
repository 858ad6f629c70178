"""pacs.004, camt.056 and camt.029: payments that come back, or are asked back.

Their amounts are positive, of the payment. Totals of a message's header hold, or it is quarantined.
"""

from decimal import Decimal

from core.events import Event
from core.rail_events import RecallAnswered, RecallReported, ReturnReported
from rails.messages.charges import charges, money
from rails.messages.context import (
    Context,
    Unreadable,
    amount,
    apart,
    dismissed,
    moment,
    plain,
    told,
    units,
)
from rails.messages.tree import Node

ORIGINAL_IDS = (
    "OrgnlEndToEndId",
    "OrgnlInstrId",
    "OrgnlTxId",
    "OrgnlUETR",
    "OrgnlClrSysRef",
    "OrgnlTxRef/ClrSysRef",
)
ACCEPTED = {"ACCR", "CNCL", "ACNR", "MODI"}
REFUSED = {"RJCR", "RJNR"}
UNDECIDED = {"PDCR", "PDNG", "PECR", "UWFW", "INFO", "CWFW"}


# --- pacs.004 ------------------------------------------------------------------------------------


def payment_return(document: Node, context: Context) -> list[Event]:
    """pacs.004: a payment of ours, or one that we pulled, comes back."""
    returned = document.all("TxInf")
    if not returned:
        raise Unreadable("a pacs.004 that returns no transaction")
    head = document.first("GrpHdr") or Node("GrpHdr")
    _check_totals(head, returned, "RtrdIntrBkSttlmAmt", "TtlRtrdIntrBkSttlmAmt")
    said_at = head.said("CreDtTm")
    occurred_at = moment(said_at, context.zone) if said_at else 0
    return apart(returned, lambda one, _: [_returned(one, occurred_at, context)], context)


def _returned(one: Node, occurred_at: int, context: Context) -> Event:
    value, currency = _amount(one, context, "RtrdIntrBkSttlmAmt", "RtrdInstdAmt")
    settled_on = one.said("IntrBkSttlmDt")
    return ReturnReported(
        received_at=context.received_at,
        frame=context.frame,
        account=context.account,
        return_id=_own_id(one, "RtrId"),
        payment_id=_payment_id(one),
        amount=units(value, currency, context),
        code=one.said("RtrRsnInf/Rsn/Cd", "RtrRsnInf/Rsn/Prtry"),
        references=_references(one),
        fee=charges(one, currency, context),
        occurred_at=moment(settled_on, context.zone) if settled_on else occurred_at,
    )


# --- camt.056 ------------------------------------------------------------------------------------


def recall(document: Node, context: Context) -> list[Event]:
    """camt.056: somebody asks back what they paid us."""
    asked = document.all("Undrlyg/TxInf")
    if not asked:
        raise Unreadable("a camt.056 that asks for no transaction")
    _check_totals(document.first("CtrlData") or Node("CtrlData"), asked, "OrgnlIntrBkSttlmAmt", "")
    case = document.said("Case/Id", "Assgnmt/Id")
    return apart(asked, lambda one, _: [_recalled(one, case, context)], context)


def _recalled(one: Node, case: str, context: Context) -> Event:
    value, currency = _amount(one, context, "OrgnlIntrBkSttlmAmt", "OrgnlInstdAmt")
    return RecallReported(
        received_at=context.received_at,
        frame=context.frame,
        account=context.account,
        recall_id=next(iter(told(one.said("CxlId"), one.said("Case/Id"), case)), ""),
        references=_references(one),
        amount=units(value, currency, context),
        code=one.said("CxlRsnInf/Rsn/Cd", "CxlRsnInf/Rsn/Prtry"),
    )


# --- camt.029 ------------------------------------------------------------------------------------


def resolution(document: Node, context: Context) -> list[Event]:
    """camt.029: the answer to a recall of ours; one that decides nothing yet is dismissed."""
    answers = document.all("CxlDtls/TxInfAndSts")
    if not answers:
        raise Unreadable("a camt.029 that answers for no transaction")
    overall = document.said("Sts/Conf")
    return apart(answers, lambda one, _: [_answered(one, overall, context)], context)


def _answered(one: Node, overall: str, context: Context) -> Event:
    code = one.said("TxCxlSts") or overall
    if code in UNDECIDED:
        return dismissed(context, f"recall of {_payment_id(one)}: {code}, no answer yet")
    if code not in ACCEPTED | REFUSED:
        raise Unreadable(f"status of a recall {code!r} is none of ISO 20022")
    return RecallAnswered(
        received_at=context.received_at,
        frame=context.frame,
        account=context.account,
        payment_id=_payment_id(one),
        accepted=code in ACCEPTED,
        code=one.said("CxlStsRsnInf/Rsn/Cd", "CxlStsRsnInf/Rsn/Prtry") or code,
    )


# --- what the three share ------------------------------------------------------------------------


def _own_id(one: Node, name: str) -> str:
    if not one.said(name):
        raise Unreadable(f"<{one.name}> without its {name}")
    return one.said(name)


def _references(one: Node) -> tuple[str, ...]:
    """Every id of the original that was told."""
    found = told(*(one.said(path) for path in ORIGINAL_IDS))
    if not found:
        raise Unreadable(f"<{one.name}> names no original payment")
    return found


def _payment_id(one: Node) -> str:
    """Our id, as the original payment carried it."""
    return _references(one)[0]


def _amount(one: Node, context: Context, *names: str) -> tuple[Decimal, str]:
    found = money(one, *names)
    if found is None:
        raise Unreadable(f"<{one.name}> without {names[0]}")
    if not context.is_own(found[1]):
        raise Unreadable(f"{names[0]} in {found[1] or 'no currency'}, not in {context.currency}")
    return found


def _check_totals(head: Node, transactions: list[Node], name: str, total: str) -> None:
    """NbOfTxs, CtrlSum and the header's own total are those of the transactions."""
    count = head.said("NbOfTxs")
    if count and count.lstrip("0") != str(len(transactions)):
        raise Unreadable(f"NbOfTxs {count}, and {len(transactions)} transactions")
    told_sum = head.said("CtrlSum", total) if total else head.said("CtrlSum")
    if told_sum:
        summed = sum((amount(one.said(name)) for one in transactions), Decimal(0))
        if amount(told_sum) != summed:
            raise Unreadable(f"header tells {told_sum}, its transactions come to {plain(summed)}")
