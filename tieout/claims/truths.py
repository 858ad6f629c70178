"""The venues' own sums and orders, beside those of our books, when a run is over.

Holdings alone would hide two errors that cancel: fees, funding, realised profit and traded value
are summed from each exchange's trades and movements, per account, instrument and asset, and for
each strategy; so is what each strategy bought and sold, per asset or leg. Orders are held against
the venue's tickets.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Context, Decimal, Inexact

from core.effects import PlaceOrder
from core.events import CancelRequested, FillReported
from core.journal import Store, decode_effect, decode_event
from core.money import ASSET_DECIMALS, QUANTITY_DECIMALS
from core.state import Order, State
from core.step import TOLD_TWICE
from sim.truth import Truth
from venues.exchange import Exchange, Trade, contracts_now

ZERO = Decimal(0)
EXACT = Context(prec=60, traps=[Inexact])
MONEY = ("fee", "funding", "realised", "value")
# What is in a strategy's hands: a spot trade's two assets, a leg in today's contracts.
TRADED = "trade"
IN_CONTRACTS = ("position", "restated")
UNATTRIBUTED = "unattributed"
Sums = dict[str, Decimal]


def money_differences(
    exchanges: Sequence[Exchange], state: State, strategy_of: Mapping[str, str]
) -> dict[str, tuple[Decimal, Decimal]]:
    """Each sum in which truth and books differ: "strategy/account/instrument/purpose/asset".

    `strategy_of` says who asked for an order, by its client order id.
    """
    truth: Sums = {}
    for exchange in exchanges:
        for trade, strategy in _traded(exchange, strategy_of):
            _sum_money(exchange, trade, strategy, truth)
        for move in exchange.movements:
            if move.kind == "funding":
                prefix = f"{UNATTRIBUTED}/{exchange.account}/{move.symbol}"
                _add(truth, f"{prefix}/funding/{move.asset}", move.amount)
    return _unequal(truth, _sum_books(state, MONEY))


def position_differences(
    exchanges: Sequence[Exchange], state: State, strategy_of: Mapping[str, str]
) -> dict[str, tuple[Decimal, Decimal]]:
    """Each asset or leg of which a strategy holds another sum in truth than in our books.

    "strategy/account/instrument/trade/asset" of spot, ".../position/leg" of contracts, which are
    counted as they are now. The fees that were taken from it are money's.
    """
    truth: Sums = {}
    for exchange in exchanges:
        for trade, strategy in _traded(exchange, strategy_of):
            _sum_position(exchange, trade, strategy, truth)
    books = _sum_books(state, (TRADED,))
    for name, units in state.figures.items():
        parts = name.split("/")
        if len(parts) == 6 and parts[4] in IN_CONTRACTS:
            leg = "/".join([*parts[:4], "position", parts[5]])
            _add(books, leg, EXACT.scaleb(Decimal(units), -QUANTITY_DECIMALS))
    return _unequal(truth, books)


def _traded(exchange: Exchange, strategy_of: Mapping[str, str]) -> Iterator[tuple[Trade, str]]:
    """The trades that stand, each with whose it is."""
    for trades in exchange.trades.values():
        for trade in trades:
            if not trade.busted:
                yield trade, strategy_of.get(trade.ticket.client_id, UNATTRIBUTED)


def _sum_money(exchange: Exchange, trade: Trade, strategy: str, truth: Sums) -> None:
    terms = exchange.terms[trade.ticket.symbol]
    prefix = f"{strategy}/{exchange.account}/{terms.symbol}"
    _add(truth, f"{prefix}/fee/{trade.fee_asset}", -trade.fee)
    if terms.model != "spot":
        _add(truth, f"{prefix}/realised/{terms.settle}", trade.realised)
        value = -trade.value if trade.side == "buy" else trade.value
        _add(truth, f"{prefix}/value/{terms.settle}", value)


def _sum_position(exchange: Exchange, trade: Trade, strategy: str, truth: Sums) -> None:
    terms = exchange.terms[trade.ticket.symbol]
    prefix = f"{strategy}/{exchange.account}/{terms.symbol}"
    sign = 1 if trade.side == "buy" else -1
    if terms.model != "spot":
        leg = f"{prefix}/position/{trade.ticket.leg}"
        _add(truth, leg, sign * contracts_now(terms, trade))
        return
    _add(truth, f"{prefix}/{TRADED}/{terms.base}", sign * trade.quantity)
    _add(truth, f"{prefix}/{TRADED}/{terms.quote}", -sign * trade.value)


def _add(sums: Sums, name: str, amount: Decimal) -> None:
    sums[name] = sums.get(name, ZERO) + amount


def _unequal(truth: Sums, books: Sums) -> dict[str, tuple[Decimal, Decimal]]:
    names = dict.fromkeys([*truth, *books])
    pairs = {name: (truth.get(name, ZERO), books.get(name, ZERO)) for name in names}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _sum_books(state: State, purposes: tuple[str, ...]) -> Sums:
    sums: Sums = {}
    for name, units in state.figures.items():
        parts = name.split("/")
        if len(parts) == 6 and parts[4] in purposes:
            scale = state.decimals.get(parts[5], ASSET_DECIMALS)
            _add(sums, name, EXACT.scaleb(Decimal(units), -scale))
    return sums


def order_differences(
    exchanges: Sequence[Exchange], state: State, orders: Mapping[str, Order]
) -> dict[str, tuple[str, str]]:
    """Each order that does not stand as its venue's ticket does: over or working, and how filled.

    `orders` are all that there ever were. What never reached the venue must be over in our books;
    how the two name an end may differ.
    """
    tickets = {t.client_id: t for e in exchanges for t in e.tickets.values() if t.client_id}
    filled = _filled(exchanges)
    different = {}
    for name, order in orders.items():
        ticket = tickets.get(name)
        alive = ticket is not None and ticket.alive
        truth = _stand(filled.get(name, ZERO), working=alive)
        ours = EXACT.scaleb(Decimal(order.filled), -QUANTITY_DECIMALS)
        books = _stand(ours, working=name in state.accounts[order.account].working)
        if truth != books:
            different[f"order {name}"] = (truth, f"{books} ({order.status})")
    return different


def orders_mismarked(exchanges: Sequence[Exchange], store: Store) -> list[str]:
    """Orders that their venue took to reduce only and we did not ask so, or the other way round.

    Where an account keeps two legs the leg says it, and the mark is none; spot has no mark.
    """
    placed = [decode_effect(r.body) for r in store.records() if r.name == "PlaceOrder"]
    asked = {each.client_order_id: each for each in placed if isinstance(each, PlaceOrder)}
    wrong = []
    for exchange in exchanges:
        for name, ticket in exchange.by_client.items():
            order = asked.get(name)
            if order is None or ticket.leg != "net":
                continue
            if exchange.terms[ticket.symbol].model != "spot":
                if ticket.reduce_only != order.reduce_only:
                    wrong.append(name)
    return wrong


def cancels_unpursued(exchanges: Sequence[Exchange], store: Store) -> list[str]:
    """Orders that a strategy asked to be taken off and that are alive all the same."""
    wanted = cancels_wanted(store)
    return [t.client_id for e in exchanges for t in e.open.values() if t.client_id in wanted]


def cancels_wanted(store: Store) -> dict[str, None]:
    """The orders that a strategy asked to be taken off, by what the journal holds."""
    wanted: dict[str, None] = {}
    for record in store.records():
        if record.name == "CancelRequested":
            wish = decode_event(record.body)
            assert isinstance(wish, CancelRequested)
            wanted[wish.client_order_id] = None
    return wanted


def fills_unplaced(exchanges: Sequence[Exchange], state: State, since_ms: int) -> list[str]:
    """Orders with fills of before `since_ms` of which the books do not know whose they are."""
    waiting = []
    for exchange in exchanges:
        for order_id in state.accounts[exchange.account].orphans:
            ticket = exchange.tickets.get(order_id)
            if ticket is None or ticket.updated_at < since_ms:
                waiting.append(f"{exchange.account} {order_id}")
    return waiting


def self_trades(exchanges: Sequence[Exchange]) -> int:
    """How many trades had an order of ours on both sides, under one id."""
    total = 0
    for exchange in exchanges:
        for trades in exchange.trades.values():
            sides: dict[int, str] = {}
            for trade in trades:
                total += sides.setdefault(trade.trade_id, trade.side) != trade.side
    return total


def contradictions_unshown(truth: Truth, store: Store) -> list[str]:
    """Fills that were told to us in two contents and of which we never said so, each by its id."""
    shown = _shown_twice(store)
    told = [(fact.account, *fact.key) for fact in truth.contradictions if fact.told_at >= 0]
    return [" ".join(name) for name in dict.fromkeys(told) if name not in shown]


def _shown_twice(store: Store) -> dict[tuple[str, ...], None]:
    """The fills that our alerts name as told in two contents: account, instrument, id, side."""
    fills: dict[int, bytes] = {}
    shown: dict[tuple[str, ...], None] = {}
    for record in store.records():
        if record.name == "FillReported":
            fills[record.number] = record.body
        elif record.name == "RaiseAlert" and TOLD_TWICE.encode() in record.body:
            fill = decode_event(fills[record.cause])
            assert isinstance(fill, FillReported)
            shown[fill.account, fill.instrument, fill.fill_id, fill.side] = None
    return shown


def _filled(exchanges: Sequence[Exchange]) -> Sums:
    """What each order's fills add up to, those that were undone left out."""
    sums: Sums = {}
    for exchange in exchanges:
        for trades in exchange.trades.values():
            for trade in trades:
                if not trade.busted:
                    _add(sums, trade.ticket.client_id, trade.quantity)
    return sums


def _stand(filled: Decimal, *, working: bool) -> str:
    return f"{'working' if working else 'over'}, {filled.normalize():f} filled"
