"""Custodians of a deployment as ways of a live node: their SDK, their webhooks, what stood there.

Rule 1. Books begin with balances that were read twice and said the same, while between them the
record told nothing new. What the record tells of the time before is known to be in them, so that
its webhooks, which may come again for weeks, move nothing.
Rule 2. Where it only reads, the client lets nothing else through. Webhooks are heard all the same.
"""

import asyncio
import ssl
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, TCPConnector
from msgspec.structs import replace

from core.effects import Effect, FetchLedger, FetchStatement
from core.events import Event, PageReported, StatementReported
from core.frames import Frame
from core.listening import LEDGER
from core.rail_events import BalanceOpened, LineBooked
from core.reading import Decimals
from rails import custodian
from rails.custodian import webhooks
from rails.custodian.live import Custody, client, only_leading, only_reading
from rails.custodian.webhooks import Keys
from rails.dialect import Dialect
from tieout.deployment.file import Deployment, secret
from tieout.deployment.rail_terms import Unfit, free_name, listed, opened, published
from tieout.deployment.rails import CustodianPart, WebhooksPart, decimals
from tieout.journals.deployed import always
from tieout.journals.durable import Durable
from tieout.node.adopting import NotAdopted
from tieout.node.rails import Ask, RailWay
from tieout.node.webhooks import DAY, Keyring, Receiver
from tieout.node.webhooks import published as published_at

MS = 1_000_000
# How far back the record is known: for so long a webhook may come again if somebody asks for it.
KNOWN_NS = 30 * DAY
READS_MAX, PAUSE_S = 20, 0.5


async def custodian_ways(
    deployment: Deployment,
    folder: Path,
    stack: AsyncExitStack,
    *,
    reads_only: bool,
    leads: Callable[[], bool] = always,
    clock: Callable[[], int] = time.time_ns,
) -> list[RailWay]:
    """A way for each custodian, its webhooks' receiver listening; the stack closes all of it.

    Nothing is sent unless the node `leads`. Raises `NoSecret`, `Unfit`, or OSError where a port is
    taken.
    """
    ways = []
    for part in deployment.custodian:
        free_name("custodian", part.name)
        api = only_leading(_client(part, folder), leads)
        custody = Custody(only_reading(api) if reads_only else api)
        stack.push_async_callback(custody.close)
        keys, durable = _keys(part, folder), Durable()
        if part.webhooks is not None:
            keyring = Keyring(keys, await list_of(part.webhooks, part.ca, folder, stack))
            receiver = Receiver(keyring, custody, durable, clock, path=part.webhooks.path)
            stack.push_async_callback(receiver.stop)
            tls = _tls(part.name, part.webhooks, folder)
            await receiver.start(part.webhooks.host, part.webhooks.port, tls)
        ways.append(custodian_way(part, custody, keys, durable, clock))
    return ways


def custodian_way(
    part: CustodianPart, custody: Custody, keys: Keys, durable: Durable, clock: Callable[[], int]
) -> RailWay:
    """How its vault is reached; `durable` is told of each commit."""
    kept = {asset: decimals()[asset] for asset in part.assets}
    return RailWay(
        part.account,
        dialect(part, keys, kept),
        custody,
        (
            *listed(kept),
            opened(part.account, part.statement_s, part.poll_s, clock_error_ns=2 * MS),
            *published(part.schemes, part.account, clock()),
        ),
        lambda ask: opened_by_reads(part.account, ask, clock() - KNOWN_NS),
        committed=durable.kept,
    )


def dialect(part: CustodianPart, keys: Keys, kept: Decimals) -> Dialect:
    """Under its own name. What is kept there is read before the books are told of it."""
    told = custodian.dialect(kept, keys, part.vault)

    def decode(frame: Frame, known: Decimals) -> list[Event]:
        return told.decode(frame, {**kept, **known})

    return Dialect(part.name, told.request, decode, told.headers)


# --- keys -----------------------------------------------------------------------------------------


def _client(part: CustodianPart, folder: Path) -> Any:
    key, pem = secret(part.key, folder), secret(part.secret, folder)
    try:
        return client(part.url, key, pem, str(folder / part.ca) if part.ca else "")
    except ValueError:
        where = f"custodian {part.name}: secret: {part.secret}"
        raise Unfit(f"{where}: what is there is no private key in PEM; one would do") from None


