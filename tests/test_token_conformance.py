"""The same claims of two nodes (`nodes.py`) about a token: the simulated one, and anvil.

The committed bytecode stands on either; register, signers and holders ask and send the same bytes.
Wherever blocks are mined or give way, `TokenBooks` has compared the register with the contract.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.effects import Effect
from core.events import RequestFailed
from core.token_effects import AskPause, BumpEpoch, VoidAuthorization
from core.token_events import RevocationRequested, TokenBlockReported
from core.token_state import Authorization
from rails.jsonrpc import Failed
from tests import openings
from tests.chains import GWEI
from tests.issuing import ADMIN, ALICE, BOB, FIRST, KEYS, PAUSER, SECOND, STRANGER
from tests.nodes import DEVIATES, Anvil, Simulated, deviates, embedded
from tests.openings import NAME
from tests.token_books import Sent, TokenBooks
from tieout.tokens import messages
from tokens import calls

WINDOW_BLOCKS = 10  # of twelve seconds, in a window of two minutes
LOW, HIGH = 50 * GWEI, 2_000 * GWEI  # below what a surge asks, and above
PATIENCE_BLOCKS = 60


@pytest.fixture(params=["simulated", "anvil"])
def books(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TokenBooks]:
    """Alice holds a hundred, for good."""
    if request.param == "simulated":
        yield _opened(TokenBooks(Simulated(embedded()), tmp_path))
        return
    anvil = Anvil("--slots-in-an-epoch", "8")
    try:
        yield _opened(TokenBooks(anvil, tmp_path))
    finally:
        anvil.stop()


def _opened(books: TokenBooks) -> TokenBooks:
    books.issue(ALICE, 100)
    assert final(books) == {ALICE: 100}
    return books


def final(books: TokenBooks) -> dict[str, int]:
    """What everybody holds for good, and that nothing of it is in doubt."""
    assert books.breaks == []
    assert books.token.closed == ""
    return books.token.reserved.balances


# --- permitted, used, final -----------------------------------------------------------------------


@pytest.mark.parametrize("by", ["holder", "relayer"])
def test_a_transfer_becomes_final(books: TokenBooks, by: str) -> None:
    wanted = books.permit("transfer", ALICE, BOB, 30)
    assert sorted(wanted.signatures) == [FIRST, SECOND]
    sent = books.use(wanted, relayed=by == "relayer")
    books.until(lambda: wanted.status == "mined")
    assert (wanted.tx_hash, final(books)) == (sent.hash, {ALICE: 100})
    books.finalize()
    assert (wanted.status, final(books)) == ("final", {ALICE: 70, BOB: 30})
    assert books.token.reserved.open == {}


def test_value_is_destroyed_and_recovered(books: TokenBooks) -> None:
    """And what the old holder was permitted is void by the recovery."""
    assert books.succeeded(books.use(books.permit("burn", ALICE, "", 20)))
    books.finalize()
    void = books.permit("transfer", ALICE, BOB, 5)
    recovery = books.permit("recovery", ALICE, STRANGER, 80)
    assert books.succeeded(books.send(PAUSER, books.call_of(recovery)))
    assert not books.succeeded(books.use(void))
    books.finalize()
    assert (void.status, final(books)) == ("revoked", {STRANGER: 80})


def test_what_was_used_is_a_replay(books: TokenBooks) -> None:
    wanted = books.permit("transfer", ALICE, BOB, 30)
    assert books.succeeded(books.use(wanted))
    assert not books.succeeded(books.use(wanted))
    assert not books.succeeded(books.use(wanted, relayed=True))
    books.finalize()
    assert final(books) == {ALICE: 70, BOB: 30}


def test_what_is_final_is_proven_while_newer_blocks_move_more(books: TokenBooks) -> None:
    """The contract is asked of the final block, not of what it says by now."""
    counts = books.core.state.counts
    opening = counts[f"proven/{NAME}"]
    for units in range(1, 9):
        assert books.succeeded(books.use(books.permit("transfer", ALICE, BOB, units)))
        books.mine(12)
        assert final(books)[ALICE] >= 64
    assert counts[f"proven/{NAME}"] > opening
    assert counts.get(f"holdings_outdated/{NAME}", 0) == 0
    assert books.token.reserved.balances != books.held_at(books.token.blocks[-1].block_hash)


def test_an_answer_about_another_block_is_none(books: TokenBooks) -> None:
    """A node that answers with another block, or with this block and another's logs."""
    sent = books.use(books.permit("transfer", ALICE, BOB, 30))
    assert books.succeeded(sent)
    full, empty = str(books.receipt(sent)["blockHash"]), books.token.blocks[0].block_hash
    told = {each: books.told_of(each) for each in (full, empty)}
    assert isinstance(books.read_as(full, told[full]), TokenBlockReported)
    assert isinstance(books.read_as(empty, told[full]), RequestFailed)
    assert isinstance(books.read_as(full, told[empty]), RequestFailed)
    mixed = [told[empty][0], told[full][1]]
    assert isinstance(books.read_as(empty, mixed), RequestFailed)


