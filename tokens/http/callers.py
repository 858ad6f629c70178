"""Who may ask the control plane what, and how often: a file that people write.

Rule 1. The file holds hashes: whoever reads it can ask nothing. A key is 32 bytes of chance, so one
SHA-256 is enough, and two hashes stand side by side while a key is changed.
Rule 2. A caller sees the tokens that it is named for; of others it is not even told that they are.
Rule 3. What a role may do stands in `MAY` and nowhere else.
"""

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import Field, ValidationError, model_validator

from core.token_events import TokenKind
from risk.written import NotYaml, Part, content, document

Role = Literal["holder_desk", "issuer", "compliance", "read_only"]
# What is asked for, what is voided, and what is read: one's own requests, all of them, who holds
# what, and which fact about a person refused a movement.
Act = TokenKind | Literal["revoke", "own", "all", "register", "reasons"]
MAY: Mapping[Role, tuple[Act, ...]] = {
    "holder_desk": ("transfer", "burn", "revoke", "own"),
    "issuer": ("transfer", "mint", "burn", "revoke", "own", "all", "register", "reasons"),
    "compliance": ("recovery", "revoke", "own", "all", "register", "reasons"),
    "read_only": ("own", "all", "register"),
}
KINDS: tuple[TokenKind, ...] = get_args(TokenKind)
KEY_LETTERS_MIN = 32
MINUTE = 60_000_000_000

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.@-]{1,64}$", strict=True)]
Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", strict=True)]


class BadCallers(ValueError):
    """The file names no callers; the text says where, what was found and what would do."""


class Caller(Part):
    """One caller: a system of a desk, of the issuer, of compliance, or one that only reads."""

    name: Name
    role: Role
    tokens: Annotated[tuple[Name, ...], Field(min_length=1)]
    key_sha256: Annotated[tuple[Hash, ...], Field(min_length=1, max_length=2)]
    per_minute: Annotated[int, Field(strict=True, ge=1, le=60_000)] = 60
    burst: Annotated[int, Field(strict=True, ge=1, le=10_000)] = 10

    def may(self, act: Act) -> bool:
        """Whether its role has it."""
        return act in MAY[self.role]


class Callers(Part):
    """All of them. No name and no key is two callers'."""

    callers: Annotated[tuple[Caller, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _told_apart(self) -> "Callers":
        names = [each.name for each in self.callers]
        hashes = [told for each in self.callers for told in each.key_sha256]
        for what, found in (("name", names), ("key_sha256", hashes)):
            if twice := [each for each in found if found.count(each) > 1]:
                raise ValueError(f"{what} {twice[0]:.12} stands twice; one of each would do")
        return self

    def by_key(self, key: str) -> Caller | None:
        """Whose key it is. It is looked up by its hash, so that time tells nothing of it."""
        if len(key) < KEY_LETTERS_MIN:
            return None
        told = hash_of(key)
        return next((each for each in self.callers if told in each.key_sha256), None)


def hash_of(key: str) -> str:
    """What the file holds of a key."""
    return hashlib.sha256(key.encode(errors="replace")).hexdigest()


def new_key(dice: Callable[[int], bytes]) -> str:
    """A key for a new caller: `secrets.token_bytes` are the dice."""
    return "tk_" + dice(32).hex()


def read_callers(path: Path) -> Callers:
    """The callers of a file; raises `BadCallers`, or an `OSError`."""
    try:
        return Callers.model_validate(document(content(path).decode()))
    except (NotYaml, UnicodeDecodeError) as error:
        raise BadCallers(f"{path}: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(each) for each in first["loc"]) or "the document"
        raise BadCallers(
            f"{path}: {where}: found {first['input']!r:.60}: {first['msg']}"
        ) from error


class Rates:
    """How often each caller asked: `burst` at once, `per_minute` in the long run."""

    def __init__(self) -> None:
        self._due: dict[str, int] = {}

    def wait_ns(self, caller: Caller, now: int) -> int:
        """0, and it has asked; else how long it has to wait. A clock that goes back frees nobody.

        Each asking moves on by its share of a minute when the next is due; `burst` may be ahead.
        """
        share = MINUTE // caller.per_minute
        due = max(self._due.get(caller.name, 0), now)
        ahead = due - now - (caller.burst - 1) * share
        if ahead > 0:
            return ahead
        self._due[caller.name] = due + share
        return 0
