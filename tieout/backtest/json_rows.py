"""JSON as exchanges' APIs give it, as columns of texts: rows by place, rows by name, order books.

A number keeps the text that it had. What an answer is wrapped in (`result`, `data`, `list`) is
taken off; each list of rows, or each line of a .jsonl, is one file's rows.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from tieout.backtest.formats import NEWEST_FIRST, SHAPES, Shape, shape_of

WRAPPED: Final = ("result", "data", "list", "rows", "trades")
BIDS, ASKS = ("bids", "b"), ("asks", "a")
BOOK_TIMES: Final = ("timestamp", "E", "ts", "cts", "T", "time")
DELTAS: Final = ("update", "delta")
LISTS: Final = "a list of trades, bars or books, as an exchange's API gives it,"

Cells = list[str | None]


class BadRows(ValueError):
    """Not the JSON of a market; says where, what was found and what would do."""


class Told(NamedTuple):
    """What was found: its name, its columns, and how its rows are ordered."""

    name: str
    columns: Mapping[str, Cells]
    shape: Shape | None = None
    newest_first: bool = False


def columns_of(bytes_: bytes, *, lines: bool) -> Told:
    """The columns of the rows in this text; raises `BadRows`."""
    if lines:
        return _columns([_read(line) for line in bytes_.splitlines() if line.strip()])
    return _columns(_rows(_read(bytes_)))


def _read(text: bytes) -> object:
    try:
        return json.loads(text, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError) as error:
        would_do = "recorded trades, bars or books as .json or .json.gz would do"
        raise BadRows(f"not JSON: {error}; {would_do}") from error


def _rows(told: object) -> list[Any]:
    """The list in an answer; one book alone is a list of one."""
    while isinstance(told, dict) and not _is_book(told):
        inner = [told[each] for each in WRAPPED if isinstance(told.get(each), (list, dict))]
        if not inner:
            raise BadRows(f"found dict without {', '.join(WRAPPED)}; {LISTS} would do")
        told = inner[0]
    if isinstance(told, dict):
        return [told]
    if not isinstance(told, list):
        raise BadRows(f"found {type(told).__name__}; {LISTS} would do")
    return told


def _columns(rows: Sequence[Any]) -> Told:
    if not rows:
        return Told("no row", {})
    messages = [each for row in rows for each in _messages(row)]
    if isinstance(messages[0], dict):
        return _books(messages) if _is_book(messages[0]) else _named(messages)
    return _placed(messages)


def _messages(row: Any) -> Iterable[Any]:
    """A row, or what a message of a stream holds, with the time and the kind that stand around."""
    inner = row.get("data") if isinstance(row, dict) else None
    if isinstance(inner, dict):
        return [{**row, **inner}]
    if isinstance(inner, list) and inner and isinstance(inner[0], dict):
        return [{**row, **each} for each in inner]
    return [row]


# --- rows by place, rows by name -----------------------------------------------------------------


def _placed(rows: Sequence[Any]) -> Told:
    shape = shape_of(_cells(0, rows[0]))
    if shape is None:
        shapes = "; ".join(f"[{', '.join(each.columns)}]" for each in SHAPES[:2])
        raise BadRows(f"row 0: found {rows[0]!r:.80}; {shapes} would do")
    cells = [_cells(number, row) for number, row in enumerate(rows)]
    for number, row in enumerate(cells):
        if len(row) != len(shape.columns):
            raise BadRows(
                f"row {number}: found {rows[number]!r:.80}; [{', '.join(shape.columns)}] would do"
            )
    columns = dict(zip(shape.columns, map(list, zip(*cells, strict=True)), strict=True))
    return Told(shape.name, columns, shape, shape.order == "newest first")


def _cells(number: int, row: Any) -> Cells:
    if not isinstance(row, list):
        raise BadRows(f"row {number}: found {row!r:.80}; a list like those around it would do")
    return [_text(each) for each in row]


def _named(rows: Sequence[Any]) -> Told:
    for number, row in enumerate(rows):
        if not isinstance(row, dict):
            raise BadRows(f"row {number}: found {row!r:.80}; an object like the first would do")
    names = [name for name in rows[0] if not isinstance(rows[0][name], (dict, list))]
    columns = {name: [_text(row.get(name)) for row in rows] for name in names}
    known = next((n for n, keys in NEWEST_FIRST.items() if keys <= columns.keys()), "")
    return Told(known or "rows by name", columns, newest_first=bool(known))


def _text(cell: object) -> str | None:
    """The cell's text; nothing of what is neither text, number nor truth."""
    if cell is None or isinstance(cell, (dict, list)):
        return None
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return str(cell)


# --- order books ---------------------------------------------------------------------------------


def _is_book(message: Mapping[str, Any]) -> bool:
    return _levels(message, BIDS) is not None and _levels(message, ASKS) is not None


def _levels(message: Mapping[str, Any], names: Iterable[str]) -> list[Any] | None:
    return next((message[name] for name in names if isinstance(message.get(name), list)), None)


def _books(messages: Sequence[Any]) -> Told:
    """A row per level, `update` the number of the message that it stands in."""
    columns: dict[str, Cells] = {
        name: [] for name in ("at", "fresh", "side", "price", "quantity", "update")
    }
    for number, message in enumerate(messages):
        if not isinstance(message, dict) or not _is_book(message):
            raise BadRows(f"row {number}: found {message!r:.80}; a book like the first would do")
        at, fresh = _book_time(number, message), _is_snapshot(message)
        for side, names in (("buy", BIDS), ("sell", ASKS)):
            for price, quantity in _pairs(number, _levels(message, names) or []):
                cells = (at, "1" if fresh else "0", side, price, quantity, str(number))
                for column, cell in zip(columns.values(), cells, strict=True):
                    column.append(cell)
    return Told("order books", columns)


def _book_time(number: int, message: Mapping[str, Any]) -> str:
    told = next((message[name] for name in BOOK_TIMES if message.get(name) is not None), None)
    if told is None:
        names = ", ".join(BOOK_TIMES)
        raise BadRows(f"row {number}: found a book without a time; one of {names} would do")
    return str(told)


def _is_snapshot(message: Mapping[str, Any]) -> bool:
    """A whole book: it says so, or nothing says that it is a change."""
    told = message.get("action", message.get("type"))
    return told == "snapshot" or (told not in DELTAS and message.get("e") != "depthUpdate")


def _pairs(number: int, levels: Iterable[Any]) -> list[tuple[str | None, str | None]]:
    pairs = []
    for level in levels:
        if not isinstance(level, list) or len(level) < 2:
            raise BadRows(f"row {number}: found {level!r:.80}; [price, quantity] would do")
        pairs.append((_text(level[0]), _text(level[1])))
    return pairs
