"""Bitcoin: outpoints, replacements and forks in the world, and the rail that reads them."""

import hashlib
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.effects import Effect, FetchFills, FetchStatement
from core.events import Event, FrameQuarantined, PageReported, RequestFailed, StatementReported
from core.frames import Frame
from core.rail_effects import (
    BroadcastTransaction,
    FetchBlock,
    FetchFinal,
    FetchHead,
    FetchTransaction,
    SignTransaction,
)
from core.rail_events import (
    BlockReported,
    HeadReported,
    LineBooked,
    TransactionRejected,
    TransactionReported,
    TransactionSigned,
)
from rails.bitcoin.address import p2wpkh_address, script_of
from rails.bitcoin.decoder import decode
from rails.bitcoin.dialect import dialect
from rails.bitcoin.requests import request
from rails.bitcoin.signing import BitcoinSigner, Input, Unsigned
from rails.bitcoin.signing import signed as signed_by
from rails.bitcoin.simulated import Holder, SimulatedNodes
from rails.bitcoin.wallet import Wallet
from rails.keys import PrivateKey
from sim.bitcoin import Bitcoin
from sim.dice import Dice
from sim.faults import KINDS, UNABLE, Fault, Faults
from sim.forks import SECOND
from sim.payments import Payments
from sim.segwit import BadSpend, read_spend
from sim.truth import Truth
from sim.world import World

KEY = PrivateKey(bytes(range(1, 33)))
OURS = p2wpkh_address(KEY.public(compressed=True))
DEPOSIT = p2wpkh_address(PrivateKey(b"\7" * 32).public(compressed=True))
OTHER = p2wpkh_address(PrivateKey(b"\5" * 32).public(compressed=True))
WALLET = Wallet("bitcoin/hot", OURS, deposits=(DEPOSIT,))
WALLETS = {"bitcoin/hot": WALLET}
SIGNER = BitcoinSigner(WALLETS, {"bitcoin/hot": KEY})
START = 1_700_000_000 * SECOND
COIN = 100_000_000
SIZE = 141
NEVER = 2**31


