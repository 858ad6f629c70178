"""A chain in a deployment's file: what its nodes can do is tried, and what is wrong is said."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

pytest.importorskip("rails.evm.live", reason="the extra `live` is not installed")

from core.rail_effects import FetchFinal
from rails import keystore
from rails.dialect import Request
from rails.evm import live as evm_live
from rails.evm.live import BadUrl, EvmNodes, checked
from rails.evm.read_only import READS
from rails.evm.wallet import RANGES
from tests.chains import DEPOSIT, OURS
from tests.live_chain import AT_FIRST, Bench, methods
from tieout.cli import main
from tieout.deployment.chain_ways import chain_ways, fit
from tieout.deployment.file import load
from tieout.deployment.rail_terms import Unfit
from tieout.deployment.secret_references import WOULD_DO
from tieout.exits import BAD_INPUT, FAILED
from tieout.journals.replay import replay
from tieout.journals.sqlite_store import SqliteStore


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.stop()


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, 170))


# --- what a node can do ---------------------------------------------------------------------------


async def is_probed(bench: Bench) -> None:
    session = evm_live.session(reads_only=True)
    nodes = EvmNodes(bench.urls, session)
    found = await fit(nodes, 1)
    can, head = found["a"], bench.anvil.number()
    assert "anvil" in can.client.lower()
    assert (can.chain_id, can.latest, can.finalized) == (1, head, head - 4)
    assert can.safe == head - 2
    assert can.final_state
    assert can.receipts
    assert can.batches
    assert can.pool
    assert (can.log_span, can.state_depth) == (4, 4)
    assert can.range_max() == RANGES[-1], "so short a chain shows no more"
    with pytest.raises(Unfit, match="node a: it is of chain 1; a node of chain 5 would do"):
        await fit(nodes, 5)
    bench.b.manner = lambda called: "gone" if "eth_getBlockReceipts" in called else ""
    with pytest.raises(Unfit) as told:
        await fit(nodes, 1)
    assert str(told.value) == ("node b: it has no eth_getBlockReceipts; one that has it would do")
    bench.b.manner = lambda called: "gone"
    with pytest.raises(Unfit, match="node b: it is of chain -1") as told:
        await fit(nodes, 1)
    assert "a-key-of-ours" not in str(told.value)
    await session.close()


def test_what_a_node_cannot_do_is_found_before_it_is_believed(bench: Bench) -> None:
    run(is_probed(bench))


def test_logs_are_asked_of_as_many_blocks_as_both_nodes_give(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A provider that gives logs of a few blocks only is found out, and read in more steps."""
    bench.anvil.call("anvil_mine", hex(300))
    bench.b.manner = lambda called: "gone" if called == ["eth_getLogs"] and wide() else ""
    told = load(written(tmp_path, bench, monkeypatch))

    def wide() -> bool:
        (asked,) = json.loads(bench.b.asked[-1])["params"]
        return int(asked["toBlock"], 16) - int(asked["fromBlock"], 16) >= 64

    async def story() -> Request:
        async with evm_live.session(reads_only=True) as session:
            can = await fit(EvmNodes(bench.urls, session), 1)
        assert {name: each.range_max() for name, each in can.items()} == {"a": RANGES[-1], "b": 64}
        assert can["a"].log_span == 256
        async with AsyncExitStack() as stack:
            (way,) = await chain_ways(told, tmp_path, stack, reads_only=True)
        effect = FetchFinal(account=way.account, source="a", after=10, through=300)
        return way.dialect.request(effect)

    asked = json.loads(asyncio.run(story()).body)
    spans = [each["params"][0] for each in asked if each["method"] == "eth_getLogs"]
    assert [(each["fromBlock"], each["toBlock"]) for each in spans] == [(hex(11), hex(74))] * 2


def test_of_a_node_that_leads_no_more_nothing_is_sent(bench: Bench) -> None:
    """Whatever it is: a chain cannot tell whose broadcast it is, and takes it."""
    sent = Request("POST", "/a", {}, {}, b'{"method":"eth_sendRawTransaction","params":["0x00"]}')
    leads = [False]

    async def story() -> list[tuple[int, bytes]]:
        heard: list[tuple[int, bytes]] = []
        async with evm_live.session(reads_only=False) as session:
            nodes = EvmNodes(bench.urls, session, leads=lambda: leads[0])
            for leads[0] in (False, True):
                nodes.send(sent, lambda status, body, headers=(): heard.append((status, body)))
                while len(heard) <= leads[0]:
                    await asyncio.sleep(0.01)
        return heard

    before = len(bench.a.asked)
    told = asyncio.run(asyncio.wait_for(story(), 60))
    assert told[0] == (0, b"not sent: another node leads")
    assert told[1][0] == 200
    assert [methods(each) for each in bench.a.asked[before:]] == [["eth_sendRawTransaction"]]


