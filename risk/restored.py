"""A desk from what `Desk.dump` told."""

from typing import Any

from core.risk_state import Risk
from risk import snapshot
from risk.counters import Tier
from risk.desk import Desk, Kept, Place, Way
from risk.gate import Gate
from risk.lease import Lease
from risk.measuring import Measuring


def desk_of(risk: Risk) -> Desk | None:
    """The desk that stands in the state, taken up from plain values if need be; None: no limits."""
    desk = risk.desk
    if isinstance(desk, dict):
        desk = risk.desk = restored(desk)
    return desk if isinstance(desk, Desk) else None


def restored(told: dict[str, Any]) -> Desk:
    """A desk that answers everything as the one that told this would."""
    gate = Gate(told["slots"], 0)
    accounts = [gate.add_account() for _ in told["accounts"]]
    assets = [gate.add_asset() for _ in told["assets"]]
    strategies = [gate.add_strategy() for _ in told["strategies"]]
    for _ in range(max((book for _, _, book, _ in told["of"]), default=-1) + 1):
        gate.add_book()
    for account, asset, book, tiers in told["of"]:
        holding = gate.add_holding(accounts[account], assets[asset], gate.books[book])
        holding.tiers = [Tier(0, 0, 0) for _ in range(tiers)]
    for strategy, number in told["routes"]:
        gate.add_route(strategies[told["strategies"].index(strategy)], gate.holdings[number])
    desk = Desk(gate, {(s, a, i, leg): Way(*way) for s, a, i, leg, *way in told["ways"]})
    desk.accounts, desk.assets, desk.strategies = (
        list(told[name]) for name in ("accounts", "assets", "strategies")
    )
    desk.places = [Place(*place) for place in told["places"]]
    desk.routes = [(strategy, number) for strategy, number in told["routes"]]
    desk.multipliers = dict(told["multipliers"])
    desk.kept = {name: Kept(*each) for name, each in told["kept"].items()}
    desk.lease = Lease.restored(told["lease"])
    desk.turnover_max, desk.turnover_ns = told["turnover"]
    desk.measuring = Measuring.restored(told.get("measuring", {}))
    snapshot.restore(gate, told["gate"])
    return desk
