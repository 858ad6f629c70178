"""Custodians and banks in a deployment's file, over the served other ends: the books are theirs."""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

pytest.importorskip("fireblocks", reason="the extra `live` is not installed")
pytest.importorskip("asyncssh", reason="the extra `live` is not installed")

import asyncssh
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from core.effects import Effect, FetchLedger
from core.events import Event, PageReported, StatementReported, StatementRow
from core.rail_effects import SendPayment
from core.rail_events import BalanceOpened, LineBooked
from rails.custodian import signing
from rails.custodian.served import Gateway
from tests.desk import scenario, within
from tests.live_chain import free_port
from tests.settling import BANK, Books
from tests.sftp_server import Server
from tieout.claims.view import View
from tieout.cli import main
from tieout.deployment import custodian_ways
from tieout.deployment.bank_ways import bank_ways
from tieout.deployment.custodian_ways import opened_by_reads
from tieout.deployment.file import load
from tieout.exits import BAD_INPUT
from tieout.journals.sqlite_store import SqliteStore
from tieout.live import LiveNode
from tieout.node.adopting import NotAdopted
from tieout.wire.bank import BankDesk
from tieout.wire.custodian import CustodianServer
from tieout.wire.desk import DeskWorld

FULL = bool(os.environ.get("TIEOUT_FULL"))
SECOND = 1_000_000_000
# Whoever waits for longer waits for what never comes.
PATIENCE_S = 600.0
# People pay so often that something is always under way; at the second speed they pause for longer
# than a payment is.
BUSY, CALM = 14_400, 1_440
KEY = "an-api-user"
PRIVATE = rsa.generate_private_key(65537, 2048)
PEM = PRIVATE.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
HOST_KEY = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().strip()
PLANTED = "a-planted-secret"

CUSTODIAN = """
[[custodian]]
name = "custody"
key = "env:CUSTODY_KEY"
secret = "file:custody.pem"
url = "{url}"
assets = ["ETH", "USDC", "BTC"]
poll_s = 1
statement_s = 1
webhooks = {{port = {port}, public_key = "theirs.pem", jwks = "{url}/.well-known/jwks.json"}}
"""
EUROS = """
[[bank]]
name = "euros"
calendar = "target"
asset = "EUR"
holder = "Tieout"
iban = "DE02120300000000202051"
bic = "BYLADEM1001"
number = "0000202051"
schemes = ["sepa_sct", "received_eur"]
balance = "{balance}"
as_of = {as_of}
look_s = 0.02
settle_s = 0.06
poll_s = 1
statement_s = 1
{place}
"""
SFTP = (
    'sftp = {{host = "127.0.0.1", port = {port}, user = "tieout", root = "/",'
    ' host_key = "{host_key}", private_key = "file:bank.key"}}'
)
PLACES = [("sftp", "live"), ("folder", "shadow")]
PLACES += [("folder", "live"), ("sftp", "shadow")] * FULL
OURS = {
    "custody/vault/ETH": "custodian/vault/ETH",
    "custody/vault/USDC": "custodian/vault/USDC",
    "custody/vault/BTC": "custodian/vault/BTC",
    "euros/main/EUR": "bank_eu/ops/EUR",
}


def written(folder: Path, **told: object) -> Path:
    """The file, its secrets, and what is public of the custodian."""
    fields = {"url": "http://127.0.0.1:9", "port": free_port(), "poll_s": 1, **told}
    fields = {
        "balance": "1000.00",
        "as_of": "2023-11-14T22:13:20Z",
        "place": 'folder = "files"',
        **fields,
    }
    path = folder / "desk.toml"
    head = 'name = "desk"\njournal = "desk.db"\nlimits = "none"\nalerts = "none"\n'
    path.write_text(head + CUSTODIAN.format(**fields) + EUROS.format(**fields))
    (folder / "theirs.pem").write_bytes(signing.public_pem())
    for name, text in (("custody.pem", PEM), ("bank.key", str(told.get("bank_key", "")))):
        (folder / name).write_text(text)
        (folder / name).chmod(0o600)
    return path


