"""A node of ours live on anvil: real blocks, real sockets, and the same law as in simulation."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rails.evm.live", reason="the extra `live` is not installed")

from hexbytes import HexBytes

from core import listening
from rails.depth import kept_depth
from rails.evm.read_only import READS, Forbidden
from tests.chains import DEPOSIT, ETH, GWEI, OTHER, OURS, coin
from tests.live_chain import AT_FIRST, OUTSIDER, SECOND, Bench, Running, methods, wanted
from tests.rail_child import Child
from tieout.deployment import chain_ways
from tieout.journals.replay import replay
from tieout.node.adopting import NotAdopted

with kept_depth():
    from web3 import AsyncWeb3
    from web3.types import RPCEndpoint


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.stop()


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, 170))


def deposit(bench: Bench, nonce: int, amount: int) -> str:
    return bench.anvil.send(coin(nonce, amount, key=OUTSIDER, to=DEPOSIT))


async def funded(bench: Bench, running: Running, amount: int = 5 * ETH, nonce: int = 0) -> None:
    """The customer has paid in, for good."""
    await running.until(lambda: running.kept() == AT_FIRST, "what stood there is adopted")
    deposit(bench, nonce, amount)
    await running.mining(bench.anvil, lambda: running.customer() >= amount, "it is credited")


async def equal(bench: Bench, running: Running) -> None:
    """Books are the chain's truth at finality, to the unit, and nothing is open or suspected."""
    anvil, state = bench.anvil, running.state

    def is_so() -> bool:
        is_calm = not (state.breaks or state.suspects or running.causes())
        return is_calm and running.kept() == anvil.balance(OURS, DEPOSIT)

    await running.until(is_so, "books come to be the chain's truth")


async def pays_in_and_out(bench: Bench, journal: Path) -> None:
    running = await Running.begin(bench, journal)
    await funded(bench, running)
    running.tell(wanted("t1", ETH), wanted("t2", 2 * ETH))
    await running.until(lambda: bench.a.called("eth_sendRawTransaction"), "it is sent")
    assert running.status("t1") != "settled"
    await running.mining(bench.anvil, lambda: running.status("t2") == "settled", "it settles")
    await running.until(lambda: running.status("t1") == "settled", "and so does the first")
    bench.anvil.finalize()
    await equal(bench, running)
    assert running.customer() == 2 * ETH
    assert bench.anvil.balance(OTHER) == 3 * ETH
    await running.die()


def test_payments_come_in_and_go_out_and_the_books_are_the_chain_s(
    bench: Bench, tmp_path: Path
) -> None:
    run(pays_in_and_out(bench, tmp_path / "j.db"))


# --- what goes wrong on the way -------------------------------------------------------------------


async def answers_are_lost(bench: Bench, journal: Path) -> None:
    lost = 0

    def manner(called: list[str]) -> str:
        nonlocal lost
        if called == ["eth_sendRawTransaction"] and lost < 2:
            lost += 1
            return "mute" if lost == 1 else "gone"
        return ""

    bench.a.manner = manner
    running = await Running.begin(bench, journal)
    await funded(bench, running)
    running.tell(wanted("t1", ETH))
    await running.until(lambda: lost, "the first is carried out, and nobody says so")
    running.tell(wanted("t2", ETH))
    await running.mining(
        bench.anvil,
        lambda: running.status("t1") == running.status("t2") == "settled",
        "both settle",
    )
    assert lost == 2
    assert running.count("failed_reads") >= 2
    assert [int(each["nonce"], 16) for each in bench.anvil.sent_by(OURS)] == [0, 1]
    await equal(bench, running)
    await running.die()


def test_whether_it_was_taken_is_asked_and_nothing_is_paid_twice(
    bench: Bench, tmp_path: Path
) -> None:
    """Of one broadcast the answer is lost, the next is lost on its way."""
    run(answers_are_lost(bench, tmp_path / "j.db"))