class Site:
    """A world with one chain of outpoints; our wallet has four of a coin each."""

    def __init__(self, seed: int = 1, plan: list[Fault] | None = None) -> None:
        self.world, dice = World(START), Dice(seed)
        self.chain = Bitcoin("bitcoin", self.world, dice)
        self.faults = Faults(plan or [], dice, lambda: self.world.now - START)
        self.truth, self.payments = Truth(lambda: self.world.now), Payments()
        holder = Holder("bitcoin/hot", {a: script_of(a) for a in WALLET.addresses})
        stream = dice.stream("bitcoin/nodes")
        parts = (self.faults, self.truth, self.payments, stream)
        self.nodes = SimulatedNodes("bitcoin", self.chain, holder, *parts)
        self.coins = self.nodes.open(COIN, COIN, COIN, COIN)

    def run_blocks(self, count: int) -> None:
        """Until a second after the block so many from here."""
        number = self.chain.head(self.world.now) + count
        self.world.run(until=self.chain.timeline.schedule.time(number) + SECOND // 2)

    def held(self) -> Decimal:
        return self.truth.totals.get("bitcoin/hot/BTC/cash", Decimal(0))


def pay(
    *spends: str, amount: int = COIN // 4, fee: int = 30 * SIZE, to: str = OTHER, payment: str = "P"
) -> TransactionSigned:
    """A signed payment; what is left goes back to us."""
    change = sum(int(point.split(":")[2]) for point in spends) - amount - fee
    effect = SignTransaction(
        account="bitcoin/hot",
        payment_id=payment,
        attempt=1,
        nonce=0,
        asset="BTC",
        amount=amount,
        beneficiary=to,
        fee_max=fee,
        tip_max=0,
        spends=spends,
        change=change,
    )
    told = SIGNER.sign(effect, 0)
    assert isinstance(told, TransactionSigned), told
    return told


def unchecked(point: str, *outputs: tuple[int, str]) -> TransactionSigned:
    """What our signer would never sign: whatever these outputs leave is the fee."""
    txid, vout, worth = point.split(":")
    paid = tuple((value, script_of(to)) for value, to in outputs)
    raw = signed_by(Unsigned((Input(txid, int(vout), int(worth)),), paid), KEY).hex()
    return msgspec.structs.replace(pay(point), raw=raw, tx_hash=read_spend(bytes.fromhex(raw)).txid)


def submit(place: Site, signed: TransactionSigned) -> None:
    place.chain.submit(bytes.fromhex(signed.raw))


def refusal(place: Site, raw: bytes) -> tuple[int, str]:
    with pytest.raises(BadSpend) as told:
        place.chain.submit(raw)
    return told.value.code, str(told.value)


# --- the world -----------------------------------------------------------------------------------


def test_a_payment_is_mined_and_its_change_can_be_spent() -> None:
    place = Site()
    first = pay(place.coins[0])
    submit(place, first)
    place.run_blocks(3)
    change = COIN - COIN // 4 - 30 * SIZE
    submit(place, pay(f"{first.tx_hash}:1:{change}", amount=50_000))
    place.run_blocks(3)
    now = place.world.now
    paid = place.chain.unspent(script_of(OTHER), place.chain.head(now), now)
    assert sorted(value for _, value in paid) == [50_000, COIN // 4]


def test_the_signer_and_the_node_agree_on_txid_and_size() -> None:
    signed = pay(Site().coins[0])
    spend = read_spend(bytes.fromhex(signed.raw))
    assert spend.txid == signed.tx_hash
    assert spend.vsize in (SIZE - 1, SIZE)


def test_a_changed_byte_is_no_spend_of_ours() -> None:
    place = Site()
    raw = bytes.fromhex(pay(place.coins[0]).raw)
    for at in range(4, len(raw)):
        changed = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]
        with pytest.raises(BadSpend):
            place.chain.submit(changed)
    assert place.chain.waiting() == []


def test_a_replacement_pays_what_it_replaces_and_for_its_own_bytes() -> None:
    place = Site()
    old = pay(place.coins[0], fee=1_000)
    submit(place, old)
    code, words = refusal(place, bytes.fromhex(pay(place.coins[0], fee=1_000, amount=9_999).raw))
    assert (code, words[:39]) == (-26, "insufficient fee, rejecting replacement")
    code, words = refusal(place, bytes.fromhex(pay(place.coins[0], fee=1_100).raw))
    assert "not enough additional fees to relay" in words
    new = pay(place.coins[0], fee=1_141)
    submit(place, new)
    assert new.tx_hash != old.tx_hash
    assert [known.spend.txid for known in place.chain.waiting()] == [new.tx_hash]


def test_a_replacement_pays_a_higher_rate_too() -> None:
    """More in all and less for each byte: no miner would rather have it."""
    place = Site()
    submit(place, pay(place.coins[0], fee=1_000))
    code, words = refusal(place, bytes.fromhex(pay(*place.coins, fee=1_500).raw))
    assert code == -26
    assert "new feerate is not higher" in words
    submit(place, pay(*place.coins, fee=4_000))


def test_a_replacement_pays_for_the_children_too() -> None:
    place = Site()
    first = pay(place.coins[0], fee=1_000)
    submit(place, first)
    change = COIN - COIN // 4 - 1_000
    submit(place, pay(f"{first.tx_hash}:1:{change}", fee=50_000))
    code, words = refusal(place, bytes.fromhex(pay(place.coins[0], fee=20_000).raw))
    assert code == -26
    assert "less fees than conflicting txs" in words
    submit(place, pay(place.coins[0], fee=52_000))
    assert len(place.chain.waiting()) == 1


def test_of_two_that_spend_one_outpoint_only_one_ever_stands() -> None:
    place = Site()
    old, new = pay(place.coins[0], fee=1_000), pay(place.coins[0], fee=9_000)
    submit(place, old)
    submit(place, new)
    place.run_blocks(30)
    assert refusal(place, bytes.fromhex(old.raw)) == (-25, "bad-txns-inputs-missingorspent")
    assert refusal(place, bytes.fromhex(new.raw))[0] == -27


def test_after_two_weeks_the_mempool_forgets_and_the_same_bytes_go_again() -> None:
    place = Site()
    place.chain.fees.surge(0, 10_000, 10**9)
    place.run_blocks(5)
    signed = pay(place.coins[0], fee=SIZE)
    submit(place, signed)
    since, two_weeks = place.world.now, 336 * 3600 * SECOND
    place.world.run(until=since + two_weeks - SECOND)
    assert len(place.chain.waiting()) == 1
    place.world.run(until=since + two_weeks + SECOND)
    assert place.chain.waiting() == []
    submit(place, signed)
    assert len(place.chain.waiting()) == 1


def test_what_pays_too_little_waits_and_what_pays_nothing_is_not_taken() -> None:
    place = Site()
    place.chain.fees.surge(0, 100, 10**9)
    place.run_blocks(60)
    submit(place, pay(place.coins[0], fee=50 * SIZE))
    place.run_blocks(20)
    assert len(place.chain.waiting()) == 1
    too_little = unchecked(place.coins[1], (COIN // 2, OTHER), (COIN // 2 - SIZE + 2, OURS))
    code, words = refusal(place, bytes.fromhex(too_little.raw))
    assert (code, words[:21]) == (-26, "min relay fee not met")


@pytest.mark.parametrize(
    ("to", "least"),
    [
        (OTHER, 294),
        ("1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2", 546),
        ("3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy", 540),
        ("bc1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qccfmv3", 330),
        ("bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0", 330),
    ],
)
def test_dust_is_not_taken_by_the_kind_of_its_script(to: str, least: int) -> None:
    place = Site()
    raw = unchecked(place.coins[0], (least - 1, to), (COIN - 9_000, OURS)).raw
    assert refusal(place, bytes.fromhex(raw)) == (-26, "dust")
    submit(place, unchecked(place.coins[0], (least, to), (COIN - 9_000, OURS)))


def test_a_fork_takes_a_payment_back_and_one_attempt_stands_in_the_end() -> None:
    winners = set()
    for seed in range(40):
        place = Site(seed)
        place.run_blocks(10)
        old, new = pay(place.coins[0], fee=40 * SIZE), pay(place.coins[0], fee=90 * SIZE)
        submit(place, old)
        submit(place, new)
        place.run_blocks(2)
        place.chain.reorganise(4)
        place.run_blocks(30)
        now, known = place.world.now, place.chain.known
        standing = [t.tx_hash for t in (old, new) if place.chain.place(known[t.tx_hash], now)]
        assert len(standing) == 1
        winners.add(standing[0] == old.tx_hash)
    assert winners == {True, False}


def test_what_was_paid_from_a_deposit_that_vanished_vanishes_too() -> None:
    place = Site()
    place.run_blocks(10)
    deposit = place.chain.deposit(script_of(OURS), 70_000)
    place.run_blocks(2)
    child = pay(f"{deposit.spend.txid}:0:70000", amount=20_000)
    submit(place, child)
    place.chain.reorganise(4, vanish=deposit.spend.txid)
    place.run_blocks(20)
    now = place.world.now
    assert place.chain.place(place.chain.known[child.tx_hash], now) is None
    assert place.chain.waiting() == []
    assert refusal(place, bytes.fromhex(child.raw))[0] == -25


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["pay", "bump", "drop", "reorg", "deposit", "vanish", "forget"]),
        st.integers(1, 8),
        st.integers(1, 5),
    ),
    max_size=25,
)


