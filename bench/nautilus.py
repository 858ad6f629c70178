"""NautilusTrader's execution engine over the same fills: its own cache, portfolio and message bus.

Orders are submitted and accepted first, untimed; each timed call is `process(OrderFilled)`.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from bench.measure import Chunk, chunks_of
from core.events import Event, FillReported
from core.money import show

ACCOUNT = "BINANCE-001"
ASSETS = {"XRP": 8, "ETH": 8, "USDT": 8, "BNB": 8}
SYMBOLS = {"XRPETH": ("XRP", "ETH", 8, 0), "ETHUSDT": ("ETH", "USDT", 2, 4)}


def available() -> bool:
    """Whether the peer is installed in this interpreter."""
    try:
        import nautilus_trader  # noqa: F401
    except ImportError:
        return False
    return True


def chunks(told: Sequence[Event]) -> list[Chunk]:
    """A fresh engine with the stream's orders working, and its fills to be processed."""
    engine, fills = _prepared([event for event in told if isinstance(event, FillReported)])
    return chunks_of(engine.process, fills)


def _prepared(fills: Sequence[FillReported]) -> tuple[Any, list[Any]]:
    from nautilus_trader.cache.cache import Cache
    from nautilus_trader.common.component import MessageBus, TestClock
    from nautilus_trader.core.uuid import UUID4
    from nautilus_trader.execution.engine import ExecutionEngine
    from nautilus_trader.model import events, identifiers, objects
    from nautilus_trader.model.enums import LiquiditySide, OrderSide, OrderType
    from nautilus_trader.model.orders import LimitOrder
    from nautilus_trader.portfolio.portfolio import Portfolio

    clock, trader = TestClock(), identifiers.TraderId("TIEOUT-001")
    bus, cache = MessageBus(trader_id=trader, clock=clock), Cache(database=None)
    portfolio = Portfolio(msgbus=bus, cache=cache, clock=clock)
    engine = ExecutionEngine(msgbus=bus, cache=cache, clock=clock)
    assets = {name: _asset(name) for name in ASSETS}
    pairs = {name: _pair(name, assets) for name in SYMBOLS}
    for pair in pairs.values():
        cache.add_instrument(pair)
    account = identifiers.AccountId(ACCOUNT)
    portfolio.update_account(_wallets(account, assets))
    strategy = identifiers.StrategyId("MM-001")
    quantities: dict[str, int] = {}
    for fill in fills:
        quantities[fill.order_id] = quantities.get(fill.order_id, 0) + fill.quantity
    orders: dict[str, Any] = {}
    processed = []
    for fill in fills:
        pair = pairs[fill.instrument]
        _, _, price_places, lot_places = SYMBOLS[fill.instrument]
        price = objects.Price(Decimal(show(fill.price, 12)), price_places)
        side = OrderSide.BUY if fill.side == "buy" else OrderSide.SELL
        name = identifiers.ClientOrderId(f"O-{fill.order_id}")
        venue_id = identifiers.VenueOrderId(fill.order_id)
        if fill.order_id not in orders:
            whole = objects.Quantity(Decimal(show(quantities[fill.order_id], 8)), lot_places)
            order = LimitOrder(
                trader, strategy, pair.id, name, side, whole, price, UUID4(), 0, post_only=False
            )
            orders[fill.order_id] = order
            cache.add_order(order)
            common = (trader, strategy, pair.id, name)
            engine.process(events.OrderSubmitted(*common, account, UUID4(), 0, 0))
            engine.process(events.OrderAccepted(*common, venue_id, account, UUID4(), 0, 0))
        processed.append(
            events.OrderFilled(
                trader_id=trader,
                strategy_id=strategy,
                instrument_id=pair.id,
                client_order_id=name,
                venue_order_id=venue_id,
                account_id=account,
                trade_id=identifiers.TradeId(fill.fill_id),
                position_id=None,
                order_side=side,
                order_type=OrderType.LIMIT,
                last_qty=objects.Quantity(Decimal(show(fill.quantity, 8)), lot_places),
                last_px=price,
                currency=pair.quote_currency,
                commission=objects.Money(Decimal(show(fill.fee, 8)), assets[fill.fee_asset]),
                liquidity_side=LiquiditySide.MAKER if fill.maker else LiquiditySide.TAKER,
                event_id=UUID4(),
                ts_event=fill.occurred_at,
                ts_init=fill.received_at,
            )
        )
    return engine, processed


def _asset(name: str) -> Any:
    from nautilus_trader.model.enums import CurrencyType
    from nautilus_trader.model.objects import Currency

    return Currency(name, ASSETS[name], 0, name, CurrencyType.CRYPTO)


def _pair(symbol: str, assets: dict[str, Any]) -> Any:
    from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue
    from nautilus_trader.model.instruments import CurrencyPair
    from nautilus_trader.model.objects import Price, Quantity

    base, quote, price_places, lot_places = SYMBOLS[symbol]
    return CurrencyPair(
        instrument_id=InstrumentId(Symbol(symbol), Venue("BINANCE")),
        raw_symbol=Symbol(symbol),
        base_currency=assets[base],
        quote_currency=assets[quote],
        price_precision=price_places,
        size_precision=lot_places,
        price_increment=Price(Decimal(10) ** -price_places, price_places),
        size_increment=Quantity(Decimal(10) ** -lot_places, lot_places),
        ts_event=0,
        ts_init=0,
    )


def _wallets(account: Any, assets: dict[str, Any]) -> Any:
    from nautilus_trader.core.uuid import UUID4
    from nautilus_trader.model.enums import AccountType
    from nautilus_trader.model.events import AccountState
    from nautilus_trader.model.objects import AccountBalance, Money

    balances = [
        AccountBalance(Money(100_000_000, each), Money(0, each), Money(100_000_000, each))
        for each in assets.values()
    ]
    return AccountState(
        account_id=account,
        account_type=AccountType.CASH,
        base_currency=None,
        reported=True,
        balances=balances,
        margins=[],
        info={},
        event_id=UUID4(),
        ts_event=0,
        ts_init=0,
    )
