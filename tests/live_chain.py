"""A live node that keeps an account on anvil, over relays that see all that is asked of it.

Two relays are nodes "a" and "b". They lead to one anvil, or to one each; what a relay is asked it
writes down as it came, and it can lose the answer, or the way.
"""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Protocol

from msgspec.structs import replace

from core.events import Event
from core.ledger import nostro
from core.rail_events import (
    AddressAssigned,
    CustomerOpened,
    LegWanted,
    SchemePublished,
    TransferRequested,
)
from core.settlement_state import Leg
from rails import schemes
from rails.evm import live as evm_live
from rails.evm.live import EvmNodes
from rails.evm.signing import address_of
from rails.evm.wallet import Wallet
from rails.keys import PrivateKey
from tests import evms
from tests.chains import DEPOSIT, ETH, KEY, OTHER, OURS
from tieout.deployment.chain_ways import Chain, chain_way
from tieout.journals.sqlite_store import SqliteStore
from tieout.live import LiveNode

ACCOUNT, RAIL = "eth/hot", "eth"
SECOND = 1_000_000_000
MS = 1_000_000
EPOCH_SLOTS = 2
BEHIND = 2 * EPOCH_SLOTS  # so many blocks anvil's final one is behind its newest
OUTSIDER = PrivateKey(b"\x07" * 32)
OUTSIDE = address_of(OUTSIDER)
AT_FIRST = 10 * ETH
WAIT_S = 60.0  # of a machine that has other things to do


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class Anvil:
    """anvil on the loopback; blocks come when told, at the machine's time. It can be stopped and
    started again where it was, with all its blocks."""

    def __init__(self, folder: Path, *, chain_id: int = 1, began: int = 0) -> None:
        self.port, self.state = free_port(), folder / f"anvil-{free_port()}.json"
        self.began = began or int(time.time()) - 3600
        self._given = ["--chain-id", str(chain_id), "--slots-in-an-epoch", str(EPOCH_SLOTS)]
        self.start("--timestamp", str(self.began))
        for address, coins in ((OURS, AT_FIRST), (OUTSIDE, 1_000 * ETH)):
            self.call("anvil_setBalance", address, hex(coins))
        # The same blocks for the same beginning: of many at once, one may get the clock's second.
        for number in range(1, BEHIND + 3):
            self.call("evm_setNextBlockTimestamp", self.began + number)
            self.call("anvil_mine", hex(1))

    def start(self, *arguments: str) -> None:
        where = ["--host", "127.0.0.1", "--port", str(self.port), "--silent", "--no-mining"]
        given = [*self._given, "--state", str(self.state), *arguments]
        self.process = subprocess.Popen([evms.program(), *where, *given])
        for _ in range(600):
            try:
                self.call("eth_chainId")
                break
            except OSError:
                time.sleep(0.05)

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)

    def call(self, method: str, *params: object) -> Any:
        body = json.dumps({"jsonrpc": "2.0", "id": 0, "method": method, "params": params})
        told = json.loads(self.post(body.encode()))
        assert "error" not in told, told
        return told["result"]

    def post(self, body: bytes) -> bytes:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("POST", "/", body, {"content-type": "application/json"})
            return connection.getresponse().read()
        finally:
            connection.close()

    # --- the chain --------------------------------------------------------------------------------

    def mine(self, count: int = 1) -> None:
        for _ in range(count):  # one by one: what waits may then go into any of them
            last = self.call("eth_getBlockByNumber", "latest", False)["timestamp"]
            self.call("evm_setNextBlockTimestamp", max(int(last, 16) + 1, int(time.time())))
            self.call("anvil_mine", hex(1))

    def reorganise(self, depth: int) -> None:
        """So many of the newest blocks give way to others, which are empty."""
        # Without an interval the first of them would be as old as the one that it stands on.
        self.call("anvil_setBlockTimestampInterval", 1)
        self.call("anvil_reorg", depth, [])
        self.call("anvil_removeBlockTimestampInterval")

    def finalize(self) -> None:
        """What is in a block now is final."""
        self.mine(BEHIND)

    def send(self, raw: bytes) -> str:
        return str(self.call("eth_sendRawTransaction", "0x" + raw.hex()))

    def number(self, tag: str = "latest") -> int:
        return int(self.call("eth_getBlockByNumber", tag, False)["number"], 16)

    def balance(self, *addresses: str, tag: str = "finalized") -> int:
        return sum(int(self.call("eth_getBalance", each, tag), 16) for each in addresses)

    def used(self, address: str, tag: str = "latest") -> int:
        return int(self.call("eth_getTransactionCount", address, tag), 16)

    def sent_by(self, address: str) -> list[dict[str, Any]]:
        """Its transactions in blocks, in their order."""
        found = []
        for number in range(self.number() + 1):
            block = self.call("eth_getBlockByNumber", hex(number), True)
            found += [each for each in block["transactions"] if each["from"] == address]
        return found


def methods(body: bytes) -> list[str]:
    told = json.loads(body)
    return [each["method"] for each in (told if isinstance(told, list) else [told])]


Manner = Callable[[list[str]], str]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *told: object) -> None:
        """Whoever was killed does not hear the end."""


