"""Tokens' part of the simulated driver: contract, vault, signers, callers, and the issuer's desk.

It wires and decides nothing, as `tieout.settlement.simulated` does for rails. The contract stands
on a chain of settlement from block 0 on, and is asked by way of that chain's connector; whoever
answers here enters by the node's one door.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from core.effects import Effect
from core.state import State
from core.token_effects import JudgeAuthorization, SignAuthorization, TellCaller
from core.token_events import (
    AuthorizationDeclined,
    AuthorizationJudged,
    AuthorizationSigned,
    TokenPublished,
)
from core.token_state import Authorization, Token
from rails.evm.simulated import SimulatedNodes
from rails.keys import keccak256
from scenarios.tokens import TokenSpec
from sim.dice import Dice
from sim.faults import Fault, Faults
from sim.machine import Embedded
from sim.permission_oracle import Permission, PermissionOracle
from sim.token_oracle import Decided, Register
from sim.world import World
from tieout.claims.limits_passed import LimitsPassed
from tieout.claims.token_sums import Sums
from tieout.issuing.callers import Callers
from tieout.issuing.desk import IssuerDesk
from tieout.issuing.host import TokenHost
from tieout.issuing.parties import Parties
from tieout.issuing.signers import Signers, epoch_of, nonce_of
from tieout.issuing.subscribers import CashView, Subscribers
from tieout.issuing.troubles import Troubles
from tieout.settlement.simulated import Rails, RailSite
from tieout.tokens.dialect import with_tokens
from tokens import calls
from tokens.calls import Parameters
from tokens.signers.verifying import Refused
from tokens.typed import Domain

SECOND = 1_000_000_000
MS = 1_000_000
DEPLOYER = "0x" + "de" * 20
VAULT_MS = (3, 30)
SIGNING_MS = (5, 60)
# Whoever looks after a pause lifts it when nothing is left that moved without being decided.
PAUSE_LOOK_NS = 600 * SECOND
LOCKED = "the key is locked"


class Issue:
    """One token, and all around it."""

    def __init__(
        self,
        spec: TokenSpec,
        site: RailSite,
        world: World,
        dice: Dice,
        faults: Faults,
        epoch_ns: int,
        until: int,
        host: TokenHost,
    ) -> None:
        nodes = site.keeper
        assert isinstance(nodes, SimulatedNodes), "the model lets only chains have contracts"
        chain = nodes.chain
        self.spec, self.site, self.world = spec, site, world
        self.chain, self.faults, self.host = chain, faults, host
        self.dice = dice.stream(f"issuing/{spec.token}")
        self.parties = Parties(spec, chain, dice, epoch_ns, until)
        code = calls.deployment(self._parameters())
        assert isinstance(chain.machine, Embedded)
        self.contract = chain.machine.deploy(DEPLOYER, code)
        self.domain = Domain(spec.token, "1", chain.chain_id, self.contract)
        self.parties.settle_in(self.contract)
        self.oracle = self.parties.oracle
        self.permissions = PermissionOracle(self.oracle, self._takes)
        self.sums = Sums(spec.token)
        self.limits = LimitsPassed(spec.token, self.oracle, self.parties.judge)
        self.signers = Signers(
            chain, self.domain, self.parties.keys, self.parties.admin.key, self._judged
        )
        self.desk = IssuerDesk(self.parties, self.contract)
        self.callers = Callers(
            spec,
            self.parties,
            self.desk,
            self.domain,
            world,
            faults,
            dice.stream(f"callers/{spec.token}"),
            host,
            until,
        )
        self.troubles = Troubles(
            self.parties,
            self.callers,
            self.desk,
            self.domain,
            dice.stream(f"troubles/{spec.token}"),
            (DEPLOYER, code),
            host.tell,
            lambda: host.state,
        )
        self.callers.on_signed = self._may_race
        self.published = False
        self.epoch_ns = epoch_ns
        self._out: dict[str, int] = {}
        self.code_first = self.code_hash()
        self.subscribers: Subscribers | None = None

    def subscribe(self, rails: Rails) -> None:
        """Customers of the rails pay for it, where it is offered to them."""
        if self.spec.offering is not None:
            self.subscribers = Subscribers(self.spec, self.spec.offering, self.parties, rails)
            self.callers.on_permitted = self.subscribers.oracle.on_permitted

    def code_hash(self) -> bytes:
        """Of the code that stands at the contract's address."""
        assert isinstance(self.chain.machine, Embedded)
        return keccak256(self.chain.machine.code(self.contract))

    def _parameters(self) -> Parameters:
        parties, spec = self.parties, self.spec
        return Parameters(
            name=spec.token,
            symbol=spec.token[:8],
            decimals=0,
            admin=parties.admin.address,
            pauser=parties.pauser.address,
            authorizers=tuple(parties.keys),
            threshold=spec.threshold,
        )

    # --- what stands is told ---------------------------------------------------------------------

    def open(self) -> None:
        """As a deployment tells it before it begins."""
        self._tell_terms()
        self.published = True
        self.callers.begin()
        for deed in self.spec.deeds:
            at = self.epoch_ns + int(deed.at_s * SECOND)
            self.world.call_at(at, self.troubles.do, deed)
        self.world.call_in(PAUSE_LOOK_NS, self._look_at_pause)

    def tell_again(self) -> None:
        """A node came up: what changed while nobody was at home is told as well."""
        if self.published:
            self._tell_terms()

    def _tell_terms(self) -> None:
        chain, timeline = self.chain, self.chain.timeline
        self.host.tell(
            TokenPublished(
                received_at=self.world.now,
                token=self.spec.token,
                account=self.site.spec.account,
                contract=self.contract,
                signers=tuple(self.parties.keys),
                threshold=self.spec.threshold,
                admin=self.parties.admin.address,
                block_number=0,
                block_hash="0x" + timeline.hash_on(0, 0),
                timestamp=chain.timeline.schedule.time(0) // SECOND,
                poll_ns=int(self.spec.poll_s * SECOND),
            )
        )
        self.parties.tell_all(self.troubles.known_policy(), self.host.tell)
        if self.subscribers is not None:
            self.subscribers.tell_terms(self.host.tell)

    # --- those who answer ------------------------------------------------------------------------

    def perform(self, effect: Effect) -> bool:
        """Do what the effect asks, if it is for anyone here."""
        match effect:
            case JudgeAuthorization():
                self._judge(effect)
            case SignAuthorization():
                self._sign(effect)
            case TellCaller():
                self.callers.hear(effect)
            case _:
                return self.desk.perform(effect)
        return True

    def _strikes(self, kind: str) -> Fault | None:
        return self.faults.strikes(kind, self.spec.rail)

    def _judge(self, asked: JudgeAuthorization) -> None:
        """The vault looks soon. Where its answer is slow, others act before it is there."""
        slow = self._strikes("vault_slow")
        late = slow.strength * MS if slow is not None else 0
        self.world.call_in(self.dice.between(*VAULT_MS) * MS, self._look_in_vault, asked, late)

    def _look_in_vault(self, asked: JudgeAuthorization, late: int) -> None:
        answer = self._judged(asked)
        races = self._strikes("facts_race")
        if races is not None:
            late = max(late, 1 + races.strength * MS)
            both = asked.sender, asked.receiver
            self.world.call_in(self.dice.below(late), self.troubles.change_facts_of_one, both)
        if not late:
            self.host.tell(answer)
            return
        self.world.call_in(late, self._say_judged, answer)
        if self._strikes("revocation_races") is not None:
            name = asked.authorization_id
            self.world.call_in(self.dice.below(late), self.troubles.revoke, name)

    def _say_judged(self, answer: AuthorizationJudged) -> None:
        self.host.tell(msgspec.structs.replace(answer, received_at=self.world.now))

    def _judged(self, asked: JudgeAuthorization) -> AuthorizationJudged:
        return self.parties.judge.judge(asked, self.world.now)

    def _sign(self, asked: SignAuthorization) -> None:
        """A signer of its own process, which may be slow, unwilling, or not there for a while."""
        now = self.world.now
        self.permissions.asked(self._permission(asked), now)
        out = self._strikes("signer_out")
        if out is not None:
            self._out[asked.signer] = now + out.strength * MS
        if now < self._out.get(asked.signer, 0):
            return
        wait = self.dice.between(*SIGNING_MS) * MS
        slow = self._strikes("signer_slow")
        wait += slow.strength * MS if slow is not None else 0
        declines = self._strikes("signer_declines") is not None
        first = Decided(
            now,
            asked.kind,
            asked.sender,
            asked.receiver,
            asked.value,
            asked.valid_before,
        )
        self.world.call_in(wait, self._answer, asked, first, declines)

    def _answer(self, asked: SignAuthorization, first: Decided, declines: bool) -> None:  # noqa: FBT001  # by `call_in`
        """It looks at chain, policy and facts again: what it signs is decided by what is so now."""
        answer = Refused(LOCKED) if declines else self.signers.sign(asked, self.world.now)
        if isinstance(answer, Refused):
            if not declines:
                self.permissions.declined(self._permission(asked), answer.reason, self.world.now)
            self.host.tell(
                AuthorizationDeclined(
                    received_at=self.world.now,
                    token=asked.token,
                    authorization_id=asked.authorization_id,
                    signer=asked.signer,
                    reason=answer.reason,
                )
            )
            return
        self.oracle.signed(asked.decision_hash, first, self.world.now)
        self.host.tell(
            AuthorizationSigned(
                received_at=self.world.now,
                token=asked.token,
                authorization_id=asked.authorization_id,
                signer=asked.signer,
                signature="0x" + answer.signature.raw.hex(),
            )
        )

    def _permission(self, asked: SignAuthorization) -> Permission:
        """As the oracle has it; an admin's nonces are the contract's own."""
        return Permission(
            asked.decision_hash,
            asked.kind,
            asked.sender,
            asked.receiver,
            asked.value,
            asked.valid_after,
            asked.valid_before,
            asked.sender if asked.kind == "transfer" else self.contract,
            asked.nonce,
            asked.epoch,
        )

    def _takes(self, wanted: Permission) -> bool:
        """Whether its nonce is the lane's next, and its epoch the one in force, in the newest
        block."""
        chain, holder = self.chain, wanted.sender or wanted.receiver
        is_next = nonce_of(chain, self.contract, wanted.owner, wanted.nonce) == wanted.nonce
        if wanted.kind == "recovery":
            return is_next
        return is_next and epoch_of(chain, self.contract, holder) == wanted.epoch

    def _may_race(self, wanted: Authorization) -> None:
        """A revocation, an epoch that somebody raises, or a holder who moves elsewhere races what
        was just permitted."""
        if self._strikes("revocation_races") is not None:
            self.troubles.revoke(wanted.name)
        if self._strikes("epoch_races") is not None:
            self.desk.raise_epoch()
        if self._strikes("sender_moves") is not None:
            self.troubles.move(wanted.sender)

    def _look_at_pause(self) -> None:
        """People lift a pause once nothing is left that asked for it."""
        token = self.token()
        if token is not None and token.paused and not token.closed:
            self.desk.unpause()
        self.world.call_in(PAUSE_LOOK_NS, self._look_at_pause)

    def token(self) -> Token | None:
        """The token as the books have it now."""
        state = self.host.state
        return state.tokens.get(self.spec.token) if state is not None else None

    def look_at_books(self) -> None:
        if self.host.state is not None:
            self.sums.look(self.host.state)
            self.limits.look(self.host.state)

    def strike(self, fault: Fault) -> None:
        """One of a token's own faults happens now; it counts only where it took effect."""
        if self.troubles.strike(fault):
            self.faults.count(fault.kind)


