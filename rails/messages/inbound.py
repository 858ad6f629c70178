"""The one way in for a bank's message: its own first bytes say which format it is."""

import re
from collections.abc import Callable

from core.events import Event
from rails.messages import bai2, camt, nacha, returns, statuses, swift_mt
from rails.messages.context import STRANGE, Context, Unreadable, apart, quarantined, rule
from rails.messages.tree import Node, parse

SIZE_MAX = 32 * 1024 * 1024
READERS: dict[str, Callable[[Node, Context], list[Event]]] = {
    "BkToCstmrAcctRpt": camt.report,  # camt.052
    "BkToCstmrStmt": camt.statement,  # camt.053
    "BkToCstmrDbtCdtNtfctn": camt.notification,  # camt.054
    "CstmrPmtStsRpt": statuses.customer,  # pain.002
    "FIToFIPmtStsRpt": statuses.interbank,  # pacs.002
    "PmtRtr": returns.payment_return,  # pacs.004
    "FIToFIPmtCxlReq": returns.recall,  # camt.056
    "RsltnOfInvstgtn": returns.resolution,  # camt.029
}


def read(body: bytes, context: Context) -> list[Event]:
    """Every event that a bank's message tells, and at least one: silence would be an alarm."""
    try:
        events = _dispatch(body, context)
    except STRANGE as error:
        return [quarantined(context, rule(error))]
    return events or [quarantined(context, "read to its end, and it tells nothing")]


def _dispatch(body: bytes, context: Context) -> list[Event]:
    if len(body) > SIZE_MAX:
        raise Unreadable(f"{len(body)} bytes, more than the {SIZE_MAX} that we read")
    # A byte order mark, and the control characters around a SWIFT message, are no part of it.
    start = body.removeprefix(b"\xef\xbb\xbf").lstrip(b"\x00\x01\x02\x03 \t\r\n")
    if not start:
        raise Unreadable("an empty message")
    if start.startswith((b"<", b"\xff\xfe", b"\xfe\xff")):
        return _xml(start, context)
    if start.startswith(b"01,"):
        return bai2.read(start.decode("latin-1"), context)
    if re.match(rb"101[ 0-9]|[5-9][0-9]{3}", start):
        return nacha.read(start.decode("latin-1"), context)
    if re.search(rb"^:20:", start, re.MULTILINE):
        return swift_mt.read(start, context)
    raise Unreadable("none of the formats that banks send: XML, BAI2, NACHA, MT940, MT942")


def _xml(body: bytes, context: Context) -> list[Event]:
    """By the body element wherever it stands: some banks wrap it, some forget its namespace."""
    root = parse(body)
    found = [node for node in root.walk() if node.name in READERS]
    if not found:
        raise Unreadable(f"<{root.name}> holds no ISO 20022 message that banks send us")
    return apart(found, lambda node, _: READERS[node.name](node, context), context)