def _keys(part: CustodianPart, folder: Path) -> Keys:
    """Those that we have from the beginning; more may be found where they are published."""
    if part.webhooks is None or part.webhooks.public_key is None:
        return webhooks.keys()
    path = folder / part.webhooks.public_key
    try:
        return webhooks.keys(path.read_bytes())
    except (OSError, ValueError) as error:
        where = f"custodian {part.name}: webhooks.public_key: {part.webhooks.public_key}"
        said = error.strerror if isinstance(error, OSError) else "no public RSA key in PEM"
        raise Unfit(f"{where}: {said}; the custodian's key would do") from None


async def list_of(part: WebhooksPart, ca: str | None, folder: Path, stack: AsyncExitStack) -> Any:
    """Reads the list of keys that they publish; None where the file names none."""
    if part.jwks is None:
        return None
    trust = ssl.create_default_context(cafile=str(folder / ca) if ca else None)
    session = await stack.enter_async_context(ClientSession(connector=TCPConnector(ssl=trust)))
    return published_at(session, part.jwks)


def _tls(name: str, part: WebhooksPart, folder: Path) -> ssl.SSLContext | None:
    if part.certificate is None or part.private_key is None:
        return None
    secret(part.private_key, folder)  # that nobody else can read it
    told = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    key = folder / part.private_key.removeprefix("file:")
    try:
        told.load_cert_chain(folder / part.certificate, key)
    except OSError:  # of which what OpenSSL says is one
        where = f"custodian {name}: webhooks.certificate: {part.certificate}"
        raise Unfit(f"{where}: no chain in PEM whose key that is; one would do") from None
    return told


# --- what stood there -----------------------------------------------------------------------------


class _NotYet(Exception):
    """Two reads do not say the same, or say nothing; the text has what was found."""


async def opened_by_reads(account: str, ask: Ask, known_from: int) -> Sequence[Event]:
    """What stood there, and what is known to be in it.

    Raises `NotAdopted` where it does not stand still, or cannot be read.
    """
    said = "nothing was asked"
    for _ in range(READS_MAX):
        try:
            return await _opened(account, ask, str(known_from // MS))
        except _NotYet as error:
            said = str(error)
        await asyncio.sleep(PAUSE_S)
    raise NotAdopted(f"{account}: no two reads of what stands there agree: {said}")


async def _opened(account: str, ask: Ask, after: str) -> Sequence[Event]:
    known, through = await _record(account, ask, after)
    first = await _balances(account, ask)
    more, still = await _record(account, ask, through)
    second = await _balances(account, ask)
    if still != through or not more.keys() <= known.keys():
        raise _NotYet("its record goes on")
    if first.rows != second.rows:
        raise _NotYet("its balances differ")
    opened = [
        BalanceOpened(
            received_at=0,
            frame=second.frame,
            account=account,
            asset=row.subject,
            amount=row.amount,
            customer="",
            occurred_at=second.asked_at,
        )
        for row in second.rows
        if row.amount
    ]
    cursor = PageReported(
        received_at=0, account=account, subject=LEDGER, through=through, more=False, asked_at=0
    )
    return [*opened, *known.values(), cursor]


async def _record(account: str, ask: Ask, after: str) -> tuple[dict[str, Event], str]:
    """Its lines to the end, as those that are covered, and where that is."""
    lines: dict[str, Event] = {}
    while True:
        told = await ask(FetchLedger(account=account, after=after), "")
        page = told[-1] if told else None
        if not isinstance(page, PageReported):
            raise _NotYet(f"its record cannot be read: {_reason(page)}")
        lines |= {
            each.line_id: replace(each, covered=True)
            for each in told
            if isinstance(each, LineBooked)
        }
        after = page.through
        if not page.more:
            return lines, after


async def _balances(account: str, ask: Ask) -> StatementReported:
    effect: Effect = FetchStatement(account=account, kind="balances")
    told = await ask(effect, "")
    if not told or not isinstance(told[0], StatementReported):
        raise _NotYet(f"its balances cannot be read: {_reason(told[0] if told else None)}")
    return told[0]


def _reason(told: Event | None) -> str:
    return str(getattr(told, "reason", "") or "nothing was said")
