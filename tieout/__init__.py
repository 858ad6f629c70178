"""The roof: the command line, the two drivers, the reports, and what notebooks import.

    import tieout
    outcome = tieout.run("lost_frame", seed=7)

`find` has a scenario of the catalogue and `check` makes one of fields; a plan that `run` is given
is of `Fault`s. `changed_policy` is a token's policy with some fields stated anew.

Rule. `import tieout` itself imports nothing: what is named below comes when it is asked for, so
that a command which needs no data frame never waits for pandas.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scenarios.model import Scenario, check, find
    from scenarios.tokens import changed_policy
    from sim.faults import Fault
    from tieout.reports.files import save
    from tieout.reports.outcome import Outcome
    from tieout.runs import run

__all__ = ["Fault", "Outcome", "Scenario", "changed_policy", "check", "find", "run", "save"]

_HOMES = {
    "Fault": "sim.faults",
    "Outcome": "tieout.reports.outcome",
    "Scenario": "scenarios.model",
    "changed_policy": "scenarios.tokens",
    "check": "scenarios.model",
    "find": "scenarios.model",
    "run": "tieout.runs",
    "save": "tieout.reports.files",
}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return __all__
