"""The roof: the command line, the two drivers, the reports, and what notebooks import.

    import tieout
    outcome = tieout.run("lost_frame", seed=7)

Rule. `import tieout` itself imports nothing: what is named below comes when it is asked for, so
that a command which needs no data frame never waits for pandas.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tieout.reports.files import save
    from tieout.reports.outcome import Outcome
    from tieout.runs import run

__all__ = ["Outcome", "run", "save"]

_HOMES = {"Outcome": "reports.outcome", "run": "runs", "save": "reports.files"}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"tieout.{home}"), name)


def __dir__() -> list[str]:
    return __all__
