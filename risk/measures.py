"""What each cycle reports beside its lease: tails, named stress, margin, the way to a liquidation.

Rule 1. Figures of stress and margin are whole units, exact or rounded against us. Tails are floats,
so they stay outside the journal: they report, and nothing is decided by them.
Rule 2. What merely lies at an account is no position here, as in the lines of limits.

Margin is asked for each instrument alone, at what is held there net; an account's equity is its
collateral and what its contracts gained since. Of spot, which is paid for, there is none.
"""

from typing import NamedTuple

from core.events import Event, ReferenceSet
from core.state import State
from risk import margin, var
from risk.desk import Desk
from risk.engine import Engine
from risk.lines import Sums
from risk.results import Gains
from risk.returns import History
from risk.stress import loss
from risk.weights import worth

PERCENT = 99


class Margin(NamedTuple):
    """Of one account; `liquidation_ppm` is how far all prices may go against it at once."""

    equity: int
    initial: int
    maintenance: int
    liquidation_ppm: int


class Measures(NamedTuple):
    """One cycle's report, in units of the reporting asset.

    `tails` are by book: "firm", "strategy/NAME", "account/NAME"; none before there are `intervals`.
    `marks` are what each strategy holds of an instrument at an account, signed, at its reference.
    `gains` are what each strategy made so far, fees and funding counted.
    """

    at: int
    intervals: int
    tails: dict[str, var.Loss]
    stresses: dict[str, int]
    margins: dict[str, Margin]
    marks: var.Marks
    gains: dict[str, int]

    @property
    def stress(self) -> int:
        """What the worst named stress would cost."""
        return max(self.stresses.values(), default=0)


class Measurer:
    """Measures one life of the engine's books."""

    def __init__(self) -> None:
        self._history: History | None = None
        self._map: tuple[int, var.Map] | None = None

    def note(self, state: State, desk: Desk | None, event: Event) -> None:
        """One more event; only references count."""
        if desk is None or not isinstance(event, ReferenceSet) or not desk.measuring.horizon_ns:
            return
        if self._history is None or self._history.interval_ns != desk.measuring.horizon_ns:
            self._history = History(desk.measuring.horizon_ns)
        self._history.note(event.instrument, event.price, event.received_at)

    def measure(
        self,
        state: State,
        desk: Desk,
        engine: Engine,
        reached: Sums,
        gains: Gains,
    ) -> Measures:
        """The report of a cycle that was just proved; `gains` are what `risk.results` found."""
        return Measures(
            at=state.now,
            intervals=self._history.count if self._history is not None else 0,
            tails=self._tails(desk, engine),
            stresses=stresses_of(desk, reached),
            margins=margins_of(state, desk, engine, gains),
            marks=var.marked(engine),
            gains={name: sum(_of_strategy(gains, name)) for name in desk.strategies},
        )

    def _tails(self, desk: Desk, engine: Engine) -> dict[str, var.Loss]:
        history = self._history
        if history is None or not history.count or not engine.counts_in:
            return {}
        if self._map is None or self._map[0] != len(engine.counts_in):
            names = dict.fromkeys(terms.instrument for terms in engine.terms if not terms.cash)
            where = var.map_of(engine, list(names), by_instrument=True)
            self._map = len(engine.counts_in), where
        where = self._map[1]
        found = var.tails(var.exposures(engine, where), history.table(where.factors), PERCENT)
        losses = var.by_book(where, found)
        return {name: losses.get(name, var.NOTHING) for name in _books(desk)}


def _books(desk: Desk) -> list[str]:
    names = (f"strategy/{each}" for each in desk.strategies)
    return ["firm", *names, *(f"account/{each}" for each in desk.accounts)]


def stresses_of(desk: Desk, reached: Sums) -> dict[str, int]:
    """What each named stress would cost, with all that works filled on the side that loses more."""
    figures = reached.figures
    exposed = {
        asset: (
            max(0, figures.get(("asset_net", asset, "long"), 0)),
            max(0, figures.get(("asset_net", asset, "short"), 0)),
        )
        for asset in desk.assets
    }
    return {stress.name: loss(stress, exposed) for stress in desk.measuring.stresses}


# --- margin --------------------------------------------------------------------------------------


def _of_strategy(gains: Gains, strategy: str) -> list[int]:
    return [gain for (name, _), gain in gains.items() if name == strategy]


def margins_of(state: State, desk: Desk, engine: Engine, gains: Gains) -> dict[str, Margin]:
    """Of each account that has contracts."""
    return {
        name: _margin(desk, engine, name, number, gains)
        for number, name in enumerate(desk.accounts)
        if any(each.kind != "spot" for each in state.accounts[name].listings.values())
    }


def _margin(desk: Desk, engine: Engine, account: str, number: int, gains: Gains) -> Margin:
    """An inverse contract counts as if its coin were the reporting asset, as its collateral is."""
    equity = desk.gate.accounts[number].collateral
    equity += sum(gain for (_, name), gain in gains.items() if name == account)
    positions = []
    for (name, instrument), tiers in desk.measuring.tiers.items():
        listing = engine.listing_of.get((name, instrument))
        if name == account and listing is not None:
            terms = engine.terms[listing]
            held = sum(engine.position[cell] for cell in engine.cells_of[listing])
            value = worth(abs(held), engine.listing_up[listing], engine.listing_down[listing])
            signed = value if held > 0 else -value
            positions.append(margin.Position(signed, tiers, terms.inverse))
    return Margin(
        equity,
        sum(margin.initial(each.value, each.tiers) for each in positions),
        sum(margin.maintenance(each.value, each.tiers) for each in positions),
        margin.liquidation_ppm(equity, [each for each in positions if each.value]),
    )
