"""Live nodes that share one journal on a server: one in a process of its own, which leads first.

    python -m tests.leading '{"url": …, "venue": …}'

It says in a line each that it leads, that it froze, and what the venue answered to the order that
it froze over; it ends when it leads no more. Frozen means stopped by the system, with everything
between the last check of its lease and the write to the socket behind it or ahead of it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import ssl
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import ccxt.pro
import msgspec
from aiohttp import ClientSession

from core.frames import OnAnswer
from risk.adapter import LimitGate
from scenarios.model import VenueSpec
from tests.live import KEY, Running, Served, people, trading
from tieout.journals.leadership import LeadershipLost, kept
from tieout.journals.postgres_store import PostgresStore
from tieout.journals.standby import Standby, until_leading
from tieout.live import LiveNode, Way
from tieout.wire.fronts import FRONTS, WAYS
from tieout.wire.tls import session
from tieout.wire.world import scenario_of
from venues.dialect import Request
from venues.live import Live

NAME = "tie"
FREEZES_AT = 4  # the order
PATIENCE_S = 900.0


class Terms(msgspec.Struct, frozen=True):
    """What a leader is told. `validity_ms` is its requests'; 0 for the venue's of the table."""

    url: str
    venue: str
    port: int
    ca: str
    lease_s: float
    validity_ms: int = 0
    freezes: bool = False


class Said(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of it."""

    leads: int = 0
    frozen: str = ""
    expires_at: int = 0
    answered: str = ""
    lost: str = ""


def say(said: Said) -> None:
    print(msgspec.json.encode(said).decode(), flush=True)


def spec_of(venue: str, validity_ms: int) -> VenueSpec:
    (spec,) = scenario_of(venue).venues
    return spec.model_copy(update={"request_validity_ms": validity_ms}) if validity_ms else spec


@dataclass
class Freezing:
    """A live twin that stops its own process over one order: found good, and not yet written."""

    live: Live
    heard: asyncio.Event
    orders: int = 0
    about: str = ""
    signing: Request | None = None

    def __post_init__(self) -> None:
        self._sign_really, self._leads_really = self.live.ways.sign, self.live.leads
        self.live.ways = replace(self.live.ways, sign=self._sign)
        self.live.leads = self._leads

    def _sign(self, exchange: Any, request: Request, now: int) -> dict[str, Any]:
        self.signing = request
        return self._sign_really(exchange, request, now)

    def _leads(self) -> bool:
        """Asked right before the socket: it answers what is so, and then time passes."""
        good, request = self._leads_really(), self.signing
        if good and request is not None and request.expires_at:
            self.orders += 1
            if self.orders == FREEZES_AT:
                self.about = client_id(request)
                say(Said(frozen=self.about, expires_at=request.expires_at))
                os.kill(os.getpid(), signal.SIGSTOP)
        return good

    def send(self, request: Request, on_answer: OnAnswer) -> None:
        is_order = bool(request.expires_at)

        def answered(status: int, body: bytes, headers: Any = ()) -> None:
            if is_order and self.about and client_id(request) == self.about:
                say(Said(answered=f"{status} {body.decode(errors='replace')}"))
                self.heard.set()
            on_answer(status, body, headers)

        self.live.send(request, answered)

    def open_stream(self, *told: Any) -> None:
        self.live.open_stream(*told)


CLIENT_IDS = ("newClientOrderId", "clOrdId", "orderLinkId")


def client_id(request: Request) -> str:
    return next(str(request.params[name]) for name in CLIENT_IDS if name in request.params)


def twin(venue: str, client: ClientSession, leads: Callable[[], bool]) -> Live:
    ways = WAYS[venue]
    told = {"apiKey": KEY.name, "secret": KEY.secret, "password": KEY.passphrase}
    made = getattr(ccxt.pro, ways.exchange)
    exchange = made({**told, "session": client, "options": dict(ways.options)})
    return Live(exchange, ways, client, time.time_ns, leads)


async def lead(terms: Terms) -> None:
    """One life of a leader, until it is killed or leads no more."""
    tls = ssl.create_default_context(cafile=terms.ca)
    store = PostgresStore(terms.url, lease_s=terms.lease_s, wait_s=60)
    leading, spec = kept(store), spec_of(terms.venue, terms.validity_ms)
    async with session(FRONTS[terms.venue](KEY).hosts, terms.port, tls) as client:
        live = twin(terms.venue, client, store.leadership.good)
        answered = asyncio.Event()
        transport = Freezing(live, answered) if terms.freezes else live
        ways = [Way(spec, transport, live.open_public(tuple(s.symbol for s in spec.instruments)))]
        node = LiveNode(
            NAME,
            store,
            ways,
            trading(terms.venue),
            clock=time.time_ns,
            leading=leading,
        )
        say(Said(leads=store.leadership.token))
        try:
            await node.run()
        except* LeadershipLost as errors:
            if terms.freezes:  # what is on its way is answered, or nobody will know how
                await asyncio.wait_for(answered.wait(), PATIENCE_S)
            say(Said(lost=str(errors.exceptions[0])))
        finally:
            await live.close()
            store.close()


class Leader:
    """That process, from outside."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    @classmethod
    async def start(cls, terms: Terms) -> Leader:
        told = msgspec.json.encode(terms).decode()
        program = (sys.executable, "-m", "tests.leading", told)
        process = await asyncio.create_subprocess_exec(
            *program,
            stdout=asyncio.subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        )
        return cls(process)

    async def hear(self) -> Said:
        """Its next line; EOFError where there is none."""
        assert self.process.stdout is not None
        line = await asyncio.wait_for(self.process.stdout.readline(), PATIENCE_S)
        if not line:
            raise EOFError
        return msgspec.json.decode(line, type=Said)

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def end(self) -> int:
        """However it stands: it is gone."""
        if self.process.returncode is None:
            self.process.kill()
        return await self.process.wait()


class TakenOver(Running):
    """A node that stood by, took over in this process, and lives on."""

    taken_at: float

    @classmethod
    async def after(cls, served: Served, store: PostgresStore, spec: VenueSpec) -> TakenOver:
        """It follows the journal, and returns as a node when it leads."""
        standby = Standby(store, LimitGate())
        await until_leading(standby)
        leading, taken_at = kept(store), time.monotonic()
        client = served.session()
        live = twin(served.venue, client, store.leadership.good)
        public = live.open_public(tuple(each.symbol for each in spec.instruments))
        node = LiveNode(
            NAME,
            store,
            [Way(spec, live, public)],
            trading(served.venue),
            clock=time.time_ns,
            warm=standby.state,
            leading=leading,
        )
        running = cls(served, store, node, live, client)  # type: ignore[arg-type]  # any store does
        running.people = people(store)
        running.task, running.taken_at = asyncio.create_task(node.run()), taken_at
        return running


def terms_of(served: Served, url: str, folder: Path, lease_s: float, **more: Any) -> Terms:
    ca = folder / "ca.pem"
    served.authority.save(ca)
    return Terms(url, served.venue, served.server.port, str(ca), lease_s, **more)


if __name__ == "__main__":
    asyncio.run(lead(msgspec.json.decode(sys.argv[1], type=Terms)))
