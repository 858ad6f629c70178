"""What Prometheus scrapes: parsed by its own parser, named by its rules, right to the figure."""

from __future__ import annotations

import asyncio
import re

import pytest

pytest.importorskip("prometheus_client", reason="the extra `live` is not installed")
pytest.importorskip("aiohttp", reason="the extra `live` is not installed")

from aiohttp import ClientSession
from prometheus_client.parser import text_string_to_metric_families

from core.events import FillReported, NodeStarted
from core.journal import Journal
from core.risk_state import Strategy
from core.state import State
from sim.memory_store import MemoryStore
from tests.settling import Books, pay
from tests.test_alert_rules import ACCOUNT, NOW, broken, engine_lost, quiet
from tieout.watching.alert_rules import SECOND, Vitals
from tieout.watching.metrics import AGES, Metrics, band_of, serve
from tieout.watching.observed import Group, Observed

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def samples(metrics: Metrics) -> Samples:
    """Each sample of a scrape, by its name and labels."""
    return parsed(metrics.text().decode())


def parsed(text: str) -> Samples:
    return {
        (each.name, tuple(sorted(each.labels.items()))): each.value
        for family in text_string_to_metric_families(text)
        for each in family.samples
    }


def metrics_of(state: State, vitals: Vitals, alerts: tuple[tuple[str, str], ...] = ()) -> Metrics:
    return Metrics("tie", lambda: (state, vitals), lambda: 17, lambda: alerts)


