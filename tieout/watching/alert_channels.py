"""How people hear of an alert: a webhook that is signed, and e-mail.

Rule 1. A channel tells or raises `NotTold`; trying again is for whoever keeps the notices.
Rule 2. A notice has one name for ever: who hears it twice can tell (`Tieout-Notice`, `Message-ID`).
Rule 3. A webhook's body is signed with its time: `Tieout-Signature: t=SECONDS,v1=HEX`, where HEX is
HMAC-SHA256 of "SECONDS.BODY". `verify` is what a receiver does, and all that it needs.
Rule 4. Redirects are not followed: what was signed for one goes to no other.
"""

import asyncio
import hmac
import json
import smtplib
import ssl
from collections.abc import Callable, Mapping
from email.message import EmailMessage
from hashlib import sha256
from typing import Any, Protocol

from aiohttp import ClientError, ClientSession, ClientTimeout

from tieout.watching.watch_files import AlertsSpec, ChannelSpec, EmailSpec

TOLERANCE_S = 300


class NotTold(RuntimeError):
    """Nobody took it; the message says why, and holds nothing of what was to be told."""


# --- the channels --------------------------------------------------------------------------------

Told = Mapping[str, Any]


class Channel(Protocol):
    """A way to people."""

    async def tell(self, name: str, told: Told) -> None:
        """Tell it under that name; raises `NotTold`."""


def signature(body: bytes, secret: str, at_s: int) -> str:
    """The header of a body that was signed at that second."""
    made = hmac.new(secret.encode(), b"%d." % at_s + body, sha256).hexdigest()
    return f"t={at_s},v1={made}"


def verify(body: bytes, header: str, secret: str, now_s: int) -> bool:
    """Whether somebody who has the secret signed these very bytes, at most five minutes ago."""
    told = dict(part.partition("=")[::2] for part in header.split(","))
    at = told.get("t", "")
    if not (at.isascii() and at.isdigit()) or abs(now_s - int(at)) > TOLERANCE_S:
        return False
    return hmac.compare_digest(header.encode(), signature(body, secret, int(at)).encode())


class Webhook:
    """A POST of JSON, which any answer of 200 to 299 accepts."""

    def __init__(
        self,
        url: str,
        secret: str,
        client: ClientSession,
        clock: Callable[[], int],
        timeout_s: float = 5.0,
    ) -> None:
        self._url, self._secret, self._client, self._clock = url, secret, client, clock
        self._timeout = ClientTimeout(total=timeout_s)

    async def tell(self, name: str, told: Told) -> None:
        body = json.dumps(dict(told), sort_keys=True).encode()
        headers = {
            "Content-Type": "application/json",
            "Tieout-Notice": name,
            "Tieout-Signature": signature(body, self._secret, self._clock() // 10**9),
        }
        try:
            async with self._client.post(
                self._url,
                data=body,
                headers=headers,
                timeout=self._timeout,
                allow_redirects=False,
            ) as answer:
                status = answer.status
        except (ClientError, TimeoutError, OSError, ValueError) as error:
            raise NotTold(f"no answer: {type(error).__name__}") from None
        if not 200 <= status < 300:
            raise NotTold(f"status {status}")


class Email:
    """A mail; it is sent in a thread, for a slow server is no reason for a node to wait."""

    def __init__(self, spec: EmailSpec, password: str = "", timeout_s: float = 15.0) -> None:
        self._spec, self._password, self._timeout_s = spec, password, timeout_s

    async def tell(self, name: str, told: Told) -> None:
        try:
            await asyncio.to_thread(self._send, letter(self._spec, name, told))
        except (smtplib.SMTPException, OSError, ValueError) as error:  # a letter it cannot write
            raise NotTold(f"no mail: {type(error).__name__}") from None

    def _send(self, message: EmailMessage) -> None:
        spec = self._spec
        verified = ssl.create_default_context()
        if spec.tls == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                spec.host, spec.port, timeout=self._timeout_s, context=verified
            )
        else:
            server = smtplib.SMTP(spec.host, spec.port, timeout=self._timeout_s)
        with server:
            if spec.tls == "starttls":
                server.starttls(context=verified)
            if spec.user:
                server.login(spec.user, self._password)
            server.send_message(message)


def letter(spec: EmailSpec, name: str, told: Told) -> EmailMessage:
    """The mail of a notice: its subject says what and how bad, its body every field."""
    message = EmailMessage()
    words = (str(told.get(field, "")) for field in ("severity", "change", "subject"))
    message["Subject"] = _line(f"[tieout {told.get('node', '')}] {' '.join(words)}")
    message["From"], message["To"] = spec.sender, ", ".join(spec.to)
    message["Message-ID"] = f"<{name.replace('/', '.')}@{spec.sender.partition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content("\n".join(f"{field}: {value}" for field, value in told.items()) + "\n")
    return message


def _line(text: str) -> str:
    """A header is one line, whatever was told."""
    return " ".join(text.split())


def channel(
    spec: ChannelSpec, secret: Callable[[str], str], client: ClientSession, clock: Callable[[], int]
) -> Channel:
    """The channel that the file names; `secret` reads what a reference leads to."""
    if spec.webhook is not None:
        assert spec.secret is not None, "the model asks for it"
        return Webhook(spec.webhook, secret(spec.secret), client, clock)
    assert spec.email is not None, "the model asks for one of the two"
    password = secret(spec.email.password) if spec.email.password is not None else ""
    return Email(spec.email, password)


async def tried(
    spec: AlertsSpec, node: str, secret: Callable[[str], str], clock: Callable[[], int]
) -> dict[str, str]:
    """Tell every channel a test: of each why it took nothing, "" where it did."""
    now, came = clock(), {}
    words = {
        "node": node,
        "change": "test",
        "severity": "notice",
        "subject": "channel",
        "text": "a test: nothing has happened",
        "raised_at": now,
    }
    async with ClientSession() as client:
        for each in spec.channels:
            try:
                made = channel(each, secret, client, clock)
                await made.tell(f"{node}/test/{now}", words)
                came[each.name] = ""
            except NotTold as error:
                came[each.name] = str(error)
    return came
