"""Banks: their file APIs, their messages, and a simulated one for each calendar."""

from rails.bank.decoder import Terms, decoder
from rails.bank.requests import Mandates, requests
from rails.dialect import Dialect
from rails.instructions.party import OurAccount


def dialect(account: str, ours: OurAccount, mandates: Mandates) -> Dialect:
    """How to ask the bank that keeps `account`, and to read what it tells."""
    numbers = {number: account for number in (ours.iban, ours.number) if number}
    terms = Terms(numbers, ours.zone, currency=ours.asset)
    return Dialect("bank", requests(ours, mandates), decoder(terms))
