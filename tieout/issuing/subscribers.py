"""Customers who pay for a token: their wallets, its price, and the oracle of their cash."""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from core import ledger
from core.events import Event
from core.state import State
from core.token_events import OfferingPublished, WalletAdmitted
from scenarios.tokens import OfferingSpec, TokenSpec
from sim.subscription_oracle import SubscriptionOracle
from tieout.issuing.parties import Parties
from tieout.settlement.simulated import Rails, units


@dataclass(slots=True, eq=False)
class Subscribers:
    """Of one token."""

    spec: TokenSpec
    offering: OfferingSpec
    parties: Parties
    rails: Rails
    oracle: SubscriptionOracle = field(init=False)
    wallets: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        token, asset, customers = self.spec.token, self.offering.asset, self.rails.customers
        wallets = self.parties.wallets
        self.wallets = {who: wallets[who].address for who in customers.names if who in wallets}
        price = units(self.offering.price, asset)
        customers.prices[token] = price
        customers.wallets |= {(token, who): address for who, address in self.wallets.items()}
        self.oracle = SubscriptionOracle(
            token, asset, price, self._bound(), self.parties.oracle, self.rails.judge
        )
        self.rails.issued[token] = self.oracle

    def _bound(self) -> int:
        """How much of what may be taken back mints may stand on."""
        for each in self.rails.spec.limits:
            if (each.scope, each.asset) == ("mint", self.offering.asset):
                if each.subject in ("*", self.spec.token):
                    return units(Decimal(each.amount), each.asset)
        return 0

    def tell_terms(self, tell: Callable[[Event], None]) -> None:
        """As a deployment tells them: at its beginning, and after each restart."""
        now, token, price = self.rails.world.now, self.spec.token, self.oracle.price
        asset = self.offering.asset
        tell(OfferingPublished(received_at=now, token=token, asset=asset, price=price))
        for who, address in self.wallets.items():
            tell(WalletAdmitted(received_at=now, token=token, customer=who, address=address))

    def figures(self, now: int) -> dict[str, Any]:
        """What `summary.json` says of them."""
        early = self.oracle.paid_early(now)
        return {
            "cash_differences": len(self.oracle.differences),
            "cash_compared": self.oracle.compared,
            "minted_early": len(self.oracle.minted_early),
            "minted_revocable_max": self.oracle.stood_max,
            "paid_early": len(early),
            "cash_detail": [*self.oracle.differences, *self.oracle.minted_early, *early],
        }


@dataclass(slots=True, frozen=True)
class CashView:
    """What the oracle of subscriptions sees of a node's books."""

    state: State
    name: str

    def blocks(self) -> list[tuple[int, str]]:
        token = self.state.tokens.get(self.name)
        return [(b.number, b.block_hash) for b in token.blocks] if token is not None else []

    def cash(self) -> tuple[int, int, int]:
        token = self.state.tokens.get(self.name)
        offering = token.offering if token is not None else None
        if offering is None:
            return 0, 0, 0
        book, asset = self.state.settlement.ledger, offering.asset
        has = -book.get(ledger.issuer(self.name, asset), 0)
        minting = -book.get(f"transit/mint:{self.name}/{asset}", 0)
        return has, minting, book.get(f"transit/burn:{self.name}/{asset}", 0)
