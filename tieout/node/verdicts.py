"""What an answer of a venue says of the account, whatever it was asked: by status and code alone.

The codes are those of the venues' own documentation of errors; what stands here nowhere is `fine`,
for a venue that says no to a request is a venue that answers. Who counts requests, or stands before
the venue, answers before anybody looked at a key: that is `unsure`: somebody is there, and no more.
"""

from collections.abc import Mapping
from typing import Literal

import msgspec

from core.reading import STRANGE

Verdict = Literal["fine", "unsure", "key", "clock", "down"]

BINANCE: Mapping[int, Verdict] = {
    -1001: "down",  # internal error
    -1002: "key",  # not authorized
    -1003: "unsure",  # too many requests
    -1008: "down",  # overloaded
    -1021: "clock",  # timestamp outside of the window, or ahead
    -1022: "key",  # signature not valid
    -2014: "key",  # key's format
    -2015: "key",  # key, address or permissions
}
OKX: Mapping[int, Verdict] = {
    50001: "down",  # matching engine upgrading
    50011: "unsure",  # too many requests
    50013: "down",  # busy
    50026: "down",  # system error
    50100: "key",  # frozen
    50101: "key",
    50102: "clock",  # timestamp expired
    50103: "key",
    50104: "key",
    50105: "key",
    50110: "key",  # address not allowed
    50111: "key",
    50112: "clock",
    50113: "key",
    50114: "key",
    50119: "key",  # no such key
}
BYBIT: Mapping[int, Verdict] = {
    10002: "clock",
    10003: "key",
    10004: "key",  # signature
    10005: "key",  # permissions
    10006: "unsure",  # too many requests
    10007: "key",
    10010: "key",  # address
    10016: "down",
    10018: "unsure",  # too many requests of the address
    33004: "key",  # expired
}
CODES: Mapping[str, tuple[str, Mapping[int, Verdict]]] = {
    "binance_spot": ("code", BINANCE),
    "binance_usdm": ("code", BINANCE),
    "okx_swap": ("code", OKX),
    "bybit_inverse": ("retCode", BYBIT),
}


# What anybody may ask, and says nothing of a key, nor of our clock: by the beginning of a path.
PUBLIC = (
    *("/api/v3/time", "/api/v3/exchangeInfo", "/fapi/v1/time", "/fapi/v1/exchangeInfo"),
    *("/api/v5/public/", "/v5/market/"),
)
# Of a firewall, and of who counts requests.
BEFORE = (403, 418, 429)


def verdict(venue: str, path: str, status: int, body: bytes) -> Verdict:
    """Status 0 is that no answer came."""
    told = _by_code(venue, body)
    if told not in ("fine", "unsure"):
        return told
    if status == 0 or status >= 500:
        return "down"
    if status == 401:
        return "key"
    return "unsure" if status in BEFORE or path.startswith(PUBLIC) else told


def _by_code(venue: str, body: bytes) -> Verdict:
    """What is no message of a venue was written by somebody else."""
    name, codes = CODES.get(venue, ("code", {}))
    try:
        told = msgspec.json.decode(body)
    except (*STRANGE, msgspec.DecodeError):
        return "unsure"
    try:
        return codes.get(int(told[name]), "fine") if isinstance(told, dict) else "fine"
    except STRANGE:
        return "fine"
