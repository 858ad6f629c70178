"""Those who ask for permissions and use them: holders among each other, and the desk for mints.

A caller that hears nothing asks again under its own id. What is permitted is used by its holder's
transaction, or by a relayer's with the holder's consent; now and then late, twice, or not at all.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from core.token_effects import TellCaller
from core.token_events import AuthorizationRequested, TokenKind
from core.token_state import Authorization
from scenarios.tokens import AskSpec, TokenSpec, Use
from sim.dice import Stream
from sim.faults import Faults
from sim.machine import Embedded
from sim.token_oracle import Decided
from sim.world import World
from tieout.issuing.desk import IssuerDesk
from tieout.issuing.host import TokenHost
from tieout.issuing.parties import Parties
from tieout.issuing.wallets import ChainWallet
from tieout.tokens.messages import call, consent, message
from tokens import calls
from tokens.typed import Domain

MS = 1_000_000
SECOND = 1_000_000_000
AGAIN_NS = 60 * SECOND
AGAIN_MAX = 12
LOOK_NS = 12 * SECOND
HEAR_MS = (2, 40)
WAITING = ("", "requested", "reserved")
MIX: tuple[tuple[TokenKind, int], ...] = (
    ("transfer", 70),
    ("mint", 14),
    ("burn", 10),
    ("recovery", 1),
)
# What is offered for cash nobody asks for in another way.
PAID_FOR = ("mint", "burn")
VALUE_WILD = 10**12
PROBE_S = 900
OTHER = "other_request"


@dataclass(slots=True, eq=False)
class Asked:
    """One request, and what its caller heard of it."""

    request_id: str
    kind: TokenKind
    sender: str
    receiver: str
    value: int
    use: Use
    use_after_ns: int
    at: int
    valid_before: int = 0
    status: str = ""
    reason: str = ""
    statuses: list[str] = field(default_factory=list)
    used: int = 0


@dataclass(slots=True, eq=False)
class Callers:
    """All of one token."""

    spec: TokenSpec
    parties: Parties
    desk: IssuerDesk
    domain: Domain
    world: World
    faults: Faults
    dice: Stream
    host: TokenHost
    until: int
    asked: dict[str, Asked] = field(default_factory=dict)
    subscribed: dict[str, Asked] = field(default_factory=dict)
    probes: list[tuple[Asked, bool]] = field(default_factory=list)
    data_mined: list[tuple[ChainWallet, bytes]] = field(default_factory=list)
    on_signed: Callable[[Authorization], None] = field(default=lambda wanted: None)
    on_permitted: Callable[[str, str, int], None] = field(default=lambda name, decision, now: None)

    def begin(self) -> None:
        """The desk mints what everybody holds at first; then requests come."""
        for number, (name, value) in enumerate(self.parties.opening.items()):
            if value:
                ask = AskSpec(at_s=1, kind="mint", receiver=name, value=value)
                self.world.call_in((15 + number) * SECOND, self.ask_for, ask)
        for ask in self.spec.asks:
            at = self.parties.epoch_ns + int(ask.at_s * SECOND)
            self.world.call_at(at, self.ask_for, ask)
        if self.spec.every_s:
            self._later()
        if self.spec.probe_s:
            self.world.call_at(self.until + int(self.spec.probe_s * SECOND), self._probe)

    # --- asking ----------------------------------------------------------------------------------

    def ask_for(self, ask: AskSpec) -> Asked:
        """Something of a script."""
        sender, receiver = (self._address(name) for name in (ask.sender, ask.receiver))
        after = int(ask.use_after_s * SECOND)
        return self._ask(ask.kind, sender, receiver, ask.value, ask.use, after)

    def _address(self, name: str) -> str:
        return self.parties.wallets[name].address if name else ""

    def _ask(
        self,
        kind: TokenKind,
        sender: str,
        receiver: str,
        value: int,
        use: Use = "soon",
        after_ns: int = 0,
        valid_before: int = 0,
    ) -> Asked:
        name, now = f"q{len(self.asked) + 1}", self.world.now
        asked = Asked(name, kind, sender, receiver, value, use, after_ns, now, valid_before)
        self.asked[name] = asked
        self._tell(asked, 0)
        return asked

    def _tell(self, asked: Asked, times: int) -> None:
        """Ask, and again while nothing that ends it was heard."""
        if asked.status not in WAITING or times > AGAIN_MAX:
            return
        self._say(asked, asked.value)
        self.world.call_in(AGAIN_NS, self._tell, asked, times + 1)

    def _say(self, asked: Asked, value: int) -> None:
        self.host.tell(
            AuthorizationRequested(
                received_at=self.world.now,
                token=self.spec.token,
                caller="desk",
                request_id=asked.request_id,
                kind=asked.kind,
                sender=asked.sender,
                receiver=asked.receiver,
                value=value,
                valid_before=asked.valid_before,
            )
        )

    def _ask_otherwise(self) -> None:
        """An id that was used comes again, with another value: by mistake, or as an attack."""
        if self.asked:
            old = self.dice.pick(list(self.asked.values()))
            self._say(old, old.value + 1)

    def _later(self) -> None:
        wait = 1 + self.dice.exponential(int(self.spec.every_s * SECOND))
        if self.world.now + wait < self.until:
            self.world.call_in(wait, self._next)

    def _next(self) -> None:
        self._draw()
        self._later()

    def _draw(self) -> None:
        kind, one_in = self._kind(), self.spec.twice_one_in
        self._draw_one(kind)
        if one_in and self.dice.chance(1, one_in):
            self._draw_one(kind)

    def _draw_one(self, kind: TokenKind) -> None:
        dice, names = self.dice, self.parties.active()
        one, other = dice.pick(names), dice.pick(names)
        value = dice.between(self.parties.policy.lot_min, self.spec.value_max)
        bad = bool(self.spec.bad_one_in) and dice.chance(1, self.spec.bad_one_in)
        relayed = bool(self.spec.relayed_one_in) and dice.chance(1, self.spec.relayed_one_in)
        how = dice.below(8)
        if bad and how == 6:
            self._ask_otherwise()
            return
        use: Use = "relayed" if relayed else "soon"
        if kind == "recovery":
            self._recover(one)
            return
        sender = "" if kind == "mint" else self._address(one)
        receiver = "" if kind == "burn" else self._address(other)
        if sender == receiver and not bad:
            other = names[(names.index(other) + 1) % len(names)]
            receiver = self._address(other)
        if sender and self.spec.whole_one_in and dice.chance(1, self.spec.whole_one_in):
            value = max(1, self.parties.holding(one))
        if bad:
            sender, receiver, value = self._spoilt(how, sender, receiver, value)
        past = self.world.now // SECOND - 60 if bad and how == 7 else 0
        self._ask(kind, sender, receiver, value, use, valid_before=past)

    def _kind(self) -> TokenKind:
        mix = [each for each in MIX if not self.spec.offering or each[0] not in PAID_FOR]
        place = self.dice.below(sum(weight for _, weight in mix))
        for kind, weight in mix:
            place -= weight
            if place < 0:
                return kind
        raise AssertionError("a weight is at least 1")

    def _spoilt(self, how: int, sender: str, receiver: str, value: int) -> tuple[str, str, int]:
        """What must be refused: nothing, too little, too much, to itself, to nobody, to a stranger,
        or to whose key was lost, while that is being recovered; or for a window that is over.

        A value that is not positive, or parties that do not fit, are refused before anybody looks.
        """
        lost = [self._address(name) for name in self.parties.retired]
        stranger = lost[-1] if lost else self.parties.relayer.address
        match how:
            case 0:
                return sender, receiver, 0
            case 1:
                return sender, receiver, 1
            case 2:
                return sender, receiver, VALUE_WILD
            case 3 if sender:
                return sender, sender, value
            case 4:
                return receiver, sender, value
            case 5:
                return sender, stranger if receiver else receiver, value
            case _:
                return sender, receiver, value

    def _recover(self, name: str) -> None:
        """The holder's key is lost: all that is there goes to a new wallet of the same person."""
        chain, now = self.parties.chain, self.world.now
        held = self.parties.oracle.balances(chain.final(now), len(chain.timeline.forks))
        value = held.get(self._address(name), 0)
        if not value or self.parties.wallets[name].address not in self.parties.judge.people:
            return
        new = self.parties.heir(name)
        address = self._address(new)
        self.parties.tell_states(self.parties.judge.people[address], self.host.tell)
        self._ask("recovery", self._address(name), address, value)

    # --- the end: what may be permitted is -------------------------------------------------------

    def _probe(self) -> None:
        """Each holder asks for one thing more, a little after the one before it."""
        names, lot, now = self.parties.active(), self.parties.policy.lot_min, self.world.now
        until, open_ = now // SECOND + PROBE_S, self._is_open()
        wanted = [
            Decided(now, "transfer", self._address(one), self._address(other), lot, until)
            for one, other in zip(names, [*names[1:], names[0]], strict=True)
        ]
        for place, each in enumerate(wanted):
            others = [*wanted[:place], *wanted[place + 1 :]]
            may = open_ and self.parties.oracle.could_be(each, others, now)
            self.world.call_in(place * SECOND, self._probe_one, each, may)

    def _is_open(self) -> bool:
        """Whether nothing has stopped the token for good: no orphan, and no pause."""
        paused = calls.selector("paused()")
        chain, contract = self.parties.chain, self.domain.contract
        assert isinstance(chain.machine, Embedded)
        stopped = chain.machine.call(contract, paused, chain.head(self.world.now))
        return not any(stopped) and not self.parties.oracle.orphans(self.world.now)

    def _probe_one(self, wanted: Decided, may: bool) -> None:  # noqa: FBT001  # by `call_in`
        asked = self._ask(wanted.kind, wanted.sender, wanted.receiver, wanted.value)
        self.probes.append((asked, may))

    def refused_wrongly(self) -> list[str]:
        """Of what was asked for at the end, what could surely be permitted and did not happen."""
        return [
            f"{asked.request_id}: {asked.status or 'no answer'} {asked.reason}"
            for asked, may in self.probes
            if may and asked.status != "final"
        ]

    # --- hearing ---------------------------------------------------------------------------------

    def hear(self, told: TellCaller) -> None:
        """It takes a moment until the caller has it."""
        self.world.call_in(self.dice.between(*HEAR_MS) * MS, self._heard, told)

    def _heard(self, told: TellCaller) -> None:
        if not told.caller:
            self._note_subscribed(told)
        asked = (self.asked if told.caller else self.subscribed).get(told.request_id)
        if asked is None or told.reason == OTHER:
            return
        if asked.status in WAITING or told.status not in WAITING:
            asked.status, asked.reason = told.status, told.reason
            asked.statuses.append(told.status)
        state = self.host.state
        token = state.tokens.get(told.token) if state is not None else None
        wanted = token.authorizations.get(told.authorization_id) if token is not None else None
        if told.status == "signed" and not asked.used:
            if wanted is None:
                asked.status = ""  # nobody is at home to say what was signed: it is asked again
                return
            asked.used = 1
            if not told.caller:
                self.on_permitted(told.request_id, wanted.decision_hash, self.world.now)
            self._plan(asked, wanted)
            self.on_signed(wanted)

    def _note_subscribed(self, told: TellCaller) -> None:
        """What settlement asked for: the desk uses its mints, and holders their burns."""
        state = self.host.state
        token = state.tokens.get(told.token) if state is not None else None
        wanted = token.authorizations.get(told.authorization_id) if token is not None else None
        if wanted is not None:
            parties = (wanted.sender, wanted.receiver, wanted.value)
            asked = Asked(told.request_id, wanted.kind, *parties, "soon", 0, self.world.now)
            self.subscribed.setdefault(told.request_id, asked)

    # --- using -----------------------------------------------------------------------------------

    def _plan(self, asked: Asked, wanted: Authorization) -> None:
        """When, and how often."""
        use, wait = asked.use, asked.use_after_ns
        for kind in ("late", "never", "twice", "held"):
            fault = self.faults.strikes(f"use_{kind}", self.spec.rail)
            if fault is not None:
                use, wait = kind, fault.strength * MS
        permit = message(wanted)
        signatures = {who: bytes.fromhex(told[2:]) for who, told in wanted.signatures.items()}
        wallet, data = self._wallet(asked, wanted), call(permit, signatures)
        if use == "relayed" and asked.kind in ("transfer", "burn"):
            agreed = consent(self.domain, permit, wallet.key)
            wallet, data = self.parties.relayer, call(permit, signatures, agreed)
        ends = wanted.valid_before * SECOND
        if use == "never":
            return
        self.parties.oracle.acted[wanted.decision_hash] = None
        if use == "late":
            at = max(self.world.now + 1, ends + max(wait, SECOND))
            self.world.call_at(at, wallet.send, self.domain.contract, data)
        else:
            self.world.call_in(1 + wait, self._send, wallet, data, ends, use == "twice")

    def _wallet(self, asked: Asked, wanted: Authorization) -> ChainWallet:
        """Who sends it: the holder who gives, or the desk."""
        if asked.kind in ("mint", "recovery"):
            return self.parties.admin
        wallets = self.parties.wallets.values()
        return next(each for each in wallets if each.address == wanted.sender)

    def _send(self, wallet: ChainWallet, data: bytes, ends: int, twice: bool) -> None:  # noqa: FBT001  # by `call_in`
        """As soon as a node says that it would go through."""
        if self.world.now >= ends:
            return
        if not wallet.would(self.domain.contract, data):
            self.world.call_in(LOOK_NS, self._send, wallet, data, ends, twice)
            return
        self._may_surge()
        wallet.send(self.domain.contract, data)
        self.data_mined.append((wallet, data))
        if twice:
            wallet.send(self.domain.contract, data)

    def _may_surge(self) -> None:
        """The crowd bids more than what is sent now, for so long."""
        fault = self.faults.strikes("use_stuck", self.spec.rail)
        if fault is not None:
            chain = self.parties.chain
            number = chain.head(self.world.now)
            blocks = max(1, fault.strength * MS // (12 * SECOND))
            chain.fees.surge(number, number + blocks, 40 * chain.fees.base(number))
