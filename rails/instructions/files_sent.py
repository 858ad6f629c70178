"""The files that a bank has been sent: no file twice, and no two of a day under one name.

Rule. The same id with the same contents is an echo, and gets the File ID Modifier that it had, so
that a file built again is the same bytes. The same id with other contents, or the same contents
under another id, is refused: somebody is about to pay twice.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256

from rails.instructions.nacha import MODIFIERS


class DuplicateFile(ValueError):
    """The file was sent before; the text says under which id and when."""


@dataclass(slots=True, frozen=True)
class Sent:
    """A file that went out: which, on which local day, under which modifier."""

    file_id: str
    contents: str
    day: str
    modifier: str


@dataclass(slots=True)
class FilesSent:
    """What went out to one bank; forgets nothing, and is filled again from what was journaled."""

    by_id: dict[str, Sent] = field(default_factory=dict)
    by_contents: dict[str, Sent] = field(default_factory=dict)

    def admit(self, file_id: str, contents: str, day: str) -> Sent:
        """Take note of a file that is about to be sent. Raises `DuplicateFile`."""
        known = self.by_id.get(file_id) or self.by_contents.get(contents)
        if known is None:
            return self._remember(Sent(file_id, contents, day, self._modifier(day)))
        if (known.file_id, known.contents) == (file_id, contents):
            return known
        what = "other contents" if known.file_id == file_id else "the same contents"
        raise DuplicateFile(f"{file_id}: file {known.file_id} of {known.day} has {what}")

    def _remember(self, sent: Sent) -> Sent:
        self.by_id[sent.file_id] = self.by_contents[sent.contents] = sent
        return sent

    def _modifier(self, day: str) -> str:
        used = sum(1 for sent in self.by_id.values() if sent.day == day)
        if used >= len(MODIFIERS):
            raise DuplicateFile(f"{day}: {len(MODIFIERS)} files were sent, and a day has no more")
        return MODIFIERS[used]


def contents(file: bytes) -> str:
    """A fingerprint of what a NACHA file pays: all of its entries, and neither names nor numbers
    that change when it is built anew."""
    return sha256(b"\n".join(_paid(file))).hexdigest()


def _paid(file: bytes) -> Iterator[bytes]:
    for line in file.splitlines():
        if line.startswith(b"6"):
            yield line[:79]
        elif line.startswith(b"7"):
            yield line[:83]
