"""What an order pays where its gate is in the strategy's own process: two processes, one socket.

    strategy calls → gate decides → first byte on the socket → node → step → commit → `perform`

Measured apart: the call, which is what a strategy waits for, and the whole way until the node asks
the venue. With the gate's budgets asked and not, with a durable commit and without. Groups wait for
no company here, so that the wait that one configures is not in the figure.
"""

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from bench.rows import Row, not_run
from core.effects import Effect, PlaceOrder
from core.events import AccountOpened, Event, InstrumentListed, NodeStarted, OrderRequested
from core.gate import BreakGate
from core.journal import Journal, Store
from core.node import Node
from core.risk_events import LimitsLoaded, RiskLimit, StrategyStateSet
from sim.memory_store import MemoryStore
from tieout.journals.sqlite_store import SqliteStore

NAME, ACCOUNT, INSTRUMENT, LOT = "a", "venue/main", "BTC-PERP", 10**8
ORDERS, APART_S = 2_000, 0.002
PERMILLES = (500, 990, 999)
LINES = [
    f"{scope}/{ACCOUNT}/{INSTRUMENT}/{side}"
    for scope in ("account_position", f"strategy_position/{NAME}")
    for side in ("long", "short")
]


def rows(*, quick: bool = False) -> list[Row]:
    """Four ways, each with a node and a gate's process of its own."""
    try:
        import tieout.gates.node_process  # noqa: F401  # the extra `nats` may be absent
    except ModuleNotFoundError as error:
        return [not_run("order path over a socket", "µs", "", "", str(error))]
    orders = 200 if quick else ORDERS
    found: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="tieout-bench-") as folder, _server(folder) as url:
        if not url:
            return [not_run("order path over a socket", "µs", "", "", "no nats-server")]
        for number, (gate, commit) in enumerate([(1, 1), (1, 0), (0, 1), (0, 0)]):
            place = Path(folder) / str(number)
            place.mkdir()
            store: Store = SqliteStore(place / "journal.db") if commit else MemoryStore()
            run = _run(store, place, url, f"bench{number}", orders, gate)
            calls, ways = asyncio.run(run)
            how = f"gate {_on(gate)}, commit {_on(commit)}"
            if commit:
                found += _percentiles(f"strategy's call to its socket, gate {_on(gate)}", calls)
            found += _percentiles(f"strategy's call to the venue's, {how}", ways)
    return found


def _on(flag: int) -> str:
    return "on" if flag else "off"


def _percentiles(name: str, taken: list[int]) -> list[Row]:
    taken.sort()
    return [
        Row(f"{name}, p{each / 10:g}", taken[len(taken) * each // 1000] / 1000, "µs")
        for each in PERMILLES
    ]


async def _run(
    store: Store, place: Path, url: str, deployment: str, orders: int, gate: int
) -> tuple[list[int], list[int]]:
    """The nanoseconds of each call, and of each order's whole way."""
    from tieout.gates.lease_stream import connect  # as above
    from tieout.gates.node_process import NodeProcess

    ways: list[int] = []

    def perform(effect: Effect) -> None:
        if isinstance(effect, PlaceOrder):
            called = int(node.state.orders[effect.client_order_id].reference)
            ways.append(time.monotonic_ns() - called)

    node = Node(Journal(store), {}, BreakGate())
    process = NodeProcess(node, perform, {NAME: frozenset({NAME})}, group_wait_s=0)
    for event in _opening():
        process.deliver(event)
    client = await connect(url)
    running = asyncio.create_task(process.run(place / "orders", client, deployment))
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.order_path", deployment, str(place / "orders"), url),
        *(str(orders), str(gate)),
        stdout=subprocess.PIPE,
    )
    told, _ = await child.communicate()
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    await client.close()
    return msgspec.json.decode(told, type=list[int]), ways


def _opening() -> list[Event]:
    return [
        NodeStarted(received_at=0, node="bench", epoch=1),
        AccountOpened(
            received_at=0,
            account=ACCOUNT,
            tells="fills",
            statements=(),
            statement_period_ns=10**12,
            backfill_period_ns=10**12,
            settle_ns=10**9,
            silence_ns_max=10**12,
        ),
        InstrumentListed(
            received_at=0,
            account=ACCOUNT,
            instrument=INSTRUMENT,
            kind="linear",
            base="BTC",
            quote="USDT",
            settle="USDT",
            multiplier=LOT,
        ),
        LimitsLoaded(
            received_at=0,
            content_hash="0" * 64,
            author="anna",
            approver="ben",
            limits=tuple(RiskLimit(line, 10**15) for line in LINES),
        ),
        StrategyStateSet(received_at=0, strategy=NAME, standing="enabled", by="anna"),
    ]


@contextmanager
def _server(folder: str) -> Iterator[str]:
    """A server at a port of its own choosing; "" where there is none."""
    program = Path(sys.executable).with_name("nats-server")
    if not program.exists():
        yield ""
        return
    words = ["-a", "127.0.0.1", "-p", "-1", "-js", "-sd", folder, "--ports_file_dir", folder]
    with subprocess.Popen([program, *words], stderr=subprocess.DEVNULL) as server:  # noqa: S603
        ports = Path(folder) / f"nats-server_{server.pid}.ports"
        while not ports.exists() or not ports.read_bytes():
            time.sleep(0.02)
        yield msgspec.json.decode(ports.read_bytes())["nats"][0]
        server.kill()


# --- the strategy's process ----------------------------------------------------------------------


async def _strategy(deployment: str, socket: str, url: str, orders: int, gate: int) -> list[int]:
    from risk.beside import uses_of
    from tieout.gates.gate_process import GateProcess
    from tieout.gates.lease_stream import connect

    uses = uses_of if gate else lambda wish: ()
    process = GateProcess(NAME, deployment, Path(socket), await connect(url), uses=uses)
    living = asyncio.create_task(process.run())
    calls: list[int] = []
    while len(calls) < orders:
        for line in LINES:
            process.holder.want(line, 10**14)
        await asyncio.sleep(APART_S)
        begun = time.monotonic_ns()
        code = process.order(_wish(begun))
        if code == 0:
            calls.append(time.monotonic_ns() - begun)
    await asyncio.sleep(0.2)
    living.cancel()
    return calls


def _wish(called: int) -> OrderRequested:
    return OrderRequested(
        received_at=0,
        strategy=NAME,
        reference=str(called),
        account=ACCOUNT,
        instrument=INSTRUMENT,
        side="buy",
        quantity=LOT,
        kind="limit",
        price=10**12,
    )


if __name__ == "__main__":
    deployment, socket, url, orders, gate = sys.argv[1:]
    taken = asyncio.run(_strategy(deployment, socket, url, int(orders), int(gate)))
    sys.stdout.buffer.write(msgspec.json.encode(taken))
