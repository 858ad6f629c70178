"""What goes wrong around a simulated token: policy and facts change, keys are stolen, chains part.

Each is done by whoever would do it in the world; the books hear of it as they would.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import msgspec

from core.events import Event
from core.state import State
from core.token_events import RevocationRequested, TokenReopened
from scenarios.tokens import DeedSpec, changed_policy
from sim.dice import Stream
from sim.execution import Plain
from sim.faults import Fault
from sim.machine import Embedded, Reverted
from tieout.issuing.callers import Callers
from tieout.issuing.desk import IssuerDesk
from tieout.issuing.parties import Parties
from tieout.issuing.signers import epoch_of
from tieout.tokens.messages import call, consent, sign
from tokens.policy import Policy
from tokens.typed import Authorization, Domain, lane_nonce

SECOND = 1_000_000_000
FLAWS: tuple[dict[str, Any], ...] = (
    {"sanctioned": True},
    {"kyc": "pending"},
    {"accredited_until": 0},
)
OPEN = ("reserved", "signed", "declined", "mined")
# So late do the books hear of a policy that the vault goes by.
TOLD_S_MAX = 90
# So long is somebody unfit whose facts changed while they were judged by.
UNFIT_NS = 300 * SECOND


@dataclass(slots=True, eq=False)
class Troubles:
    """Of one token."""

    parties: Parties
    callers: Callers
    desk: IssuerDesk
    domain: Domain
    dice: Stream
    deployment: tuple[str, bytes]
    tell: Callable[[Event], None]
    state: Callable[[], State | None]
    forged: int = 0
    thefts: int = 0
    replays: int = 0
    replays_moved: int = 0
    changes: int = 0
    _lanes: int = 0
    _flawed: dict[str, None] = field(default_factory=dict)

    # --- by script -------------------------------------------------------------------------------

    def do(self, deed: DeedSpec) -> None:
        """What the scenario says that somebody does now."""
        match deed.deed:
            case "tighten" | "loosen":
                self._change(changed_policy(self.parties.policy, deed.policy), deed.told_after_s)
            case "facts":
                assert deed.facts is not None, "facts that change are stated"
                told = self.parties.facts_of(deed.holder, deed.facts)
                self.parties.change_facts(told, self.tell)
            case "revoke":
                self._revoke(self.parties.wallets[deed.holder].address)
            case "raise_epoch":
                self.desk.raise_epoch()
            case "forge":
                self._forge(deed.holder, deed.receiver, deed.value, deed.keys, acts=deed.acts)
            case "replay":
                self._replay()
            case "reopen":
                self._reopen(*deed.by)

    def known_policy(self) -> str:
        """The content hash of the policy that the books have."""
        state = self.state()
        token = state.tokens.get(self.parties.spec.token) if state is not None else None
        return token.policy.content_hash if token is not None else ""

    def _change(self, policy: Policy, told_after_s: Decimal) -> None:
        self.changes += 1
        self.parties.go_by(policy)
        if told_after_s:
            self.parties.chain.world.call_in(int(told_after_s * SECOND), self._publish)
        else:
            self._publish()

    def _revoke(self, holder: str) -> None:
        """A person wants the newest permission of a holder void."""
        state = self.state()
        token = state.tokens.get(self.parties.spec.token) if state is not None else None
        theirs = [
            each
            for each in (token.authorizations.values() if token is not None else ())
            if each.sender == holder and each.status in OPEN
        ]
        if theirs:
            self.revoke(theirs[-1].name)

    def revoke(self, name: str) -> None:
        """It is asked for by the books' one door."""
        self.tell(
            RevocationRequested(
                received_at=self.parties.chain.world.now,
                token=self.parties.spec.token,
                authorization_id=name,
                person="ann",
            )
        )

    def _reopen(self, author: str, approver: str) -> None:
        """They found out what it is closed for, and let it permit again."""
        state = self.state()
        token = state.tokens.get(self.parties.spec.token) if state is not None else None
        if token is None or not token.closed:
            return
        now = self.parties.chain.world.now
        self.tell(
            TokenReopened(
                received_at=now,
                resolution_id=f"{token.name}/{author}/{approver}/{now}",
                token=token.name,
                subject=token.closed,
                author=author,
                approver=approver,
                reason="the stolen keys are out of use",
                evidence="minutes of that night",
            )
        )

    # --- by themselves ---------------------------------------------------------------------------

    def strike(self, fault: Fault) -> bool:
        """One of a token's own faults happens now; False if there was nothing to happen to."""
        match fault.kind:
            case "policy_tightened":
                return self._redraw(self._narrower())
            case "policy_loosened":
                return self._redraw(self._wider())
            case "facts_changed":
                return self._facts_drawn()
            case "epoch_raised":
                self.desk.raise_epoch()
                return True
            case "paused_by_hand":
                return self.desk.pause()
            case "authorization_forged":
                return self._forge_drawn(acts=True)
            case "keys_stolen":
                return self._forge_drawn(acts=False)
            case _:
                return False

    def _redraw(self, fields: dict[str, Any]) -> bool:
        """The vault goes by it at once; the books hear of it a little later."""
        if not fields:
            return False
        self.changes += 1
        self.parties.go_by(changed_policy(self.parties.policy, fields))
        wait = self.dice.below(TOLD_S_MAX) * SECOND
        self.parties.chain.world.call_in(wait, self._publish)
        return True

    def _publish(self) -> None:
        self.parties.publish_policy(self.known_policy(), self.tell)

    def _narrower(self) -> dict[str, Any]:
        """A lower cap, a larger lot, or one place fewer to receive from."""
        policy = self.parties.policy
        how, pick = self.dice.below(4), self.dice.pick(list(policy.jurisdictions))
        if how == 3 and policy.supply_max is not None:
            return {"supply_max": policy.supply_max * 9 // 10}
        if how == 0 and policy.holder_max is not None and policy.holder_max > 4 * policy.lot_min:
            return {"holder_max": policy.holder_max * 4 // 5}
        home = policy.jurisdictions[pick]
        if how == 1 and len(home.receives_from) > 1:
            return _home(policy, pick, receives_from=list(home.receives_from)[:-1])
        return {"lot_min": policy.lot_min * 2} if policy.lot_min < 200 else {}

    def _wider(self) -> dict[str, Any]:
        """What was narrowed is as at first, or a cap is higher."""
        policy, first = self.parties.policy, self.parties.spec.policy
        how, pick = self.dice.below(4), self.dice.pick(list(policy.jurisdictions))
        if how == 3 and policy.supply_max is not None:
            return {"supply_max": policy.supply_max * 11 // 10}
        if how == 0 and policy.holder_max is not None:
            return {"holder_max": policy.holder_max * 5 // 4}
        if how == 1 and policy.jurisdictions[pick] != first.jurisdictions[pick]:
            return _home(policy, pick, receives_from=list(first.jurisdictions[pick].receives_from))
        return {"lot_min": first.lot_min} if policy.lot_min > first.lot_min else {}

    def _facts_drawn(self) -> bool:
        """Of somebody who is busy, or of anybody."""
        self._change_facts(self.dice.pick(self._busy() or list(self.parties.facts)))
        return True

    def change_facts_of_one(self, addresses: tuple[str, ...]) -> None:
        """Of whom something is known that can change. Who is unfit now is fit again a while later:
        a world in which nobody may hold anything permits nothing."""
        whose = [self.parties.judge.people.get(each, "") for each in addresses]
        known = [person for person in whose if person in self.parties.facts]
        if known:
            person = self.dice.pick(known)
            self._change_facts(person)
            self.parties.chain.world.call_in(UNFIT_NS, self._mend, person)

    def _mend(self, person: str) -> None:
        if person in self._flawed:
            self._change_facts(person)

    def _change_facts(self, person: str) -> None:
        """Somebody is sanctioned, moves, or is not approved or accredited any more; or is again."""
        parties = self.parties
        place, how = self.dice.pick(list(parties.policy.jurisdictions)), self.dice.below(4)
        facts = parties.facts[person]
        until = parties.epoch_ns // SECOND + 365 * 86_400
        if person in self._flawed:
            del self._flawed[person]
            fit = {"sanctioned": False, "kyc": "approved", "kyc_until": until}
            told = msgspec.structs.replace(facts, accredited_until=until, **fit)
        elif how == 0:
            told = msgspec.structs.replace(facts, jurisdiction=place)
        else:
            self._flawed[person] = None
            told = msgspec.structs.replace(facts, **FLAWS[how - 1])
        parties.change_facts(told, self.tell)

    def move(self, holder: str) -> None:
        """Whose address that is lives elsewhere from now on."""
        parties = self.parties
        facts = parties.facts.get(parties.judge.people.get(holder, ""))
        if facts is not None:
            others = [
                place for place in parties.policy.jurisdictions if place != facts.jurisdiction
            ]
            told = msgspec.structs.replace(facts, jurisdiction=self.dice.pick(others))
            parties.change_facts(told, self.tell)

    def _busy(self) -> list[str]:
        """Every other time, those of whom a permission is asked for or open now; else nobody."""
        state, people = self.state(), self.parties.judge.people
        token = state.tokens.get(self.parties.spec.token) if state is not None else None
        if token is None or self.dice.below(2):
            return []
        every = token.authorizations.values()
        open_ = [each for each in every if each.status in ("requested", *OPEN)]
        whose = [people.get(who, "") for each in open_ for who in (each.sender, each.receiver)]
        return [person for person in whose if person in self.parties.facts]

    def _forge_drawn(self, *, acts: bool) -> bool:
        names = self.parties.active()
        rich = [name for name in names if self.parties.holding(name)]
        if not rich:
            return False
        holder, receiver = self.dice.pick(rich), self.dice.pick(names)
        if holder == receiver:
            receiver = names[(names.index(holder) + 1) % len(names)]
        value = max(1, self.parties.holding(holder) // 3)
        return self._forge(holder, receiver, value, self.parties.spec.threshold, acts=acts)

    # --- theft -----------------------------------------------------------------------------------

    def _forge(self, holder: str, receiver: str, value: int, keys: int, *, acts: bool) -> bool:
        """Whoever has so many authorizers' keys permits what nobody decided.

        With a holder who acts it moves; without one there is no consent, but the thief's own.
        """
        parties = self.parties
        chain, now = parties.chain, parties.chain.world.now
        self._lanes += 1
        head = chain.timeline.schedule.time(chain.head(now)) // SECOND
        decision = b"".join(self.dice.word().to_bytes(8) for _ in range(4))
        permit = Authorization(
            parties.wallets[holder].address,
            parties.wallets[receiver].address,
            value,
            head - 12,
            head + 240,
            lane_nonce((1 << 190) + self._lanes, 0),
            epoch_of(chain, self.domain.contract, parties.wallets[holder].address),
            decision,
        )
        stolen = list(parties.keys.items())[:keys]
        signatures = {who: sign(self.domain, permit, key) for who, key in stolen}
        if acts:
            self.forged += 1
            parties.oracle.acted["0x" + decision.hex()] = None
            parties.wallets[holder].send(self.domain.contract, call(permit, signatures))
            return True
        self.thefts += 1
        own = consent(self.domain, permit, parties.thief.key)
        parties.thief.send(self.domain.contract, call(permit, signatures, own))
        return True

    # --- replay ----------------------------------------------------------------------------------

    def _replay(self) -> None:
        """What was used last is brought once more: here, on a fork of the chain, and to a twin."""
        if not self.callers.data_mined:
            return
        wallet, data = self.callers.data_mined[-1]
        self._count(moved=wallet.would(self.domain.contract, data))
        wallet.send(self.domain.contract, data)
        for chain_id, before in ((self.domain.chain_id + 1, 0), (self.domain.chain_id, 1)):
            self._count(moved=self._moves_on(chain_id, before, wallet.address, data))

    def _moves_on(self, chain_id: int, before: int, sender: str, data: bytes) -> bool:
        """On a chain of that id, where the deployer deployed so many contracts before this one."""
        chain, (deployer, code) = self.parties.chain, self.deployment
        head = chain.timeline.schedule.time(chain.head(chain.world.now)) // SECOND
        other = Embedded(chain_id, lambda number: head, Plain(()))
        for _ in range(before):
            other.deploy(deployer, code)
        contract = other.deploy(deployer, code)
        assert (contract == self.domain.contract) == (not before), "a fork has the same address"
        try:
            other.call(contract, data, 0, sender)
        except Reverted:
            return False
        return True

    def _count(self, *, moved: bool) -> None:
        self.replays += 1
        self.replays_moved += moved


def _home(policy: Policy, name: str, **fields: Any) -> dict[str, Any]:
    """The policy's jurisdictions, one of them with other fields."""
    told = {each: home.model_dump() for each, home in policy.jurisdictions.items()}
    told[name] |= fields
    return {"jurisdictions": told}
