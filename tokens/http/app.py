"""The control plane over HTTP: requests become events of a node, and its state becomes answers.

Rule 1. Nothing is answered that is not durable: an answer waits for the commit of what it tells.
Rule 2. Nothing is decided here. What is a request is told to the node, whose refusal is the answer;
what is none is told as `RequestRefused`, and what does not come so far (nobody's key, no JSON) is
counted in `ControlPlane.counts`.
Rule 3. A request has an id of its caller's (`Idempotency-Key`): repeated it is answered the same,
with another body it is refused, and after any failure it is safe to repeat.
"""

import asyncio
import re
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Header, Path, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from core.token_effects import TellCaller
from core.token_events import (
    AuthorizationRequested,
    RequestRefused,
    RevocationRequested,
    TokenEvent,
)
from core.token_state import Authorization, Token
from tokens.http import views
from tokens.http.bodies import (
    BODY_BYTES_MAX,
    WANTED,
    Flaw,
    NotJson,
    Wanted,
    event_of,
    flaw,
    read_object,
    read_wanted,
)
from tokens.http.callers import KINDS, Act, Caller, Callers, Rates
from tokens.http.host import Host, NotTaken
from tokens.http.problems import MEDIA, OF_THE_MOMENT, TITLES, Problem, ProblemView
from tokens.http.views import SIGNED, AuthorizationView, CapTableView, RegisterView, TokenView

ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
NUMBER_MAX = 1 << 53
PAGE_MAX = 1000
DECISION_WAIT_S = 5.0


class ControlPlane:
    """What requests share: the node, the callers, their rates, who waits for a decision.

    Whoever performs a node's effects hands each `TellCaller` to `told`.
    """

    def __init__(
        self,
        host: Host,
        callers: Callers,
        *,
        clock: Callable[[], int] = time.time_ns,
        decision_wait_s: float = DECISION_WAIT_S,
    ) -> None:
        self.host, self.callers, self.clock = host, callers, clock
        self.counts: Counter[str] = Counter()
        self.rates = Rates()
        self._decision_wait_s = decision_wait_s
        self._waiting: dict[tuple[str, str, str], list[asyncio.Future[None]]] = {}

    def told(self, effect: TellCaller) -> None:
        """How a request stands: whoever waits for it looks at the books."""
        for heard in self._waiting.get((effect.token, effect.caller, effect.request_id), ()):
            if not heard.done():
                heard.set_result(None)

    async def ask(self, event: AuthorizationRequested) -> None:
        """Tell it, and wait a while for its decision."""
        key = (event.token, event.caller, event.request_id)
        heard: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = self._waiting.setdefault(key, [])
        waiting.append(heard)
        try:
            await self.tell(event)
            with suppress(TimeoutError):
                await asyncio.wait_for(heard, self._decision_wait_s)
        finally:
            waiting.remove(heard)
            if not waiting:
                self._waiting.pop(key, None)

    async def tell(self, event: TokenEvent) -> None:
        try:
            await self.host.tell(event)
        except NotTaken:
            raise Problem("unknown_outcome") from None

    async def token(self, caller: Caller, name: str) -> Token:
        """A token that the caller may see."""
        try:
            token = (await self.host.state()).tokens.get(name)
        except NotTaken:
            raise Problem("unknown_outcome") from None
        if token is None or name not in caller.tokens:
            raise Problem("not_found")
        return token


# --- who asks -------------------------------------------------------------------------------------


# Asynchronous, though it waits for nothing: FastAPI gives what is not to another thread.
async def _plane(request: Request) -> ControlPlane:
    plane: ControlPlane = request.app.state.plane
    return plane


_bearer = HTTPBearer(auto_error=False, description="The key of a caller.")
Plane = Annotated[ControlPlane, Depends(_plane)]