@settings(max_examples=60, deadline=None)
@given(steps=STEPS, seed=st.integers(0, 1000))
def test_no_satoshi_is_lost_no_outpoint_spent_twice_and_final_is_final(
    steps: list[tuple[str, int, int]], seed: int
) -> None:
    place = Site(seed)
    chain, world = place.chain, place.world
    place.run_blocks(8)
    final: dict[str, tuple[int, int]] = {}
    for kind, strength, wait in steps:
        act(place, kind, strength)
        place.run_blocks(wait)
        now = world.now
        standing = {t: p for t, k in chain.known.items() if (p := chain.place(k, now))}
        for txid, (number, branch) in final.items():
            assert (standing[txid].number, standing[txid].branch) == (number, branch)
        final |= {
            t: (p.number, p.branch) for t, p in standing.items() if p.number <= chain.final(now)
        }
        spent = [o for txid in standing for o in chain.known[txid].spend.inputs]
        assert len(spent) == len(set(spent))
        assert all(txid in standing for txid, _ in spent)
        fees = sum(chain.known[txid].fee for txid in standing)
        scripts = {s for k in chain.known.values() for _, s in k.spend.outputs}
        head = chain.head(now)
        unspent = sum(v for s in scripts for _, v in chain.unspent(s, head, now))
        assert unspent + fees == chain.issued


