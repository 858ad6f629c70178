"""What a signer hears of its own node: the simulated one, anvil, and servers that misbehave."""

import asyncio
import contextlib
import json
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from eth_abi import encode

from core.frames import Headers
from rails.dialect import Request
from rails.jsonrpc import answers, batch, number, results
from tests.issuing import ADMIN, ALICE, BOB, FIRST, PAUSER, SECOND
from tests.nodes import Anvil, Node, Simulated, embedded
from tieout.issuing.signers import HonestNode
from tieout.tokens.rpc_nodes import http_nodes
from tokens import calls
from tokens.calls import Parameters
from tokens.signers.live import ANSWER_BYTES_MAX, Http, LiveNode
from tokens.signers.node import NoView, View
from tokens.typed import Domain

DOMAIN = Domain("ESTATE", "1", 1, "0x" + "c0" * 20)


@pytest.fixture(params=["simulated", "anvil"])
def node(request: pytest.FixtureRequest) -> Iterator[Node]:
    """Either node, new."""
    if request.param == "simulated":
        yield Simulated(embedded())
        return
    anvil = Anvil()
    try:
        yield anvil
    finally:
        anvil.stop()


def deployed(node: Node) -> str:
    asset = Parameters("ESTATE", "EST", 0, ADMIN, PAUSER, (FIRST, SECOND), 1)
    return node.deploy(calls.deployment(asset))


def stamps(node: Node) -> tuple[int, int]:
    _, body = node.answer(
        batch("a", [("eth_getBlockByNumber", [tag, False]) for tag in ("latest", "finalized")])
    )
    head, final = (int(each["timestamp"], 16) for each in answers(body, 2))
    return head, final


def test_a_view_is_what_the_contract_says(node: Node) -> None:
    contract = deployed(node)
    node.mine(100)
    view = LiveNode(node.answer, "b").view(contract, {BOB, ALICE})
    domain = Domain("ESTATE", "1", 1, contract)
    assert view == View(1, domain, *stamps(node), {ALICE: 0, BOB: 0})
    assert view.final < view.head


def test_both_twins_say_the_same_of_one_chain() -> None:
    node = Simulated(embedded())
    contract = deployed(node)
    node.mine(100)
    honest = HonestNode(node.site.chain, Domain("ESTATE", "1", 1, contract))
    assert LiveNode(node.answer, "a").view(contract, [ALICE]) == honest.view(contract, [ALICE])
    assert stamps(node)[0] == honest.view(contract, []).head


def test_where_no_token_stands_there_is_no_view(node: Node) -> None:
    node.mine(1)
    with pytest.raises(NoView):
        LiveNode(node.answer, "a").view("0x" + "77" * 20, [ALICE])
    with pytest.raises(NoView, match="is no address"):
        LiveNode(node.answer, "a").view(deployed(node), ["0x77"])


def test_a_head_that_gives_way_meanwhile_is_no_view(node: Node) -> None:
    """All of it is of one block: what another says of the contract is not mixed in."""
    contract = deployed(node)
    node.mine(5)
    asked = 0

    def answer(request: Request) -> tuple[int, bytes]:
        nonlocal asked
        asked += 1
        if asked == 2:
            node.reorganise(2)
        return node.answer(request)

    with pytest.raises(NoView):
        LiveNode(answer, "a").view(contract, [ALICE])
    assert LiveNode(answer, "a").view(contract, [ALICE]).epochs == {ALICE: 0}


# --- a domain, word by word -----------------------------------------------------------------------

KINDS = ["bytes1", "string", "string", "uint256", "address", "bytes32", "uint256[]"]
TOLD: tuple[Any, ...] = (b"\x0f", "ESTATE", "1", 1, DOMAIN.contract, bytes(32), [])
HASH = "0x" + "ab" * 32


def scripted(domain: bytes, epoch: bytes = bytes(32)) -> Callable[[Request], tuple[int, bytes]]:
    """A node whose contract answers with these bytes."""

    def answer(asked: Request) -> tuple[int, bytes]:
        block = {"number": "0x1", "hash": HASH, "timestamp": "0x64"}
        told = []
        for call in json.loads(asked.body):
            match call["method"]:
                case "eth_chainId":
                    result: Any = "0x1"
                case "eth_call":
                    assert call["params"][1] == {"blockHash": HASH}
                    is_domain = call["params"][0]["data"] == "0x84b0196e"
                    result = "0x" + (domain if is_domain else epoch).hex()
                case _:
                    result = block
            told.append({"jsonrpc": "2.0", "id": call["id"], "result": result})
        return 200, json.dumps(told[::-1]).encode()

    return answer


