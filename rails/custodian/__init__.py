"""The custodian, in Fireblocks' words: vault balances, transactions, signed webhooks."""

from core.reading import Decimals
from rails.custodian.decoder import decoder
from rails.custodian.requests import requests
from rails.custodian.webhooks import Keys
from rails.dialect import Dialect


def dialect(decimals: Decimals, keys: Keys, vault: str = "0") -> Dialect:
    """How to ask the keeper of this vault, and to read what it tells under these keys."""
    return Dialect("custodian", requests(decimals, vault), decoder(keys, vault))
