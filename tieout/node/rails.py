"""Rails around a live node: for each account its transport, its signer, and what opens its books.

It wires and decides nothing, as `tieout.settlement.simulated` does in a simulation. Banks,
custodians and nodes of chains are alike here: a transport that takes requests, and frames that
enter by the one door.

Rule 1. What a deployment says of an account is told at each start; what stood there is adopted at
the first one alone, and before anything is asked of it.
Rule 2. A key never enters the node. A signer is asked, and may take its time; what it did not
answer is asked for again after a restart, and is the same.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

from msgspec import structs

from core.effects import Effect
from core.events import Event
from core.frames import Decode, Frame, Headers
from core.rail_effects import ScreenTransfer, SignTransaction, TellCustomer
from core.signing import nobody_signs
from core.strategy import PublicTrade
from rails.dialect import Dialect, Request
from tieout.node.connector import Connector, Transport
from tieout.node.loop import NodeLoop

Ask = Callable[[Effect, str], Awaitable[list[Event]]]
Sign = Callable[[SignTransaction, int], Event]
People = Callable[[ScreenTransfer | TellCustomer], None]


def nobody_listens(effect: ScreenTransfer | TellCustomer) -> None:
    """Nobody screens: what needs it waits. Nobody is told: what there is to tell is journaled."""


def nobody_waits() -> None:
    """Nobody of an account waits for what was told to be durable."""


async def nothing_stood(ask: Ask) -> Sequence[Event]:
    """The account's books begin with nothing."""
    return ()


@dataclass(slots=True, frozen=True)
class RailWay:
    """How one account of a rail is reached.

    `terms` is what the deployment says of it: first that the account is opened. `adopt` finds out
    what stands there when its books begin: it may ask whatever an effect asks (of the node that it
    names, "" for the effect's own), and what was answered is journaled. `committed` is called once
    a group is durable.
    """

    account: str
    dialect: Dialect
    transport: Transport[Request]
    terms: Sequence[Event]
    adopt: Callable[[Ask], Awaitable[Sequence[Event]]] = nothing_stood
    sign: Sign = nobody_signs
    committed: Callable[[], None] = nobody_waits


class Beside(Protocol):
    """What lives beside a node in its loop, apart from venues: all rails, or the tokens it issues.

    `readers` are by the first part of their accounts' names. It is told the loop once, and `begin`
    once the node was told that it lives, with the accounts that it had known before.
    """

    @property
    def readers(self) -> Mapping[str, Decode]: ...

    def live_in(self, loop: NodeLoop) -> None: ...

    async def begin(self, known: Mapping[str, object]) -> None: ...

    def perform(self, effect: Effect) -> bool:
        """Do what the effect asks; False where it is for nobody here."""

    async def committed(self) -> None:
        """A group was made durable, and its effects were performed."""

    async def run(self) -> None:
        """Until cancelled."""


@runtime_checkable
class Rests(Protocol):
    """What lives beside a node and trades: it rests and wakes as the node's own strategies do."""

    def rest(self) -> None: ...

    def at_rest(self) -> bool:
        """Whether nothing of it is under way any more."""

    def wake(self) -> None: ...


@runtime_checkable
class HearsTrades(Protocol):
    """What lives beside a node, and shows the trades of its markets to somebody."""

    def trade(self, told: PublicTrade) -> None:
        """A trade was told just now."""


@dataclass(slots=True, frozen=True)
class _Door:
    loop: NodeLoop

    def next_frame(self) -> int:
        return self.loop.node.journal.next_number

    @property
    def tell(self) -> Callable[..., None]:
        return self.loop.deliver


