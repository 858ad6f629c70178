"""Binance USDⓈ-M: linear perpetuals in one-way mode, net signed contracts of one coin, funding."""

from core.frames import RETRY_AFTER
from venues.binance_usdm.decoder import decode
from venues.binance_usdm.public import prints, tops
from venues.binance_usdm.requests import request
from venues.dialect import Dialect

DIALECT = Dialect(
    venue="binance_usdm",
    request=request,
    decode=decode,
    tops=tops,
    prints=prints,
    statements=("balances", "positions"),
    ledger=True,
    headers=(RETRY_AFTER,),
)
