"""The recorded stream that the benches run over: the journal of a spot scenario in calm weather.

Its orders are requested first, untimed; then come, as recorded, the fills and what was told of
orders.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import msgspec

from core.events import Event, FillReported, OrderReported

SCENARIO, SEED = "spot_weather", 7
CALM_S, QUICK_S = 600, 60


class Stream(NamedTuple):
    """What sets the books up, and what is then told."""

    setup: list[Event]
    told: list[Event]

    def fills(self) -> list[Event]:
        """The fills alone."""
        return [event for event in self.told if type(event) is FillReported]

    def executions(self) -> list[Event]:
        """The fills, each with the order report that follows it in its frame."""
        return [
            event
            for fill, report in zip(self.told, self.told[1:], strict=False)
            if type(fill) is FillReported and report.frame == fill.frame
            for event in (fill, report)
        ]


@cache
def record(*, quick: bool = False) -> Stream:
    """Run the scenario without faults and take its journal's events."""
    from core.journal import decode_event
    from scenarios.model import find
    from tieout.run import run

    seconds = QUICK_S if quick else CALM_S
    calm = find(SCENARIO).model_copy(update={"duration_s": seconds})
    outcome = run(calm, SEED, plan=[], sampled=False)
    events = [decode_event(r.body) for r in outcome.store.records() if r.kind == "event"]
    return cut(events)


def cut(events: Sequence[Event]) -> Stream:
    """The events that a stream tells, and before them those that they need."""
    told = [event for event in events if isinstance(event, FillReported | OrderReported)]
    needed = ("NodeStarted", "AccountOpened", "AssetListed", "InstrumentListed", "OpeningSet")
    setup = [event for event in events if type(event).__name__ in (*needed, "OrderRequested")]
    return Stream(setup, told)


def save(stream: Stream, path: Path) -> None:
    """For another interpreter to load."""
    path.write_bytes(msgspec.json.encode(list(stream)))


def load(path: Path) -> Stream:
    return msgspec.json.decode(path.read_bytes(), type=Stream)