class Keepers:
    """A custodian and a bank behind sockets and files, and time that passes there."""

    def __init__(self, folder: Path) -> None:
        rails = [
            {"name": "custodian", "outsiders_every_s": 7200},
            {"name": "bank_eu", "outsiders_every_s": 7200},
        ]
        legs = [{"kind": "out", "asset": "EUR", "scheme": "sepa_sct"}]
        told = scenario(rails, [{"flow": "out", "legs": legs}], 2000, every_s=10**7)
        self.world = DeskWorld(told, 3, speed=BUSY)
        self.root = folder / "files"
        self.custody = self.world.site("custodian")
        self.gateway = Gateway(KEY, PRIVATE.public_key(), time.time)
        self.served = CustodianServer(self.world, self.custody, self.gateway)
        self.desk = BankDesk(self.world, self.world.site("bank_eu"), self.root)
        self.sftp = Server(self.root)

    async def start(self) -> None:
        await self.served.start()
        await self.sftp.start()
        self.world.simulation.begin()
        self.desk.start()
        self._pacing = asyncio.create_task(self.world.pace())

    async def stop(self) -> None:
        self._pacing.cancel()
        await self.desk.stop()
        await self.served.stop()
        await self.sftp.stop()

    def reached(self) -> int:
        """How many instructions came to be there."""
        return self.served.asked["POST"] + self.desk.did["taken"]

    def written(self, folder: Path, *, by: str) -> Path:
        login = self.sftp.login()
        place = 'folder = "files"'
        if by == "sftp":
            place = SFTP.format(port=self.sftp.port, host_key=login.host_key)
        at = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=self.world.now() // 1000 + 1)
        path = written(
            folder,
            url=f"http://127.0.0.1:{self.served.port}",
            port=(port := free_port()),
            as_of=at.isoformat(),
            balance=str(self.world.truth()["bank_eu/ops/EUR/cash"]),
            place=place,
            bank_key=login.private_key,
        )
        self.served.tell(f"http://127.0.0.1:{port}/webhooks/custodian")
        return path


@asynccontextmanager
async def living(keepers: Keepers, path: Path, *, reads_only: bool) -> AsyncIterator[LiveNode]:
    """The deployment's node, by the keepers' clock."""
    told, clock = load(path), keepers.world.now
    async with AsyncExitStack() as stack:
        store = SqliteStore(path.parent / "desk.db")
        stack.callback(store.close)
        custodians = await custodian_ways.custodian_ways(
            told, path.parent, stack, reads_only=reads_only, clock=clock
        )
        banks = await bank_ways(told, path.parent, stack, reads_only=reads_only, clock=clock)
        node = LiveNode("desk", store, [], rails=[*custodians, *banks], clock=clock)
        running = asyncio.create_task(node.run())
        yield node
        if running.done():
            running.result()
        running.cancel()
        await asyncio.wait([running])


def differences(keepers: Keepers, node: LiveNode) -> dict[str, tuple[Decimal, Decimal]]:
    """Each holding whose truth is not what our books say, with both."""
    view, truth = View(node.node.state, node.store), keepers.world.truth()
    found = {
        ours: (truth[f"{theirs}/cash"], view.figure(f"{ours}/cash"))
        for ours, theirs in OURS.items()
    }
    return {name: both for name, both in found.items() if both[0] != both[1]}


async def until(ends: Callable[[], bool]) -> bool:
    by = time.monotonic() + PATIENCE_S
    while time.monotonic() < by and not ends():
        await asyncio.sleep(0.02)
    return ends()


async def grown(keepers: Keepers) -> None:
    """Until both have told of something that stood there before any books of ours."""
    first = dict(keepers.world.truth())
    held = ("bank_eu/ops/EUR/cash", "custodian/vault/ETH/cash")
    assert await until(lambda: all(keepers.world.truth()[each] != first[each] for each in held))


def counted(node: LiveNode, what: str) -> int:
    """Of the account of which less was counted."""
    counts = node.node.state.counts
    return min(counts.get(f"{what}/{each}", 0) for each in ("custody/vault", "euros/main"))


@pytest.mark.parametrize(("by", "mode"), PLACES)
def test_the_books_of_a_deployment_are_its_keepers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str, mode: str
) -> None:
    """What came before is in the openings, and what people pay in meanwhile comes once, in two
    lives; a shadow asks the bank nothing and moves nothing there."""
    monkeypatch.setenv("CUSTODY_KEY", KEY)
    reads_only = mode == "shadow"

    async def play() -> None:
        keepers = Keepers(tmp_path)
        await keepers.start()
        await grown(keepers)
        path = keepers.written(tmp_path, by=by)
        for life in (1, 2):
            async with living(keepers, path, reads_only=reads_only) as node:

                def moved(node: LiveNode = node, times: int = life) -> bool:
                    return counted(node, "lines_booked") > times

                def agrees(node: LiveNode = node) -> bool:
                    return not differences(keepers, node)

                told = node.node.state.counts
                keepers.world.speed = BUSY
                assert await until(moved), told
                keepers.world.speed = CALM
                assert await until(agrees), differences(keepers, node)
                assert not node.node.state.breaks
                assert told["lines_covered/euros/main"], "its files told of what came before"
                assert told["lines_covered/custody/vault"], "and so did the custodian's record"
        assert keepers.served.posted[200] >= 1, "webhooks were heard"
        if reads_only:
            assert keepers.served.asked.keys() <= {"GET", "keys"}
            assert keepers.desk.did["taken"] == 0
            assert not list((keepers.root / "done").iterdir())
            assert not keepers.sftp.did.keys() & {"rename", "remove", "open to write"}
        await keepers.stop()

    within(5 * PATIENCE_S, play())


