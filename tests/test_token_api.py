"""The control plane over HTTP, over a real core: what is asked, what is refused, what is shown."""

import asyncio
import json
import signal
import socket
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from core.gate import BreakGate
from core.journal import Journal, decode_event
from core.node import Node, recover
from core.state import State
from core.token_events import (
    AuthorizationRequested,
    RequestRefused,
    RevocationRequested,
    TokenEvent,
    TokenLog,
)
from tests.issuers import ALICE, BOB, KEYS, NAME, START, Desk, callers
from tests.test_issuance import CAROL, moved
from tests.test_token_trace import Chain, logs_of
from tokens.http.app import ControlPlane, application
from tokens.http.bodies import REASONS, checksummed
from tokens.http.callers import BadCallers, Rates, hash_of, new_key, read_callers
from tokens.http.serving import serve

AUTHORIZATIONS = f"/tokens/{NAME}/authorizations"
Reply = httpx.Response


def transfer(amount: str = "100", /, **changed: Any) -> dict[str, Any]:
    told = {
        "kind": "transfer",
        "sender": checksummed(ALICE),
        "receiver": checksummed(BOB),
        "value": {"amount": amount, "unit": NAME},
    }
    return {name: each for name, each in (told | changed).items() if each is not None}


def mint(amount: str = "100", /, **changed: Any) -> dict[str, Any]:
    return transfer(amount, **({"kind": "mint", "sender": None} | changed))


def talk(desk: Desk, *asked: Callable[[httpx.AsyncClient], Awaitable[Reply]]) -> list[Reply]:
    """Each is asked once the one before it is answered."""

    async def all_of_them() -> list[Reply]:
        wire = httpx.ASGITransport(desk.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=wire, base_url="http://plane") as client:
            return [await each(client) for each in asked]

    return asyncio.run(all_of_them())


def get(desk: Desk, path: str, who: str = "issuer") -> Reply:
    (reply,) = talk(desk, lambda client: client.get(path, headers=headers(who, "")))
    return reply


def post(
    desk: Desk, body: Any, who: str = "issuer", request_id: str = "r1", path: str = AUTHORIZATIONS
) -> Reply:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    (reply,) = talk(
        desk, lambda client: client.post(path, content=content, headers=headers(who, request_id))
    )
    return reply


def headers(who: str, request_id: str) -> dict[str, str]:
    told = {"Authorization": f"Bearer {KEYS.get(who, who)}"}
    return told | ({"Idempotency-Key": request_id} if request_id else {})


def problem(reply: Reply) -> tuple[int, str]:
    """Status and reason; every one has the one shape."""
    assert reply.headers["content-type"] == "application/problem+json"
    told = reply.json()
    assert told.keys() == {
        *("type", "title", "status", "detail", "reason", "fields", "authorization"),
    }
    assert told["status"] == reply.status_code
    return reply.status_code, told["reason"]


@pytest.fixture
def desk() -> Desk:
    """Alice holds 1000, for good."""
    made = Desk()
    made.mint(ALICE, 1000, "h1")
    return made


# --- what is asked --------------------------------------------------------------------------------


def test_from_a_request_to_what_the_holder_uses(desk: Desk) -> None:
    reply = post(desk, transfer())
    assert reply.status_code == 201
    told = reply.json()
    assert (told["status"], told["policy_version"]) == ("signed", 1)
    wanted = desk.books.token.authorizations[told["authorization"]]
    assert told["message"] == {
        "sender": checksummed(ALICE),
        "receiver": checksummed(BOB),
        "value": {"amount": "100", "unit": NAME},
        "valid_after": wanted.valid_after,
        "valid_before": wanted.valid_before,
        "nonce": str(wanted.nonce),
        "epoch": 0,
        "policy_hash": wanted.decision_hash,
    }
    assert told["signatures"] == [
        {"signer": each, "signature": "0x" + each} for each in ("s1", "s2")
    ]
    assert get(desk, reply.headers["location"]).json() == told
    desk.books.block("h2", moved(wanted))
    assert get(desk, reply.headers["location"]).json()["status"] == "mined"
    desk.books.finalize("h2")
    assert get(desk, reply.headers["location"]).json()["status"] == "final"


@pytest.mark.parametrize(
    ("kind", "who", "changed"),
    [
        ("mint", "issuer", {"sender": None}),
        ("burn", "issuer", {"receiver": None}),
        ("recovery", "compliance", {"value": {"amount": "1000", "unit": NAME}}),
    ],
)
def test_each_kind_is_asked_for(desk: Desk, kind: str, who: str, changed: dict[str, Any]) -> None:
    reply = post(desk, transfer(kind=kind, **changed), who)
    assert (reply.status_code, reply.json()["kind"]) == (201, kind)
    (told,) = desk.requested
    assert isinstance(told, AuthorizationRequested)
    assert (told.kind, bool(told.sender), bool(told.receiver)) == (
        kind,
        "sender" not in changed,
        "receiver" not in changed,
    )


