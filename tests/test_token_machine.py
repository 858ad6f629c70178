"""The token under anything in any order: supply and balances are what a small model says.

Whatever was ever signed is kept and sent again at any time, by anybody: what the model says is void
is refused, and changes nothing.
"""

import sys
from dataclasses import dataclass, field

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import invariant

from sim.forks import SECOND
from tests import exporting
from tests.evms import EmbeddedEvm
from tests.exporting import Machine, rule
from tests.issuing import ADMIN, ALICE, BOB, FIRST, PAUSER, RELAYER, STRANGER, Issue
from tests.issuing import SECOND as OTHER
from tokens import calls
from tokens.calls import Release
from tokens.typed import Authorization, Burn, Mint, Recovery, lane_nonce

if sys.version_info >= (3, 13):
    pytest.skip("pyrevm has no wheel for this Python", allow_module_level=True)

HOLDERS = (ALICE, BOB, STRANGER)
HOLDER = st.sampled_from(HOLDERS)
LANES = st.sampled_from((0, 1, 2**192 - 1))
VALUE = st.integers(0, 60)
PICK = st.integers(0, 10**6)


@dataclass
class Model:
    """What the contract should know, said otherwise."""

    balances: dict[str, int] = field(default_factory=lambda: dict.fromkeys(HOLDERS, 0))
    used: dict[tuple[str, int], int] = field(default_factory=dict)
    epoch: int = 0
    recovered: dict[str, int] = field(default_factory=lambda: dict.fromkeys(HOLDERS, 0))
    paused: bool = False

    def epoch_of(self, holder: str) -> int:
        return self.epoch + self.recovered[holder]

    def is_next(self, owner: str, nonce: int) -> bool:
        return self.used.get((owner, nonce >> 64), 0) == nonce % 2**64

    def use(self, owner: str, nonce: int) -> None:
        self.used[owner, nonce >> 64] = nonce % 2**64 + 1


@dataclass(frozen=True)
class Signed:
    """Something that was signed once, and the call that uses it."""

    message: Authorization | Mint | Burn | Recovery
    data: bytes


