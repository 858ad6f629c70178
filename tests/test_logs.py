"""Logs say what is listed, and where the journal stands; planted secrets are in none of them."""

from __future__ import annotations

import io
import json
import logging
from typing import Any

import pytest

pytest.importorskip("structlog", reason="the extra `live` is not installed")

from core.effects import PlaceOrder, RaiseAlert
from core.events import FrameQuarantined, NodeStarted, RequestFailed, StreamClosed
from core.frames import Frame
from core.journal import Journal
from sim.memory_store import MemoryStore
from tieout.watching.logs import EVENTS, FIELDS, JOURNALED, Library, Log
from tieout.watching.watch_files import Form, Level

NOW = 1_700_000_000_123_456_789
PLANTED = "sk-live-0123456789"


def log_of(
    form: Form = "json", least: Level = "debug", position: int = 41
) -> tuple[Log, io.StringIO]:
    out = io.StringIO()
    return Log("tie", lambda: position, lambda: NOW, out=out, form=form, least=least), out


def lines(out: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_line_has_its_time_its_node_and_the_journal_s_position() -> None:
    log, out = log_of()
    log("info", "node stands", working=2)
    assert lines(out) == [
        {
            "at": "2023-11-14T22:13:20.123456Z",
            "event": "node stands",
            "level": "info",
            "node": "tie",
            "position": 41,
            "working": 2,
        }
    ]


def test_a_record_is_said_under_its_own_number() -> None:
    log, out = log_of()
    store = MemoryStore()
    journal = Journal(store)
    journal.event(NodeStarted(received_at=1, node="tie", epoch=3))
    journal.event(StreamClosed(received_at=2, account="okx_swap/main", epoch=1, reason=PLANTED))
    journal.commit()
    for record in store.records():
        log.record(record)
    started, closed = lines(out)
    assert (started["event"], started["position"], started["epoch"]) == ("node started", 1, 3)
    assert (closed["event"], closed["position"], closed["account"]) == (
        "stream closed",
        2,
        "okx_swap/main",
    )


def test_what_is_not_listed_is_not_said_wherever_it_stands() -> None:
    """A secret in a reason, a text, bytes, an exception; as an event, as a field's name."""
    log, out = log_of()
    store = MemoryStore()
    journal = Journal(store)
    account = "okx_swap/main"
    frame = Frame(number=1, account=account, channel="rest", received_at=1, body=PLANTED.encode())
    number = journal.frame(frame)
    for event in (
        StreamClosed(received_at=1, account=account, epoch=1, reason=PLANTED),
        RequestFailed(received_at=1, account=account, about=PLANTED, reason=PLANTED, asked_at=1),
        FrameQuarantined(received_at=1, frame=number, account=account, reason=PLANTED),
    ):
        cause = journal.event(event)
    journal.effect(RaiseAlert(severity="warning", subject=PLANTED, text=PLANTED), cause, 1)
    journal.commit()
    for record in store.records():
        log.record(record)
    log("info", PLANTED, reason=PLANTED, text=PLANTED, listenKey=PLANTED, position=PLANTED.encode())
    log("info", "node stands", **{PLANTED: 1, "place": {"key": PLANTED}, "error": [PLANTED]})
    log.failed({"message": PLANTED, "exception": ValueError(PLANTED)})
    assert len(lines(out)) == 7
    assert PLANTED not in out.getvalue()
    assert lines(out)[4]["event"] == "unlisted"


def test_what_a_library_says_is_said_by_its_place_alone() -> None:
    log, out = log_of()
    logger = logging.Logger("some.client")
    logger.addHandler(Library(log))
    logger.warning("GET /?signature=%s", PLANTED)
    try:
        raise ConnectionError(PLANTED)
    except ConnectionError:
        logger.exception("with %s", PLANTED)
    logger.info("chatter %s", PLANTED)
    first, second = lines(out)
    assert (first["library"], first["level"], first["event"]) == (
        "some.client",
        "warning",
        "library",
    )
    assert first["place"].startswith("test_logs:")
    assert (second["level"], second["error"]) == ("error", "ConnectionError")
    assert PLANTED not in out.getvalue()


def test_an_exception_of_the_loop_is_its_kind_and_its_place() -> None:
    log, out = log_of()
    try:
        int(PLANTED)
    except ValueError as error:
        log.failed({"exception": error})
    log.failed({"message": "no exception at all"})
    first, second = lines(out)
    assert first["error"] == "ValueError"
    assert first["place"].startswith("tests.test_logs:")
    assert (second["error"], second["place"]) == ("NoneType", "")
    assert PLANTED not in out.getvalue()


def test_only_what_is_loud_enough_is_said() -> None:
    log, out = log_of(least="warning")
    log("info", "node stands")
    store = MemoryStore()
    journal = Journal(store)
    number = journal.event(NodeStarted(received_at=1, node="tie", epoch=3))
    order = PlaceOrder(
        account="a", client_order_id="x", instrument="i", side="buy", quantity=1, kind="market"
    )
    journal.effect(order, number, 1)
    journal.commit()
    for record in store.records():
        log.record(record)
    assert out.getvalue() == ""


def test_for_a_person_it_is_one_line_too() -> None:
    log, out = log_of(form="console")
    log("warning", "alert raised", alert=3, severity="critical")
    (text,) = out.getvalue().splitlines()
    for word in ("alert raised", "severity=critical", "position=41"):
        assert word in text


@pytest.mark.parametrize("name", JOURNALED)
def test_each_listed_field_is_one_of_its_record_and_none_is_free_text(name: str) -> None:
    """A list that names what is not there says nothing; text of others may hold anything."""
    from typing import get_args

    from core.effects import Effect
    from core.events import Event

    made = {each.__name__: each for each in (*get_args(Event), *get_args(Effect))}
    _, event, fields = JOURNALED[name]
    assert event in EVENTS
    assert set(fields) <= set(made[name].__struct_fields__) & FIELDS
    assert not {"reason", "text", "about", "body", "content", "headers"} & FIELDS
