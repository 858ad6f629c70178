"""What is said line by line: plain where it is a text, styled on a terminal."""

from collections.abc import Iterator
from typing import Protocol

from rich.console import Group, RenderableType
from rich.text import Text


class InLines(Protocol):
    """Whoever has texts can be printed, and shown by rich."""

    __slots__ = ()

    def texts(self) -> Iterator[Text]:
        """Line by line, for a person."""
        ...

    def __str__(self) -> str:
        return "\n".join(text.plain for text in self.texts())

    def __rich__(self) -> RenderableType:
        return Group(*self.texts())
