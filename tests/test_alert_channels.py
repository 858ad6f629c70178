"""How people hear: a webhook and a mail server that are real, and listen at this machine."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest

pytest.importorskip("aiohttp", reason="the extra `live` is not installed")
pytest.importorskip("aiosmtpd", reason="the tests' mail server is not installed")

from aiohttp import ClientSession, web
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from pydantic import ValidationError

from tieout.watching.alert_channels import Email, NotTold, Webhook, letter, signature, verify
from tieout.watching.watch_files import AlertsSpec, ChannelSpec, EmailSpec

pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
SECRET = "a-word-of-a-test"  # noqa: S105  # a test's own
NOW_S = 1_700_000_000
TOLD = {
    "node": "tie",
    "change": "raised",
    "severity": "critical",
    "subject": "okx_swap/main/USDT/cash",
    "text": "1 USDT more",
}


# --- webhooks ------------------------------------------------------------------------------------


@dataclass
class Receiver:
    """Takes POSTs, and answers each with the next of its answers."""

    answers: list[int]
    asked: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.asked.append((request.path, dict(request.headers), body))
        status = self.answers.pop(0)
        if not status:
            await asyncio.sleep(1)
        headers = {"Location": "/elsewhere"} if status == 307 else {}
        return web.Response(status=status or 200, headers=headers)


async def told_to(receiver: Receiver, *names: str, timeout_s: float = 2.0) -> list[str]:
    """Tell each of the names; what came of it."""
    app = web.Application()
    app.add_routes([web.post("/{path:.*}", receiver.take)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    came = []
    async with ClientSession() as client:
        hook = Webhook(url, SECRET, client, lambda: NOW_S * 10**9, timeout_s)
        for name in names:
            try:
                await hook.tell(name, TOLD)
                came.append("told")
            except NotTold as error:
                came.append(str(error))
    await runner.cleanup()
    return came


def test_a_webhook_gets_the_notice_its_name_and_a_signature_that_verifies() -> None:
    receiver = Receiver([204])
    assert asyncio.run(told_to(receiver, "tie/1/raised/5")) == ["told"]
    ((path, headers, body),) = receiver.asked
    assert (path, json.loads(body), headers["Tieout-Notice"]) == ("/hook", TOLD, "tie/1/raised/5")
    signed = headers["Tieout-Signature"]
    assert verify(body, signed, SECRET, NOW_S)
    assert verify(body, signed, SECRET, NOW_S + 300)
    assert not verify(body, signed, SECRET, NOW_S + 301), "a replay is old"
    assert not verify(body + b" ", signed, SECRET, NOW_S)
    assert not verify(body, signed, "another", NOW_S)
    assert not verify(body, signed.replace(f"t={NOW_S}", f"t={NOW_S + 1}"), SECRET, NOW_S)
    assert SECRET.encode() not in body


@pytest.mark.parametrize("header", ["", "t=,v1=", "t=x,v1=00", "v1=00", "t=²,v1=é"])
def test_a_header_that_is_none_verifies_nothing(header: str) -> None:
    assert not verify(b"{}", header, SECRET, NOW_S)


def test_the_signature_is_hmac_sha256_of_the_time_a_dot_and_the_body() -> None:
    """By a figure that was computed by openssl, so that receivers in other languages agree."""
    made = signature(b'{"a":1}', "key", 1)
    assert made == "t=1,v1=6d79bda23417c5d4f1b421c877b89fec92fde17dd9d447f5d140713ed9b8b48f"


def test_what_is_no_acceptance_is_not_told_and_says_why_without_what() -> None:
    receiver = Receiver([500, 307, 404, 0])
    came = asyncio.run(told_to(receiver, "a", "b", "c", "d", timeout_s=0.5))
    assert came == ["status 500", "status 307", "status 404", "no answer: TimeoutError"]
    assert [path for path, _, _ in receiver.asked] == ["/hook"] * 4, "no redirect is followed"


def test_nobody_there_is_not_told() -> None:
    async def told() -> None:
        async with ClientSession() as client:
            hook = Webhook("http://127.0.0.1:1/", SECRET, client, lambda: 0)
            with pytest.raises(NotTold, match="no answer: ClientConnectorError"):
                await hook.tell("a", TOLD)

    asyncio.run(told())


# --- mail ----------------------------------------------------------------------------------------


@dataclass
class Mailbox:
    """Keeps what it is handed; refuses while it is full."""

    mails: list[EmailMessage] = field(default_factory=list)
    full: bool = False

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # aiosmtpd's name
        if self.full:
            return "452 no room"
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))  # type: ignore[arg-type]  # typeshed: Message
        return "250 taken"


@asynccontextmanager
async def served(box: Mailbox) -> AsyncIterator[int]:
    """A mail server that asks for a password; its port."""

    def known(server: Any, session: Any, envelope: Any, way: str, told: Any) -> AuthResult:
        right = isinstance(told, LoginPassword) and told.password == SECRET.encode()
        return AuthResult(success=right)

    def made() -> SMTP:
        return SMTP(box, authenticator=known, auth_required=True, auth_require_tls=False)

    server = await asyncio.get_running_loop().create_server(made, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


def spec_of(port: int) -> EmailSpec:
    told = {"host": "127.0.0.1", "port": port, "tls": "none", "user": "tie"}
    return EmailSpec.model_validate({**told, "sender": "tie@example.org", "to": ["desk@x.org"]})


def test_a_mail_says_what_and_how_bad_and_comes_under_one_name() -> None:
    box = Mailbox()

    async def twice() -> None:
        async with served(box) as port:
            for _ in range(2):
                await Email(spec_of(port), SECRET).tell("tie/1/raised/5", TOLD)

    asyncio.run(twice())
    first, again = box.mails
    assert first["Subject"] == "[tieout tie] critical raised okx_swap/main/USDT/cash"
    assert first["Message-ID"] == again["Message-ID"] == "<tie.1.raised.5@example.org>"
    assert "text: 1 USDT more" in first.get_content()
    assert SECRET not in first.as_string()


def test_a_mail_that_is_not_taken_is_not_told() -> None:
    box = Mailbox(full=True)

    async def refused() -> None:
        async with served(box) as port:
            with pytest.raises(NotTold, match=r"no mail: (SMTP\w+|TimeoutError)"):
                await Email(spec_of(port), "wrong", 1.0).tell("a", TOLD)
            with pytest.raises(NotTold, match="SMTPDataError"):
                await Email(spec_of(port), SECRET).tell("a", TOLD)
            starttls = spec_of(port).model_copy(update={"tls": "starttls"})
            with pytest.raises(NotTold, match="SMTPNotSupportedError"):
                await Email(starttls, SECRET).tell("a", TOLD)
            with pytest.raises(NotTold, match="UnicodeEncodeError"):
                await Email(spec_of(port), "s\xe9same").tell("a", TOLD)
        with pytest.raises(NotTold, match="ConnectionRefusedError"):
            await Email(spec_of(1), SECRET).tell("a", TOLD)

    asyncio.run(refused())
    assert box.mails == []


def test_a_subject_of_many_lines_makes_no_header_of_its_own() -> None:
    told = {**TOLD, "subject": "a\r\nBcc: everybody@example.org"}
    mail = letter(spec_of(25), "a", told)
    assert mail["Bcc"] is None
    assert "\n" not in mail["Subject"]


# --- what people write ---------------------------------------------------------------------------

HOOK = {"name": "desk", "webhook": "https://x.org/", "secret": "env:S"}
MAIL = {"host": "127.0.0.1", "sender": "a@x.org", "to": ["b@x.org"]}


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"name": "desk"}, "either webhook or email would do"),
        ({**HOOK, "email": MAIL}, "either webhook or email would do"),
        ({"name": "desk", "webhook": "https://x.org/"}, "a webhook is signed; secret = env:NAME"),
        ({**HOOK, "webhook": "ftp://x.org"}, "should match pattern"),
        ({**HOOK, "level": -1}, "greater than or equal to 0"),
        ({**HOOK, "loud": 1}, "unknown field loud; there are name, webhook"),
        ({"name": "m", "email": {**MAIL, "host": "x.org", "tls": "none"}}, "without TLS"),
        ({"name": "m", "email": {**MAIL, "to": ["nobody"]}}, "found 'nobody'; an address such as"),
    ],
)
def test_a_channel_that_is_none_is_refused(told: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        ChannelSpec.model_validate(told)


def test_two_channels_of_one_name_are_refused() -> None:
    with pytest.raises(ValidationError, match="a name for each channel would do"):
        AlertsSpec.model_validate({"channels": [HOOK, HOOK]})