def test_what_is_not_decided_in_time_is_accepted_and_read_later(desk: Desk) -> None:
    desk.silent = True
    reply = post(desk, transfer())
    assert (reply.status_code, reply.json()["status"]) == (202, "requested")
    assert (reply.json()["message"], reply.json()["signatures"]) == (None, [])


def test_no_signature_is_shown_before_enough_have_signed(desk: Desk) -> None:
    desk.silent = True
    reply = post(desk, transfer())
    wanted = desk.books.token.authorizations[reply.json()["authorization"]]
    wanted.status, wanted.signatures = "reserved", {"s1": "0xs1"}
    assert get(desk, reply.headers["location"]).json()["signatures"] == []


def test_a_window_may_end_earlier(desk: Desk) -> None:
    until = desk.books.token.blocks[-1].timestamp + 50
    assert post(desk, transfer(valid_before=until)).json()["message"]["valid_before"] == until


# --- nothing is answered that is not durable ------------------------------------------------------


@pytest.mark.parametrize("body", [transfer(), transfer(sender="0x00")])
def test_an_answer_waits_for_the_commit(desk: Desk, body: dict[str, Any]) -> None:
    """A request's, and a refusal's; what is read waits, too."""
    desk.held = True

    async def asked() -> list[bool]:
        wire = httpx.ASGITransport(desk.app)
        async with httpx.AsyncClient(transport=wire, base_url="http://plane") as client:
            told = {"json": body, "headers": headers("issuer", "r1")}
            one = asyncio.create_task(client.post(AUTHORIZATIONS, **told))  # type: ignore[arg-type]
            other = asyncio.create_task(client.get(f"/tokens/{NAME}", headers=headers("eye", "")))
            await asyncio.sleep(0.1)
            before = [one.done(), other.done()]
            desk.held = False
            await asyncio.gather(one, other)
            return before

    assert asyncio.run(asked()) == [False, False]


def test_what_may_have_been_lost_is_safe_to_repeat(desk: Desk) -> None:
    desk.broken = True
    assert problem(post(desk, transfer())) == (503, "unknown_outcome")
    desk.broken = False
    assert post(desk, transfer()).status_code == 201
    assert len(desk.requested) == 1


# --- the same id ----------------------------------------------------------------------------------


def test_the_same_request_is_answered_the_same_and_made_once(desk: Desk) -> None:
    one, other = post(desk, transfer()), post(desk, transfer())
    assert (one.status_code, one.json()) == (other.status_code, other.json())
    made = desk.books.token.made
    assert one.json()["authorization"] == f"{NAME}/{made}"


@pytest.mark.parametrize(
    ("changed", "fields"),
    [
        ({"value": {"amount": "101", "unit": NAME}}, ["value"]),
        ({"receiver": checksummed(CAROL)}, ["receiver"]),
        ({"kind": "burn", "receiver": None}, ["kind", "receiver"]),
        ({"valid_before": START + 100}, ["valid_before"]),
    ],
)
def test_the_same_id_for_another_request_names_what_differs(
    desk: Desk, changed: dict[str, Any], fields: list[str]
) -> None:
    one = post(desk, transfer())
    other = post(desk, transfer(**changed))
    assert problem(other) == (409, "other_request")
    assert [each["field"] for each in other.json()["fields"]] == fields
    assert other.json()["authorization"] == one.json()["authorization"]
    assert desk.books.token.made == 2


def test_an_id_is_its_callers_own(desk: Desk) -> None:
    one, other = post(desk, transfer(), "north"), post(desk, transfer("200"), "south")
    assert (one.status_code, other.status_code) == (201, 201)
    assert one.json()["authorization"] != other.json()["authorization"]


def test_an_id_of_what_was_no_request_is_free(desk: Desk) -> None:
    assert problem(post(desk, transfer("0"))) == (422, "not_positive")
    assert post(desk, transfer()).status_code == 201


def test_what_is_over_since_long_is_not_asked_anew(desk: Desk) -> None:
    post(desk, transfer("150000"), "north")
    for number in range(64):
        post(desk, transfer("150000"), "north", f"later{number}")
    assert problem(post(desk, transfer("150000"), "north")) == (410, "over")
    assert problem(get(desk, f"{AUTHORIZATIONS}/2")) == (410, "over")
    assert problem(get(desk, f"{AUTHORIZATIONS}/2", "north")) == (404, "not_found")


