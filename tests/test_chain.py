"""The chain world: mempool, fees, forks, finality, and what must hold under all of them."""

import contextlib
import hashlib
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rails.evm.signing import GAS_COIN, Item, rlp
from rails.keys import ORDER, PrivateKey
from sim.chain import FOREVER, Chain
from sim.dice import Dice
from sim.execution import Ledger, Outcome, Plain
from sim.fees import FeeMarket
from sim.forks import SECOND, Depth, Epochs, Lottery, Slots, Timeline
from sim.typed import BadTransaction, Transaction, keccak256, read_transaction
from sim.world import World
from tests.chains import (
    DEPOSIT,
    ETH,
    GWEI,
    KEY,
    OTHER,
    OURS,
    SLOT,
    START,
    USDC,
    Site,
    coin,
    site,
    token,
)

DAY = 86_400 * SECOND


# --- blocks as functions -------------------------------------------------------------------------


def test_ninety_quiet_days_cost_nothing() -> None:
    """Nothing is scheduled, nothing is kept, and every block can be asked for."""
    place = site()
    assert place.world.peek() == float("inf")
    place.world.run(until=START + 90 * DAY)
    now = place.world.now
    assert place.chain.head(now) == 90 * 7200
    assert place.chain.blocks == {}
    assert place.chain.timeline.hash(123_456, now) != place.chain.timeline.hash(123_457, now)


def test_finality_is_two_to_three_epochs_behind() -> None:
    slots = Slots(0)
    epochs = Epochs(slots)
    behind = {slots.height(at) - epochs.number(at) for at in range(100 * SLOT, 900 * SLOT, SLOT)}
    assert (min(behind), max(behind)) == (64, 95)


def test_lost_finality_stands_still_and_catches_up() -> None:
    epochs = Epochs(Slots(0))
    epochs.lose(400 * SLOT, 900 * SLOT)
    told = [epochs.number(number * SLOT) for number in range(380, 1100)]
    assert told == sorted(told)
    assert epochs.number(899 * SLOT) == epochs.number(400 * SLOT) == 320
    assert epochs.number(928 * SLOT) == 864


def test_the_time_of_finality_is_when_it_comes() -> None:
    """`time_final` is the first instant at which the number is final, where nothing is lost."""
    for finality in (Epochs(Slots(0)), Depth(Slots(0))):
        for number in (1, 31, 32, 33, 100, 320):
            at = finality.time_final(number, number * SLOT)
            assert finality.number(at) >= number > finality.number(at - 1)


def test_a_fork_changes_hashes_above_it_and_none_below() -> None:
    timeline = Timeline("t", Slots(0), Epochs(Slots(0)))
    now = 1000 * SLOT
    before = [timeline.hash(number, now) for number in range(1001)]
    fork = timeline.reorganise(7, now + 1)
    assert fork is not None
    assert fork.after == 993
    after = [timeline.hash(number, now + 1) for number in range(1001)]
    assert [n for n in range(1001) if before[n] != after[n]] == list(range(994, 1001))
    assert [timeline.hash(n, now) for n in range(1001)] == before, "as of before, all is as before"


def test_no_fork_reaches_a_final_block() -> None:
    timeline = Timeline("t", Slots(0), Epochs(Slots(0)))
    now = 1000 * SLOT
    fork = timeline.reorganise(10_000, now)
    assert fork is not None
    assert fork.after == timeline.final(now)
    quiet = Timeline("t", Slots(0), Depth(Slots(0), confirmations=1))
    assert quiet.reorganise(3, now) is None


def test_a_lottery_of_blocks_has_its_mean_and_does_not_care_who_asks_first() -> None:
    one, two = (Lottery(0, Dice(7).stream("blocks")) for _ in "12")
    assert one.height(30 * DAY) == pytest.approx(30 * 144, rel=0.05)
    assert two.time(500) == one.time(500)
    assert two.height(one.time(500)) == 500
    assert two.height(one.time(500) - 1) == 499


# --- fees ----------------------------------------------------------------------------------------


