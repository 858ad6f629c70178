"""The issuer's desk: carries out on chain what the books ask of the admin and of the pauser.

Each thing is sent once and followed until it is final; asked again, it changes nothing.
"""

from dataclasses import dataclass, field

from core.effects import Effect
from core.token_effects import AskPause, BumpEpoch, VoidAuthorization
from tieout.issuing.parties import Parties
from tokens import calls


@dataclass(slots=True, eq=False)
class IssuerDesk:
    """Sends for one token."""

    parties: Parties
    contract: str
    pauses: int = 0
    _done: dict[tuple[str, int], None] = field(default_factory=dict)

    def perform(self, effect: Effect) -> bool:
        """Do it, if it is the issuer's to do."""
        match effect:
            case VoidAuthorization():
                self._once(effect.holder, effect.nonce, calls.revoke(effect.holder, effect.nonce))
            case BumpEpoch():
                self._once("epoch", effect.epoch, calls.raise_epoch())
            case AskPause():
                self.pause()
            case _:
                return False
        return True

    def raise_epoch(self) -> None:
        """By hand: nobody asked for it."""
        self.parties.admin.send(self.contract, calls.raise_epoch())

    def unpause(self) -> None:
        """People found that nothing moved after all."""
        self.parties.admin.send(self.contract, calls.unpause())

    def _once(self, what: str, number: int, data: bytes) -> None:
        if (what, number) not in self._done:
            self._done[what, number] = None
            self.parties.admin.send(self.contract, data)

    def pause(self) -> bool:
        """Unless it is paused, or will be."""
        pauser = self.parties.pauser
        if pauser.pending or not pauser.would(self.contract, calls.pause()):
            return False
        self.pauses += 1
        pauser.send(self.contract, calls.pause())
        return True
