"""What the gate compares orders with, beside what was reviewed and what the engine said last.

Each line's maximum is counted anew as an order passes: the reviewed amount, or less where the
engine's word has a ceiling; and of what that leaves beyond where the line stood as the word was
heard, so much as the word's age leaves open.
"""

from collections.abc import Iterator, Mapping

from msgspec import UNSET

from core.risk_events import ExposureStated, LimitsLoaded
from core.state import State
from risk.desk import Desk
from risk.lease import Used, used
from risk.restored import desk_of

# Of a word that is so many heartbeats old, so many thousandths are open; none once it has ended.
OPEN_BY_AGE = (1000, 500, 250, 100)
# An engine's word by its life and by its number there.
Place = tuple[int, int]


class Opened:
    """Watches one run. `wrong` are maxima that no word of the engine makes."""

    def __init__(self, loaded: Mapping[str, LimitsLoaded]) -> None:
        self.wrong: list[str] = []
        self._loaded = loaded
        self._place: Place = (0, 0)
        self._hash = ""
        self._reviewed: dict[str, int] = {}
        self._stood: dict[str, int] = {}

    def look(self, state: State) -> None:
        """A step was taken: where it was a word or a load, lines stand anew."""
        cold, desk = state.risk.cold, desk_of(state.risk)
        if cold is UNSET or desk is None:
            return
        place, content_hash = (cold.epoch, cold.sequence), state.risk.content_hash
        if (place, content_hash) != (self._place, self._hash):
            if content_hash != self._hash:
                self._reviewed = dict(_reviewed(self._loaded[content_hash]))
            self._place, self._hash = place, content_hash
            self._stood = {each.line: each.used for each in used(desk)}

    def passed(self, state: State, said: Mapping[Place, ExposureStated]) -> None:
        """The gate let an order pass just now, so that its maxima are those of now; `said` is what
        the engine ever said."""
        cold, desk = state.risk.cold, desk_of(state.risk)
        if cold is UNSET or desk is None or not cold.is_open:
            return
        beats = (state.now - cold.since) // state.risk.heartbeat_ns
        ended = state.now - cold.since >= state.risk.ttl_ns
        share = 0 if ended else OPEN_BY_AGE[min(beats, len(OPEN_BY_AGE) - 1)]
        ceilings = {each.line: each.amount for each in said[self._place].ceilings}
        self.wrong += self._compared(desk, ceilings, share)

    def _compared(self, desk: Desk, ceilings: Mapping[str, int], share: int) -> Iterator[str]:
        for each in used(desk):
            most = self._most(each, ceilings, share)
            if each.open != most:
                yield f"{each.line}: the gate lets it come to {each.open}, and {most} is open"

    def _most(self, each: Used, ceilings: Mapping[str, int], share: int) -> int:
        name = each.line.rpartition("/")[0] if each.lot else each.line  # whichever leg it is
        reviewed = self._reviewed.get(name, 0) // (each.lot or 1)
        most = min(reviewed, ceilings.get(each.line, reviewed))
        left = max(0, most - self._stood[each.line])
        return most - left + left * share // 1000


def _reviewed(limits: LimitsLoaded) -> Iterator[tuple[str, int]]:
    """What was reviewed of each line; of a position, whichever leg and side it has."""
    for bound in limits.bounds:
        name = f"{bound.control.lower()}/{bound.place}".removesuffix("/")
        sides = ("/long", "/short") if bound.control.endswith("_NET") else ("/gross",)
        for side in ("",) if bound.control.endswith("_POSITION") else sides:
            yield name + side, bound.amount
