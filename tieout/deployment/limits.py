"""The limits of a deployment: a reviewed file, what of it differs, and whom the deployment enables.

    [limits]
    file = "limits.yaml"       # beside the deployment
    rates = {USDT = 1}         # what a coin is worth in the reporting asset
    enabled = ["mm"]           # all others stay disabled until a person enables them
    enabled_by = "anna"

Rule 1. `limits = "none"` must be said in so many words; a deployment that says nothing of limits
does not go live.
Rule 2. What the deployment enables is told once: what a person or the house decided of a strategy
since then stands, whatever the file says.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field, field_validator, model_validator

from core.events import Event
from core.risk_events import StrategyStateSet
from core.state import State
from scenarios.bounds import LIMITS, LimitsSpec
from scenarios.model import StrategySpec, VenueSpec
from scenarios.part import Name
from tieout.risk.loading import loaded

NONE = "none"
# What is a simulated run's business.
SIMULATED = ("gates", "changes", "standings", "disabled")


class DeployedLimits(LimitsSpec):
    """The table `limits`; see `scenarios.bounds` for what it shares with a scenario's."""

    file: Annotated[str, Field(min_length=1)]
    enabled: tuple[Name, ...] = ()
    enabled_by: Name | Literal[""] = ""

    @field_validator("file")
    @classmethod
    def _is_there(cls, file: str) -> str:
        """Before the base reads it, which knows limits of the house by name, too."""
        if not Path(file).is_file() or not file.endswith(".yaml"):
            would_do = "a reviewed file beside the deployment, NAME.yaml, would do"
            raise ValueError(f"no file of limits; {would_do} ({LIMITS / 'house.yaml'} is one)")
        return file

    @model_validator(mode="after")
    def _of_a_deployment(self) -> "DeployedLimits":
        for name in SIMULATED:
            if getattr(self, name):
                raise ValueError(f"{name}: a scenario's; nothing would do here")
        if self.enabled and not self.enabled_by:
            raise ValueError("enabled_by: the name of who enables them would do")
        return self


def beside(told: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The file of limits lies beside the deployment's own, whatever folder this runs in."""
    limits = told.get("limits")
    if not isinstance(limits, dict) or not isinstance(limits.get("file"), str):
        return told
    return {**told, "limits": {**limits, "file": str((folder / limits["file"]).resolve())}}


class Reviewed(NamedTuple):
    """A deployment's limits, whom they are applied to, and where the journal is that the engine
    reads: a path, or a server's URL."""

    spec: DeployedLimits
    venues: tuple[VenueSpec, ...]
    strategies: tuple[StrategySpec, ...]
    journal: str

    def events(self, state: State, now: int) -> Iterator[Event]:
        """What a node is told at each start: the limits as they stand, and who may trade."""
        yield loaded(self, self.spec, now)
        for name in self.spec.enabled:
            if name not in state.risk.strategies:
                yield StrategyStateSet(
                    received_at=now,
                    strategy=name,
                    standing="enabled",
                    by=self.spec.enabled_by,
                    reason="the deployment enables it",
                )
