"""The roof: the command line, the two drivers, the reports, and what notebooks import.

    import tieout
    outcome = tieout.run("lost_frame", seed=7)

Rule. `import tieout` itself imports nothing: what is named below comes when it is asked for, so
that a command which needs no data frame never waits for pandas.
"""

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tieout.outcome import Outcome
    from tieout.run import run

__all__ = ["Outcome", "run"]


class _Runs(ModuleType):
    """The module `tieout.run`, which can be called as the function of its name."""

    def __call__(self, *args: Any, **kwargs: Any) -> "Outcome":
        outcome: Outcome = self.run(*args, **kwargs)
        return outcome


class _Roof(ModuleType):
    """This package.

    Python binds a submodule to its package whoever imports it, and whenever; so `tieout.run` would
    be the function or the module, depending on who came first. Here it is always both.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "run" and type(value) is ModuleType:
            value.__class__ = _Runs
        super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *__all__})


sys.modules[__name__].__class__ = _Roof


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name == "run":
        return import_module("tieout.run")
    if name == "Outcome":
        return import_module("tieout.outcome").Outcome
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
