"""The embedded EVM as the simulated chain's machine: blocks, forks, and what nodes answer."""

import subprocess
import sys
from dataclasses import dataclass, replace

import pytest

from rails.evm.signing import Item, address_of, signed
from rails.keys import PrivateKey
from sim.chain import Chain
from sim.dice import Dice
from sim.execution import Outcome, Plain
from sim.forks import SECOND
from sim.machine import NOBODY, Embedded, Reverted
from sim.world import World
from tests.chains import ETH, GWEI, OTHER, SLOT, START, USDC, coin
from tests.issuing import ADMIN, ALICE, BOB, FIRST, KEYS, PAUSER, RELAYER, call_of, signature
from tokens import calls, typed
from tokens.calls import Parameters, Release
from tokens.typed import Authorization, Consent, Domain, Mint

if sys.version_info >= (3, 13):
    pytest.skip("pyrevm has no wheel for this Python", allow_module_level=True)

ASSET = Parameters("Asset", "AST", 0, ADMIN, PAUSER, (FIRST,), 1)
# Adds one to its first word.
COUNTER = bytes.fromhex("600a600c600039600a6000f3" + "60005460010160005500")
# Answers number, timestamp and base fee.
CODE_OF_THE_BLOCK = bytes.fromhex("6011600c60003960116000f3" + "43600052426020524860405260606000f3")


@dataclass(slots=True, eq=False)
class Site:
    """A chain with the token; alice has a hundred, and coin for gas."""

    world: World
    chain: Chain
    machine: Embedded
    token: str
    domain: Domain
    sent: int = 0

    def submit(self, who: str, data: bytes, *, value: int = 0, nonce: int | None = None) -> str:
        """A signed transaction into the mempool; its hash."""
        used = self.chain.nonce(who) + len(self.chain.waiting(who)) if nonce is None else nonce
        target = bytes.fromhex(self.token[2:])
        fields: list[Item] = [1, used, 9 * GWEI, 500 * GWEI, 400_000, target, value, data, []]
        return self.chain.submit(signed(fields, KEYS[who])).hash

    def mint(self, nonce: int, value: int, to: str = ALICE) -> bytes:
        message = Mint(to, value, 2**40, nonce, 0, bytes(32))
        return calls.mint(message, signature(ADMIN, typed.digest(self.domain, message)))

    def move(self, nonce: int, value: int) -> bytes:
        given = Authorization(ALICE, BOB, value, 0, 2**40, nonce, 0, bytes(32))
        permitted = signature(FIRST, typed.digest(self.domain, given))
        consent = Consent(typed.struct_hash(given))
        consented = signature(ALICE, typed.digest(self.domain, consent))
        return calls.release([Release(given, (permitted,), consented)])

    def run(self, blocks: int = 8) -> None:
        self.world.run(until=self.world.now + blocks * SLOT)

    def outcome(self, tx_hash: str) -> Outcome:
        mined = self.chain.place(self.chain.known[tx_hash], self.world.now)
        assert mined is not None
        return mined.outcome

    def head(self) -> int:
        return self.chain.head(self.world.now)

    def told(self, who: str, number: int | None = None) -> int:
        """What the contract says that somebody has."""
        at = self.head() if number is None else number
        return int.from_bytes(self.machine.call(self.token, call_of("balanceOf(address)", who), at))

    def booked(self, who: str, number: int | None = None) -> int:
        """What the chain's ledger says."""
        at = self.head() if number is None else number
        return self.chain.ledger.balance(self.token, who, at, self.world.now)