class Rails:
    """All rails of a live node."""

    def __init__(self, ways: Sequence[RailWay], people: People = nobody_listens) -> None:
        self._people = people
        self._ways = {way.account: way for way in ways}
        self._connectors: dict[str, Connector[Request]] = {}
        self._signing: set[asyncio.Task[None]] = set()
        self.readers = {way.dialect.rail: way.dialect.decode for way in ways}

    def live_in(self, loop: NodeLoop) -> None:
        self._loop = loop
        self._connectors = {name: self._connector(way) for name, way in self._ways.items()}

    def _connector(self, way: RailWay) -> Connector[Request]:
        request, headers = way.dialect.request, way.dialect.headers
        door, clock = _Door(self._loop), self._loop.now
        return Connector(way.account, request, way.transport, door, clock, headers)

    async def begin(self, known: Mapping[str, object]) -> None:
        """Tell the node of each account, and of what stands at those that it does not know yet."""
        for way in self._ways.values():
            adopted = () if way.account in known else await way.adopt(self._asking(way))
            for event in (*way.terms, *adopted):
                self._loop.deliver(event)

    def perform(self, effect: Effect) -> bool:
        """Do what the effect asks, if it is for anyone here."""
        match effect:
            case SignTransaction():
                self._sign(effect)
            case ScreenTransfer() | TellCustomer():
                self._people(effect)
            case _:
                connector = self._connectors.get(getattr(effect, "account", ""))
                if connector is None:
                    return False
                connector.perform(effect)
        return True

    async def committed(self) -> None:
        """The group is durable: receivers and files may say so."""
        for way in self._ways.values():
            way.committed()

    # --- who signs --------------------------------------------------------------------------------

    def _sign(self, effect: SignTransaction) -> None:
        task = asyncio.get_running_loop().create_task(self._signed(effect))
        self._signing.add(task)
        task.add_done_callback(self._signing.discard)

    async def _signed(self, effect: SignTransaction) -> None:
        way = self._ways.get(effect.account)
        sign = way.sign if way is not None else nobody_signs
        self._loop.deliver(await asyncio.to_thread(sign, effect, self._loop.now()))

    async def run(self) -> None:
        """Until cancelled: nobody waits for a signer then, and what it did is asked for again."""
        try:
            await asyncio.Event().wait()
        finally:
            for task in list(self._signing):
                task.cancel()

    # --- what stands there ------------------------------------------------------------------------

    def _asking(self, way: RailWay) -> Ask:
        """As anybody asks; what was answered is journaled."""
        journal, state = self._loop.node.journal, self._loop.node.state

        async def ask(effect: Effect, at: str = "") -> list[Event]:
            frame = await _answered(way, effect, at, self._loop.now)
            frame = structs.replace(frame, number=journal.next_number)
            journal.frame(frame)
            return list(way.dialect.decode(frame, state.decimals))

        return ask


def asker(way: RailWay, clock: Callable[[], int]) -> Ask:
    """Asks of an account without a node around it: what is answered is kept nowhere."""

    async def ask(effect: Effect, at: str = "") -> list[Event]:
        return list(way.dialect.decode(await _answered(way, effect, at, clock), {}))

    return ask


async def _answered(way: RailWay, effect: Effect, at: str, clock: Callable[[], int]) -> Frame:
    """The answer to what an effect asks, as a frame that has no number yet."""
    request = way.dialect.request(effect)
    request = replace(request, path=at) if at else request
    sent = clock()
    status, body, headers = await _answer(way.transport, request)
    small = ((name.lower(), value) for name, value in headers)
    return Frame(
        number=1,
        account=way.account,
        channel="rest",
        received_at=clock(),
        body=body,
        status=status,
        about=effect,
        asked_at=sent,
        headers=tuple(pair for pair in small if pair[0] in way.dialect.headers),
    )


async def _answer(transport: Transport[Request], request: Request) -> tuple[int, bytes, Headers]:
    came: asyncio.Future[tuple[int, bytes, Headers]] = asyncio.get_running_loop().create_future()

    def answered(status: int, body: bytes, headers: Headers = ()) -> None:
        if not came.done():
            came.set_result((status, body, headers))

    transport.send(request, answered)
    return await came
