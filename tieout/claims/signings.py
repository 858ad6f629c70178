"""What signers of a chain were asked for, by the journal: a payment has one nonce of its own.

Two payments under one nonce are one that is lost; one payment under two may be two.
"""

from core.journal import Store, decode_effect
from core.rail_effects import SignTransaction

Nonce = tuple[str, int]


def nonces_doubled(store: Store) -> list[str]:
    """Nonces that two payments were to be signed under, and payments to be signed under two."""
    of_nonce: dict[Nonce, dict[str, None]] = {}
    of_payment: dict[str, dict[Nonce, None]] = {}
    for record in store.records():
        if record.name == "SignTransaction":
            asked = decode_effect(record.body)
            assert isinstance(asked, SignTransaction)
            if asked.nonce >= 0:
                nonce = asked.account, asked.nonce
                of_nonce.setdefault(nonce, {})[asked.payment_id] = None
                of_payment.setdefault(asked.payment_id, {})[nonce] = None
    shared = [(nonce, names) for nonce, names in of_nonce.items() if len(names) > 1]
    return [
        *(f"{account} nonce {nonce}: {', '.join(names)}" for (account, nonce), names in shared),
        *(
            f"{name}: {len(nonces)} nonces"
            for name, nonces in of_payment.items()
            if len(nonces) > 1
        ),
    ]
