"""Banks of a deployment as ways of a live node: files in a folder, or by SFTP.

Rule 1. Books begin with the balance that the file says, as of a moment of which all is in it: a
line that was booked before is known from then on, and moves nothing, whichever file brings it.
Rule 2. Where it only reads, nothing is laid before the bank, and nothing is moved there: it is
asked nothing, and the books go by what it tells of itself.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from core.events import Event, PageReported
from core.frames import Frame, OnAnswer
from core.listening import LEDGER
from core.rail_events import BalanceOpened, LineBooked
from core.reading import Decimals
from rails import bank, calendars
from rails.bank.folder import Folder, ReadFolder
from rails.bank.live import DONE, FROM_BANK, TO_BANK, ByFiles, Files, Pace
from rails.bank.sftp import Login, ReadSftp, Sftp
from rails.dialect import Dialect, Request
from rails.instructions.party import OurAccount
from tieout.deployment.file import Deployment, secret
from tieout.deployment.rail_terms import SECOND, Unfit, free_name, listed, opened, published
from tieout.deployment.rails import BankPart, SftpPart, decimals
from tieout.journals.deployed import always
from tieout.journals.durable import Durable
from tieout.node.connector import Transport
from tieout.node.rails import Ask, RailWay


async def bank_ways(
    deployment: Deployment,
    folder: Path,
    stack: AsyncExitStack,
    *,
    reads_only: bool,
    leads: Callable[[], bool] = always,
    clock: Callable[[], int] = time.time_ns,
) -> list[RailWay]:
    """A way for each bank; the stack closes what they hold.

    Nothing is laid before a bank unless the node `leads`. Raises `NoSecret` or `Unfit`.
    """
    ways = []
    for part in deployment.bank:
        free_name("bank", part.name)
        durable = Durable()
        pace = Pace(part.look_s, part.settle_s, part.answer_s)
        files = files_of(part, folder, reads_only=reads_only)
        by_files = ByFiles(files, clock, durable.wait, pace, leads)
        stack.push_async_callback(by_files.close)
        transport = Hears(by_files, part.answer_s) if reads_only else by_files
        ways.append(bank_way(part, transport, durable, clock))
    return ways


@dataclass(slots=True, frozen=True)
class Hears:
    """A bank that is only heard. A question is answered by nobody, and no sooner than by a bank
    that keeps silent: who asks again would ask all the time."""

    by_files: ByFiles
    answer_s: float

    def send(self, request: Request, on_answer: OnAnswer) -> None:
        said = b"not sent: this bank is only heard"
        asyncio.get_running_loop().call_later(self.answer_s, on_answer, 0, said)

    def open_stream(
        self,
        epoch: int,
        on_open: Callable[[], None],
        on_frame: Callable[[bytes], None],
        on_close: Callable[[str], None],
        on_beat: Callable[[], None],
    ) -> None:
        self.by_files.open_stream(epoch, on_open, on_frame, on_close, on_beat)


def bank_way(
    part: BankPart, transport: Transport[Request], durable: Durable, clock: Callable[[], int]
) -> RailWay:
    """How its account is reached; `durable` is told of each commit."""

    async def adopt(ask: Ask) -> Sequence[Event]:
        return opening(part)

    return RailWay(
        part.account,
        dialect(part),
        transport,
        (
            *listed({part.asset: decimals()[part.asset]}),
            opened(part.account, part.statement_s, part.poll_s, clock_error_ns=SECOND),
            *published(part.schemes, part.account, clock()),
        ),
        adopt,
        committed=durable.kept,
    )


def opening(part: BankPart) -> list[Event]:
    """What the file says, and where the record is read from, if it says that."""
    stood: Event = BalanceOpened(
        received_at=0,
        account=part.account,
        asset=part.asset,
        amount=part.units,
        customer="",
        occurred_at=part.as_of_ns,
    )
    cursor: Event = PageReported(
        received_at=0,
        account=part.account,
        subject=LEDGER,
        through=part.after,
        more=False,
        asked_at=0,
    )
    return [stood] * bool(part.units) + [cursor] * bool(part.after)


def dialect(part: BankPart) -> Dialect:
    """Under its own name; of each line it is said whether the opening covers it."""
    ours = OurAccount(
        part.holder,
        part.asset,
        decimals()[part.asset],
        calendars.SOURCES[part.calendar].zone,
        iban=part.iban,
        bic=part.bic,
        routing=part.routing,
        sort_code=part.sort_code,
        number=part.number,
        creditor_id=part.creditor_id,
        company_id=part.company_id,
        bank_name=part.bank_name,
    )
    told, as_of = bank.dialect(part.account, ours, {}), part.as_of_ns

    def decode(frame: Frame, known: Decimals) -> list[Event]:
        return [_dated(each, as_of) for each in told.decode(frame, known)]

    return told.read_by(decode, part.name)


def _dated(event: Event, as_of: int) -> Event:
    if isinstance(event, LineBooked) and event.booked_at < as_of:
        return replace(event, covered=True)
    return event


# --- where its files are --------------------------------------------------------------------------


def files_of(part: BankPart, folder: Path, *, reads_only: bool) -> Files:
    """The place that the file names; raises `NoSecret` or `Unfit`."""
    if part.sftp is not None:
        login = _login(part.name, part.sftp, folder)
        return ReadSftp(login) if reads_only else Sftp(login)
    root = folder / str(part.folder)
    for each in (FROM_BANK,) if reads_only else (TO_BANK, FROM_BANK, DONE):
        if not (root / each).is_dir():
            raise Unfit(f"bank {part.name}: folder: {part.folder} has no {each}; one would do")
    return ReadFolder(root) if reads_only else Folder(root)


def _login(name: str, part: SftpPart, folder: Path) -> Login:
    import asyncssh

    private_key = secret(part.private_key, folder)
    try:
        asyncssh.import_public_key(part.host_key)
    except asyncssh.KeyImportError:
        would_do = "ssh-ed25519 AAAA... would do"
        raise Unfit(f"bank {name}: sftp.host_key: no public key; {would_do}") from None
    try:
        asyncssh.import_private_key(private_key)
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError):
        where = f"bank {name}: sftp.private_key: {part.private_key}"
        raise Unfit(f"{where}: what is there is no private key without a pass word") from None
    return Login(part.host, part.port, part.user, part.host_key, private_key, part.root)