@pytest.mark.parametrize("request_id", ["", "a b", "x" * 65, "käse"])
def test_a_request_needs_an_id(desk: Desk, request_id: str) -> None:
    told = [(name.encode(), each.encode("latin-1")) for name, each in headers("north", "").items()]
    if request_id:
        told.append((b"Idempotency-Key", request_id.encode("latin-1")))
    (reply,) = talk(desk, lambda c: c.post(AUTHORIZATIONS, json=transfer(), headers=told))
    assert problem(reply) == (400, "no_id")
    assert desk.told == []


# --- what is refused ------------------------------------------------------------------------------

OTHER_CASE = checksummed(BOB).swapcase().replace("0X", "0x")
NO_REQUESTS: list[tuple[dict[str, Any], str, str]] = [
    ({"receiver": OTHER_CASE}, "receiver", "bad_checksum"),
    ({"receiver": BOB}, "receiver", "bad_checksum"),
    ({"sender": "0x" + "0" * 40}, "sender", "zero_address"),
    ({"sender": "0x" + "0" * 39}, "sender", "bad_address"),
    ({"sender": "alice"}, "sender", "bad_address"),
    ({"sender": None}, "sender", "missing"),
    ({"value": 100}, "value", "no_unit"),
    ({"value": "100"}, "value", "no_unit"),
    ({"value": 1.5}, "value", "no_unit"),
    ({"value": {"amount": "100"}}, "value.unit", "missing"),
    ({"value": {"amount": "100", "unit": "USD"}}, "value.unit", "other_unit"),
    ({"value": {"amount": 100, "unit": NAME}}, "value.amount", "not_text"),
    ({"value": {"amount": 100.0, "unit": NAME}}, "value.amount", "not_whole"),
    ({"value": {"amount": "100.0", "unit": NAME}}, "value.amount", "not_whole"),
    ({"value": {"amount": "1e3", "unit": NAME}}, "value.amount", "not_whole"),
    ({"value": {"amount": "0100", "unit": NAME}}, "value.amount", "not_whole"),
    ({"value": {"amount": "٣", "unit": NAME}}, "value.amount", "not_whole"),
    ({"value": {"amount": "-100", "unit": NAME}}, "value.amount", "not_positive"),
    ({"value": {"amount": "0", "unit": NAME}}, "value.amount", "not_positive"),
    ({"value": {"amount": str(1 << 256), "unit": NAME}}, "value.amount", "too_big"),
    ({"value": {"amount": "9" * 79, "unit": NAME}}, "value.amount", "too_big"),
    ({"value": {"amount": "1", "unit": NAME, "note": 1}}, "value", "unknown_field"),
    ({"valid_before": -1}, "valid_before", "out_of_range"),
    ({"valid_before": 1.0}, "valid_before", "malformed"),
    ({"name": "Alice"}, "", "unknown_field"),
    ({"kind": "gift"}, "kind", "bad_kind"),
]


@pytest.mark.parametrize(("changed", "field", "reason"), NO_REQUESTS)
def test_what_is_no_request_is_refused_and_journaled(
    desk: Desk, changed: dict[str, Any], field: str, reason: str
) -> None:
    """By field and reason; what was found is journaled nowhere, and nothing is asked for."""
    reply = post(desk, transfer(**changed))
    assert problem(reply) == (422, reason)
    assert reply.json()["fields"][0]["field"] == field
    (told,) = desk.told
    assert isinstance(told, RequestRefused)
    assert (told.token, told.caller, told.request_id) == (NAME, "issuer", "r1")
    assert (told.field, told.reason) == (field, reason)
    assert desk.books.state.counts[f"refused/{reason}/{NAME}"] == 1
    assert desk.books.token.made == 1


def test_every_reason_that_a_body_gives_has_a_case() -> None:
    assert {reason for _, _, reason in NO_REQUESTS} | {"role"} == REASONS.keys()


REFUSED: list[tuple[str, dict[str, Any], tuple[int, str]]] = [
    ("unknown holder", {"receiver": checksummed(CAROL)}, (422, "unknown_holder")),
    ("above supply", {"value": {"amount": "1001", "unit": NAME}}, (422, "above_supply")),
    ("a past window", {"valid_before": START}, (422, "window_past")),
    ("to itself", {"receiver": checksummed(ALICE)}, (422, "to_itself")),
    ("below the lot", {"value": {"amount": "99", "unit": NAME}}, (422, "lot")),
    (
        "too much for one",
        {"value": {"amount": str((1 << 256) - 1), "unit": NAME}},
        (422, "holder_cap"),
    ),
]


@pytest.mark.parametrize(("changed", "wanted"), [case[1:] for case in REFUSED])
def test_what_the_core_refuses_is_a_problem_and_nothing_is_signed(
    desk: Desk, changed: dict[str, Any], wanted: tuple[int, str]
) -> None:
    body = transfer(**changed)
    if wanted[1] == "holder_cap":
        body = mint(**changed)
        desk.books.token.policy = msgspec.structs.replace(
            desk.books.token.policy,
            limits=msgspec.structs.replace(desk.books.token.policy.limits, supply_max=-1),
        )
    reply = post(desk, body)
    assert problem(reply) == wanted
    (told,) = desk.requested
    assert isinstance(told, AuthorizationRequested)
    refused = desk.books.token.authorizations[reply.json()["authorization"]]
    assert (refused.status, refused.signatures) == ("refused", {})
    assert desk.books.token.reserved.open == {}
    assert problem(post(desk, body)) == wanted


