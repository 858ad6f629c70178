"""The world of a paper account: an exchange of our own whose crowd is the real market's top.

    the venue's public feed ─→ top ─→ the crowd's two orders ─┐
    our node's requests ─→ the venue's own words ─→ orders ───┴→ matching ─→ fills, told as there

True here: nobody trades but us against what was told to be offered. An order of ours fills when the
market's price comes to it or through it, at most for the size that is offered there; resting at the
market's own price it waits behind everybody. What we take is offered again with the next telling,
for the market never heard of us. Where nothing is told, nothing is offered.
"""

from collections import Counter
from collections.abc import Callable
from decimal import Decimal

from core.money import PRICE_DECIMALS, QUANTITY_DECIMALS
from core.reading import STRANGE
from scenarios.model import Scenario, VenueSpec
from sim.world import SECOND
from tieout.node.dialects import DIALECTS
from tieout.simulation import Simulation
from tieout.wire.world import LONG_NS, WireWorld
from tieout.world.sites import Site
from tieout.world.transports import SimulatedTransport
from venues.dialect import Top
from venues.exchange import Side
from venues.public import Dial


class NoCrowd(Simulation):
    """Venues at which nobody trades by himself."""

    def _let_trade(self, site: Site) -> None:
        """The feed is the crowd."""


class PaperWorld(WireWorld):
    """One paper account at one venue, by the machine's clock."""

    def __init__(self, spec: VenueSpec) -> None:
        """Its wallets are those of the spec, and nothing else stands there."""
        super().__init__(_scenario(spec), simulation=NoCrowd)
        self.site = self.sites[spec.dialect]
        self.spec = spec
        self.counts: Counter[str] = Counter()
        self._tops = DIALECTS[spec.dialect].tops
        self._offered: dict[tuple[str, Side], str] = {}
        self._sequences: dict[str, tuple[int, int]] = {}

    def transport(self) -> SimulatedTransport:
        """What a connector needs, with the latency of the spec and no socket."""
        return SimulatedTransport(self.site)

    def overhears(self, dial: Dial) -> Dial:
        """The same feed: whoever dials it hears it, and so does this market."""

        def dialled(
            epoch: int,
            on_open: Callable[[], None],
            on_frame: Callable[[bytes], None],
            on_close: Callable[[str], None],
            on_beat: Callable[[], None],
        ) -> None:
            self.withdraw()

            def heard(body: bytes) -> None:
                self.hear(body)
                on_frame(body)

            def closed(reason: str) -> None:
                self.withdraw()
                on_close(reason)

            dial(epoch, on_open, heard, closed, on_beat)

        return dialled

    def hear(self, body: bytes) -> None:
        """Something was told on the feed."""
        self.catch_up()
        try:
            for top in self._tops(body):
                self._offer(top)
        except STRANGE:
            self.counts["not read"] += 1

    def withdraw(self) -> None:
        """Nobody tells us the market any more: nobody offers anything."""
        for symbol, side in list(self._offered):
            self._take_back(symbol, side)
        self._sequences.clear()  # a new connection counts from anew

    def _offer(self, top: Top) -> None:
        terms = self.site.venue.exchange.terms.get(top.instrument)
        order = (top.sequence, top.occurred_at)
        if terms is None or order <= self._sequences.get(top.instrument, (-1, -1)):
            self.counts["overtaken or not ours"] += 1
            return
        if top.bid and top.ask and top.bid >= top.ask:
            self.counts["crossed"] += 1
            return
        self._sequences[top.instrument] = order
        self.counts["tops"] += 1
        sides: tuple[tuple[Side, int, int], ...] = (
            ("buy", top.bid, top.bid_size),
            ("sell", top.ask, top.ask_size),
        )
        for side, _, _ in sides:
            self._take_back(top.instrument, side)
        for side, price, size in sides:
            self._rest(top.instrument, side, _exact(price, PRICE_DECIMALS), size)

    def _rest(self, symbol: str, side: Side, price: Decimal, size: int) -> None:
        """The crowd's order of one side, in whole lots; it takes ours first where they cross."""
        exchange = self.site.venue.exchange
        terms = exchange.terms[symbol]
        lots = _exact(size, QUANTITY_DECIMALS) // terms.lot
        if price % terms.tick:
            self.counts["off the tick"] += 1
        elif price and lots:
            name = exchange.crowd_rests(symbol, side, lots * terms.lot, price)
            self._offered[symbol, side] = name

    def _take_back(self, symbol: str, side: Side) -> None:
        name = self._offered.pop((symbol, side), None)
        if name is not None:
            self.site.venue.exchange.crowd_cancels(symbol, name)


def _exact(units: int, decimals: int) -> Decimal:
    return Decimal(units).scaleb(-decimals)


def _scenario(spec: VenueSpec) -> Scenario:
    return Scenario(
        name="paper",
        claim="a paper account trades at the prices of its venue",
        duration_s=Decimal(LONG_NS // SECOND),
        venues=(spec,),
    )