async def _caller(
    plane: Plane, told: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Caller:
    caller = plane.callers.by_key(told.credentials) if told is not None else None
    if caller is None:
        raise Problem("unauthenticated", headers={"WWW-Authenticate": "Bearer"})
    wait_ns = plane.rates.wait_ns(caller, plane.clock())
    if wait_ns:
        raise Problem("rate_limited", headers={"Retry-After": str(-(-wait_ns // 1_000_000_000))})
    return caller


Asking = Annotated[Caller, Depends(_caller)]
Number = Annotated[int, Path(ge=1, le=NUMBER_MAX)]


def _must(caller: Caller, act: Act) -> None:
    if not caller.may(act):
        raise Problem("role")


# --- asking ---------------------------------------------------------------------------------------

_REF = "#/components/schemas/{model}"
_PROBLEM = ProblemView.model_json_schema(ref_template=_REF)
_SCHEMA = WANTED.json_schema(ref_template=_REF)
_MODELS = _SCHEMA.pop("$defs") | _PROBLEM.pop("$defs") | {"ProblemView": _PROBLEM}
_REFUSAL = {MEDIA: {"schema": {"$ref": _REF.format(model="ProblemView")}}}
_PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"description": "Nothing is done.", "content": _REFUSAL}
    for status in sorted({status for status, _ in TITLES.values()})
}
_ASKED = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": _SCHEMA}}},
    "parameters": [
        {
            "name": "Idempotency-Key",
            "in": "header",
            "required": True,
            "schema": {"type": "string", "pattern": f"^{ID.pattern}$"},
        }
    ],
}
_AT_ONCE: dict[int | str, dict[str, Any]] = {201: {"model": AuthorizationView}}
router = APIRouter(responses=_PROBLEMS)


@router.post(
    "/tokens/{token}/authorizations",
    status_code=202,
    responses=_AT_ONCE,
    openapi_extra=_ASKED,
)
async def request_authorization(
    request: Request,
    response: Response,
    plane: Plane,
    caller: Asking,
    token: str,
    idempotency_key: Annotated[str, Header(include_in_schema=False)] = "",
) -> AuthorizationView:
    """Ask for a movement to be permitted.

    201 with the signatures where they are there already, 202 while it is judged or signed. A
    refusal is a problem, with its reason.
    """
    await plane.token(caller, token)
    if not ID.fullmatch(idempotency_key):
        raise Problem("no_id")
    wanted = await _wanted(request, plane, caller, token, idempotency_key)
    event = event_of(wanted, token, caller.name, idempotency_key)
    await plane.ask(event)
    issued = await plane.token(caller, token)
    found = _taken(issued, caller, event)
    response.headers["Location"] = f"/tokens/{token}/authorizations/{_number(found)}"
    response.status_code = 201 if found.status in SIGNED else 202
    return views.authorization(issued, found, reasons=caller.may("reasons"))


async def _wanted(
    request: Request, plane: ControlPlane, caller: Caller, token: str, request_id: str
) -> Wanted:
    """What the body asks for; what is wrong with it is journaled before it is answered."""
    told = await _object(request)
    wanted = read_wanted(told, token)
    flaws = wanted if isinstance(wanted, list) else []
    kind = told.get("kind")
    if isinstance(kind, str) and kind in KINDS and not caller.may(kind):
        flaws = [flaw("kind", "role")]
    if isinstance(wanted, list) or flaws:
        await _journal(plane, caller, token, request_id, flaws[0])
        code = "role" if flaws[0].reason == "role" else "no_request"
        raise Problem(code, flaws[0].reason, flaws)
    return wanted


async def _object(request: Request) -> dict[str, Any]:
    body = b""
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > BODY_BYTES_MAX:
                raise Problem("too_large")
        return read_object(body)
    except (NotJson, ClientDisconnect):
        raise Problem("no_json") from None


async def _journal(
    plane: ControlPlane, caller: Caller, token: str, request_id: str, first: Flaw
) -> None:
    await plane.tell(
        RequestRefused(
            received_at=0,
            token=token,
            caller=caller.name,
            request_id=request_id,
            field=first.field,
            reason=first.reason,
        )
    )


def _taken(token: Token, caller: Caller, event: AuthorizationRequested) -> Authorization:
    """What the books have under this id; a problem where that is another request, or is refused."""
    name = token.requests.get(f"{event.caller} {event.request_id}", "")
    found = token.authorizations.get(name)
    if found is None:
        raise Problem("over", authorization=name)
    if different := _different(found, event):
        flaws = [Flaw(each, "other_request", "it was asked for otherwise") for each in different]
        raise Problem("other_request", flaws=flaws, authorization=name)
    if found.status == "refused":
        reason = views.shown(found.reason, reasons=caller.may("reasons"))
        code = "not_now" if reason in OF_THE_MOMENT else "refused"
        raise Problem(code, reason, authorization=name)
    return found


def _different(found: Authorization, event: AuthorizationRequested) -> list[str]:
    """The fields in which a request under the same id is another one."""
    pairs = {
        "kind": (found.kind, event.kind),
        "sender": (found.sender, event.sender),
        "receiver": (found.receiver, event.receiver),
        "value": (found.value, event.value),
        "valid_before": (found.asked_before, event.valid_before),
    }
    return [field for field, (one, other) in pairs.items() if one != other]


def _number(wanted: Authorization) -> str:
    return wanted.name.rpartition("/")[2]


# --- one authorization ----------------------------------------------------------------------------


@router.get("/tokens/{token}/authorizations/{number}")
async def read_authorization(
    plane: Plane, caller: Asking, token: str, number: Number
) -> AuthorizationView:
    """One authorization, with what the holder needs to use it once it is signed."""
    issued = await plane.token(caller, token)
    found = _seen(issued, caller, number)
    return views.authorization(issued, found, reasons=caller.may("reasons"))


@router.post("/tokens/{token}/authorizations/{number}/revocation", status_code=202)
async def revoke_authorization(
    plane: Plane, caller: Asking, token: str, number: Number
) -> AuthorizationView:
    """Ask for one to be void. It may still be used until its status is `revoked`."""
    _must(caller, "revoke")
    found = _seen(await plane.token(caller, token), caller, number)
    event = RevocationRequested(
        received_at=0, token=token, authorization_id=found.name, person=caller.name
    )
    await plane.tell(event)
    issued = await plane.token(caller, token)
    if not found.void_wanted:
        raise Problem("not_open", found.status, authorization=found.name)
    return views.authorization(issued, found, reasons=caller.may("reasons"))


def _seen(token: Token, caller: Caller, number: int) -> Authorization:
    """Its own ones, or all; one that the books no longer have at hand is over since long."""
    found = token.authorizations.get(f"{token.name}/{number}")
    if found is None:
        gone = number <= token.made and caller.may("all")
        raise Problem("over" if gone else "not_found")
    if found.caller != caller.name and not caller.may("all"):
        raise Problem("not_found")
    return found


# --- a token --------------------------------------------------------------------------------------


@router.get("/tokens/{token}")
async def read_token(plane: Plane, caller: Asking, token: str) -> TokenView:
    """How a token stands, and how old the head is by which windows are timed."""
    return views.token_view(await plane.token(caller, token), plane.clock())


@router.get("/tokens/{token}/register")
async def read_register(
    plane: Plane,
    caller: Asking,
    token: str,
    after: Annotated[str, Query(max_length=42)] = "",
    at_most: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 100,
) -> RegisterView:
    """Who holds what at the final block, and what it comes to with what is mined above it."""
    issued = await plane.token(caller, token)
    _must(caller, "register")
    return views.register(issued, after, at_most)


@router.get("/tokens/{token}/cap-table")
async def read_cap_table(plane: Plane, caller: Asking, token: str) -> CapTableView:
    """Supply at the final block, and each holder's share of it."""
    issued = await plane.token(caller, token)
    _must(caller, "register")
    return views.cap_table(issued)


# --- the application ------------------------------------------------------------------------------


class Application(FastAPI):
    """Its document also has what bodies are read as: by us, after it is known who asks."""

    def openapi(self) -> dict[str, Any]:
        told = super().openapi()
        told["components"]["schemas"] |= _MODELS
        return told


def application(plane: ControlPlane) -> Application:
    """What a server of ASGI serves. Its document is at /openapi.json; no page fetches anything."""
    app = Application(
        title="Tieout: control plane of tokens",
        version="1",
        docs_url=None,
        redoc_url=None,
        description="Authorizations permit and never order: the holder acts, or nothing moves.",
    )
    app.state.plane = plane
    app.include_router(router)

    async def problem(request: Request, error: Exception) -> JSONResponse:
        known = _problem_of(error)
        plane.counts[known.code] += 1
        return known.answer()

    for kind in (Problem, HTTPException, RequestValidationError, Exception):
        app.add_exception_handler(kind, problem)
    return app


def _problem_of(error: Exception) -> Problem:
    match error:
        case Problem():
            return error
        case HTTPException(status_code=405):
            return Problem("no_method")
        case HTTPException():
            return Problem("not_found")
        case RequestValidationError():
            return Problem("bad_query")
        case _:
            return Problem("broken")
