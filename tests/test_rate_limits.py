"""Too many requests: each venue's own status, words and way to say how long to wait."""

import json
from decimal import Decimal

import pytest

from core.effects import Effect, FetchFills, PlaceOrder
from core.events import OrderReported, RequestFailed
from core.frames import Frame
from core.journal import Journal, decode_event, decode_frame
from scenarios.model import check
from sim.memory_store import MemoryStore
from sim.truth import Truth
from tieout.node.connector import Connector
from tieout.runs import run
from tieout.world.twins import TWINS
from venues.dialect import Request
from venues.exchange import Exchange

MS = 1_000_000
NOW_MS = 1_700_000_000_000
FILLS = FetchFills(account="v/main", instrument="X", after="")
PLACE = PlaceOrder(
    account="v/main",
    client_order_id="tie1",
    instrument="X",
    side="buy",
    kind="limit",
    quantity=1,
    price=1,
    leg="net",
    reduce_only=False,
)


class Clock:
    def now_ms(self) -> int:
        return NOW_MS


class Refusing:
    """A transport whose venue refuses each request for too many, and a door that keeps frames."""

    def __init__(self, venue: str, wait_ms: int) -> None:
        twin = TWINS[venue]
        truth = Truth(lambda: NOW_MS * MS)
        exchange = Exchange("v/main", twin.habits(), truth, None, Clock())  # type: ignore[arg-type]
        self.answer = twin.words().limited(exchange, wait_ms)
        self.told: list[Frame] = []

    def next_frame(self) -> int:
        return len(self.told) + 1

    def tell(self, told: object) -> None:
        assert isinstance(told, Frame)
        self.told.append(told)

    def send(self, request: object, on_answer: object) -> None:
        on_answer(*self.answer)  # type: ignore[operator]

    def open_stream(self, *args: object) -> None:
        raise AssertionError("nobody listens here")


def refused(venue: str, wait_ms: int, about: Effect) -> Frame:
    """The frame that the connector tells; how the request looks does not matter."""
    there = Refusing(venue, wait_ms)
    headers = TWINS[venue].dialect.headers
    connector: Connector[Request] = Connector(
        "v/main", lambda effect: Request("GET", "/"), there, there, lambda: NOW_MS * MS, headers
    )
    connector.perform(about)
    (frame,) = there.told
    return frame


@pytest.mark.parametrize(
    ("venue", "wait_ms", "status", "code", "headers", "waited_ms"),
    [
        ("binance_spot", 1_500, 429, -1003, (("retry-after", "2"),), 2_000),
        ("binance_spot", 150_000, 418, -1003, (("retry-after", "150"),), 150_000),
        ("binance_usdm", 1_500, 429, -1003, (), 1_000),
        ("binance_usdm", 150_000, 418, -1003, (), 150_000),
        ("okx_swap", 1_500, 429, "50011", (), 2_000),
        (
            "bybit_inverse",
            1_500,
            200,
            10006,
            (("x-bapi-limit-reset-timestamp", "1700000001500"),),
            1_500,
        ),
        ("coinbase", 1_500, 429, None, (), 1_000),
    ],
)
def test_a_venue_says_it_in_its_own_way_and_is_understood(
    venue: str,
    wait_ms: int,
    status: int,
    code: object,
    headers: tuple[tuple[str, str], ...],
    waited_ms: int,
) -> None:
    frame = refused(venue, wait_ms, FILLS)
    told = json.loads(frame.body)
    assert (frame.status, told.get("code", told.get("retCode"))) == (status, code)
    assert frame.headers == headers
    (event,) = TWINS[venue].dialect.decode(frame, {})
    assert isinstance(event, RequestFailed)
    assert event.retry_after_ns == waited_ms * MS


@pytest.mark.parametrize("venue", TWINS)
def test_an_order_refused_for_too_many_requests_is_unknown(venue: str) -> None:
    (event,) = TWINS[venue].dialect.decode(refused(venue, 900, PLACE), {})
    assert isinstance(event, OrderReported)
    assert event.status == "unknown"


@pytest.mark.parametrize(
    ("venue", "status", "body", "headers", "waited_ms"),
    [
        ("binance_spot", 429, b"<html>", (("retry-after", "7"),), 7_000),
        ("binance_spot", 429, b"{}", (), 1_000),
        ("binance_spot", 429, b"{}", (("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT"),), 1_000),
        ("binance_usdm", 429, b"{}", (("retry-after", "7"),), 7_000),
        ("okx_swap", 200, b'{"code":"50011","data":[],"msg":"Rate limit reached."}', (), 2_000),
        ("okx_swap", 200, b'{"code":"50061","data":[],"msg":"Sub-account"}', (), 2_000),
        ("bybit_inverse", 403, b"access too frequent", (), 600_000),
        ("bybit_inverse", 200, b'{"retCode":10006,"time":1700000000000}', (), 1_000),
        (
            "bybit_inverse",
            200,
            b'{"retCode":10018,"time":1700000000000}',
            (("x-bapi-limit-reset-timestamp", "1700000000400"),),
            400,
        ),
        ("coinbase", 429, b"rate limit exceeded", (), 1_000),
    ],
)
def test_how_long_to_wait(
    venue: str, status: int, body: bytes, headers: tuple[tuple[str, str], ...], waited_ms: int
) -> None:
    """As told, in whatever shape the documentation allows; else the window that it counts in."""
    frame = Frame(
        number=1,
        account="v/main",
        channel="rest",
        received_at=NOW_MS * MS,
        body=body,
        status=status,
        about=FILLS,
        headers=headers,
    )
    (event,) = TWINS[venue].dialect.decode(frame, {})
    assert isinstance(event, RequestFailed)
    assert event.retry_after_ns == waited_ms * MS


def test_a_frame_keeps_its_headers_in_the_journal() -> None:
    """They are evidence as its body is; one without any is written as it always was."""
    store = MemoryStore()
    journal = Journal(store)
    frame = refused("binance_spot", 1_500, FILLS)
    journal.frame(frame)
    plain = Frame(number=2, account="v/main", channel="stream", received_at=1, body=b"")
    journal.frame(plain)
    journal.commit()
    first, second = store.records()
    assert decode_frame(first) == frame
    assert decode_frame(second) == plain
    assert b"headers" not in second.head


def test_what_a_simulated_venue_tells_comes_through_the_wire() -> None:
    """The wait that a plan names is the wait that core hears, by each venue's own way to say it."""
    outcome = run(
        check(
            {
                "name": "x",
                "claim": "x",
                "duration_s": 10,
                "venues": list(TWINS),
                "faults": [{"kind": "rate_limited", "strength": 3_000, "to_s": 5}],
            },
            "x",
        ),
        sampled=False,
    )
    heard: dict[str, set[Decimal]] = {}
    for record in outcome.store.records():
        if record.name == "RequestFailed":
            event = decode_event(record.body)
            assert isinstance(event, RequestFailed)
            seconds = Decimal(event.retry_after_ns) / 1_000_000_000
            heard.setdefault(event.account.partition("/")[0], set()).add(seconds)
    assert heard == {
        "binance_spot": {Decimal(3)},
        "binance_usdm": {Decimal(1)},
        "bybit_inverse": {Decimal(3)},
        "okx_swap": {Decimal(2)},
        "coinbase": {Decimal(1)},
    }
