"""The two nodes that conformance is claimed of: the simulated one, and anvil, a real EVM node.

`make test` brings anvil from npm (tests/servers); TIEOUT_ANVIL names another. Absent it is a
counted skip, under CI a failure. Where it deviates from geth, which the simulation follows,
`DEVIATES` says so, and a test of its own holds it to that: a deviation that is gone is taken off
the list.
"""

import json
import socket
import subprocess
import time
from http.client import HTTPConnection
from typing import Any, Protocol

import pytest

from rails.dialect import Request
from sim.execution import Plain
from sim.forks import SECOND
from sim.machine import Embedded
from tests import evms
from tests.chains import ETH, GWEI, OURS, SLOT, START, TOKENS, site

DEPLOYER = "0x" + "d0" * 20
SURGE = 1_000 * GWEI
DEVIATES = {
    "anvil": {
        "takes a replacement that pays less than a tenth more",
        "forgets what was in blocks that gave way",
        "forgets the blocks that gave way",
        "lets a final block give way",
        "takes nothing that pays less than the base fee",
        "forgets what pays less than the base fee of a block that it made",
    },
    "simulated": set[str](),
}


class Node(Protocol):
    """A node whose blocks come when we say so, twelve seconds apart; our account has ten coins."""

    name: str

    def answer(self, asked: Request) -> tuple[int, bytes]: ...
    def mine(self, count: int) -> None: ...
    def reorganise(self, depth: int) -> None:
        """So many of the newest blocks give way to others, as far as the node lets them."""

    # What only tokens need.
    def fund(self, address: str) -> None:
        """A thousand coins."""

    def deploy(self, code: bytes) -> str: ...
    def drop(self, tx_hash: str) -> None:
        """The mempool forgets it."""

    def surge(self) -> None:
        """From the next block on nothing goes in that pays less than a thousand gwei."""

    def calm(self) -> None: ...
    def fork(self, chain_id: int) -> None:
        """From here on it is another chain, with the same past; for the end of a test."""


def deviates(node: Node, how: str) -> bool:
    """Whether this one is known to."""
    assert any(how in each for each in DEVIATES.values()), f"not in the table: {how}"
    return how in DEVIATES[node.name]


class Simulated:
    """The simulated nodes; by their path "a" or "b". With an EVM contracts are executed."""

    name = "simulated"

    def __init__(self, machine: Embedded | None = None) -> None:
        self.site = site(machine=machine)

    def answer(self, asked: Request) -> tuple[int, bytes]:
        status, body, _ = self.site.nodes.handle(asked)
        return status, body

    def mine(self, count: int) -> None:
        self.site.run_blocks(count)

    def reorganise(self, depth: int) -> None:
        assert self.site.chain.reorganise(depth) > 0

    def fund(self, address: str) -> None:
        self.site.chain.fund("", address, 1_000 * ETH)

    def deploy(self, code: bytes) -> str:
        return self._machine.deploy(DEPLOYER, code)

    @property
    def _machine(self) -> Embedded:
        machine = self.site.chain.machine
        assert isinstance(machine, Embedded), "contracts need an EVM"
        return machine

    def drop(self, tx_hash: str) -> None:
        assert self.site.chain.drop(tx_hash)

    def surge(self) -> None:
        # It climbs an eighth a block: it began long ago.
        head = self.site.chain.head(self.site.world.now)
        self.site.chain.fees.surge(head - 200, head + 10_000, SURGE)

    def calm(self) -> None:
        self.site.chain.fees.surges.clear()

    def fork(self, chain_id: int) -> None:
        evms.fork(self._machine, chain_id)
        self.site.chain.chain_id = chain_id


def embedded() -> Embedded:
    """The EVM of the simulated node; a skip where there is none for this Python."""
    pytest.importorskip("pyrevm", reason="no embedded EVM for this Python")
    return Embedded(1, lambda number: (START + number * SLOT) // SECOND, Plain(TOKENS))


class Anvil:
    """anvil on a free port of the loopback."""

    name = "anvil"

    def __init__(self, *arguments: str) -> None:
        program = evms.program()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/"
        given = ["--host", "127.0.0.1", "--port", str(port), "--chain-id", "1", "--silent"]
        given += ["--no-mining", "--timestamp", str(START // SECOND), *arguments]
        self.process = subprocess.Popen([program, *given])
        self._connection = HTTPConnection("127.0.0.1", port, timeout=20)
        for _ in range(600):
            try:
                self.call("eth_chainId")
                break
            except OSError:
                time.sleep(0.05)
        self.call("anvil_setBlockTimestampInterval", SLOT // SECOND)
        self.call("anvil_setBalance", OURS, hex(10 * ETH))
        self._surges = False

    def call(self, method: str, *params: object) -> Any:
        body = [{"jsonrpc": "2.0", "id": 0, "method": method, "params": params}]
        (told,) = json.loads(self._post(json.dumps(body).encode())[1])
        assert "error" not in told, told
        return told["result"]

    def _post(self, body: bytes) -> tuple[int, bytes]:
        try:
            self._connection.request("POST", "/", body, {"content-type": "application/json"})
            told = self._connection.getresponse()
            return told.status, told.read()
        except OSError:
            self._connection.close()  # the next request opens it anew
            raise

    def answer(self, asked: Request) -> tuple[int, bytes]:
        return self._post(asked.body)

    def mine(self, count: int) -> None:
        # The first alone: what waits goes into one block, whatever the fee of the next ones is.
        if self._surges:
            self.call("anvil_setNextBlockBaseFeePerGas", hex(SURGE))
        self.call("anvil_mine", hex(1))
        if count > 1:
            assert not self._surges, "a surge is of one block at a time"
            self.call("anvil_mine", hex(count - 1))

    def reorganise(self, depth: int) -> None:
        self.call("anvil_reorg", depth, [])

    def fund(self, address: str) -> None:
        self.call("anvil_setBalance", address, hex(1_000 * ETH))

    def deploy(self, code: bytes) -> str:
        self.fund(DEPLOYER)
        self.call("anvil_impersonateAccount", DEPLOYER)
        sent = {"from": DEPLOYER, "data": "0x" + code.hex(), "gas": hex(10_000_000)}
        tx_hash = self.call("eth_sendTransaction", sent)
        self.mine(1)
        return str(self.call("eth_getTransactionReceipt", tx_hash)["contractAddress"]).lower()

    def drop(self, tx_hash: str) -> None:
        assert self.call("anvil_dropTransaction", tx_hash) == tx_hash

    def surge(self) -> None:
        self._surges = True

    def calm(self) -> None:
        self._surges = False
        self.call("anvil_setNextBlockBaseFeePerGas", hex(GWEI))

    def fork(self, chain_id: int) -> None:
        self.call("anvil_setChainId", chain_id)

    def stop(self) -> None:
        self._connection.close()
        self.process.terminate()
        self.process.wait()
