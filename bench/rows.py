"""A row of the results: what was measured, beside what, and whether its target held."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Row(NamedTuple):
    """One figure. `target` is a bound of the ratio, or with no yardstick of the value (">= 2")."""

    name: str
    value: float | None
    unit: str
    ratio: float | None = None
    against: str = ""
    target: str = ""
    note: str = ""

    @property
    def held(self) -> bool | None:
        """Computed from figure and target: None where nothing was measured or nothing is asked."""
        figure = self.ratio if self.against else self.value
        if figure is None or not self.target:
            return None
        sign, _, bound = self.target.partition(" ")
        return figure >= float(bound) if sign == ">=" else figure <= float(bound)

    def as_json(self) -> Mapping[str, Any]:
        """As results.json has it, rounded to what can be repeated."""
        return {
            "name": self.name,
            "value": _short(self.value),
            "unit": self.unit,
            "ratio": _short(self.ratio),
            "against": self.against,
            "target": self.target,
            "held": self.held,
            "note": self.note,
        }


def not_run(name: str, unit: str, against: str, target: str, why: str) -> Row:
    """A row that could not be measured here: its `held` is None, which is not held."""
    return Row(name, None, unit, None, against, target, f"not run: {why}")


def _short(figure: float | None) -> float | None:
    return None if figure is None else float(f"{figure:.4g}")