def test_the_base_fee_moves_by_an_eighth_at_most() -> None:
    market = FeeMarket(3, "chain")
    market.surge(5_000, 5_400, 900 * GWEI)
    fees = [market.base(number) for number in range(20_000)]
    for before, after in itertools.pairwise(fees):
        assert 7 * before - 16 <= 8 * after <= 9 * before + 16
    assert len(set(fees)) > 10_000, "it moves"
    assert fees[5_300] == 900 * GWEI, "a surge lifts it"
    assert max(fees[6_000:]) <= 36 * GWEI, "and passes"


def test_the_base_fee_does_not_care_who_asks_first() -> None:
    one, two = FeeMarket(3, "chain"), FeeMarket(3, "chain")
    forward = [one.base(number) for number in range(0, 1000, 7)]
    assert [two.base(number) for number in reversed(range(0, 1000, 7))] == forward[::-1]


# --- signed bytes --------------------------------------------------------------------------------


def test_a_transaction_is_read_from_its_bytes_and_its_signer_recovered() -> None:
    told = read_transaction(token(5, 77), 1)
    assert (told.sender, told.nonce, told.to, told.value) == (OURS, 5, USDC, 0)
    assert told.hash == "0x" + keccak256(token(5, 77)).hex()


def test_no_changed_byte_is_taken_for_the_same_signer() -> None:
    raw = coin(0)
    for place in range(len(raw)):
        changed = raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :]
        with contextlib.suppress(BadTransaction):
            assert read_transaction(changed, 1).sender != OURS


def test_nobody_can_turn_a_signature_into_another() -> None:
    """The same r with the other s and the other parity is the same signer's, and refused."""
    fields: list[Item] = [1, 0, 1, 2, GAS_COIN, bytes.fromhex(OTHER[2:]), 5, b"", []]
    parity, r, s = KEY.sign_recoverable(keccak256(b"\x02" + rlp(fields)))
    assert read_transaction(b"\x02" + rlp([*fields, parity, r, s]), 1).sender == OURS
    turned = b"\x02" + rlp([*fields, 1 - parity, r, ORDER - s])
    with pytest.raises(BadTransaction, match="invalid transaction v, r, s values"):
        read_transaction(turned, 1)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "transaction type not supported"),
        (b"\x01" + coin(0)[1:], "transaction type not supported"),
        (coin(0)[:-1], "rlp: value size exceeds"),
        (coin(0) + b"\0", "rlp: input list has wrong size"),
        (b"\x02\xc0", "rlp: input list has wrong size"),
    ],
)
def test_bytes_that_are_none_are_refused_in_geths_words(raw: bytes, words: str) -> None:
    with pytest.raises(BadTransaction, match=words):
        read_transaction(raw, 1)
    with pytest.raises(BadTransaction, match="invalid chain id"):
        read_transaction(coin(0), 5)


# --- the mempool ---------------------------------------------------------------------------------


def test_a_payment_is_mined_and_paid_for() -> None:
    place = site()
    tx = place.chain.submit(coin(0, ETH))
    place.run_blocks(5)
    mined = place.chain.place(place.chain.known[tx.hash], place.world.now)
    assert mined is not None
    assert mined.outcome.succeeded
    assert place.chain.balance("", OTHER) == ETH
    assert place.chain.balance("", OURS) == 9 * ETH - mined.fee
    assert mined.price == place.chain.fees.base(mined.number) + 3 * GWEI
    assert place.chain.nonce(OURS) == 1


def test_a_gap_blocks_what_is_behind_it() -> None:
    place = site()
    for nonce in (0, 2, 3):
        place.chain.submit(coin(nonce))
    place.run_blocks(40)
    assert place.chain.nonce(OURS) == 1
    assert [tx.nonce for tx in place.chain.waiting(OURS)] == [2, 3]
    place.chain.submit(coin(1))
    place.run_blocks(40)
    assert place.chain.nonce(OURS) == 4
    assert place.chain.waiting(OURS) == []


def rejected(place: Site, raw: bytes) -> str:
    with pytest.raises(BadTransaction) as told:
        place.chain.submit(raw)
    return str(told.value)


