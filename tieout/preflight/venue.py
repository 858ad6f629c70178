"""What one account's venue says of it, held against the deployment: rights, clock, modes, listings.

Each answer is asked for a few times, since a venue may be busy; one that never can be read is red.
No text of a check holds a URL or a header: both bear signatures.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import NamedTuple, TypeVar

from ccxt import BaseError

from core.effects import CancelOrder, Effect, FetchOpenOrders, FetchStatement
from core.events import (
    Event,
    OpenOrdersReported,
    OrderReported,
    StatementReported,
)
from core.frames import Frame
from core.reading import STRANGE
from scenarios.model import InstrumentSpec, VenueSpec
from tieout.deployment.file import Deployment
from tieout.deployment.ways import Mode
from tieout.live import Way
from tieout.node.answered import words_of
from tieout.node.dialects import DIALECTS
from tieout.node.opening import account_opened
from tieout.preflight.asking import Answered, ask
from tieout.preflight.checks import Check, green, no_matter, red
from tieout.preflight.inspections import INSPECTIONS
from venues.dialect import Request
from venues.inspecting import Listing, Rights
from venues.live import Live

T = TypeVar("T")
MS = 1_000_000
ASKED_MAX = 12
PAUSE_S = 0.2
SAMPLES = 5
# What a venue tells in whole milliseconds may be older by one.
GRAIN_NS = MS
NOT_READ = "a venue that answers would do"
NOT_REACHED = "a way there (network, `wire`), and a venue that answers, would do"


class NotTold(Exception):
    """The venue gave no answer that could be read; the text says what it gave, and `reached` says
    whether anybody answered at all."""

    def __init__(self, said: str, *, reached: bool = True) -> None:
        super().__init__(said)
        self.reached = reached


class Known(NamedTuple):
    """What our journal holds: client order ids, and the accounts whose books have begun."""

    orders: frozenset[str] = frozenset()
    accounts: frozenset[str] = frozenset()


async def of_venue(
    deployment: Deployment, way: Way, mode: Mode, known: Known, clock: Callable[[], int]
) -> list[Check]:
    """Every check of one account."""
    account = way.spec.account
    rights = await only_rights(way, mode)
    if rights.result == "red" and rights.found.startswith("not told"):
        return [rights]  # nothing else would be told to that key
    margin = deployment.margins.get(account, "cross")
    return [
        rights,
        await _clock(way, clock),
        await _modes(way, margin),
        await _instruments(way),
        *await _standing(way, deployment.standing, known, mode, clock),
    ]


# --- asking ---------------------------------------------------------------------------------------


async def told(way: Way, request: Request, read: Callable[[bytes], T]) -> T:
    """The answer to a read, as it is read; raises `NotTold`."""
    return await told_all(way, (request,), lambda bodies: read(bodies[0]))


async def told_all(
    way: Way, requests: Sequence[Request], read: Callable[[Sequence[bytes]], T]
) -> T:
    """The answers to several reads, of one try, as they are read together; raises `NotTold`."""
    said, answers = "nothing", list[Answered]()
    for _ in range(ASKED_MAX):
        answers = [await ask(way.transport, each) for each in requests]
        try:
            return read([each.body for each in answers])
        except STRANGE as error:
            words = (words_of(each.status, each.body, type(error).__name__) for each in answers)
            said = "; ".join(dict.fromkeys(words))
        await asyncio.sleep(PAUSE_S)
    raise NotTold(
        f"not told in {ASKED_MAX} reads: {said}", reached=any(each.status for each in answers)
    )


# --- the key --------------------------------------------------------------------------------------


async def only_rights(way: Way, mode: Mode) -> Check:
    """What the key may do: no more than the mode needs, and no less."""
    name, account, inspection = "key rights", way.spec.account, INSPECTIONS[way.spec.dialect]
    try:
        rights = await told(way, inspection.rights, inspection.told_rights)
    except NotTold as error:
        would_do = "a key that the venue knows would do" if error.reached else NOT_REACHED
        return red(name, account, str(error), would_do)
    has = [*(["reads"] if rights.reads else []), *rights.trades, *rights.moves]
    found = ", ".join([*has, *(["withdraws"] if rights.withdraws else [])]) or "nothing"
    would_do = _flaw(rights, mode)
    return red(name, account, found, would_do) if would_do else green(name, account, found)


def _flaw(rights: Rights, mode: Mode) -> str:
    """What key would do instead; "" where this one does."""
    if rights.withdraws:
        return "a key without the right to withdraw would do"
    if not rights.reads:
        return "a key that may read would do"
    if mode == "shadow" and (rights.trades or rights.moves):
        return "a key that can only read would do: in shadow nothing is to be sent"
    if mode == "live" and not rights.trades_here:
        return "a key that may trade there would do"
    return ""


# --- clock, modes, listings -----------------------------------------------------------------------


class Sample(NamedTuple):
    """How far the venue's clock was ahead of ours, known to `half` of the way there and back."""

    half: int
    ahead: int


