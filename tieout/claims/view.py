"""Our books, as the oracle asks for them: figures, doubts, names of differences, facts booked."""

from decimal import Context, Decimal, Inexact
from typing import TYPE_CHECKING

from core.identity import progress_key
from core.journal import Store
from core.memory import find, progress_of
from core.money import ASSET_DECIMALS, QUANTITY_DECIMALS, quantity
from core.state import Account, Progress, State
from sim.truth import Fact

if TYPE_CHECKING:
    pass

ZERO = Decimal(0)
EXACT = Context(prec=60, traps=[Inexact])


class View:
    """What the oracle sees of a node's books."""

    def __init__(self, state: State, store: Store) -> None:
        self._state, self._store = state, store
        self._assets: dict[str, str] = {}
        self._adjusting: list[str] = []
        self._figures_seen = 0

    def figure(self, holding: str) -> Decimal:
        return self.scaled(holding, self._state.holdings.get(holding, 0))

    def doubt(self, holding: str) -> Decimal:
        doubt = self._state.doubts.get(holding)
        return self.scaled(holding, doubt) if doubt else ZERO

    def named(self, holding: str) -> Decimal | None:
        state = self._state
        drift = state.suspects.get(holding) or state.breaks.get(holding)
        return None if drift is None else self.scaled(holding, drift.size)

    def booked(self, fact: Fact) -> bool:
        account = self._state.accounts.get(fact.account)
        if account is None:
            return False
        match fact.kind:
            case "fill":
                symbol, fill_id, side, *anew = fact.key
                listing = anew[0] if anew else "1"
                return self._known(account, f"{symbol}:{listing}:{fill_id}:{side}")
            case "progress":
                order_id, filled = fact.key
                done = account.progress.get(order_id) or self._put_away(account, order_id)
                return done is not None and done.quantity >= quantity(filled)
            case "bust":
                symbol, bust_id = fact.key
                return self._known(account, f"bust:{symbol}:{bust_id}")
            case "funding":
                return self._known(account, f"funding:{fact.key[1]}:{fact.key[2]}")
            case "cash":
                return self._known(account, f"{fact.key[0]}:{fact.key[1]}")
            case "opening":
                return self._known(account, f"opening:{fact.key[0]}:{fact.key[1]}")
            case "unlisted":
                name = f"{fact.account}/{fact.key[0]}/cash"
                return self._adjusted(name) >= Decimal(fact.key[1])
            case "restated":
                symbol, number = fact.key
                return account.listings[symbol].restated >= int(number)
            case "contradiction":
                return False  # it changes nothing, so that there is nothing to book

    def _adjusted(self, holding: str) -> Decimal:
        """What people have booked there, in all."""
        figures = self._state.figures
        if len(figures) != self._figures_seen:  # none ever leaves
            self._figures_seen = len(figures)
            self._adjusting = [name for name in figures if name.startswith("adjustment/")]
        if not self._adjusting:
            return ZERO
        head = f"adjustment/{holding}/"
        theirs = [figures[name] for name in self._adjusting if name.startswith(head)]
        return self.scaled(holding, sum(theirs))

    def _known(self, account: Account, key: str) -> bool:
        """At hand, or put away: the books are both."""
        if key in account.seen:
            return True
        return self._state.put_away > 0 and find(self._store, account.name, key) is not None

    def _put_away(self, account: Account, order_id: str) -> Progress | None:
        found = None
        if self._state.put_away:
            found = find(self._store, account.name, progress_key(order_id))
        return None if found is None else progress_of(found[0].content)

    def scaled(self, holding: str, units: int) -> Decimal:
        asset = self._assets.get(holding)
        if asset is None:
            _, subject, leg = holding.rsplit("/", 2)
            asset = self._assets[holding] = subject if leg == "cash" else ""
        decimals = QUANTITY_DECIMALS
        if asset:  # an asset's decimals may be told after we were asked for the first time
            decimals = self._state.decimals.get(asset, ASSET_DECIMALS)
        return EXACT.scaleb(Decimal(units), -decimals)
