"""Our ends of simulated wires, for one life of the node."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from core.events import (
    Event,
)
from core.frames import Frame, OnAnswer
from rails.dialect import Request as RailRequest
from tieout.settlement.simulated import RailSite
from tieout.world.sites import Site
from venues.dialect import Request
from venues.simulated import Asked

if TYPE_CHECKING:
    from tieout.world.host import Host


@dataclass(slots=True, frozen=True)
class Door:
    """The door for one life of the node: what comes late from an earlier life finds it shut."""

    host: "Host"
    life: int

    def next_frame(self) -> int:
        return self.host.next_frame()

    def tell(self, told: Frame | Event) -> None:
        if self.life == self.host.life:
            self.host.tell(told)


@dataclass(slots=True, frozen=True)
class SimulatedTransport:
    """Our end of a simulated wire."""

    site: Site

    def send(self, request: Request, on_answer: OnAnswer) -> None:
        site = self.site
        asked = Asked(request.method, request.path, request.params, request.expires_at)
        kind = site.statement_paths.get(request.path, "")

        exactly: list[tuple[str, str, Decimal]] = []

        def handled() -> tuple[int, bytes, bool]:
            status, body = site.venue.handle(asked)
            exactly.extend(site.venue.exchange.told_exactly)
            return status, body, site.venue.honest

        def arrived() -> None:
            for each in exactly:
                site.wire.truth.told_exactly(*each)

        site.wire.ask(handled, on_answer, kind, arrived)

    def open_stream(
        self,
        epoch: int,
        on_open: Callable[[], None],
        on_frame: Callable[[bytes], None],
        on_close: Callable[[str], None],
        on_beat: Callable[[], None],
    ) -> None:
        self.site.wire.open_stream(epoch, on_open, on_frame, on_close, on_beat)


@dataclass(slots=True, frozen=True)
class RailTransport:
    """Our end of a wire to a simulated keeper of money."""

    site: RailSite

    def send(self, request: RailRequest, on_answer: OnAnswer) -> None:
        site = self.site
        kind = "balances" if site.made.states(request) else ""
        site.wire.ask(lambda: site.keeper.handle(request), on_answer, kind)

    def open_stream(
        self,
        epoch: int,
        on_open: Callable[[], None],
        on_frame: Callable[[bytes], None],
        on_close: Callable[[str], None],
        on_beat: Callable[[], None],
    ) -> None:
        self.site.wire.open_stream(epoch, on_open, on_frame, on_close, on_beat)
