"""The same claims of two nodes (`nodes.py`): the simulated one, and anvil, a real EVM node."""

from collections.abc import Iterator

import msgspec
import pytest

from core.effects import Effect, FetchStatement
from core.events import Event, PageReported, RequestFailed, StatementReported
from core.frames import Frame
from core.rail_effects import (
    BroadcastTransaction,
    FetchBlock,
    FetchFinal,
    FetchHead,
    FetchNonce,
    FetchTransaction,
)
from core.rail_events import (
    BlockReported,
    HeadReported,
    LineBooked,
    NonceReported,
    TransactionRejected,
    TransactionReported,
)
from rails.dialect import Request
from rails.evm.decoder import decode
from rails.evm.requests import request
from rails.evm.wallet import Wallet
from sim.typed import keccak256
from tests.chains import DEPOSIT, ETH, GWEI, OTHER, OURS, coin
from tests.nodes import Anvil, Node, Simulated, deviates

WALLETS = {"chain/hot": Wallet("chain/hot", OURS, 1, deposits=(DEPOSIT,))}


@pytest.fixture(params=["simulated", "anvil"])
def node(request: pytest.FixtureRequest) -> Iterator[Node]:
    """Either node, new."""
    if request.param == "simulated":
        yield Simulated()
        return
    anvil = Anvil()
    try:
        yield anvil
    finally:
        anvil.stop()


def ask(node: Node, effect: Effect) -> list[Event]:
    """What the effect makes us hear."""
    status, body = node.answer(request(effect, WALLETS))
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
    return decode(frame, WALLETS)


def send(node: Node, raw: bytes) -> Event:
    effect = BroadcastTransaction(
        account="chain/hot",
        payment_id="P1",
        tx_hash="0x" + keccak256(raw).hex(),
        raw="0x" + raw.hex(),
    )
    (told,) = ask(node, effect)
    return told


def status(node: Node, raw: bytes) -> TransactionReported:
    tx_hash = "0x" + keccak256(raw).hex()
    effect = FetchTransaction(account="chain/hot", source="a", payment_id="P1", tx_hash=tx_hash)
    (told,) = ask(node, effect)
    assert isinstance(told, TransactionReported), told
    return told


def head(node: Node) -> HeadReported:
    (told,) = ask(node, FetchHead(account="chain/hot", source="a"))
    assert isinstance(told, HeadReported), told
    return told


def nonces(node: Node) -> tuple[int, int]:
    (told,) = ask(node, FetchNonce(account="chain/hot", source="a"))
    assert isinstance(told, NonceReported), told
    return told.latest, told.finalized


def block_hash(node: Node, number: int) -> str:
    (told,) = ask(node, FetchBlock(account="chain/hot", source="a", number=number))
    assert isinstance(told, BlockReported), told
    return told.block_hash


def test_a_head_is_named_and_what_is_beyond_it_is_not(node: Node) -> None:
    node.mine(110)
    told = head(node)
    assert told.number == 110
    assert 0 < told.finalized <= 110 - 64
    assert block_hash(node, told.number) == told.block_hash
    assert block_hash(node, told.finalized) == told.finalized_hash
    assert block_hash(node, told.number + 1) == ""


def test_a_transaction_is_unknown_then_pending_then_mined(node: Node) -> None:
    node.mine(1)
    raw = coin(0)
    assert status(node, raw).status == "unknown"
    assert isinstance(send(node, raw), TransactionReported)
    assert status(node, raw).status == "pending"
    node.mine(12)
    told = status(node, raw)
    assert (told.status, told.succeeded) == ("mined", True)
    assert block_hash(node, told.block_number) == told.block_hash
    assert told.fee >= 21_000 * 3 * GWEI
    assert nonces(node) == (1, 0)
    node.mine(130)
    assert nonces(node) == (1, 1)


def test_a_gap_waits_and_is_filled(node: Node) -> None:
    node.mine(1)
    send(node, coin(1))
    node.mine(12)
    assert status(node, coin(1)).status == "pending"
    send(node, coin(0))
    node.mine(24)
    assert status(node, coin(1)).status == "mined"


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (coin(0, cap=300 * GWEI), "nonce_too_low"),
        (coin(1), "already_known"),
        (coin(1, cap=190 * GWEI), "underpriced"),
        (coin(2, 99 * ETH), "no_funds"),
        (coin(2, tip=300 * GWEI), "invalid"),
        (b"\2\xc0", "invalid"),
    ],
)
def test_a_refused_broadcast_has_its_code(node: Node, raw: bytes, code: str) -> None:
    node.mine(1)
    send(node, coin(0))
    node.mine(12)
    send(node, coin(1))
    told = send(node, raw)
    assert isinstance(told, TransactionRejected), told
    assert told.code == code


