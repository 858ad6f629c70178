"""What the simulated nodes tell of a token, as our decoder reads it: the contract's own logs."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from core.effects import Effect
from core.events import Event, RequestFailed
from core.frames import Frame
from core.token_effects import FetchHoldings, FetchTokenBlock, FetchTokenHead
from core.token_events import HoldingsReported, TokenBlockReported, TokenHeadReported
from rails.dialect import Request
from rails.evm.simulated import SimulatedNodes
from scenarios.model import find
from sim import machine
from sim.faults import Fault
from sim.memory_store import MemoryStore
from sim.world import EPOCH_NS
from tieout.simulation import Simulation
from tokens.decoder import decode
from tokens.requests import request

pytestmark = pytest.mark.skipif(not machine.there(), reason="no embedded EVM for this Python")
SECOND = 1_000_000_000
NAME = "ESTATE"
NEVER = "0x" + "ab" * 32


@dataclass
class Place:
    """A token whose opening and two transfers are mined, and its chain's nodes."""

    simulation: Simulation
    nodes: SimulatedNodes
    contract: str
    alice: str
    bob: str

    def ask(self, effect: Effect) -> Event:
        contracts = {NAME: self.contract}
        asked = request(effect, contracts)
        assert asked is not None
        status, body, _ = self.nodes.handle(asked)
        frame = Frame(
            number=1,
            account="chain/hot",
            channel="rest",
            received_at=5,
            body=body,
            status=status,
            about=effect,
            asked_at=4,
        )
        told = decode(frame, contracts)
        assert told is not None
        (event,) = told
        return event

    def head(self, source: str = "a") -> TokenHeadReported:
        told = self.ask(FetchTokenHead(account="chain/hot", source=source, token=NAME))
        assert isinstance(told, TokenHeadReported)
        return told

    def fetch(self, block_hash: str, source: str = "a") -> Event:
        effect = FetchTokenBlock(
            account="chain/hot", source=source, token=NAME, block_hash=block_hash
        )
        return self.ask(effect)

    def block(self, block_hash: str, source: str = "a") -> TokenBlockReported:
        told = self.fetch(block_hash, source)
        assert isinstance(told, TokenBlockReported), told
        return told

    def down(self, block_hash: str, source: str = "a") -> list[TokenBlockReported]:
        """From a block down to block 0, the newest first."""
        way = [self.block(block_hash, source)]
        while way[-1].number:
            way.append(self.block(way[-1].parent_hash, source))
        return way

    def holdings(self, block_hash: str) -> Event:
        return self.ask(
            FetchHoldings(
                account="chain/hot",
                source="b",
                token=NAME,
                block_hash=block_hash,
                addresses=(self.alice, self.bob),
            )
        )

    def break_it(self, kind: str, strength: int = 0) -> None:
        self.simulation.faults.plan.append(Fault(kind, strength=strength))
        self.simulation.faults._by_site.clear()


@pytest.fixture
def place() -> Place:
    simulation = Simulation(find("issued_and_moved"), 0, MemoryStore())
    simulation.begin()
    simulation.world.run(EPOCH_NS + 1700 * SECOND)
    assert simulation.issuing is not None
    issue = simulation.issuing.issues[0]
    nodes = issue.site.keeper
    assert isinstance(nodes, SimulatedNodes)
    alice, bob = (issue.parties.wallets[name].address for name in ("alice", "bob"))
    return Place(simulation, nodes, issue.contract, alice, bob)


def test_every_movement_is_read_from_the_block_that_it_is_in(place: Place) -> None:
    way = place.down(place.head().block_hash)
    assert [block.number for block in way] == list(range(len(way) - 1, -1, -1))
    moved = [log for block in reversed(way) for log in block.logs if log.kind == "moved"]
    parties = [(log.sender, log.receiver, log.value) for log in moved]
    assert parties[0] == ("", place.alice, 1000)
    assert sorted(parties[1:]) == [(place.alice, place.bob, 300), (place.alice, place.bob, 400)]
    state = place.simulation.host.state
    assert state is not None
    token = state.tokens[NAME]
    for log in moved:
        wanted = token.authorizations[token.decisions[log.decision_hash]]
        assert (wanted.nonce, wanted.value) == (log.nonce, log.value)


def test_a_block_that_gave_way_is_told_by_its_hash_as_it_was(place: Place) -> None:
    before = place.down(place.head().block_hash)
    chain = place.nodes.chain
    first = next(block.number for block in reversed(before) if len(block.logs) and block.number > 9)
    assert chain.reorganise(chain.head(place.simulation.world.now) - first + 1) > 0
    assert place.down(before[0].block_hash) == before
    told = place.holdings(before[0].block_hash)
    assert isinstance(told, HoldingsReported)
    assert (told.supply, told.balances) == (1000, ((place.alice, 300), (place.bob, 700)))
    after = place.down(place.head().block_hash)
    assert after[0].block_hash != before[0].block_hash
    assert after[-first:] == before[-first:]


def test_holdings_are_of_the_block_that_was_asked_for(place: Place) -> None:
    way = place.down(place.head().block_hash)
    block = next(block for block in reversed(way) if block.logs)
    told = place.holdings(block.block_hash)
    assert isinstance(told, HoldingsReported)
    assert (told.supply, told.balances) == (1000, ((place.alice, 1000), (place.bob, 0)))
    assert isinstance(place.holdings(NEVER), RequestFailed)


def test_a_node_does_not_have_what_nobody_told_of(place: Place) -> None:
    assert isinstance(place.fetch(NEVER), RequestFailed)


def test_a_node_that_lags_does_not_have_the_newest(place: Place) -> None:
    newest = place.head().block_hash
    place.break_it("node_lags", strength=60_000)
    assert isinstance(place.fetch(newest), RequestFailed)
    older = place.head()
    assert older.block_hash != newest
    assert place.block(older.block_hash).number == older.number


def test_the_head_of_a_node_that_lies_is_nobodys(place: Place) -> None:
    place.break_it("node_lies")
    invented = place.head().block_hash
    assert isinstance(place.fetch(invented, "a"), RequestFailed)
    assert isinstance(place.fetch(invented, "b"), RequestFailed)


def test_a_node_that_parted_tells_of_blocks_that_the_other_does_not_have(place: Place) -> None:
    assert place.nodes._split_one(600_000)
    split = place.nodes._split
    assert split is not None
    other = "b" if split.source == "a" else "a"
    own, theirs = place.head(split.source), place.head(other)
    assert own.number == theirs.number
    assert own.block_hash != theirs.block_hash
    assert isinstance(place.fetch(own.block_hash, other), RequestFailed)
    assert isinstance(place.fetch(theirs.block_hash, split.source), RequestFailed)
    way = place.down(own.block_hash, split.source)
    moved = [block.number for block in way if block.logs]
    assert all(number <= split.after for number in moved)


def test_a_node_says_of_which_chain_it_is(place: Place) -> None:
    body = b'{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":[]}'
    _, told, _ = place.nodes.handle(Request("POST", "/a", body=body))
    assert b'"result":"0x1"' in told