class Life(Machine):
    """Signing, sending, revoking, pausing, waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.evm = EmbeddedEvm()
        self.issue = Issue(self.evm).deploy()
        self.model = Model()
        self.signed: list[Signed] = []
        self.owner = self.issue.token

    def _nonce(self, owner: str, lane: int, ahead: int) -> int:
        return lane_nonce(lane, self.model.used.get((owner, lane), 0) + ahead)

    # --- signing ----------------------------------------------------------------------------------

    @rule(holder=HOLDER, to=HOLDER, value=VALUE, lane=LANES, ahead=st.integers(0, 1))
    def permit(self, holder: str, to: str, value: int, lane: int, ahead: int) -> None:
        nonce = self._nonce(holder, lane, ahead)
        epoch = self.model.epoch_of(holder)
        given = self.issue.permit(holder=holder, to=to, value=value, nonce=nonce, epoch=epoch)
        released = self.issue.released(given, (FIRST,), consent=True)
        self.signed.append(Signed(given, calls.release([released])))

    @rule(to=HOLDER, value=VALUE, lane=LANES)
    def sign_mint(self, to: str, value: int, lane: int) -> None:
        nonce = self._nonce(self.owner, lane, 0)
        message = self.issue.mint(to=to, value=value, nonce=nonce, epoch=self.model.epoch_of(to))
        data = calls.mint(message, self.issue.signed(ADMIN, message))
        self.signed.append(Signed(message, data))

    @rule(holder=HOLDER, value=VALUE, lane=LANES)
    def sign_burn(self, holder: str, value: int, lane: int) -> None:
        nonce, epoch = self._nonce(self.owner, lane, 0), self.model.epoch_of(holder)
        message = self.issue.burn(holder=holder, value=value, nonce=nonce, epoch=epoch)
        consent = self.issue.consent(message)
        data = calls.burn(message, self.issue.signed(ADMIN, message), consent)
        self.signed.append(Signed(message, data))

    @rule(holder=HOLDER, to=HOLDER, lane=LANES)
    def sign_recovery(self, holder: str, to: str, lane: int) -> None:
        nonce = self._nonce(self.owner, lane, 0)
        message = self.issue.recovery(holder=holder, to=to, nonce=nonce)
        data = calls.recover(message, self.issue.signed(ADMIN, message))
        self.signed.append(Signed(message, data))

    # --- sending: the newest, or anything ever signed ---------------------------------------------

    @rule()
    def send_newest(self) -> None:
        if self.signed:
            self._send(self.signed[-1])

    @rule(pick=PICK)
    def send_any(self, pick: int) -> None:
        if self.signed:
            self._send(self.signed[pick % len(self.signed)])

    def _send(self, signed: Signed) -> None:
        expected = self._apply(signed.message)
        outcome = self.issue.send(RELAYER, signed.data)
        assert outcome.succeeded == expected, self.issue.error(outcome)

    def _apply(self, message: Authorization | Mint | Burn | Recovery) -> bool:
        """Whether it goes through; if so the model follows."""
        model, now = self.model, self.evm.now()
        owner = message.holder if isinstance(message, Authorization) else self.owner
        if now >= message.valid_before or not model.is_next(owner, message.nonce):
            return False
        if not isinstance(message, Recovery):
            touched = message.to if isinstance(message, Mint) else message.holder
            if model.paused or message.epoch != model.epoch_of(touched):
                return False
        match message:
            case Authorization(holder, to, value):
                if holder == to or value > model.balances[holder] or now <= message.valid_after:
                    return False
                model.balances[holder] -= value
                model.balances[to] += value
            case Mint(to, value):
                model.balances[to] += value
            case Burn(holder, value):
                if value > model.balances[holder]:
                    return False
                model.balances[holder] -= value
            case Recovery(holder, to):
                if holder == to:
                    return False
                model.balances[to] += model.balances[holder]
                model.balances[holder] = 0
                model.recovered[holder] += 1
        model.use(owner, message.nonce)
        return True

    # --- all else ---------------------------------------------------------------------------------

    @rule(holder=HOLDER, lane=LANES, ahead=st.integers(-1, 1))
    def revoke(self, holder: str, lane: int, ahead: int) -> None:
        nonce = max(0, self._nonce(holder, lane, 0) + ahead)
        expected = self.model.is_next(holder, nonce)
        assert self.issue.send(FIRST, calls.revoke(holder, nonce)).succeeded == expected
        if expected:
            self.model.use(holder, nonce)

    @rule(holder=HOLDER, lane=LANES, below=st.integers(0, 6))
    def revoke_lane(self, holder: str, lane: int, below: int) -> None:
        expected = below > self.model.used.get((holder, lane), 0)
        data = calls.revoke_lane(holder, lane, below)
        assert self.issue.send(holder, data).succeeded == expected
        if expected:
            self.model.used[holder, lane] = below

    @rule(who=st.sampled_from((FIRST, OTHER, ADMIN, PAUSER, ALICE)))
    def raise_epoch(self, who: str) -> None:
        expected = who in (FIRST, OTHER, ADMIN)
        assert self.issue.send(who, calls.raise_epoch()).succeeded == expected
        self.model.epoch += expected

    @rule(who=st.sampled_from((ADMIN, PAUSER)), pausing=st.booleans())
    def pause(self, who: str, pausing: bool) -> None:  # noqa: FBT001  # hypothesis names it
        data = calls.pause() if pausing else calls.unpause()
        expected = who == (PAUSER if pausing else ADMIN) and self.model.paused != pausing
        assert self.issue.send(who, data).succeeded == expected
        if expected:
            self.model.paused = pausing

    @rule(seconds=st.sampled_from((1, 30, 59, 60, 61)))
    def wait(self, seconds: int) -> None:
        self.evm.later(seconds)

    @rule(pick=PICK)
    def steal(self, pick: int) -> None:
        """With the authorizers' keys alone: whatever they signed, without the holder's consent."""
        permits = [x.message for x in self.signed if isinstance(x.message, Authorization)]
        if permits:
            given = permits[pick % len(permits)]
            released = self.issue.released(given, (FIRST, OTHER))
            data = calls.release([Release(given, released.signatures)])
            assert not self.issue.send(FIRST, data).succeeded

    # --- what always holds ------------------------------------------------------------------------

    @invariant()
    def balances_are_the_models(self) -> None:
        assert {who: self.issue.balance(who) for who in HOLDERS} == self.model.balances

    @invariant()
    def the_supply_is_their_sum(self) -> None:
        assert self.issue.supply() == sum(self.model.balances.values())

    @invariant()
    def the_ledger_says_the_same(self) -> None:
        """What the simulated nodes answer."""
        at, now = self.evm.number, self.evm.number * 12 * SECOND
        booked = {who: self.evm.ledger.balance(self.owner, who, at, now) for who in HOLDERS}
        assert booked == self.model.balances


TestLife = exporting.case(Life, examples=60, steps=40)