class Issuing:
    """All tokens of a run."""

    def __init__(
        self,
        specs: Sequence[TokenSpec],
        rails: Rails,
        world: World,
        dice: Dice,
        faults: Faults,
        epoch_ns: int,
        until: int,
        host: TokenHost,
    ) -> None:
        """Each contract is deployed; the chains' connectors ask and read of it as well."""
        by_rail = {site.spec.name: site for site in rails.sites}
        self.issues = [
            Issue(spec, by_rail[spec.rail], world, dice, faults, epoch_ns, until, host)
            for spec in specs
        ]
        for issue in self.issues:
            issue.subscribe(rails)
        self._by_name = {issue.spec.token: issue for issue in self.issues}
        contracts = {issue.spec.token: issue.contract for issue in self.issues}
        for name in dict.fromkeys(spec.rail for spec in specs):
            made = by_rail[name].made
            made.dialect = with_tokens(made.dialect, contracts)

    def open(self) -> None:
        for issue in self.issues:
            issue.open()

    def node_came_up(self, state: State) -> None:
        """The oracles see its books."""
        for issue in self.issues:
            issue.oracle.books = RegisterView(state, issue.spec.token)
            if issue.subscribers is not None:
                issue.subscribers.oracle.books = CashView(state, issue.spec.token)

    def tell_again(self) -> None:
        for issue in self.issues:
            issue.tell_again()

    def node_died(self) -> None:
        for issue in self.issues:
            issue.oracle.books = None
            if issue.subscribers is not None:
                issue.subscribers.oracle.books = None

    def perform(self, effect: Effect) -> bool:
        """Do what the effect asks, if it is a token's and not a node's to answer."""
        issue = self._by_name.get(getattr(effect, "token", ""))
        return issue is not None and issue.perform(effect)

    def observe(self, now: int) -> None:
        """A step was taken: each register beside its chain."""
        for issue in self.issues:
            issue.oracle.observe(now)
            issue.look_at_books()
            if issue.subscribers is not None:
                issue.subscribers.oracle.observe(now)


