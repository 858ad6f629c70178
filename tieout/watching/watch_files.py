"""What people write in a deployment's file of alerts, metrics and logs.

[alerts]
escalate_after_s = 300

[[alerts.channels]]
name = "desk"
webhook = "https://alerts.example.org/tieout"
secret = "env:ALERT_SECRET"
heartbeat_s = 30

[[alerts.channels]]
name = "boss"
level = 1
email = {host = "mail.example.org", sender = "tieout@example.org", to = ["boss@example.org"]}

[metrics]
port = 9464

[logs]
form = "json"
"""

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from risk.written import Part
from tieout.deployment.secret_references import Reference
from tieout.watching.alert_rules import SEVERITIES, Severity

NAME = r"^[a-z][a-z0-9_]{0,31}$"
Level = Literal["debug", "info", "warning", "error"]
Form = Literal["json", "console"]


class EmailSpec(Part):
    """A server that takes mail. Without TLS only one of this machine is spoken to."""

    host: str
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    sender: Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$")]
    to: Annotated[tuple[str, ...], Field(min_length=1)]
    tls: Literal["starttls", "tls", "none"] = "starttls"
    user: str = ""
    password: Reference | None = None

    @field_validator("to")
    @classmethod
    def _addresses(cls, to: tuple[str, ...]) -> tuple[str, ...]:
        for each in to:
            if each.count("@") != 1 or any(letter.isspace() for letter in each):
                raise ValueError(f"found {each!r}; an address such as desk@example.org would do")
        return to

    @model_validator(mode="after")
    def _covered(self) -> "EmailSpec":
        if self.tls == "none" and self.host not in ("localhost", "127.0.0.1", "::1"):
            raise ValueError(f"{self.host} without TLS: anybody on the way reads it; starttls")
        return self


class ChannelSpec(Part):
    """One channel: a webhook with the secret that signs, or e-mail. It hears of what is at least
    as severe, and of level 1 and up only what nobody acknowledged at the level below."""

    name: Annotated[str, Field(pattern=NAME)]
    webhook: Annotated[str, Field(pattern=r"^https?://")] | None = None
    secret: Reference | None = None
    email: EmailSpec | None = None
    severity: Severity = "warning"
    level: Annotated[int, Field(ge=0, le=9)] = 0
    heartbeat_s: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> "ChannelSpec":
        if (self.webhook is None) == (self.email is None):
            raise ValueError(f"{self.name}: either webhook or email would do")
        if self.webhook is not None and self.secret is None:
            raise ValueError(f"{self.name}: a webhook is signed; secret = env:NAME would do")
        return self


class AlertsSpec(Part):
    """Who is told what, and after how long somebody further up is."""

    owner: str = "operations"
    escalate_after_s: Annotated[int, Field(ge=1)] = 300
    channels: Annotated[tuple[ChannelSpec, ...], Field(min_length=1)]

    @field_validator("channels")
    @classmethod
    def _names(cls, channels: tuple[ChannelSpec, ...]) -> tuple[ChannelSpec, ...]:
        names = [each.name for each in channels]
        if len(dict.fromkeys(names)) < len(names):
            raise ValueError(f"found {names}; a name for each channel would do")
        return channels

    def at(self, level: int, severity: Severity) -> list[str]:
        """The channels of a level that hear of what is so severe."""
        heard = SEVERITIES.index(severity)
        return [
            each.name
            for each in self.channels
            if each.level == level and SEVERITIES.index(each.severity) <= heard
        ]

    @property
    def levels(self) -> int:
        return max(each.level for each in self.channels)


class MetricsSpec(Part):
    """Where `/metrics` and `/heartbeat` are answered; who is not of this machine needs a proxy
    that knows him, or a network of its own."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 9464


class LogsSpec(Part):
    """How lines are written, and how loud they must be."""

    form: Form = "json"
    least: Level = "info"
