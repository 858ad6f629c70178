"""The kill switch with the node and its journal dead: straight to the venues, from one small file.

Rule 1. It needs the deployment's file and the credentials that the file names, and nothing else: no
journal, no books, no running node.
Rule 2. It is the procedure of `core.kill`, stepped by a node that was made a moment ago: what was
asked and answered is journaled in a store of its own, as evidence.
Rule 3. Orders go by the venue's word, since nobody knows ours; only exits pass, each reduce-only.

How bytes reach a venue is a `Transport`'s business; it signs with the credentials.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal, Protocol

from pydantic import Field, ValidationError

from core.effects import (
    CancelOrder,
    Effect,
    FetchOpenOrders,
    FetchStatement,
    PlaceOrder,
    QueryOrder,
    RaiseAlert,
    SetAlarm,
)
from core.events import (
    AccountOpened,
    AlarmRang,
    Event,
    InstrumentListed,
    NodeStarted,
)
from core.frames import Frame
from core.ids import base36
from core.journal import Journal, Store
from core.kill import OnlyExits
from core.money import quantity
from core.node import Node
from core.risk_effects import TellKill
from core.risk_events import Flatten, KillOrdered
from risk.written import NotYaml, Part, content, document
from tieout.node.dialects import DIALECTS, MODELS, READERS
from venues.dialect import Request

MS = 1_000_000
SECOND = 1_000_000_000
Text = Annotated[str, Field(min_length=1)]


class BadDeployment(ValueError):
    """The file is no deployment; the message names file, field, what was found, what would do."""


class Contract(Part):
    """An instrument whose positions are to be closed."""

    symbol: Text
    base: Text
    quote: Text
    settle: Text
    multiplier: Text = "1"


class VenueAccount(Part):
    """One account; `key` and `secret` are names of environment variables, never the secrets."""

    account: Annotated[str, Field(pattern=r"^[a-z_]+/\w+$")]
    key: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")]
    secret: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")]
    contracts: tuple[Contract, ...] = ()
    request_validity_ms: Annotated[int, Field(gt=0)] = 5000
    latency_ms_max: Annotated[int, Field(gt=0)] = 1000


class Deployment(Part):
    """What a kill needs to know."""

    accounts: Annotated[tuple[VenueAccount, ...], Field(min_length=1)]


Answered = Callable[[int, bytes], None]


class Transport(Protocol):
    """How bytes reach venues, and what time it is."""

    def send(self, account: str, request: Request, answered: Answered) -> None:
        """Sign and send one request, and wait for nobody: a venue that hangs keeps no other one.
        `answered` is told once, at once or while we wait: status and body, status 0 for none."""

    def now(self) -> int:
        """Nanoseconds UTC."""

    def wait_until(self, at: int) -> None:
        """Let time pass until then, or until something was answered."""


@dataclass(slots=True)
class Ending:
    """How a kill went: each account's last word, and what a person should look at."""

    stages: dict[str, TellKill] = field(default_factory=dict)
    alerts: list[str] = field(default_factory=list)

    @property
    def done(self) -> bool:
        """Whether each account was verified: none open, nothing left that may be closed."""
        return bool(self.stages) and all(each.stage == "done" for each in self.stages.values())


def load(path: Path) -> Deployment:
    """Read a deployment's file; raises BadDeployment."""
    would_do = "a list `accounts`, each with account, key and secret, would do"
    try:
        told = document(content(path).decode())
    except (OSError, UnicodeDecodeError, NotYaml) as error:
        raise BadDeployment(f"{path}: {error}; {would_do}") from error
    try:
        deployment = Deployment.model_validate(told)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the whole"
        found = f"found {first['input']!r}: {first['msg']}"
        raise BadDeployment(f"{path}: {where}: {found}; {would_do}") from error
    for each in deployment.accounts:
        if each.account.partition("/")[0] not in DIALECTS:
            known = ", ".join(DIALECTS)
            raise BadDeployment(f"{path}: found {each.account!r}; a venue among {known} would do")
    names = [each.account for each in deployment.accounts]
    for number, name in enumerate(names):
        if name in names[:number]:
            where = f"accounts.{number}.account"
            raise BadDeployment(f"{path}: {where}: found {name!r} again; each once would do")
    return deployment


def credentials(
    deployment: Deployment, environment: Mapping[str, str] = os.environ
) -> dict[str, tuple[str, str]]:
    """Key and secret of each account; raises BadDeployment naming what is not set."""
    names = [name for each in deployment.accounts for name in (each.key, each.secret)]
    missing = [name for name in names if not environment.get(name)]
    if missing:
        raise BadDeployment(f"not set in the environment: {', '.join(missing)}")
    return {
        each.account: (environment[each.key], environment[each.secret])
        for each in deployment.accounts
    }


