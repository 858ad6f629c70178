"""What an engine saw, as the frames of an outcome: exact decimals, in order of time."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import numpy as np
import pandas as pd

from core.events import CashMoved, Event, FillReported, FundingPaid
from core.money import ASSET_DECIMALS, PRICE_DECIMALS, QUANTITY_DECIMALS
from scenarios.model import Scenario
from tieout.backtest.attributed import attributed
from tieout.backtest.engine import Engine, Feed
from tieout.backtest.fill_quality import horizons
from tieout.backtest.outcome import COLUMNS
from tieout.backtest.views import length_of
from tieout.node.dialects import MODELS
from venues.recorded.book import Assumed, shown
from venues.recorded.tape import Column, Tape

# Of each instrument so many marks at most, evenly taken, beside those at its fills.
MARKS_MAX: Final = 20_000
SIDES: Final = {"buy": 1, "sell": -1}


class Told:
    """What venues told of money, kept as it is delivered; what is told again is no more than once.

    A record that is read back tells what was on its way to us as well.
    """

    def __init__(self) -> None:
        self._fills: dict[tuple[str, ...], FillReported] = {}
        self._movements: dict[tuple[str, ...], FundingPaid | CashMoved] = {}

    @property
    def fills(self) -> list[FillReported]:
        """Every fill."""
        return [*self._fills.values()]

    @property
    def movements(self) -> list[FundingPaid | CashMoved]:
        """Every movement of cash that is no fill."""
        return [*self._movements.values()]

    def hear(self, event: Event) -> None:
        """Every event of the run comes by."""
        match event:
            case FillReported():
                key = (event.account, event.instrument, event.fill_id, event.order_id)
                self._fills.setdefault(key, event)
            case FundingPaid():
                self._movements.setdefault((event.account, event.funding_id), event)
            case CashMoved():
                self._movements.setdefault((event.account, event.movement_id), event)
            case _:
                pass


def frames(
    engine: Engine, scenario: Scenario, told: Told, decimals: Mapping[str, int]
) -> dict[str, pd.DataFrame]:
    """All of them."""
    assets = _valued_in(scenario)
    rows: dict[str, list[Mapping[str, Any]]] = {
        "fills": [
            _fill(engine, assets[fill.account, fill.instrument], fill, strategy, decimals)
            for fill, strategy in zip(told.fills, _strategies(engine, told), strict=True)
        ],
        "orders": list(_orders(engine)),
        "movements": [_movement(each, decimals) for each in told.movements],
        "marks": sorted(_marks(engine.feeds, told.fills), key=lambda row: row["at"]),
        "openings": [
            {"account": venue.account, "asset": asset, "amount": amount}
            for venue in scenario.venues
            for asset, amount in venue.wallets.items()
        ],
        "instruments": list(_instruments(scenario)),
        "breaks": list(_breaks(engine)),
    }
    return {name: pd.DataFrame(rows[name], columns=list(COLUMNS[name])) for name in COLUMNS}


def _strategies(engine: Engine, told: Told) -> Sequence[str]:
    wished = {name: each.wish.strategy for name, each in engine.wished.items()}
    return attributed(told.fills, wished)


def _valued_in(scenario: Scenario) -> dict[tuple[str, str], str]:
    """In which asset trades of each place are paid: quote (spot) or settlement coin."""
    return {
        (venue.account, each.symbol): (
            each.quote if MODELS[venue.dialect] == "spot" else each.settle or each.quote
        )
        for venue in scenario.venues
        for each in venue.instruments
    }


def _fill(
    engine: Engine,
    asset: str,
    fill: FillReported,
    strategy: str,
    decimals: Mapping[str, int],
) -> Mapping[str, Any]:
    wished = engine.wished.get(fill.client_order_id)
    assert fill.value is not None, "a recorded venue tells every value"
    return {
        "at": fill.occurred_at,
        "account": fill.account,
        "instrument": fill.instrument,
        "strategy": strategy,
        "client_order_id": fill.client_order_id,
        "side": SIDES[fill.side],
        "quantity": _decimal(fill.quantity, QUANTITY_DECIMALS),
        "price": _decimal(fill.price, PRICE_DECIMALS),
        "value": _decimal(fill.value, fill.told_decimals),
        "asset": asset,
        "fee": _decimal(fill.fee, decimals.get(fill.fee_asset, ASSET_DECIMALS)),
        "fee_asset": fill.fee_asset,
        "is_maker": fill.maker,
        "cause": fill.cause,
        "decided_at": wished.at if wished is not None else fill.occurred_at,
        "seen": _decimal(wished.seen if wished is not None else 0, PRICE_DECIMALS),
    }


def _orders(engine: Engine) -> Iterable[Mapping[str, Any]]:
    for name, wished in engine.wished.items():
        wish, told = wished.wish, engine.told[name]
        yield {
            "decided_at": wished.at,
            "account": wish.account,
            "instrument": wish.instrument,
            "strategy": wish.strategy,
            "client_order_id": name,
            "side": SIDES[wish.side],
            "quantity": _decimal(wish.quantity, QUANTITY_DECIMALS),
            "kind": wish.kind,
            "price": _decimal(wish.price, PRICE_DECIMALS),
            "filled": _decimal(told.filled_quantity, QUANTITY_DECIMALS),
            "status": told.status,
            "code": engine.codes.get(name, ""),
            "ended_at": engine.ended_at.get(name, 0),
        }


def _movement(told: FundingPaid | CashMoved, decimals: Mapping[str, int]) -> Mapping[str, Any]:
    return {
        "at": told.occurred_at,
        "account": told.account,
        "instrument": told.instrument,
        "asset": told.asset,
        "kind": "funding" if isinstance(told, FundingPaid) else told.reason,
        "amount": _decimal(told.amount, decimals.get(told.asset, ASSET_DECIMALS)),
    }


def _marks(feeds: Sequence[Feed], fills: Sequence[FillReported]) -> Iterable[Mapping[str, Any]]:
    """The last price: evenly over the rows, before and from each fill on, and later."""
    for feed in feeds:
        rows = len(feed.tape)
        if not rows:
            continue
        even = np.linspace(0, rows - 1, min(rows, MARKS_MAX)).astype(np.int64)
        moments = [
            fill.occurred_at
            for fill in fills
            if (fill.account, fill.instrument) == (feed.venue.account, feed.instrument)
        ]
        at = np.array(moments, dtype=np.int64)
        filled = np.searchsorted(feed.tape.at, at, side="left")
        later = [
            np.searchsorted(feed.tape.at, at + after, side="right") - 1
            for after in (0, *horizons(_between(feed.tape)).values())
        ]
        those = np.concatenate([filled[filled < rows], *later])
        wanted = np.unique(np.concatenate([even, those[those >= 0]]))
        for moment, ticks in last_prices(feed.tape, wanted):
            yield {
                "at": moment,
                "account": feed.venue.account,
                "instrument": feed.instrument,
                "price": _decimal(ticks * feed.tick, PRICE_DECIMALS),
            }


def _between(tape: Tape) -> int:
    return length_of(tape) if tape.kind == "bars" else 0


def last_prices(tape: Tape, rows: Column) -> Iterator[tuple[int, int]]:
    """When each of those rows is known, with all of its moment: the last price, as a book has it,
    in ticks. Moments at which a book is empty are left out."""
    market = shown(tape, Assumed())
    ends = tape.at.searchsorted(tape.at[rows], side="right")
    for end in dict.fromkeys(ends.tolist()):
        market.pass_to(end)
        if market.last:
            yield int(tape.at[end - 1]), market.last


def _instruments(scenario: Scenario) -> Iterable[Mapping[str, Any]]:
    for venue in scenario.venues:
        for each in venue.instruments:
            yield {
                "account": venue.account,
                "instrument": each.symbol,
                "kind": MODELS[venue.dialect],
                "base": each.base,
                "quote": each.quote,
                "settle": each.settle or each.quote,
                "tick": each.tick,
                "lot": each.lot,
                "multiplier": each.multiplier,
            }


def _breaks(engine: Engine) -> Iterable[Mapping[str, Any]]:
    state = engine.node.state
    for stage, found in (("suspect", state.suspects), ("open", state.breaks)):
        for name, drift in found.items():
            account, subject, leg = name.rsplit("/", 2)
            yield {
                "opened_at": drift.opened_at,
                "account": account,
                "subject": subject,
                "leg": leg,
                "size": drift.size,
                "cause": drift.cause,
                "state": stage,
            }


def _decimal(units: int, decimals: int) -> Decimal:
    return Decimal(units).scaleb(-decimals)
