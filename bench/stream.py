"""The recorded stream that the benches run over: the journal of a spot scenario in calm weather.

Its orders are requested first, untimed; then come, as recorded, the fills and what was told of
orders.
"""

from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import msgspec

from core.events import Event, FillReported, OrderReported
from core.journal import Record, decode_event

SCENARIO, SEED = "spot_weather", 7
CALM_S, QUICK_S = 600, 60


class Stream(NamedTuple):
    """What sets the books up, and what is then told."""

    setup: list[Event]
    told: list[Event]

    def fills(self) -> list[Event]:
        """The fills alone, each as it was told first."""
        return [event for event in self.executions() if isinstance(event, FillReported)]

    def executions(self) -> list[Event]:
        """The fills as they were told first, each with the order's report that its frame told."""
        known: set[tuple[str, str, str, str]] = set()
        pairs: list[Event] = []
        for fill, report in pairwise(self.told):
            if isinstance(fill, FillReported) and not isinstance(report, FillReported):
                key = (fill.account, fill.instrument, fill.fill_id, fill.side)
                if key not in known and report.frame == fill.frame:
                    pairs += (fill, report)
                known.add(key)
        return pairs


def record(*, quick: bool = False) -> Stream:
    """The stream of the scenario's journal."""
    return cut([decode_event(r.body) for r in recorded(quick=quick) if r.kind == "event"])


@cache
def recorded(*, quick: bool = False, times: int = 1) -> list[Record]:
    """The journal of the scenario in calm weather, run now; so many times as long."""
    from scenarios.model import find  # the peers' environment has no pydantic
    from tieout.runs import run

    seconds = QUICK_S if quick else CALM_S * times
    calm = find(SCENARIO).model_copy(update={"duration_s": seconds})
    return list(run(calm, SEED, plan=[], sampled=False).store.records())


def cut(events: Sequence[Event]) -> Stream:
    """The events that a stream tells, and before them those that they need."""
    told: list[Event] = [e for e in events if isinstance(e, FillReported | OrderReported)]
    needed = ("NodeStarted", "AccountOpened", "AssetListed", "InstrumentListed", "OpeningSet")
    setup = [event for event in events if type(event).__name__ in (*needed, "OrderRequested")]
    return Stream(setup, told)


def save(stream: Stream, path: Path) -> None:
    """For another interpreter to load."""
    path.write_bytes(msgspec.json.encode(list(stream)))


def load(path: Path) -> Stream:
    return msgspec.json.decode(path.read_bytes(), type=Stream)
