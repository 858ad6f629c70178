"""The limits of a scenario: which reviewed file, what of it differs, and what it is applied to.

Amounts of the file that a scenario tightens or loosens are named one by one, so that a reader sees
at once what the scenario turns on.
"""

from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from core.money import PRICE_DECIMALS
from core.risk_events import Standing
from risk.limit_files import Amount, BadLimits, Limit, LimitFile, content_hash, parse
from risk.margin import Tier
from risk.margin import check as check_tiers
from risk.written import Part
from scenarios.part import Name

LIMITS = Path(__file__).parent / "limits"


class TermsSpec(Part):
    """When a strategy is disabled without anybody asking; what is not said is never.

    Of a loss that the limits bound too, the smaller holds.
    """

    refusals_max: int = Field(default=0, ge=0)
    refusals_window_ms: int = Field(default=0, ge=0)
    stale_ms_max: int = Field(default=0, ge=0)
    loss_max: Amount = Decimal(0)


class TierSpec(Part):
    """Of the part of a position's value up to `value_max` (0: without end) so much is margin."""

    value_max: Amount = Decimal(0)
    initial_bp: int = Field(ge=0, le=10_000)
    maintenance_bp: int = Field(ge=0, le=10_000)


class GateSpec(Part):
    """A gate of its own beside some strategies; its clock runs so many thousandths fast.

    What it has not spent it gives back so often, and asks for it again; 0: never.
    """

    name: Name
    strategies: tuple[Name, ...] = Field(min_length=1)
    fast_permille: int = Field(default=0, ge=-100, le=100)
    gives_back_every_s: Annotated[Decimal, Field(ge=0)] = Decimal(0)


class StandingSpec(Part):
    """A person decides at a moment what a strategy may do from then on."""

    strategy: Name
    at_s: Annotated[Decimal, Field(gt=0)]
    standing: Standing
    by: Name = "anna"
    reason: str = Field(default="a person decided so", min_length=1)


class ChangeSpec(Part):
    """Other amounts from a moment on; with `to_s` until another, as an override that expires."""

    from_s: Annotated[Decimal, Field(gt=0)]
    to_s: Decimal | None = None
    amounts: dict[Name, Amount] = Field(default_factory=dict)
    places: dict[Name, dict[str, Amount]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _in_order(self) -> "ChangeSpec":
        if self.to_s is not None and self.to_s <= self.from_s:
            raise ValueError(f"to_s ({self.to_s}) must lie after from_s ({self.from_s})")
        return self

    def holds(self, second: Decimal) -> bool:
        return self.from_s <= second and (self.to_s is None or second < self.to_s)


class LimitsSpec(Part):
    """Limits that hold from the start.

    `file` is a file of `scenarios/limits/`, by its stem, or any NAME.yaml by its path; `amounts`
    replace those of its limits by name, and an amount by place ("firm_net", or "account_position:
    {okx_swap/main/BTC: 3}") that of one place. `rates` are what a coin is worth in the reporting
    asset, `haircut_bp` is added. Of
    each position `margin_bp` is margin, but where `tiers` say otherwise; tails are of `horizon_ms`.
    """

    file: Annotated[str, Field(min_length=1)]
    amounts: dict[Name, Amount] = Field(default_factory=dict)
    places: dict[Name, dict[str, Amount]] = Field(default_factory=dict)
    rates: dict[Name, Annotated[Decimal, Field(gt=0, decimal_places=PRICE_DECIMALS)]]
    haircut_bp: int = Field(default=0, ge=0, le=10_000)
    collateral: Amount = Decimal(1_000_000)
    margin_bp: int = Field(default=1000, ge=0, le=10_000)
    tiers: tuple[TierSpec, ...] = ()
    horizon_ms: int = Field(default=10_000, ge=1)
    heartbeat_ms: int = Field(default=1000, ge=10)
    ttl_ms: int = Field(default=4000, ge=10)
    hold_ms: int = Field(default=5000, ge=0)
    slots: int = Field(default=1024, ge=1)
    terms: dict[Name, TermsSpec] = Field(default_factory=dict)
    disabled: tuple[Name, ...] = ()
    standings: tuple[StandingSpec, ...] = ()
    gates: tuple[GateSpec, ...] = ()
    changes: tuple[ChangeSpec, ...] = ()

    @model_validator(mode="after")
    def _known_limits(self) -> "LimitsSpec":
        try:
            known = [each.name for each in read(self.file).limits]
        except BadLimits as error:
            raise ValueError(str(error)) from error
        changed = [name for each in self.changes for name in (*each.amounts, *each.places)]
        for name in (*self.amounts, *self.places, *changed):
            if name not in known:
                raise ValueError(f"no limit {name!r} in {self.file}; there are {', '.join(known)}")
        if self.changes and self.gates:
            raise ValueError(
                "changes: only without gates; their leases were granted by the old limits"
            )
        if self.tiers:
            check_tiers(
                [Tier(int(t.value_max), t.initial_bp, t.maintenance_bp) for t in self.tiers]
            )
        if self.ttl_ms < self.heartbeat_ms:
            raise ValueError(f"ttl_ms: at least heartbeat_ms ({self.heartbeat_ms}) would do")
        return self

    def standing(self) -> list[Limit]:
        """The file's limits with the scenario's amounts."""
        return [_with(each, self.amounts.get(each.name)) for each in read(self.file).limits]

    def at(self, second: Decimal) -> "LimitsSpec":
        """What holds at a moment of the run: the later of two changes wins."""
        amounts, places = dict(self.amounts), dict(self.places)
        for change in self.changes:
            if change.holds(second):
                amounts |= change.amounts
                places |= {
                    name: places.get(name, {}) | more for name, more in change.places.items()
                }
        return self.model_copy(update={"amounts": amounts, "places": places, "changes": ()})

    def moments(self) -> list[Decimal]:
        """When something else begins to hold."""
        ends = [each.to_s for each in self.changes if each.to_s is not None]
        return sorted({*(each.from_s for each in self.changes), *ends})

    @property
    def content_hash(self) -> str:
        """Of the file's bytes and of what differs."""
        differs = self.model_dump_json(include={"amounts", "places"}).encode()
        return content_hash([_path(self.file).read_bytes(), differs])


def _with(limit: Limit, amount: Decimal | None) -> Limit:
    if amount is None:
        return limit
    fields = limit.model_dump() | {"amount": amount}
    fields["scope"] = fields["scope"] or "firm"
    return Limit.model_validate(fields)


def _path(stem: str) -> Path:
    """A house's file by its stem; any other by its path."""
    return Path(stem) if stem.endswith(".yaml") else LIMITS / f"{stem}.yaml"


@cache
def read(stem: str) -> LimitFile:
    """A file of limits by its stem or path; raises BadLimits."""
    path = _path(stem)
    if not path.is_file():
        known = ", ".join(
            each.stem for each in sorted(LIMITS.glob("*.yaml")) if "." not in each.stem
        )
        raise BadLimits(f"no file {stem!r}; there are {known}")
    return parse(path.read_text(encoding="utf-8"), path.name)
