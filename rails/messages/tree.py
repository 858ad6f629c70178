"""XML as banks send it, read into a plain tree: no namespace, no entity, no document type.

Names lose their prefix, for prefixes differ by bank and one of them forgot the namespace. A
document type is refused, and with it every entity that could expand or reach outside.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

from rails.messages.context import Unreadable

DEPTH_MAX = 64
NODES_MAX = 1_000_000


@dataclass(slots=True)
class Node:
    """One element: its name without prefix, its attributes, its text, and what stands in it."""

    name: str
    attributes: dict[str, str] = field(default_factory=dict)
    children: list["Node"] = field(default_factory=list)
    text: str = ""

    def all(self, path: str) -> list["Node"]:
        """Every element under the path ("NtryDtls/TxDtls")."""
        nodes = [self]
        for name in path.split("/"):
            nodes = [child for node in nodes for child in node.children if child.name == name]
            if not nodes:
                break
        return nodes

    def first(self, path: str) -> "Node | None":
        """The first element under the path, if there is one."""
        found = self.all(path)
        return found[0] if found else None

    def said(self, *paths: str) -> str:
        """The text under the first of these paths that has one; "" if none has."""
        for path in paths:
            for node in self.all(path):
                if node.text:
                    return node.text
        return ""

    def is_true(self, path: str) -> bool:
        """Whether an indicator says so, by either of XML's words."""
        return self.said(path) in ("true", "1")

    def walk(self) -> Iterator["Node"]:
        """This element and all in it, in the order of the document."""
        waiting = [self]
        while waiting:
            node = waiting.pop()
            yield node
            waiting.extend(reversed(node.children))


def parse(body: bytes) -> Node:
    """The document's root."""
    growing = _Growing()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = growing.doctype
    parser.StartElementHandler = growing.start
    parser.EndElementHandler = growing.end
    parser.CharacterDataHandler = growing.text
    try:
        parser.Parse(body, True)
    except (expat.ExpatError, LookupError) as error:
        raise Unreadable(f"not well-formed XML: {error}") from error
    return growing.root.children[0]


class _Growing:
    """The tree while the parser walks through the document."""

    def __init__(self) -> None:
        self.root = Node("")
        self.open = [self.root]
        self.said: list[list[str]] = [[]]
        self.nodes = 0

    def doctype(self, *_told: object) -> None:
        raise Unreadable("a document type: no bank's message has one, and it may hide entities")

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self.open) > DEPTH_MAX:
            raise Unreadable(f"elements nested deeper than {DEPTH_MAX}")
        self.nodes += 1
        if self.nodes > NODES_MAX:
            raise Unreadable(f"more than {NODES_MAX} elements")
        node = Node(name.rpartition(":")[2], attributes)
        self.open[-1].children.append(node)
        self.open.append(node)
        self.said.append([])

    def text(self, text: str) -> None:
        self.said[-1].append(text)

    def end(self, _name: str) -> None:
        self.open.pop().text = "".join(self.said.pop()).strip()