def test_a_replacement_pays_a_tenth_more_on_both_caps() -> None:
    place = site()
    old = place.chain.submit(coin(1, cap=100 * GWEI, tip=10 * GWEI))
    words = "replacement transaction underpriced"
    assert rejected(place, coin(1, cap=110 * GWEI, tip=11 * GWEI - 1)) == words
    assert rejected(place, coin(1, cap=110 * GWEI - 1, tip=11 * GWEI)) == words
    assert rejected(place, coin(1, cap=100 * GWEI, tip=10 * GWEI)) == "already known"
    new = place.chain.submit(coin(1, cap=110 * GWEI, tip=11 * GWEI))
    assert [tx.hash for tx in place.chain.waiting(OURS)] == [new.hash]
    assert not place.chain.known[old.hash].waits(place.world.now)


def test_the_node_says_why_in_geths_words() -> None:
    place = site()
    assert rejected(place, coin(0, 20 * ETH)).startswith("insufficient funds for gas * price")
    assert rejected(place, coin(0, tip=201 * GWEI)).startswith("max priority fee per gas higher")
    assert rejected(place, coin(0, tip=0)).startswith("transaction underpriced")
    place.chain.submit(coin(0))
    place.run_blocks(5)
    told = rejected(place, coin(0, cap=300 * GWEI))
    assert told == "nonce too low: next nonce 1, tx nonce 0"


def test_who_pays_too_little_waits_until_the_crowd_is_gone() -> None:
    place = site()
    place.chain.fees.surge(0, 500, 900 * GWEI)
    place.run_blocks(30)
    tx = place.chain.submit(coin(0, cap=300 * GWEI))
    place.run_blocks(400)
    assert place.chain.known[tx.hash].waits(place.world.now)
    place.run_blocks(200)
    assert place.chain.nonce(OURS) == 1


def test_what_was_dropped_can_be_sent_again() -> None:
    place = site()
    tx = place.chain.submit(coin(1))
    assert place.chain.drop(tx.hash)
    assert not place.chain.drop(tx.hash)
    assert place.chain.waiting(OURS) == []
    place.chain.submit(coin(1))
    place.chain.submit(coin(0))
    place.run_blocks(40)
    assert place.chain.nonce(OURS) == 2


def test_a_reverted_transaction_costs_its_gas_and_moves_nothing() -> None:
    place = site()
    place.chain.reverts = lambda transaction: True
    tx = place.chain.submit(token(0, 500_000_000))
    place.run_blocks(10)
    mined = place.chain.place(place.chain.known[tx.hash], place.world.now)
    assert mined is not None
    assert not mined.outcome.succeeded
    assert mined.outcome.logs == ()
    assert place.chain.balance(USDC, OURS) == 1_000_000_000
    assert place.chain.balance("", OURS) == 10 * ETH - mined.fee


def test_a_token_transfer_without_cover_reverts() -> None:
    place = site()
    tx = place.chain.submit(token(0, 1_000_000_001))
    place.run_blocks(10)
    mined = place.chain.place(place.chain.known[tx.hash], place.world.now)
    assert mined is not None
    assert not mined.outcome.succeeded


# --- forks ---------------------------------------------------------------------------------------


def test_a_fork_takes_a_payment_back_and_it_is_mined_again_in_another_block() -> None:
    moved = 0
    for seed in range(20):
        place = site(seed)
        place.run_blocks(100)
        tx = place.chain.submit(coin(0, ETH))
        place.run_blocks(3)
        known = place.chain.known[tx.hash]
        before, at = place.chain.place(known, place.world.now), place.world.now
        if before is None:
            continue
        assert place.chain.reorganise(5) == 5
        place.run_blocks(20)
        after = place.chain.place(known, place.world.now)
        assert after is not None
        assert (after.number, after.branch) != (before.number, before.branch)
        assert place.chain.place(known, at - 1) is before, "as of before, it is where it was"
        assert place.chain.balance("", OTHER) == ETH, "and it moved once"
        moved += 1
    assert moved > 10


