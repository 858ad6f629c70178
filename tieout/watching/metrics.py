"""What Prometheus scrapes of a node: read from its state when asked, in base units.

Rule 1. Names and units are as Prometheus has them: `tieout_`, seconds and not milliseconds, a
counter ends in `_total`, and no label can take values without end (no order, no payment, no text).
Rule 2. A scrape reads and changes nothing. Amounts are floats here, and nowhere else.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from aiohttp import web
from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from core.journal import decode_event
from core.state import State
from tieout.watching.alert_rules import Vitals, gate_of
from tieout.watching.observed import Group

SECOND = 1_000_000_000
# From which age on, in seconds, and how that is called.
AGES = ((86_400, "1d_up"), (3600, "1h_1d"), (600, "10m_1h"), (60, "1m_10m"), (0, "0_1m"))
COMMIT_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0, 5.0)
LAG_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0)
LAGGING = ("FillReported", "ProgressReported", "OrderReported")
GATES = ("open", "exits_only", "closed")

Look = Callable[[], tuple[State, Vitals]]


class Metrics:
    """The figures of one node: what was counted as it happened, and what its state says now."""

    def __init__(
        self,
        node: str,
        look: Look,
        position: Callable[[], int],
        alerts: Callable[[], Iterable[tuple[str, str]]] = tuple,
    ) -> None:
        """`look` gives the state and the vitals of this moment, `position` the last record that is
        durable, `alerts` the severity and status of each that stands."""
        self._node, self._look, self._position, self._alerts = node, look, position, alerts
        self._records: Counter[tuple[str, str]] = Counter()
        self.registry = CollectorRegistry(auto_describe=False)
        about = {"registry": self.registry}
        self._commits = Histogram(
            "tieout_journal_commit_seconds",
            "How long a group's commit took.",
            buckets=COMMIT_SECONDS,
            **about,  # type: ignore[arg-type]  # one registry for all of them
        )
        self._lags = Histogram(
            "tieout_telling_lag_seconds",
            "From when it happened, by the venue's clock, until we heard of it, by ours.",
            ["account"],
            buckets=LAG_SECONDS,
            **about,  # type: ignore[arg-type]  # the same
        )
        self.registry.register(self)

    def took(self, group: Group) -> None:
        """A group is durable."""
        self._commits.observe(group.commit_ns / SECOND)
        for record in group.records:
            self._records[record.kind, record.name] += 1
            if record.name in LAGGING and record.kind == "event":
                self._lag(record.body)

    def _lag(self, body: bytes) -> None:
        event: Any = decode_event(body)
        if event.occurred_at:
            # Clocks differ: what came before it happened came at once.
            lag = max(0, event.received_at - event.occurred_at) / SECOND
            self._lags.labels(event.account).observe(lag)

    def text(self) -> bytes:
        """All of it, as a scrape wants it."""
        return generate_latest(self.registry)

    def collect(self) -> Iterator[Metric]:
        """prometheus_client asks for it at each scrape."""
        state, vitals = self._look()
        yield self._info(state)
        yield self._counted()
        yield from self._journal(vitals)
        yield from _streams(state, vitals)
        yield from _drift(state, vitals)
        yield from _in_flight(state)
        yield from _gates(state, vitals)
        yield self._raised()

    def _info(self, state: State) -> Metric:
        info = GaugeMetricFamily("tieout_node_info", "Which node this is.", labels=["node"])
        info.add_metric([self._node], 1)
        return info

    def _counted(self) -> Metric:
        counted = CounterMetricFamily(
            "tieout_journal_records", "Records made durable in this life.", labels=["kind", "name"]
        )
        for (kind, name), times in sorted(self._records.items()):
            counted.add_metric([kind, name], times)
        return counted

    def _journal(self, vitals: Vitals) -> Iterator[Metric]:
        waits = (vitals.now - vitals.waiting_since) / SECOND if vitals.waiting_since else 0.0
        yield _gauge(
            "tieout_journal_position", "The last record that is durable.", self._position()
        )
        yield _gauge(
            "tieout_journal_waiting_seconds", "Age of the oldest uncommitted record.", waits
        )
        late = "By how much the event loop last woke too late."
        yield _gauge("tieout_event_loop_late_seconds", late, vitals.late_ns / SECOND)

    def _raised(self) -> Metric:
        raised = GaugeMetricFamily(
            "tieout_alerts", "Alerts that stand.", labels=["severity", "status"]
        )
        for (severity, status), number in sorted(Counter(self._alerts()).items()):
            raised.add_metric([severity, status], number)
        return raised


def _gauge(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(name, words, value=value)


def _by(name: str, words: str, labels: list[str], rows: Mapping[Any, float]) -> Metric:
    family = GaugeMetricFamily(name, words, labels=labels)
    for key, value in rows.items():
        family.add_metric(list(key) if isinstance(key, tuple) else [key], value)
    return family


def _streams(state: State, vitals: Vitals) -> Iterator[Metric]:
    accounts, now = state.accounts.values(), vitals.now
    up = {each.name: float(each.streaming) for each in accounts}
    heard = {each.name: _age(each.heard_at, now) for each in accounts if each.heard_at}
    read = {
        each.name: _age(each.backfill.finished_at, now)
        for each in accounts
        if each.backfill.finished_at
    }
    by = ["account"]
    yield _by("tieout_stream_up", "Whether the private stream stands.", by, up)
    silence = "Since when nothing was heard of the private stream."
    yield _by("tieout_stream_silence_seconds", silence, by, heard)
    record = "Age of the last reading of the venue's own record to its end."
    yield _by("tieout_backfill_age_seconds", record, by, read)


def _drift(state: State, vitals: Vitals) -> Iterator[Metric]:
    ages = Counter({(_venue(name), band): 0 for name in state.breaks for _, band in AGES})
    for name, drift in state.breaks.items():
        ages[_venue(name), band_of(vitals.now - drift.broken_at)] += 1
    by = ["account", "age"]
    yield _by("tieout_breaks", "Open breaks by age.", by, {k: float(n) for k, n in ages.items()})
    oldest = max((vitals.now - each.broken_at for each in state.breaks.values()), default=0)
    yield _gauge("tieout_break_age_max_seconds", "Age of the oldest open break.", oldest / SECOND)
    suspects = Counter(_venue(name) for name in state.suspects)
    told = {name: float(suspects[name]) for name in state.accounts}
    yield _by("tieout_suspects", "Differences under suspicion.", ["account"], told)
    items = Counter(each.cause for each in state.settlement.items.values())
    told = {cause: float(n) for cause, n in sorted(items.items())}
    yield _by("tieout_settlement_items", "Open items of settlement.", ["cause"], told)


def band_of(age_ns: int) -> str:
    """The band of `AGES` that an age lies in."""
    return next(name for since, name in AGES if age_ns >= since * SECOND or not since)


def _in_flight(state: State) -> Iterator[Metric]:
    settlement = state.settlement
    payments: Counter[tuple[str, str]] = Counter()
    for leg in (settlement.legs[name] for name in settlement.open_legs):
        payments[leg.scheme or leg.kind, leg.asset] += 1
    amounts: dict[tuple[str, str], float] = {}
    for name, units in settlement.ledger.items():
        if name.startswith("transit/"):
            _, rail, asset = name.split("/", 2)
            amounts[rail, asset] = units / 10.0 ** state.decimals.get(asset, 8)
    by = ["rail", "asset"]
    told = {key: float(n) for key, n in payments.items()}
    yield _by("tieout_in_flight_payments", "Payments that are not over.", by, told)
    yield _by("tieout_in_flight_amount", "A rail's clearing account, in its asset.", by, amounts)


def _gates(state: State, vitals: Vitals) -> Iterator[Metric]:
    found = {name: gate_of(state, name) for name in state.accounts}
    told = {(name, each): float(found[name] == each) for name in found for each in GATES}
    yield _by("tieout_gate_state", "What the gate lets through.", ["account", "state"], told)
    standings = {name: float(s.standing == "enabled") for name, s in state.risk.strategies.items()}
    enabled = "Whether a strategy may trade."
    yield _by("tieout_strategy_enabled", enabled, ["strategy"], standings)
    ages = {gate: _age(at, vitals.now) for gate, at in vitals.leases}
    yield _by("tieout_lease_age_seconds", "Since a gate was last lent to.", ["gate"], ages)


def _age(since: int, now: int) -> float:
    return max(0, now - since) / SECOND


def _venue(holding: str) -> str:
    return "/".join(holding.split("/")[:2])


async def serve(
    metrics: Metrics, alive: Callable[[], Mapping[str, Any]], host: str, port: int
) -> tuple[web.AppRunner, int]:
    """Answer `/metrics` and `/heartbeat` until the runner is cleaned up; says at which port."""

    async def scrape(request: web.Request) -> web.Response:
        return web.Response(body=metrics.text(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def heartbeat(request: web.Request) -> web.Response:
        return web.json_response(dict(alive()))

    app = web.Application()
    app.add_routes([web.get("/metrics", scrape), web.get("/heartbeat", heartbeat)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, host, port)
    await site.start()
    assert runner.addresses, "it listens"
    return runner, int(runner.addresses[0][1])
