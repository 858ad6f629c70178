"""The NACHA files that a bank was sent: none twice under two names, and no two under one.

Rule 1. A file is known by its origin, the minute in which it says that it was made, and its File ID
Modifier. The same name with the same contents is an echo: the bytes of before, sent again.
Rule 2. The same name with other contents, or the same payments under another name, is refused, and
not sent: the first would be taken for what it is not, and the second would pay twice.
Rule 3. The last `KEPT` files are compared, since the program started: who numbers the files
(`core.filing`) remembers for longer, and so does the bank.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256

KEPT = 10_000
_NAME = slice(13, 34)  # of the file header


class DuplicateFile(ValueError):
    """The file must not be sent; the text says which one stands in its way."""


@dataclass(slots=True)
class FilesSent:
    """What went out to one bank, oldest first: what each file pays by its name, and the reverse."""

    contents: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)

    def admit(self, file: bytes) -> bytes:
        """The file, which is about to be sent. Raises `DuplicateFile`."""
        name, paid = file[_NAME].decode("ascii").strip(), contents(file)
        if self.contents.get(name, paid) != paid:
            raise DuplicateFile(f"file {name} was sent with other contents")
        if self.names.get(paid, name) != name:
            raise DuplicateFile(f"file {name} pays what file {self.names[paid]} paid")
        self.contents[name], self.names[paid] = paid, name
        if len(self.contents) > KEPT:
            oldest = next(iter(self.contents))
            del self.names[self.contents.pop(oldest)]
        return file


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
