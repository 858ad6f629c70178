"""The custodian over real sockets: Fireblocks' SDK unmodified, its signing, its webhooks."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import threading
import time
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fireblocks", reason="the extra `live` is not installed")

from aiohttp import ClientSession, web
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from rails.custodian import signing, webhooks
from rails.custodian.live import (
    THREADS,
    Custody,
    Forbidden,
    client,
    only_leading,
    only_reading,
)
from rails.custodian.served import LIFE_S_MAX, Call, Gateway
from rails.dialect import Request
from sim.faults import Fault
from tests.desk import HOUR, Desk, scenario, within
from tieout.node.webhooks import Keyring, Receiver, published
from tieout.wire.custodian import CustodianServer
from tieout.wire.tls import Authority

FULL = bool(os.environ.get("TIEOUT_FULL"))
NAME = "an-api-user"
SECRET = rsa.generate_private_key(65537, 2048)
PEM = SECRET.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
PAY = Request(
    "POST",
    "/v1/transactions",
    {},
    {"Idempotency-Key": "p1", "Content-Type": "application/json"},
    b'{"externalTxId":"p1","amount":"1.5"}',
)
ASK = Request("GET", "/v1/transactions", {"after": "0", "limit": "500"})


# --- the front door ------------------------------------------------------------------------------


def url64(told: bytes) -> str:
    return urlsafe_b64encode(told).rstrip(b"=").decode()


def token(claims: dict[str, Any], alg: str = "RS256", key: rsa.RSAPrivateKey = SECRET) -> str:
    head = url64(json.dumps({"alg": alg, "typ": "JWT"}).encode())
    told = f"{head}.{url64(json.dumps(claims).encode())}"
    return f"{told}.{url64(key.sign(told.encode(), PKCS1v15(), SHA256()))}"


def claims(**more: Any) -> dict[str, Any]:
    told = {
        "uri": "/v1/transactions",
        "nonce": "n1",
        "iat": 1000,
        "exp": 1055,
        "sub": NAME,
        "bodyHash": hashlib.sha256(b"{}").hexdigest(),
    }
    return told | more


def call(bearer: str, body: bytes = b"{}", key: str = NAME) -> Call:
    headers = {"x-api-key": key, "authorization": f"Bearer {bearer}"}
    return Call("POST", "/v1/transactions", "", headers, body)


def test_who_signs_as_documented_is_admitted() -> None:
    asked = Gateway(NAME, SECRET.public_key(), lambda: 1001.0).admit(call(token(claims())))
    assert isinstance(asked, Request)
    assert (asked.method, asked.path, asked.body) == ("POST", "/v1/transactions", b"{}")


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (call(token(claims()), key="another"), "API key"),
        (call(token(claims(sub="another"))), "another key's"),
        (call(token(claims(uri="/v1/vault"))), "another uri"),
        (call(token(claims()), body=b'{"a":1}'), "another body"),
        (call(token(claims(iat=900, exp=955))), "not of now"),
        (call(token(claims(iat=2000, exp=2055))), "not of now"),
        (call(token(claims(exp=1001 + LIFE_S_MAX))), "not of now"),
        (call(token(claims(nonce=""))), "nonce"),
        (call(token(claims(), alg="HS256")), "RS256"),
        (call(token(claims(), key=rsa.generate_private_key(65537, 2048))), "signature"),
        (call("a.b.c"), "no token"),
        (call(""), "no token"),
    ],
)
def test_who_does_not_is_refused(made: Call, reason: str) -> None:
    answer = Gateway(NAME, SECRET.public_key(), lambda: 1001.0).admit(made)
    assert isinstance(answer, tuple)
    assert answer[0] == 401
    assert reason in answer[1].decode()


def test_a_token_is_good_once() -> None:
    gateway, once = Gateway(NAME, SECRET.public_key(), lambda: 1001.0), call(token(claims()))
    assert isinstance(gateway.admit(once), Request)
    answer = gateway.admit(once)
    assert isinstance(answer, tuple)
    assert b"nonce was used" in answer[1]


# --- the SDK as a transport ----------------------------------------------------------------------


class Answers:
    """A server that answers as it is told, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.how = "200"
        self.port = 0
        self.let_go = asyncio.Event()

    async def start(self, tls: Any = None) -> web.AppRunner:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self.serve)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
        self.port = runner.addresses[0][1]
        return runner

    async def serve(self, request: web.Request) -> web.StreamResponse:
        await request.read()
        self.asked.append((request.method, request.path_qs))
        assert request.transport is not None
        if self.how == "cut":
            request.transport.abort()
        elif self.how == "hang":
            await self.let_go.wait()
        elif self.how == "truncated":
            request.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
            request.transport.close()
        elif self.how == "elsewhere":
            return web.Response(status=307, headers={"Location": "/v1/elsewhere"}, body=b"gone")
        status = int(self.how) if self.how.isdigit() else 200
        return web.Response(status=status, body=b'\xff{"raw', headers={"Retry-After": "7"})


