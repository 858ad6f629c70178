"""A node of a chain on loopback, as JSON-RPC over HTTP: the real contract, blocks when told.

The newest block's state is the only one that it has. Time is the machine's own clock.
"""

import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from rails.keys import keccak256
from sim.execution import Outcome
from tests.evms import EmbeddedEvm, Sent
from tokens import calls
from tokens.calls import Parameters

FIRST_BLOCK = 100


def hashed(number: int, branch: str = "") -> str:
    return "0x" + keccak256(f"block {number}{branch}".encode()).hex()


@dataclass
class RpcNode:
    """`url` is where it answers; `final` is the place of the block that it calls final."""

    evm: EmbeddedEvm = field(default_factory=EmbeddedEvm)
    blocks: list[dict[str, Any]] = field(default_factory=list)
    logs: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    final: int = 0
    asked: list[str] = field(default_factory=list)
    hostile: bytes = b""
    _turn: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        self.evm.later(int(time.time()) - 30 - self.evm.now())
        self._append([])
        node = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                told = node.answer(self.rfile.read(int(self.headers["content-length"])))
                self.send_response(200)
                self.send_header("content-length", str(len(told)))
                self.end_headers()
                self.wfile.write(told)

            def log_message(self, *told: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    # --- the chain --------------------------------------------------------------------------------

    def deploy(self, parameters: Parameters) -> str:
        with self._turn:
            return self.evm.deploy(calls.deployment(parameters))

    def mine(self, *sent: Sent) -> list[Outcome]:
        """The next block, of now, with these in it."""
        with self._turn:
            self.evm.later(max(1, int(time.time()) - self.evm.now()))
            outcomes = self.evm.together(list(sent)) if sent else []
            self._append(outcomes)
            return outcomes

    def finalize(self) -> None:
        with self._turn:
            self.final = len(self.blocks) - 1

    def _append(self, outcomes: list[Outcome]) -> None:
        number = FIRST_BLOCK + len(self.blocks)
        parent = self.blocks[-1]["hash"] if self.blocks else "0x" + "00" * 32
        block = {
            "number": hex(number),
            "hash": hashed(number),
            "parentHash": parent,
            "timestamp": hex(self.evm.now()),
            "baseFeePerGas": "0x1",
            "transactions": [],
        }
        self.blocks.append(block)
        told = [(place, log) for place, each in enumerate(outcomes) for log in each.logs]
        self.logs[block["hash"]] = [
            {
                "address": log.address,
                "topics": list(log.topics),
                "data": "0x" + log.data.hex(),
                "blockHash": block["hash"],
                "blockNumber": block["number"],
                "logIndex": hex(index),
                "transactionHash": hashed(number, f" transaction {place}"),
                "removed": False,
            }
            for index, (place, log) in enumerate(told)
        ]

    # --- what it answers --------------------------------------------------------------------------

    def answer(self, body: bytes) -> bytes:
        with self._turn:
            if self.hostile:
                return self.hostile
            told = [self._one(each) for each in json.loads(body)]
        return json.dumps(told).encode()

    def _one(self, asked: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(asked["method"])
        result = self._result(asked["method"], asked["params"])
        return {"jsonrpc": "2.0", "id": asked["id"], "result": result}

    def _result(self, method: str, params: list[Any]) -> Any:
        match method:
            case "eth_chainId":
                return hex(self.evm.chain_id)
            case "eth_getBlockByNumber":
                return self._block(params[0])
            case "eth_getBlockByHash":
                return next((b for b in self.blocks if b["hash"] == params[0]), None)
            case "eth_getLogs":
                return self.logs.get(params[0].get("blockHash", ""), [])
            case "eth_call":
                data = bytes.fromhex(params[0]["data"][2:])
                return "0x" + self.evm.call(params[0]["to"], data).hex()
            case "eth_getBalance":
                return "0x0"
            case "eth_getTransactionCount":
                return "0x1"
            case "eth_getBlockReceipts":
                return []
        raise AssertionError(method)

    def _block(self, tag: str) -> dict[str, Any] | None:
        if tag in ("latest", "finalized"):
            return self.blocks[-1 if tag == "latest" else self.final]
        place = int(tag, 16) - FIRST_BLOCK
        return self.blocks[place] if 0 <= place < len(self.blocks) else None
