"""Binance spot: balances only, fees sometimes in a third asset, fills with ids per symbol."""

from core.frames import RETRY_AFTER
from venues.binance_spot.decoder import decode
from venues.binance_spot.public import prints, tops
from venues.binance_spot.requests import request
from venues.dialect import Dialect

DIALECT = Dialect(
    venue="binance_spot",
    request=request,
    decode=decode,
    tops=tops,
    prints=prints,
    ledger=True,
    headers=(RETRY_AFTER,),
)
