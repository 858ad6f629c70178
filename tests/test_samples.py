"""Every dialect reads every sample of its venue: real payloads, kept outside the repository.

A module `tests/samples_DIALECT.py` claims venues of the index and says, by hand and from the
venue's documentation, what each verbatim sample tells:

    DIALECT = "binance_usdm"                 # a dialect of tieout/world/twins.py
    VENUES = ("binanceusdm",)                # names in the index whose samples it claims
    def about(sample) -> Effect              # what a REST sample answers, from its kind and name
    EXPECTED = {"sample-id": [fact, ...]}    # one list for each verbatim sample, in order

A fact is a tuple of texts, made from an event by `fact` below; what it leaves out was not told. A
frame that is quarantined or dismissed is `("quarantined",)` or `("dismissed",)`; a read without a
usable answer is `("failed", about)`. Every other sample must give events or a reason. The table of
counts stands at the end of the run.
"""

import importlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from core.events import (
    CashMoved,
    Event,
    FillReported,
    FrameDismissed,
    FrameQuarantined,
    FundingPaid,
    HeartbeatHeard,
    OpenOrdersReported,
    OrderMissing,
    OrderReported,
    PageReported,
    ProgressReported,
    RequestFailed,
    StatementReported,
    StreamClosed,
)
from core.frames import Frame
from core.money import ASSET_DECIMALS, PRICE_DECIMALS, QUANTITY_DECIMALS, show
from core.reading import sound
from tieout.node.dialects import READERS

HERE = Path(__file__).parent
NAMES = sorted(path.stem for path in HERE.glob("samples_*.py"))
MODULES: dict[str, ModuleType] = {n: importlib.import_module(f"tests.{n}") for n in NAMES}
MS = 1_000_000
NOW = 1_800_000_000_000 * MS
ASKED = NOW - 20 * MS
DECIMALS: Mapping[str, int] = {}
Record = Callable[[str, object], None]
LEFT_OUT = object()

pytestmark = pytest.mark.parametrize("name", NAMES)


def test_a_verbatim_sample_tells_what_we_expect(
    name: str, samples: Path, record_property: Record
) -> None:
    """For each payload as a venue sent it: these facts, no more and no fewer."""
    module = MODULES[name]
    counts: Counter[str] = Counter()
    wrong = {}
    for sample in claimed(module, samples):
        if sample["verbatim"]:
            told = [fact(event, units(module)) for event in read(module, sample)]
            counts["verbatim"] += 1
            counts["expected by hand"] += sample["id"] in module.EXPECTED
            if told != module.EXPECTED.get(sample["id"]):
                wrong[sample["id"]] = told
    tell(record_property, module, counts)
    assert wrong == {}


def test_no_sample_raises_and_none_is_silent(
    name: str, samples: Path, record_property: Record
) -> None:
    """A reconstructed payload gives events too, or is put aside with a reason."""
    module = MODULES[name]
    counts: Counter[str] = Counter()
    for sample in claimed(module, samples):
        events = read(module, sample)
        assert events, sample["id"]
        for event in events:
            assert event.received_at == NOW, sample["id"]
            if isinstance(event, (FrameQuarantined, FrameDismissed, RequestFailed)):
                assert event.reason, sample["id"]
        aside = [e for e in events if isinstance(e, (FrameQuarantined, RequestFailed))]
        dismissed = [e for e in events if isinstance(e, FrameDismissed)]
        counts["samples"] += 1
        counts["quarantined"] += bool(aside)
        counts["dismissed"] += len(dismissed) == len(events)
        counts["events"] += len(events) - len(aside) - len(dismissed)
    tell(record_property, module, counts)


def test_no_altered_sample_raises_or_tells_what_is_no_fact(name: str, samples: Path) -> None:
    """Each value of each sample, replaced by what it is not, or left out: still only sound events.

    A list in place of an instrument, a text in place of a time must not go on into the books.
    """
    module = MODULES[name]
    for sample in claimed(module, samples):
        message = json.loads(sample["raw_text"])
        for path in paths(message, ()):
            for other in (None, 5, 1.5, "x", "", [], {}, LEFT_OUT):
                body = json.dumps(altered(message, path, other))
                for event in read(module, {**sample, "raw_text": body}):
                    assert sound([event]), (sample["id"], path, other)


def test_every_expectation_has_its_sample(name: str, samples: Path) -> None:
    """A table that names a sample which is not there expects nothing."""
    module = MODULES[name]
    assert set(module.EXPECTED) <= {sample["id"] for sample in claimed(module, samples)}


# --- reading -------------------------------------------------------------------------------------


def claimed(module: ModuleType, samples: Path) -> list[dict[str, Any]]:
    """The samples of the venues that the module claims, body included."""
    index = json.loads((samples / "venues" / "index.json").read_text())
    cases = [case for case in index if case["venue"] in module.VENUES]
    return [json.loads((samples / "venues" / case["file"]).read_text()) for case in cases]


def read(module: ModuleType, sample: dict[str, Any]) -> list[Event]:
    """What the dialect makes of a sample."""
    rest = sample["channel"] == "rest"
    frame = Frame(
        number=7,
        account=f"{module.DIALECT}/main",
        channel="rest" if rest else "stream",
        received_at=NOW,
        body=sample["raw_text"].encode(),
        epoch=1,
        about=module.about(sample) if rest else None,
        asked_at=ASKED if rest else 0,
    )
    return READERS[module.DIALECT](frame, units(module))


