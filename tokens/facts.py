"""What is known about a person who may hold a token: never journaled, never on a chain."""

from typing import Literal

from msgspec import Struct

KycState = Literal["approved", "pending", "rejected"]


class LockUp(Struct, frozen=True):
    """So much of what the person holds may not leave before then (seconds)."""

    value: int
    until: int


class Facts(Struct, frozen=True):
    """One person's facts, as of their last review. Times are seconds; 0 is never."""

    person: str
    jurisdiction: str
    kyc: KycState
    kyc_until: int
    accredited_until: int = 0
    sanctioned: bool = False
    lock_ups: tuple[LockUp, ...] = ()

    def locked(self, at: int) -> int:
        """What may not leave at that time."""
        return sum(each.value for each in self.lock_ups if each.until > at)
