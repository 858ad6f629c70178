"""Bybit v5 inverse contracts, of one dollar and settled in the coin; realised profit apart."""

from venues.bybit_inverse.decoder import LIMIT_RESET, decode
from venues.bybit_inverse.public import prints, tops
from venues.bybit_inverse.requests import request
from venues.dialect import Dialect

DIALECT = Dialect(
    venue="bybit_inverse",
    request=request,
    decode=decode,
    tops=tops,
    prints=prints,
    statements=("balances", "positions"),
    ledger=True,
    headers=(LIMIT_RESET,),
)
