"""What a deployment's file says of custodians and banks, checked field by field.

    [[custodian]]
    name = "custody"
    key = "env:CUSTODY_KEY"
    secret = "file:custody.pem"
    assets = ["USDC", "ETH"]
    webhooks = {port = 8443, jwks = "https://keys.fireblocks.io/.well-known/jwks.json"}

    [[bank]]
    name = "bank"
    calendar = "target"
    asset = "EUR"
    holder = "Example GmbH"
    iban = "DE02120300000000202051"
    number = "0000202051"
    schemes = ["sepa_sct", "received_eur"]
    balance = "1000.00"
    as_of = 2026-11-26T00:00:00+01:00
    sftp = {host = "files.bank.example", user = "us", host_key = "ssh-ed25519 AAAA", \
private_key = "file:bank.key"}

Rule 1. A custodian can be asked what stands there; a bank by files may be one that we only hear, so
the file says with which balance its books begin: that of a closed day, at its end, would do best.
Rule 2. Secrets stand here by reference only. A host key and the key that a signature is checked by
are public.
"""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, field_validator, model_validator

from core import money
from rails import schemes
from risk.written import Part
from scenarios.rails import SchemeName
from tieout.deployment.secret_references import Reference

NAME = r"^[a-z][a-z0-9_]{0,15}$"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Seconds = Annotated[int, Field(ge=1, le=86_400)]
Port = Annotated[int, Field(ge=1, le=65_535)]
Calendar = Literal["fed", "target", "england"]


def decimals() -> dict[str, int]:
    """In how many decimals each asset is kept, of those that the table of schemes names."""
    return {row.asset: row.decimals for row in schemes.load().values()}


class WebhooksPart(Part):
    """Where we hear what a custodian tells unasked, and by which keys of its own it is known.

    With a `certificate` it is heard by TLS; without one something before it ends that.
    """

    port: Port
    host: str = "127.0.0.1"
    path: Annotated[str, Field(pattern=r"^/[!-~]*$")] = "/webhooks/custodian"
    public_key: str | None = None
    jwks: Annotated[str, Field(pattern=r"^https?://[!-~]+$")] | None = None
    certificate: str | None = None
    private_key: Annotated[str, Field(pattern=r"^file:.+$")] | None = None

    @model_validator(mode="after")
    def _whole(self) -> "WebhooksPart":
        if self.public_key is None and self.jwks is None:
            raise ValueError("by which keys they are known: public_key, jwks, or both would do")
        if (self.certificate is None) != (self.private_key is None):
            raise ValueError("certificate and private_key: both, or neither, would do")
        return self


class CustodianPart(Part):
    """A vault at a custodian, by its REST API; `assets` are all that may lie there."""

    name: Annotated[str, Field(pattern=NAME)]
    key: Reference
    secret: Reference
    assets: Annotated[tuple[str, ...], Field(min_length=1)]
    url: Annotated[str, Field(pattern=r"^https?://[^/?#@\s]+$")] = "https://api.fireblocks.io"
    ca: str | None = None
    vault: Annotated[str, Field(pattern=r"^[0-9]+$")] = "0"
    schemes: tuple[SchemeName, ...] = ("custodian",)
    webhooks: WebhooksPart | None = None
    poll_s: Seconds = 60
    statement_s: Seconds = 600

    @property
    def account(self) -> str:
        return f"{self.name}/vault"

    @field_validator("assets")
    @classmethod
    def _counted(cls, assets: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := [each for each in assets if each not in decimals()]:
            raise ValueError(f"nobody knows the decimals of {', '.join(unknown)}")
        return assets

    @model_validator(mode="after")
    def _theirs(self) -> "CustodianPart":
        _check_schemes(self.schemes, "custodian", self.assets)
        return self


class SftpPart(Part):
    """A bank's SFTP server; `host_key` is its public key, as a line of OpenSSH's."""

    host: str
    user: str
    host_key: str
    private_key: Reference
    port: Port = 22
    root: str = "."


class BankPart(Part):
    """An account at a bank, by files in a folder that is mounted here or at its SFTP server.

    `balance` is what stood there `as_of`, all that was booked before it included; `after` is the
    bank's own cursor of its record, if it gave one for that moment.
    """

    name: Annotated[str, Field(pattern=NAME)]
    calendar: Calendar
    asset: str
    holder: Annotated[str, Field(min_length=1)]
    balance: str
    as_of: AwareDatetime
    schemes: Annotated[tuple[SchemeName, ...], Field(min_length=1)]
    number: Annotated[str, Field(pattern=r"^[0-9A-Za-z]+$")]
    iban: str = ""
    bic: str = ""
    routing: str = ""
    sort_code: str = ""
    creditor_id: str = ""
    company_id: str = ""
    bank_name: str = ""
    after: str = ""
    folder: str | None = None
    sftp: SftpPart | None = None
    look_s: Annotated[float, Field(gt=0, le=600)] = 5.0
    settle_s: Annotated[float, Field(gt=0, le=600)] = 2.0
    answer_s: Annotated[float, Field(gt=0, le=86_400)] = 900.0
    poll_s: Seconds = 900
    statement_s: Seconds = 3600

    @property
    def account(self) -> str:
        return f"{self.name}/main"

    @property
    def units(self) -> int:
        """The balance, in whole units."""
        return money.parse(self.balance, decimals()[self.asset])

    @property
    def as_of_ns(self) -> int:
        return (self.as_of - _EPOCH) // timedelta(microseconds=1) * 1000

    @model_validator(mode="after")
    def _whole(self) -> "BankPart":
        if self.asset not in decimals():
            raise ValueError(f"asset: found {self.asset!r}: nobody knows its decimals")
        try:
            _ = self.units
        except money.InexactAmount as error:
            raise ValueError(f"balance: {error}") from None
        if (self.folder is None) == (self.sftp is None):
            raise ValueError("where its files are: folder or sftp, one of them, would do")
        _check_schemes(self.schemes, "bank", (self.asset,))
        if "sdd_core" in self.schemes:
            raise ValueError(
                "schemes: found 'sdd_core': this file has no mandates; others would do"
            )
        return self


def _check_schemes(names: tuple[str, ...], keeper: str, kept: tuple[str, ...]) -> None:
    """Those of such a keeper, and of what it keeps."""
    table = schemes.load()
    fits = [
        name for name, row in table.items() if row.account.startswith(keeper) and row.asset in kept
    ]
    for name in names:
        if name not in fits:
            would_do = ", ".join(fits) or f"another keeper than a {keeper}"
            raise ValueError(f"schemes: found {name!r}, not of what it keeps; {would_do} would do")
