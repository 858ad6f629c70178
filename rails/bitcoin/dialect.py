"""The dialect of Bitcoin for the wallets that are kept on it."""

from collections.abc import Mapping

from rails.bitcoin.decoder import decode
from rails.bitcoin.requests import request
from rails.bitcoin.wallet import Wallet
from rails.dialect import Dialect


def dialect(rail: str, wallets: Mapping[str, Wallet]) -> Dialect:
    """Asks and reads for these accounts. A coin has eight decimals: nobody needs to say so."""
    return Dialect(
        rail,
        request=lambda effect: request(effect, wallets),
        decode=lambda frame, decimals: decode(frame, wallets),
    )
