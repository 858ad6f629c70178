"""What the engine says that positions come to, beside the books that it counted, summed once more.

At each of its words a line of an account, an asset or the firm is what is held there: contracts, or
their worth at the size, the newest price and the rate of that moment, widened against us.
"""

from collections.abc import Iterator, Mapping

from core.money import ASSET_DECIMALS, PRICE_ONE, QUANTITY_ONE, TEN_TO
from core.risk_events import ExposureStated, LimitsLoaded
from core.state import Account, Listing, State
from risk.weights import REPORTING_DECIMALS

LEGS = ("net", "long", "short")
SIDES = (("long", 1), ("short", -1))
# What a collar is told in; and exact sums are whole numbers of such parts of a unit.
BASIS_POINTS = 10_000
PARTS = PRICE_ONE**2 * QUANTITY_ONE**2 * BASIS_POINTS
# By so much rounding may part a line from the exact sum: in all, and beside what it comes to.
UNITS, ONE_IN = 100, 10**6


class Stated:
    """Watches one run. `wrong` is what the engine said of lines that are worth something else."""

    def __init__(self, loaded: Mapping[str, LimitsLoaded]) -> None:
        self.wrong: list[str] = []
        self._loaded = loaded

    def look(self, state: State, word: ExposureStated) -> None:
        """The engine says this of these books."""
        limits = self._loaded.get(state.risk.content_hash)
        said = {each.line: each.exposure for each in word.lines}
        anew = dict(_lines(state, limits)) if limits is not None else {}
        for name, line in state.risk.lines.items():
            if line.limit is not None and _is_whole(name):
                told, exact = said.get(name, line.exposure), anew.get(name, 0)
                if abs(told * PARTS - exact) > UNITS * PARTS + abs(exact) // ONE_IN:
                    self.wrong.append(f"{name}: {told} is said, and it comes to {exact / PARTS}")


def _is_whole(name: str) -> bool:
    """Whether a line is of all strategies together."""
    return not name.startswith("strategy_")


def _lines(state: State, limits: LimitsLoaded) -> dict[str, int]:
    """What every such line comes to, in parts; nothing where nobody holds anything."""
    rates = {"USD": PRICE_ONE} | {
        _listing(state, each.account, each.instrument).quote: each.rate for each in limits.tradables
    }
    collars = [each.amount for each in limits.bounds if each.control == "PRICE_COLLAR"]
    widened = max(collars, default=0)
    lines: dict[str, int] = {}
    for account in state.accounts.values():
        for listing in account.listings.values():
            held = _held(state, account, listing)
            one = _worth_of_one(account, listing, rates)
            for name, amount in _of(account, listing, held, one, widened):
                lines[name] = lines.get(name, 0) + amount
    return lines


def _listing(state: State, account: str, instrument: str) -> Listing:
    return state.accounts[account].listings[instrument]


def _of(
    account: Account, listing: Listing, held: int, one: int, widened: int
) -> Iterator[tuple[str, int]]:
    """The lines that a position counts in: what is short offsets what is long, worth at least."""
    gross = 0
    for side, sign in SIDES:
        amount = sign * held
        value = amount * one * (BASIS_POINTS + (widened if amount > 0 else -widened))
        gross = max(gross, value)
        yield f"account_position/{account.name}/{listing.instrument}/{side}", amount * PARTS
        yield f"account_net/{account.name}/{side}", value
        yield f"asset_net/{listing.base}/{side}", value
        yield f"firm_net/{side}", value
    yield f"account_gross/{account.name}/gross", gross
    yield f"concentration/{listing.base}/gross", gross
    yield "firm_gross/gross", gross


def _worth_of_one(account: Account, listing: Listing, rates: Mapping[str, int]) -> int:
    """What a unit of quantity counts, in parts without the collar; before a price, nothing."""
    told = account.references.get(listing.instrument)
    if told is None:
        return 0
    price = PRICE_ONE if listing.kind == "inverse" else told.price
    size = QUANTITY_ONE if listing.kind == "spot" else listing.multiplier
    return price * size * rates.get(listing.quote, 0) * TEN_TO[REPORTING_DECIMALS]


def _held(state: State, account: Account, listing: Listing) -> int:
    """What all hold of it, in units of quantity; of a coin what was traded, fees included."""
    place = f"{account.name}/{listing.instrument}"
    if listing.kind != "spot":
        return sum(state.holdings.get(f"{place}/{leg}", 0) for leg in LEGS)
    coins = TEN_TO[state.decimals.get(listing.base, ASSET_DECIMALS)]
    ends = tuple(f"/{place}/{purpose}/{listing.base}" for purpose in ("trade", "fee"))
    traded: dict[str, int] = {}
    for name, amount in state.figures.items():
        if name.endswith(ends):
            strategy = name.partition("/")[0]
            traded[strategy] = traded.get(strategy, 0) + amount
    return sum(amount * QUANTITY_ONE // coins for amount in traded.values())
