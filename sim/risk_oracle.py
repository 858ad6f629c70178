"""The oracle of risk: what we truly dare, whoever knows of it, against every hard limit.

Exposure of a place is what is held there by the venue's own count, and all that our orders may
still do: working there, on their way, of unknown outcome; told to us or not. It is judged

- when an order of ours is decided: if then a line that the order adds to is over its limit, that is
  a *limit breach*. What others did and our books do not have yet is no reason to have refused it;
- at every other look: over a limit by price, by others, by a venue that takes its word back, is a
  *passive breach*, timed until it is cured.

A fill that comes after its order was over is reckoned with, told to us or not, until `hold_ns`
after our node heard of the end; from then on it is as others' trades are, until our books have it.

What was spent under the engine's word is what lines grew by since, at one price for both. A trade
or an end that our node had not been told of when the word came, and that makes it hold more or
leaves it less to do, had left nothing more unspent; what was undone or sold untold is not put back.

A value limit is held against the lowest price (of what offsets: the highest) of the last while, for
so old may a price be that is acted on. Nothing here is shared with what is judged.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from typing import NamedTuple, Protocol

from sim.truth import Fact, Truth

ZERO = Decimal(0)
NOBODY = "nobody"


class Contract(NamedTuple):
    """What is traded at a place: `rate` is what a coin of its quote asset is worth."""

    account: str
    symbol: str
    asset: str
    kind: str
    rate: Decimal


class Sent(NamedTuple):
    """An order as it was decided; after `dies_at` it can come to life no more."""

    strategy: str
    account: str
    symbol: str
    leg: str
    side: str
    quantity: Decimal
    dies_at: int
    reduce_only: bool = False


class Traded(NamedTuple):
    """A trade of an order of ours: `quantity` in today's contracts, nothing once it was undone.

    `after_end`: by its venue's word the order was over by then, or never was.
    """

    client_id: str
    quantity: Decimal
    key: tuple[str, ...]
    after_end: bool = False


class Venue(Protocol):
    """What the oracle sees of a venue."""

    def leaves(self, client_id: str) -> Decimal | None:
        """What may still fill of an order; None where the venue never took it."""

    def traded(self) -> Iterable[Traded]:
        """All trades of our orders, undone ones with no quantity."""

    def position(self, symbol: str, leg: str) -> Decimal:
        """What is held."""

    def legs(self, symbol: str) -> tuple[str, ...]:
        """The legs that a position has there."""

    def price(self, symbol: str) -> Decimal | None:
        """The middle of its book; None where nobody quotes."""

    def size(self, symbol: str) -> Decimal:
        """Coins of a contract; of an inverse one, units of its quote asset."""


class Breach(NamedTuple):
    """A line over its limit: when, by how much it was there, and by which order of ours."""

    line: str
    at: int
    exposure: Decimal
    limit: Decimal
    order: str


@dataclass(slots=True)
class Cell:
    """A leg of an instrument: what is held, and what is open on each side."""

    position: Decimal = ZERO
    buys: Decimal = ZERO
    sells: Decimal = ZERO


@dataclass(slots=True)
class Prices:
    """The lowest and the highest price of the last while."""

    seen: list[tuple[int, Decimal]] = field(default_factory=list)
    low: Decimal = ZERO
    high: Decimal = ZERO

    def note(self, now: int, price: Decimal | None, window_ns: int) -> None:
        seen, before = self.seen, len(self.seen)
        if price is not None and (not seen or seen[-1][1] != price):
            seen.append((now, price))
        while len(seen) > 1 and seen[1][0] < now - window_ns:
            del seen[0]
            before = -1
        if len(seen) != before:
            prices = [price for _, price in seen]
            self.low, self.high = min(prices, default=ZERO), max(prices, default=ZERO)


Key = tuple[str, str, str, str]  # strategy, account, symbol, leg
# By account and symbol: what a contract is worth at its lowest and at its highest, of late.
Values = dict[tuple[str, str], tuple[Decimal, Decimal]]
Line = tuple[str, str, str]  # control, place, side
# By account, symbol and leg: how much longer and shorter it is than our books can have it.
Allowances = dict[tuple[str, str, str], tuple[Decimal, Decimal]]


class RiskOracle:
    """Watches one run."""

    def __init__(
        self,
        truth: Truth,
        venues: Mapping[str, Venue],
        contracts: Iterable[Contract],
        limits: Mapping[tuple[str, str], Decimal],
        window_ns: int,
        hold_ns: int,
        unbooked: Callable[[str], Iterable[Fact]],
    ) -> None:
        """`limits` are by control and place; for `hold_ns` after our node heard of its end may an
        order still fill; `unbooked` has the facts that our books lack."""
        self._truth, self._venues = truth, venues
        self._contracts = {(each.account, each.symbol): each for each in contracts}
        self._limits, self._window_ns, self._hold_ns = limits, window_ns, hold_ns
        self._unbooked = unbooked
        self._sent: dict[str, Sent] = {}
        self._open: dict[str, None] = {}
        self._heard_end: dict[str, int] = {}
        self.unheard: dict[str, None] = {}
        self._legs: dict[tuple[str, str], dict[str, None]] = {}
        self._prices = {key: Prices() for key in self._contracts}
        self._facts_seen = -1
        self._own: dict[Key, Decimal] = {}
        self._ours: dict[tuple[str, str, str], Decimal] = {}
        self._own_keys: dict[tuple[str, tuple[str, ...]], Traded] = {}
        self._over: dict[Line, int] = {}
        self._values: Values = {}
        self._priced: list[tuple[Decimal, Decimal, Decimal]] = []
        self._recounts = 0
        self._looked_at: tuple[int, Values, dict[str, Decimal]] | None = None
        self.breaches: list[Breach] = []
        self.passive: list[Breach] = []
        self.passive_ns = 0
        self.peaks: dict[str, Decimal] = {}
        self._at_word: dict[Key, Cell] = {}
        self._allowed_at_word: Allowances = {}
        self._filled: dict[str, Decimal] = {}
        self.spent_when_old = ZERO
        self.reductions = 0
        self.flips: list[str] = []

    # --- what happens -----------------------------------------------------------------------------

    def limit(self, limits: Mapping[tuple[str, str], Decimal]) -> None:
        """From now on these hold; what is over them by that is a passive breach."""
        self._limits, self._looked_at = limits, None

    def spoke(self, open_to_us: Iterable[str] = ()) -> None:
        """The cold engine's word reached our node, to which these orders were not over yet."""
        cells = self._cells()
        self._allowed_at_word = self._allowances()
        for key, trade in self._untold():
            sent = self._sent[trade.client_id]
            _open(cells, sent, trade.quantity)
            cells[key].position -= trade.quantity if sent.side == "buy" else -trade.quantity
        for client_id in open_to_us:
            ended = self._sent.get(client_id) if client_id not in self._open else None
            if ended is not None:
                _open(cells, ended, ended.quantity - self._filled.get(client_id, ZERO))
        self._at_word = cells

    def _untold(self) -> Iterator[tuple[Key, Traded]]:
        """Trades of ours that our books lack: to us they are open as before."""
        for key in self._own:
            for fact in self._unbooked(self._holding(*key[1:])):
                trade = self._own_keys.get((key[1], fact.key))
                if trade is not None and fact.kind == "fill" and self._is_reckoned_with(trade):
                    if _key(self._sent[trade.client_id]) == key:
                        yield key, trade

    def decided(self, client_id: str, sent: Sent, *, old: bool = False) -> None:
        """Our gate let an order pass; it may have left. `old`: by an old word."""
        self._sent[client_id] = sent
        self._open[client_id] = None
        self._note_prices()
        cells = self._cells()
        allowed = self._allowances()
        lines = self._lines(cells, allowed)
        at_word = self._lines(self._at_word, self._allowed_at_word) if old else {}
        for line in self._added_to(sent, cells, allowed):
            limit = self._limits.get(line[:2])
            exposure = lines.get(line, ZERO)
            if limit is not None and exposure > limit:
                name, now = "/".join(line), self._truth.now()
                self.breaches.append(Breach(name, now, exposure, limit, client_id))
            if old and limit is not None:
                self._spend(line, exposure, at_word.get(line, ZERO), limit)
        if sent.reduce_only:
            self._look_at_exit(client_id, sent, cells)

    def _spend(self, line: Line, exposure: Decimal, before: Decimal, limit: Decimal) -> None:
        """What was spent under an old word, of what it left unspent: at the prices of now."""
        if before < limit and exposure > before:
            share = (exposure - before) / (limit - before)
            self.spent_when_old = max(self.spent_when_old, share)

    def _look_at_exit(self, client_id: str, sent: Sent, cells: Mapping[Key, Cell]) -> None:
        """An exit, with all that is open on its side, closes at most what is held."""
        self.reductions += 1
        cell = cells[sent.strategy, sent.account, sent.symbol, sent.leg]
        longer, shorter = self._allowances().get(
            (sent.account, sent.symbol, sent.leg), (ZERO, ZERO)
        )
        over = cell.sells - cell.position - shorter
        if sent.side == "buy":
            over = cell.buys + cell.position - longer
        if over > 0:
            self.flips.append(client_id)

    def unsent(self, client_ids: Iterable[str]) -> None:
        """Our node died before these left."""
        for client_id in client_ids:
            self._open.pop(client_id, None)

    def heard_end(self, client_ids: Iterable[str]) -> None:
        """Our node takes these for over, as their venue does, from now on."""
        for client_id in client_ids:
            if client_id in self.unheard:
                del self.unheard[client_id]
                self._heard_end[client_id] = self._truth.now()

    def orphaned(self, client_ids: Iterable[str]) -> None:
        """Our journal lost whose these were: they count wherever a strategy is not asked for."""
        for client_id in client_ids:
            if client_id in self._sent:
                self._sent[client_id] = self._sent[client_id]._replace(strategy=NOBODY)
        self._facts_seen = -1

    def look(self) -> None:
        """Something may have changed."""
        self._note_prices()
        self._recount()
        # Only facts, prices and what is left of orders move anything.
        moving = self._recounts, self._values, self._still_open()
        if moving == self._looked_at:
            return
        self._looked_at, now = moving, self._truth.now()
        for line, exposure in self._lines(self._cells(), {}).items():
            limit = self._limits.get(line[:2])
            if limit is None:
                continue
            if limit:
                share = exposure / limit
                if share > self.peaks.get(line[0], ZERO):
                    self.peaks[line[0]] = share
            if exposure > limit and line not in self._over:
                self._over[line] = now
                self.passive.append(Breach("/".join(line), now, exposure, limit, ""))
            elif exposure <= limit and line in self._over:
                self.passive_ns += now - self._over.pop(line)

    @property
    def still_over(self) -> list[str]:
        """Lines that are over their limits now."""
        return ["/".join(line) for line in self._over]

    # --- what there is ----------------------------------------------------------------------------

    def _note_prices(self) -> None:
        now = self._truth.now()
        looked_at: list[tuple[Decimal, Decimal, Decimal]] = []
        for (account, symbol), prices in self._prices.items():
            venue = self._venues[account]
            prices.note(now, venue.price(symbol), self._window_ns)
            looked_at.append((venue.size(symbol), prices.low, prices.high))
        if looked_at != self._priced:
            self._priced = looked_at
            places = zip(self._contracts.items(), looked_at, strict=True)
            self._values = {key: _worth(contract, *each) for (key, contract), each in places}

    def _recount(self) -> None:
        """What each strategy traded; only where the truth changed since."""
        if self._facts_seen == len(self._truth.facts):
            return
        self._facts_seen = len(self._truth.facts)
        self._recounts += 1
        self._own.clear()
        self._ours.clear()
        self._own_keys.clear()
        self._filled.clear()
        for account, venue in self._venues.items():
            for trade in venue.traded():
                sent = self._sent.get(trade.client_id)
                if sent is None:
                    continue
                self._own_keys[account, trade.key] = trade
                key = _key(sent)
                before = self._filled.get(trade.client_id, ZERO)
                self._filled[trade.client_id] = before + trade.quantity
                change = trade.quantity if sent.side == "buy" else -trade.quantity
                self._own[key] = self._own.get(key, ZERO) + change
                self._ours[key[1:]] = self._ours.get(key[1:], ZERO) + change

    def _cells(self) -> dict[Key, Cell]:
        """By strategy; "" is whoever else moved a position."""
        self._recount()
        cells: dict[Key, Cell] = {key: Cell(position=own) for key, own in self._own.items()}
        for (account, symbol), contract in self._contracts.items():
            if contract.kind == "spot":
                continue
            venue = self._venues[account]
            for leg in self._legs_of(account, symbol):
                rest = venue.position(symbol, leg) - self._ours.get((account, symbol, leg), ZERO)
                cells["", account, symbol, leg] = Cell(position=rest)
        for client_id, left in self._still_open().items():
            _open(cells, self._sent[client_id], left)
        return cells

    def _legs_of(self, account: str, symbol: str) -> list[str]:
        """Those that there are, and those that were: an account may be changed to others."""
        legs = self._legs.setdefault((account, symbol), {})
        legs |= dict.fromkeys(self._venues[account].legs(symbol))
        return list(legs)

    def _still_open(self) -> dict[str, Decimal]:
        """What each order may still do; one that may do nothing more has ended, now."""
        left = {client_id: self._left_of(client_id) for client_id in self._open}
        for client_id in [each for each, amount in left.items() if not amount]:
            del self._open[client_id], left[client_id]
            self.unheard[client_id] = None
        return left

    def _left_of(self, client_id: str) -> Decimal:
        """All of an order until its venue took it, or can take it no more."""
        sent = self._sent[client_id]
        left = self._venues[sent.account].leaves(client_id)
        if left is None:
            left = sent.quantity if self._truth.now() < sent.dies_at else ZERO
        return left

    def _allowances(self) -> Allowances:
        """By how much others made a leg longer, and shorter, without our books having it yet."""
        found: Allowances = {}
        for account, symbol in self._contracts:
            for leg in self._legs_of(account, symbol):
                name = self._holding(account, symbol, leg)
                longer = shorter = ZERO
                for fact in self._unbooked(name):
                    trade = self._own_keys.get((account, fact.key))
                    if trade is not None and fact.kind in ("fill", "progress"):
                        if self._is_reckoned_with(trade):
                            continue
                    longer += max(ZERO, fact.deltas[name])
                    shorter += max(ZERO, -fact.deltas[name])
                found[account, symbol, leg] = (longer, shorter)
        return found

    def _is_reckoned_with(self, trade: Traded) -> bool:
        """Whether we have to count its order for it, though our books lack it."""
        heard = self._heard_end.get(trade.client_id)
        over = heard is not None and self._truth.now() > heard + self._hold_ns
        return not (trade.after_end and over)

    def _holding(self, account: str, symbol: str, leg: str) -> str:
        """Where our books have it: what was bought on the spot lies in the wallet."""
        contract = self._contracts[account, symbol]
        subject = f"{contract.asset}/cash" if contract.kind == "spot" else f"{symbol}/{leg}"
        return f"{account}/{subject}"

    # --- lines ------------------------------------------------------------------------------------

    def _lines(
        self,
        cells: Mapping[Key, Cell],
        allowed: Allowances,
    ) -> dict[Line, Decimal]:
        """What every line comes to if one side of all that is open fills."""
        lines: dict[Line, Decimal] = {}
        whole: dict[tuple[str, str, str], Cell] = {}
        for (strategy, *place), cell in cells.items():
            account, symbol, leg = place
            kept = whole.setdefault((account, symbol, leg), Cell())
            kept.position += cell.position
            kept.buys += cell.buys
            kept.sells += cell.sells
            if strategy:
                long, short = _sides(cell, allowed.get((account, symbol, leg), (ZERO, ZERO)))
                name = f"{strategy}/{account}/{symbol}"
                _worst(lines, "STRATEGY_POSITION", name, long, short)
                self._add(lines, account, symbol, long, short, (("STRATEGY", strategy),))
        for (account, symbol, leg), cell in whole.items():
            long, short = _sides(cell, allowed.get((account, symbol, leg), (ZERO, ZERO)))
            _worst(lines, "ACCOUNT_POSITION", f"{account}/{symbol}", long, short)
            asset = self._contracts[account, symbol].asset
            scopes = (("ACCOUNT", account), ("ASSET", asset), ("FIRM", ""))
            self._add(lines, account, symbol, long, short, scopes)
        return lines

    def _add(
        self,
        lines: dict[Line, Decimal],
        account: str,
        symbol: str,
        long: Decimal,
        short: Decimal,
        scopes: Iterable[tuple[str, str]],
    ) -> None:
        """Its value into the sums that it is part of."""
        low, high = self._values[account, symbol]
        longs = long * (low if long > 0 else high)
        shorts = short * (low if short > 0 else high)
        worse = max(long, short, ZERO) * low
        for kind, place in scopes:
            net_long, net_short, gross = _sums(kind, place)
            lines[net_long] = lines.get(net_long, ZERO) + longs
            lines[net_short] = lines.get(net_short, ZERO) + shorts
            lines[gross] = lines.get(gross, ZERO) + worse

    def _added_to(
        self,
        sent: Sent,
        cells: Mapping[Key, Cell],
        allowed: Allowances,
    ) -> list[Line]:
        """The lines that an order makes larger: in gross, where its side is the worse one, by what
        our books can have."""
        side = "long" if sent.side == "buy" else "short"
        here = f"{sent.account}/{sent.symbol}"
        asset = self._contracts[sent.account, sent.symbol].asset
        lines = [
            ("STRATEGY_POSITION", f"{sent.strategy}/{here}", side),
            ("ACCOUNT_POSITION", here, side),
            ("STRATEGY_NET", sent.strategy, side),
            ("ACCOUNT_NET", sent.account, side),
            ("ASSET_NET", asset, side),
            ("FIRM_NET", "", side),
        ]
        place = (sent.account, sent.symbol, sent.leg)
        untold = allowed.get(place, (ZERO, ZERO))
        if _is_worse([cells[sent.strategy, *place]], side, untold):
            lines.append(("STRATEGY_GROSS", sent.strategy, "gross"))
        if _is_worse([cell for key, cell in cells.items() if key[1:] == place], side, untold):
            lines.append(("ACCOUNT_GROSS", sent.account, "gross"))
            lines += [("CONCENTRATION", asset, "gross"), ("FIRM_GROSS", "", "gross")]
        return lines


