"""The tables: what was recorded, exactly, and in the same shape in every run."""

from collections import Counter
from decimal import Decimal
from functools import cache

import pandas as pd
import pytest

from core.events import FillReported, ProgressReported
from core.journal import decode_event
from scenarios.model import FaultSpec, find
from tieout.reports.history import amount_of, exact
from tieout.reports.outcome import Outcome
from tieout.reports.tables import COLUMNS, frame, table
from tieout.runs import run

RUNS = ("lost_frame", "demo", "spot_weather", "binance_usdm_weather", "coinbase_weather")
each_run = pytest.mark.parametrize("name", RUNS)


@cache
def outcome_of(name: str) -> Outcome:
    return run(name, seed=3, short=True, sampled=False)


def tables_of(name: str) -> dict[str, pd.DataFrame]:
    outcome = outcome_of(name)
    return {each: table(each, outcome.store, outcome.state) for each in COLUMNS}


def total(amounts: "pd.Series[object]") -> Decimal:
    """An exact sum: pandas would begin with a float."""
    return sum(amounts, Decimal(0))


# --- shapes --------------------------------------------------------------------------------------


@each_run
def test_every_run_has_the_same_columns_and_types(name: str) -> None:
    """Columns and dtypes are those of an empty table, whatever happened in the run."""
    for subject, rows in tables_of(name).items():
        empty = frame(COLUMNS[subject], ())
        assert len(empty) == 0
        assert rows.dtypes.to_dict() == empty.dtypes.to_dict(), subject


@each_run
def test_amounts_are_exact_decimals_and_times_are_utc(name: str) -> None:
    """No amount is a float and no time is without a zone; None is what was not told."""
    for subject, rows in tables_of(name).items():
        for column, kind in COLUMNS[subject].items():
            if kind == "decimal":
                assert {type(value) for value in rows[column]} <= {Decimal, type(None)}
            if kind == "time":
                assert str(rows[column].dtype) == "datetime64[ns, UTC]"


def test_an_amount_in_wei_keeps_every_digit() -> None:
    """Decimal's usual context has 28 digits; a table must not round to them."""
    assert exact(10**41 + 1, 18) == Decimal("100000000000000000000000.000000000000000001")


# --- what was told -------------------------------------------------------------------------------


@each_run
def test_the_fills_are_those_that_the_journal_recorded(name: str) -> None:
    """One row for each telling, to the nanosecond, the quantity as told."""
    outcome = outcome_of(name)
    told = {
        record.number: event
        for record in outcome.store.records()
        if record.kind == "event"
        and isinstance(event := decode_event(record.body), FillReported | ProgressReported)
    }
    fills = outcome.fills
    reported = fills[fills.told != "progress"]
    assert list(reported.event) == [n for n, e in told.items() if isinstance(e, FillReported)]
    for row in reported.itertuples():
        event = told[row.event]
        assert isinstance(event, FillReported)
        assert row.received_at.value == event.received_at
        assert row.occurred_at.value == event.occurred_at
        assert (row.fill_id, row.frame) == (event.fill_id, event.frame)
        assert row.quantity.scaleb(8) == event.quantity


@each_run
def test_a_fill_is_booked_once_and_its_other_tellings_are_echoes(name: str) -> None:
    fills = outcome_of(name).fills
    fills = fills[fills.told != "progress"]
    identity = [fills.account, fills.instrument, fills.fill_id, fills.side]
    booked = (fills.told == "booked").groupby(identity).sum()
    assert (booked <= 1).all()
    counts = outcome_of(name).state.counts
    for way in ("booked", "echo", "conflict"):
        told = sum(n for what, n in counts.items() if what.startswith(f"fills_{way}/"))
        assert told == (fills.told == way).sum(), way


def test_progress_adds_up_to_the_orders_that_it_is_of() -> None:
    """Where only cumulative quantities are told, the rows' sum is what each order filled."""
    outcome = outcome_of("coinbase_weather")
    fills = outcome.fills
    by_order = fills[fills.told == "progress"].groupby("order_id").quantity.agg(total)
    orders = outcome.orders.query("filled > 0").set_index("order_id").filled
    assert len(orders) > 5
    assert {name: by_order[name] for name in orders.index} == orders.to_dict()