def act(place: Site, kind: str, strength: int) -> None:
    """One step of a schedule; what a node refuses is no step."""
    chain = place.chain
    now = place.world.now
    free = [
        f"{txid}:{vout}:{value}"
        for (txid, vout), value in chain.unspent(script_of(OURS), chain.head(now), now)
        if value > 100_000
    ]
    ours = [k for k in chain.waiting() if k.spend.raw]
    match kind:
        case "pay" if free:
            try_to(place, pay(free[strength % len(free)], amount=1_000 * strength, fee=2_000))
        case "bump" if ours:
            (txid, vout), *_ = ours[0].spend.inputs
            value = ours[0].spend.paid + ours[0].fee
            fee = ours[0].fee * 2 + 500
            if value - 1_000 - fee > 294:
                try_to(place, pay(f"{txid}:{vout}:{value}", amount=1_000, fee=fee))
        case "drop" if ours:
            chain.drop(ours[-1].spend.txid)
        case "reorg":
            chain.reorganise(strength)
        case "deposit":
            chain.deposit(script_of(DEPOSIT), 1_000 * strength)
        case "vanish":
            deposit = chain.deposit(script_of(OURS), 1_000_000 * strength)
            place.run_blocks(2)
            chain.reorganise(3, vanish=deposit.spend.txid)
        case "forget":
            mined = [txid for txid, known in chain.known.items() if chain.place(known, now)]
            chain.reorganise(strength, forget=mined[-1])


def try_to(place: Site, signed: TransactionSigned) -> None:
    try:
        submit(place, signed)
    except BadSpend:
        return


def test_a_world_is_the_same_again() -> None:
    """Golden: which block took which payment, on any machine."""
    place = Site(42)
    for turn in range(4):
        submit(place, pay(place.coins[turn], amount=10_000 + turn))
        place.chain.deposit(script_of(DEPOSIT), 5_000 + turn)
        place.run_blocks(3)
        place.chain.reorganise(2)
    place.run_blocks(20)
    now, told = place.world.now, []
    for txid, known in place.chain.known.items():
        mined = place.chain.place(known, now)
        told.append((txid[:8], mined.number if mined else -1, known.fee))
    digest = hashlib.sha256(repr((told, now)).encode()).hexdigest()[:16]
    assert (len(told), digest) == GOLDEN


GOLDEN = (16, "a18a2ac732f3e331")

# --- the rail ------------------------------------------------------------------------------------


def heard(place: Site, effect: Effect) -> tuple[list[Event], bool]:
    """What the effect makes us hear, and whether the node was honest."""
    status, body, honest = place.nodes.handle(request(effect, WALLETS))
    return decode(answer(body, effect, status), WALLETS), honest


def ask(place: Site, effect: Effect) -> list[Event]:
    return heard(place, effect)[0]


def answer(body: bytes, effect: Effect, status: int = 200) -> Frame:
    return Frame(
        number=1,
        account="bitcoin/hot",
        channel="rest",
        received_at=5,
        body=body,
        status=status,
        about=effect,
        asked_at=4,
    )


def send(place: Site, signed: TransactionSigned, payment: str = "P") -> list[Event]:
    return ask(place, broadcast(signed, payment))


def broadcast(signed: TransactionSigned, payment: str = "P") -> BroadcastTransaction:
    return BroadcastTransaction(
        account="bitcoin/hot", payment_id=payment, tx_hash=signed.tx_hash, raw=signed.raw
    )


def head(source: str = "a") -> FetchHead:
    return FetchHead(account="bitcoin/hot", source=source)


def fetch(txid: str) -> FetchTransaction:
    return FetchTransaction(account="bitcoin/hot", source="b", payment_id="P", tx_hash=txid)


def final(place: Site, after: int = 0) -> FetchFinal:
    now = place.world.now
    return FetchFinal(
        account="bitcoin/hot",
        source="a",
        after=after,
        through=place.chain.final(now),
        after_hash=place.chain.timeline.hash(after, now) if after else "",
    )


STATEMENT = FetchStatement(account="bitcoin/hot", kind="balances")


def lines_of(told: list[Event]) -> list[LineBooked]:
    assert isinstance(told[-1], PageReported), told
    lines = [event for event in told if isinstance(event, LineBooked)]
    assert len(lines) == len(told) - 1
    return lines


