"""A bench for one simulated keeper: its world, its wire, and our end that reads what it says."""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol

from core.effects import Effect
from core.events import Event
from core.frames import Frame
from rails.dialect import Dialect, Request
from sim.dice import Dice
from sim.faults import Fault, Faults
from sim.payments import Payments
from sim.truth import Truth
from sim.wire import Latency, Wire
from sim.world import World

MS = 1_000_000
SECOND = 1_000_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR
DECIMALS = {"USD": 2, "EUR": 2, "GBP": 2, "JPY": 0, "BTC": 8, "ETH": 18, "USDC": 6}


class Keeper(Protocol):
    def handle(self, asked: Request) -> tuple[int, bytes, bool]: ...
    def strike(self, fault: Fault) -> None: ...


@dataclass(slots=True, eq=False)
class Bench:
    """What both ends have, and every frame and event that came, in order."""

    name: str
    account: str
    epoch_ns: int
    plan: list[Fault] = field(default_factory=list)
    seed: int = 1
    world: World = field(init=False)
    dice: Dice = field(init=False)
    faults: Faults = field(init=False)
    truth: Truth = field(init=False)
    wire: Wire = field(init=False)
    payments: Payments = field(default_factory=Payments)
    keeper: Any = None
    dialect: Dialect | None = None
    told: list[tuple[int, bytes]] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    number: int = 0

    def __post_init__(self) -> None:
        self.world = World(self.epoch_ns)
        self.dice = Dice(self.seed)
        self.faults = Faults(self.plan, self.dice, lambda: self.world.now - self.epoch_ns)
        self.truth = Truth(lambda: self.world.now)
        calm = Latency(median=MS, p99=2 * MS, heartbeat=365 * DAY)
        self.wire = Wire(
            self.name, self.account, self.world, self.dice, self.faults, self.truth, calm
        )

    def listen(self) -> None:
        """Open the stream; what comes is read by the dialect, if there is one."""
        self.wire.open_stream(1, lambda: None, self._heard, lambda reason: None, lambda: None)
        self.run(SECOND)

    def _heard(self, body: bytes) -> None:
        self.told.append((self.world.now, body))
        if self.dialect is not None:
            self.events += self.read(body)

    def read(self, body: bytes, **more: Any) -> list[Event]:
        """The events of one frame, and every one of them a sound one."""
        assert self.dialect is not None
        self.number += 1
        channel = "rest" if "about" in more else "stream"
        frame = Frame(
            number=self.number,
            account=self.account,
            channel=channel,  # type: ignore[arg-type]  # one of two
            received_at=self.world.now,
            body=body,
            **more,
        )
        return self.dialect.decode(frame, DECIMALS)

    def ask(self, effect: Effect) -> list[Event]:
        """Ask at once, and read the answer."""
        assert self.dialect is not None
        status, body, _ = self.keeper.handle(self.dialect.request(effect))
        events = self.read(body, status=status, about=effect, asked_at=self.world.now)
        self.events += events
        return events

    def run(self, for_ns: int) -> None:
        self.world.run(self.world.now + for_ns)

    def of(self, kind: type) -> list[Any]:
        """Every event of that kind, in order."""
        return [event for event in self.events if isinstance(event, kind)]

    def units(self, asset: str) -> int:
        """The truth of our holding, in units."""
        total = self.truth.totals.get(f"{self.account}/{asset}/cash", Decimal(0))
        return int(total.scaleb(DECIMALS[asset]))


def always(kind: str, strength: int = 0, times_max: int = 2**31) -> Fault:
    return Fault(kind, strength=strength, times_max=times_max)


Make = Callable[[], Keeper]
