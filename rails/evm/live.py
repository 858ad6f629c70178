"""The nodes of a chain, live: providers for web3.py over one session, and what each node can do.

Rule 1. What an answer said is handed on as it came; nothing that web3 makes of an answer reaches
the books. A request is sent once: where no answer comes its sender hears status 0, done or not, and
only the chain can say.
Rule 2. A request names its node. An answer comes from there: no redirect is followed.
Rule 3. No text that leaves here names a URL: its path may be a key.
Rule 4. Of a node that another one took over from nothing is sent: it is asked right before.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar

from core.frames import Headers
from rails.depth import kept_depth
from rails.dialect import Request
from rails.evm import read_only
from rails.evm.nodes import Nodes
from rails.evm.read_only import Forbidden
from rails.evm.wallet import RANGES

with kept_depth():
    from web3.providers.async_base import AsyncJSONBaseProvider
    from web3.types import RPCEndpoint

SECONDS_MAX = 10.0
ANSWER_BYTES_MAX = 64 << 20
CHUNK_BYTES = 1 << 16
JSON = {"content-type": "application/json"}


class BadUrl(ValueError):
    """A node cannot be asked at this address; the text says why, and does not have it."""


class TooLong(ClientError):
    """An answer goes on and on."""


class Provider(AsyncJSONBaseProvider):
    """A provider of web3's that can also be asked in bytes, and answers in bytes.

    Its session is the caller's. (Web3's own takes a lock in a thread for each request, and whoever
    is cancelled while he waits for it keeps it for ever.)
    """

    def __init__(self, url: str, session: ClientSession, seconds_max: float) -> None:
        super().__init__()
        self._url, self._session = checked(url), session
        self._timeout = ClientTimeout(total=seconds_max)

    async def raw(self, body: bytes) -> tuple[int, bytes, Headers]:
        """Status, body and headers; `ClientError` or `TimeoutError` where nothing came of it."""
        asked = self._session.post(
            self._url, data=body, headers=JSON, timeout=self._timeout, allow_redirects=False
        )
        async with asked as answer:
            told = bytearray()
            async for chunk in answer.content.iter_chunked(CHUNK_BYTES):
                told += chunk
                if len(told) > ANSWER_BYTES_MAX:
                    raise TooLong(f"an answer of more than {ANSWER_BYTES_MAX} bytes")
            return answer.status, bytes(told), tuple(answer.headers.items())

    async def make_request(self, method: RPCEndpoint, params: Any) -> Any:
        return await self._read(self.encode_rpc_request(method, params))

    async def make_batch_request(self, requests: list[tuple[RPCEndpoint, Any]]) -> Any:
        return await self._read(self.encode_batch_rpc_request(requests))

    async def _read(self, body: bytes) -> Any:
        status, told, _ = await self.raw(body)
        if status != 200:
            raise ClientError(f"HTTP {status}")
        return self.decode_rpc_response(told)


def checked(url: str) -> str:
    """The address of a node, if it is one; else `BadUrl`."""
    told = urlsplit(url)
    if told.scheme not in ("http", "https") or not told.hostname or told.username is not None:
        raise BadUrl("a node's address is http:// or https://, a host, and no user")
    if not url.isascii() or not url.isprintable() or " " in url:
        raise BadUrl("a node's address has a character that has to be quoted")
    return url


class EvmNodes(Nodes):
    """The nodes as a transport, and each as web3's provider."""

    def __init__(
        self,
        urls: Mapping[str, str],
        session: ClientSession,
        seconds_max: float = SECONDS_MAX,
        leads: Callable[[], bool] = lambda: True,
    ) -> None:
        """The session is the caller's to close."""
        super().__init__(self._answered)
        self._seconds_max, self._leads = seconds_max, leads
        self.providers = {name: Provider(url, session, seconds_max) for name, url in urls.items()}

    async def _answered(self, request: Request) -> tuple[int, bytes, Headers]:
        try:
            provider = self.providers[request.path.strip("/")]
            if not self._leads():
                raise Forbidden("another node leads")
            return await provider.raw(request.body)
        except Forbidden as error:
            return 0, f"not sent: {error}".encode(), ()
        except TimeoutError:
            return 0, f"no answer within {self._seconds_max:g} s".encode(), ()
        except (ClientError, OSError) as error:
            return 0, type(error).__name__.encode(), ()


def session(*, reads_only: bool) -> ClientSession:
    """A session for nodes: no cookie, no proxy of the environment, and no status that raises."""
    only = read_only.settings() if reads_only else {}
    return ClientSession(cookie_jar=DummyCookieJar(), raise_for_status=False, **only)


# --- what a node can do ---------------------------------------------------------------------------

