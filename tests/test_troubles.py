"""What is wrong with an account: begun on evidence, not on chance, and ended by the venue."""

from __future__ import annotations

from typing import Literal

import pytest

from core.events import Event
from core.risk_events import EntriesClosed, EntriesOpened
from tieout.node.troubles import Troubles
from tieout.node.verdicts import verdict
from venues.dialect import Request

MS = 1_000_000
SECOND = 1_000 * MS
FINE = (200, b"[]")
REVOKED = {
    "binance_spot": (
        401,
        b'{"code":-2015,"msg":"Invalid API-key, IP, or permissions for action."}',
    ),
    "binance_usdm": (401, b'{"code":-2014,"msg":"API-key format invalid."}'),
    "okx_swap": (401, b'{"code":"50111","data":[],"msg":"Invalid OK-ACCESS-KEY."}'),
    "bybit_inverse": (200, b'{"retCode":10003,"retMsg":"API key is invalid.","result":{}}'),
}
LATE = {
    "binance_spot": (400, b'{"code":-1021,"msg":"Timestamp for this request is outside"}'),
    "okx_swap": (401, b'{"code":"50102","data":[],"msg":"Timestamp request expired."}'),
    "bybit_inverse": (200, b'{"retCode":10002,"retMsg":"invalid request","result":{}}'),
}


class Told:
    """An account whose venue answers; a second passes with each answer where nothing is said."""

    def __init__(self, venue: str = "binance_spot") -> None:
        self.troubles, self.now = Troubles(f"{venue}/main"), 0
        self.open: list[str] = []

    def hears(
        self,
        *answers: tuple[int, bytes],
        method: Literal["GET", "POST", "DELETE"] = "GET",
        path: str = "/of/the/account",
        ms: int = 1000,
    ) -> list[str]:
        request = Request(method, path)
        for status, body in answers:
            asked_at, self.now = self.now, self.now + ms * MS
            self._take(self.troubles.answered(request, status, body, asked_at, self.now))
        return self.open

    def hears_late(self, asked_at: int, answer: tuple[int, bytes]) -> list[str]:
        """To a request that was under way for long."""
        request = Request("GET", "/of/the/account")
        self._take(self.troubles.answered(request, *answer, asked_at, self.now))
        return self.open

    def measures(self, offset_ms: int, took_ms: int = 20) -> list[str]:
        asked, heard = self.now, self.now + took_ms * MS
        told = (asked + heard) // 2 + offset_ms * MS
        self._take(self.troubles.measured(told, asked, heard, heard))
        return self.open

    def _take(self, told: list[Event]) -> None:
        for event in told:
            assert isinstance(event, EntriesClosed | EntriesOpened)
            assert event.place == self.troubles.account
            if isinstance(event, EntriesClosed):
                assert event.code not in self.open
                self.open.append(event.code)
            else:
                self.open.remove(event.code)


@pytest.mark.parametrize("venue", REVOKED)
def test_a_key_that_is_refused_closes_at_once_until_it_is_taken(venue: str) -> None:
    told = Told(venue)
    assert told.hears(FINE) == []
    assert told.hears(REVOKED[venue]) == ["KEY_REFUSED"]
    assert told.hears((503, b""), (0, b"")) == ["KEY_REFUSED"], "that says nothing of a key"
    assert told.hears(FINE) == []


PUBLIC = {
    "binance_spot": "/api/v3/exchangeInfo",
    "binance_usdm": "/fapi/v1/time",
    "okx_swap": "/api/v5/public/instruments",
    "bybit_inverse": "/v5/market/instruments-info",
}
BEFORE = (
    (403, b"<html><body>Forbidden</body></html>"),
    (418, b'{"code":-1003,"msg":"Way too many requests; IP banned until 1."}'),
    (429, b'{"code":"50011","msg":"Too Many Requests"}'),
    (200, b'{"retCode":10006,"retMsg":"Too many visits!"}'),
    (200, b"<html><body>welcome</body></html>"),
)


