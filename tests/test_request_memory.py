"""Ids of requests that are over: they leave the state, and never permit a second thing."""

from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import authorizations, request_memory
from core.gate import BreakGate
from core.journal import Journal, decode_event
from core.node import Node, recover
from core.token_events import AuthorizationRequested
from core.token_state import Token
from sim.memory_store import MemoryStore
from tests.test_token_trace import ALICE, BOB, CAROL, NAME, Chain
from tieout.journals.sqlite_store import SqliteStore

KEPT = authorizations.OVER_KEPT


def ask(chain: Chain, request_id: str, value: int = 1, receiver: str = CAROL) -> str:
    """Of carol the vault always says no: it is over at once. How the books answer."""
    chain.tell(
        AuthorizationRequested(
            received_at=chain.now,
            token=NAME,
            caller="desk",
            request_id=request_id,
            kind="mint",
            sender="",
            receiver=receiver,
            value=value,
        )
    )
    name = chain.token.requests[f"desk {request_id}"]
    found = chain.token.authorizations.get(name)
    return found.status if found is not None else "over"


def many(chain: Chain, count: int, first: int = 0) -> None:
    for number in range(first, first + count):
        assert ask(chain, f"q{number}") == "refused"


def test_what_is_at_hand_is_bounded_however_many_were_asked() -> None:
    chain = Chain()
    many(chain, 5 * KEPT)
    assert len(chain.token.requests) == len(chain.token.authorizations) == KEPT
    assert chain.token.made == 5 * KEPT


@pytest.mark.parametrize("changed", [{}, {"value": 2}, {"receiver": ALICE}])
def test_an_old_id_permits_nothing_with_the_same_content_or_another(
    changed: dict[str, object],
) -> None:
    chain = Chain()
    assert ask(chain, "first") == "refused"
    many(chain, 2 * KEPT)
    made = chain.token.made
    assert "desk first" not in chain.token.requests
    assert ask(chain, "first", **changed) == "over"  # type: ignore[arg-type]
    assert chain.token.made == made
    assert chain.node.state.counts[f"requests_of_old/{NAME}"] == 1


def test_what_comes_back_is_bounded_too_and_found_again_and_again() -> None:
    chain = Chain()
    many(chain, 4 * KEPT)
    made = chain.token.made
    for _ in range(2):
        for number in range(3 * KEPT):
            assert ask(chain, f"q{number}") == "over"
    assert chain.token.made == made
    assert len(chain.token.requests) <= KEPT + request_memory.RECALLED_KEPT
    assert len(chain.token.recalled) == request_memory.RECALLED_KEPT


def test_ids_of_other_callers_and_tokens_are_other_ids() -> None:
    chain = Chain()
    many(chain, 2 * KEPT)
    chain.tell(
        AuthorizationRequested(
            received_at=chain.now,
            token=NAME,
            caller="other",
            request_id="q0",
            kind="mint",
            sender="",
            receiver=BOB,
            value=1,
        )
    )
    assert chain.token.authorizations[chain.token.requests["other q0"]].status == "signed"


@settings(max_examples=12)
@given(st.lists(st.tuples(st.integers(0, 3 * KEPT), st.integers(1, 3)), max_size=60))
def test_no_id_ever_names_two_authorizations(asked: list[tuple[int, int]]) -> None:
    """Against a plain dictionary that forgets nothing; a crash and a replay change nothing."""
    chain = Chain()
    many(chain, 2 * KEPT)
    known = {f"q{number}": number + 1 for number in range(2 * KEPT)}
    for number, value in asked:
        name = f"q{number}"
        ask(chain, name, value)
        known.setdefault(name, chain.token.made)
        assert chain.token.requests[f"desk {name}"] == f"{NAME}/{known[name]}"
    assert chain.token.made == len(known)
    again = recover(Journal(chain.store), BreakGate())
    assert again == chain.node.state


def test_after_a_restart_from_the_disk_they_are_known(tmp_path: Path) -> None:
    chain = Chain()
    many(chain, 2 * KEPT)
    told = [decode_event(body) for body in chain.store.events()]
    with closing(SqliteStore(tmp_path / "j.db")) as disk:
        node = Node(Journal(disk), {}, BreakGate())
        for event in told:
            node.deliver(event)
        node.commit()
    with closing(SqliteStore(tmp_path / "j.db", create="never")) as disk:
        journal = Journal(disk)
        node = Node(journal, {}, BreakGate(), recover(journal, BreakGate()))
        wish = next(each for each in told if isinstance(each, AuthorizationRequested))
        token: Token = node.state.tokens[NAME]
        assert f"desk {wish.request_id}" not in token.requests
        node.deliver(wish)
        assert token.made == 2 * KEPT


def test_a_group_that_was_lost_took_nothing_away() -> None:
    """Crashed before the commit of what put an id away: it stands where it stood."""
    store = MemoryStore()
    chain = Chain(store=store)
    many(chain, KEPT)
    before = dict(chain.token.requests)
    chain.node.deliver(
        AuthorizationRequested(
            received_at=chain.now,
            token=NAME,
            caller="desk",
            request_id="late",
            kind="mint",
            sender="",
            receiver=ALICE,
            value=0,
        )
    )
    assert "desk q0" not in chain.token.requests
    store.crash()
    assert recover(Journal(store), BreakGate()).tokens[NAME].requests == before