DEPTHS = (4, 32, 64, 96, 120, 1024, 100_000)


@dataclass(slots=True, frozen=True)
class Capabilities:
    """What one node answered when it was tried. A number is -1 where there was no answer.

    `log_span` is how many blocks one call for logs may span, and `state_depth` how far behind the
    head a balance is still known, of those that were tried and that the chain is long enough for.
    """

    client: str
    chain_id: int
    latest: int
    safe: int
    finalized: int
    behind_s: int
    log_span: int
    state_depth: int
    final_state: bool
    receipts: bool
    batches: bool
    pool: bool

    def range_max(self) -> int:
        """Of how many blocks one request may read the logs: of all, where the chain is too short
        to show otherwise."""
        if self.latest < RANGES[-1] and 4 * self.log_span > self.latest:
            return RANGES[-1]
        return self.log_span

    def lacking(self, chain_id: int) -> list[str]:
        """What speaks against this node as one of the two that must agree, and what would do."""
        found = []
        if self.chain_id != chain_id:
            found.append(f"it is of chain {self.chain_id}; a node of chain {chain_id} would do")
        if self.finalized < 0:
            found.append("it does not say what is finalized; one that knows the tag would do")
        elif not self.final_state:
            found.append("it has no balances as of the final block; one that does would do")
        if not self.batches:
            found.append("it takes no batches; one that does would do")
        if not self.receipts:
            found.append("it has no eth_getBlockReceipts; one that has it would do")
        if self.log_span < 0:
            found.append(f"it gives no logs of {RANGES[0]} blocks; one that does would do")
        return found


async def probed(provider: Provider, now: Callable[[], float] = time.time) -> Capabilities:
    """Try what a node of ours has to do. Nothing that it is asked changes anything."""
    tell = _Teller(provider)
    latest = await tell.block("latest")
    head = int(latest["number"], 16) if latest else -1
    depths = [each for each in DEPTHS if each <= head]
    spans = [each for each in RANGES if each <= head + 1] or [head + 1]
    return Capabilities(
        client=str(await tell.result("web3_clientVersion", [])),
        chain_id=await tell.quantity("eth_chainId", []),
        latest=head,
        safe=_number(await tell.block("safe")),
        finalized=_number(await tell.block("finalized")),
        behind_s=int(now()) - int(latest["timestamp"], 16) if latest else -1,
        log_span=await tell.most(spans, lambda span: ("eth_getLogs", [_logs(head, span)])),
        state_depth=await tell.most(depths, lambda deep: ("eth_getBalance", _at(head - deep))),
        final_state=await tell.quantity("eth_getBalance", ["0x" + "00" * 20, "finalized"]) >= 0,
        receipts=isinstance(await tell.result("eth_getBlockReceipts", [hex(max(head, 0))]), list),
        batches=await tell.batches(),
        pool=isinstance(await tell.result("txpool_status", []), dict),
    )


def _number(block: dict[str, Any] | None) -> int:
    return int(block["number"], 16) if block else -1


def _logs(head: int, span: int) -> dict[str, str]:
    return {"fromBlock": hex(head - span + 1), "toBlock": hex(head), "address": "0x" + "00" * 20}


def _at(number: int) -> list[str]:
    return ["0x" + "00" * 20, hex(number)]


@dataclass(slots=True, frozen=True)
class _Teller:
    """A node as web3's provider reads it, where what cannot be had is None."""

    provider: Provider

    async def result(self, method: str, params: list[Any]) -> Any:
        try:
            told = await self.provider.make_request(RPCEndpoint(method), params)
        except (ClientError, OSError, TimeoutError, ValueError):
            return None
        return told.get("result") if isinstance(told, dict) else None

    async def block(self, tag: str) -> dict[str, Any] | None:
        told = await self.result("eth_getBlockByNumber", [tag, False])
        return told if isinstance(told, dict) else None

    async def quantity(self, method: str, params: list[Any]) -> int:
        told = await self.result(method, params)
        return int(told, 16) if isinstance(told, str) else -1

    async def most(self, tried: list[int], asks: Callable[[int], tuple[str, list[Any]]]) -> int:
        """The last of these that is answered, all before it being answered too."""
        found = -1
        for each in tried:
            if await self.result(*asks(each)) is None:
                break
            found = each
        return found

    async def batches(self) -> bool:
        calls = [(RPCEndpoint(each), list[Any]()) for each in ("eth_chainId", "eth_blockNumber")]
        try:
            told = await self.provider.make_batch_request(calls)
        except (ClientError, OSError, TimeoutError, ValueError, KeyError, TypeError):
            return False
        return isinstance(told, list) and len(told) == len(calls)