def site(seed: int = 1) -> Site:
    world = World(START)
    machine = Embedded(1, lambda number: (START + number * SLOT) // SECOND, Plain((USDC,)))
    token = machine.deploy("0x" + "d0" * 20, calls.deployment(ASSET))
    chain = Chain("chain", world, Dice(seed), tokens=(USDC, token), machine=machine)
    for who in (ALICE, RELAYER):
        chain.fund("", who, ETH)
    made = Site(world, chain, machine, token, Domain("Asset", "1", 1, token))
    made.submit(RELAYER, made.mint(0, 100))
    made.run()
    assert made.told(ALICE) == 100
    return made


def test_a_transfer_is_in_the_contract_and_in_the_ledger() -> None:
    here = site()
    tx_hash = here.submit(RELAYER, here.move(0, 30))
    here.run()
    outcome = here.outcome(tx_hash)
    assert outcome.succeeded
    assert [log.address for log in outcome.logs] == [here.token] * 2
    assert (here.told(ALICE), here.told(BOB)) == (70, 30)
    assert (here.booked(ALICE), here.booked(BOB)) == (70, 30)
    assert here.chain.ledger.total(here.token, here.head(), here.world.now) == 100


def test_what_reverts_says_why_and_costs_its_gas() -> None:
    here = site()
    before = here.chain.balance("", RELAYER)
    tx_hash = here.submit(RELAYER, here.move(1, 30))
    here.run()
    outcome = here.outcome(tx_hash)
    assert (outcome.succeeded, outcome.logs) == (False, ())
    assert outcome.output[:4] == calls.selector("InvalidAccountNonce(address,uint256)")
    assert here.chain.balance("", RELAYER) < before - 21_000
    assert here.booked(BOB) == 0


def test_what_runs_out_of_gas_or_is_made_to_fail_changes_nothing() -> None:
    """All of its gas is gone in the one case; in the other the world arranged it."""
    here = site()
    first = here.chain.known[here.submit(RELAYER, here.move(0, 30))].transaction
    ledger, number, now = here.chain.ledger, here.head() + 1, here.world.now
    short = replace(first, gas=50_000)
    outcome = here.machine.execute(short, ledger, number, now, revert=False)
    assert outcome == Outcome(50_000, succeeded=False)
    outcome = here.machine.execute(first, ledger, number, now, revert=True)
    assert (outcome.succeeded, outcome.logs) == (False, ())
    assert here.told(ALICE, number) == 100
    assert here.machine.execute(first, ledger, number, now, revert=False).succeeded


def test_coin_moves_as_before_and_none_into_a_contract_that_takes_none() -> None:
    here = site()
    key = PrivateKey(bytes(range(1, 33)))
    here.chain.fund("", address_of(key), ETH)
    here.chain.submit(coin(0, 1_000, key=key))
    tx_hash = here.submit(RELAYER, calls.raise_epoch(), value=7)
    here.run()
    assert here.chain.balance("", OTHER) == 1_000
    assert not here.outcome(tx_hash).succeeded
    assert here.chain.balance("", here.token) == 0


def test_a_fork_takes_back_what_was_executed_and_it_is_executed_again() -> None:
    """Fork after fork; contract and ledger tell the same, and each transfer happened once."""
    here = site()
    for place in range(6):
        here.submit(RELAYER, here.move(place, 10))
        here.run(3)
    left = []
    for depth in (6, 12, 18, 24):
        number = here.head() - depth
        kept = here.booked(BOB, number)
        assert here.told(BOB, number) == kept
        assert here.chain.reorganise(depth) == depth
        assert here.told(BOB, number) == kept
        assert here.told(BOB) == here.booked(BOB)
        left.append(here.told(BOB))
        here.run(3)
    assert min(left) < 30
    here.run(40)
    assert here.told(BOB) == here.booked(BOB) == 60


def test_a_call_sees_the_state_of_the_block_it_names() -> None:
    """And leaves the newest as it was."""
    here = site()
    seen = {here.head(): 0}
    for place in range(4):
        here.submit(RELAYER, here.move(place, 10))
        here.run()
        seen[here.head()] = 10 * (place + 1)
    assert {number: here.told(BOB, number) for number in sorted(seen, reverse=True)} == seen
    assert {number: here.booked(BOB, number) for number in seen} == seen
    assert here.told(BOB) == 40
    here.submit(RELAYER, here.move(4, 10))
    here.run()
    assert here.told(BOB) == 50


def test_each_transaction_counts_once_whatever_is_asked_and_taken_back() -> None:
    """A contract that counts its calls: nothing is lost or doubled by calls and forks."""
    here = site()
    counter = here.machine.deploy("0x" + "d1" * 20, COUNTER)
    first = here.chain.known[here.submit(RELAYER, b"")].transaction
    sent = replace(first, to=counter)
    for number in (100, 101, 101, 103):
        here.machine.execute(sent, here.chain.ledger, number, here.world.now, revert=False)
    assert here.machine.storage(counter, 0) == 4
    for number in (100, 102, 99):
        here.machine.call(counter, b"", number)
        assert here.machine.storage(counter, 0) == 4
    here.machine.rewind(100)
    assert here.machine.storage(counter, 0) == 1
    here.machine.execute(sent, here.chain.ledger, 101, here.world.now, revert=False)
    here.machine.call(counter, b"", 99)
    assert here.machine.storage(counter, 0) == 2


def test_a_contract_sees_number_and_time_of_its_block() -> None:
    """And a base fee of 0, which pyrevm lets nobody set: if one day it does, this says so."""
    machine = Embedded(1, lambda number: 1_000 + 12 * number, Plain(()))
    contract = machine.deploy(NOBODY[:-1] + "1", CODE_OF_THE_BLOCK)
    for number in (3, 9):
        raw = machine.call(contract, b"", number)
        words = [int.from_bytes(raw[at : at + 32]) for at in (0, 32, 64)]
        assert words == [number, 1_000 + 12 * number, 0]


def test_a_call_that_fails_says_so() -> None:
    here = site()
    with pytest.raises(Reverted) as told:
        here.machine.call(here.token, call_of("transfer(address,uint256)", BOB, 1), here.head())
    assert told.value.data == calls.selector("NeedsAuthorization()")


def test_more_marks_than_a_call_stack_has_places() -> None:
    """A year's transactions can all be taken back, though an EVM nests a thousand calls."""
    here = site()
    used = call_of("nonces(address,uint192)", ALICE, 0)
    first = here.chain.known[here.submit(RELAYER, here.move(0, 0))].transaction
    for place in range(1_100):
        sent = replace(first, data=here.move(place, 0))
        ledger, now = here.chain.ledger, here.world.now
        assert here.machine.execute(sent, ledger, 100 + place, now, revert=False).succeeded
    assert int.from_bytes(here.machine.call(here.token, used, 2_000)) == 1_100
    here.machine.rewind(100)
    assert int.from_bytes(here.machine.call(here.token, used, 2_000)) == 1


def test_without_a_wheel_it_says_which_python_has_one() -> None:
    """The module can be imported anywhere; only a machine needs the EVM."""
    code = (
        "import sys; sys.modules['pyrevm'] = None\n"
        "from sim.machine import Embedded, NoEvm\n"
        "from sim.execution import Plain\n"
        "try: Embedded(1, lambda number: 1, Plain(()))\n"
        "except NoEvm as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "3.11 and 3.12" in done.stdout