@cache
def _sums(kind: str, place: str) -> tuple[Line, Line, Line]:
    """The lines of what nets there, long and short, and of what does not."""
    gross = "CONCENTRATION" if kind == "ASSET" else f"{kind}_GROSS"
    return (f"{kind}_NET", place, "long"), (f"{kind}_NET", place, "short"), (gross, place, "gross")


def _key(sent: Sent) -> Key:
    return sent.strategy, sent.account, sent.symbol, sent.leg


def _open(cells: dict[Key, Cell], sent: Sent, left: Decimal) -> None:
    """So much of an order may still fill."""
    cell = cells.setdefault(_key(sent), Cell())
    if sent.side == "buy":
        cell.buys += left
    else:
        cell.sells += left


def _sides(cell: Cell, allowed: tuple[Decimal, Decimal]) -> tuple[Decimal, Decimal]:
    """What a place comes to if all that is bought fills, and if all that is sold does."""
    longer, shorter = allowed
    long = cell.position - longer + cell.buys
    short = cell.sells - cell.position - shorter
    return long, short


def _is_worse(cells: Iterable[Cell], side: str, allowed: tuple[Decimal, Decimal]) -> bool:
    """Whether these together are exposed more on that side than on the other, or not at all."""
    whole = Cell()
    for cell in cells:
        whole.position += cell.position
        whole.buys += cell.buys
        whole.sells += cell.sells
    long, short = _sides(whole, allowed)
    return long > max(short, ZERO) if side == "long" else short > max(long, ZERO)


def _worth(
    contract: Contract, size: Decimal, low: Decimal, high: Decimal
) -> tuple[Decimal, Decimal]:
    """What one contract is worth, in the reporting asset, at its lowest and at its highest."""
    each = size * contract.rate
    return (each, each) if contract.kind == "inverse" else (each * low, each * high)


def _worst(
    lines: dict[Line, Decimal], control: str, place: str, long: Decimal, short: Decimal
) -> None:
    """Legs of one instrument do not net here: the worse of them."""
    for side, amount in (("long", long), ("short", short)):
        key = (control, place, side)
        lines[key] = max(lines.get(key, ZERO), amount)
