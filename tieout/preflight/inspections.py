"""How each venue that we have a way to is asked about itself. A flat table."""

from collections.abc import Mapping

from venues.binance_spot import inspecting as binance_spot
from venues.binance_usdm import inspecting as binance_usdm
from venues.bybit_inverse import inspecting as bybit_inverse
from venues.inspecting import Inspection
from venues.okx_swap import inspecting as okx_swap

INSPECTIONS: Mapping[str, Inspection] = {
    "binance_spot": binance_spot.INSPECTION,
    "binance_usdm": binance_usdm.INSPECTION,
    "bybit_inverse": bybit_inverse.INSPECTION,
    "okx_swap": okx_swap.INSPECTION,
}
