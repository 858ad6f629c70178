"""A live node that issues a token on anvil and keeps an account there, in a process to be killed.

Its files are those of `tieout tokens serve`; what is asked of it goes over HTTP.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import httpx
import yaml

from rails.evm.live import EvmNodes, session
from rails.evm.signing import Item, signed
from tests.chains import GWEI
from tests.issuing import ADMIN, ALICE, FIRST, KEYS, PAUSER, SECOND
from tests.live_chain import WAIT_S, Bench, chain
from tests.planes import TOKEN, Plane
from tests.rail_child import LIVES, prepare
from tieout.deployment.chain_ways import chain_way
from tieout.journals.sqlite_store import SqliteStore
from tieout.live import LiveNode
from tieout.tokens.deployment import SOURCES, read_deployment
from tieout.tokens.live import tokens_beside
from tieout.tokens.serving import make_missing
from tokens import calls
from tokens.calls import Parameters

GAS = 1_000_000
DEPLOYER = "0x" + "d0" * 20


def live(line: Connection, deployment: str, journal: str) -> None:
    """One life: until it is killed."""
    asyncio.run(_live(line, Path(deployment), Path(journal)))


async def _live(line: Connection, path: Path, journal: Path) -> None:
    async with AsyncExitStack() as stack:
        tokens = await tokens_beside(path, stack, lambda said: None, reads_only=False)
        urls = dict(zip(SOURCES, read_deployment(path).told.chain.nodes, strict=True))
        client = await stack.enter_async_context(session(reads_only=False))
        ways = [chain_way(chain(), EvmNodes(urls, client))]
        store = SqliteStore(journal)
        stack.callback(store.close)
        node = LiveNode("tie", store, [], rails=ways, beside=[tokens], clock=time.time_ns)
        line.send(tokens.port)
        await node.run()


class AnvilNode:
    """What a plane's files say of the chain, of anvil."""

    def __init__(self, bench: Bench) -> None:
        self.bench, self.url = bench, bench.a.url
        first = bench.anvil.call("eth_getBlockByNumber", "latest", False)
        self.blocks = [first]

    def deploy(self, parameters: Parameters) -> str:
        anvil, code = self.bench.anvil, calls.deployment(parameters)
        anvil.call("anvil_setBalance", DEPLOYER, hex(10**21))
        anvil.call("anvil_impersonateAccount", DEPLOYER)
        sent = {"from": DEPLOYER, "data": "0x" + code.hex(), "gas": hex(10_000_000)}
        tx_hash = anvil.call("eth_sendTransaction", sent)
        anvil.mine()
        self.blocks = [anvil.call("eth_getBlockByNumber", "latest", False)]
        return str(anvil.call("eth_getTransactionReceipt", tx_hash)["contractAddress"]).lower()


@dataclass
class Issuer(Plane):
    """The files, and the process of the live node."""

    bench: Bench = field(kw_only=True)
    life: Any = None
    kills: int = 0

    def __post_init__(self) -> None:
        self.contract = self.node.deploy(Parameters(TOKEN, "EST", 0, ADMIN, PAUSER, _TWO, 2))
        self.write()
        first = self.node.blocks[0]
        told = yaml.safe_load(self.deployment.read_text())
        told["tokens"][0]["first_block"] = {
            "number": int(first["number"], 16),
            "hash": first["hash"],
            "timestamp": int(first["timestamp"], 16),
        }
        urls = [self.bench.a.url, self.bench.b.url]
        self.change(tokens=told["tokens"], chain={"chain_id": 1, "nodes": urls, "poll_s": 1})
        make_missing(read_deployment(self.deployment))
        for who in KEYS:
            self.bench.anvil.call("anvil_setBalance", who, hex(10**20))
        self.bench.anvil.finalize()
        prepare()

    def start(self) -> None:
        line, theirs = LIVES.Pipe()
        arguments = theirs, str(self.deployment), str(self.journal)
        self.life = LIVES.Process(target=live, args=arguments, daemon=True)
        self.life.start()
        theirs.close()
        assert line.poll(2 * WAIT_S), "the node says nothing"
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{line.recv()}", timeout=WAIT_S)
        line.close()
        self.freshen()

    def freshen(self) -> None:
        """A new block, which the node has seen: nothing is permitted on an old one."""
        self.bench.anvil.mine()
        number, end = self.bench.anvil.number(), time.monotonic() + WAIT_S
        while self.ask("GET", f"/tokens/{TOKEN}").json()["head"]["number"] < number:
            assert time.monotonic() < end, "the node does not see the newest block"
            time.sleep(0.1)

    def kill(self, how: int = signal.SIGKILL) -> int:
        assert self.client is not None
        self.client.close()
        os.kill(self.life.pid, how)
        self.life.join()
        self.kills += 1
        return int(self.life.exitcode)

    def until(self, path: str, wanted: Sequence[str], field: str = "status") -> dict[str, Any]:
        end = time.monotonic() + WAIT_S
        while True:
            told: dict[str, Any] = self.ask("GET", path).json()
            if told.get(field) in wanted:
                return told
            assert time.monotonic() < end, told
            time.sleep(0.1)

    def end(self) -> None:
        if self.life is not None and self.life.is_alive():
            self.kill()

    # --- holders, who send for themselves ---------------------------------------------------------

    def send(self, who: str, data: bytes) -> str:
        """A transaction of a holder's own, signed with his key."""
        nonce = self.bench.anvil.used(who, "pending")
        fees: list[Item] = [GWEI, 100 * GWEI]
        to = bytes.fromhex(self.contract[2:])
        fields: list[Item] = [1, nonce, *fees, GAS, to, 0, data, []]
        return self.bench.anvil.send(signed(fields, KEYS[who]))

    def succeeded(self, tx_hash: str) -> bool:
        self.bench.anvil.mine()
        told = self.bench.anvil.call("eth_getTransactionReceipt", tx_hash)
        return told["status"] == "0x1"

    def held(self, who: str) -> int:
        """What the contract says at finality."""
        return self._called("balanceOf(address)", bytes.fromhex(who[2:]).rjust(32, b"\0"))

    def supply(self) -> int:
        return self._called("totalSupply()", b"")

    def _called(self, function: str, words: bytes) -> int:
        data = "0x" + (calls.selector(function) + words).hex()
        asked = {"to": self.contract, "data": data}
        return int(self.bench.anvil.call("eth_call", asked, "finalized"), 16)


_TWO = (FIRST, SECOND)
__all__ = ["ALICE", "Issuer"]
