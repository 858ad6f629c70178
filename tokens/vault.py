"""The vault of facts about people: sealed for each person, chained for all, erasable.

Rule 1. A record is sealed (AES-256-GCM) under a key of the person's own. Whoever destroys the key
has erased the person: no record of theirs can be opened again, here or in any copy.
Rule 2. A record's *commitment* is a hash of its facts under a salt of 128 bits, which is sealed
with them. Commitments may be journaled: without the key they tell nothing.
Rule 3. Records are chained by hash over what is sealed, so that the chain verifies after any
erasure, and a record that was changed, left out or put elsewhere is found: of the last ones only
by whoever noted the `head`.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec
from msgspec import Struct

from tokens.facts import Facts

SALT_BYTES = 16
KEY_BYTES = 32
NONCE_BYTES = 12
GENESIS = "0" * 64


class Erased(LookupError):
    """The person's key is destroyed: what was known cannot be known again."""


class BrokenChain(ValueError):
    """A record is not what the chain says; the text names which."""


class Record(Struct, frozen=True):
    """One record: to what the facts are committed, and the facts where only the key opens them."""

    number: int
    subject: str
    commitment: str
    sealed: bytes
    before: str

    def chained(self) -> str:
        """The hash that the next record follows."""
        told = f"{self.number} {self.subject} {self.commitment} {self.before} ".encode()
        return hashlib.sha256(told + self.sealed).hexdigest()


class Sealed(Struct, frozen=True):
    """What is inside: salt and facts."""

    salt: bytes
    facts: Facts


@dataclass(slots=True)
class Vault:
    """Records and keys. `dice(n)` gives n bytes that nobody can guess: `secrets.token_bytes` live.

    `subject` of a record is an opaque name of the person: the first commitment to them.
    """

    dice: Callable[[int], bytes]
    records: list[Record] = field(default_factory=list)
    keys: dict[str, bytes] = field(default_factory=dict, repr=False)
    _newest: dict[str, int] = field(default_factory=dict)
    _people: dict[str, str] = field(default_factory=dict, repr=False)

    def put(self, facts: Facts) -> Record:
        """State a person's facts anew."""
        inside = Sealed(self.dice(SALT_BYTES), facts)
        committed = commitment(inside)
        subject = self._people.setdefault(facts.person, committed)
        key = self.keys.setdefault(subject, self.dice(KEY_BYTES))
        before = self.head()
        number = len(self.records)
        sealed = _seal(key, self.dice(NONCE_BYTES), msgspec.msgpack.encode(inside), number)
        record = Record(number, subject, committed, sealed, before)
        self.records.append(record)
        self._newest[subject] = number
        return record

    def newest(self, person: str) -> tuple[Facts, str] | None:
        """A person's facts as last stated, with the commitment to them; None if unknown."""
        subject = self._people.get(person)
        if subject is None:
            return None
        record = self.records[self._newest[subject]]
        return self.open(record).facts, record.commitment

    def open(self, record: Record) -> Sealed:
        """What a record says; raises `Erased`, or `BrokenChain` where it is not what it was."""
        key = self.keys.get(record.subject)
        if key is None:
            raise Erased(f"record {record.number}: the key of its person is destroyed")
        inside = msgspec.msgpack.decode(_unseal(key, record), type=Sealed)
        if commitment(inside) != record.commitment:
            raise BrokenChain(f"record {record.number}: its facts are not those committed to")
        return inside

    def erase(self, person: str) -> int:
        """Destroy the person's key; how many records nobody can open any more."""
        subject = self._people.pop(person, None)
        if subject is None:
            return 0
        del self.keys[subject], self._newest[subject]
        return sum(record.subject == subject for record in self.records)

    def head(self) -> str:
        """The hash of all records: what is noted elsewhere to know later that none is missing."""
        return self.records[-1].chained() if self.records else GENESIS

    def verify(self, *heads: str) -> int:
        """How many records follow on one another as they should; raises `BrokenChain`.

        `heads` are those that were noted: each must be that of the records up to some place.
        """
        before, passed = GENESIS, [GENESIS]
        for number, record in enumerate(self.records):
            if record.number != number or record.before != before:
                raise BrokenChain(f"record {number}: it does not follow on the one before it")
            before = record.chained()
            passed.append(before)
        if not set(heads).issubset(passed):
            raise BrokenChain("records that a noted head was of are missing or were changed")
        return len(self.records)


class People(Struct, frozen=True):
    """What must never stand beside the records: whose they are, and the keys that open them."""

    subjects: dict[str, str] = {}
    keys: dict[str, bytes] = {}


def people_of(vault: Vault) -> People:
    """All that opens its records."""
    return People(dict(vault._people), dict(vault.keys))


def vault_of(dice: Callable[[int], bytes], records: list[Record], people: People) -> Vault:
    """The vault that has these records and these keys; raises `BrokenChain`."""
    vault = Vault(dice, list(records), dict(people.keys))
    vault.verify()
    vault._newest |= {each.subject: each.number for each in records if each.subject in vault.keys}
    vault._people |= {
        person: subject for person, subject in people.subjects.items() if subject in vault._newest
    }
    return vault


def commitment(inside: Sealed) -> str:
    """The hash of salt and facts, in an order of fields that is always the same."""
    return hashlib.sha256(inside.salt + msgspec.msgpack.encode(inside.facts)).hexdigest()


def _seal(key: bytes, nonce: bytes, told: bytes, number: int) -> bytes:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return nonce + AESGCM(key).encrypt(nonce, told, str(number).encode())


def _unseal(key: bytes, record: Record) -> bytes:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce, sealed = record.sealed[:NONCE_BYTES], record.sealed[NONCE_BYTES:]
    try:
        return AESGCM(key).decrypt(nonce, sealed, str(record.number).encode())
    except InvalidTag:
        raise BrokenChain(f"record {record.number}: what is sealed was changed") from None
