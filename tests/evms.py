"""Two EVMs for the same claims about contracts: the embedded one, and anvil, a real node.

Time stands still between transactions; `later` moves it. A transaction is carried out at once, in a
block of its own, unless `together` puts several into one.
"""

import contextlib
import json
import os
import re
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest

from sim.execution import Ledger, Log, Outcome, Plain
from sim.forks import SECOND, Epochs, Slots, Timeline
from sim.machine import NOBODY, SPEC, Embedded, Reverted
from sim.typed import Transaction
from sim.versions import Versions

START = 2_000_000_000
GAS = 5_000_000
FREE = {"gasPrice": "0x0"}
DEPLOYER = "0x" + "d0" * 20
ANVIL = Path(__file__).parent / "servers/node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil"


@dataclass(slots=True, frozen=True)
class Sent:
    """A transaction that is to be carried out."""

    sender: str
    to: str
    data: bytes


class Evm(Protocol):
    """What both can do."""

    name: str
    chain_id: int

    def now(self) -> int:
        """The timestamp of the next block."""

    def later(self, seconds: int) -> None: ...
    def deploy(self, code: bytes) -> str: ...
    def together(self, sent: list[Sent]) -> list[Outcome]:
        """All in one block, in this order."""

    def call(self, to: str, data: bytes, sender: str = NOBODY) -> bytes:
        """The answer, or `Reverted`."""

    def storage(self, address: str, slot: int) -> int: ...
    def fork(self, chain_id: int) -> None:
        """From here on it is another chain, with the same past."""


def send(evm: Evm, sender: str, to: str, data: bytes) -> Outcome:
    """One transaction in a block of its own."""
    return evm.together([Sent(sender, to, data)])[0]


class EmbeddedEvm:
    """The simulated chain's machine, with blocks as the test wants them."""

    name = "embedded"

    def __init__(self, chain_id: int = 31337) -> None:
        self.chain_id = chain_id
        self._now, self.number = START, 0
        self._times = {0: START}
        slots = Slots(0)
        self.ledger = Ledger(Versions(Timeline("test", slots, Epochs(slots))))
        self.machine = Embedded(chain_id, lambda number: self._times[number], Plain(()))

    def now(self) -> int:
        return self._now

    def later(self, seconds: int) -> None:
        self._now += seconds

    def deploy(self, code: bytes) -> str:
        self.number += 1
        self._times[self.number] = self._now
        return self.machine.deploy(DEPLOYER, code, self.number)

    def together(self, sent: list[Sent]) -> list[Outcome]:
        self.number += 1
        self._times[self.number] = self._now
        return [self._execute(each) for each in sent]

    def _execute(self, sent: Sent) -> Outcome:
        transaction = Transaction(
            hash="",
            sender=sent.sender,
            nonce=0,
            to=sent.to,
            value=0,
            data=sent.data,
            gas=GAS,
            fee_max=0,
            tip_max=0,
            chain_id=self.chain_id,
        )
        now = self.number * 12 * SECOND
        return self.machine.execute(transaction, self.ledger, self.number, now, revert=False)

    def call(self, to: str, data: bytes, sender: str = NOBODY) -> bytes:
        self._times[self.number + 1] = self._now
        return self.machine.call(to, data, self.number + 1, sender)

    def storage(self, address: str, slot: int) -> int:
        return self.machine.storage(address, slot)

    def fork(self, chain_id: int) -> None:
        fork(self.machine, chain_id)
        self.chain_id = chain_id


def fork(machine: Embedded, chain_id: int) -> None:
    """Its contracts go on where they are, on a chain of another id; what was cannot be undone.

    An EVM of pyrevm keeps its chain's id for ever, so that another takes over code and storage.
    """
    old, revm = machine._evm, machine._revm
    new = revm.EVM(env=revm.Env(cfg=revm.CfgEnv(chain_id=chain_id)), spec_id=SPEC)
    for address in sorted(machine._contracts):
        info = revm.AccountInfo(nonce=1, code=bytes(old.get_code(address)))
        new.insert_account_info(address, info)
        for slot in _touched(old.journal_str, address):
            new.insert_account_storage(address, slot, old.storage(address, slot))
    machine._evm = new
    machine._executed.clear()


def _touched(journal: str, address: str) -> list[int]:
    """Every slot of an account that the EVM's journal names: no other one was ever written."""
    (account,) = re.findall(rf"{address}: Account \{{.*?storage: \{{(.*?)\}}, status", journal)
    return [int(slot, 0) for slot in re.findall(r"(\w+): StorageSlot", account)]