def kill(
    deployment: Deployment,
    transport: Transport,
    store: Store,
    *,
    by: str,
    reason: str,
    flatten: Flatten = "venues",
    seconds_max: int = 600,
    tell: Callable[[TellKill], None] = lambda progress: None,
) -> Ending:
    """Cancel everything, close positions, and verify; an empty store takes the evidence."""
    return _Kill(transport, store, tell).run(deployment, by, reason, flatten, seconds_max)


class _Kill:
    def __init__(
        self, transport: Transport, store: Store, tell: Callable[[TellKill], None]
    ) -> None:
        self._transport = transport
        self._journal = Journal(store)
        self._node = Node(self._journal, READERS, OnlyExits())
        self._tell = tell
        self._alarms: dict[str, int] = {}
        self._ending = Ending()

    def run(
        self, deployment: Deployment, by: str, reason: str, flatten: Flatten, seconds_max: int
    ) -> Ending:
        began = self._transport.now()
        # A name that no node has: what the dead one left open is then seen as somebody else's.
        name = "k" + base36(began // SECOND)
        self._node.deliver(NodeStarted(received_at=began, node=name, epoch=1))
        for account in deployment.accounts:
            for event in _opened(account, began):
                self._node.deliver(event)
        self._node.commit()  # nothing is asked of streams, and no books are kept
        order = KillOrdered(received_at=began, kill_id=name, by=by, reason=reason, flatten=flatten)
        self._node.deliver(order)
        deadline = began + seconds_max * SECOND
        while not self._ending.done and self._transport.now() < deadline:
            if not self._perform_all():
                self._ring_next(deadline)
        return self._ending

    def _perform_all(self) -> bool:
        """Perform what waits; says whether anything did."""
        effects = self._node.commit()
        for effect in effects:
            self._perform(effect)
        return bool(effects)

    def _perform(self, effect: Effect) -> None:
        match effect:
            case SetAlarm():
                self._alarms[effect.alarm] = effect.at
            case TellKill():
                self._ending.stages[effect.account] = effect
                self._tell(effect)
            case RaiseAlert():
                self._ending.alerts.append(f"{effect.subject}: {effect.text}")
            case PlaceOrder() | CancelOrder() | QueryOrder() | FetchOpenOrders():
                self._ask(effect.account, effect)
            case FetchStatement(kind="positions"):
                self._ask(effect.account, effect)
            case _:
                pass  # back-fills, balances, streams: there are no books to keep

    def _ask(self, account: str, effect: Effect) -> None:
        asked_at = self._transport.now()

        def answered(status: int, body: bytes) -> None:
            self._node.deliver(
                Frame(
                    number=self._journal.next_number,
                    account=account,
                    channel="rest",
                    received_at=self._transport.now(),
                    body=body,
                    status=status,
                    about=effect,
                    asked_at=asked_at,
                )
            )

        try:
            request = DIALECTS[account.partition("/")[0]].request(effect)
            self._transport.send(account, request, answered)
        except (OSError, ValueError) as error:
            answered(0, f"not sent: {error}".encode())

    def _ring_next(self, deadline: int) -> None:
        """The next alarm, unless an answer comes before."""
        alarm, at = min(self._alarms.items(), key=lambda each: (each[1], each[0]))
        self._transport.wait_until(min(at, deadline))
        if at <= self._transport.now():
            del self._alarms[alarm]
            self._node.deliver(AlarmRang(received_at=self._transport.now(), alarm=alarm))


def _opened(account: VenueAccount, now: int) -> list[Event]:
    """What a node is told of an account."""
    venue = account.account.partition("/")[0]
    dialect = DIALECTS[venue]
    kind: Literal["linear", "inverse"] = "inverse" if MODELS[venue] == "inverse" else "linear"
    events: list[Event] = [
        AccountOpened(
            received_at=now,
            account=account.account,
            tells=dialect.tells,
            statements=dialect.statements,
            statement_period_ns=3600 * SECOND,
            backfill_period_ns=3600 * SECOND,
            settle_ns=SECOND,
            silence_ns_max=3600 * SECOND,
            hedged=dialect.hedged,
            bracketed=dialect.bracketed,
            request_validity_ns=account.request_validity_ms * MS,
            latency_ns_max=account.latency_ms_max * MS,
        )
    ]
    for contract in account.contracts:
        events.append(
            InstrumentListed(
                received_at=now,
                account=account.account,
                instrument=contract.symbol,
                kind=kind,
                base=contract.base,
                quote=contract.quote,
                settle=contract.settle,
                multiplier=quantity(contract.multiplier),
            )
        )
    return events