def test_a_domain_is_read() -> None:
    for name in ("ESTATE", "", "a" * 32, "a" * 33, "Häuser & Höfe"):
        told = encode(KINDS, (TOLD[0], name, *TOLD[2:]))
        view = LiveNode(scripted(told)).view(DOMAIN.contract, [ALICE])
        assert view == View(1, Domain(name, "1", 1, DOMAIN.contract), 100, 100, {ALICE: 0})


@pytest.mark.parametrize(
    ("place", "other"),
    [(0, b"\x0e"), (0, b"\x1f"), (0, b"\x2f"), (5, b"\1" * 32), (6, [1])],
    ids=["no name", "a salt", "extensions", "a salt unsaid", "extensions unsaid"],
)
def test_a_domain_that_has_more_to_it_or_less_is_none(place: int, other: object) -> None:
    told = encode(KINDS, (*TOLD[:place], other, *TOLD[place + 1 :]))
    with pytest.raises(NoView, match="domain"):
        LiveNode(scripted(told)).view(DOMAIN.contract, [])


def test_a_domain_of_which_any_byte_is_cut_or_dirty_is_none() -> None:
    """No byte of its layout is overlooked: another one is another domain, or none."""
    told = encode(KINDS, TOLD)
    for cut in range(len(told)):
        with pytest.raises(NoView):
            LiveNode(scripted(told[:cut])).view(DOMAIN.contract, [])
    with pytest.raises(NoView):
        LiveNode(scripted(told + bytes(32))).view(DOMAIN.contract, [])
    for place in range(len(told)):
        dirty = told[:place] + bytes([told[place] ^ 0x80]) + told[place + 1 :]
        try:
            view = LiveNode(scripted(dirty)).view(DOMAIN.contract, [])
        except NoView:
            continue
        assert view.domain != DOMAIN, place


@pytest.mark.parametrize("epoch", [b"", bytes(31), bytes(64), b"\1" + bytes(31), b"\xff" * 32])
def test_an_epoch_is_a_small_number_in_a_word(epoch: bytes) -> None:
    with pytest.raises(NoView):
        LiveNode(scripted(encode(KINDS, TOLD), epoch)).view(DOMAIN.contract, [ALICE])


@pytest.mark.parametrize("told", [b"", b"{}", b"[]", b"null", b"[" * 100_000, b'[{"id":0}]'])
def test_an_answer_that_is_none_is_no_view(told: bytes) -> None:
    with pytest.raises(NoView):
        LiveNode(lambda asked: (200, told)).view(DOMAIN.contract, [])
    with pytest.raises(NoView, match="HTTP 429"):
        LiveNode(lambda asked: (429, told)).view(DOMAIN.contract, [])


# --- over HTTP ------------------------------------------------------------------------------------