def test_a_replacement_takes_the_place_and_the_old_one_is_unknown(node: Node) -> None:
    node.mine(1)
    old, new = coin(0), coin(0, cap=220 * GWEI, tip=4 * GWEI)
    send(node, old)
    assert isinstance(send(node, new), TransactionReported)
    assert status(node, old).status == "unknown"
    assert status(node, new).status == "pending"


def test_a_replacement_of_less_than_a_tenth_more(node: Node) -> None:
    """geth refuses it; our own chasing must not rely on a node that takes it."""
    node.mine(1)
    send(node, coin(1, cap=100 * GWEI, tip=10 * GWEI))
    told = send(node, coin(1, cap=105 * GWEI, tip=11 * GWEI))
    cheap = deviates(node, "takes a replacement that pays less than a tenth more")
    assert isinstance(told, TransactionReported if cheap else TransactionRejected)


def test_what_pays_less_than_the_base_fee_waits(node: Node) -> None:
    """In geth; a node that does not keep it makes us hand the same bytes in again, or pay more."""
    node.mine(1)
    send(node, coin(0, cap=50 * GWEI))
    node.surge()
    node.mine(1)
    forgets = "forgets what pays less than the base fee of a block that it made"
    assert status(node, coin(0, cap=50 * GWEI)).status == (
        "unknown" if deviates(node, forgets) else "pending"
    )
    told = send(node, coin(1, cap=50 * GWEI))
    if deviates(node, "takes nothing that pays less than the base fee"):
        assert isinstance(told, TransactionRejected)
        assert told.code == "underpriced"
    else:
        assert isinstance(told, TransactionReported)


def test_a_fork_changes_hashes_and_takes_a_payment_back(node: Node) -> None:
    node.mine(100)
    send(node, coin(0))
    node.mine(12)
    before, mined = head(node), status(node, coin(0))
    assert mined.status == "mined"
    node.reorganise(before.number - mined.block_number + 1)
    after = head(node)
    assert (after.number, after.finalized_hash) == (before.number, before.finalized_hash)
    assert after.block_hash != before.block_hash
    assert block_hash(node, mined.block_number) != mined.block_hash
    told = status(node, coin(0))
    assert (told.status, told.block_hash) != ("mined", mined.block_hash)
    forgets = deviates(node, "forgets what was in blocks that gave way")
    assert (told.status == "unknown") == forgets
    if forgets:
        send(node, coin(0))  # the same bytes again change nothing but that
    node.mine(20)
    assert status(node, coin(0)).status == "mined"


def test_lines_of_final_blocks_add_up_to_the_balance(node: Node) -> None:
    """Payments here and there in 400 blocks, one to ourselves: every line, and each once."""
    node.mine(3)
    for nonce, wait in enumerate((1, 9, 40, 1, 2, 90)):
        send(node, coin(nonce, ETH // 10, to=DEPOSIT if nonce == 2 else OTHER))
        node.mine(wait + 12)
    node.mine(150)
    through, after, pages = head(node).finalized, 0, 0
    lines: list[LineBooked] = []
    while after < through:
        told = ask(node, FetchFinal(account="chain/hot", source="a", after=after, through=through))
        page = told[-1]
        assert isinstance(page, PageReported), told
        lines += [event for event in told if isinstance(event, LineBooked)]
        after, pages = int(page.through), pages + 1
    assert [line.kind for line in lines].count("fee") == 6
    assert sum(line.amount for line in lines if line.kind == "payment") == -5 * (ETH // 10)
    assert len({line.line_id for line in lines}) == 11
    assert pages < 60
    (statement,) = ask(node, FetchStatement(account="chain/hot", kind="balances"))
    assert isinstance(statement, StatementReported), statement
    assert statement.rows[0].amount == 10 * ETH + sum(line.amount for line in lines)
    assert statement.as_of >= max(line.booked_at for line in lines)


def test_what_is_not_final_is_not_read(node: Node) -> None:
    node.mine(100)
    beyond = head(node).finalized + 1
    effect = FetchFinal(account="chain/hot", source="a", after=0, through=beyond)
    (told,) = ask(node, effect)
    assert isinstance(told, RequestFailed)
    assert "is not final" in told.reason


def test_a_node_that_does_not_know_a_method_is_no_answer(node: Node) -> None:
    asked = request(FetchBlock(account="chain/hot", source="a", number=0), WALLETS)
    strange = asked.body.replace(b"eth_getBlockByNumber", b"eth_getBlockByNumbers")
    told = msgspec.json.decode(node.answer(Request("POST", "/a", body=strange))[1])
    assert told[0]["error"]["code"] == -32601
