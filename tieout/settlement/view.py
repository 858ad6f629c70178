"""Our books of payments, as the oracles of settlement ask for them."""

from collections.abc import Sequence

from core import exchanges, ledger, settlement_memory, suspense
from core.identity import payment_key, transfer_key
from core.journal import Store
from core.memory import find
from core.settlement_memory import transfer_of
from core.settlement_state import ClosedItem, Item, Leg
from core.state import State
from sim.customer_oracle import OURS
from sim.lines_oracle import PLACES, Sum


class PaymentView:
    """What the oracles of settlement see of a node's books."""

    def __init__(self, state: State, store: Store, closed: Sequence[ClosedItem] = ()) -> None:
        """`closed` are all breaks that ever closed: the state has only the last of them."""
        self.state, self._store, self._closed = state, store, closed

    def completed(self) -> list[str]:
        """The payments that the last step settled."""
        return self.state.settled

    def status(self, payment_id: str) -> str:
        leg = self._leg(payment_id)
        if leg is None:
            return ""
        return leg.status if leg.status in ("settled", "returned", "failed") else "open"

    def returned(self, payment_id: str) -> int:
        leg = self._leg(payment_id)
        return leg.returned if leg is not None else 0

    def lies(self, line: str) -> bool:
        """Whether this line, as "account reference", lies in suspense."""
        return line in self.state.settlement.suspense

    def decided_at(self, recall: str) -> int:
        """When we decided on what others ask back; 0 if we have not, or never heard of it."""
        known = self.state.settlement.recalls.get(recall)
        return known.answered_at if known is not None else 0

    def recalled(self, payment_id: str) -> bool:
        leg = self._leg(payment_id)
        return leg is not None and bool(leg.recalled)

    def payments(self, transfer_id: str) -> list[str] | None:
        transfer = self.state.settlement.transfers.get(transfer_id)
        if transfer is not None:
            return transfer.legs
        away = self._put_away(transfer_key(transfer_id))
        return transfer_of(away)[0].legs if away else None

    def settled_at(self, payment_id: str) -> int:
        leg = self._leg(payment_id)
        return leg.settled_at if leg is not None else 0

    def owner(self, payment_id: str) -> str:
        leg = self._leg(payment_id)
        return (leg.customer or OURS) if leg is not None else ""

    def lying(self, account: str, name: str) -> int:
        found = suspense.lying(self.state, account, name)
        return found.amount if found is not None else 0

    def took(self, resolution_id: str) -> bool:
        return resolution_id in self.state.settlement.resolutions

    def sent_back(self, resolution_id: str) -> str:
        return (self.payments(f"back/{resolution_id}") or [""])[0]

    def open_of(self, one: str, other: str) -> tuple[str, int, str, int, int]:
        name, base, against = exchanges.pair(one, other)
        book = self.state.settlement.ledger
        open_ = [-book.get(f"exchange/{name}/{asset}", 0) for asset in (base, against)]
        return base, open_[0], against, open_[1], -book.get(f"gain/{name}/{against}", 0)

    def named(self, about: str) -> list[tuple[str, int]]:
        return [(item.cause, item.size) for item in self._items() if item.subject == about]

    def questioned(self) -> list[str]:
        causes = ("amount_told", "overcharged")
        named = [item.subject for item in self._items() if item.cause in causes]
        return [subject for subject in named if self._leg(subject) is not None]

    def _items(self) -> list[Item | ClosedItem]:
        return [*self.state.settlement.items.values(), *self._closed]

    def has(self, customer: str, asset: str) -> int:
        owed = self.state.settlement.ledger.get(f"receivable/{customer}/{asset}", 0)
        return ledger.posted(self.state, customer, asset) - owed

    def shown_to_debtor(self, customer: str) -> dict[str, int]:
        """Of each asset of which the customer owes us some: what he sees as his, and not held."""
        place, sums = f"receivable/{customer}/", self.state.settlement.ledger
        owed = [name.removeprefix(place) for name in sums if name.startswith(place) and sums[name]]
        return {
            asset: ledger.posted(self.state, customer, asset)
            - sums.get(f"held/{customer}/{asset}", 0)
            for asset in owed
        }

    def beside(self) -> dict[Sum, int]:
        """Fees, income and suspense by the account of the keeper who booked them."""
        sums: dict[Sum, int] = {}
        schemes = self.state.settlement.schemes
        for name, amount in self.state.settlement.ledger.items():
            for sort, place in PLACES.items():
                if name.startswith(f"{place}/"):
                    subject, _, asset = name.removeprefix(f"{place}/").rpartition("/")
                    account = schemes[subject].account if subject in schemes else subject
                    total = account, asset, sort
                    sums[total] = sums.get(total, 0) + amount
        return sums

    def _leg(self, payment_id: str) -> Leg | None:
        """At hand, or put away: the books are both."""
        leg = self.state.settlement.legs.get(payment_id)
        transfer_id = "" if leg is not None else self._put_away(payment_key(payment_id))
        away = self._put_away(transfer_key(transfer_id)) if transfer_id else ""
        legs = transfer_of(away)[1] if away else []
        return next((each for each in legs if each.payment_id == payment_id), leg)

    def _put_away(self, key: str) -> str:
        """What was put away under the key; "" where nothing was."""
        found = None
        if self.state.settlement.put_away:
            found = find(self._store, settlement_memory.OURS, key)
        return "" if found is None else found[0].content
