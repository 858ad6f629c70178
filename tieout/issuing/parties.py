"""The parties of a simulated token: keys of its roles, wallets of its holders, facts about people.

What is true of people and what policy says is stated here once, and told to all who go by it: the
judge (who answers our node), the oracle (who judges the run), and the books.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from core.events import Event
from rails.keys import PrivateKey
from scenarios.tokens import FactsSpec, TokenSpec
from sim.chain import Chain
from sim.dice import Dice, Stream
from sim.token_oracle import Person, Place, Rules, TokenOracle
from tieout.issuing.wallets import ChainWallet
from tokens.facts import Facts, LockUp
from tokens.judging import Judge
from tokens.policy import Policy, tightens
from tokens.vault import Vault

SECOND = 1_000_000_000
DAY_S = 86_400
# What may be wrong with somebody who was drawn as unfit.
UNFIT: tuple[dict[str, object], ...] = (
    {"kyc": "pending"},
    {"kyc_until": 0},
    {"accredited_until": 0},
    {"sanctioned": True},
    {"jurisdiction": "XX"},
)


@dataclass(slots=True, eq=False)
class Parties:
    """Who takes part. `wallets` are holders' by name, `keys` the authorizers' by address."""

    spec: TokenSpec
    chain: Chain
    dice: Dice
    epoch_ns: int
    until: int
    admin: ChainWallet = field(init=False)
    pauser: ChainWallet = field(init=False)
    relayer: ChainWallet = field(init=False)
    thief: ChainWallet = field(init=False)
    keys: dict[str, PrivateKey] = field(default_factory=dict)
    wallets: dict[str, ChainWallet] = field(default_factory=dict)
    opening: dict[str, int] = field(default_factory=dict)
    facts: dict[str, Facts] = field(default_factory=dict)
    retired: dict[str, None] = field(default_factory=dict)
    judge: Judge = field(init=False)
    oracle: TokenOracle = field(init=False)
    policy: Policy = field(init=False)
    _heirs: int = 0

    def __post_init__(self) -> None:
        self.admin, self.pauser, self.relayer, self.thief = (
            self._wallet(role) for role in ("admin", "pauser", "relayer", "thief")
        )
        self.keys = {
            wallet.address: wallet.key
            for wallet in sorted(
                (self._wallet(f"signer {n}") for n in range(self.spec.signers)),
                key=lambda wallet: wallet.address,
            )
        }
        stream = self.dice.stream(f"vault/{self.spec.token}")
        self.judge = Judge(Vault(lambda n: _bytes(stream, n)), _bytes(stream, 32))

    def _wallet(self, name: str) -> ChainWallet:
        stream = self.dice.stream(f"token/{self.spec.token}/{name}")
        return ChainWallet(self.chain, PrivateKey(b"\x01" + _bytes(stream, 31)))

    def settle_in(self, contract: str) -> None:
        """The contract stands: everybody gets a wallet, and what is true of them is known."""
        self.oracle = TokenOracle(self.chain, contract)
        self.policy = self.spec.policy
        self.judge.policies[self.spec.token] = self.policy
        for each in self.spec.holders:
            self.join(each.name, self.facts_of(each.name, each.facts) if each.facts else None)
            self.opening[each.name] = each.opening
        drawn = self.dice.stream(f"people/{self.spec.token}")
        for number in range(1, self.spec.drawn + 1):
            name = f"h{number}"
            self.join(name, self._drawn(name, drawn))
            self.opening[name] = self.spec.drawn_opening
        self.tell_oracle()

    def join(self, name: str, facts: Facts | None) -> ChainWallet:
        """Somebody has a wallet; whose facts are not known is a stranger."""
        wallet = self.wallets[name] = self._wallet(f"holder {name}")
        if facts is not None:
            self.judge.people[wallet.address] = facts.person
            self.state_facts(facts)
        return wallet

    def heir(self, name: str) -> str:
        """The same person with a new wallet, since the key of the old one is lost."""
        self._heirs += 1
        new = f"{name}+{self._heirs}"
        person = self.judge.people[self.wallets[name].address]
        self.retired[name] = None
        self.join(new, self.facts[person])
        self.tell_oracle()
        return new

    def facts_of(self, name: str, spec: FactsSpec) -> Facts:
        """What a scenario says of somebody, as the vault has it."""
        start = self.epoch_ns // SECOND
        locked = (LockUp(spec.locked, start + int(spec.locked_s)),) if spec.locked else ()
        return Facts(
            person=name,
            jurisdiction=spec.jurisdiction or next(iter(self.spec.policy.jurisdictions)),
            kyc=spec.kyc,
            kyc_until=start + spec.kyc_days * DAY_S,
            accredited_until=start + spec.accredited_days * DAY_S if spec.accredited_days else 0,
            sanctioned=spec.sanctioned,
            lock_ups=locked,
        )

    def _drawn(self, name: str, dice: Stream) -> Facts:
        places = list(self.spec.policy.jurisdictions)
        facts = self.facts_of(name, FactsSpec(jurisdiction=dice.pick(places)))
        flaw = dice.pick(UNFIT)
        if self.spec.locked_one_in and dice.chance(1, self.spec.locked_one_in):
            facts = msgspec.structs.replace(facts, lock_ups=(self._lock_up(dice),))
        if self.spec.unfit_one_in and dice.chance(1, self.spec.unfit_one_in):
            return msgspec.structs.replace(facts, **flaw)
        return facts

    def _lock_up(self, dice: Stream) -> LockUp:
        """A part of what is there at first, up to some moment before faults end."""
        lasts = self.until - self.epoch_ns
        until = self.epoch_ns + dice.between(lasts // 4, lasts)
        return LockUp(dice.between(1, max(1, self.spec.drawn_opening)), until // SECOND)

    # --- what is so is told ----------------------------------------------------------------------

    def state_facts(self, facts: Facts) -> None:
        """A person's facts are these from now on, for the vault."""
        self.facts[facts.person] = facts
        self.judge.vault.put(facts)

    def addresses(self, person: str) -> list[str]:
        return [address for address, whose in self.judge.people.items() if whose == person]

    def tell_oracle(self) -> None:
        people = {
            address: person_of(self.facts[whose]) for address, whose in self.judge.people.items()
        }
        self.oracle.knows(rules_of(self.policy), people, self.chain.world.now)

    def change_facts(self, facts: Facts, tell: Callable[[Event], None]) -> None:
        """They are others now, and the books hear what limits count the person as."""
        self.state_facts(facts)
        self.tell_oracle()
        self.tell_states(facts.person, tell)

    def tell_states(self, person: str, tell: Callable[[Event], None]) -> None:
        """Of each address: whatever stood there of the person before stands nowhere any more."""
        for address in self.addresses(person):
            self.tell_state(address, tell)

    def tell_state(self, address: str, tell: Callable[[Event], None]) -> None:
        """What limits count somebody as: now, and whenever a lock-up of theirs is over."""
        world, token = self.chain.world, self.spec.token
        tell(self.judge.state(token, address, world.now))
        again = self.judge.changes_at(token, address, world.now)
        if again:
            world.call_at(again, self.tell_state, address, tell)

    def go_by(self, policy: Policy) -> None:
        """Whoever judges goes by it from now on."""
        self.policy = policy
        self.judge.policies[policy.token] = self.judge.published[policy.content_hash()] = policy
        self.tell_oracle()

    def publish_policy(self, known: str, tell: Callable[[Event], None]) -> None:
        """What is in force is told; it tightens if it does so beside the one that books have, whose
        content hash is `known`."""
        before, now = self.judge.published.get(known), self.chain.world.now
        narrower = before is not None and bool(tightens(before, self.policy))
        tell(self.judge.publish(self.policy, now, tightens=narrower))

    def tell_all(self, known: str, tell: Callable[[Event], None]) -> None:
        """As a deployment tells it: at its beginning, and after each restart."""
        self.publish_policy(known, tell)
        for address in self.judge.people:
            self.tell_state(address, tell)

    def holding(self, name: str) -> int:
        """What a holder has in the newest block."""
        return self.chain.balance(self.oracle.contract, self.wallets[name].address)

    def active(self) -> list[str]:
        """Holders whose keys are not lost, in the order in which they joined."""
        return [name for name in self.wallets if name not in self.retired]


def person_of(facts: Facts) -> Person:
    """The same facts as the oracle has them."""
    return Person(
        facts.jurisdiction,
        facts.kyc_until if facts.kyc == "approved" else 0,
        facts.accredited_until,
        facts.sanctioned,
        tuple((each.value, each.until) for each in facts.lock_ups),
        facts.person,
    )


def rules_of(policy: Policy) -> Rules:
    """The same policy as the oracle has it."""
    places = {
        name: Place(tuple(home.receives_from), home.accredited, _bound(home.holds_max))
        for name, home in policy.jurisdictions.items()
    }
    bounds = map(_bound, (policy.holder_max, policy.holders_max, policy.supply_max))
    return Rules(places, policy.lot_min, *bounds)


def _bound(told: int | None) -> int:
    return -1 if told is None else told


def _bytes(stream: Stream, count: int) -> bytes:
    words = (stream.word().to_bytes(8) for _ in range(-(-count // 8)))
    return b"".join(words)[:count]
