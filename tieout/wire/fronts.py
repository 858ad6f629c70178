"""The front doors of simulated venues that are served over sockets, and our ways to real ones."""

from collections.abc import Callable, Mapping

from venues.binance_spot import live as binance_spot_live
from venues.binance_spot import served as binance_spot
from venues.binance_usdm import live as binance_usdm_live
from venues.binance_usdm import served as binance_usdm
from venues.bybit_inverse import live as bybit_inverse_live
from venues.bybit_inverse import served as bybit_inverse
from venues.live import Ways
from venues.okx_swap import live as okx_swap_live
from venues.okx_swap import served as okx_swap
from venues.served import Gateway, Key

FRONTS: Mapping[str, Callable[[Key], Gateway]] = {
    "binance_spot": binance_spot.Gateway,
    "binance_usdm": binance_usdm.Gateway,
    "bybit_inverse": bybit_inverse.Gateway,
    "okx_swap": okx_swap.Gateway,
}

WAYS: Mapping[str, Ways] = {
    "binance_spot": binance_spot_live.WAYS,
    "binance_usdm": binance_usdm_live.WAYS,
    "bybit_inverse": bybit_inverse_live.WAYS,
    "okx_swap": okx_swap_live.WAYS,
}
