"""A run that raised, which is a bug of ours and no claim that failed: what it leaves to look into.

The journal has all that was delivered, the event that the step tripped over included, which comes
last: `tieout replay` trips over it again, and says so.
"""

import traceback
from pathlib import Path

from sim.memory_store import MemoryStore
from tieout.failures.plans import plan_of_simulation
from tieout.reports.files import TRACEBACK, naming, save_journal
from tieout.simulation import Simulation
from tieout.world.market import Market

# What an earlier run in the same folder has left is not of this one.
OF_WHOLE_RUNS = ("summary.json", "report.html", "*.parquet", TRACEBACK)


def keep(
    simulation: Simulation,
    folder: Path,
    error: BaseException,
    *,
    short: bool = False,
    market: Market | None = None,
) -> str:
    """Write plan, journal and traceback of a run that ended by `error`; says what is there."""
    sim, store = simulation, simulation.store
    assert isinstance(store, MemoryStore), "a simulated run journals into memory"
    _commit(sim, store)
    with naming(folder):
        for pattern in OF_WHOLE_RUNS:
            for stale in folder.glob(pattern):
                stale.unlink()
        plan = plan_of_simulation(sim, short=short, market=market)
        (folder / "plan.json").write_text(plan.text(), encoding="utf-8")
        save_journal(store, folder / "journal.db")
        if not isinstance(error, Exception):
            return f"its plan and its journal until then are in {folder}"
        (folder / TRACEBACK).write_text("".join(traceback.format_exception(error)))
    return f"plan.json, journal.db and {TRACEBACK} are in {folder}"


def _commit(simulation: Simulation, store: MemoryStore) -> None:
    """The group that was under way, as far as it came."""
    node = simulation.host.node
    if node is not None and store.pending:
        node.journal.commit()
