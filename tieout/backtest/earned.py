"""What a backtest earned, and by what: parts that are the whole, to the unit.

    profit = held + market + execution + fees + funding + other

    held        what balances that were there from the start gained, untouched by any strategy
    market      what holdings of strategies gained as marks moved
    execution   what was traded better (worse: negative) than the mark of that moment
    fees        what was paid for trading, rebates as gains
    funding     what contracts paid or were paid
    other       every movement of cash that is none of these, and no transfer

Rule 1. Each part is summed from its own facts; `profit` is what is there at the end less what was
there at the start. Nothing is made to fit: `residual` is nothing, or something is not understood.
Rule 2. What is moved between accounts, or from and to outside, earns nothing and is in no equity.
Rule 3. What a contract realises is in its fills already; a movement that tells it again is none.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import accumulate
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from core.state import UNATTRIBUTED
from tieout.backtest import frame_rows
from tieout.backtest.outcome import Outcome
from tieout.backtest.worth import (
    EXACT,
    UNIT,
    ZERO,
    Exacts,
    Moments,
    Place,
    Terms,
    Worths,
    holding,
    plus,
    terms_of,
    times,
    usual_currency,
    worths,
)

Part = Literal["held", "market", "execution", "fees", "funding", "other"]
PARTS: tuple[Part, ...] = ("held", "market", "execution", "fees", "funding", "other")
MOVED = ("transfer", "deposit", "withdrawal")
REALISED = "realised"
THE_START = "opening balances"


class Key(NamedTuple):
    """Whose profit it is."""

    strategy: str
    place: Place


class Flow(NamedTuple):
    """So much of an asset came, at a moment (by number), and so many contracts with it."""

    moment: int
    part: Part
    asset: str
    amount: Decimal
    contracts: Decimal = ZERO


Pots = dict[Part, Decimal]


@dataclass(slots=True, eq=False)
class Earned:
    """The profit of a backtest in its reporting currency.

    `equity` is what was there at each of `moments`: the opening balances and all that was earned.
    `unpriced` is of each asset what came of it and no mark gives a worth: it is in no figure.
    """

    worths: Worths
    opened: Decimal
    equity: Exacts
    parts: dict[Key, Pots]
    unpriced: dict[str, Decimal]
    flows: dict[Key, list[Flow]]

    @property
    def moments(self) -> Moments:
        return self.worths.moments

    @property
    def profit(self) -> Decimal:
        return EXACT.subtract(self.equity[-1], self.opened)

    @property
    def residual(self) -> Decimal:
        """What the parts do not explain of the profit: nothing."""
        told = ZERO
        for pots in self.parts.values():
            for amount in pots.values():
                told = EXACT.add(told, amount)
        return EXACT.subtract(self.profit, told)


def earned(outcome: Outcome, reporting: str = "") -> Earned:
    """The profit of a backtest, in the currency that is named or that most instruments quote."""
    frames = outcome.frames
    terms = terms_of(frames["instruments"])
    moments = moments_of(outcome)
    said = worths(moments, terms, frames["marks"], reporting or usual_currency(terms.values()))
    flows = flows_of(outcome, terms, moments)
    whole = _Whole(said)
    start = whole.start(frames["openings"])
    for key, told in flows.items():
        whole.add(key, told)
    return Earned(said, start, whole.equity, whole.parts, dict(whole.unpriced), flows)


def moments_of(outcome: Outcome) -> Moments:
    """Every moment at which anything was marked, traded or moved, once, with beginning and end."""
    columns = [outcome.frames[name]["at"] for name in ("fills", "movements", "marks")]
    told = [column.to_numpy(dtype=np.int64) for column in columns]
    ends = np.array([outcome.began_at, outcome.ended_at], dtype=np.int64)
    return np.unique(np.concatenate([ends, *told]))


# --- from frames to flows ------------------------------------------------------------------------


def flows_of(
    outcome: Outcome, terms: dict[Place, Terms], moments: Moments
) -> dict[Key, list[Flow]]:
    """What came and went of each strategy in each instrument, in order of time."""
    found: dict[Key, list[Flow]] = defaultdict(list)
    for key, flow in (*_traded(outcome, terms, moments), *_moved(outcome, moments)):
        found[key].append(flow)
    for flows in found.values():
        flows.sort(key=lambda flow: flow.moment)  # stable: within a moment as they were told
    return dict(found)


def _traded(
    outcome: Outcome, terms: dict[Place, Terms], moments: Moments
) -> Iterator[tuple[Key, Flow]]:
    for fill in frame_rows.fills(outcome.fills):
        place = Place(fill.account, fill.instrument)
        key = Key(fill.strategy or UNATTRIBUTED, place)
        moment = int(np.searchsorted(moments, fill.at))
        paid = fill.paid.copy_negate()
        if terms[place].kind == "spot":
            yield key, Flow(moment, "execution", terms[place].base, fill.signed)
            yield key, Flow(moment, "execution", fill.asset, paid)
        else:
            paid = fill.paid if terms[place].kind == "inverse" else paid
            yield key, Flow(moment, "execution", fill.asset, paid, fill.signed)
        if fill.fee:
            yield key, Flow(moment, "fees", fill.fee_asset, fill.fee.copy_negate())


def _moved(outcome: Outcome, moments: Moments) -> Iterator[tuple[Key, Flow]]:
    holders = _holders(outcome.fills)
    for each in frame_rows.movements(outcome.frames["movements"]):
        if each.kind in (*MOVED, REALISED):
            continue
        place = Place(each.account, each.instrument)
        part: Part = "funding" if each.kind == "funding" else "other"
        moment = int(np.searchsorted(moments, each.at))
        for strategy, share in _shared(each.amount, holders.get(place, {}), each.at):
            yield Key(strategy, place), Flow(moment, part, each.asset, share)


Holder = tuple[list[int], list[Decimal]]  # when it traded, and what it held from then on


def _holders(frame: pd.DataFrame) -> dict[Place, dict[str, Holder]]:
    """Of each place, what each strategy held since when."""
    found: dict[Place, dict[str, Holder]] = defaultdict(dict)
    for fill in frame_rows.fills(frame):
        holders = found[Place(fill.account, fill.instrument)]
        at, held = holders.setdefault(fill.strategy or UNATTRIBUTED, ([], []))
        at.append(fill.at)
        held.append(EXACT.add(held[-1] if held else ZERO, fill.signed))
    return found


def _shared(amount: Decimal, holders: dict[str, Holder], at: int) -> Iterator[tuple[str, Decimal]]:
    """By what each held just before, in units of 1e-8; who comes last gets what is left."""
    told = ((name, _before(holder, at)) for name, holder in sorted(holders.items()))
    held = {name: each for name, each in told if each}
    total = sum(held.values(), ZERO)
    if not total:
        yield next(iter(holders)) if len(holders) == 1 else UNATTRIBUTED, amount
        return
    left = amount
    *first, last = held
    for name in first:
        share = (amount * held[name] / total).quantize(UNIT)
        left = EXACT.subtract(left, share)
        yield name, share
    yield last, left


def _before(holder: Holder, at: int) -> Decimal:
    moments, held = holder
    number = bisect_left(moments, at)
    return held[number - 1] if number else ZERO


# --- from flows to parts -------------------------------------------------------------------------


@dataclass(slots=True, eq=False)
class _Whole:
    """The equity and its parts as they are gathered."""

    worths: Worths
    equity: Exacts = field(init=False)
    parts: dict[Key, Pots] = field(default_factory=dict)
    unpriced: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))

    def __post_init__(self) -> None:
        self.equity = np.full(len(self.worths.moments), ZERO, dtype=object)

    def start(self, frame: pd.DataFrame) -> Decimal:
        """Opening balances, for as long as it lasts; what they are worth at the beginning."""
        for opening in frame_rows.openings(frame):
            rate = self.worths.rate(opening.asset, opening.account)
            if rate is None:
                self.unpriced[opening.asset] += opening.amount
                continue
            amounts = np.full(len(rate), opening.amount, dtype=object)
            self.equity = plus(self.equity, times(amounts, rate))
            key = Key(THE_START, Place(opening.account, opening.asset))
            pots = self.parts.setdefault(key, dict.fromkeys(PARTS, ZERO))
            gained = EXACT.multiply(opening.amount, EXACT.subtract(rate[-1], rate[0]))
            pots["held"] = EXACT.add(pots["held"], gained)
        return Decimal(self.equity[0])

    def add(self, key: Key, flows: Sequence[Flow]) -> None:
        """What one strategy did in one instrument."""
        pot = _Pot(self.worths, key.place, self.unpriced)
        self.parts[key] = pot.parts_of(flows)
        self.equity = plus(self.equity, over_time(self.worths, key.place, flows))


@dataclass(slots=True, eq=False)
class _Pot:
    """What one strategy has from one instrument: amounts of assets, and contracts."""

    worths: Worths
    place: Place
    unpriced: dict[str, Decimal]
    amounts: dict[str, Decimal] = field(default_factory=dict)
    contracts: Decimal = ZERO

    def parts_of(self, flows: Sequence[Flow]) -> Pots:
        """Each flow at the marks of its moment; what marks did between two of them is `market`."""
        pots = dict.fromkeys(PARTS, ZERO)
        after = ZERO
        for flow in flows:
            before = self.worth_at(flow.moment)
            pots["market"] = EXACT.add(pots["market"], EXACT.subtract(before, after))
            self.take(flow)
            after = self.worth_at(flow.moment)
            pots[flow.part] = EXACT.add(pots[flow.part], EXACT.subtract(after, before))
        end = self.worth_at(len(self.worths.moments) - 1)
        pots["market"] = EXACT.add(pots["market"], EXACT.subtract(end, after))
        return pots

    def take(self, flow: Flow) -> None:
        self.contracts = EXACT.add(self.contracts, flow.contracts)
        if self.worths.rate(flow.asset, self.place.account) is None:
            self.unpriced[flow.asset] = EXACT.add(self.unpriced[flow.asset], flow.amount)
        else:
            held = self.amounts.get(flow.asset, ZERO)
            self.amounts[flow.asset] = EXACT.add(held, flow.amount)

    def worth_at(self, moment: int) -> Decimal:
        """Of all of it, in the reporting currency."""
        total = ZERO
        for asset, amount in self.amounts.items():
            rate = self.worths.rate(asset, self.place.account)
            assert rate is not None
            total = EXACT.fma(amount, rate[moment], total)
        if self.contracts:
            terms = self.worths.terms[self.place]
            mark, rate = self.worths.mark(self.place), self.worths.rate(terms.unit, terms.account)
            if mark is not None and rate is not None:
                worth = holding(terms, self.contracts, mark[moment])
                total = EXACT.fma(worth, rate[moment], total)
        return total


def over_time(said: Worths, place: Place, flows: Sequence[Flow]) -> Exacts:
    """What all of it was worth at each moment: the same as `_Pot.worth_at`, reckoned by columns."""
    count = len(said.moments)
    total = np.full(count, ZERO, dtype=object)
    for asset in dict.fromkeys(flow.asset for flow in flows):
        rate = said.rate(asset, place.account)
        if rate is not None:
            told = [(flow.moment, flow.amount) for flow in flows if flow.asset == asset]
            total = plus(total, times(_held(told, count), rate))
    told = [(flow.moment, flow.contracts) for flow in flows if flow.contracts]
    if told:
        total = plus(total, _contracts(said, said.terms[place], _held(told, count)))
    return total


def _contracts(said: Worths, terms: Terms, held: Exacts) -> Exacts:
    mark, rate = said.mark(terms.place), said.rate(terms.unit, terms.account)
    if mark is None or rate is None:
        return np.full(len(held), ZERO, dtype=object)
    worth = [
        holding(terms, each, at) if each else ZERO for each, at in zip(held, mark, strict=True)
    ]
    return times(np.array(worth, dtype=object), rate)


def _held(changes: Sequence[tuple[int, Decimal]], count: int) -> Exacts:
    """What was held at each moment, of changes in order of time."""
    at = [moment for moment, _ in changes]
    held = np.empty(len(changes) + 1, dtype=object)
    held[:] = [ZERO, *accumulate((change for _, change in changes), EXACT.add)]
    return np.repeat(held, np.diff([0, *at, count]))
