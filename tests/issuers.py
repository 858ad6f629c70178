"""A whole control plane in one process for tests: a real core, a vault that judges, keys that sign.

The chain is `Books`': blocks and finality by hand. A host commits its groups as a node does: what
was told is durable, and its effects leave, when `commit` ran.
"""

import asyncio
from dataclasses import dataclass, field

from fastapi import FastAPI
from msgspec.structs import replace

from core.effects import Effect
from core.events import Event
from core.state import State
from core.token_effects import JudgeAuthorization, SignAuthorization, TellCaller
from core.token_events import AuthorizationSigned, RequestRefused, TokenEvent
from core.token_state import Policy
from tests.test_issuance import ALICE, BOB, NAME, START, Books, moved
from tests.test_token_policy import ANN, BEA, ESTATE, counted
from tokens.http.app import ControlPlane, application
from tokens.http.callers import Callers, hash_of
from tokens.http.host import NotTaken
from tokens.judging import Judge
from tokens.policy import read_policy
from tokens.vault import Vault

KEYS = {
    role: f"tk_{role}_" + "0" * 40 for role in ("north", "south", "issuer", "compliance", "eye")
}
ROLES = {
    "north": "holder_desk",
    "south": "holder_desk",
    "issuer": "issuer",
    "compliance": "compliance",
    "eye": "read_only",
}


def callers(per_minute: int = 60_000, burst: int = 10_000) -> Callers:
    rows = [
        {
            "name": name,
            "role": ROLES[name],
            "tokens": [NAME],
            "key_sha256": [hash_of(key)],
            "per_minute": per_minute,
            "burst": burst,
        }
        for name, key in KEYS.items()
    ]
    return Callers.model_validate({"callers": rows})


@dataclass
class Desk:
    """A host of the control plane. With `held` nothing commits, and nobody is answered."""

    books: Books = field(default_factory=Books)
    told: list[TokenEvent] = field(default_factory=list)
    plane: ControlPlane = field(init=False)
    judge: Judge = field(init=False)
    app: FastAPI = field(init=False)
    held: bool = False
    silent: bool = False
    broken: bool = False
    waiting: list[Effect] = field(default_factory=list)

    def __post_init__(self) -> None:
        vault = Vault(counted())
        for each in (ANN, BEA):
            vault.put(each)
        people = {ALICE: "ann", BOB: "bea"}
        self.judge = Judge(vault, b"secret", people=people)
        self.books.token.policy = Policy()  # that of the books stands in no vault's way
        self.books.tell(self.judge.publish(read_policy(ESTATE), self.books.now, tightens=False))
        for address in people:
            self.books.tell(self.judge.state(NAME, address, self.books.now))
        self.plane = ControlPlane(
            self, callers(), clock=lambda: self.books.now, decision_wait_s=0.05
        )
        self.app = application(self.plane)

    # --- the host ---------------------------------------------------------------------------------

    async def tell(self, event: TokenEvent) -> None:
        if self.broken:
            raise NotTaken
        self.told.append(event)
        self.deliver(event)
        await self._durable()

    async def state(self) -> State:
        await self._durable()
        return self.books.state

    async def _durable(self) -> None:
        while self.held:
            await asyncio.sleep(0.001)
        self.commit()

    def deliver(self, event: Event) -> None:
        self.waiting += self.books.tell(replace(event, received_at=self.books.now))

    def commit(self) -> None:
        """The effects of what is durable by now, and of what they bring about."""
        while self.waiting:
            effects, self.waiting = self.waiting, []
            for effect in effects:
                self._perform(effect)

    def _perform(self, effect: Effect) -> None:
        match effect:
            case TellCaller():
                self.plane.told(effect)
            case JudgeAuthorization() if not self.silent:
                self.deliver(self.judge.judge(effect, self.books.now))
            case SignAuthorization() if not self.silent:
                self.deliver(
                    AuthorizationSigned(
                        received_at=0,
                        token=effect.token,
                        authorization_id=effect.authorization_id,
                        signer=effect.signer,
                        signature="0x" + effect.signer,
                    )
                )
            case _:
                pass

    # --- what tests ask ---------------------------------------------------------------------------

    @property
    def requested(self) -> list[TokenEvent]:
        """What was told and is a request: all but what only says that there was none."""
        return [each for each in self.told if not isinstance(each, RequestRefused)]

    def mint(self, receiver: str, value: int, block: str) -> None:
        """Value that is final."""
        wanted = self.books.permit("mint", "", receiver, value)
        self.books.block(block, moved(wanted))
        self.books.finalize(block)


__all__ = ["ALICE", "BOB", "KEYS", "NAME", "START", "Desk", "callers"]