async def _clock(way: Way, clock: Callable[[], int]) -> Check:
    """Our clock against the venue's, by the sample that was under way the shortest."""
    name, account = "clock", way.spec.account
    try:
        half, ahead = min([await _sample(way, clock) for _ in range(SAMPLES)])
    except NotTold as error:
        return red(name, account, str(error), NOT_READ)
    bound = account_opened(way.spec, 0).clock_error_ns
    found = (
        f"the venue's is {ahead / MS:+.1f} ms from ours, known to {(half + GRAIN_NS) / MS:.1f} ms"
        f" by {SAMPLES} samples; {bound / MS:.0f} ms are allowed for"
    )
    if abs(ahead) - half - GRAIN_NS > bound:
        stated = -(-abs(ahead) // MS) * (1 if ahead > 0 else -1)
        return red(name, account, found, f"our clock set right, or skew_ms = {stated}, would do")
    return green(name, account, found)


async def _sample(way: Way, clock: Callable[[], int]) -> Sample:
    """Of the try that was read: those before it took a time of their own."""
    inspection = INSPECTIONS[way.spec.dialect]
    asked_at = heard_at = 0

    def read(body: bytes) -> int:
        nonlocal heard_at
        heard_at = clock()
        return inspection.told_time(body)

    for _ in range(ASKED_MAX):
        asked_at = clock()
        with contextlib.suppress(*STRANGE):
            at = read((await ask(way.transport, inspection.time)).body)
            return Sample((heard_at - asked_at) // 2, at - (asked_at + heard_at) // 2)
        await asyncio.sleep(PAUSE_S)
    raise NotTold(f"no time in {ASKED_MAX} reads")


async def _modes(way: Way, margin: str) -> Check:
    """Positions as our dialect reads them, margin as the deployment has it."""
    name, account, inspection = "modes", way.spec.account, INSPECTIONS[way.spec.dialect]
    requests = inspection.modes(_symbols(way.spec))
    if not requests:
        return no_matter(name, account, "it keeps balances, and no positions")
    try:
        modes = await told_all(way, requests, inspection.told_modes)
    except NotTold as error:
        return red(name, account, str(error), NOT_READ)
    wanted = ("hedged" if DIALECTS[way.spec.dialect].hedged else "net", margin)
    found = f"positions {modes.positions}, margin {modes.margin}"
    if (modes.positions, modes.margin) != wanted:
        return red(name, account, found, f"positions {wanted[0]}, margin {wanted[1]} would do")
    return green(name, account, found)


async def _instruments(way: Way) -> Check:
    """Each instrument as its venue lists it: assets, steps, and what a contract is."""
    name, account, inspection = "instruments", way.spec.account, INSPECTIONS[way.spec.dialect]
    requests = inspection.listings(_symbols(way.spec))
    try:
        listings = await told_all(way, requests, inspection.told_listings)
    except NotTold as error:
        return red(name, account, str(error), NOT_READ)
    by_symbol = {each.symbol: each for each in listings}
    flaws = [flaw for each in way.spec.instruments for flaw in _differing(each, by_symbol)]
    if flaws:
        return red(name, account, "; ".join(flaws), "what the venue says would do")
    return green(name, account, f"{', '.join(_symbols(way.spec))} as listed")


def _differing(spec: InstrumentSpec, listed: dict[str, Listing]) -> list[str]:
    """Each field that the venue says otherwise, with both."""
    there = listed.get(spec.symbol)
    if there is None:
        return [f"{spec.symbol} is not listed"]
    ours: dict[str, tuple[object, object]] = {
        "base": (spec.base, there.base),
        "quote": (spec.quote, there.quote),
        "settle": (spec.settle or spec.quote, there.settle),
        "tick": (spec.tick, there.tick),
        "lot": (spec.lot, there.lot),
        "trading": (True, there.trading),
    }
    if there.multiplier is not None:
        ours["multiplier"] = (spec.multiplier, there.multiplier)
    return [
        f"{spec.symbol}: {name} is {_shown(theirs)} there, {_shown(mine)} here"
        for name, (mine, theirs) in ours.items()
        if mine != theirs
    ]


def _shown(value: object) -> str:
    return f"{value.normalize():f}" if isinstance(value, Decimal) else str(value)


def _symbols(spec: VenueSpec) -> tuple[str, ...]:
    return tuple(each.symbol for each in spec.instruments)


# --- what stands there, and could be taken off ----------------------------------------------------


async def _standing(
    way: Way, standing: str, known: Known, mode: Mode, clock: Callable[[], int]
) -> list[Check]:
    """What is open and held there, adopted or refused; and a kill of it, but for the send."""
    account = way.spec.account
    try:
        orders = await _open_orders(way, clock)
        held = await _positions(way, clock)
    except NotTold as error:
        return [red(name, account, str(error), NOT_READ) for name in ("standing", "kill drill")]
    foreign = [each for each in orders if each.client_order_id not in known.orders]
    found = f"{len(orders)} open orders, {len(foreign)} of them not ours" if orders else "none open"
    found += f"; held: {', '.join(held)}" if held else "; none held"
    if (
        mode != "shadow"
        and standing == "refuse"
        and (foreign or (held and account not in known.accounts))
    ):
        would_do = 'all of it closed, or standing = "adopt", would do'
        stands = red("standing", account, found, would_do)
    else:
        stands = green("standing", account, found)
    return [stands, _drill(way, orders, mode, clock())]


async def _open_orders(way: Way, clock: Callable[[], int]) -> list[OrderReported]:
    effect = FetchOpenOrders(account=way.spec.account)
    events = await told(way, *_read(way, effect, OpenOrdersReported, clock))
    return [each for each in events if isinstance(each, OrderReported)]


async def _positions(way: Way, clock: Callable[[], int]) -> list[str]:
    """What is held in contracts, by instrument and leg."""
    if "positions" not in DIALECTS[way.spec.dialect].statements:
        return []
    effect = FetchStatement(account=way.spec.account, kind="positions")
    events = await told(way, *_read(way, effect, StatementReported, clock))
    rows = [row for each in events if isinstance(each, StatementReported) for row in each.rows]
    return [f"{row.subject} {row.leg}" for row in rows if row.amount]


def _read(
    way: Way, effect: Effect, ending: type[Event], clock: Callable[[], int]
) -> tuple[Request, Callable[[bytes], list[Event]]]:
    """A read of ours, and its answer by our own reader; only whole ones are told."""
    dialect = DIALECTS[way.spec.dialect]

    def read(body: bytes) -> list[Event]:
        now = clock()
        frame = Frame(
            number=1,
            account=way.spec.account,
            channel="rest",
            received_at=now,
            body=body,
            about=effect,
            asked_at=now,
        )
        events = dialect.decode(frame, {})
        if not any(isinstance(each, ending) for each in events):
            raise ValueError("no whole answer")
        return events

    return dialect.request(effect), read


def _drill(way: Way, orders: Sequence[OrderReported], mode: Mode, now: int) -> Check:
    """A cancel of each open order, formed and signed as a kill would; none is sent."""
    name, account = "kill drill", way.spec.account
    if mode != "live":
        return no_matter(name, account, f"nothing is sent in {mode}")
    live, dialect = way.transport, DIALECTS[way.spec.dialect]
    assert isinstance(live, Live), "a preflight's own ways"
    cancels = [
        CancelOrder(
            account=account,
            instrument=each.instrument,
            client_order_id=each.client_order_id,
            order_id=each.order_id,
        )
        for each in orders
    ]
    first = way.spec.instruments[0].symbol
    made_up = CancelOrder(account=account, instrument=first, client_order_id="drill", order_id="")
    try:
        for cancel in cancels or [made_up]:
            live.ways.sign(live.exchange, dialect.request(cancel), now)
    except (BaseError, ValueError) as error:
        found = f"a cancel cannot be signed: {type(error).__name__}"
        return red(name, account, found, "a key with its secret would do")
    said = (
        f"the cancels of {len(cancels)} open orders" if cancels else "a cancel of none that is open"
    )
    return green(name, account, f"{said} formed and signed; none was sent")