def units(module: ModuleType) -> Mapping[str, int]:
    """The decimals of assets, where the module says that 8 will not do."""
    return getattr(module, "DECIMALS", DECIMALS)


def paths(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    """Where in a JSON value something stands; of a list the first two items are enough."""
    if path:
        yield path
    if isinstance(value, dict):
        for key in value:
            yield from paths(value[key], (*path, key))
    elif isinstance(value, list):
        for number in range(min(2, len(value))):
            yield from paths(value[number], (*path, number))


def altered(value: Any, path: tuple[Any, ...], other: object) -> Any:
    """A copy of the value with something else, or nothing, at the path."""
    key, *rest = path
    copy = value.copy()
    if rest:
        copy[key] = altered(value[key], tuple(rest), other)
    elif other is LEFT_OUT:
        del copy[key]
    else:
        copy[key] = other
    return copy


def tell(record: Record, module: ModuleType, counts: Counter[str]) -> None:
    """Into the table at the end of the run (tests/conftest.py)."""
    for what, how_many in counts.items():
        record("samples", (module.DIALECT, what, how_many))


# --- an event as a short fact --------------------------------------------------------------------


def fact(event: Event, decimals: Mapping[str, int] = DECIMALS) -> tuple[object, ...]:
    """The event as texts a person would write down; what is not told is left out."""

    def money(units: int, asset: str) -> str:
        return show(units, decimals.get(asset, ASSET_DECIMALS))

    match event:
        case FillReported():
            return tuple(
                part
                for part in (
                    "fill",
                    event.instrument,
                    event.leg if event.leg != "net" else "",
                    _deal(event.side, event.quantity, event.price),
                    f"id {event.fill_id}",
                    f"order {event.order_id}",
                    f"client {event.client_order_id}" if event.client_order_id else "",
                    f"value {show(event.value, 8)}" if event.value is not None else "",
                    f"fee {money(event.fee, event.fee_asset)} {event.fee_asset}"
                    if event.fee_asset
                    else "",
                    f"realised {money(event.realised, event.fee_asset)}"
                    if event.realised is not None
                    else "",
                    f"sequence {event.sequence}" if event.sequence else "",
                    "maker" if event.maker else "",
                    event.cause if event.cause != "trade" else "",
                    _at(event.occurred_at),
                )
                if part
            )
        case ProgressReported():
            return tuple(
                part
                for part in (
                    "progress",
                    event.instrument,
                    f"{event.side} {show(event.quantity, QUANTITY_DECIMALS)}",
                    f"average {show(event.average_price, PRICE_DECIMALS)}"
                    f" step {show(event.average_price_step, PRICE_DECIMALS)}",
                    f"order {event.order_id}",
                    f"client {event.client_order_id}" if event.client_order_id else "",
                    f"value {show(event.value, 8)}" if event.value is not None else "",
                    f"fee {show(event.fee, 8)} {event.fee_asset}",
                    _at(event.occurred_at),
                )
                if part
            )
        case OrderReported():
            deal = _deal(event.side, event.quantity, event.price) if event.side else ""
            filled = show(max(0, event.filled_quantity), QUANTITY_DECIMALS)
            return tuple(
                part
                for part in (
                    "order",
                    event.instrument,
                    event.leg if event.leg != "net" else "",
                    event.status,
                    deal,
                    f"filled {filled}" if event.filled_quantity >= 0 else "",
                    f"id {event.order_id}" if event.order_id else "",
                    f"client {event.client_order_id}" if event.client_order_id else "",
                    event.reason,
                    _at(event.occurred_at),
                )
                if part
            )
        case StatementReported():
            rows = tuple(
                f"{row.subject}/{row.leg} {show(row.amount, decimals.get(row.subject, 8))}"
                + (f" {_at(row.as_of)}" if row.as_of else "")
                + (f" sequence {row.sequence}" if row.sequence else "")
                for row in event.rows
            )
            whole = "complete" if event.complete else "pushed"
            return (event.kind, whole, *((_at(event.as_of),) if event.as_of else ()), *rows)
        case FundingPaid():
            paid = f"{money(event.amount, event.asset)} {event.asset}"
            name = f"id {event.funding_id}"
            return ("funding", event.instrument, name, paid, _at(event.occurred_at))
        case CashMoved():
            moved = f"{money(event.amount, event.asset)} {event.asset}"
            return (event.reason, f"id {event.movement_id}", moved, _at(event.occurred_at))
        case PageReported():
            return ("page", event.subject, event.through, "more" if event.more else "end")
        case OpenOrdersReported():
            return ("open orders", *event.client_order_ids)
        case OrderMissing():
            return ("missing", event.client_order_id)
        case RequestFailed():
            return ("failed", event.about)
        case StreamClosed():
            return ("closed", event.reason)
        case HeartbeatHeard():
            return ("heartbeat",)
        case FrameQuarantined():
            return ("quarantined",)
        case FrameDismissed():
            return ("dismissed",)
        case _:
            return (type(event).__name__,)


def _deal(side: str | None, units: int, price: int) -> str:
    at = f" @ {show(price, PRICE_DECIMALS)}" if price else ""
    return f"{side} {show(units, QUANTITY_DECIMALS)}{at}"


def _at(ns: int) -> str:
    """Milliseconds, with the rest in nanoseconds where there is one."""
    if not ns:
        return ""
    whole, rest = divmod(ns, MS)
    return f"at {whole}" + (f"+{rest}ns" if rest else "")