def test_what_nothing_is_permitted_of_is_a_conflict(desk: Desk) -> None:
    desk.books.now += 61 * 10**9
    assert problem(post(desk, transfer())) == (409, "stale_head")
    desk.books.token.closed = "an orphan"
    assert problem(post(desk, transfer(), request_id="r2")) == (409, "closed")


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (b"", (400, "no_json")),
        (b"\xff", (400, "no_json")),
        (b"[]", (400, "no_json")),
        (b'{"kind": NaN}', (400, "no_json")),
        (b'{"kind": "mint", "kind": "burn"}', (400, "no_json")),
        (b"[" * 10_000, (400, "no_json")),
        (b"1" * 10_000, (400, "no_json")),
        (b'"' + b"x" * 20_000 + b'"', (413, "too_large")),
    ],
)
def test_what_is_no_object_is_counted(desk: Desk, body: bytes, wanted: tuple[int, str]) -> None:
    assert problem(post(desk, body)) == wanted
    assert desk.told == []
    assert desk.plane.counts[wanted[1]] == 1


def test_a_body_that_breaks_off_is_none(desk: Desk) -> None:
    told = [(name.lower().encode(), each.encode()) for name, each in headers("issuer", "r").items()]
    scope = {"type": "http", "method": "POST", "path": AUTHORIZATIONS, "headers": told}
    scope |= {"query_string": b"", "http_version": "1.1", "root_path": "", "scheme": "http"}
    parts = iter([{"type": "http.request", "body": b"{", "more_body": True}])
    sent: list[Any] = []

    async def receive() -> Any:
        return next(parts, {"type": "http.disconnect"})

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(desk.app(scope, receive, send))
    assert sent[0]["status"] == 400
    assert (desk.told, desk.plane.counts) == ([], {"no_json": 1})


# --- who may --------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["", "short", KEYS["north"][:-1], KEYS["north"] + "0", "\x80" * 40])
def test_who_has_no_key_is_told_nothing(desk: Desk, key: str) -> None:
    told = [(b"Authorization", f"Bearer {key}".encode("latin-1"))]
    for path in (f"/tokens/{NAME}", "/tokens/NONE", f"{AUTHORIZATIONS}/1"):
        (reply,) = talk(desk, lambda client, path=path: client.get(path, headers=told))  # type: ignore[misc]
        assert problem(reply) == (401, "unauthenticated")
        assert reply.headers["www-authenticate"] == "Bearer"
    assert desk.plane.counts["unauthenticated"] == 3


@pytest.mark.parametrize(
    ("who", "kinds"),
    [
        ("north", {"transfer", "burn"}),
        ("issuer", {"transfer", "mint", "burn"}),
        ("compliance", {"recovery"}),
        ("eye", set()),
    ],
)
def test_a_role_asks_for_its_own_kinds_only(desk: Desk, who: str, kinds: set[str]) -> None:
    lacks: dict[str, dict[str, Any]] = {
        "mint": {"sender": None},
        "burn": {"receiver": None},
        "recovery": {"value": {"amount": "1000", "unit": NAME}},  # all that there is
    }
    for kind in ("transfer", "mint", "burn", "recovery"):
        desk.told.clear()
        body = transfer(kind=kind, **lacks.get(kind, {}))
        reply = post(desk, body, who, f"id-{kind}")
        if kind in kinds:
            assert reply.status_code == 201, reply.text
        else:
            assert problem(reply) == (403, "role")
            (told,) = desk.told
            assert isinstance(told, RequestRefused)
            assert (told.field, told.reason) == ("kind", "role")


@pytest.mark.parametrize("path", ["register", "cap-table"])
def test_who_holds_what_is_not_for_every_desk(desk: Desk, path: str) -> None:
    assert problem(get(desk, f"/tokens/{NAME}/{path}", "north")) == (403, "role")
    for who in ("issuer", "compliance", "eye"):
        assert get(desk, f"/tokens/{NAME}/{path}", who).status_code == 200


def test_a_desk_sees_its_own_requests_only(desk: Desk) -> None:
    where = post(desk, transfer(), "north").headers["location"]
    assert get(desk, where, "north").status_code == 200
    assert problem(get(desk, where, "south")) == (404, "not_found")
    assert problem(post(desk, b"", "south", path=where + "/revocation")) == (404, "not_found")
    for who in ("issuer", "compliance", "eye"):
        assert get(desk, where, who).status_code == 200