async def a_surge_of_fees(bench: Bench, journal: Path) -> None:
    """A block's fee is far above what was offered: what waits is stuck, and anvil forgets it."""
    running = await Running.begin(bench, journal)
    await funded(bench, running)
    running.tell(wanted("t1", ETH), wanted("t2", ETH))
    await running.until(lambda: bench.anvil.used(OURS, "pending") == 2, "they wait in the pool")
    first = running.leg("t1")
    assert first is not None
    dear, paid = 40 * first.attempts[0].fee_max, lambda: len(bench.anvil.sent_by(OURS)) == 2

    def surge() -> None:
        bench.anvil.call("anvil_setNextBlockBaseFeePerGas", hex(dear))
        bench.anvil.mine()

    end = asyncio.get_running_loop().time() + 90
    while not paid():
        await asyncio.to_thread(surge)
        await asyncio.sleep(0.3)
        assert asyncio.get_running_loop().time() < end, running.said()
    await running.mining(
        bench.anvil,
        lambda: running.status("t1") == running.status("t2") == "settled",
        "both settle",
    )
    assert running.count("fee_bumps") >= 2
    sent = bench.anvil.sent_by(OURS)
    assert [int(each["nonce"], 16) for each in sent] == [0, 1]
    assert all(int(each["maxFeePerGas"], 16) >= dear for each in sent)
    assert len(first.attempts) >= 2
    assert len({each.tx_hash for each in first.attempts}) == len(first.attempts)
    await equal(bench, running)
    assert bench.anvil.balance(OTHER) == 2 * ETH
    await running.die()


def test_what_is_stuck_below_the_fee_is_bumped_under_its_nonce(
    bench: Bench, tmp_path: Path
) -> None:
    run(a_surge_of_fees(bench, tmp_path / "j.db"))


async def a_block_gives_way(bench: Bench, journal: Path) -> None:
    running = await Running.begin(bench, journal)
    await funded(bench, running)
    late = deposit(bench, 1, ETH)  # a customer's money in a block that will be none
    running.tell(wanted("t1", ETH))
    await running.until(lambda: bench.anvil.used(OURS, "pending") == 1, "it waits in the pool")
    bench.anvil.mine(2)
    leg = running.leg("t1")
    assert leg is not None
    await running.until(lambda: leg.attempts[0].block_hash, "it is seen in a block")
    before = leg.attempts[0].block_hash
    bench.anvil.reorganise(3)
    assert bench.anvil.used(OURS) == 0, "anvil forgot it with its block"
    await running.mining(bench.anvil, lambda: running.status("t1") == "settled", "it settles")
    assert running.count("tx_unmined") == 1
    assert leg.attempts[-1].block_hash != before
    bench.anvil.finalize()
    await equal(bench, running)
    assert bench.anvil.call("eth_getTransactionByHash", late) is None
    assert running.customer() == 4 * ETH, "what gave way was never credited"
    assert [int(each["nonce"], 16) for each in bench.anvil.sent_by(OURS)] == [0]
    await running.die()


def test_a_payment_whose_block_gave_way_is_handed_in_again_and_a_deposit_s_is_none(
    bench: Bench, tmp_path: Path
) -> None:
    run(a_block_gives_way(bench, tmp_path / "j.db"))


async def the_node_is_restarted(bench: Bench, journal: Path) -> None:
    running = await Running.begin(bench, journal)
    await funded(bench, running)
    running.tell(wanted("t1", ETH))
    await running.until(lambda: bench.anvil.used(OURS, "pending") == 1, "it waits in the pool")
    await asyncio.to_thread(bench.anvil.stop)
    running.tell(wanted("t2", ETH))
    failed = running.count("failed_reads")
    await running.until(lambda: running.count("failed_reads") > failed + 3, "nobody answers")
    await asyncio.to_thread(bench.anvil.start)
    assert bench.anvil.used(OURS, "pending") == 0, "its pool did not outlive it"
    await running.mining(
        bench.anvil,
        lambda: running.status("t1") == running.status("t2") == "settled",
        "both settle",
    )
    await equal(bench, running)
    assert [int(each["nonce"], 16) for each in bench.anvil.sent_by(OURS)] == [0, 1]
    await running.die()