def test_it_says_of_a_node_in_trouble_what_the_trouble_is() -> None:
    state = quiet()
    broken(state)
    state.breaks[f"{ACCOUNT}/USDT/cash"].broken_at = NOW - 700 * SECOND
    state.accounts[ACCOUNT].streaming = False
    state.accounts[ACCOUNT].heard_at = NOW - 7 * SECOND
    state.risk.strategies["mm"] = Strategy("enabled")
    vitals = Vitals(NOW, NOW - 3 * SECOND, SECOND // 2, (("desk_gate", NOW - 2 * SECOND),))
    found = samples(metrics_of(state, vitals, (("critical", "raised"), ("critical", "raised"))))
    account = ("account", ACCOUNT)
    assert found["tieout_breaks", (account, ("age", "10m_1h"))] == 1
    assert found["tieout_breaks", (account, ("age", "0_1m"))] == 0
    assert found["tieout_break_age_max_seconds", ()] == 700
    assert found["tieout_stream_up", (account,)] == 0
    assert found["tieout_stream_silence_seconds", (account,)] == 7
    assert found["tieout_gate_state", (account, ("state", "exits_only"))] == 1
    assert found["tieout_gate_state", (account, ("state", "open"))] == 0
    assert found["tieout_lease_age_seconds", (("gate", "desk_gate"),)] == 2
    assert found["tieout_journal_waiting_seconds", ()] == 3
    assert found["tieout_event_loop_late_seconds", ()] == 0.5
    assert found["tieout_journal_position", ()] == 17
    assert found["tieout_strategy_enabled", (("strategy", "mm"),)] == 1
    assert found["tieout_alerts", (("severity", "critical"), ("status", "raised"))] == 2


def test_a_closed_gate_is_closed_on_every_account() -> None:
    state = quiet()
    engine_lost(state)
    found = samples(metrics_of(state, Vitals(NOW)))
    assert found["tieout_gate_state", (("account", ACCOUNT), ("state", "closed"))] == 1


def test_what_is_in_flight_stands_by_its_rail() -> None:
    books = Books(alice=1000)
    (leg,) = books.request("t1", pay("wire", 300))
    found = samples(metrics_of(books.state, Vitals(books.now)))
    rail = (("asset", "USD"), ("rail", "wire"))
    assert found["tieout_in_flight_payments", rail] == 1
    ledger = books.state.settlement.ledger
    assert found["tieout_in_flight_amount", rail] == ledger["transit/wire/USD"] / 100 != 0
    assert leg.asset == "USD"


def test_commits_and_lags_are_counted_as_they_happen() -> None:
    """Through the store that a node writes: as many as there were, with the time that each took."""
    ticks = iter(range(0, 10**9, 3_000_000))  # a look at this clock is 3 ms
    metrics = metrics_of(quiet(), Vitals(NOW))
    store = Observed(MemoryStore(), metrics.took, clock=lambda: next(ticks))
    journal = Journal(store)
    journal.event(NodeStarted(received_at=NOW, node="tie", epoch=1))
    assert store.waiting == (1, NOW)
    journal.commit()
    fill = FillReported(
        received_at=NOW,
        account=ACCOUNT,
        instrument="i",
        fill_id="1",
        order_id="1",
        side="buy",
        quantity=1,
        price=1,
        occurred_at=NOW - SECOND // 5,
    )
    journal.event(fill)
    journal.commit()
    assert store.waiting == (0, 0)
    found = samples(metrics)
    assert found["tieout_journal_commit_seconds_count", ()] == 2
    assert found["tieout_journal_commit_seconds_sum", ()] == pytest.approx(0.006)
    assert found["tieout_journal_commit_seconds_bucket", (("le", "0.002"),)] == 0
    assert found["tieout_journal_commit_seconds_bucket", (("le", "0.005"),)] == 2
    lag = ("tieout_telling_lag_seconds_bucket", (("account", ACCOUNT), ("le", "0.25")))
    assert found[lag] == 1
    name = ("kind", "event"), ("name", "FillReported")
    assert found["tieout_journal_records_total", name] == 1


def test_names_and_units_are_as_prometheus_has_them() -> None:
    """https://prometheus.io/docs/practices/naming: a prefix, base units, `_total` of counters."""
    state = quiet()
    broken(state)
    metrics = metrics_of(state, Vitals(NOW, leases=(("g", NOW),)), (("critical", "raised"),))
    metrics.took(Group((), 1))
    text = metrics.text().decode()
    all_of_them = text_string_to_metric_families(text)
    # The client says of each histogram when it was made, under a name of its own.
    families = [each for each in all_of_them if not each.name.endswith("_created")]
    assert len(families) > 15
    for family in families:
        assert re.fullmatch(r"tieout_[a-z][a-z_]*[a-z]", family.name), family.name
        assert not re.search(r"_(ms|ns|millis|minutes|percent)(_|$)", family.name), family.name
        assert family.documentation.endswith("."), family.name
        assert ("seconds" in family.name) == ("seconds" in family.name.split("_")[-1]), (
            "the unit comes last"
        )
        if family.type == "counter":
            assert all(each.name.endswith("_total") for each in family.samples)
    assert len({family.name for family in families}) == len(families)


@pytest.mark.parametrize(
    ("seconds", "band"),
    [(0, "0_1m"), (59, "0_1m"), (60, "1m_10m"), (600, "10m_1h"), (86_400, "1d_up"), (-1, "0_1m")],
)
def test_an_age_lies_in_one_band(seconds: int, band: str) -> None:
    assert band_of(seconds * SECOND) == band
    assert band in dict(map(reversed, AGES))  # type: ignore[arg-type]  # pairs, turned round


def test_it_is_served_and_the_heartbeat_beside_it() -> None:
    async def scraped() -> tuple[Samples, dict[str, object], str]:
        metrics = metrics_of(quiet(), Vitals(NOW))
        runner, port = await serve(metrics, lambda: {"node": "tie", "at": 5}, "127.0.0.1", 0)
        async with ClientSession() as client:
            url = f"http://127.0.0.1:{port}"
            async with client.get(f"{url}/metrics") as answer:
                text, kind = await answer.text(), answer.headers["Content-Type"]
            async with client.get(f"{url}/heartbeat") as answer:
                beat = await answer.json()
        await runner.cleanup()
        return parsed(text), beat, kind

    found, beat, kind = asyncio.run(scraped())
    assert found["tieout_node_info", (("node", "tie"),)] == 1
    assert beat == {"node": "tie", "at": 5}
    assert kind.startswith("text/plain; version=")
