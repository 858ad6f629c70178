"""One check of a preflight: its name, whom it is of, what was found, and what would do."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

Result = Literal["green", "red", "not applicable"]


@dataclass(slots=True, frozen=True)
class Check:
    """`about` is an account, or "" of the deployment as a whole."""

    name: str
    about: str
    result: Result
    found: str
    would_do: str = ""

    def __str__(self) -> str:
        about = f" of {self.about}" if self.about else ""
        told = f"{self.result:<14} {self.name}{about}: {self.found}"
        return f"{told}; {self.would_do}" if self.would_do else told


Tell = Callable[[Check], None]


def nobody(check: Check) -> None:
    """Nobody is told of a check before all are made."""


def green(name: str, about: str, found: str) -> Check:
    """It holds."""
    return Check(name, about, "green", found)


def red(name: str, about: str, found: str, would_do: str) -> Check:
    """It does not hold, or could not be made."""
    return Check(name, about, "red", found, would_do)


def no_matter(name: str, about: str, why: str) -> Check:
    """There is nothing that it could be made of."""
    return Check(name, about, "not applicable", why)


def summary(checks: Sequence[Check]) -> dict[str, Any]:
    """What `--json` prints."""
    held = not any(each.result == "red" for each in checks)
    return {"held": held, "checks": [asdict(each) for each in checks]}