class AnvilEvm:
    """anvil on a free port of the loopback; any sender may send."""

    name = "anvil"

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self._url = f"http://127.0.0.1:{port}/"
        arguments = ["--host", "127.0.0.1", "--port", str(port), "--timestamp", str(START)]
        arguments += ["--no-mining", "--auto-impersonate", "--silent", "--gas-price", "0"]
        arguments += ["--block-base-fee-per-gas", "0", "--order", "fifo"]
        self.process = subprocess.Popen([program(), *arguments])
        for _ in range(600):
            try:
                self.chain_id = int(self.rpc("eth_chainId"), 16)
                break
            except OSError:
                time.sleep(0.05)
        self._now = START + 1

    def rpc(self, method: str, *params: object) -> Any:
        told = self._ask(method, *params)
        assert "error" not in told, told
        return told["result"]

    def _ask(self, method: str, *params: object) -> Any:
        body = json.dumps({"jsonrpc": "2.0", "id": 0, "method": method, "params": params})
        headers = {"content-type": "application/json"}
        asked = urllib.request.Request(self._url, body.encode(), headers)  # noqa: S310
        with urllib.request.urlopen(asked, timeout=20) as told:  # noqa: S310  # our own loopback
            return json.loads(told.read())

    @contextlib.contextmanager
    def undone(self) -> Iterator[None]:
        """Whatever happens within has not happened after."""
        mark, now, chain_id = self.rpc("evm_snapshot"), self._now, self.chain_id
        try:
            yield
        finally:
            self.rpc("evm_revert", mark)
            self._now = now
            self.fork(chain_id)

    def fork(self, chain_id: int) -> None:
        self.rpc("anvil_setChainId", chain_id)
        self.chain_id = chain_id

    def now(self) -> int:
        return self._now

    def later(self, seconds: int) -> None:
        self._now += seconds

    def deploy(self, code: bytes) -> str:
        sent = {"from": DEPLOYER, "data": "0x" + code.hex(), "gas": hex(30_000_000)}
        tx_hash = self.rpc("eth_sendTransaction", sent | FREE)
        self._mine()
        receipt = self.rpc("eth_getTransactionReceipt", tx_hash)
        if receipt["status"] != "0x1":
            raise Reverted(self._said(tx_hash))
        return str(receipt["contractAddress"]).lower()

    def together(self, sent: list[Sent]) -> list[Outcome]:
        hashes = [
            self.rpc(
                "eth_sendTransaction",
                {"from": x.sender, "to": x.to, "data": "0x" + x.data.hex(), "gas": hex(GAS)} | FREE,
            )
            for x in sent
        ]
        self._mine()
        return [self._outcome(tx_hash) for tx_hash in hashes]

    def _mine(self) -> None:
        self.rpc("evm_setNextBlockTimestamp", self._now)
        self.rpc("evm_mine")
        assert int(self.rpc("eth_getBlockByNumber", "latest", False)["timestamp"], 16) == self._now

    def _outcome(self, tx_hash: str) -> Outcome:
        receipt = self.rpc("eth_getTransactionReceipt", tx_hash)
        logs = tuple(
            Log(x["address"].lower(), tuple(x["topics"]), bytes.fromhex(x["data"][2:]))
            for x in receipt["logs"]
        )
        succeeded = receipt["status"] == "0x1"
        said = b"" if succeeded else self._said(tx_hash)
        return Outcome(int(receipt["gasUsed"], 16), succeeded, logs, said)

    def _said(self, tx_hash: str) -> bytes:
        trace = self.rpc("debug_traceTransaction", tx_hash, {"tracer": "callTracer"})
        return bytes.fromhex(trace.get("output", "0x")[2:])

    def call(self, to: str, data: bytes, sender: str = NOBODY) -> bytes:
        asked = {"from": sender, "to": to, "data": "0x" + data.hex()}
        told = self._ask("eth_call", asked, "latest", {}, {"time": hex(self._now)})
        if "error" in told:
            raise Reverted(bytes.fromhex(told["error"].get("data", "0x")[2:]))
        return bytes.fromhex(told["result"][2:])

    def storage(self, address: str, slot: int) -> int:
        return int(self.rpc("eth_getStorageAt", address, hex(slot), "latest"), 16)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()


def program() -> str:
    """Where anvil is: TIEOUT_ANVIL, or what npm brought; absent a skip, under CI a failure."""
    program = os.environ.get("TIEOUT_ANVIL", str(ANVIL))
    if not Path(program).exists():
        missing = f"no anvil at {program}: run npm ci --prefix tests/servers, or set TIEOUT_ANVIL"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)
    return program