def said(port: int, *, reading: bool = False) -> Custody:
    api = client(f"http://127.0.0.1:{port}", NAME, PEM)
    return Custody(only_reading(api) if reading else api, timeout_s=2.0)


async def asked(way: Custody, request: Request) -> tuple[int, bytes, dict[str, str]]:
    came: asyncio.Future[tuple[int, bytes, dict[str, str]]] = (
        asyncio.get_running_loop().create_future()
    )

    def answered(status: int, body: bytes, headers: Any = ()) -> None:
        came.set_result((status, body, dict(headers)))

    way.send(request, answered)
    return await came


@pytest.mark.parametrize("request_", [PAY, ASK], ids=["POST", "GET"])
def test_a_request_goes_once_and_its_answer_comes_back_as_bytes(request_: Request) -> None:
    """Whatever the answer is: the SDK's models and errors lose nothing of it, and neither it nor
    urllib3 asks again."""

    async def play() -> None:
        server = Answers()
        runner = await server.start()
        way = said(server.port)
        for how, status in (("200", 200), ("400", 400), ("429", 429), ("503", 503)):
            server.how = how
            told, body, headers = await asked(way, request_)
            assert (told, body, headers["Retry-After"]) == (status, b'\xff{"raw', "7")
        server.how = "elsewhere"
        assert (await asked(way, request_))[:2] == (307, b"gone")
        for how in ("cut", "truncated"):
            server.how = how
            status, body, _ = await asked(way, request_)
            assert (status, body[:10]) == (0, b"no answer:")
        assert len(server.asked) == 7
        await way.close()
        await runner.cleanup()

    within(60, play())


def test_no_answer_in_time_is_unknown_and_a_late_one_is_told_to_nobody() -> None:
    async def play() -> None:
        server = Answers()
        runner = await server.start()
        way = said(server.port)
        way.timeout_s, server.how = 0.3, "hang"
        heard: list[int] = []
        way.send(PAY, lambda status, body, headers=(): heard.append(status))
        await asyncio.sleep(0.6)
        server.let_go.set()
        await asyncio.sleep(0.3)
        assert (heard, len(server.asked)) == ([0], 1)
        await way.close()
        await runner.cleanup()

    within(60, play())


def test_what_waited_for_a_thread_until_its_time_was_over_is_not_sent() -> None:
    """It was called unknown long ago: it must not go out behind the back of who was told so."""

    async def play() -> None:
        server = Answers()
        runner = await server.start()
        way = said(server.port)
        way.timeout_s = 0.3
        free = threading.Event()
        for _ in range(THREADS):
            way._threads.submit(free.wait, 5.0)
        assert (await asked(way, PAY))[0] == 0
        free.set()
        way.timeout_s = 5.0
        assert (await asked(way, ASK))[0] == 200
        assert [method for method, _ in server.asked] == ["GET"]
        until = time.monotonic() - 1
        assert way._ask(PAY, until) == (0, b"not sent: its time was over", ())
        assert len(server.asked) == 1
        await way.close()
        await runner.cleanup()

    within(60, play())


def test_where_we_only_read_nothing_is_created_whoever_asks() -> None:
    """By the transport and by the SDK's own method: not a request at the socket, and reads go."""

    async def play() -> None:
        from fireblocks.api.transactions_api import TransactionsApi

        server = Answers()
        runner = await server.start()
        way = said(server.port, reading=True)
        status, body, _ = await asked(way, PAY)
        assert (status, body[:30]) == (0, b"not sent: POST /v1/transaction")
        with pytest.raises(Forbidden):
            await asyncio.to_thread(
                lambda: TransactionsApi(way.api).create_transaction(idempotency_key="x").result()
            )
        assert server.asked == []
        assert (await asked(way, ASK))[0] == 200
        assert server.asked == [("GET", "/v1/transactions?after=0&limit=500")]
        await way.close()
        await runner.cleanup()

    within(60, play())


def test_of_a_node_that_leads_no_more_nothing_is_sent() -> None:
    """It is asked when the request is signed and goes out: what waited before that is no excuse."""

    async def play() -> None:
        server, leads = Answers(), [True]
        runner = await server.start()
        way = Custody(
            only_leading(client(f"http://127.0.0.1:{server.port}", NAME, PEM), lambda: leads[0]),
            timeout_s=2.0,
        )
        assert (await asked(way, PAY))[0] == 200
        signs = way.api.token_provider.get_token

        def overtaken(*args: Any, **more: Any) -> Any:
            leads[0] = False
            return signs(*args, **more)

        way.api.token_provider.get_token = overtaken
        assert (await asked(way, PAY))[:2] == (0, b"not sent: another node leads")
        assert [method for method, _ in server.asked] == ["POST"]
        await way.close()
        await runner.cleanup()

    within(60, play())


