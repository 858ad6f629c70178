"""What every part of a scenario file is: refused where it says what it cannot mean."""

from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

# Names are parts of names of holdings, which are written with slashes.
Name = Annotated[str, Field(min_length=1, pattern=r"^[^/\s]+$")]
Seconds = Annotated[Decimal, Field(ge=0, le=10_000_000)]


class Part(BaseModel):
    """Every part refuses what it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _known_fields(cls, told: object) -> object:
        if isinstance(told, dict):
            strange = [str(name) for name in told if name not in cls.model_fields]
            if strange:
                known = ", ".join(cls.model_fields)
                raise ValueError(f"unknown field {', '.join(strange)}; there are {known}")
        return told
