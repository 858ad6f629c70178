"""A preflight of chains, keepers and gates: green over the real other ends, red for each wrong."""

from __future__ import annotations

import asyncio
import re
import shutil
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("rails.evm.live", reason="the extra `live` is not installed")
pytest.importorskip("fireblocks", reason="the extra `live` is not installed")

from core.state import State
from rails.evm.read_only import READS
from tests import gate_world
from tests.gate_world import NatsServer
from tests.live_chain import Bench, methods
from tests.test_chain_deployment import written
from tests.test_live_gates import DEPLOYMENT, GATES, LIMITED
from tests.test_rail_deployment import KEY, Keepers, grown
from tieout.deployment import chain_ways
from tieout.deployment.file import load
from tieout.deployment.ways import Mode
from tieout.gates import lease_stream
from tieout.preflight import rails
from tieout.preflight.checks import Check
from tieout.preflight.rails import of_rails
from tieout.preflight.whole import preflight


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, 120))


def told(checks: Sequence[Check]) -> dict[str, tuple[str, str]]:
    """What was found of each, without what would do."""
    return {each.name: (each.result, each.found) for each in checks}


async def checked(path: Path, mode: Mode = "live", state: State | None = None) -> list[Check]:
    return await of_rails(load(path), path.parent, mode, state)


def begun(*broken: str) -> State:
    """A journal whose books of an account have begun, with these breaks."""
    state = State()
    state.accounts["eth/hot"] = SimpleNamespace()  # type: ignore[assignment]  # that it is there
    state.breaks |= dict.fromkeys(broken, SimpleNamespace())  # type: ignore[arg-type]  # the same
    return state


# --- chains ---------------------------------------------------------------------------------------


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.stop()


def test_a_chain_is_looked_at(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path, bench, monkeypatch)

    async def looks() -> None:
        assert told(await checked(path, state=begun())) == {
            "nodes": ("green", "both are of chain 1, and can do what is asked of them"),
            "signing key": ("green", f"hot.json opens, and has the key of {_address(path)}"),
            "standing": ("green", "held: 10 ETH"),
            "open breaks": ("green", "none"),
        }
        async with AsyncExitStack() as stack:
            whole = await preflight(load(path), tmp_path, "live", stack)
        assert not whole.missing
        assert {"nodes", "signing key", "standing"} <= {each.name for each in whole.checks}
        assert told(await checked(path, "shadow"))["signing key"][0] == "not applicable"
        broken = told(await checked(path, state=begun("eth/hot/ETH/cash")))["open breaks"]
        assert broken == ("red", "eth/hot/ETH/cash")
        for relay in (bench.a, bench.b):
            assert {each for body in relay.asked for each in methods(body)} <= READS

    run(looks())


def _address(path: Path) -> str:
    return load(path).chain[0].address


def test_nodes_that_do_not_agree_are_red(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chain_ways, "READS_MAX", 2)
    bench.b.anvil = bench.another(began=bench.anvil.began + 60)
    path = written(tmp_path, bench, monkeypatch)

    async def looks() -> None:
        found = told(await checked(path))
        assert (found["nodes"][0], found["standing"][0]) == ("green", "red")
        assert "no block that both nodes call final" in found["standing"][1]

    run(looks())


# --- keepers --------------------------------------------------------------------------------------


def _no_done(keepers: Keepers, path: Path) -> None:
    (keepers.root / "done").rename(keepers.root / "gone")


def _no_folder(keepers: Keepers, path: Path) -> None:
    shutil.rmtree(keepers.root)


def _no_keys(keepers: Keepers, path: Path) -> None:
    path.write_text(path.read_text().replace("/.well-known/jwks.json", "/nowhere"))


def _administers(keepers: Keepers, path: Path) -> None:
    keepers.custody.keeper.administers = True  # type: ignore[attr-defined]  # a custodian's has it