def test_a_head_is_the_tip_and_the_block_with_six_confirmations() -> None:
    place = Site()
    place.run_blocks(30)
    (told,) = ask(place, head())
    assert isinstance(told, HeadReported)
    now = place.world.now
    assert (told.number, told.finalized) == (30, 25)
    assert told.block_hash == place.chain.timeline.hash(30, now)
    assert told.finalized_hash == place.chain.timeline.hash(25, now)
    (block,) = ask(place, FetchBlock(account="bitcoin/hot", source="b", number=25))
    (none,) = ask(place, FetchBlock(account="bitcoin/hot", source="b", number=31))
    assert isinstance(block, BlockReported)
    assert isinstance(none, BlockReported)
    assert (block.block_hash, none.block_hash) == (told.finalized_hash, "")


def test_a_payment_is_unknown_pending_mined_and_a_replaced_one_unknown_again() -> None:
    place = Site()
    place.run_blocks(2)
    old, new = pay(place.coins[0], fee=1_000), pay(place.coins[0], fee=9_000)
    assert status_of(place, old) == "unknown"
    (told,) = send(place, old)
    assert isinstance(told, TransactionReported)
    assert told.status == "pending"
    assert status_of(place, old) == "pending"
    send(place, new)
    assert (status_of(place, old), status_of(place, new)) == ("unknown", "pending")
    place.run_blocks(10)
    assert status_of(place, old) == "unknown"
    (mined,) = ask(place, fetch(new.tx_hash))
    assert isinstance(mined, TransactionReported)
    assert (mined.status, mined.fee, mined.succeeded) == ("mined", 9_000, True)
    assert mined.block_hash == place.chain.timeline.hash(mined.block_number, place.world.now)


def test_a_payment_that_is_reorged_out_is_unknown_until_it_is_handed_in_again() -> None:
    """The latest that its block gives way is before it is final, however strong the fault."""
    place = Site(plan=[Fault("tx_reorged_out", strength=24, times_max=1)])
    place.run_blocks(10)
    ours = pay(place.coins[0])
    send(place, ours)
    place.run_blocks(4)
    assert status_of(place, ours) == "mined"
    place.run_blocks(20)
    assert status_of(place, ours) == "unknown"
    send(place, ours)
    place.run_blocks(20)
    assert status_of(place, ours) == "mined"


def status_of(place: Site, signed: TransactionSigned) -> str:
    (told,) = ask(place, fetch(signed.tx_hash))
    assert isinstance(told, TransactionReported)
    return told.status