def test_a_token_that_a_caller_is_not_named_for_is_none(desk: Desk) -> None:
    told = callers().model_dump()
    told["callers"][0]["tokens"] = ("OTHER",)
    desk.plane.callers = type(desk.plane.callers).model_validate(told)
    assert problem(get(desk, f"/tokens/{NAME}", "north")) == (404, "not_found")
    assert problem(get(desk, "/tokens/OTHER", "north")) == (404, "not_found")
    assert problem(post(desk, transfer(), "north")) == (404, "not_found")


def test_which_fact_about_a_person_refused_is_for_few(desk: Desk) -> None:
    """A desk that asks may not learn that somebody is under sanctions."""
    desk.judge.vault.put(
        msgspec.structs.replace(desk.judge.vault.newest("bea")[0], sanctioned=True)  # type: ignore[index]
    )
    reply = post(desk, transfer(), "north")
    assert problem(reply) == (422, "not_eligible")
    assert "sanction" not in reply.text
    where = f"/tokens/{reply.json()['authorization'].replace('/', '/authorizations/')}"
    for who, reason in (
        ("north", "not_eligible"),
        ("eye", "not_eligible"),
        ("issuer", "sanctioned"),
        ("compliance", "sanctioned"),
    ):
        assert get(desk, where, who).json()["reason"] == reason


def test_that_a_person_has_another_address_is_for_few(desk: Desk) -> None:
    desk.judge.people[CAROL] = "bea"
    desk.books.tell(desk.judge.state(NAME, CAROL, desk.books.now))
    assert post(desk, transfer(), "north").status_code == 201
    other = transfer(receiver=checksummed(CAROL))
    assert problem(post(desk, other, "north", "other")) == (422, "not_eligible")
    assert problem(post(desk, other, "issuer", "other")) == (422, "other_wallet")


def test_what_a_signer_says_in_its_own_words_is_for_few(desk: Desk) -> None:
    """It may name files and keys of the signer's."""
    where = post(desk, transfer(), "north").headers["location"]
    wanted = desk.books.token.authorizations["ESTATE/2"]
    wanted.reason = "nothing can be remembered: /srv/keys/first.db: disk I/O error"
    for who, reason in (("north", "not_signed"), ("eye", "not_signed"), ("issuer", wanted.reason)):
        assert get(desk, where, who).json()["reason"] == reason


# --- how often ------------------------------------------------------------------------------------


def test_a_caller_that_asks_too_often_waits_and_others_do_not(desk: Desk) -> None:
    desk.plane.callers = callers(per_minute=30, burst=3)
    for _ in range(3):
        assert get(desk, f"/tokens/{NAME}", "north").status_code == 200
    reply = get(desk, f"/tokens/{NAME}", "north")
    assert problem(reply) == (429, "rate_limited")
    assert reply.headers["retry-after"] == "2"
    assert get(desk, f"/tokens/{NAME}", "south").status_code == 200
    desk.books.now += 2 * 10**9
    assert get(desk, f"/tokens/{NAME}", "north").status_code == 200
    assert get(desk, f"/tokens/{NAME}", "north").status_code == 429


@given(st.integers(1, 600), st.integers(1, 20), st.lists(st.integers(0, 3 * 10**9), max_size=200))
def test_in_no_span_is_more_let_through_than_was_said(
    per_minute: int, burst: int, gaps: list[int]
) -> None:
    caller, rates = callers(per_minute, burst).callers[0], Rates()
    now, passed = START * 10**9, list[int]()
    for gap in gaps:
        now += gap
        if not rates.wait_ns(caller, now):
            passed.append(now)
    share = 60 * 10**9 // per_minute
    for first in range(len(passed)):
        for last in range(first, len(passed)):
            span = passed[last] - passed[first]
            assert last - first + 1 <= burst + span // share


def test_who_waits_as_long_as_it_is_told_is_let_through() -> None:
    caller, rates = callers(7, 2).callers[0], Rates()
    now = START * 10**9
    for _ in range(20):
        wait = rates.wait_ns(caller, now)
        if wait:
            assert rates.wait_ns(caller, now + wait - 1)
            now += wait
            assert rates.wait_ns(caller, now) == 0


# --- revoking -------------------------------------------------------------------------------------


def test_a_revocation_is_reported_when_it_is_final(desk: Desk) -> None:
    where = post(desk, transfer(), "north").headers["location"]
    reply = post(desk, b"", "north", path=where + "/revocation")
    assert reply.status_code == 202
    assert (reply.json()["status"], reply.json()["revocation_asked"]) == ("signed", True)
    assert (reply.json()["message"], reply.json()["signatures"]) == (None, [])
    told = desk.told[-1]
    assert isinstance(told, RevocationRequested)
    assert told.person == "north"
    wanted = desk.books.token.authorizations[reply.json()["authorization"]]
    desk.books.block("h2", TokenLog("lane", 0, "tx", holder=ALICE, nonce=wanted.nonce + 1))
    assert get(desk, where, "north").json()["status"] == "signed"
    desk.books.finalize("h2")
    assert get(desk, where, "north").json()["status"] == "revoked"