@dataclass(slots=True, frozen=True)
class RegisterView:
    """What the oracle of a token sees of a node's books."""

    state: State
    name: str
    _seen: dict[str, None] = field(default_factory=dict)

    @property
    def _token(self) -> Token | None:
        return self.state.tokens.get(self.name)

    def mark(self) -> tuple[str, str]:
        token = self._token
        if token is None:
            return "", ""
        return token.blocks[0].block_hash, token.blocks[-1].block_hash

    def register(self) -> Register:
        token = self._token
        assert token is not None, "a mark was told of it"
        held = dict(token.reserved.balances)
        for block in token.blocks[1:]:
            for log in block.logs:
                if log.kind == "moved":
                    _move(held, log.sender, -log.value)
                    _move(held, log.receiver, log.value)
        blocks = [(block.number, block.block_hash) for block in token.blocks]
        return Register(blocks, dict(token.reserved.balances), held)

    def orphans(self) -> list[str]:
        items = self.state.settlement.items.values()
        head = f"{self.name} "
        return [
            item.subject.removeprefix(head)
            for item in items
            if item.cause == "orphan" and item.subject.startswith(head)
        ]


def _move(held: dict[str, int], who: str, change: int) -> None:
    if who:
        total = held.get(who, 0) + change
        if total:
            held[who] = total
        else:
            held.pop(who, None)