# --- the books -----------------------------------------------------------------------------------


@each_run
def test_each_holding_is_the_sum_of_its_postings_its_parts_and_its_changes(name: str) -> None:
    """Postings, positions and exposures tell one story, and it is the state's."""
    outcome = outcome_of(name)
    postings = outcome.postings.groupby("holding").amount.agg(total)
    parts = outcome.positions.groupby("holding").amount.agg(total)
    held = outcome.positions.groupby("holding").held.first()
    changes = outcome.exposures.groupby("holding").change.agg(total)
    last = outcome.exposures.groupby("holding").held.last()
    assert outcome.state.holdings
    for holding, units in outcome.state.holdings.items():
        figure = amount_of(outcome.state, holding, units)
        sums = (postings[holding], parts[holding], held[holding], changes[holding], last[holding])
        assert sums == (figure,) * 5, holding


@each_run
def test_every_order_stands_there_the_refused_ones_too(name: str) -> None:
    """Orders are those of the state and those that the gate refused; codes are as counted."""
    outcome = outcome_of(name)
    orders, refusals = outcome.orders, outcome.refusals
    assert orders.client_order_id.is_unique
    assert len(orders) == len(outcome.state.orders) + len(refusals)
    assert (orders.status == "refused").sum() == len(refusals)
    counted = {
        what.partition("/")[2]: number
        for what, number in outcome.state.counts.items()
        if what.startswith("refused/")
    }
    assert Counter(refusals.code) == counted


def test_transfers_are_the_cash_that_was_moved() -> None:
    """What moved by hand stands there once booked, and sums to what the books made of it."""
    moves = FaultSpec(kind="transfer", every_s=Decimal(5), strength=100)
    calm = find("binance_usdm_weather").model_copy(update={"storm": None, "faults": (moves,)})
    outcome = run(calm, seed=3, short=True, sampled=False)
    transfers, postings = outcome.movements, outcome.postings
    booked = transfers[transfers.told == "booked"]
    assert len(booked) > 3
    assert total(booked.amount) == total(postings[postings.purpose == "transfer"].amount)


def test_some_runs_had_refusals_and_breaks() -> None:
    """The tests above would be hollow if nothing of the kind had happened."""
    assert sum(len(outcome_of(name).refusals) for name in RUNS)
    numbers = [number for name in RUNS for number in outcome_of(name).breaks.number]
    assert any(numbers)
    assert not all(numbers)


# --- what went wrong -----------------------------------------------------------------------------


@each_run
def test_breaks_are_all_that_was_opened_closed_or_not(name: str) -> None:
    outcome = outcome_of(name)
    breaks, state = outcome.breaks, outcome.state
    assert len(breaks) == state.resolved_made + len(state.suspects) + len(state.breaks)
    assert breaks.open.sum() == len(state.suspects) + len(state.breaks)
    assert (breaks.number > 0).sum() == state.breaks_made
    closed = breaks[~breaks.open]
    assert (closed.age_s >= 0).all()
    assert (closed.resolution != "").all()
    assert breaks.closed_at.isna().equals(breaks.open)


@each_run
def test_the_timeline_goes_forward_and_misses_no_suspect(name: str) -> None:
    outcome = outcome_of(name)
    timeline, counts = outcome.timeline(), outcome.state.counts
    assert timeline["at"].is_monotonic_increasing
    assert timeline.what.iloc[0] == "node started"
    assert (timeline.what == "node started").sum() == outcome.state.epoch
    suspects = sum(n for what, n in counts.items() if what.startswith("suspects/"))
    assert (timeline.what == "suspect").sum() >= suspects
    assert (timeline.what == "break").sum() == outcome.state.breaks_made
    ended = timeline.what.isin(["break resolved", "suspect resolved"]).sum()
    assert ended == outcome.state.resolved_made
