"""A bank's live twin: files, in and out, through a watched folder or by SFTP.

    to_bank/    what we ask: a file each, written as `.NAME.part` and renamed when it is whole
    from_bank/  what the bank tells: `NAME.STATUS` answers our NAME, anything else it told unasked
    done/       what we have read, once the journal is durable

A question without a file of its own is one line, `GET /path?query`, in `ask-….ask`. What instructs
bears its own hash in its name: the same bytes are the same file, however often they are sent. Any
other file has a name that is used once, so that no old answer is taken for one to it.

Rule 1. A file is read when it is whole: it has no temporary name, and its size and time stood still
for `settle_s`, before the reading and after. One that changes after it was read is read again.
Rule 2. What was read is told before anything is done about it, and put away only once that is
durable. What is put away is read once more: if it changed under our hands, it is told again.
Rule 3. The names and times of files order nothing, and the same bytes under another name are told
again: whether that is an echo, the books know.
Rule 4. An upload that broke off as it was renamed is looked for. Its file there, with its hash, is
sent; its temporary name removed by us is not, and cannot become so. Else its outcome is unknown,
and only the bank's answer tells.
Rule 5. Of a node that another one took over from nothing is laid before the bank: it is asked right
before it writes, and once more before what is whole gets its name.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlencode

from core.frames import OnAnswer
from rails.dialect import Request

TO_BANK, FROM_BANK, DONE = "to_bank", "from_bank", "done"
INSTRUCTS = "payments"
TEMPORARY = (".part", ".tmp", ".filepart", ".writing")
LATER_S = 0.05
FILES_AT_ONCE = 8


class Forbidden(RuntimeError):
    """Something was to be written where we only read; the text names it without its content."""


class Lost(OSError):
    """The place of the files cannot be reached, or broke off while it was used."""


class NotSent(RuntimeError):
    """The bank has nothing of it, and cannot come to have it."""


class Unknown(RuntimeError):
    """The bank may have it, and may have taken it away."""


class Stamp(NamedTuple):
    """By which a file is known to have changed."""

    size: int
    at_ns: int


class Files(Protocol):
    """The place where the files are; every call raises `Lost` where it cannot be reached, and all
    but reads `Forbidden` where we only read."""

    @property
    def reads_only(self) -> bool: ...

    async def list(self, folder: str) -> dict[str, Stamp]:
        """The files of a folder."""

    async def stat(self, path: str) -> Stamp | None:
        """None where there is no such file."""

    async def read(self, path: str, bytes_max: int) -> bytes | None:
        """At most so many bytes; None where there is no such file."""

    async def write(self, path: str, body: bytes) -> None:
        """Write a new file, or write it anew, and let it be durable."""

    async def rename(self, path: str, to: str) -> bool:
        """At once and whole; False where there is no such file, or one has the other name."""

    async def remove(self, path: str) -> bool:
        """False where there is no such file."""

    async def close(self) -> None: ...


@dataclass(slots=True, frozen=True)
class Pace:
    """How often we look and how long we wait. `settle_s` is to be longer than the grain of the
    place's times, which is a second by SFTP's older versions."""

    look_s: float = 5.0
    settle_s: float = 2.0
    answer_s: float = 900.0
    durable_s: float = 30.0
    beat_s: float = 60.0
    bytes_max: int = 64 * 1024 * 1024


@dataclass(slots=True)
class Waiting:
    """A file of ours that is to be answered."""

    on_answer: OnAnswer
    until: float


@dataclass(slots=True)
class Ears:
    """Who hears the stream of one epoch."""

    on_open: Callable[[], None]
    on_frame: Callable[[bytes], None]
    on_close: Callable[[str], None]
    on_beat: Callable[[], None]
    open: bool = False
    beat_at: float = 0.0


@dataclass(slots=True)
class ByFiles:
    """One account's way to its bank and back. `durable` waits, so many seconds at most, until what
    was told is durable; it raises TimeoutError."""

    files: Files
    clock: Callable[[], int]
    durable: Callable[[float], Awaitable[None]]
    pace: Pace = field(default_factory=Pace)
    leads: Callable[[], bool] = lambda: True
    counts: dict[str, int] = field(default_factory=dict)
    _waiting: dict[str, list[Waiting]] = field(default_factory=dict)
    _seen: dict[str, Stamp] = field(default_factory=dict)
    _settling: dict[str, tuple[Stamp, float]] = field(default_factory=dict)
    _asked: int = 0
    _ears: Ears | None = None
    _looking: "asyncio.Task[None] | None" = None
    _tasks: set["asyncio.Task[None]"] = field(default_factory=set)
    _laying: set[str] = field(default_factory=set)
    # Apart: what we ask, however much that is, keeps nobody from reading what the bank tells.
    _reading: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(FILES_AT_ONCE))
    _writing: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(FILES_AT_ONCE))

    # --- out -------------------------------------------------------------------------------------

    def send(self, request: Request, on_answer: OnAnswer) -> None:
        """Lay the request before the bank, once; the answer comes later, whatever becomes of it."""
        self._spawn(self._send(request, on_answer))

    async def _send(self, request: Request, on_answer: OnAnswer) -> None:
        name, body = self._written(request)
        waiting = Waiting(on_answer, time.monotonic() + self.pace.answer_s)
        self._waiting.setdefault(name, []).append(waiting)
        # Not where we look: at a place that cannot be reached nobody looks, and this is told, too.
        asyncio.get_running_loop().call_later(self.pace.answer_s + LATER_S, self._give_up)
        if name in self._laying:
            return  # the same bytes are being laid there: one file, and its answer is to both
        self._laying.add(name)
        try:
            async with self._writing:
                await self._upload(name, body)
        except (Forbidden, NotSent) as error:
            self._answer(name, 0, f"not sent: {error}".encode())
        except (Lost, Unknown):
            self._count("uploads left to the bank's answer")
        finally:
            self._laying.discard(name)

    def _written(self, request: Request) -> tuple[str, bytes]:
        """The file of a request, and its name: of its own, unless it instructs."""
        self._asked += 1
        own = f"{self.clock():020d}{self._asked:06d}"
        if request.method == "GET":
            query = f"?{urlencode(request.params)}" if request.params else ""
            return f"ask-{own}.ask", f"GET {request.path}{query}\n".encode()
        kind = request.path.rpartition("/")[2]
        if kind == INSTRUCTS:
            own = sha256(request.body).hexdigest()[:32]
        end = "ach" if request.headers.get("Content-Type") == "text/plain" else "xml"
        return f"{kind}-{own}.{end}", request.body

    async def _upload(self, name: str, body: bytes) -> None:
        """It is there, whole; else `NotSent`, or `Unknown` where nobody can tell."""
        path, part = f"{TO_BANK}/{name}", f"{TO_BANK}/.{name}.part"
        try:
            if await self._is_there(path, body):
                return
            self._must_lead()
            await self.files.write(part, body)
            stamp = await self.files.stat(part)
        except Lost as error:
            self._count("uploads broken off")
            with suppress(Lost):
                await self.files.remove(part)
            raise NotSent(f"it broke off before it was whole: {error}") from None
        if stamp is None or stamp.size != len(body):
            raise NotSent(f"{name} was written and is not there")
        self._must_lead()
        try:
            done = await self.files.rename(part, path)
        except Lost:
            self._count("uploads of unknown outcome")
            await self._look_for(path, part, body)
        else:
            if not done and not await self._is_there(path, body):
                raise NotSent(f"{name} could not be renamed")

    def _must_lead(self) -> None:
        """Rule 5. What was written stays: who leads now may be writing it, too."""
        if not self.leads():
            raise NotSent("another node leads")

    async def _look_for(self, path: str, part: str, body: bytes) -> None:
        """Rule 4: until it can be looked up, or the bank's time to answer is over."""
        until = time.monotonic() + self.pace.answer_s
        while time.monotonic() < until:
            with suppress(Lost):
                if await self._is_there(path, body):
                    self._count("uploads found there")
                    return
                if await self.files.remove(part):
                    self._count("uploads taken back")
                    raise NotSent("it broke off, and was taken back")
                if not await self._is_there(path, body):
                    raise Unknown("neither its file nor its part is there")
            await asyncio.sleep(self.pace.look_s)

    async def _is_there(self, path: str, body: bytes) -> bool:
        """Whether the file is there, by its hash; `NotSent` where another one has its name."""
        stamp = await self.files.stat(path)
        if stamp is None:
            return False
        found = await self.files.read(path, len(body) + 1)
        if found is not None and sha256(found).digest() != sha256(body).digest():
            raise NotSent("another file has its name")
        return found is not None

    def _answer(self, name: str, status: int, body: bytes) -> None:
        for each in self._waiting.pop(name, ()):
            each.on_answer(status, body)

    # --- in --------------------------------------------------------------------------------------

    def open_stream(
        self,
        epoch: int,
        on_open: Callable[[], None],
        on_frame: Callable[[bytes], None],
        on_close: Callable[[str], None],
        on_beat: Callable[[], None],
    ) -> None:
        """Look at what the bank tells from now on; who looked before looks no more."""
        if self._looking is not None:
            self._looking.cancel()
        ears = self._ears = Ears(on_open, on_frame, on_close, on_beat)
        self._looking = self._spawn(self._look_on(ears))

    async def _look_on(self, ears: Ears) -> None:
        while True:
            try:
                await self._look(ears)
            except Lost as error:
                self._end(ears, str(error) or type(error).__name__)
                return
            except TimeoutError:
                self._end(ears, "the journal is not durable")
                return
            await asyncio.sleep(self.pace.look_s)

    def _end(self, ears: Ears, reason: str) -> None:
        if self._ears is ears:
            self._ears = None
            ears.on_close(reason)

    async def _look(self, ears: Ears) -> None:
        """Once through all that is there."""
        found = await self.files.list(FROM_BANK)
        self._beat(ears)
        self._forget(found)
        ripe = [name for name, stamp in found.items() if self._is_ripe(name, stamp)]
        taken = (self._take(ears, name, found[name]) for name in ripe)
        for ended in await asyncio.gather(*taken, return_exceptions=True):
            if isinstance(ended, BaseException):
                raise ended

    async def _take(self, ears: Ears, name: str, stamp: Stamp) -> None:
        """Read one file, tell it, and put it away."""
        async with self._reading:
            body = await self._told(ears, name, stamp)
            if body is not None:
                await self.durable(self.pace.durable_s)  # at once: a commit is waited for, not any
                await self._put_away(ears, name, body)

    def _beat(self, ears: Ears) -> None:
        now = time.monotonic()
        if not ears.open:
            ears.open, ears.beat_at = True, now
            ears.on_open()
        elif now >= ears.beat_at + self.pace.beat_s:
            ears.beat_at = now
            ears.on_beat()

    def _forget(self, found: dict[str, Stamp]) -> None:
        """What is gone may come again, as another file."""
        for known in (self._seen, self._settling):
            for name in [each for each in known if each not in found]:
                del known[name]

    def _is_ripe(self, name: str, stamp: Stamp) -> bool:
        """Rule 1: whole, and not read yet as it stands."""
        if name.startswith(".") or name.endswith(TEMPORARY) or self._seen.get(name) == stamp:
            return False
        now = time.monotonic()
        before = self._settling.get(name)
        if before is None or before[0] != stamp:
            self._settling[name] = stamp, now
            return False
        return now >= before[1] + self.pace.settle_s

    async def _told(self, ears: Ears, name: str, stamp: Stamp) -> bytes | None:
        """Read and tell a file; None where it was gone, or changed meanwhile."""
        path = f"{FROM_BANK}/{name}"
        if stamp.size > self.pace.bytes_max:
            body = b""
            ears.on_frame(f"{stamp.size} bytes in {name}: too large to be read".encode())
        else:
            found = await self.files.read(path, self.pace.bytes_max)
            after = await self.files.stat(path)
            if found is None or after != stamp or len(found) != stamp.size:
                self._count("files that changed as they were read")
                self._settling.pop(name, None)
                return None
            body = found
            self._tell(ears, name, body)
        if name in self._seen:
            self._count("files that changed after they were read")
        self._seen[name] = stamp
        self._settling.pop(name, None)
        return body

    def _tell(self, ears: Ears, name: str, body: bytes) -> None:
        asked, _, status = name.rpartition(".")
        if not (status.isdigit() and len(status) == 3):
            self._count("documents")
            ears.on_frame(body)
        elif asked in self._waiting:
            self._count("answers")
            self._answer(asked, int(status), body)
        else:
            self._count("answers to nobody")

    async def _put_away(self, ears: Ears, name: str, body: bytes) -> None:
        """Rule 2; where we only read, all stays as it is, and is told anew after a restart."""
        if self.files.reads_only:
            return
        away = f"{DONE}/{self.clock():020d}-{sha256(body).hexdigest()[:8]}-{name}"
        if not await self.files.rename(f"{FROM_BANK}/{name}", away):
            return  # it disappeared, or stays: we know it
        self._seen.pop(name, None)
        found = await self.files.read(away, self.pace.bytes_max) if body else None
        if found is not None and found != body:
            self._count("files that changed as they were put away")
            self._tell(ears, name, found)
            await self.durable(self.pace.durable_s)

    def _give_up(self) -> None:
        """Who waited long enough is told that no answer came."""
        now = time.monotonic()
        for name, waiting in list(self._waiting.items()):
            late = [each for each in waiting if each.until <= now]
            waiting[:] = [each for each in waiting if each.until > now]
            if not waiting:
                del self._waiting[name]
            for each in late:
                each.on_answer(0, b"no answer in time")

    # --- tasks -----------------------------------------------------------------------------------

    def _count(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1

    def _spawn(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def close(self) -> None:
        """Nothing of it is left running."""
        self._ears = None
        self._waiting.clear()
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        with suppress(OSError):
            await self.files.close()
