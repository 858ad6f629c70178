"""OKX v5 swaps in long/short mode: contracts, a long and a short leg, a ledger of bills."""

from venues.dialect import Dialect
from venues.okx_swap.decoder import decode
from venues.okx_swap.public import prints, tops
from venues.okx_swap.requests import request

DIALECT = Dialect(
    venue="okx_swap",
    request=request,
    decode=decode,
    tops=tops,
    prints=prints,
    statements=("balances", "positions"),
    hedged=True,
    ledger=True,
    instruments=True,
)