def pay(account: str, now: int) -> SendPayment:
    scheme, asset, to = PAY[account]
    return SendPayment(
        account=account,
        scheme=scheme,
        payment_id="p1",
        kind="out",
        asset=asset,
        amount=1000,
        beneficiary=to,
        beneficiary_name="Somebody",
        sent_at=now,
    )


PAY = {
    "custody/vault": ("custodian", "USDC", "0x" + "11" * 20),
    "euros/main": ("sepa_sct", "EUR", "DE89370400440532013000"),
}


@pytest.mark.parametrize(
    ("mode", "leads", "said"),
    [
        ("shadow", True, "not sent: (POST /v1/transactions: this client can|this bank is) only"),
        ("live", False, "not sent: another node leads"),
        ("live", True, ""),
    ],
)
def test_what_must_not_get_out_does_not(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    mode: str,
    leads: bool,  # noqa: FBT001  # one case, and another
    said: str,
) -> None:
    """Of a shadow, and of a node that another one took over from; else it does."""
    monkeypatch.setenv("CUSTODY_KEY", KEY)

    async def play() -> None:
        keepers, heard = Keepers(tmp_path), list[bytes]()
        await keepers.start()
        path = keepers.written(tmp_path, by="folder")
        path.write_text(path.read_text().replace("look_s", "answer_s = 0.3\nlook_s"))
        told, reads_only = load(path), mode == "shadow"
        async with AsyncExitStack() as stack:
            for made in (custodian_ways.custodian_ways, bank_ways):
                (way,) = await made(
                    told, tmp_path, stack, reads_only=reads_only, leads=lambda: leads
                )
                request = way.dialect.request(pay(way.account, keepers.world.now()))
                way.transport.send(request, lambda _, body, __=(): heard.append(body))
            assert await until(lambda: len(heard) == 2)
            # Of a bank that is silent its answer is told as none, perhaps before the file is there.
            assert await until(lambda: keepers.reached() == (0 if said else 2)), heard
        assert all(re.match(said, each.decode()) for each in heard), heard
        await keepers.stop()

    within(2 * PATIENCE_S, play())


# --- what stood there -----------------------------------------------------------------------------


class Vault:
    """A custodian that is asked. A deposit comes right before it says its balances, at those times
    of the saying that are told."""

    def __init__(self, comes: Collection[int]) -> None:
        self.lines = {f"old-{n}": n for n in range(1, 4)}
        self.total, self.comes, self.said = 6, comes, 0

    async def ask(self, effect: Effect, at: str = "") -> list[Event]:
        if not isinstance(effect, FetchLedger):
            return [self._balances()]
        later = [(name, at) for name, at in self.lines.items() if at >= int(effect.after)][:2]
        through = max([int(effect.after), *(at for _, at in later)])
        more = through < max(self.lines.values())
        page = PageReported(
            received_at=0,
            account=ACCOUNT,
            subject="ledger",
            through=str(through),
            more=more,
            asked_at=0,
        )
        return [*(line(name, at) for name, at in later), page]

    def _balances(self) -> Event:
        self.said += 1
        if self.said in self.comes:
            number = len(self.lines) + 1
            self.lines[f"new-{number}"] = number
            self.total += number
        rows = (StatementRow("USDC", "cash", self.total), StatementRow("ETH", "cash", 0))
        return StatementReported(
            received_at=0, account=ACCOUNT, kind="balances", rows=rows, asked_at=7
        )


ACCOUNT = "custody/vault"


def line(name: str, amount: int) -> LineBooked:
    return LineBooked(
        received_at=0,
        account=ACCOUNT,
        line_id=name,
        asset="USDC",
        amount=amount,
        booked_at=0,
    )


@pytest.mark.parametrize("comes", [(), (1,), (2,), (1, 4, 5)])
def test_books_begin_with_what_two_reads_agree_on(
    monkeypatch: pytest.MonkeyPatch, comes: tuple[int, ...]
) -> None:
    """What the record tells until then is known to be in it, page by page."""
    monkeypatch.setattr(custodian_ways, "PAUSE_S", 0.0)
    vault = Vault(comes)
    told = asyncio.run(_all(opened_by_reads(ACCOUNT, vault.ask, 0)))
    opening, *lines, cursor = told
    assert isinstance(opening, BalanceOpened)
    assert (opening.asset, opening.amount, opening.occurred_at) == ("USDC", vault.total, 7)
    assert opening.amount == sum(vault.lines.values())
    assert {each.line_id for each in lines if isinstance(each, LineBooked)} == vault.lines.keys()
    assert all(isinstance(each, LineBooked) and each.covered for each in lines)
    assert isinstance(cursor, PageReported)
    assert (cursor.through, cursor.more) == (str(len(vault.lines)), False)