def test_a_node_that_is_restarted_gets_what_it_forgot(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the round of reading that hung is begun again: after a while, here a short one."""
    monkeypatch.setattr(listening, "ASK_TIMEOUT_NS", SECOND)
    run(the_node_is_restarted(bench, tmp_path / "j.db"))


# --- two nodes ------------------------------------------------------------------------------------


async def two_disagree(bench: Bench, journal: Path) -> None:
    running = await Running.begin(bench, journal)
    await running.until(lambda: running.kept() == AT_FIRST, "what stood there is adopted")
    other = bench.another(began=bench.anvil.began)
    assert (
        other.call("eth_getBlockByNumber", "latest", False)["hash"]
        == (bench.anvil.call("eth_getBlockByNumber", "latest", False)["hash"])
    )
    other.send(coin(0, ETH // 2, key=OUTSIDER, to=OTHER))
    bench.b.anvil = other
    deposit(bench, 0, ETH)
    for each in (other, bench.anvil):
        each.mine()
        each.finalize()
    await running.until(lambda: "sources_disagree" in running.causes(), "they disagree")
    await running.until(lambda: running.count("sources_disagree") > 3, "they go on to")
    assert (running.customer(), running.kept()) == (0, AT_FIRST), "nothing is credited"
    told = [record.body for record in running.store.records() if record.name == "RaiseAlert"]
    assert any(b"sources_disagree" in each for each in told), told
    bench.b.anvil = bench.anvil
    await running.until(lambda: running.customer() == ETH, "they agree, and it is credited")
    await equal(bench, running)
    await running.die()


def test_two_nodes_that_disagree_are_an_alarm_and_nothing_is_credited(
    bench: Bench, tmp_path: Path
) -> None:
    run(two_disagree(bench, tmp_path / "j.db"))


async def one_lags(bench: Bench, journal: Path) -> None:
    running = await Running.begin(bench, journal)
    await running.until(lambda: running.kept() == AT_FIRST, "what stood there is adopted")
    bench.b.anvil = bench.another(began=bench.anvil.began)
    deposit(bench, 0, ETH)
    bench.anvil.mine()
    bench.anvil.finalize()
    asked = len(bench.a.asked)
    await running.until(lambda: len(bench.a.asked) > asked + 20, "it goes on to ask")
    assert running.customer() == 0
    assert not running.causes(), "who lags contradicts nobody"
    await running.die()


def test_what_only_one_node_calls_final_is_not_credited(bench: Bench, tmp_path: Path) -> None:
    run(one_lags(bench, tmp_path / "j.db"))


async def of_another_chain(bench: Bench, journal: Path) -> None:
    """A node behind one address is replaced by one of a chain with the same past."""
    running = await Running.begin(bench, journal)
    await running.until(lambda: running.kept() == AT_FIRST, "what stood there is adopted")
    deposit(bench, 0, ETH)
    bench.anvil.mine()
    bench.anvil.call("anvil_setChainId", 5)
    bench.anvil.finalize()
    failed = running.count("failed_reads")
    await running.until(lambda: running.count("failed_reads") > failed + 5, "no answer counts")
    assert (running.customer(), running.kept()) == (0, AT_FIRST)
    bench.anvil.call("anvil_setChainId", 1)
    await running.until(lambda: running.customer() == ETH, "it is credited")
    await equal(bench, running)
    await running.die()


def test_what_a_node_of_another_chain_says_counts_for_nothing(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "ASK_TIMEOUT_NS", SECOND)
    run(of_another_chain(bench, tmp_path / "j.db"))


async def begins_where_they_disagree(bench: Bench, journal: Path) -> None:
    """Of the same times and with the same balances of ours, and not the same blocks."""
    bench.b.anvil = other = bench.another(began=bench.anvil.began)
    other.send(coin(0, ETH // 2, key=OUTSIDER, to=OTHER))
    for each in (other, bench.anvil):
        each.call("anvil_mine", hex(6), "0x1")
    running = await Running.begin(bench, journal)
    with pytest.raises(NotAdopted, match="both nodes call final"):
        await running.task
    assert not running.state.accounts
    await running.die()


def test_books_do_not_begin_on_the_word_of_one_node(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chain_ways, "READS_MAX", 3)
    monkeypatch.setattr(chain_ways, "PAUSE_S", 0.05)
    run(begins_where_they_disagree(bench, tmp_path / "j.db"))


# --- our key in other hands -----------------------------------------------------------------------


async def somebody_has_our_key(bench: Bench, journal: Path) -> None:
    running = await Running.begin(bench, journal)
    await funded(bench, running)
    running.tell(wanted("t1", ETH))
    await running.until(lambda: bench.anvil.used(OURS, "pending") == 1, "it waits in the pool")
    thief = "0x" + "7e" * 20
    bench.anvil.send(coin(0, ETH // 2, cap=900 * GWEI, tip=50 * GWEI, to=thief))
    await running.mining(bench.anvil, lambda: "nonce_taken" in running.causes(), "it is found out")
    assert running.status("t1") == "in_flight", running.said()
    bench.anvil.finalize()
    await running.until(lambda: running.kept() == bench.anvil.balance(OURS, DEPOSIT), "books")
    assert bench.anvil.balance(OTHER) == 0
    assert running.customer() == 4 * ETH, "what he asked for is under way, and no more left him"
    await running.die()


def test_a_nonce_that_another_used_is_a_break_and_no_payment(bench: Bench, tmp_path: Path) -> None:
    run(somebody_has_our_key(bench, tmp_path / "j.db"))


# --- shadow ---------------------------------------------------------------------------------------


async def in_shadow(bench: Bench, journal: Path) -> None:
    running = await Running.begin(bench, journal, reads_only=True)
    await funded(bench, running)
    running.tell(wanted("t1", ETH))
    await running.until(lambda: running.count("failed_reads"), "our own broadcast is stopped")
    leg = running.leg("t1")
    assert leg is not None
    raw = leg.attempts[0].raw
    web3 = AsyncWeb3(running.nodes.providers["a"])
    assert await web3.eth.chain_id == 1
    with pytest.raises(Forbidden, match="eth_sendRawTransaction: this session can only read"):
        await web3.eth.send_raw_transaction(HexBytes(raw))
    with pytest.raises(Forbidden, match="anvil_setBalance"):
        await web3.provider.make_request(RPCEndpoint("anvil_setBalance"), [OURS, "0x0"])
    both = [(RPCEndpoint("eth_chainId"), []), (RPCEndpoint("eth_sendRawTransaction"), [raw])]
    with pytest.raises(Forbidden):
        await web3.provider.make_batch_request(both)
    provider: Any = web3.provider
    for body in (b"", b"{", b"[" * 100_000, b'{"method":"eth_sign"}', b'"eth_call"'):
        with pytest.raises(Forbidden):
            await provider.raw(body)
    for way in ("GET", "PUT"):
        with pytest.raises(Forbidden, match=way):
            await running.session.request(way, bench.a.url, data=b'{"method":"eth_call"}')
    bench.anvil.finalize()
    await running.until(lambda: running.kept() == bench.anvil.balance(OURS, DEPOSIT), "it follows")
    await running.die()
    for relay in (bench.a, bench.b):
        assert relay.called("eth_getLogs") or relay is bench.b
        called = {each for body in relay.asked for each in methods(body)}
        assert called <= READS, called
        assert not any(raw[2:].encode() in body for body in relay.asked)
    assert bench.anvil.used(OURS, "pending") == 0


def test_a_shadow_reads_the_chain_and_gets_nothing_out(bench: Bench, tmp_path: Path) -> None:
    """Whoever calls it: the node itself, web3, a batch, or bytes that are no call."""
    run(in_shadow(bench, tmp_path / "j.db"))


# --- kills ----------------------------------------------------------------------------------------


def test_a_node_that_is_killed_again_and_again_pays_each_once_and_leaves_no_gap(
    bench: Bench, tmp_path: Path
) -> None:
    """SIGKILL at moments that nobody chose while payments are asked for, signed, sent and mined."""
    kills = 10 if os.environ.get("TIEOUT_FULL") == "1" else 3
    child, names = Child(bench, tmp_path / "j.db"), [f"t{n}" for n in range(1, 2 * kills + 1)]
    try:
        child.start()
        child.until(lambda told: told["kept"] == AT_FIRST)
        deposit(bench, 0, 5 * ETH)
        bench.anvil.mine()
        bench.anvil.finalize()
        child.until(lambda told: told["customer"] == 5 * ETH)
        for number, name in enumerate(names):
            child.ask(wanted(name, ETH // 10))
            if number % 2:
                child.kill_after(0.01 + 0.037 * (number % 7))
                child.start()
            for each in names[: number + 1]:  # a customer who heard nothing asks again
                child.ask(wanted(each, ETH // 10))
            bench.anvil.mine(number % 3)
        child.until(lambda told: all(told["legs"].get(name) == "settled" for name in names), 1)
        bench.anvil.finalize()
        child.until(lambda told: told["kept"] == bench.anvil.balance(OURS, DEPOSIT))
        told = child.told()
        assert (told["open"], told["breaks"]) == ([], [])
        assert told["customer"] == 5 * ETH - 2 * kills * (ETH // 10)
    finally:
        child.end()
    assert [int(each["nonce"], 16) for each in bench.anvil.sent_by(OURS)] == list(range(2 * kills))
    assert bench.anvil.balance(OTHER) == 2 * kills * (ETH // 10)
    assert child.kills == kills
    assert replay(tmp_path / "j.db").differences == ()
