"""The custodian's live twin: Fireblocks' SDK signs and sends; what comes back stays raw bytes.

Rule 1. The SDK is a transport. What an answer said is handed on as it came; none of the SDK's
models is used.
Rule 2. A request is sent once: neither the SDK nor urllib3 sends it again or follows a redirect.
Whatever is no complete HTTP answer in time is status 0: done or not, only the custodian can say, by
the id of ours that it keeps for ever.
Rule 3. The SDK blocks, and works in threads. The loop waits `timeout_s` for an answer, and what
comes later is told to nobody; a request whose time was over before a thread was free is not sent.
Rule 4. No text that leaves here names a header: they bear the token.
Rule 5. Of a node that another one took over from nothing is sent: it is asked last of all, when the
request is signed.

What the custodian tells unasked comes to a receiver of webhooks, which hands it to `hear`.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import msgspec

from core.frames import Headers, OnAnswer
from rails.dialect import Request

Answer = tuple[int, bytes, Headers]
TIMEOUT_S = 20.0
THREADS = 4
PREFIX = "/v1"  # of every path, and of the SDK's base


class Forbidden(RuntimeError):
    """Something was to be sent that must not be; the text names it without its parameters."""


def client(base: str, key: str, secret_pem: str, ca_file: str = "") -> Any:
    """The SDK's client at `base`, such as https://api.fireblocks.io; `ca_file` names whom to trust
    where it is not the world's authorities.

    Raises ValueError where the secret is no private key.
    """
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    from fireblocks.bearer_token_provider import BearerTokenProvider
    from fireblocks.client_configuration import ClientConfiguration
    from fireblocks.threaded_api_client import ThreadedApiClient

    try:
        secret: Any = load_pem_private_key(secret_pem.encode(), None)
    except (TypeError, ValueError):
        raise ValueError("the custodian's secret is no private key in PEM") from None
    told = ClientConfiguration(api_key=key, secret_key=secret_pem, base_path=base + PREFIX)
    made: Any = ThreadedApiClient(told)
    # Given the PEM, it would parse it for every request: most of a second with a key of 4096 bits.
    made.token_provider = BearerTokenProvider(key, secret)
    kept = made.rest_client.pool_manager.connection_pool_kw
    kept["retries"] = False  # Rule 2: urllib3 would try a read three times, and follow redirects
    if ca_file:
        kept["ca_certs"] = ca_file
    return made


def only_reading(made: Any) -> Any:
    """The same client, of which nothing but reads reaches a socket, whoever uses it."""
    request = made.rest_client.request

    def guarded(method: str, url: str, *rest: Any, **more: Any) -> Any:
        if method.upper() not in ("GET", "HEAD"):
            path = url.partition("://")[2].partition("/")[2].partition("?")[0]
            raise Forbidden(f"{method} /{path}: this client can only read")
        return request(method, url, *rest, **more)

    made.rest_client.request = guarded
    return made


def only_leading(made: Any, leads: Callable[[], bool]) -> Any:
    """The same client, of which nothing reaches a socket once its node does not lead any more."""
    request = made.rest_client.request

    def guarded(*args: Any, **more: Any) -> Any:
        if not leads():  # last of all: between this and the socket nothing is asked any more
            raise Forbidden("another node leads")
        return request(*args, **more)

    made.rest_client.request = guarded
    return made


@dataclass(slots=True)
class Ears:
    """Who hears the stream of one epoch."""

    epoch: int
    on_frame: Callable[[bytes], None]
    on_close: Callable[[str], None]
    on_beat: Callable[[], None]
    open: bool = False


@dataclass(slots=True)
class Custody:
    """One vault's way to the custodian and back, through a `client`."""

    api: Any
    timeout_s: float = TIMEOUT_S
    _threads: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(THREADS, thread_name_prefix="custodian")
    )
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _ears: Ears | None = None

    # --- requests --------------------------------------------------------------------------------

    def send(self, request: Request, on_answer: OnAnswer) -> None:
        """Sign and send, once; the answer comes later, whatever becomes of it."""
        self._spawn(self._send(request, on_answer))

    async def _send(self, request: Request, on_answer: OnAnswer) -> None:
        loop, until = asyncio.get_running_loop(), time.monotonic() + self.timeout_s
        asked = loop.run_in_executor(self._threads, self._ask, request, until)
        try:
            status, body, headers = await asyncio.wait_for(asked, self.timeout_s)
        except TimeoutError:
            status, body, headers = 0, b"no answer in time", ()
        on_answer(status, body, headers)

    def _ask(self, request: Request, until: float) -> Answer:
        """In a thread."""
        from fireblocks.exceptions import ApiException
        from urllib3.exceptions import HTTPError

        left = until - time.monotonic()
        if left <= 0:
            return 0, b"not sent: its time was over", ()
        try:
            told = self._called(request, left)
        except Forbidden as error:
            return 0, f"not sent: {error}".encode(), ()
        except ApiException as error:
            said = error.data if isinstance(error.data, bytes) else b"no answer: TLS"
            return error.status or 0, said, tuple((error.headers or {}).items())
        except (HTTPError, OSError) as error:
            return 0, f"no answer: {type(error).__name__}".encode(), ()
        return told.status_code, told.raw_data, tuple((told.headers or {}).items())

    def _called(self, request: Request, left: float) -> Any:
        body = msgspec.json.decode(request.body) if request.body else None
        path = request.path.removeprefix(PREFIX)
        query = list(request.params.items())
        call = self.api.param_serialize(
            request.method, path, None, query, dict(request.headers), body
        )
        # As bytes: so the SDK makes no model of it, and raises no error that has lost them.
        raw = {"default": "bytearray"}
        return self.api.call_api(*call, _request_timeout=left, _response_types_map=raw).result()

    # --- what is told unasked --------------------------------------------------------------------

    def open_stream(
        self,
        epoch: int,
        on_open: Callable[[], None],
        on_frame: Callable[[bytes], None],
        on_close: Callable[[str], None],
        on_beat: Callable[[], None],
    ) -> None:
        """From now on webhooks are for these ears; there is nothing to dial."""
        ears = self._ears = Ears(epoch, on_frame, on_close, on_beat)

        def opened() -> None:
            if self._ears is ears:
                ears.open = True
                on_open()

        asyncio.get_running_loop().call_soon(opened)

    def hear(self, message: bytes) -> bool:
        """A webhook that is theirs; False where nobody listens: it has to come again."""
        if self._ears is None or not self._ears.open:
            return False
        self._ears.on_frame(message)
        return True

    def beat(self) -> None:
        """They reached us, with nothing new."""
        if self._ears is not None and self._ears.open:
            self._ears.on_beat()

    def deaf(self, reason: str) -> None:
        """Webhooks reach nobody any more."""
        ears, self._ears = self._ears, None
        if ears is not None and ears.open:
            ears.on_close(reason)

    # --- tasks -----------------------------------------------------------------------------------

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Nothing of it is left running but a thread whose socket has not timed out yet."""
        self._ears = None
        for task in list(self._tasks):
            task.cancel()
        self._threads.shutdown(wait=False, cancel_futures=True)
        self.api.rest_client.pool_manager.clear()
