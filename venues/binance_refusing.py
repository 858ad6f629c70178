"""What Binance's simulated venues refuse, in the real ones' words, spot and futures alike.

Shares nothing with a decoder.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from venues.exchange import Exchange, Refusal, Ticket
from venues.simulated import Answer, Asked

# The shortest ban.
BAN_MS_MIN = 120_000

_encode = msgspec.json.encode


def found(exchange: Exchange, params: Mapping[str, Any]) -> Ticket:
    """The order that a request names, by either id; else a `Refusal`."""
    ticket = exchange.by_client.get(params.get("origClientOrderId", ""))
    if "orderId" in params:
        ticket = exchange.tickets.get(params["orderId"])
    if ticket is None:
        raise Refusal("unknown_order")
    return ticket


def refused(refusal: Refusal, errors: Mapping[str, tuple[int, str]], asked: Asked) -> Answer:
    """A refusal by the venue's own table; of an order that is unknown, by what was asked of it."""
    code, text = errors.get(refusal.why, (-2010, refusal.why))
    if refusal.why == "unknown_order":
        code, text = (
            (-2011, "Unknown order sent.")
            if asked.method == "DELETE"
            else (-2013, "Order does not exist.")
        )
    return 400, _encode({"code": code, "msg": text})


def expired() -> Answer:
    """The request is older than its recvWindow."""
    text = "Timestamp for this request is outside of the recvWindow."
    return 400, _encode({"code": -1021, "msg": text})


def limited(exchange: Exchange, wait_ms: int, instead: str) -> Answer:
    """Too many requests, with what to use instead; a ban says until when in its text."""
    if wait_ms < BAN_MS_MIN:
        text = f"Too many requests; please use {instead} for live updates."
        return 429, _encode({"code": -1003, "msg": text})
    until = exchange.clock.now_ms() + wait_ms
    text = f"Way too many requests; IP banned until {until}."
    return 418, _encode({"code": -1003, "msg": text})