def test_what_is_revoked_while_it_is_judged_is_refused(desk: Desk) -> None:
    desk.silent = True
    where = post(desk, transfer(), "north").headers["location"]
    reply = post(desk, b"", "north", path=where + "/revocation")
    assert reply.status_code == 202
    assert (reply.json()["status"], reply.json()["reason"]) == ("refused", "withdrawn")


def test_what_is_not_open_cannot_be_revoked(desk: Desk) -> None:
    reply = post(desk, transfer("99"), "north")
    where = f"{AUTHORIZATIONS}/{reply.json()['authorization'].partition('/')[2]}"
    assert problem(post(desk, b"", "north", path=where + "/revocation")) == (409, "refused")
    assert isinstance(desk.told[-1], RevocationRequested)
    assert problem(post(desk, b"", "eye", path=where + "/revocation")) == (403, "role")


# --- what is shown --------------------------------------------------------------------------------


def test_the_register_and_the_cap_table_as_of_the_final_block(desk: Desk) -> None:
    reply = post(desk, transfer("250"))
    wanted = desk.books.token.authorizations[reply.json()["authorization"]]
    desk.books.block("h2", moved(wanted))
    post(desk, mint("100", receiver=checksummed(ALICE)), request_id="m")
    told = get(desk, f"/tokens/{NAME}/register").json()
    assert (told["final"]["block_hash"], told["head"]["block_hash"]) == ("h1", "h2")
    rows = [
        [row["address"]] + [row[name]["amount"] for name in list(row)[1:]]
        for row in told["holders"]
    ]
    assert rows == [
        [checksummed(ALICE), "1000", "750", "250", "100"],
        [checksummed(BOB), "0", "250", "0", "250"],
    ]
    told = get(desk, f"/tokens/{NAME}/cap-table", "eye").json()
    assert told["supply_final"] == told["supply_provisional"] == {"amount": "1000", "unit": NAME}
    assert (told["holders"], told["may_be_minted"]["amount"]) == (1, "100")
    desk.books.finalize("h2")
    told = get(desk, f"/tokens/{NAME}/cap-table", "eye").json()
    assert told["final"]["block_hash"] == "h2"
    assert [(each["address"], each["share_ppm"]) for each in told["shares"]] == [
        (checksummed(ALICE), 750_000),
        (checksummed(BOB), 250_000),
    ]


def test_the_register_is_read_page_by_page(desk: Desk) -> None:
    for place in range(5):
        desk.mint("0x" + f"{place + 1}" * 40, 10 + place, f"p{place}")
    pages, after = [], ""
    while True:
        told = get(desk, f"/tokens/{NAME}/register?at_most=2&after={after}").json()
        pages.append([row["final"]["amount"] for row in told["holders"]])
        after = told["next"]
        if not after:
            break
    assert pages == [["10", "11"], ["12", "13"], ["14", "1000"]]
    for query in ("at_most=0", "at_most=1001", "at_most=x", "after=" + "0" * 43):
        assert get(desk, f"/tokens/{NAME}/register?{query}").status_code == 422


def test_how_a_token_stands(desk: Desk) -> None:
    desk.books.now += 7 * 10**9
    desk.books.token.closed = "an orphan"
    told = get(desk, f"/tokens/{NAME}", "north").json()
    assert (told["closed"], told["paused"], told["epoch"]) == ("an orphan", False, 0)
    assert (told["policy_version"], told["head_age_s"]) == (1, 7)
    assert told["policy_hash"] == desk.books.token.policy.content_hash


def test_nothing_about_people_is_in_any_answer(desk: Desk) -> None:
    """No name, country, group, lock-up or commitment, to whomever sees the most."""
    paths = [post(desk, transfer()).headers["location"], f"/tokens/{NAME}"]
    paths += [f"/tokens/{NAME}/register", f"/tokens/{NAME}/cap-table"]
    told = "".join(get(desk, path, "compliance").text for path in paths)
    token = desk.books.token
    private = ["ann", "bea", *token.reserved.groups.values(), *token.stated.values()]
    assert all(private)
    assert [each for each in private if each in told] == []


# --- the document, and bodies of chance -----------------------------------------------------------