class Relay:
    """One node's address. `manner` says of each request by its methods: "" it is answered, "mute"
    it is carried out and the connection cut, "gone" it is cut before."""

    def __init__(self, anvil: Anvil) -> None:
        self.anvil, self.asked, outer = anvil, list[bytes](), self
        self.manner: Manner = lambda called: ""

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                outer.relay(self, self.rfile.read(int(self.headers["content-length"])))

            def log_message(self, *told: object) -> None: ...

        self.server = _Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v3/a-key-of-ours"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def relay(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        self.asked.append(body)
        manner = self.manner(methods(body))
        handler.close_connection = bool(manner)
        if manner == "gone":
            return
        try:
            told = self.anvil.post(body)
        except OSError:
            handler.close_connection = True
            return
        if not manner:
            handler.send_response(200)
            handler.send_header("content-length", str(len(told)))
            handler.end_headers()
            handler.wfile.write(told)

    def called(self, method: str) -> list[bytes]:
        """The requests that call it."""
        return [each for each in self.asked if method in methods(each)]

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@dataclass
class Bench:
    """Anvil, and the relays that lead there."""

    folder: Path
    anvil: Anvil = field(init=False)
    a: Relay = field(init=False)
    b: Relay = field(init=False)
    others: list[Anvil] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.anvil = Anvil(self.folder)
        self.a, self.b = Relay(self.anvil), Relay(self.anvil)

    @property
    def urls(self) -> dict[str, str]:
        return {"a": self.a.url, "b": self.b.url}

    def another(self, **settings: Any) -> Anvil:
        self.others.append(Anvil(self.folder, **settings))
        return self.others[-1]

    def stop(self) -> None:
        for relay in (self.a, self.b):
            relay.stop()
        for anvil in (self.anvil, *self.others):
            anvil.process.kill()
            anvil.process.wait()


# --- the node -------------------------------------------------------------------------------------


def terms() -> list[Event]:
    """One scheme, looked after quickly; a customer with an address of his own."""
    scheme: SchemePublished = schemes.load()["evm"].event("evm", 0, ACCOUNT)
    return [
        replace(scheme, query_every_ns=150 * MS, settles_ns_max=600 * SECOND),
        CustomerOpened(received_at=0, customer="c1"),
        AddressAssigned(received_at=0, account=ACCOUNT, address=DEPOSIT, customer="c1"),
    ]


def chain(key: PrivateKey | None = KEY) -> Chain:
    return Chain(
        RAIL,
        Wallet(ACCOUNT, OURS, 1, deposits=(DEPOSIT,)),
        {"ETH": 18},
        terms(),
        poll_ns=150 * MS,
        statement_ns=500 * MS,
        key=key,
    )


def wanted(name: str, amount: int, to: str = OTHER) -> TransferRequested:
    leg = LegWanted(kind="out", asset="ETH", amount=amount, scheme="evm", beneficiary=to)
    return TransferRequested(received_at=0, transfer_id=name, customer="c1", legs=(leg,))


class Places(Protocol):
    """Where nodes are."""

    @property
    def urls(self) -> dict[str, str]: ...


@dataclass
class Running:
    """One life of the node."""

    nodes: EvmNodes
    store: SqliteStore
    node: LiveNode
    session: Any
    task: asyncio.Task[None]

    @classmethod
    async def begin(
        cls, bench: Places, journal: Path, made: Chain | None = None, *, reads_only: bool = False
    ) -> Running:
        session = evm_live.session(reads_only=reads_only)
        nodes = EvmNodes(bench.urls, session)
        store = SqliteStore(journal)
        ways = [chain_way(made or chain(), nodes)]
        node = LiveNode("tie", store, [], rails=ways, clock=time.time_ns)
        return cls(nodes, store, node, session, asyncio.create_task(node.run()))

    async def die(self) -> None:
        """Between two steps, with nothing written that was not: as a kill would have it."""
        self.task.cancel()
        await asyncio.wait([self.task])
        await self.nodes.stop()
        await self.session.close()
        self.store.close()

    async def until(self, what: Callable[[], object], why: str, seconds: float = WAIT_S) -> None:
        """It has to come to that, and the node must not end."""
        end = time.monotonic() + seconds
        while not what():
            if self.task.done():
                self.task.result()
            assert time.monotonic() < end, f"{why}; {self.said()}"
            await asyncio.sleep(0.02)

    async def mining(self, anvil: Anvil, what: Callable[[], object], why: str) -> None:
        """The same, while blocks come."""
        end = time.monotonic() + WAIT_S
        while not what():
            if self.task.done():
                self.task.result()
            assert time.monotonic() < end, f"{why}; {self.said()}"
            await asyncio.to_thread(anvil.mine)
            await asyncio.sleep(0.1)

    # --- what its books say -----------------------------------------------------------------------

    def tell(self, *events: Event) -> None:
        for event in events:
            self.node.loop.deliver(event)

    @property
    def state(self) -> Any:
        return self.node.node.state

    def leg(self, name: str) -> Leg | None:
        transfer = self.state.settlement.transfers.get(name)
        if transfer is None or not transfer.legs:
            return None
        leg: Leg = self.state.settlement.legs[transfer.legs[0]]
        return leg

    def status(self, name: str) -> str:
        leg = self.leg(name)
        return leg.status if leg is not None else ""

    def has(self, name: str) -> int:
        """An account of the ledger."""
        amount: int = self.state.settlement.ledger.get(name, 0)
        return amount

    def kept(self) -> int:
        return self.has(nostro(ACCOUNT, "ETH"))

    def customer(self) -> int:
        return -self.has("customer/c1/ETH")

    def count(self, name: str) -> int:
        number: int = self.state.counts.get(f"{name}/{ACCOUNT}", 0)
        return number

    def causes(self) -> Sequence[str]:
        return [item.cause for item in self.state.settlement.items.values()]

    def said(self) -> object:
        legs = [
            (leg.payment_id, leg.status, leg.nonce, [each.tx_hash[:10] for each in leg.attempts])
            for leg in self.state.settlement.legs.values()
        ]
        return legs, self.kept(), self.causes(), dict(self.state.counts), self.state.breaks
