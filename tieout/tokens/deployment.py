"""A deployment of the control plane: one file that names all that it takes, and where that lies.

Rule 1. Paths are taken from the file's own folder. A secret stands in no file of ours in the open:
keys lie in keystores, whose passwords are in files of their own; callers' keys are hashed.
Rule 2. It speaks plain HTTP, so it listens on loopback alone: a proxy on the same machine ends TLS.
Rule 3. Whatever is wrong is told before anything is opened: file, field, what was found, what would
do.
"""

import ipaddress
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field, ValidationError, model_validator

from risk.written import NotYaml, Part, content, document
from tokens.http.callers import BadCallers, Callers, read_callers
from tokens.people import BadPeople, People, read_people
from tokens.policy import BadPolicy, Policy, read_policy

SOURCES = ("a", "b")
WOULD_DO = "`tieout tokens serve --help` shows a whole one"

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,16}$", strict=True)]
Address = Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]{40}$", strict=True)]
Hash = Annotated[str, Field(pattern=r"^0x[0-9a-f]{64}$", strict=True)]
Url = Annotated[str, Field(pattern=r"^https?://\S+$", strict=True)]
File = Annotated[str, Field(min_length=1, strict=True)]
Whole = Annotated[int, Field(strict=True, ge=0, lt=1 << 62)]
Seconds = Annotated[int, Field(strict=True, ge=1, le=60)]


class BadDeployment(ValueError):
    """It is none; the text names file, field, what was found and what would do."""


def _loopback(told: str) -> str:
    host, _, port = told.rpartition(":")
    try:
        is_loopback = ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback or not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > 65535:
        raise ValueError("an address of loopback with a port would do, as 127.0.0.1:8080")
    return told


class Signer(Part):
    """One who signs: its key, its memory of what it signed, and the node that it alone asks."""

    address: Address
    keystore: File
    password_file: File
    memory: File
    node: Url


class Block(Part):
    """The block from which on a register is kept: the contract stood by then, and had issued
    nothing."""

    number: Whole
    hash: Hash
    timestamp: Whole


class TokenPart(Part):
    """One token: its contract, the policy in force, who signs. `name` is the contract's own.

    `policy_before` is the version that the books go by where another is published: what tightens
    beside it voids all that is outstanding. Where it is not given, every change does.
    """

    token: Name
    name: Annotated[str, Field(max_length=31, strict=True)] = ""
    contract: Address
    first_block: Block
    policy: File
    policy_before: File = ""
    threshold: Annotated[int, Field(strict=True, ge=1, le=16)]
    signers: Annotated[tuple[Signer, ...], Field(min_length=1, max_length=16)]
    admin: Signer

    @model_validator(mode="after")
    def _enough(self) -> "TokenPart":
        addresses = [each.address.lower() for each in (*self.signers, self.admin)]
        if twice := [each for each, times in Counter(addresses).items() if times > 1]:
            raise ValueError(f"{twice[0]} has two roles; a key of its own for each would do")
        if self.threshold > len(self.signers):
            raise ValueError(f"threshold {self.threshold} of {len(self.signers)}; fewer would do")
        return self


class ChainPart(Part):
    """The chain, by two nodes that must agree on what is final."""

    chain_id: Annotated[int, Field(strict=True, ge=1, lt=1 << 63)]
    nodes: Annotated[tuple[Url, ...], Field(min_length=2, max_length=2)]
    poll_s: Seconds = 4


class PlaneFile(Part):
    """The whole file."""

    node: Name
    listen: Annotated[str, Field(strict=True), AfterValidator(_loopback)] = "127.0.0.1:8080"
    callers: File
    people: File
    vault: File
    chain: ChainPart
    tokens: Annotated[tuple[TokenPart, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _told_apart(self) -> "PlaneFile":
        for what in ("token", "contract"):
            found = Counter(getattr(each, what).lower() for each in self.tokens)
            if twice := [each for each, times in found.items() if times > 1]:
                raise ValueError(f"{what} {twice[0]} stands twice; once would do")
        memories = Counter(each.memory for token in self.tokens for each in _keys(token))
        if twice := [each for each, times in memories.items() if times > 1]:
            raise ValueError(f"memory {twice[0]} is two signers'; one of its own each would do")
        return self


def _keys(token: TokenPart) -> tuple[Signer, ...]:
    return (*token.signers, token.admin)


@dataclass(slots=True, frozen=True)
class Deployment:
    """The file, and what the files that it names say."""

    path: Path
    told: PlaneFile
    callers: Callers
    people: People
    policies: dict[str, Policy]
    policies_before: dict[str, Policy]

    def file(self, name: str) -> Path:
        """Where a file that it names lies."""
        return self.path.parent / name

    def signers(self) -> list[tuple[str, Signer]]:
        """Everybody who signs, with the field that says so."""
        return [
            (f"tokens.{at}.{field}", each)
            for at, token in enumerate(self.told.tokens)
            for field, each in [
                *((f"signers.{n}", each) for n, each in enumerate(token.signers)),
                ("admin", token.admin),
            ]
        ]

    def wrong(self, field: str, found: str) -> BadDeployment:
        """What is wrong with a field, and what would do."""
        return BadDeployment(f"{self.path}: {field}: {found}")


def read_deployment(path: Path) -> Deployment:
    """The deployment, with all that is to be read of it; raises `BadDeployment`."""
    told = _read(path)
    try:
        callers = read_callers(path.parent / told.callers)
        people = read_people(path.parent / told.people)
        policies = {each.token: read_policy(path.parent / each.policy) for each in told.tokens}
        before = {
            each.token: read_policy(path.parent / each.policy_before)
            for each in told.tokens
            if each.policy_before
        }
    except (BadCallers, BadPeople, BadPolicy) as error:
        raise BadDeployment(str(error)) from error
    except OSError as error:
        said = f"{error.filename}: {error.strerror}, and {path} names it"
        raise BadDeployment(f"{said}; a file that is there would do") from error
    made = Deployment(path, told, callers, people, policies, before)
    for what, found in (("policy", policies), ("policy_before", before)):
        for at, token in enumerate(told.tokens):
            policy = found.get(token.token)
            if policy is not None and policy.token != token.token:
                said = f"found the policy of {policy.token}; one of {token.token} would do"
                raise made.wrong(f"tokens.{at}.{what}", said)
    return made


def _read(path: Path) -> PlaneFile:
    try:
        return PlaneFile.model_validate(document(content(path).decode()))
    except OSError as error:
        raise BadDeployment(f"{path}: {error.strerror}; {WOULD_DO}") from error
    except (NotYaml, UnicodeDecodeError) as error:
        raise BadDeployment(f"{path}: {error}; {WOULD_DO}") from error
    except ValidationError as error:
        raise BadDeployment(f"{path}: {_first(error.errors()[0])}; {WOULD_DO}") from error


def _first(error: Any) -> str:
    where = ".".join(str(each) for each in error["loc"]) or "the whole"
    return f"{where}: found {error['input']!r:.60}: {error['msg']}"
