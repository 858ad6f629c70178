"""The desk's lease: what the cold engine's last word lets limits come to, less as it ages.

Rule. The numbers that the gate compares are the reviewed ones, or what the engine holds them to,
and of what was left unspent at its word only the share that its age leaves open (`tightening`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec import UNSET

from core.risk_events import ExposureStated
from core.state import State
from risk.counters import Holding, Route, Scope
from risk.tightening import permille, tightened

if TYPE_CHECKING:
    from risk.desk import Desk

# By what a scope is of: the lines that bound it.
CONTROLS = {
    "firm": ("firm_net", "firm_gross"),
    "account": ("account_net", "account_gross"),
    "asset": ("asset_net", "concentration"),
    "strategy": ("strategy_net", "strategy_gross"),
}
CLOSED = -1


class Lease:
    """Reviewed maxima, and where each sum stood when the engine last spoke.

    Sums come in the order of the gate's scopes, then positions in that of holdings and of routes.
    `open_now` are the thousandths that the gate's numbers are at.
    """

    def __init__(self) -> None:
        self.reviewed: list[list[int]] = []
        self.at_word: list[list[int]] = []
        self.ceilings: dict[str, int] = {}
        self.open_now = CLOSED
        self.word = (0, 0)

    def begin(self, desk: Desk) -> None:
        """The desk's numbers are the reviewed ones now."""
        self.reviewed = [_maxima(each) for each in _bounded(desk)]
        self.at_word = [_reached(each) for each in _bounded(desk)]
        self.open_now = CLOSED

    def heard(self, desk: Desk, event: ExposureStated) -> None:
        """The engine spoke, and is believed; the same word once more changes nothing."""
        if self.word == (event.epoch, event.sequence):
            return
        self.word = (event.epoch, event.sequence)
        self.ceilings = {each.line: each.amount for each in event.ceilings}
        self.at_word = [_reached(each) for each in _bounded(desk)]
        self.open_now = CLOSED

    def tighten(self, desk: Desk, state: State, now: int) -> None:
        """Bring the gate's numbers to what is open now."""
        cold, risk, firm = state.risk.cold, state.risk, desk.gate.firm
        if cold is UNSET or not cold.is_open:
            firm.open_until = 0
            return
        firm.open_until = cold.since + risk.ttl_ns - 1
        share = permille(now - cold.since, risk.heartbeat_ns, risk.ttl_ns)
        if share != self.open_now:
            self.open_now = share
            self._apply(desk, share)

    def _apply(self, desk: Desk, share: int) -> None:
        names = list(desk.scopes())
        for number, each in enumerate(_bounded(desk)):
            lines = _lines(names[number]) if number < len(names) else ()
            most = list(self.reviewed[number])
            for side, line in enumerate(lines):
                most[side] = min(most[side], self.ceilings.get(line, most[side]))
            reached = self.at_word[number]
            _set(each, [tightened(m, r, share) for m, r in zip(most, reached, strict=True)])

    def dump(self) -> dict[str, Any]:
        """All of it in plain values."""
        return {
            "reviewed": self.reviewed,
            "at_word": self.at_word,
            "ceilings": self.ceilings,
            "open_now": self.open_now,
            "word": list(self.word),
        }

    @staticmethod
    def restored(told: dict[str, Any]) -> Lease:
        """What `dump` told."""
        lease = Lease()
        lease.reviewed = [list(each) for each in told["reviewed"]]
        lease.at_word = [list(each) for each in told["at_word"]]
        lease.ceilings, lease.open_now = dict(told["ceilings"]), told["open_now"]
        lease.word = (told["word"][0], told["word"][1])
        return lease


class Used(NamedTuple):
    """One line: what it comes to with all that works, the reviewed limit, and what is open of it.

    Values are units of the reporting asset; of positions (`lot` above 0) it is so many lots.
    """

    line: str
    used: int
    limit: int
    open: int
    lot: int


def used(desk: Desk) -> Iterator[Used]:
    """Every line of the desk as it stands."""
    names = [_lines(each) for each in desk.scopes()]
    names += [(f"account_position/{p.account}/{p.instrument}/{p.leg}",) for p in desk.places]
    lots = [0] * len(desk.scopes()) + [place.lot for place in desk.places]
    for strategy, number in desk.routes:
        place = desk.places[number]
        of = f"{strategy}/{place.account}/{place.instrument}/{place.leg}"
        names.append((f"strategy_position/{of}",))
        lots.append(place.lot)
    bounded = zip(names, _bounded(desk), desk.lease.reviewed, lots, strict=True)
    for lines, each, reviewed, lot in bounded:
        figures = zip(lines, _reached(each), reviewed, _maxima(each), strict=True)
        for line, reached, limit, most in figures:
            yield Used(line, reached, limit, most, lot)


Bounded = Scope | Holding | Route


def _bounded(desk: Desk) -> list[Bounded]:
    return [*desk.scopes().values(), *desk.gate.holdings, *desk.gate.routes]


def _maxima(each: Bounded) -> list[int]:
    if isinstance(each, Scope):
        return [each.long_max, each.short_max, each.gross_max]
    return [each.position_max]


def _reached(each: Bounded) -> list[int]:
    """What it has come to: of a position, on its worse side."""
    if isinstance(each, Scope):
        return [each.long, each.short, each.gross]
    return [max(each.long, each.short, 0)]


def _set(each: Bounded, most: list[int]) -> None:
    if isinstance(each, Scope):
        each.long_max, each.short_max, each.gross_max = most
    else:
        each.position_max = most[0]


def _lines(name: str) -> tuple[str, ...]:
    """A scope's lines: net long, net short, gross."""
    kind, slash, place = name.partition("/")
    net, gross = CONTROLS[kind]
    return f"{net}{slash}{place}/long", f"{net}{slash}{place}/short", f"{gross}{slash}{place}/gross"