def test_the_document_says_what_is_asked_and_answered(desk: Desk) -> None:
    (reply,) = talk(desk, lambda client: client.get("/openapi.json"))
    told = reply.json()
    assert set(told["paths"]) == {
        "/tokens/{token}",
        "/tokens/{token}/authorizations",
        "/tokens/{token}/authorizations/{number}",
        "/tokens/{token}/authorizations/{number}/revocation",
        "/tokens/{token}/cap-table",
        "/tokens/{token}/register",
    }
    asked = told["paths"]["/tokens/{token}/authorizations"]["post"]
    assert asked["security"] == [{"HTTPBearer": []}]
    assert {"201", "202"} <= asked["responses"].keys()
    (header,) = (each for each in asked["parameters"] if each["in"] == "header")
    assert (header["name"], header["required"]) == ("Idempotency-Key", True)
    for operation in (each for path in told["paths"].values() for each in path.values()):
        for status, answer in operation["responses"].items():
            assert (list(answer["content"]) == ["application/problem+json"]) == (status >= "400")
    refs = set(_refs(told))
    assert {f"#/components/schemas/{name}" for name in ("Transfer", "ProblemView")} <= refs
    assert {each.rpartition("/")[2] for each in refs} <= told["components"]["schemas"].keys()


def _refs(told: Any) -> list[str]:
    if isinstance(told, dict):
        own = [told["$ref"]] if isinstance(told.get("$ref"), str) else []
        return own + [ref for each in told.values() for ref in _refs(each)]
    return [ref for each in told for ref in _refs(each)] if isinstance(told, list) else []


@pytest.mark.parametrize(
    ("method", "path", "wanted"),
    [
        ("GET", "/", (404, "not_found")),
        ("GET", "/docs", (404, "not_found")),
        ("DELETE", AUTHORIZATIONS, (405, "no_method")),
        ("GET", f"{AUTHORIZATIONS}/0", (422, "bad_query")),
        ("GET", f"{AUTHORIZATIONS}/{'9' * 5000}", (422, "bad_query")),
        ("GET", f"{AUTHORIZATIONS}/77", (404, "not_found")),
    ],
)
def test_other_ways_have_the_same_shape(
    desk: Desk, method: str, path: str, wanted: tuple[int, str]
) -> None:
    (reply,) = talk(
        desk, lambda client: client.request(method, path, headers=headers("issuer", ""))
    )
    assert problem(reply) == wanted


words = st.sampled_from(
    [
        *("kind", "sender", "receiver", "value", "valid_before", "amount", "unit", NAME),
        *("transfer", "mint", "burn", "recovery", "100", "-1", "1.5", "0", "\ud800", "\0"),
        *(ALICE, checksummed(ALICE), checksummed(BOB), "0x" + "0" * 40),
    ]
)
leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | words
anything = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(words | st.text(), inner, max_size=6)
    ),
    max_leaves=12,
)
mangled = st.builds(
    lambda field, change: transfer() | {field: change},
    st.sampled_from(["kind", "sender", "receiver", "value", "valid_before", "note"]),
    anything,
)
ONE_DESK = Desk()
ONE_DESK.mint(ALICE, 1000, "h1")


@given(st.one_of(st.binary(max_size=60), anything, mangled, st.just(transfer())), words | st.text())
def test_whatever_is_sent_is_answered_and_only_requests_are_told(
    body: Any, request_id: str
) -> None:
    """Never a 5xx; of a refused body no event but the one that says so; what is told is a request
    that a node can journal."""
    desk = ONE_DESK
    desk.told.clear()
    made = desk.books.token.made
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    told = [(b"Authorization", f"Bearer {KEYS['issuer']}".encode())]
    told.append((b"Idempotency-Key", request_id.encode("utf-8", "replace").replace(b"\n", b"")))
    (reply,) = talk(desk, lambda c: c.post(AUTHORIZATIONS, content=content, headers=told))
    assert reply.status_code < 500, reply.text
    requests = [each for each in desk.told if isinstance(each, AuthorizationRequested)]
    if reply.status_code < 300:
        assert len(requests) == 1
    else:
        problem(reply)
        if not requests:
            assert desk.books.token.made == made
    for each in desk.told:
        assert decode_event(msgspec.json.encode(each)) == each
        if isinstance(each, RequestRefused):
            assert each.reason in REASONS


# --- the file of callers --------------------------------------------------------------------------

GOOD = f"""
callers:
- name: desk-1
  role: holder_desk
  tokens: [ESTATE]
  key_sha256: [{"a" * 64}]
  per_minute: 30
"""


