"""The facts about people as they are handed to the vault: a file that people or systems write.

True here: it says who may have which address, and what is known of them. Whoever is not in it is a
stranger. It stays where it was written: journal, chain and answers have nothing of it.
"""

from collections import Counter
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError, model_validator

from risk.written import NotYaml, Part, content, document
from tokens.facts import Facts, KycState, LockUp
from tokens.policy import Country, Name, Units

Address = Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]{40}$", strict=True)]
Moment = Annotated[int, Field(strict=True, ge=0, lt=1 << 62)]


class BadPeople(ValueError):
    """The file names nobody; the text says where, what was found and what would do."""


class Locked(Part):
    """So much may not leave before then, in seconds."""

    value: Units
    until: Moment


class Person(Part):
    """What is known of one person. Times are seconds, and 0 is never."""

    person: Name
    addresses: tuple[Address, ...] = ()
    jurisdiction: Country
    kyc: KycState
    kyc_until: Moment
    accredited_until: Moment = 0
    sanctioned: Annotated[bool, Field(strict=True)] = False
    lock_ups: tuple[Locked, ...] = ()

    def facts(self) -> Facts:
        """As the vault has them."""
        return Facts(
            person=self.person,
            jurisdiction=self.jurisdiction,
            kyc=self.kyc,
            kyc_until=self.kyc_until,
            accredited_until=self.accredited_until,
            sanctioned=self.sanctioned,
            lock_ups=tuple(LockUp(each.value, each.until) for each in self.lock_ups),
        )


class People(Part):
    """All of them. No name stands twice, and no address is two people's."""

    people: tuple[Person, ...]

    @model_validator(mode="after")
    def _told_apart(self) -> "People":
        names = [each.person for each in self.people]
        owned = [address.lower() for each in self.people for address in each.addresses]
        for what, found in (("person", names), ("address", owned)):
            if twice := [each for each, times in Counter(found).items() if times > 1]:
                raise ValueError(f"{what} {twice[0]} stands twice; once would do")
        return self

    def owners(self) -> dict[str, str]:
        """Whose each address is."""
        return {address.lower(): each.person for each in self.people for address in each.addresses}


def read_people(path: Path) -> People:
    """The people of a file; raises `BadPeople`, or an `OSError`."""
    try:
        return People.model_validate(document(content(path).decode()))
    except (NotYaml, UnicodeDecodeError) as error:
        raise BadPeople(f"{path}: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(each) for each in first["loc"]) or "the document"
        raise BadPeople(f"{path}: {where}: found {first['input']!r:.60}: {first['msg']}") from error