# --- taken back -----------------------------------------------------------------------------------


def asked(books: TokenBooks, kind: type[Effect]) -> Effect:
    """What the issuer was asked last."""
    return [each for each in books.asked if isinstance(each, kind)][-1]


def test_a_revocation_is_told_at_finality(books: TokenBooks) -> None:
    wanted = books.permit("transfer", ALICE, BOB, 30)
    books.tell(
        RevocationRequested(
            received_at=books.now, token=NAME, authorization_id=wanted.name, person="ann"
        )
    )
    void = asked(books, VoidAuthorization)
    assert isinstance(void, VoidAuthorization)
    assert books.succeeded(books.send(ADMIN, calls.revoke(void.holder, void.nonce)))
    assert wanted.status == "signed"
    assert not books.succeeded(books.use(wanted))
    books.finalize()
    assert (wanted.status, final(books)) == ("revoked", {ALICE: 100})


def test_a_new_epoch_voids_what_is_outstanding(books: TokenBooks) -> None:
    """Signers see by the contract which epoch is in force: until it is, nobody signs for it."""
    wanted = books.permit("transfer", ALICE, BOB, 30)
    books.tell(openings.policy(books.now, 2, tightens=True))
    assert asked(books, BumpEpoch) == BumpEpoch(token=NAME, epoch=1)
    early = books.permit("transfer", ALICE, BOB, 5, is_signed=False)
    assert set(books.declined) == {"epoch 1, and 0 is in force"}
    assert books.succeeded(books.send(ADMIN, calls.raise_epoch()))
    later = books.permit("transfer", ALICE, BOB, 7)
    assert not books.succeeded(books.use(wanted))
    assert books.succeeded(books.use(later))
    books.finalize()
    assert (wanted.status, later.status) == ("revoked", "final")
    books.until(lambda: early.status == "expired", 110)
    assert final(books) == {ALICE: 93, BOB: 7}


@pytest.mark.parametrize("first", ["cancel", "transfer"])
def test_cancel_and_transfer_in_one_block_go_by_their_order(books: TokenBooks, first: str) -> None:
    wanted, sent = _in_one_block(books, first)
    second = "transfer" if first == "cancel" else "cancel"
    assert (books.succeeded(sent[first]), books.succeeded(sent[second])) == (True, False)
    books.finalize()
    assert wanted.status == ("revoked" if first == "cancel" else "final")
    told = books.token.authorizations.values()
    moved = [each.value for each in told if (each.kind, each.status) == ("transfer", "final")]
    assert final(books).get(BOB, 0) == sum(moved)


def _in_one_block(books: TokenBooks, first: str) -> tuple[Authorization, dict[str, Sent]]:
    """Handed in together until a block has both; who pays more, and came first, goes first."""
    for _ in range(9):
        wanted = books.permit("transfer", ALICE, BOB, 3)
        datas = {"cancel": calls.revoke(ALICE, wanted.nonce), "transfer": books.call_of(wanted)}
        by, tips = {"cancel": ADMIN, "transfer": ALICE}, {first: 30 * GWEI}
        sent = {
            what: books.send(by[what], datas[what], tip=tips.get(what, 3 * GWEI))
            for what in sorted(by, key=lambda what: what != first)
        }
        books.until(lambda sent=sent: all(map(books.receipt, sent.values())))
        places = {what: books.receipt(each) for what, each in sent.items()}
        if len({each["blockNumber"] for each in places.values()}) == 1:
            leads = min(places, key=lambda what: int(places[what]["transactionIndex"], 16))
            assert leads == first
            return wanted, sent
    raise AssertionError("no block had both")


# --- in the pool ----------------------------------------------------------------------------------


def test_stuck_past_its_window_it_never_moves(books: TokenBooks) -> None:
    """Expired is what a final block says, not what the clock says; mined later, it reverts."""
    books.chain.surge()
    wanted = books.permit("transfer", ALICE, BOB, 30)
    sent = books.use(wanted, cap=LOW)
    books.mine(WINDOW_BLOCKS + 1)
    assert (books.receipt(sent), wanted.status) == (None, "signed")
    assert books.token.reserved.outgoing == {ALICE: 30}
    books.until(lambda: wanted.status == "expired", 110)
    assert books.token.reserved.outgoing == {}
    forgets = "forgets what pays less than the base fee of a block that it made"
    assert books.is_known(sent) != deviates(books.chain, forgets)
    books.chain.calm()
    books.keep_known(sent)
    books.until(lambda: books.receipt(sent) is not None, PATIENCE_BLOCKS)
    assert not books.succeeded(sent)
    books.finalize()
    assert final(books) == {ALICE: 100}


