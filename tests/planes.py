"""A deployment of the control plane in a folder, and its process, for tests."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import yaml

from rails import keystore
from rails.evm.signing import address_of
from rails.keys import PrivateKey
from tests.issuers import KEYS as CALLER_KEYS
from tests.issuers import ROLES
from tests.issuing import ADMIN, ALICE, BOB, FIRST, PAUSER, SECOND
from tests.rpc_node import FIRST_BLOCK, RpcNode, hashed
from tokens.calls import Parameters
from tokens.http.callers import hash_of

ROOT = Path(__file__).parent.parent
TOKEN = "ESTATE"  # noqa: S105  # the asset's name
YEAR = 365 * 86_400
SECRETS = {address_of(PrivateKey(each)): each for each in (bytes([n]) * 32 for n in range(1, 25))}


@dataclass
class Plane:
    """The files, the journal, and the process while it runs. `said` is what it told people."""

    folder: Path
    node: RpcNode
    contract: str = ""
    process: subprocess.Popen[str] | None = None
    client: httpx.Client | None = None
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        parameters = Parameters(TOKEN, "EST", 0, ADMIN, PAUSER, (FIRST, SECOND), 2)
        self.contract = self.node.deploy(parameters)
        self.write()
        assert self.tieout("tokens", "init", str(self.deployment)).returncode == 0

    @property
    def deployment(self) -> Path:
        return self.folder / "plane.yaml"

    @property
    def journal(self) -> Path:
        return self.folder / "journal.db"

    # --- files ------------------------------------------------------------------------------------

    def write(self) -> None:
        folder = self.folder
        signers = [self._key(who) for who in (FIRST, SECOND)]
        callers = [
            {"name": name, "role": ROLES[name], "tokens": [TOKEN], "key_sha256": [hash_of(key)]}
            | {"per_minute": 6000, "burst": 100}
            for name, key in CALLER_KEYS.items()
        ]
        until = int(time.time()) + YEAR
        known = {"kyc": "approved", "kyc_until": until, "accredited_until": until}
        people = [
            {"person": "ann", "addresses": [ALICE], "jurisdiction": "US"} | known,
            {"person": "bea", "addresses": [BOB], "jurisdiction": "US"} | known,
        ]
        (folder / "callers.yaml").write_text(yaml.safe_dump({"callers": callers}))
        (folder / "people.yaml").write_text(yaml.safe_dump({"people": people}))
        policy = (ROOT / "tokens/policies/estate.yaml").read_text()
        (folder / "estate.yaml").write_text(policy)
        first = {"number": FIRST_BLOCK, "hash": hashed(FIRST_BLOCK)}
        self.change(
            node="plane-1",
            listen="127.0.0.1:0",
            callers="callers.yaml",
            people="people.yaml",
            vault="vault",
            chain={"chain_id": 31337, "nodes": [self.node.url, self.node.url], "poll_s": 1},
            tokens=[
                {
                    "token": TOKEN,
                    "contract": self.contract,
                    "policy": "estate.yaml",
                    "first_block": first | {"timestamp": int(self.node.blocks[0]["timestamp"], 16)},
                    "threshold": 2,
                    "signers": signers,
                    "admin": self._key(ADMIN),
                }
            ],
        )

    def change(self, **fields: Any) -> None:
        told = yaml.safe_load(self.deployment.read_text()) if self.deployment.exists() else {}
        self.deployment.write_text(yaml.safe_dump(told | fields))

    def _key(self, who: str) -> dict[str, str]:
        name = who[2:8]
        path = self.folder / f"{name}.json"
        if not path.exists():
            keystore.create(path, SECRETS[who], "pass word", who, cost=4096)
        (self.folder / f"{name}.txt").write_text("pass word\n")
        return {
            "address": who,
            "keystore": f"{name}.json",
            "password_file": f"{name}.txt",
            "memory": f"{name}.db",
            "node": self.node.url,
        }

    # --- the program ------------------------------------------------------------------------------

    def tieout(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "tieout", *words]
        return subprocess.run(command, capture_output=True, text=True, env=environment(), cwd=ROOT)

    def start(self) -> None:
        """Wait until it answers."""
        words = ["tokens", "serve", str(self.deployment), "--journal", str(self.journal)]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tieout", *words],
            stderr=subprocess.PIPE,
            text=True,
            env=environment(),
            cwd=ROOT,
        )
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.said.append(line)
            if " on http://" in line:
                self.client = httpx.Client(base_url=line.split(" on ")[1].strip(), timeout=20)
                return
        raise AssertionError("".join(self.said))

    def kill(self, how: int = signal.SIGKILL) -> int:
        """The end of the process; its status."""
        assert self.process is not None
        if self.client is not None:
            self.client.close()
        self.process.send_signal(how)
        _, told = self.process.communicate(timeout=20)
        self.said += told.splitlines(keepends=True)
        status, self.process = self.process.returncode, None
        return status

    # --- over HTTP --------------------------------------------------------------------------------

    def ask(
        self, method: str, path: str, who: str = "issuer", request_id: str = "", body: Any = None
    ) -> httpx.Response:
        assert self.client is not None
        headers = {"Authorization": f"Bearer {CALLER_KEYS.get(who, who)}"}
        headers |= {"Idempotency-Key": request_id} if request_id else {}
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"content": content} if method == "POST" else {}
        return self.client.request(method, path, headers=headers, **sent)

    def until(self, path: str, wanted: Sequence[str], field: str = "status") -> dict[str, Any]:
        """Read again and again until it is so."""
        for _ in range(150):
            told: dict[str, Any] = self.ask("GET", path).json()
            if told.get(field) in wanted:
                return told
            time.sleep(0.1)
        raise AssertionError(told)


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT)}
