"""The front doors of simulated venues that are served over sockets, and our ways to real ones."""

from collections.abc import Callable, Mapping

from venues.binance_spot import live as binance_spot_live
from venues.binance_spot import served as binance_spot
from venues.live import Ways
from venues.served import Gateway, Key

FRONTS: Mapping[str, Callable[[Key], Gateway]] = {"binance_spot": binance_spot.Gateway}

WAYS: Mapping[str, Ways] = {"binance_spot": binance_spot_live.WAYS}
