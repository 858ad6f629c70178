"""The dialect of an EVM chain for the wallets that are kept on it."""

from collections.abc import Mapping

from rails.dialect import Dialect
from rails.evm.decoder import decode
from rails.evm.requests import request
from rails.evm.wallet import Wallet


def dialect(rail: str, wallets: Mapping[str, Wallet]) -> Dialect:
    """Asks and reads for these accounts. Quantities come in base units: no decimals are needed."""
    return Dialect(
        rail,
        request=lambda effect: request(effect, wallets),
        decode=lambda frame, decimals: decode(frame, wallets),
    )