@pytest.mark.parametrize("url", ["", "ftp://x/", "ws://x/", "http://me:pass@x/", "http://x/a b"])
def test_an_address_that_is_none_is_said_at_once(url: str) -> None:
    with pytest.raises(BadUrl, match="address") as told:
        checked(url)
    assert "pass" not in str(told.value)


# --- a deployment ---------------------------------------------------------------------------------

DEPLOYMENT = """
name = "desk"
journal = "desk.db"
limits = "none"
alerts = "none"

[[chain]]
name = "eth"
chain_id = 1
nodes = ["env:NODE_A", "env:NODE_B"]
address = "{address}"
deposits = ["{deposit}"]
keystore = "hot.json"
password = "env:HOT"
poll_s = 1
"""


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """One chain for all who only look at it."""
    made = Bench(tmp_path_factory.mktemp("anvil"))
    yield made
    made.stop()


def written(folder: Path, bench: Bench, patch: pytest.MonkeyPatch) -> Path:
    """A deployment's file, its key, and where its nodes are."""
    path = folder / "desk.toml"
    path.write_text(DEPLOYMENT.format(address=OURS, deposit=DEPOSIT))
    keystore.create(folder / "hot.json", bytes(range(1, 33)), "pass word", cost=4096)
    patch.setenv("NODE_A", bench.a.url)
    patch.setenv("NODE_B", bench.b.url)
    patch.setenv("HOT", "pass word")
    return path


@pytest.fixture
def deployment(still: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return written(tmp_path, still, monkeypatch)


@pytest.mark.parametrize("mode", ["shadow", "live"])
def test_a_deployment_names_a_chain(
    still: Bench, deployment: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    """What stood there is in the books, whatever the mode; a shadow needs no key."""
    if mode == "shadow":
        monkeypatch.delenv("HOT")
    words = ["live", str(deployment), "--mode", mode, "--seconds", "3", "--json"]
    told = CliRunner().invoke(main, words)
    assert told.exit_code == 0, told.output
    ledger = replay(deployment.parent / "desk.db").state.settlement.ledger
    assert ledger["nostro/eth/hot/ETH"] == AT_FIRST
    for relay in (still.a, still.b):
        assert {each for body in relay.asked for each in methods(body)} <= READS


WRONG: list[tuple[str, str, str]] = [
    ("chain_id = 1", "chain_id = 5", "node a: it is of chain 1; a node of chain 5 would do"),
    ("env:NODE_B", "env:NODE_A", "both nodes are one; a second one would do"),
    (
        "env:NODE_B",
        "http://127.0.0.1/v3/a-key-of-ours",
        WOULD_DO,
    ),
    ("env:NODE_B", "env:NODE_C", "the environment has no such variable"),
    ("env:NODE_B", "env:HOT", "a node's address is http:// or https://"),
    ('"env:HOT"', '"pass word"', WOULD_DO),
    ("env:HOT", "env:NODE_A", "hot.json: the password does not open it"),
    ("hot.json", "desk.toml", "desk.toml: not a keystore"),
    (OURS, DEPOSIT, f"the key is not that of {DEPOSIT}"),
    ("poll_s", 'schemes = ["sepa_ct"]\npoll_s', "no scheme 'sepa_ct' of what it keeps"),
    ("poll_s", 'schemes = ["evm_usdc"]\npoll_s', "no scheme 'evm_usdc' of what it keeps"),
    ('name = "eth"', 'name = "coinbase"', "something else has that name"),
    ("[[chain]]", "[[chains]]", "unknown field chains"),
]


def begun(journal: Path) -> int:
    """How much books hold that may not have begun; the preflight opened their journal."""
    if not journal.exists():
        return 0
    store = SqliteStore(journal)
    last, _ = store.last()
    store.close()
    return last


@pytest.mark.parametrize(("old", "new", "said"), WRONG)
def test_what_is_wrong_of_a_chain_is_said_and_no_secret_is(
    deployment: Path, old: str, new: str, said: str
) -> None:
    text = deployment.read_text()
    assert old in text
    deployment.write_text(text.replace(old, new))
    told = CliRunner().invoke(main, ["live", str(deployment), "--mode", "live", "--seconds", "1"])
    assert told.exit_code in (BAD_INPUT, FAILED), "its file is none, or a check is red"
    assert said.rpartition("; ")[0] in told.output, told.output
    assert "Traceback" not in told.output
    assert "pass word" not in told.output
    assert "a-key-of-ours" not in told.output
    assert begun(deployment.parent / "desk.db") == 0