async def _all(story: Awaitable[Sequence[Event]]) -> Sequence[Event]:
    return await story


def test_books_do_not_begin_where_nothing_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(custodian_ways, "PAUSE_S", 0.0)
    monkeypatch.setattr(custodian_ways, "READS_MAX", 4)
    vault = Vault(range(100))
    with pytest.raises(NotAdopted, match=r"custody/vault: no two reads .* agree: its record goes"):
        asyncio.run(_all(opened_by_reads(ACCOUNT, vault.ask, 0)))


def test_a_line_that_the_opening_covers_moves_nothing_however_often_it_comes() -> None:
    """Not as it is told at the opening, nor by a webhook or a file that comes later."""
    books = Books(alice=100)
    covered = replace(line("old", 40), account=BANK, asset="USD", covered=True)
    for each in (covered, replace(covered, covered=False), covered):
        books.take(each)
    assert books.balance(f"nostro/{BANK}/USD") == 100
    assert books.state.counts[f"lines_covered/{BANK}"] == 1
    assert books.state.counts[f"lines_echo/{BANK}"] == 2
    assert not books.state.settlement.items
    books.line("new", 40)
    assert books.balance(f"nostro/{BANK}/USD") == 140


# --- what is wrong --------------------------------------------------------------------------------

FILE = "desk.toml: "
AT_LOAD = [
    ('"env:CUSTODY_KEY"', f'"{PLANTED}"', "custodian.0.key: "),
    ('"file:custody.pem"', f'"{PLANTED}"', "custodian.0.secret: "),
    ('"ETH", "USDC"', '"ETH", "DOGE"', "custodian.0.assets: nobody knows the decimals of DOGE"),
    ('assets = ["ETH", "USDC", "BTC"]', 'assets = ["ETH"]', "custodian.0: schemes: found 'custod"),
    ("http://127.0.0.1:9", f"http://me:{PLANTED}@there", "custodian.0.url: "),
    ('public_key = "theirs.pem", jwks = "http', 'path = "http', "custodian.0.webhooks"),
    ('calendar = "target"', 'calendar = "moon"', "bank.0.calendar: found 'moon'"),
    ('"1000.00"', '"1000.001"', "bank.0: balance: "),
    ("T22:13:20Z", "T22:13:20", "bank.0.as_of: "),
    ('"sepa_sct"', '"fedwire"', "bank.0: schemes: found 'fedwire', not of what it keeps; sepa_sct"),
    ('"sepa_sct"', '"sepa_sctt"', "bank.0.schemes.0: found 'sepa_sctt': no such scheme; did you"),
    ('"sepa_sct"', '"sdd_core"', "bank.0: schemes: found 'sdd_core': this file has no mandates"),
    ('folder = "files"', "", "bank.0: where its files are: folder or sftp"),
    ('name = "euros"', 'name = "custody"', "the whole: a chain or a keeper stands twice"),
]
AT_START = [
    ("file:custody.pem", "file:theirs.pem", "custodian custody: secret: file:theirs.pem"),
    ('public_key = "theirs.pem"', 'public_key = "custody.pem"', "custody: webhooks.public_key"),
    ("env:CUSTODY_KEY", "env:NO_SUCH_KEY", "env:NO_SUCH_KEY: the environment has no such"),
    ('name = "custody"', 'name = "coinbase"', "custodian coinbase: something else has that name"),
    ('folder = "files"', 'folder = "nowhere"', "bank euros: folder: nowhere has no from_bank"),
    (
        'folder = "files"',
        SFTP.format(port=9, host_key="none"),
        "bank euros: sftp.host_key: no public key",
    ),
    (
        'folder = "files"',
        SFTP.format(port=9, host_key=HOST_KEY),
        "bank euros: sftp.private_key: file:bank.key: what is there is no private key",
    ),
]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [*((old, new, FILE + said) for old, new, said in AT_LOAD), *AT_START],
)
def test_what_is_wrong_of_a_keeper_is_said_and_no_secret_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, said: str
) -> None:
    monkeypatch.setenv("CUSTODY_KEY", PLANTED)
    path = written(tmp_path, bank_key=PLANTED)
    (tmp_path / "files" / "from_bank").mkdir(parents=True)
    (tmp_path / "theirs.pem").chmod(0o600)
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    told = CliRunner().invoke(main, ["live", str(path), "--seconds", "1"])
    assert told.exit_code == BAD_INPUT, told.output
    assert said in told.output
    assert PLANTED not in told.output
    assert PEM.splitlines()[1] not in told.output
