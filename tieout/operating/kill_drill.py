"""The drill of a kill without a node: a deployment's accounts at simulated venues, their node dead.

True here: the node traded, then died for good with its journal; crowds trade on. Bytes go to the
venues as its `Transport` gives them, and come back in the venue's own words, but nothing is signed
and no socket is opened. What was open and held, and what is left, is the venues' own truth.
"""

from pathlib import Path

from scenarios.model import InstrumentSpec, Scenario, VenueSpec, check
from sim.memory_store import MemoryStore
from sim.world import EPOCH_NS
from tieout.node.dialects import DIALECTS
from tieout.operating.kill import Answered, BadDeployment, Deployment, VenueAccount
from tieout.simulation import Simulation
from venues.dialect import Request
from venues.simulated import Asked

MS = 1_000_000
SECOND = 1_000_000_000
TRADED_NS = 25 * SECOND
DOWN_FOR_GOOD_NS = 10**15
WAY_NS = 20 * MS


class DeadNode:
    """Venues with our orders and positions, and nobody who minds them: a `Transport` of a kill.

    One request in `lost_one_in` (0: none) gets no answer; whether it was done takes turns.
    """

    def __init__(self, scenario: Scenario, seed: int, lost_one_in: int = 0) -> None:
        store = MemoryStore()
        self.sim = Simulation(scenario, seed, store)
        self._venues = {site.spec.account: site.venue for site in self.sim.sites}
        self._lost = lost_one_in
        self.sent: list[tuple[str, Request]] = []
        self.sim.begin()
        self.sim.world.run(EPOCH_NS + TRADED_NS)
        self.sim.host.crash(DOWN_FOR_GOOD_NS)
        store.committed.clear()

    # --- as a transport ---------------------------------------------------------------------------

    def now(self) -> int:
        return self.sim.world.now

    def wait_until(self, at: int) -> None:
        if at > self.now():
            self.sim.world.run(at)

    def close(self) -> None:
        """Nothing is open that would have to be closed."""

    def send(self, account: str, request: Request, answered: Answered) -> None:
        answered(*self._at_venue(account, request))

    def _at_venue(self, account: str, request: Request) -> tuple[int, bytes]:
        self.sent.append((account, request))
        self.wait_until(self.now() + WAY_NS)
        turn, rest = divmod(len(self.sent), self._lost) if self._lost else (0, 1)
        if rest == 0 and turn % 2:
            return 0, b"timed out"
        asked = Asked(request.method, request.path, dict(request.params), request.expires_at)
        answer = self._venues[account].handle(asked)
        self.wait_until(self.now() + WAY_NS)
        return answer if rest else (0, b"timed out")

    # --- the truth --------------------------------------------------------------------------------

    def open_orders(self) -> list[str]:
        """Of each order that is open at a venue, where."""
        return [
            f"{site.spec.account}/{ticket.symbol}"
            for site in self.sim.sites
            for ticket in site.venue.exchange.open_tickets()
        ]

    def positions(self) -> list[str]:
        """Every position in contracts that a venue has."""
        return [
            f"{site.spec.account}/{symbol}/{leg}"
            for site in self.sim.sites
            for (symbol, leg), position in site.venue.exchange.positions.items()
            if position.quantity
        ]


def dead_node(path: Path, deployment: Deployment, seed: int, lost_one_in: int = 0) -> DeadNode:
    """A world for this deployment, read from `path`; raises BadDeployment where none can be made.

    What an account lists is what was traded there; all that the simulated venue has where it lists
    nothing, so that a forgotten list shows.
    """
    told = {
        "name": "drill",
        "claim": "a kill leaves nothing open and nothing held, with node and journal dead",
        "duration_s": 60,
        "heal_s": 1,
        "venues": [_venue(each) for each in deployment.accounts],
        "strategies": _strategies([each.account for each in deployment.accounts]),
    }
    scenario = check(told, str(path))
    venues = [
        spec.model_copy(update={"instruments": _traded(path, number, account, spec)})
        for number, (account, spec) in enumerate(
            zip(deployment.accounts, scenario.venues, strict=True)
        )
    ]
    return DeadNode(scenario.model_copy(update={"venues": tuple(venues)}), seed, lost_one_in)


def _venue(account: VenueAccount) -> dict[str, object]:
    dialect, _, name = account.account.partition("/")
    return {"dialect": dialect, "name": name}


def _strategies(accounts: list[str]) -> list[dict[str, object]]:
    """Who left orders and positions behind: a maker everywhere, takers as each venue keeps legs."""
    hedged = [name for name in accounts if DIALECTS[name.partition("/")[0]].hedged]
    netted = [name for name in accounts if name not in hedged]
    found: list[dict[str, object]] = [{"kind": "maker", "name": "mm"}]
    if netted:
        found.append({"kind": "taker", "name": "tk", "accounts": netted})
    if hedged:
        legs = {"hedged": True, "one_in": 2}
        found.append({"kind": "taker", "name": "th", "accounts": hedged, "options": legs})
    return found


def _traded(
    path: Path, number: int, account: VenueAccount, spec: VenueSpec
) -> tuple[InstrumentSpec, ...]:
    known = {each.symbol: each for each in spec.instruments}
    for place, contract in enumerate(account.contracts):
        if contract.symbol not in known:
            raise BadDeployment(
                f"{path}: accounts.{number}.contracts.{place}.symbol: found {contract.symbol!r};"
                f" one that the simulated {spec.dialect} has would do: {', '.join(known)}"
            )
    return tuple(known[each.symbol] for each in account.contracts) or spec.instruments
