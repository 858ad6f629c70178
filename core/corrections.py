"""Details of beneficiaries that were told to be wrong: no later payment of a customer goes there.

Rule 1. A notification of change is to be obeyed before the next entry (Nacha: within six banking
days, or before that): whoever asks for a payment to the old details is refused with what is right,
and what waits to be sent fails. We never change where a customer sends: the customer says.
Rule 2. It holds for the details, whichever of our accounts would pay there, until others are told
to be wrong in favour of them. A correction of anything else (a name, an id) is only told.
Rule 3. What goes back to where it was pulled from goes there all the same: it found its way before.
"""

from core import payments
from core.beneficiaries import routing
from core.effects import Effect, RaiseAlert
from core.rail_events import ChangeNotified, LegWanted
from core.settlement_state import Corrected, Leg
from core.state import State, count

# Where the corrected number of the bank, and that of the account, stand in the corrected data.
PLACES: dict[str, tuple[slice | None, slice | None]] = {
    "C01": (None, slice(0, 17)),
    "C02": (slice(0, 9), None),
    "C03": (slice(0, 9), slice(12, 29)),
    "C06": (None, slice(0, 17)),
    "C07": (slice(0, 9), slice(9, 26)),
}


def on_change(state: State, event: ChangeNotified) -> list[Effect]:
    """Remember it of the details that the payment bore."""
    leg = payments.find(state, event.account, (event.payment_id, *event.references))
    named = leg.payment_id if leg is not None else " ".join(event.references)
    text = f"{named}: {event.code}: the beneficiary is to be {event.corrected}"
    if leg is not None and event.code in PLACES:
        _correct(state, leg, event)
    return [RaiseAlert(severity="notice", subject=event.account, text=text)]


def _correct(state: State, leg: Leg, event: ChangeNotified) -> None:
    right = _right(leg.beneficiary, event)
    if right == leg.beneficiary:
        return  # it was sent so before, or is told again
    corrections = state.settlement.corrections
    corrections.pop(right, None)
    corrections[leg.beneficiary] = Corrected(event.code, event.corrected, right, leg.payment_id)
    count(state, f"details_corrected/{event.account}")


def _right(beneficiary: str, event: ChangeNotified) -> str:
    """The corrected details as they are written here; "" where the notification does not say."""
    bank, _, number = beneficiary.partition("/")
    at_bank, at_number = PLACES[event.code]
    bank = event.corrected[at_bank].strip() if at_bank else bank
    number = event.corrected[at_number].strip() if at_number else number
    return "" if routing(f"{bank}/{number}") else f"{bank}/{number}"


def outdated(state: State, leg: LegWanted | Leg) -> str:
    """Why nothing is paid to, or pulled from, these details any more; "" where nothing was told."""
    known = state.settlement.corrections.get(leg.beneficiary)
    if known is None:
        return ""
    right = known.right or f"corrected by {known.corrected!r}"
    return f"{leg.beneficiary} is to be {right} ({known.code}, told of {known.payment_id})"