class Server:
    """On the loopback; `manner` says how it answers, `heard` is what it was asked."""

    def __init__(self) -> None:
        self.manner, self.heard, outer = "well", list[tuple[str, bytes]](), self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                outer.heard.append((self.path, body))
                outer.answer(self, body)

            def log_message(self, *told: object) -> None:
                """Nothing is printed."""

        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/v3/our-secret-key"

    def answer(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        status, told = scripted(encode(KINDS, TOLD))(Request("POST", "/", body=body))
        match self.manner:
            case "redirects":
                handler.send_response(302)
                handler.send_header("location", self.url)
                handler.end_headers()
                return
            case "talks for ever":
                told += b" " * ANSWER_BYTES_MAX
            case "drips":
                handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
                with contextlib.suppress(OSError):  # until nobody listens any more
                    for _ in range(200):
                        handler.wfile.write(b"x-drip: 1\r\n")
                        time.sleep(0.05)
                return
            case "hangs up":
                return
        handler.send_response(status)
        handler.send_header("content-length", str(len(told)))
        handler.end_headers()
        handler.wfile.write(told)


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    try:
        yield made
    finally:
        made.server.shutdown()
        made.server.server_close()


def test_a_node_is_asked_over_http(server: Server) -> None:
    view = LiveNode(Http(server.url)).view(DOMAIN.contract, [ALICE])
    assert view == View(1, DOMAIN, 100, 100, {ALICE: 0})
    assert [path for path, _ in server.heard] == ["/v3/our-secret-key"] * 2


def test_anvil_is_asked_over_http() -> None:
    anvil = Anvil()
    try:
        contract = deployed(anvil)
        view = LiveNode(Http(anvil.url)).view(contract, [ALICE])
        assert view == View(1, Domain("ESTATE", "1", 1, contract), *stamps(anvil), {ALICE: 0})
    finally:
        anvil.stop()


@pytest.mark.parametrize("manner", ["redirects", "talks for ever", "drips", "hangs up"])
def test_a_server_that_misbehaves_is_no_view_in_time(server: Server, manner: str) -> None:
    """And what is told of it never has its path, which may be a key."""
    server.manner = manner
    node, began = LiveNode(Http(server.url, seconds_max=0.5)), time.monotonic()
    with pytest.raises(NoView) as told:
        node.view(DOMAIN.contract, [ALICE])
    assert time.monotonic() - began < 5
    assert "secret" not in str(told.value)
    assert len(server.heard) == 1


def test_nobody_who_answers_is_no_view(server: Server) -> None:
    server.server.shutdown()
    server.server.server_close()
    with pytest.raises(NoView) as told:
        LiveNode(Http(server.url)).view(DOMAIN.contract, [])
    assert "secret" not in str(told.value)


def asked_at_once(server: Server, times: int) -> list[tuple[int, bytes]]:
    """What a connector's transport tells of so many requests to one node."""
    told: list[tuple[int, bytes]] = []

    def heard(status: int, body: bytes, headers: Headers = ()) -> None:
        told.append((status, body))

    async def story() -> None:
        nodes = http_nodes({"a": server.url}, seconds_max=0.5)
        for _ in range(times):
            nodes.send(batch("a", [("eth_chainId", [])]), heard)
        while len(told) < times:
            await asyncio.sleep(0.01)
        await nodes.stop()

    asyncio.run(asyncio.wait_for(story(), 10))
    return told


def test_a_connector_asks_a_node_in_the_same_way(server: Server) -> None:
    ((status, body),) = asked_at_once(server, 1)
    assert (status, [number(told) for told in results(body, 1)]) == (200, [1])
    assert [path for path, _ in server.heard] == ["/v3/our-secret-key"]


def test_a_node_that_drips_is_no_answer_in_time_and_nobody_waits_for_his_turn(
    server: Server,
) -> None:
    server.manner = "drips"
    assert asked_at_once(server, 3) == [(0, b"NotSigned: no answer within 0.5 s")] * 3
    assert len(server.heard) == 3


def test_a_stream_of_nodes_stands_at_once_and_who_stops_hears_nothing_more(server: Server) -> None:
    server.manner = "drips"
    heard: list[str] = []

    def nothing(*told: object) -> None:
        heard.append(f"{told}")

    async def story() -> None:
        nodes = http_nodes({"a": server.url}, seconds_max=0.5)
        nodes.open_stream(1, lambda: heard.append("open"), nothing, nothing, nothing)
        nodes.send(batch("a", [("eth_chainId", [])]), nothing)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await nodes.stop()

    asyncio.run(asyncio.wait_for(story(), 10))
    assert heard == ["open"]


@pytest.mark.parametrize(("manner", "status"), [("redirects", 302), ("hangs up", 0)])
def test_what_is_no_answer_is_told_with_no_more_than_its_status(
    server: Server, manner: str, status: int
) -> None:
    server.manner = manner
    ((told, body),) = asked_at_once(server, 1)
    assert told == status
    assert b"secret" not in body
    assert len(server.heard) == 1


@pytest.mark.parametrize(
    "url", ["", "node", "ftp://node/", "http://", "http://me:pass@node/", "http://node/a b"]
)
def test_an_address_that_is_none_is_said_at_once(url: str) -> None:
    with pytest.raises(ValueError, match="address") as told:
        Http(url)
    assert "pass" not in str(told.value)
