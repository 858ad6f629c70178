"""What the fields of a scenario file hold, and within which bounds they mean something."""

from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, Field

EVERY_MIN = Decimal("0.001")


def _seldom_enough(seconds: Decimal) -> Decimal:
    if 0 < seconds < EVERY_MIN:
        raise ValueError(f"what happens more often would never end: 0, or at least {EVERY_MIN}")
    return seconds


# Names are parts of names of holdings, which are written with slashes.
Name = Annotated[str, Field(min_length=1, pattern=r"^[^/\s]+$")]
Seconds = Annotated[Decimal, Field(ge=0, le=10_000_000)]
Every = Annotated[Seconds, AfterValidator(_seldom_enough)]
Millis = Annotated[int, Field(le=86_400_000)]
Times = Annotated[int, Field(le=2**31)]
# Beyond these a number is no price and no amount, and would only make a world of nonsense.
Price = Annotated[Decimal, Field(gt=0, le=Decimal("1e12"))]
Amount = Annotated[Decimal, Field(ge=0, le=Decimal("1e15"))]