def test_what_expires_in_the_pool_reverts_when_its_turn_comes(books: TokenBooks) -> None:
    """It waits behind a nonce that is missing; what fills the gap comes after the window."""
    wanted = books.permit("transfer", ALICE, BOB, 30)
    nonce = books.sent.get(ALICE, 0)
    sent = books.use(wanted, nonce=nonce + 1)
    books.mine(WINDOW_BLOCKS)
    assert books.receipt(sent) is None
    books.send(ALICE, calls.release([]), nonce=nonce)
    books.until(lambda: books.receipt(sent) is not None, PATIENCE_BLOCKS)
    assert not books.succeeded(sent)
    assert wanted.status == "signed"
    books.finalize()
    assert (wanted.status, final(books)) == ("expired", {ALICE: 100})


def test_what_is_replaced_moves_once(books: TokenBooks) -> None:
    books.chain.surge()
    wanted = books.permit("transfer", ALICE, BOB, 30)
    old = books.use(wanted, cap=LOW)
    new = books.use(wanted, nonce=old.nonce, cap=HIGH, tip=30 * GWEI)
    books.until(lambda: wanted.status == "mined")
    assert (wanted.tx_hash, books.receipt(old)) == (new.hash, None)
    books.chain.calm()
    books.finalize()
    assert (wanted.status, final(books)) == ("final", {ALICE: 70, BOB: 30})


def test_a_holder_replaces_a_transfer_by_its_revocation(books: TokenBooks) -> None:
    books.chain.surge()
    wanted = books.permit("transfer", ALICE, BOB, 30)
    old = books.use(wanted, cap=LOW)
    void = calls.revoke(ALICE, wanted.nonce)
    assert books.succeeded(books.send(ALICE, void, nonce=old.nonce, cap=HIGH, tip=30 * GWEI))
    books.chain.calm()
    books.finalize()
    assert not books.is_known(old)
    assert (wanted.status, final(books)) == ("revoked", {ALICE: 100})


def test_what_was_dropped_is_handed_in_again_and_moves_once(books: TokenBooks) -> None:
    books.chain.surge()
    wanted = books.permit("transfer", ALICE, BOB, 30)
    sent = books.use(wanted, cap=LOW)
    books.chain.drop(sent.hash)
    assert not books.is_known(sent)
    books.chain.calm()
    books.mine(2)
    assert (books.receipt(sent), wanted.status) == (None, "signed")
    assert books.hand_in(sent) == sent.hash
    assert books.succeeded(sent)
    told = books.hand_in(sent)
    assert isinstance(told, Failed), "the same bytes again"
    books.finalize()
    assert (wanted.status, final(books)) == ("final", {ALICE: 70, BOB: 30})


# --- blocks give way ------------------------------------------------------------------------------


def test_a_fork_after_a_transfer_takes_it_back_and_it_moves_once(books: TokenBooks) -> None:
    wanted = books.permit("transfer", ALICE, BOB, 30)
    sent = books.use(wanted)
    books.until(lambda: wanted.status == "mined")
    books.mine(1)
    gone = wanted.block_hash
    books.reorganise(books.token.blocks[-1].number - _number(books, gone) + 1)
    assert books.core.state.counts[f"blocks_undone/{NAME}"] >= 2
    assert (wanted.status, wanted.block_hash) != ("mined", gone)
    books.keep_known(sent)
    books.until(lambda: wanted.status == "mined")
    assert wanted.block_hash != gone
    books.finalize()
    assert (wanted.status, final(books)) == ("final", {ALICE: 70, BOB: 30})


def _number(books: TokenBooks, block_hash: str) -> int:
    return next(each.number for each in books.token.blocks if each.block_hash == block_hash)


def test_a_transfer_that_a_fork_took_back_may_expire(books: TokenBooks) -> None:
    """It was mined in its window, and what comes instead is not: nothing moved after all."""
    wanted = books.permit("transfer", ALICE, BOB, 30)
    sent = books.use(wanted)
    books.until(lambda: wanted.status == "mined")
    books.chain.surge()
    books.reorganise(books.token.blocks[-1].number - _number(books, wanted.block_hash) + 1)
    books.keep_known(sent)
    assert wanted.status == "signed"
    books.mine(WINDOW_BLOCKS + 1)
    books.chain.calm()
    books.keep_known(sent)
    books.until(lambda: books.receipt(sent) is not None, PATIENCE_BLOCKS)
    assert not books.succeeded(sent)
    books.finalize()
    assert (wanted.status, final(books)) == ("expired", {ALICE: 100})