def test_as_of_before_a_fork_everything_is_what_it_was() -> None:
    """Also what the fork wrote into blocks of the same numbers: a lagging node knows none of it."""
    differs = 0
    for seed in range(20):
        place = site(seed)
        chain, world = place.chain, place.world
        place.run_blocks(100)
        chain.submit(coin(0, ETH))
        place.run_blocks(4)
        at, number = world.now, chain.head(world.now)
        before, nonce = chain.ledger.balance("", OURS, number, at), chain.nonce(OURS)
        world.run(until=at + 1)
        chain.reorganise(6)
        assert chain.ledger.balance("", OURS, number, at) == before
        assert chain.ledger.nonce(OURS, number, at) == nonce
        differs += chain.ledger.balance("", OURS, number, world.now) != before
    assert differs > 10


def test_after_a_fork_an_earlier_attempt_may_take_its_place() -> None:
    winners = set()
    for seed in range(40):
        place = site(seed)
        place.run_blocks(100)
        place.chain.fees.surge(100, 120, 400 * GWEI)
        place.run_blocks(15)
        first = place.chain.submit(coin(0, cap=150 * GWEI, tip=9 * GWEI))
        second = place.chain.submit(coin(0, cap=700 * GWEI, tip=20 * GWEI))
        place.run_blocks(20)
        assert place.chain.place(place.chain.known[first.hash], place.world.now) is None
        place.chain.reorganise(25)
        place.run_blocks(300)
        standing = [
            tx.hash
            for tx in (first, second)
            if place.chain.place(place.chain.known[tx.hash], place.world.now)
        ]
        assert len(standing) == 1, "one nonce is spent once"
        winners.add(standing[0] == first.hash)
    assert winners == {True, False}


def test_a_deposit_that_vanishes_was_spent_otherwise() -> None:
    place = site()
    place.run_blocks(100)
    tx = place.chain.deposit(USDC, DEPOSIT, 5_000_000)
    place.run_blocks(4)
    assert place.chain.balance(USDC, DEPOSIT) == 5_000_000
    assert place.chain.reorganise(6, vanish=tx.hash) == 6
    place.run_blocks(200)
    assert place.chain.balance(USDC, DEPOSIT) == 0
    assert place.chain.place(place.chain.known[tx.hash], place.world.now) is None


def test_value_without_a_log_only_shows_in_the_balance() -> None:
    place = site()
    tx = place.chain.deposit_internal(DEPOSIT, 7 * ETH)
    place.run_blocks(10)
    mined = place.chain.place(place.chain.known[tx.hash], place.world.now)
    assert mined is not None
    assert (mined.outcome.logs, tx.value, tx.to == DEPOSIT) == ((), 0, False)
    assert place.chain.balance("", DEPOSIT) == 7 * ETH


class Counting(Plain):
    """A machine that keeps something of its own: how often each block executed anything."""

    def __init__(self) -> None:
        super().__init__((USDC,))
        self.executed: list[int] = []

    def execute(
        self, transaction: Transaction, ledger: Ledger, number: int, now: int, *, revert: bool
    ) -> Outcome:
        self.executed.append(number)
        return super().execute(transaction, ledger, number, now, revert=revert)

    def rewind(self, after: int) -> None:
        self.executed = [number for number in self.executed if number <= after]


def test_another_machine_may_execute_and_is_rewound_at_a_fork() -> None:
    machine = Counting()
    world = World(START)
    chain = Chain("chain", world, Dice(1), tokens=(USDC,), machine=machine)
    chain.fund("", OURS, ETH)
    world.run(until=START + 100 * SLOT + 1)
    for nonce in range(3):
        chain.submit(coin(nonce, 1))
        world.run(until=world.now + 10 * SLOT)
    chain.reorganise(12)
    world.run(until=world.now + 30 * SLOT)
    standing = [n for n in chain.filled(0, 200) for _ in chain.block(n, world.now)]
    assert sorted(machine.executed) == standing
    assert len(standing) == 3


# --- what must hold whatever happens -------------------------------------------------------------

STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["pay", "token", "bump", "drop", "reorg", "deposit", "vanish", "forget", "lose"]
        ),
        st.integers(0, 90),
        st.integers(1, 40),
    ),
    max_size=30,
)


