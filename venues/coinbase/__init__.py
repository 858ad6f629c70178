"""Coinbase Advanced Trade, spot: tells how far an order got, not by which fills."""

from venues.coinbase.decoder import decode
from venues.coinbase.public import prints, tops
from venues.coinbase.requests import request
from venues.dialect import Dialect

DIALECT = Dialect(
    venue="coinbase",
    request=request,
    decode=decode,
    tops=tops,
    prints=prints,
    tells="progress",
    bracketed=True,
)
