"""Which venues we speak to: for each its dialect and its model of contracts. A flat table.

Of a venue's simulated side nothing is known here: that is `tieout/world/twins.py`.
"""

from collections.abc import Mapping
from typing import Literal

from venues import binance_spot, binance_usdm, bybit_inverse, coinbase, okx_swap
from venues.dialect import Dialect

Model = Literal["spot", "linear", "inverse"]

DIALECTS: Mapping[str, Dialect] = {
    "binance_spot": binance_spot.DIALECT,
    "binance_usdm": binance_usdm.DIALECT,
    "coinbase": coinbase.DIALECT,
    "bybit_inverse": bybit_inverse.DIALECT,
    "okx_swap": okx_swap.DIALECT,
}

MODELS: Mapping[str, Model] = {
    "binance_spot": "spot",
    "binance_usdm": "linear",
    "coinbase": "spot",
    "bybit_inverse": "inverse",
    "okx_swap": "linear",
}

READERS = {name: dialect.decode for name, dialect in DIALECTS.items()}
