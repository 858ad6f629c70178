"""Venues and their simulated side: for each its own words, and its habits. A flat table."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from tieout.node.dialects import DIALECTS, MODELS, Model
from venues.binance_spot import simulated as binance_spot_simulated
from venues.binance_usdm import simulated as binance_usdm_simulated
from venues.bybit_inverse import simulated as bybit_inverse_simulated
from venues.coinbase import simulated as coinbase_simulated
from venues.dialect import Dialect
from venues.exchange import Habits
from venues.okx_swap import simulated as okx_swap_simulated
from venues.simulated import Words


@dataclass(frozen=True, slots=True)
class Twin:
    """A venue, as we speak to it and as it speaks."""

    dialect: Dialect
    words: Callable[[], Words]
    habits: Callable[[], Habits]
    model: Model


TWINS: Mapping[str, Twin] = {
    "binance_spot": Twin(
        DIALECTS["binance_spot"],
        binance_spot_simulated.Words,
        lambda: Habits(
            fee_asset="BNB",
            fee_asset_price=Decimal("0.25"),
            trade_ids_per_symbol=True,
            page_rows_max=1000,
            movement_key=binance_spot_simulated.movement_key,
        ),
        MODELS["binance_spot"],
    ),
    "binance_usdm": Twin(
        DIALECTS["binance_usdm"],
        binance_usdm_simulated.Words,
        lambda: Habits(page_rows_max=1000, movement_key=binance_usdm_simulated.movement_key),
        MODELS["binance_usdm"],
    ),
    "coinbase": Twin(
        DIALECTS["coinbase"],
        coinbase_simulated.Words,
        lambda: Habits(
            tells_progress=True,
            average_step=coinbase_simulated.STEP,
            page_rows_max=1000,
            name_order=coinbase_simulated.name_order,
        ),
        MODELS["coinbase"],
    ),
    "bybit_inverse": Twin(
        DIALECTS["bybit_inverse"],
        bybit_inverse_simulated.Words,
        lambda: Habits(
            realised_apart=True,
            repeats_update=True,
            page_rows_max=100,
            name_trade=bybit_inverse_simulated.name_trade,
            name_order=bybit_inverse_simulated.name_order,
            movement_key=bybit_inverse_simulated.movement_key,
        ),
        MODELS["bybit_inverse"],
    ),
    "okx_swap": Twin(
        DIALECTS["okx_swap"],
        okx_swap_simulated.Words,
        lambda: Habits(
            hedged=True,
            forced_ids_negative=True,
            page_rows_max=100,
            tells_terms=okx_swap_simulated.terms_told,
            movement_key=okx_swap_simulated.movement_key,
        ),
        MODELS["okx_swap"],
    ),
}
