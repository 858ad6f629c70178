"""What the chain rails need of whoever holds the keys. A key never enters core."""

from typing import Protocol

from core.rail_effects import SignTransaction
from core.rail_events import SigningRefused, TransactionSigned


class Signer(Protocol):
    """Signs attempts at payments.

    Deterministic: the same effect gives the same bytes, at any time and in any process, so that an
    effect whose outcome was lost in a crash is simply performed again.
    """

    def sign(self, effect: SignTransaction, now: int) -> TransactionSigned | SigningRefused:
        """The attempt's bytes, or why there are none; `now` only stamps the answer."""


def refused(effect: SignTransaction, now: int, reason: str) -> SigningRefused:
    """Nothing was signed, and this is why."""
    return SigningRefused(
        received_at=now,
        account=effect.account,
        payment_id=effect.payment_id,
        attempt=effect.attempt,
        reason=reason,
    )


def nobody_signs(effect: SignTransaction, now: int) -> TransactionSigned | SigningRefused:
    """As a signer answers for an account without a key."""
    return refused(effect, now, "no key signs for this account")