@settings(max_examples=60, deadline=None)
@given(steps=STEPS, seed=st.integers(0, 1000))
def test_value_is_conserved_order_holds_and_final_is_final(
    steps: list[tuple[str, int, int]], seed: int
) -> None:
    """Under any schedule: no unit is lost or made, nonces go up one by one, final blocks stand."""
    place = site(seed)
    chain, world = place.chain, place.world
    place.run_blocks(70)
    final: dict[int, tuple[str, list[str]]] = {}
    for kind, strength, wait in steps:
        act(place, kind, strength)
        place.run_blocks(wait)
        for number in chain.filled(0, chain.final(world.now)):
            inside = [mined.transaction.hash for mined in chain.block(number, world.now)]
            told = chain.timeline.hash(number, world.now), inside
            assert final.setdefault(number, told) == told
        for asset in chain.issued:
            for number in (chain.head(world.now), chain.final(world.now)):
                assert chain.ledger.total(asset, number, world.now) == chain.issued[asset]
        nonces = [
            mined.transaction.nonce
            for number in chain.filled(0, chain.head(world.now))
            for mined in chain.block(number, world.now)
            if mined.transaction.sender == OURS
        ]
        assert nonces == list(range(chain.nonce(OURS)))
        assert all(tx.nonce >= chain.nonce(OURS) for tx in chain.waiting(OURS))


def act(place: Site, kind: str, strength: int) -> None:
    """One step of a schedule; what a node refuses is no step."""
    chain = place.chain
    waiting = chain.waiting(OURS)
    nonce = chain.nonce(OURS) + len(waiting)
    match kind:
        case "pay" | "token":
            make = coin if kind == "pay" else token
            try_to(place, make(nonce + strength % 2, 1 + strength, cap=(40 + strength) * GWEI))
        case "bump" if waiting:
            old = waiting[0]
            cap, tip = old.fee_max * 115 // 100, old.tip_max * 115 // 100
            try_to(place, coin(old.nonce, strength, cap=cap, tip=tip))
        case "drop" if waiting:
            chain.drop(waiting[strength % len(waiting)].hash)
        case "reorg":
            chain.reorganise(strength)
        case "deposit":
            chain.deposit(("", USDC)[strength % 2], DEPOSIT, 1 + strength)
        case "vanish":
            tx = chain.deposit("", DEPOSIT, 1 + strength)
            place.run_blocks(3)
            chain.reorganise(5, vanish=tx.hash)
        case "forget":
            mined = [tx for tx, known in chain.known.items() if chain.place(known, place.world.now)]
            chain.reorganise(strength, forget=(mined or [""])[-1])
        case "lose":
            chain.finality.lose(place.world.now, place.world.now + strength * SLOT)


def try_to(place: Site, raw: bytes) -> None:
    with contextlib.suppress(BadTransaction):
        place.chain.submit(raw)


def test_a_world_is_the_same_again() -> None:
    """Golden: which block took which payment, after forks and surges, on any machine."""
    place = site(42)
    chain = place.chain
    place.run_blocks(100)
    for nonce in range(12):
        chain.submit(coin(nonce, cap=(60 + nonce) * GWEI, tip=2 * GWEI))
        place.run_blocks(3)
        if nonce % 4 == 3:
            chain.reorganise(6)
    chain.deposit(USDC, DEPOSIT, 5)
    place.run_blocks(60)
    now = place.world.now
    told = [
        (number, chain.timeline.hash(number, now)[:8], mined.transaction.nonce, mined.price)
        for number in chain.filled(0, chain.head(now))
        for mined in chain.block(number, now)
    ]
    digest = hashlib.sha256(repr(told).encode()).hexdigest()[:16]
    assert (len(told), digest) == GOLDEN


GOLDEN = (13, "81160604afcbb824")


def test_two_wallets_do_not_wait_for_one_another() -> None:
    place = site()
    other = PrivateKey(b"\7" * 32)
    place.chain.submit(coin(1))
    tx = read_transaction(coin(0, 5, key=other), 1)
    place.chain.fund("", tx.sender, ETH)
    place.chain.submit(coin(0, 5, key=other))
    place.run_blocks(10)
    assert place.chain.nonce(tx.sender) == 1
    assert place.chain.known[tx.hash].waited[-1][1] < FOREVER
