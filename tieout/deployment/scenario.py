"""A deployment as a scenario: its accounts, instruments, strategies and limits on simulated venues.

What differs from a session at the venues is who stands behind the connectors, and nothing else.
Keys are not read.
"""

from pathlib import Path

from pydantic import ValidationError

from scenarios.bounds import LimitsSpec
from scenarios.model import Scenario, telling
from tieout.deployment.file import BadDeployment, Deployment


def scenario_of(deployment: Deployment, path: Path, seconds: int) -> Scenario:
    """A run of so many seconds without a fault; raises `BadDeployment` of what no scenario can be.

    `path` is the deployment's file, for the message.
    """
    try:
        return Scenario(
            name=deployment.name,
            claim=f"the deployment {deployment.name} does in a simulated world what it says",
            duration_s=seconds,
            venues=deployment.accounts,
            strategies=deployment.strategies,
            limits=_limits(deployment),
        )
    except ValidationError as error:
        raise BadDeployment(
            "\n".join(_said(path, each) for each in telling(error.errors()))
        ) from None


def _limits(deployment: Deployment) -> LimitsSpec | None:
    """As a scenario has them: there strategies are enabled but for those that are named, and gates
    beside strategies are played."""
    told = deployment.limits
    if told is None:
        return None
    fields = told.model_dump(exclude={"enabled", "enabled_by"}, exclude_unset=True)
    names = [each.name for each in deployment.strategies]
    disabled = [name for name in names if name not in told.enabled]
    gates = [{"name": each.name, "strategies": [each.name]} for each in deployment.gated()]
    return LimitsSpec.model_validate({**fields, "disabled": disabled, "gates": gates})


def _said(path: Path, each: object) -> str:
    assert isinstance(each, dict)
    where = ".".join(map(str, each["loc"])) or "the whole"
    return f"{path}: {where}: {each['msg'].removeprefix('Value error, ')}"