def test_whom_nobody_vouches_for_is_asked_nothing(tmp_path: Path) -> None:
    """By TLS: the custodian's certificate is checked, by the authorities that we name if any."""

    async def play() -> None:
        authority, server = Authority(["localhost"]), Answers()
        authority.save(tmp_path / "ca.pem")
        runner = await server.start(authority.server())
        url = f"https://localhost:{server.port}"
        stranger = Custody(client(url, NAME, PEM), timeout_s=5.0)
        status, body, _ = await asked(stranger, PAY)
        assert (status, body[:10], server.asked) == (0, b"no answer:", [])
        known = Custody(client(url, NAME, PEM, str(tmp_path / "ca.pem")), timeout_s=5.0)
        assert (await asked(known, PAY))[0] == 200
        assert server.asked == [("POST", "/v1/transactions")]
        await stranger.close()
        await known.close()
        await runner.cleanup()

    within(60, play())


def test_no_text_of_a_transport_shows_the_key() -> None:
    way = said(1)
    with pytest.raises(ValueError, match="no private key") as failed:
        client("http://127.0.0.1:1", NAME, "-----BEGIN a planted secret")
    inner = PEM.splitlines()[1]
    for text in (repr(way), str(failed.value), repr(failed.value.__cause__)):
        assert inner not in text
        assert "planted" not in text


# --- the whole -----------------------------------------------------------------------------------

EVERYTHING = tuple(
    Fault(kind, one_in=one_in, strength=strength)
    for kind, one_in, strength in (
        ("lost_frame", 8, 0),
        ("duplicate_frame", 8, 60_000),
        ("reorder_frame", 8, 60_000),
        ("late_frame", 12, 60_000),
        ("poison_frame", 10, 0),
        ("disconnect", 16, 60_000),
        ("half_open", 30, 600_000),
        ("request_lost", 8, 0),
        ("answer_lost", 6, 0),
        ("slow_request", 8, 2_000),
        ("rate_limited", 10, 5_000),
        ("server_error", 10, 0),
        ("server_error_after", 8, 0),
        ("truncated_answer", 10, 0),
        ("html_answer", 10, 0),
        ("stale_statement", 6, 3_600_000),
        ("wild_statement", 8, 1),
        ("empty_statement", 8, 1),
        ("notice_twice", 6, 60_000),
        ("notice_disorder", 6, 60_000),
        ("webhook_forged", 6, 0),
        ("payment_rejected", 10, 0),
        ("approval_hangs", 10, 3_600_000),
        ("custody_replaced", 6, 0),
        ("custody_failed", 10, 0),
        ("payment_late", 10, 3_600_000),
    )
)
CUSTODIAN = {"name": "custodian", "statement_period_s": 10_800, "backfill_period_s": 10_800}
CUSTODY = {
    "flow": "custody",
    "legs": [{"kind": "out", "asset": "USDC", "scheme": "custodian"}],
    "amount_max": 300,
}


async def kept(seed: int, hours: int) -> None:
    """Customers are paid through the SDK while everything goes wrong; then all is put right."""
    told = scenario([CUSTODIAN], [CUSTODY], hours, every_s=900, balances={"USDC": "9000"})
    desk = Desk(told, seed, EVERYTHING, speed=3600)
    site = desk.world.site("custodian")
    server = CustodianServer(
        desk.world, site, Gateway(NAME, SECRET.public_key(), time.time), acks_lost=6
    )
    await server.start()
    way = said(server.port)
    session, known = ClientSession(), webhooks.keys(signing.public_pem())
    fetch = published(session, f"http://127.0.0.1:{server.port}/.well-known/jwks.json")
    receiver = Receiver(Keyring(known, fetch), way, desk.host.durable, desk.world.now)
    await receiver.start()
    server.tell(f"http://127.0.0.1:{receiver.port}{receiver.path}")
    desk.begin({site.spec.account: way})
    await desk.last(hours * HOUR)
    desk.world.heal()
    still = await desk.until(desk.is_still, 96 * HOUR)
    said_wrong = (desk.differences(), desk.state.suspects, desk.state.breaks, desk.wrong())
    assert still, said_wrong
    assert said_wrong == ({}, {}, {}, {})
    counts = desk.state.counts
    assert len(desk.state.settlement.transfers) >= hours
    assert counts["unknown/custodian"] >= 1, "an outcome was unknown"
    assert receiver.answered[200] > 5 * hours
    assert receiver.answered[401] >= 1, "a forgery came, and went"
    assert receiver.again >= 1, "one came twice, and was taken once"
    assert server.asked["keys"] == 1, "its key was looked for where it is published"
    assert server.refused == 0, "the SDK signs as the custodian wants it"
    external = [tx.external_id for tx in site.keeper.vault.transactions.values() if tx.external_id]  # type: ignore[attr-defined]  # a custodian
    assert len(external) == len(set(external)), "no payment was made twice"
    await desk.end()
    await server.stop()
    await receiver.stop()
    await way.close()
    await session.close()


@pytest.mark.parametrize("seed", range(5, 9) if FULL else [5])
def test_books_are_the_custodian_s_where_everything_goes_wrong(seed: int) -> None:
    within(600 if FULL else 150, kept(seed, 24 if FULL else 5))
