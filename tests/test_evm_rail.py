"""The EVM rail: what we ask, what nodes say, and that the books they make are the world's truth."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

import msgspec
import pytest

from core.effects import Effect, FetchFills, FetchStatement
from core.events import (
    Event,
    FrameDismissed,
    FrameQuarantined,
    PageReported,
    RequestFailed,
    StatementReported,
)
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
    DepositSeen,
    HeadReported,
    LineBooked,
    NonceReported,
    TransactionRejected,
    TransactionReported,
)
from rails.evm.decoder import REJECTIONS, decode, number
from rails.evm.dialect import dialect
from rails.evm.requests import request
from rails.evm.simulated import log_json
from rails.evm.wallet import RANGES
from sim.faults import KINDS, Fault
from sim.forks import SECOND
from sim.typed import keccak256
from tests.chains import (
    DAI,
    DEPOSIT,
    ETH,
    GWEI,
    OTHER,
    OURS,
    SPAM,
    USDC,
    WALLETS,
    Site,
    coin,
    site,
    token,
)

SCALE: Mapping[str, int] = {"ETH": 18, "USDC": 6, "DAI": 18}
NEVER = 2**31


def ask(place: Site, effect: Effect) -> list[Event]:
    """What the effect makes us hear."""
    return heard(place, effect)[0]


def heard(place: Site, effect: Effect) -> tuple[list[Event], bool]:
    """The same, and whether the node was honest."""
    status, body, honest = place.nodes.handle(request(effect, WALLETS))
    return decode(answer(body, effect, status), WALLETS), honest


def answer(body: bytes, effect: Effect, status: int = 200) -> Frame:
    return Frame(
        number=1,
        account="chain/hot",
        channel="rest",
        received_at=5,
        body=body,
        status=status,
        about=effect,
        asked_at=4,
    )


def send(place: Site, raw: bytes, payment: str = "P1") -> list[Event]:
    return ask(place, broadcast(raw, payment))


def broadcast(raw: bytes, payment: str = "P1") -> BroadcastTransaction:
    return BroadcastTransaction(
        account="chain/hot",
        payment_id=payment,
        tx_hash="0x" + keccak256(raw).hex(),
        raw="0x" + raw.hex(),
    )


def head(source: str = "a") -> FetchHead:
    return FetchHead(account="chain/hot", source=source)


def fetch(raw: bytes) -> FetchTransaction:
    tx_hash = "0x" + keccak256(raw).hex()
    return FetchTransaction(account="chain/hot", source="b", payment_id="P1", tx_hash=tx_hash)


def final(after: int, through: int) -> FetchFinal:
    return FetchFinal(account="chain/hot", source="a", after=after, through=through)


def read_all(place: Site, after: int = 0) -> tuple[list[LineBooked], int]:
    """Every line in final blocks, page by page, and how many pages that took."""
    through = place.chain.final(place.world.now)
    lines: list[LineBooked] = []
    pages, more = 0, after < through
    while more:
        told = ask(place, final(after, through))
        page = told[-1]
        assert isinstance(page, PageReported), told
        assert int(page.through) > after, "a page goes on"
        after, more, pages = int(page.through), page.more, pages + 1
        lines += [event for event in told if isinstance(event, LineBooked)]
    assert len({line.line_id for line in lines}) == len(lines)
    return lines, pages


def total(lines: list[LineBooked], asset: str) -> Decimal:
    return Decimal(sum(line.amount for line in lines if line.asset == asset)).scaleb(-SCALE[asset])


def total_units(lines: list[LineBooked]) -> int:
    return sum(line.amount for line in lines)


# --- what nodes tell -----------------------------------------------------------------------------


def test_a_head_names_the_newest_and_the_newest_final_block() -> None:
    place = site()
    place.run_blocks(100)
    (told,) = ask(place, head())
    now = place.world.now
    assert isinstance(told, HeadReported)
    assert (told.number, told.finalized, told.source) == (100, 32, "a")
    assert told.block_hash == "0x" + place.chain.timeline.hash(100, now)
    assert told.finalized_hash == "0x" + place.chain.timeline.hash(32, now)
    assert told.base_fee == place.chain.fees.base(100)


def test_a_block_that_is_not_there_has_no_hash() -> None:
    place = site()
    place.run_blocks(10)
    (there,) = ask(place, FetchBlock(account="chain/hot", source="b", number=9))
    (gone,) = ask(place, FetchBlock(account="chain/hot", source="b", number=11))
    assert isinstance(there, BlockReported)
    assert isinstance(gone, BlockReported)
    assert there.block_hash == "0x" + place.chain.timeline.hash(9, place.world.now)
    assert (gone.number, gone.block_hash) == (11, "")


def test_a_transaction_is_unknown_then_pending_then_mined() -> None:
    place = site()
    place.run_blocks(1)
    (told,) = ask(place, fetch(token(0, 5)))
    assert isinstance(told, TransactionReported)
    assert told.status == "unknown"
    (told,) = send(place, token(0, 5))
    assert isinstance(told, TransactionReported)
    assert told.status == "pending"
    (told,) = ask(place, fetch(token(0, 5)))
    assert isinstance(told, TransactionReported)
    assert told.status == "pending"
    place.run_blocks(10)
    (told,) = ask(place, fetch(token(0, 5)))
    assert isinstance(told, TransactionReported)
    mined = place.chain.place(place.chain.known[told.tx_hash], place.world.now)
    assert mined is not None
    assert (told.status, told.succeeded, told.fee) == ("mined", True, mined.fee)
    assert told.block_hash == "0x" + place.chain.timeline.hash(told.block_number, place.world.now)


def test_the_nonce_at_the_head_and_at_the_final_block() -> None:
    place = site()
    send(place, coin(0))
    place.run_blocks(20)
    (told,) = ask(place, FetchNonce(account="chain/hot", source="a"))
    assert isinstance(told, NonceReported)
    assert (told.latest, told.finalized) == (1, 0)
    place.run_blocks(100)
    (told,) = ask(place, FetchNonce(account="chain/hot", source="a"))
    assert isinstance(told, NonceReported)
    assert (told.latest, told.finalized, told.pending) == (1, 1, 1)


def test_the_next_nonce_counts_what_waits_in_its_order_and_what_was_used_before() -> None:
    place = site()
    place.nodes.use(7)
    for nonce in (7, 8, 10):  # the last waits behind a gap
        send(place, coin(nonce))
    (told,) = ask(place, FetchNonce(account="chain/hot", source="b"))
    assert isinstance(told, NonceReported)
    assert (told.latest, told.finalized, told.pending) == (7, 7, 9)


def test_bytes_that_no_node_takes_are_never_taken_and_a_payment_to_ourselves_is() -> None:
    place = site(plan=[Fault("tx_invalid", times_max=1)])
    place.run_blocks(20)
    assert [rejected(place, coin(0)) for _ in range(2)] == ["invalid", "invalid"]
    send(place, coin(0, 0, to=OURS))
    place.run_blocks(120)
    paid = place.payments.all["P1"]
    assert paid.failed_at > 0
    assert (paid.settled_at, paid.times_applied) == (-1, 0)


def rejected(place: Site, raw: bytes) -> str:
    (told,) = send(place, raw)
    assert isinstance(told, TransactionRejected)
    return told.code


def test_a_node_that_sees_no_funds_takes_nothing_until_it_does() -> None:
    place = site(plan=[Fault("tx_unfunded", strength=600_000, times_max=1)])
    place.run_blocks(20)
    assert rejected(place, coin(0)) == "no_funds"
    place.run_blocks(49)
    assert rejected(place, coin(0)) == "no_funds"
    place.run_blocks(2)
    send(place, coin(0))


REFUSALS = [
    (coin(0, cap=300 * GWEI), "nonce_too_low"),
    (coin(1), "already_known"),
    (coin(1, cap=210 * GWEI), "underpriced"),
    (coin(2, 99 * ETH), "no_funds"),
    (coin(2, tip=300 * GWEI), "invalid"),
    (b"\2\xc0", "invalid"),
]


@pytest.mark.parametrize(("raw", "code"), REFUSALS)
def test_a_refused_broadcast_has_its_code(raw: bytes, code: str) -> None:
    place = site()
    send(place, coin(0))
    place.run_blocks(10)
    send(place, coin(1))
    (told,) = send(place, raw)
    assert isinstance(told, TransactionRejected)
    assert told.code == code
    assert told.reason


def test_an_error_that_proves_nothing_leaves_the_outcome_unknown() -> None:
    for message in ("txpool is full", "internal error", "header not found", "already, not known"):
        body = msgspec.json.encode(
            [{"jsonrpc": "2.0", "id": "P1", "error": {"code": -32000, "message": message}}]
        )
        (told,) = decode(answer(body, broadcast(coin(0))), WALLETS)
        assert isinstance(told, RequestFailed)
        assert told.about == "BroadcastTransaction"
    assert len({text for text, _ in REJECTIONS}) == len(REJECTIONS)


# --- lines and balances --------------------------------------------------------------------------


def test_lines_are_the_truth_once_their_block_is_final() -> None:
    """Coin and token, out and in, fees of what reverted too: the sum is the statement's balance."""
    place = site()
    place.run_blocks(3)
    for nonce in range(6):
        send(place, (coin(nonce, ETH // 7), token(nonce, 5_000_001))[nonce % 2], f"P{nonce}")
        if nonce == 3:
            place.chain.reverts = lambda transaction: True
        place.run_blocks(7)
        place.chain.reverts = lambda transaction: False
    place.chain.deposit(USDC, DEPOSIT, 77)
    place.chain.deposit("", OURS, ETH)
    place.chain.deposit(SPAM, OURS, 5)
    assert read_all(place) == ([], 0)
    place.run_blocks(200)
    lines, _ = read_all(place)
    kinds = [line.kind for line in lines]
    assert kinds.count("fee") == 6
    assert kinds.count("payment") == 5 + 2
    for asset in ("ETH", "USDC"):
        opening = {"ETH": Decimal(10), "USDC": Decimal(1000)}[asset]
        assert opening + total(lines, asset) == place.held(asset)
    (statement,) = ask(place, FetchStatement(account="chain/hot", kind="balances"))
    assert isinstance(statement, StatementReported)
    told = {row.subject: Decimal(row.amount).scaleb(-SCALE[row.subject]) for row in statement.rows}
    assert told == {asset: place.held(asset) for asset in SCALE}
    settled = [name for name, payment in place.payments.all.items() if payment.settled_at > 0]
    assert sorted(settled) == ["P0", "P1", "P2", "P4", "P5"]
    assert place.payments.all["P3"].failed_at > 0


def test_a_line_names_its_transaction_its_address_and_the_time_of_its_block() -> None:
    place = site()
    tx = place.chain.deposit(USDC, DEPOSIT, 77)
    place.run_blocks(200)
    ((line,), _) = read_all(place)
    mined = place.chain.place(place.chain.known[tx.hash], place.world.now)
    assert mined is not None
    assert line.line_id == f"{tx.hash}:0"
    assert line.references == (tx.hash, DEPOSIT)
    assert (line.asset, line.amount, line.counterparty) == ("USDC", 77, tx.sender)
    assert line.booked_at == place.chain.timeline.schedule.time(mined.number) // SECOND * SECOND


def test_what_moves_between_our_own_addresses_is_only_a_fee() -> None:
    place = site()
    send(place, coin(0, ETH, to=DEPOSIT))
    send(place, token(1, 77, to=DEPOSIT), "P2")
    place.run_blocks(200)
    lines, _ = read_all(place)
    assert [line.kind for line in lines] == ["fee", "fee"]
    (statement,) = ask(place, FetchStatement(account="chain/hot", kind="balances"))
    assert isinstance(statement, StatementReported)
    assert statement.rows[0].amount == 10 * ETH + total_units(lines)
    assert statement.rows[1].amount == 1_000_000_000


def test_value_without_a_log_is_in_the_statement_and_in_no_line() -> None:
    """What no node can list is found by the balance: a break, never silence."""
    place = site()
    place.chain.deposit_internal(DEPOSIT, 3 * ETH)
    place.run_blocks(200)
    assert read_all(place)[0] == []
    (statement,) = ask(place, FetchStatement(account="chain/hot", kind="balances"))
    assert isinstance(statement, StatementReported)
    assert statement.rows[0].amount == 13 * ETH
    assert place.held("ETH") == 13


def test_a_transfer_of_a_stranger_token_is_told_and_not_booked() -> None:
    place = site()
    place.chain.deposit(SPAM, OURS, 5)
    place.run_blocks(200)
    through, after = place.chain.final(place.world.now), 0
    told: list[Event] = []
    while after < through:
        told += ask(place, final(after, through))
        assert isinstance(told[-1], PageReported)
        after = int(told[-1].through)
    assert [e.reason for e in told if isinstance(e, FrameDismissed)] == [
        f"a transfer of {SPAM}, which is no asset of ours"
    ]


def test_a_quiet_day_is_one_request_and_a_payment_in_it_a_few() -> None:
    place = site()
    place.run_blocks(7200)
    assert read_all(place) == ([], 1)
    send(place, coin(0))
    place.run_blocks(7200)
    lines, pages = read_all(place, after=7000)
    assert [line.kind for line in lines] == ["payment", "fee"]
    assert pages <= 8
    _, pages = read_all(place)
    assert pages <= 14


@pytest.mark.parametrize("range_max", RANGES)
def test_however_few_blocks_a_request_may_read_its_lines_are_the_same(range_max: int) -> None:
    """And its answer is read alike by whoever asks for more today, or for less."""
    place = site()
    place.run_blocks(9)
    send(place, coin(0))
    place.chain.deposit(USDC, DEPOSIT, 77)
    place.run_blocks(400)
    narrow = {name: replace(each, range_max=range_max) for name, each in WALLETS.items()}
    others = [{n: replace(e, range_max=r) for n, e in WALLETS.items()} for r in RANGES]
    through, after = place.chain.final(place.world.now), 0
    lines: list[LineBooked] = []
    while after < through:
        effect = final(after, through)
        asked = request(effect, narrow)
        spans = [
            int(call["params"][0]["toBlock"], 16) - after
            for call in msgspec.json.decode(asked.body)
            if call["method"] == "eth_getLogs"
        ]
        assert spans == [min(range_max, through - after)] * 2
        status, body, _ = place.nodes.handle(asked)
        frame = answer(body, effect, status)
        told = decode(frame, narrow)
        assert all(decode(frame, wallets) == told for wallets in others)
        page = told[-1]
        assert isinstance(page, PageReported), told
        lines += [event for event in told if isinstance(event, LineBooked)]
        after = int(page.through)
    assert [each.line_id for each in lines] == [each.line_id for each in read_all(place)[0]]
    assert len(lines) == 3


def test_a_node_that_forgot_old_states_is_read_block_by_block() -> None:
    """Not an archive: slower, and no line is missed."""
    place = site()
    place.run_blocks(9)
    send(place, coin(0))
    place.chain.deposit(USDC, DEPOSIT, 77)
    place.run_blocks(300)
    expected, after, lines = read_all(place)[0], 0, []
    through = place.chain.final(place.world.now)
    while after < through:
        effect = final(after, through)
        asked = msgspec.json.decode(request(effect, WALLETS).body)
        told = msgspec.json.decode(place.nodes.handle(request(effect, WALLETS))[1])
        for call, line in zip(asked, told, strict=True):
            if call["method"] == "eth_getBalance" and int(call["params"][1], 16) < 250:
                line.pop("result")
                line["error"] = {"code": -32000, "message": "missing trie node 1234 (path )"}
        heard_now = decode(answer(msgspec.json.encode(told), effect), WALLETS)
        page = heard_now[-1]
        assert isinstance(page, PageReported), page
        assert after < int(page.through) <= after + 4 or after >= 246
        after = int(page.through)
        lines += [event for event in heard_now if isinstance(event, LineBooked)]
    assert lines == expected
    assert len(lines) == 3


def test_a_statement_says_as_of_which_block() -> None:
    place = site()
    place.run_blocks(150)
    (told,) = ask(place, FetchStatement(account="chain/hot", kind="balances"))
    assert isinstance(told, StatementReported)
    number = place.chain.final(place.world.now)
    assert told.as_of == place.chain.timeline.schedule.time(number)
    assert told.complete


def test_a_statement_read_while_the_final_block_moved_is_none() -> None:
    place = site()
    place.run_blocks(150)
    effect = FetchStatement(account="chain/hot", kind="balances")
    told = msgspec.json.decode(place.nodes.handle(request(effect, WALLETS))[1])
    told[-1]["result"]["hash"] = "0x" + "ab" * 32
    (failed,) = decode(answer(msgspec.json.encode(told), effect), WALLETS)
    assert isinstance(failed, RequestFailed)
    assert failed.about == "balances"
    assert "moved" in failed.reason


# --- forks, lags and lies ------------------------------------------------------------------------


def test_a_reader_of_final_blocks_never_has_to_take_anything_back() -> None:
    """Over many schedules of forks: lines read as they become final are the truth at the end."""
    for seed in range(12):
        plan = [Fault("tx_reverted", one_in=5), Fault("tx_dropped", one_in=6)]
        place = site(seed, plan)
        place.run_blocks(80)
        lines: list[LineBooked] = []
        after = 0
        for turn in range(25):
            nonce = place.chain.nonce(OURS)
            send(place, (coin, token)[turn % 2](nonce, 10 + turn), f"P{turn}")
            strike(place, "deposit", 1000 + turn)
            if turn % 3 == 0:
                strike(place, "reorg", 1 + 7 * turn % 60)
            if turn % 5 == 0:
                strike(place, "deposit_vanishes", 50)
            if turn % 8 == 0:
                strike(place, "finality_lost", 3_600_000)
            place.run_blocks(11)
            lines += read_all(place, after)[0]
            after = place.chain.final(place.world.now)
        place.run_blocks(400)
        lines += read_all(place, after)[0]
        assert len({line.line_id for line in lines}) == len(lines)
        opening = {"ETH": Decimal(10), "USDC": Decimal(1000), "DAI": Decimal(0)}
        for asset, amount in opening.items():
            assert amount + total(lines, asset) == place.held(asset), (seed, asset)


def strike(place: Site, kind: str, strength: int) -> None:
    place.nodes.strike(Fault(kind, strength=strength))


def test_a_node_that_lags_tells_an_older_truth_and_no_half_of_it() -> None:
    plan = [Fault("node_lags", strength=1_200_000, times_max=NEVER)]  # 100 blocks
    place = site(plan=plan)
    place.run_blocks(200)
    send(place, coin(0))
    place.run_blocks(150)
    (told,), honest = heard(place, head())
    assert isinstance(told, HeadReported)
    assert (told.number, honest) == (250, False)
    (failed,) = ask(place, final(0, 200))
    assert isinstance(failed, RequestFailed)
    assert "not final at this node" in failed.reason


def test_lines_of_a_node_behind_a_fork_are_not_booked() -> None:
    """It still shows a block that gave way; the number is final by now, its block is not."""
    plan = [Fault("node_lags", start_ns=2_000 * SECOND, strength=1_100_000, times_max=NEVER)]
    place = site(3, plan)
    place.run_blocks(100)
    tx = place.chain.deposit(USDC, OURS, 9)
    place.run_blocks(3)
    place.chain.reorganise(10, vanish=tx.hash)
    place.run_blocks(90)
    through = place.chain.final(place.world.now)
    assert through >= 104 - 10
    told = ask(place, final(0, through))
    assert not [event for event in told if isinstance(event, LineBooked)]


def test_two_nodes_never_tell_the_same_lie() -> None:
    """What both call final is final, whatever either says."""
    for seed in range(30):
        place = site(seed, [Fault("node_lies", one_in=2, times_max=NEVER)])
        place.run_blocks(150)
        lies = 0
        for _ in range(20):
            place.run_blocks(2)
            (one,), honest = heard(place, head("a"))
            (two,) = ask(place, head("b"))
            assert isinstance(one, HeadReported)
            assert isinstance(two, HeadReported)
            lies += not honest
            if (one.finalized, one.finalized_hash) == (two.finalized, two.finalized_hash):
                assert one.finalized == place.chain.final(place.world.now)
                expected = "0x" + place.chain.timeline.hash(one.finalized, place.world.now)
                assert one.finalized_hash == expected
        assert lies
        assert place.faults.counts["node_lies"] >= lies


def test_a_deposit_is_hinted_and_taken_back() -> None:
    place = site()
    place.run_blocks(100)
    place.chain.deposit(DAI, DEPOSIT, 12)
    place.run_blocks(4)
    (mined,) = [m for n in place.chain.filled(0, 200) for m in place.chain.block(n, 2**62)]
    result = log_json_of(place, mined)
    for removed in (False, True):
        params = {"subscription": "0x1", "result": result | {"removed": removed}}
        body = {"jsonrpc": "2.0", "method": "eth_subscription", "params": params}
        (told,) = decode(pushed(msgspec.json.encode(body)), WALLETS)
        assert isinstance(told, DepositSeen)
        assert (told.asset, told.amount, told.address) == ("DAI", 12, DEPOSIT)
        assert told.removed is removed


def log_json_of(place: Site, mined: object) -> dict[str, object]:
    from rails.evm.simulated import View
    from sim.chain import Mined

    assert isinstance(mined, Mined)
    return log_json(View(place.chain, place.world.now), mined, 0, mined.outcome.logs[0])


def pushed(body: bytes) -> Frame:
    return Frame(number=1, account="chain/hot", channel="stream", received_at=5, body=body)


def test_the_truth_waits_for_finality_however_long_that_takes() -> None:
    place = site()
    place.run_blocks(20)
    place.chain.deposit(USDC, DEPOSIT, 1_000_000)
    place.run_blocks(3)
    strike(place, "finality_lost", 12_000 * 400)  # 400 blocks
    for _ in range(40):
        place.run_blocks(10)
        is_final = place.chain.final(place.world.now) > 23
        assert (place.held("USDC") == 1001) == is_final
        assert not is_final
    place.run_blocks(100)
    assert place.held("USDC") == 1001


@pytest.mark.parametrize("kind", [kind for kind, told in KINDS.items() if told[0] == "chain"])
def test_every_fault_of_a_chain_strikes_here_and_is_counted(kind: str) -> None:
    asked = ("tx_reverted", "tx_unfunded", "tx_invalid", "nonce_taken", "node_lags", "node_lies")
    by_itself = kind not in (*asked, "answer_outlived", "tx_reorged_out")
    plan = [] if by_itself else [Fault(kind, strength=60_000, times_max=1)]
    place = site(plan=plan)
    place.run_blocks(100)
    send(place, coin(0, cap=40 * GWEI))
    if by_itself:
        strike(place, kind, 500)
    ask(place, head())
    if kind == "answer_outlived":
        on_the_eve(place, coin(0, cap=40 * GWEI))
    place.run_blocks(60)
    assert place.faults.counts == {kind: 1}


def on_the_eve(place: Site, raw: bytes) -> TransactionReported:
    """What a node tells of a transaction seconds before its block would be final."""
    place.run_blocks(4)
    mined = place.chain.place(place.chain.known["0x" + keccak256(raw).hex()], place.world.now)
    assert mined is not None
    final_at = place.chain.finality.time_final(mined.number, place.world.now)
    place.world.run(final_at - 3 * SECOND)
    (told,) = ask(place, fetch(raw))
    assert isinstance(told, TransactionReported)
    return told


def test_an_answer_is_outlived_by_the_block_that_it_tells_of() -> None:
    """It is held on its way until the block would have been final, which is none any more."""
    held: list[int] = []

    class Slow:
        def push(self, body: bytes, facts: tuple[object, ...] = ()) -> None: ...

        def hold(self, for_ns: int) -> None:
            held.append(for_ns)

    place = site(plan=[Fault("answer_outlived", strength=5000, times_max=1)])
    place.nodes.wire = Slow()  # type: ignore[assignment]  # all that is asked of a wire here
    place.run_blocks(100)
    send(place, coin(0, cap=400 * GWEI))
    told = on_the_eve(place, coin(0, cap=400 * GWEI))
    assert (told.status, held) == ("mined", [8 * SECOND])
    place.world.run(place.world.now + 3 * SECOND)
    assert place.chain.final(place.world.now) >= told.block_number
    there = "0x" + place.chain.timeline.hash(told.block_number, place.world.now)
    assert there != told.block_hash


def test_a_node_that_was_split_off_has_other_blocks_and_nothing_in_them() -> None:
    """Both name the same final height by two hashes; what was final before is the same for both."""
    place = site()
    place.run_blocks(100)
    before = place.chain.final(place.world.now)
    strike(place, "nodes_split", 12_000 * 200)
    place.chain.deposit(USDC, DEPOSIT, 7)
    place.run_blocks(150)
    heads = [ask(place, head(source))[0] for source in ("a", "b")]
    assert all(isinstance(each, HeadReported) for each in heads)
    one, other = heads
    assert (one.finalized, one.finalized > before) == (other.finalized, True)
    assert one.finalized_hash != other.finalized_hash
    assert blocks(place, before)[0] == blocks(place, before)[1] != ""
    assert sorted(there(place, source) for source in ("a", "b")) == [0, 7]
    place.run_blocks(60)  # it is back
    assert blocks(place, one.finalized)[0] == blocks(place, one.finalized)[1]
    assert [there(place, source) for source in ("a", "b")] == [7, 7]


def blocks(place: Site, number: int) -> list[str]:
    """The hash that each node has at a height."""
    asked = [FetchBlock(account="chain/hot", source=s, number=number) for s in ("a", "b")]
    return [each.block_hash for a in asked for each in ask(place, a)]


def there(place: Site, source: str) -> int:
    """The units of the lines that this node's final blocks have."""
    through = place.chain.final(place.world.now)
    told = []
    for after in range(0, through, 4):
        asked = FetchFinal(account="chain/hot", source=source, after=after, through=through)
        told += [event for event in ask(place, asked) if isinstance(event, LineBooked)]
    return sum({line.line_id: line.amount for line in told}.values())


def test_a_raise_that_is_too_small_is_rejected_and_noted() -> None:
    """What pays less than what waits is rejected by the same words, and is no raise."""
    place = site()
    place.run_blocks(1)
    send(place, coin(0, cap=20 * GWEI))
    (told,) = send(place, coin(0, cap=21 * GWEI), "P1")
    assert isinstance(told, TransactionRejected)
    assert (told.code, place.nodes.payments.raised_too_little) == ("underpriced", ["P1"])
    (told,) = send(place, coin(0, cap=19 * GWEI))
    assert isinstance(told, TransactionRejected)
    assert place.nodes.payments.raised_too_little == ["P1"]


def test_a_thief_who_outbids_us_does_not_make_a_raise_of_ours_too_small() -> None:
    """Nobody tells us what a thief pays: a raise is held against ours, and there it must do."""
    place = site()
    place.run_blocks(1)
    send(place, paying(20))
    place.chain.submit(paying(30))
    assert isinstance(send(place, paying(22))[0], TransactionRejected)
    assert place.nodes.payments.raised_too_little == []
    assert isinstance(send(place, paying(21), "P2")[0], TransactionRejected)
    assert place.nodes.payments.raised_too_little == ["P2"]
    send(place, paying(33))
    assert [each.fee_max for each in place.chain.waiting(OURS)] == [33 * GWEI]


def paying(gwei: int) -> bytes:
    """Nonce 0, at so much, a tenth of it as the tip."""
    return coin(0, cap=gwei * GWEI, tip=gwei * GWEI // 10)


def test_a_surge_holds_back_what_is_sent_and_a_drop_forgets_it() -> None:
    place = site(plan=[Fault("tx_underpriced", strength=3_600_000, times_max=1)])
    place.run_blocks(100)
    send(place, coin(0))
    place.run_blocks(120)
    assert place.chain.nonce(OURS) in (0, 1)
    assert place.chain.fees.base(180) > 200 * GWEI
    dropped = site(plan=[Fault("tx_dropped", times_max=1)])
    dropped.run_blocks(1)
    send(dropped, coin(0))
    dropped.run_blocks(20)
    (told,) = ask(dropped, fetch(coin(0)))
    assert isinstance(told, TransactionReported)
    assert told.status == "unknown"


def test_a_payment_that_is_reorged_out_is_unknown_until_it_is_handed_in_again() -> None:
    place = site(plan=[Fault("tx_reorged_out", strength=5, times_max=1)])
    place.run_blocks(100)
    raw = coin(0, cap=400 * GWEI)
    send(place, raw)
    place.run_blocks(5)
    assert status_of(place, raw) == "mined"
    place.run_blocks(20)
    assert (status_of(place, raw), place.chain.nonce(OURS)) == ("unknown", 0)
    send(place, raw)
    place.run_blocks(20)
    assert (status_of(place, raw), place.chain.nonce(OURS)) == ("mined", 1)


def status_of(place: Site, raw: bytes) -> str:
    (told,) = ask(place, fetch(raw))
    assert isinstance(told, TransactionReported)
    return told.status


def test_subscribers_hear_of_a_deposit_and_of_its_end() -> None:
    """What the nodes push on the wire, read by the decoder: seen, and taken back."""
    place, told = site(), []
    place.run_blocks(100)

    class Ear:
        def push(self, body: bytes, facts: tuple[object, ...] = ()) -> None:
            told.extend(decode(pushed(body), WALLETS))

    place.nodes.wire = Ear()  # type: ignore[assignment]  # all that is asked of a wire here
    tx = place.chain.deposit(USDC, DEPOSIT, 9)
    place.run_blocks(4)
    place.chain.reorganise(6, vanish=tx.hash)
    assert [(e.removed, e.line_id) for e in told if isinstance(e, DepositSeen)] == [
        (False, f"{tx.hash}:0"),
        (True, f"{tx.hash}:0"),
    ]


# --- what cannot be read -------------------------------------------------------------------------

EFFECTS: list[Effect] = [
    head(),
    FetchBlock(account="chain/hot", source="a", number=9),
    fetch(coin(0)),
    FetchNonce(account="chain/hot", source="a"),
    final(0, 32),
    FetchStatement(account="chain/hot", kind="balances"),
    broadcast(coin(1)),
]


@pytest.mark.parametrize("effect", EFFECTS, ids=lambda effect: type(effect).__name__)
def test_no_damaged_answer_raises_or_is_believed(effect: Effect) -> None:
    """Every cut and every value put in another's place: events of the effect's kind, or failure."""
    place = site()
    send(place, coin(0))
    place.chain.deposit(USDC, OURS, 4)
    place.run_blocks(130)
    body = place.nodes.handle(request(effect, WALLETS))[1]
    for end in range(0, len(body) - 1, max(1, len(body) // 60)):
        assert_failed(decode(answer(body[:end], effect), WALLETS))
    for status, text in ((0, b"timeout"), (429, b"{}"), (502, b"<html>"), (200, b"<html>")):
        assert_failed(decode(answer(text, effect, status), WALLETS))
    for swap in (b"null", b"17", b'"x"', b"[]", b"{}", b"[[]]"):
        assert_failed(decode(answer(swap, effect), WALLETS))
    lines = msgspec.json.decode(body)
    for index in range(len(lines)):
        broken = [dict(line) for line in lines]
        broken[index]["result"] = 17
        assert_failed(decode(answer(msgspec.json.encode(broken), effect), WALLETS))


def assert_failed(events: list[Event]) -> None:
    assert [type(event) for event in events] == [RequestFailed]


@pytest.mark.parametrize(
    "text", ["", "0x", "5", 5, "0x-5", "0x+5", "0x5_0", "0x 5", "0xg", None, True, ["0x5"]]
)
def test_a_quantity_is_one_or_none(text: object) -> None:
    """What another parser might take for a number books nothing."""
    with pytest.raises(ValueError, match=r"no quantity|invalid literal"):
        number(text)
    assert number("0x1f") == 31


def test_answers_may_come_in_any_order() -> None:
    place = site()
    place.run_blocks(100)
    body = place.nodes.handle(request(head(), WALLETS))[1]
    turned = msgspec.json.encode(msgspec.json.decode(body)[::-1])
    assert decode(answer(turned, head()), WALLETS) == decode(answer(body, head()), WALLETS)


def test_garbage_on_the_stream_is_quarantined() -> None:
    for body in (b"", b"{", b'{"method":"eth_subscription"}', b"[]", b"17"):
        (told,) = decode(pushed(body), WALLETS)
        assert isinstance(told, FrameQuarantined)
    (told,) = decode(pushed(b'{"jsonrpc":"2.0","id":1,"result":"0x1"}'), WALLETS)
    assert isinstance(told, FrameDismissed)


def test_the_dialect_asks_and_reads_and_knows_its_bounds() -> None:
    rail = dialect("chain", WALLETS)
    place = site()
    place.run_blocks(70)
    status, body, honest = place.nodes.handle(rail.request(head()))
    assert (status, honest) == (200, True)
    assert isinstance(rail.decode(answer(body, head()), {})[0], HeadReported)
    with pytest.raises(ValueError, match="cannot be asked for FetchFills"):
        rail.request(FetchFills(account="chain/hot", instrument="X", after=""))


def test_a_payment_is_settled_at_finality_and_never_twice() -> None:
    place = site()
    send(place, token(0, 5_000_000))
    place.run_blocks(30)
    assert place.payments.all == {}
    send(place, token(0, 5_000_000))
    place.run_blocks(200)
    payment = place.payments.all["P1"]
    assert (payment.times_applied, payment.amount, payment.asset) == (1, 5_000_000, "USDC")
    assert payment.settled_at > 0
    assert place.chain.balance(USDC, OTHER) == 5_000_000