def test_a_file_of_callers(tmp_path: Path) -> None:
    file = tmp_path / "callers.yaml"
    file.write_text(GOOD)
    (caller,) = read_callers(file).callers
    assert (caller.name, caller.role, caller.per_minute, caller.burst) == (
        "desk-1",
        "holder_desk",
        30,
        10,
    )


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("holder_desk", "root", "callers.0.role: found 'root'"),
        ("per_minute: 30", "per_minute: 0", "callers.0.per_minute: found 0"),
        ("a" * 64, "secret", "callers.0.key_sha256.0: found 'secret'"),
        ("tokens: [ESTATE]", "tokens: []", "callers.0.tokens"),
        ("tokens", "token", "unknown field token"),
        ("callers:", "callers: [", "expected"),
    ],
)
def test_a_bad_file_of_callers_names_the_place(
    tmp_path: Path, old: str, new: str, words: str
) -> None:
    file = tmp_path / "callers.yaml"
    file.write_text(GOOD.replace(old, new, 1))
    with pytest.raises(BadCallers, match=r"callers\.yaml") as error:
        read_callers(file)
    assert words in str(error.value)


def test_no_two_callers_have_a_name_or_a_key_in_common(tmp_path: Path) -> None:
    file = tmp_path / "callers.yaml"
    again = GOOD.replace("callers:", "")
    file.write_text(GOOD + again.replace("a" * 64, "b" * 64).strip("\n"))
    with pytest.raises(BadCallers, match="name desk-1 stands twice"):
        read_callers(file)
    file.write_text(GOOD + again.replace("desk-1", "desk-2").strip("\n"))
    with pytest.raises(BadCallers, match="key_sha256 aaaaaaaaaaaa stands twice"):
        read_callers(file)


def test_two_keys_open_while_one_is_changed() -> None:
    keys = [new_key(lambda n, fill=fill: bytes([fill]) * n) for fill in (1, 2)]  # type: ignore[misc]
    told = callers().model_dump()
    told["callers"][0]["key_sha256"] = tuple(hash_of(each) for each in keys)
    made = type(callers()).model_validate(told)
    assert [made.by_key(each) for each in keys] == [made.callers[0]] * 2
    assert made.by_key(KEYS["north"]) is None
    assert all(each not in made.model_dump_json() for each in keys)


# --- on a socket ----------------------------------------------------------------------------------


def test_it_is_served_in_the_loop_of_the_node_and_ends_with_its_task(desk: Desk) -> None:
    """Over a real socket; afterwards nobody listens there, and signals are still the program's."""

    async def asked(listening: socket.socket) -> list[int]:
        before = signal.getsignal(signal.SIGINT)
        serving = asyncio.create_task(serve(desk.plane, listening))
        port = listening.getsockname()[1]
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            one = await client.post(
                AUTHORIZATIONS, json=transfer(), headers=headers("north", "over-a-socket")
            )
            other = await client.get(f"/tokens/{NAME}")
        assert "server" not in one.headers
        assert not [each for each in threading.enumerate() if "AnyIO" in each.name]
        assert signal.getsignal(signal.SIGINT) is before
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        assert serving.cancelled()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)
        return [one.status_code, other.status_code]

    with socket.create_server(("127.0.0.1", 0)) as listening:
        assert asyncio.run(asked(listening)) == [201, 401]


# --- over a node that dies ------------------------------------------------------------------------


@dataclass
class Dying:
    """A host around a node and its journal; while it does not commit, nobody is answered."""

    chain: Chain
    commits: bool = True
    is_dirty: bool = False

    async def tell(self, event: TokenEvent) -> None:
        self.is_dirty = True
        self.chain.node.deliver(replace(event, received_at=self.chain.now))
        await self.state()

    async def state(self) -> State:
        while self.is_dirty and not self.commits:
            await asyncio.sleep(0.001)
        self.is_dirty = False
        for effect in self.chain.node.commit():
            self.chain.perform(effect)
        return self.chain.node.state


def test_what_a_crash_lost_nobody_was_told_of_and_the_same_id_makes_it_once() -> None:
    chain = Chain()
    chain.block("h1", logs_of(chain.permit("mint", "", ALICE, 100)))
    chain.finalize("h1")
    host = Dying(chain)
    plane = ControlPlane(host, callers(), clock=lambda: chain.now, decision_wait_s=0)
    wire = httpx.ASGITransport(application(plane))

    async def asked(seconds: float) -> Reply:
        async with httpx.AsyncClient(transport=wire, base_url="http://plane") as client:
            told = {"json": transfer(), "headers": headers("issuer", "r1")}
            return await asyncio.wait_for(client.post(AUTHORIZATIONS, **told), seconds)  # type: ignore[arg-type]

    host.commits = False
    with pytest.raises(TimeoutError):
        asyncio.run(asked(0.2))
    assert chain.token.made == 2
    chain.store.crash()
    journal = Journal(chain.store)
    chain.node = Node(journal, {}, BreakGate(), recover(journal, BreakGate()))
    assert chain.token.made == 1
    host.commits, host.is_dirty = True, False
    for _ in range(2):
        reply = asyncio.run(asked(5))
        assert (reply.status_code, reply.json()["authorization"]) == (201, f"{NAME}/2")
    assert chain.token.made == 2