def _half_a_minute_behind(keepers: Keepers, path: Path) -> None:
    keepers.gateway.clock = lambda: time.time() + 30  # which takes our tokens yet


def _no_vault(keepers: Keepers, path: Path) -> None:
    text = path.read_text()
    path.write_text(text.replace('assets = ["ETH"', 'vault = "77"\nassets = ["ETH"'))


def _a_day_to_come(keepers: Keepers, path: Path) -> None:
    as_of = re.compile("^as_of = .*$", re.MULTILINE)
    path.write_text(as_of.sub("as_of = 2999-01-01T00:00:00Z", path.read_text()))


def _another_key(keepers: Keepers, path: Path) -> None:
    path.write_text(path.read_text().replace("env:CUSTODY_KEY", "env:ANOTHER_KEY"))


WRONG: dict[str, tuple[Callable[[Keepers, Path], None], str, str]] = {
    "a folder that is missing": (_no_done, "files", "done cannot be read: "),
    "no place at all": (_no_folder, "files", "folder: files has no from_bank"),
    "no published keys": (_no_keys, "webhooks", "its list of keys"),
    "a key that they do not know": (_another_key, "key rights", "vault 0: status 401 -7 "),
    "a key of an administrator": (_administers, "key rights", "administers keys"),
    "no such vault": (_no_vault, "key rights", "vault 77: status 404 1004 "),
    "our clock is wrong": (_half_a_minute_behind, "clock", "the custodian's is +"),
    "a balance of a day to come": (_a_day_to_come, "balance", " EUR as of 2999-01-01"),
}


KEEPERS = ["key", "key rights", "clock", "webhooks", "standing", "open breaks"]
KEEPERS += ["files", "balance", "open breaks"]


def test_keepers_are_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUSTODY_KEY", KEY)
    monkeypatch.setenv("ANOTHER_KEY", "another")

    async def look() -> None:
        keepers = Keepers(tmp_path)
        await keepers.start()
        await grown(keepers)
        path = keepers.written(tmp_path, by="sftp")
        checks = await checked(path, state=State())
        assert [each.name for each in checks] == KEEPERS
        assert not [str(each) for each in checks if each.result == "red"]
        assert keepers.served.asked.keys() <= {"GET", "keys"}
        assert not keepers.sftp.did.keys() & {"rename", "remove", "open to write"}
        await keepers.stop()

    run(look())


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_of_a_keeper_is_red(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil, check, said = WRONG[name]
    monkeypatch.setenv("CUSTODY_KEY", KEY)
    monkeypatch.setenv("ANOTHER_KEY", "another")
    monkeypatch.setattr(rails, "STANDING_S_MAX", 8.0)
    monkeypatch.setattr("tieout.deployment.custodian_ways.READS_MAX", 2)

    async def look() -> None:
        keepers = Keepers(tmp_path)
        await keepers.start()
        path = keepers.written(tmp_path, by="folder")
        spoil(keepers, path)
        found = told(await checked(path, state=State()))[check]
        await keepers.stop()
        assert found[0] == "red"
        assert said in found[1]

    run(look())


# --- gates ----------------------------------------------------------------------------------------


@pytest.fixture
def server(tmp_path: Path) -> Iterator[NatsServer]:
    yield from gate_world.served(tmp_path / "nats")


def test_a_server_of_leases_is_asked_whether_it_has_a_stream(
    server: NatsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease_stream, "REACHED_S_MAX", 2.0)
    path = tmp_path / "desk.toml"
    text = DEPLOYMENT.format(port=1, limits="") + LIMITED + GATES.format(server.url, "[]")
    path.write_text(text)

    async def look() -> None:
        up, shadow = await checked(path), await checked(path, "shadow")
        server.kill()
        down = await checked(path)
        assert [each[0].result for each in (up, shadow, down)] == ["green", "not applicable", "red"]
        assert "no NATS server answers there" in down[0].found

    run(look())