def test_what_nobody_decided_closes_the_token_until_its_block_gives_way(books: TokenBooks) -> None:
    """Both authorizers' keys are stolen, and a holder acts with the thief."""
    stolen = replace(
        messages.message(books.permit("transfer", ALICE, BOB, 1)),
        value=40,
        policy_hash=b"\x66" * 32,
    )
    by = {who: messages.sign(books.domain, stolen, KEYS[who]) for who in (FIRST, SECOND)}
    theft = books.send(ALICE, messages.call(stolen, by))
    books.until(lambda: books.token.closed != "")
    (told,) = books.breaks
    assert told.startswith("orphan ")
    assert theft.hash in told
    assert isinstance(asked(books, AskPause), AskPause)
    block = int(books.receipt(theft)["blockNumber"], 16)
    books.reorganise(books.token.blocks[-1].number - block + 1)
    if books.receipt(theft) is None:
        assert final(books) == {ALICE: 100}
        books.keep_known(theft)
        books.until(lambda: books.token.closed != "")
    assert books.succeeded(books.send(PAUSER, calls.pause()))
    books.finalize()
    assert books.token.reserved.balances == {ALICE: 60, BOB: 40}
    assert (books.token.paused, len(books.breaks)) == (True, 1)


def test_a_block_that_gave_way_is_not_asked_for_to_undo_it(books: TokenBooks) -> None:
    """A node may have forgotten it: what it moved is known from when it stood."""
    books.mine(2)
    gone = books.token.blocks[-1].block_hash
    books.reorganise(1)
    told = books.rpc("eth_getBlockByHash", gone, False)
    assert (told is None) == deviates(books.chain, "forgets the blocks that gave way")
    assert all(each.block_hash != gone for each in books.token.blocks)


def test_nothing_below_a_final_block_is_undone_even_where_a_node_undoes_it(
    books: TokenBooks,
) -> None:
    """The register keeps what was final, and takes no head that does not stand on it."""
    assert books.succeeded(books.use(books.permit("transfer", ALICE, BOB, 30)))
    books.finalize()
    kept, balances = books.token.blocks[0], dict(final(books))
    books.chain.reorganise(books.token.blocks[-1].number - kept.number + 3)
    books.chain.mine(1)
    for _ in range(8):
        books.now += openings.SECOND * 4
        books.ring()
    told = books.rpc("eth_getBlockByNumber", hex(kept.number), False)
    gave_way = deviates(books.chain, "lets a final block give way")
    assert (told["hash"] != kept.block_hash) == gave_way
    assert (books.core.state.counts.get(f"heads_refused/{NAME}", 0) > 0) == gave_way
    assert books.token.blocks[0] == kept
    assert books.token.reserved.balances == balances


# --- another chain with the same past -------------------------------------------------------------


def test_nothing_is_replayed_on_a_fork_and_no_signer_signs_for_one(books: TokenBooks) -> None:
    """The last is signed for that chain, in the same window: only the domain was wrong before."""
    used = books.permit("transfer", ALICE, BOB, 30)
    assert books.succeeded(books.use(used))
    books.finalize()
    open_ = books.permit("transfer", ALICE, BOB, 5)
    books.chain.fork(1337)
    books.permit("transfer", ALICE, BOB, 5, is_signed=False)
    assert set(books.declined) == {"the node is of chain 1337, not 1"}
    void = [books.use(each, relayed=by) for each in (used, open_) for by in (False, True)]
    there = replace(books.domain, chain_id=1337)
    permit = messages.message(open_)
    by_both = {who: messages.sign(there, permit, KEYS[who]) for who in (FIRST, SECOND)}
    anew = messages.call(permit, by_both)
    void.append(books.send(BOB, anew))
    good = books.send(ALICE, anew)
    assert [books.succeeded(each) for each in (*void, good)] == [*[False] * 5, True]


def test_each_line_of_the_table_of_deviations_is_held_to_by_a_test() -> None:
    here = Path(__file__).parent
    texts = [(here / f"test_{what}_conformance.py").read_text() for what in ("token", "evm")]
    known = {how for told in DEVIATES.values() for how in told}
    assert [how for how in sorted(known) if not any(f'"{how}"' in text for text in texts)] == []