def test_a_refused_broadcast_has_its_code() -> None:
    place = Site()
    place.run_blocks(2)
    first = pay(place.coins[0], fee=9_000)
    send(place, first)
    place.run_blocks(12)
    send(place, pay(place.coins[1], fee=1_000))
    honest = pay(place.coins[3])
    forged = msgspec.structs.replace(honest, raw=honest.raw[:-40] + "00" * 16 + "00000000")
    for signed, code in (
        (first, "already_known"),
        (pay(place.coins[0], fee=90_000), "nonce_too_low"),
        (pay(place.coins[1], fee=1_001), "underpriced"),
        (unchecked(place.coins[2], (COIN // 2, OTHER), (COIN // 2 - 100, OURS)), "underpriced"),
        (unchecked(place.coins[2], (293, OTHER), (COIN // 2, OURS)), "invalid"),
        (msgspec.structs.replace(first, raw="00"), "invalid"),
        (forged, "invalid"),
    ):
        (told,) = send(place, signed)
        assert isinstance(told, TransactionRejected), told
        assert told.code == code
    body = b'[{"jsonrpc":"2.0","error":{"code":-1,"message":"already known"},"id":"P"}]'
    (told,) = decode(answer(body, broadcast(first)), WALLETS)
    assert isinstance(told, RequestFailed)


def test_lines_are_the_truth_once_final_and_agree_with_the_outputs_at_the_tip() -> None:
    """Payments, change, fees, deposits, and a payment to ourselves: lines, statement and truth."""
    for seed in range(10):
        place = Site(seed)
        place.run_blocks(8)
        lines: list[LineBooked] = []
        after = 0
        for turn in range(12):
            to = DEPOSIT if turn == 2 else OTHER
            if turn < 4:
                send(place, pay(place.coins[turn], to=to), f"P{turn}")
            place.nodes.strike(Fault("deposit", strength=1_000 + turn))
            if turn % 3 == 1:
                place.nodes.strike(Fault("reorg", strength=1 + turn % 5))
            if turn % 4 == 1:
                place.nodes.strike(Fault("deposit_vanishes", strength=7_000))
            place.run_blocks(3)
            lines += lines_of(ask(place, final(place, after)))
            after = place.chain.final(place.world.now)
            (statement,) = ask(place, STATEMENT)
            assert isinstance(statement, StatementReported)
            booked = 4 * COIN + sum(line.amount for line in lines)
            assert statement.rows[0].amount == booked, (seed, turn)
            assert Decimal(booked).scaleb(-8) == place.held(), (seed, turn)
            assert statement.as_of == place.chain.timeline.schedule.time(after) or after < 6
        assert len({line.line_id for line in lines}) == len(lines)
        whole = lines_of(ask(place, final(place)))
        assert sorted(x.line_id for x in whole) == sorted(x.line_id for x in lines)


def test_a_payment_is_settled_with_its_sixth_confirmation() -> None:
    place = Site()
    place.run_blocks(2)
    send(place, pay(place.coins[0], amount=30_000), "P7")
    place.run_blocks(5)
    assert place.payments.all == {}
    place.run_blocks(10)
    payment = place.payments.all["P7"]
    assert (payment.amount, payment.times_applied, payment.fee) == (30_000, 1, 30 * SIZE)
    lines = lines_of(ask(place, final(place)))
    assert [(x.kind, x.amount) for x in lines] == [("payment", -30_000), ("fee", -30 * SIZE)]
    assert lines[0].counterparty == f"script:{script_of(OTHER).hex()}"


def test_a_fee_is_one_line_however_many_are_paid() -> None:
    """Core tells the whole fee with each output of a transaction."""
    place = Site()
    txid, vout, value = place.coins[0].split(":")
    spent = (Input(txid, int(vout), int(value)),)
    pays = ((10_000, script_of(OTHER)), (20_000, script_of(DEPOSIT)), (40_000, script_of(OTHER)))
    place.chain.submit(signed_by(Unsigned(spent, pays), KEY))
    place.run_blocks(12)
    lines = lines_of(ask(place, final(place)))
    assert [(line.kind, line.amount) for line in lines] == [
        ("payment", -10_000),
        ("fee", -(COIN - 70_000)),
        ("payment", -40_000),
    ]


def test_a_node_that_lags_books_no_line() -> None:
    place = Site(plan=[Fault("node_lags", strength=40_000_000, times_max=NEVER)])
    place.run_blocks(200)
    (told,), honest = heard(place, head())
    assert isinstance(told, HeadReported)
    assert told.number < 200
    assert not honest
    (failed,) = ask(place, final(place, 100))
    assert isinstance(failed, RequestFailed)
    assert "not final at this node" in failed.reason


def test_two_nodes_never_tell_the_same_lie() -> None:
    for seed in range(30):
        place = Site(seed, [Fault("node_lies", one_in=2, times_max=NEVER)])
        lies = 0
        for _ in range(20):
            place.run_blocks(2)
            (one,), honest = heard(place, head("a"))
            (two,) = ask(place, head("b"))
            assert isinstance(one, HeadReported)
            assert isinstance(two, HeadReported)
            lies += not honest
            if (one.finalized, one.finalized_hash) == (two.finalized, two.finalized_hash):
                expected = place.chain.timeline.hash(one.finalized, place.world.now)
                assert one.finalized_hash == expected
        assert lies


@pytest.mark.parametrize("kind", [kind for kind, told in KINDS.items() if told[0] == "chain"])
def test_every_fault_of_a_chain_strikes_or_is_impossible_here(kind: str) -> None:
    by_itself = kind not in ("node_lags", "node_lies", "tx_reorged_out")
    place = Site(plan=[] if by_itself else [Fault(kind, strength=60_000, times_max=1)])
    place.run_blocks(10)
    send(place, pay(place.coins[0]))
    place.nodes.strike(Fault(kind, strength=500))
    heard(place, head())
    place.run_blocks(10)
    impossible = kind in UNABLE["bitcoin"]
    assert place.faults.counts == ({} if impossible else {kind: 1})


EFFECTS: list[Effect] = [
    head(),
    FetchBlock(account="bitcoin/hot", source="a", number=9),
    fetch(pay(Site().coins[0]).tx_hash),
    FetchFinal(account="bitcoin/hot", source="a", after=0, through=20),
    STATEMENT,
    broadcast(pay(Site().coins[1])),
]


@pytest.mark.parametrize("effect", EFFECTS, ids=lambda effect: type(effect).__name__)
def test_no_damaged_answer_raises_or_is_believed(effect: Effect) -> None:
    place = Site()
    send(place, pay(place.coins[0]))
    place.run_blocks(40)
    body = place.nodes.handle(request(effect, WALLETS))[1]
    assert not isinstance(decode(answer(body, effect), WALLETS)[0], RequestFailed)
    for end in range(0, len(body) - 1, max(1, len(body) // 60)):
        assert_failed(decode(answer(body[:end], effect), WALLETS))
    for status, text in ((0, b"timeout"), (503, b"Work queue depth exceeded"), (200, b"<html>")):
        assert_failed(decode(answer(text, effect, status), WALLETS))
    for swap in (b"null", b"17", b'"x"', b"[]", b"{}", b"[[]]"):
        assert_failed(decode(answer(swap, effect), WALLETS))
    lines = msgspec.json.decode(body)
    for index in range(len(lines)):
        broken = [dict(line) for line in lines]
        broken[index].pop("error", None)
        broken[index]["result"] = 17
        assert_failed(decode(answer(msgspec.json.encode(broken), effect), WALLETS))


def assert_failed(events: list[Event]) -> None:
    assert [type(event) for event in events] == [RequestFailed]


def test_a_block_between_the_calls_is_no_answer() -> None:
    place = Site()
    place.run_blocks(30)
    for effect in (head(), final(place), STATEMENT):
        told = msgspec.json.decode(place.nodes.handle(request(effect, WALLETS))[1])
        told[-1]["result"]["bestblockhash"] = "ab" * 32
        (failed,) = decode(answer(msgspec.json.encode(told), effect), WALLETS)
        assert isinstance(failed, RequestFailed)
        assert "a block came" in failed.reason


def test_amounts_are_exact_or_none() -> None:
    """A ninth decimal is no amount, and no float ever carries one."""
    place = Site()
    send(place, pay(place.coins[0], amount=29_000_001))
    place.run_blocks(20)
    body = place.nodes.handle(request(final(place), WALLETS))[1]
    assert b"-0.29000001" in body
    assert lines_of(decode(answer(body, final(place)), WALLETS))[0].amount == -29_000_001
    longer = body.replace(b"-0.29000001", b"-0.290000011")
    assert_failed(decode(answer(longer, final(place)), WALLETS))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("address", 17),
        ("amount", 0.5),
        ("amount", "-0.29"),
        ("category", "generate"),
        ("category", ["send"]),
        ("blocktime", "1700000000"),
        ("blockheight", 3.5),
        ("txid", "ab"),
        ("vout", None),
        ("fee", None),
        ("confirmations", True),
    ],
)
def test_a_strange_field_books_nothing(field: str, value: object) -> None:
    """A payment with another sign, and whatever else is not of its type."""
    place = Site()
    send(place, pay(place.coins[0]))
    place.run_blocks(20)
    effect = final(place)
    told = msgspec.json.decode(place.nodes.handle(request(effect, WALLETS))[1])
    entry = next(e for e in told[1]["result"]["transactions"] if e["category"] == "send")
    entry[field] = value
    assert_failed(decode(answer(msgspec.json.encode(told), effect), WALLETS))


def test_the_dialect_knows_its_bounds() -> None:
    rail = dialect("bitcoin", WALLETS)
    place = Site()
    place.run_blocks(8)
    body = place.nodes.handle(rail.request(head()))[1]
    assert isinstance(rail.decode(answer(body, head()), {})[0], HeadReported)
    with pytest.raises(ValueError, match="cannot be asked for FetchFills"):
        rail.request(FetchFills(account="bitcoin/hot", instrument="X", after=""))
    pushed = Frame(number=1, account="bitcoin/hot", channel="stream", received_at=5, body=b"{}")
    assert isinstance(rail.decode(pushed, {})[0], FrameQuarantined)
