"""Bybit v5 inverse contracts, of one dollar and settled in the coin; realised profit apart."""

from venues.bybit_inverse.decoder import decode
from venues.bybit_inverse.requests import request
from venues.dialect import Dialect

DIALECT = Dialect(
    venue="bybit_inverse",
    request=request,
    decode=decode,
    statements=("balances", "positions"),
    ledger=True,
)