@pytest.mark.parametrize("venue", REVOKED)
def test_who_answers_before_a_key_is_looked_at_ends_nothing_of_it(venue: str) -> None:
    """What anybody may ask, and a firewall, and who counts requests."""
    told = Told(venue)
    told.hears(REVOKED[venue])
    assert told.hears(FINE, path=PUBLIC[venue]) == ["KEY_REFUSED"]
    named = "retCode" if venue == "bybit_inverse" else "code"
    assert told.hears(
        *(each for each in BEFORE if b"{" not in each[1] or named.encode() in each[1])
    )
    assert told.hears(FINE) == []


def test_a_request_too_many_is_an_answer_of_a_venue_that_is_there() -> None:
    told = Told()
    told.hears(*[(503, b"")] * 4)
    assert told.hears((429, b'{"code":-1003,"msg":"Too many requests."}')) == []


def test_a_key_that_reads_and_may_not_trade_stays_refused_until_something_is_taken() -> None:
    told = Told()
    told.hears(REVOKED["binance_spot"], method="POST")
    assert told.hears(FINE, FINE) == ["KEY_REFUSED"]
    assert told.hears(FINE, method="DELETE") == []


def test_a_key_that_was_revoked_and_is_back_is_back_for_orders_too() -> None:
    told = Told()
    told.hears(REVOKED["binance_spot"], method="POST")
    told.hears(REVOKED["binance_spot"])
    assert told.hears(FINE) == []


def test_a_venue_in_maintenance_is_told_from_an_answer_that_was_lost() -> None:
    told = Told()
    assert told.hears((503, b"<html>"), (0, b"no answer")) == []
    assert told.hears(FINE, (503, b"<html>"), (503, b"<html>")) == [], "not in a row"
    assert told.hears(FINE) == []
    assert told.hears(*[(503, b"<html>")] * 5, ms=100) == [], "a moment is no maintenance"
    assert told.hears((503, b"<html>"), (503, b"<html>")) == ["VENUE_DOWN"]
    assert told.hears((502, b"<html>")) == ["VENUE_DOWN"]
    assert told.hears((400, b'{"code":-1100,"msg":"no"}')) == [], "who says no is there"


@pytest.mark.parametrize("venue", LATE)
def test_a_clock_that_the_venue_refuses_again_and_again_is_wrong(venue: str) -> None:
    told = Told(venue)
    assert told.hears(LATE[venue], LATE[venue]) == [], "a late request may be the wire's doing"
    assert told.hears(FINE, LATE[venue], LATE[venue]) == []
    assert told.hears(LATE[venue]) == ["CLOCK_WRONG"]
    assert told.hears(FINE) == []


def test_a_clock_is_measured_by_the_venue_s_own_and_no_slow_answer_makes_it_wrong() -> None:
    told = Told()
    assert told.measures(980) == []
    assert told.measures(2500, took_ms=4000) == []
    assert told.measures(-1200) == ["CLOCK_WRONG"]
    assert told.hears(FINE) == ["CLOCK_WRONG"], "that it takes our requests proves little"
    assert told.measures(30) == []


def test_an_answer_to_what_was_asked_before_it_began_ends_nothing() -> None:
    told = Told()
    told.hears(FINE, REVOKED["binance_spot"])
    assert told.hears_late(told.now - 1, FINE) == ["KEY_REFUSED"]
    assert told.hears(FINE) == []
    told.hears(*[(503, b"")] * 3)
    assert told.hears_late(told.now - 1, FINE) == ["VENUE_DOWN"]
    assert told.hears(FINE) == []
    told.hears(*[LATE["binance_spot"]] * 3)
    assert told.hears_late(told.now - 1, FINE) == ["CLOCK_WRONG"]
    assert told.hears(FINE) == []


def test_what_an_answer_says_is_read_of_anything() -> None:
    for venue in ("binance_spot", "okx_swap", "bybit_inverse", "coinbase"):
        for body in (b"", b"[]", b"{}", b"null", b'{"code":"x"}', b'{"retCode":[]}', b"\xff"):
            is_message = body not in (b"", b"\xff")
            assert verdict(venue, "/", 200, body) == ("fine" if is_message else "unsure")
            assert verdict(venue, "/", 503, body) == "down"
            assert verdict(venue, "/", 401, body) == "key"
