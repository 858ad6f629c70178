"""What a venue's dialect is made of: how we ask, how we read, how its account tells.

A dialect package holds `requests.py` (an effect becomes a request), `decoder.py` (a frame becomes
events; pure, shared by the simulation and live), `public.py` (a frame of market data becomes the
top of a book, or trades; as pure) and `simulated.py` (the venue's own words).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from core.effects import Effect
from core.events import Side, StatementKind
from core.frames import Decode

SECOND = 1_000_000_000


@dataclass(slots=True, frozen=True)
class Request:
    """One HTTP request before signing. Numbers are texts; nested bodies as the venue wants them.

    Who signs it says in the venue's own way that it is void after `expires_at` (ns of our clock, 0
    for never): Binance by `timestamp` + `recvWindow` (60 s at most), Bybit by the headers
    X-BAPI-TIMESTAMP and X-BAPI-RECV-WINDOW, OKX by the header `expTime` (orders only), Coinbase by
    the `exp` of the request's token (two minutes at most).
    """

    method: Literal["GET", "POST", "PUT", "DELETE"]
    path: str
    params: dict[str, object] = field(default_factory=dict)
    expires_at: int = 0


@dataclass(slots=True, frozen=True)
class Top:
    """The top of a public book as a venue told it: prices of `core.money`, 0 where nobody offers.

    `sequence` is the venue's own order of its tellings, `occurred_at` its clock, sizes are what is
    offered at either price; 0 if not told.
    """

    instrument: str
    bid: int
    ask: int
    sequence: int
    occurred_at: int = 0
    bid_size: int = 0
    ask_size: int = 0


@dataclass(slots=True, frozen=True)
class Print:
    """A public trade as a venue told it: price and quantity of `core.money`, `side` who took.

    `trade_id` is the venue's own, of the instrument; `occurred_at` is by the venue's clock.
    """

    instrument: str
    trade_id: str
    side: Side
    price: int
    quantity: int
    occurred_at: int


@dataclass(slots=True, frozen=True)
class Dialect:
    """One venue's way to ask and to be read, and the facts of listening that core wants to know.

    `headers` are those of an answer that its reader wants, in small letters.
    """

    venue: str
    request: Callable[[Effect], Request]
    decode: Decode
    tops: Callable[[bytes], list[Top]]
    prints: Callable[[bytes], list[Print]]
    tells: Literal["fills", "progress"] = "fills"
    statements: tuple[StatementKind, ...] = ("balances",)
    bracketed: bool = False
    hedged: bool = False
    ledger: bool = False
    instruments: bool = False
    headers: tuple[str, ...] = ()
