"""The documents that are drawn from the code: events and effects, the order lifecycle, the rails,
the lifecycles of risk, and tokens.

    python -m tieout.docs            writes them into docs/
    python -m tieout.docs --check    says which are stale, and exits with 1 if any is

Rule. They say what the code says, in its own words; nobody writes in them by hand.
"""

import ast
import inspect
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Literal, assert_never, get_args, get_origin

import msgspec

from core import (
    effects,
    events,
    fact,
    orders,
    rail_effects,
    rail_events,
    risk_effects,
    risk_events,
    token_effects,
    token_events,
    wish,
)
from core.effects import Effect
from core.events import Event
from rails import schemes
from rails.calendars import SOURCES
from rails.schemes import Scheme, WithinRow
from tieout.risk import document as risk_document
from tieout.tokens import document as token_document

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
WITHIN = (
    *(events.StatementRow, rail_events.Window, rail_events.Within),
    *(rail_events.LegWanted, rail_events.LinePart),
    *(risk_events.RiskLimit, risk_events.StrategyTerms, risk_events.StatedExposure),
    *(risk_events.Amount, risk_events.Use, risk_events.Ticket, risk_events.Demand),
    token_events.TokenLog,
)
WRITTEN = [
    each.__name__
    for each in (
        *(events, effects, rail_events, rail_effects),
        *(risk_events, risk_effects, token_events, token_effects, fact, wish),
    )
]  # modules of structs, which are never compiled: their source can be asked
MARK = "<!-- Written by `python -m tieout.docs` from the code. Change the code, then run it. -->\n"


def main(arguments: list[str]) -> int:
    """Write the documents, or check them; returns the exit status."""
    check = arguments == ["--check"]
    if arguments and not check:
        print(f"found {' '.join(arguments)}; nothing or --check would do", file=sys.stderr)
        return 2
    stale = [name for name, text in documents().items() if _read(DOCS / name) != text]
    for name in stale:
        if check:
            print(f"docs/{name} is stale: run `python -m tieout.docs`")
        else:
            DOCS.mkdir(exist_ok=True)
            (DOCS / name).write_text(documents()[name], encoding="utf-8")
            print(f"docs/{name} written")
    return 1 if check and stale else 0


def documents() -> dict[str, str]:
    """Each document's name and what it should hold."""
    return {
        "events.md": catalogue(),
        "order_lifecycle.md": lifecycle(),
        "rails.md": rails(),
        "risk_lifecycles.md": MARK + "\n" + risk_document.lifecycles(),
        "tokens.md": MARK + "\n" + token_document.tokens(),
    }


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


# --- the catalogue -------------------------------------------------------------------------------


def catalogue() -> str:
    """Every event and every effect: what it means, its fields, who takes it in."""
    parts = [
        MARK,
        "# Events and effects\n",
        "An event is a fact told to us; `core/step.py` takes it in and answers with effects, which"
        " are requests to the world. Both unions are closed: a new event that nobody handles does"
        " not type-check.\n",
        "Times are integer nanoseconds UTC; amounts, quantities and prices the scaled integers of"
        " `core/money.py`.\n",
        f"## Events: {len(get_args(Event))}\n",
        _docstring("events"),
        "Every event carries:\n",
        fields(fact.Fact),
    ]
    for module in (events, rail_events, risk_events, token_events):
        parts += _told_in(module, handlers())
    parts += ["### Words\n", words(), "### Within events\n"]
    for each in WITHIN:
        parts += [f"#### {each.__name__}\n", _docstring(each), fields(each)]
    parts += [f"## Effects: {len(get_args(Effect))}\n", _docstring("effects")]
    for each in get_args(Effect):
        parts += [f"### {each.__name__}\n", _docstring(each), fields(each)]
    return "\n".join(parts)


def _told_in(module: ModuleType, taken_by: dict[str, str]) -> Iterator[str]:
    """The events of one module, under its headings."""
    union = [each for each in get_args(Event) if each.__module__ == module.__name__]
    for heading, types in sections(module, union):
        if heading:
            yield f"### {heading[0].upper()}{heading[1:]}\n"
        for each in types:
            yield from (f"#### {each.__name__}\n", _docstring(each))
            yield f"Taken in by `{taken_by[each.__name__]}`.\n"
            yield fields(each, inherited=fact.Fact)


def sections(module: ModuleType, union: Iterable[type]) -> Iterator[tuple[str, list[type]]]:
    """The members of a union under the headings of their source, in its order."""
    members = {each.__name__: each for each in union}
    heading, found = "", list[type]()
    for line in inspect.getsource(module).splitlines():
        if line.startswith("# --- "):
            if found:
                yield heading, found
            heading, found = line.strip("# -"), []
        elif line.startswith("class "):
            name = line[6:].partition("(")[0]
            if name in members:
                found.append(members.pop(name))
    yield heading, found
    assert not members, f"{list(members)} stand in the union and not in the module"


def handlers() -> dict[str, str]:
    """Who takes in each event, read from the `match` of `step` and of those it asks."""
    return _handlers("step") | _handlers("settlement") | _handlers("risks") | _handlers("issuance")


def _handlers(module: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for case in (node for node in ast.walk(_source(module)) if isinstance(node, ast.match_case)):
        if not isinstance(case.pattern, ast.MatchClass):
            continue
        # What the case returns, or adds last, is its handler's answer; where it has none, `step`
        # itself is it.
        returned = case.body[-1]
        answer = returned.value if isinstance(returned, ast.Return) else None
        last = answer.right if isinstance(answer, ast.BinOp) else answer
        handler = ast.unparse(last.func) if isinstance(last, ast.Call) else "step"
        name = ast.unparse(case.pattern.cls)
        found[name] = handler if "." in handler else f"{module}.{handler}"
    return found


def words() -> str:
    """The closed sets of words that fields may hold."""
    lines = ["| type | one of |", "|---|---|"]
    for name, alias in _vocabulary().items():
        if get_origin(alias) is Literal:
            told = ", ".join(word or "(nothing)" for word in get_args(alias))
            lines.append(f"| `{name}` | {told} |")
    return "\n".join(lines) + "\n"


def _vocabulary() -> dict[str, object]:
    return vars(events) | vars(rail_events) | vars(risk_events) | vars(token_events)


def fields(struct: type, inherited: type | None = None) -> str:
    """A table of a struct's own fields."""
    known = {each.name for each in msgspec.structs.fields(inherited)} if inherited else set()
    own = [each for each in msgspec.structs.fields(struct) if each.name not in known]
    if not own:
        return ""
    lines = ["| field | type | if not said |", "|---|---|---|"]
    types = {name: text for base in reversed(struct.__mro__) for name, text in _types(base)}
    for each in own:
        default = "" if each.default is msgspec.NODEFAULT else f"`{each.default!r}`"
        lines.append(f"| `{each.name}` | {types[each.name]} | {default} |")
    return "\n".join(lines) + "\n"


def _types(struct: type) -> Iterator[tuple[str, str]]:
    """The types as the source has them: `Side` says more than the words that it stands for."""
    if struct.__module__ not in WRITTEN:
        return
    module = ast.parse(inspect.getsource(sys.modules[struct.__module__]))
    for node in module.body:
        if isinstance(node, ast.ClassDef) and node.name == struct.__name__:
            for line in node.body:
                if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name):
                    text = ast.unparse(line.annotation).replace("|", "\\|")
                    yield line.target.id, f"`{text}`"


def _source(name: str) -> ast.Module:
    """A module of core as it is written: a compiled one cannot be asked."""
    return ast.parse((ROOT / "core" / f"{name}.py").read_text(encoding="utf-8"))


def _docstring(thing: type | ModuleType | str) -> str:
    """The words of a type, a module, or a module of core by its name; each rule on its own."""
    told = ast.get_docstring(_source(thing)) if isinstance(thing, str) else inspect.getdoc(thing)
    return re.sub(r"\n(Rule \d)", r"\n\n\1", told or "") + "\n"


# --- the lifecycle -------------------------------------------------------------------------------


def lifecycle() -> str:
    """The order lifecycle as a picture and as a table, both from `core/orders.py`."""
    lines = [MARK, "# The order lifecycle\n", _docstring("orders"), "```mermaid", "stateDiagram-v2"]
    lines.append("    direction LR")
    first = next(iter(orders.MOVES))
    lines.append(f"    [*] --> {first}")
    for status, moves in orders.MOVES.items():
        lines += [f"    {status} --> {to}" for to in moves]
        if not moves:
            lines.append(f"    {status} --> [*]")
    lines.append(f"    {' --> '.join(orders.TAKEN_BACK)}: one of its fills was undone")
    lines += [
        "    classDef working fill:#e3f1f5,stroke:#2b7a8c,color:#1c2733",
        "    classDef over fill:#f2f4f6,stroke:#64717f,color:#1c2733",
        f"    class {','.join(orders.WORKING)} working",
        f"    class {','.join(orders.TERMINAL)} over",
        "```\n",
        "Blue: the order may still fill and counts as exposure. Grey: it is over; what a venue"
        " tells after that may correct it where the table says so.\n",
        "| from | may become | counts as |",
        "|---|---|---|",
    ]
    for status, moves in orders.MOVES.items():
        counts = "working" if status in orders.WORKING else "not sent yet"
        counts = "over" if status in orders.TERMINAL else counts
        lines.append(f"| {status} | {', '.join(moves) or 'nothing: it ends here'} | {counts} |")
    lines.append("")
    return "\n".join(lines)


# --- the rails -----------------------------------------------------------------------------------


def rails() -> str:
    """The terms of every scheme, as a table and each in its own words."""
    rows = schemes.load()
    parts = [
        MARK,
        "# The rails\n",
        "The terms on which Tieout moves value, scheme by scheme: what settles a payment there, and"
        " when, and for how long it may still come back. Core decides by these rows and by nothing"
        " else.\n",
        "| scheme | direction | settled by | sent before → settled | may come back | limit |",
        "|---|---|---|---|---|---|",
        *(_overview(name, row) for name, row in rows.items()),
        "\nTimes of day are those of the calendar's place. -03:00 is 21:00 on the evening before,"
        " 26:15 a quarter past two in the night after; +1 is one banking day later.\n",
        "| calendar | place | closed on weekends and on |",
        "|---|---|---|",
        *(f"| {name} | {source.zone} | {source.words} |" for name, source in SOURCES.items()),
        "",
    ]
    for name, row in rows.items():
        parts += [f"## {name}\n", *_terms(row)]
    return "\n".join(parts)


def _overview(name: str, row: Scheme) -> str:
    back = "; ".join(_span(each) for each in row.returns) or "no"
    moves = "we pay" if row.kind == "out" else "we pull"
    moves = "others pay us" if row.pushed else moves
    cells = (f"[{row.name}](#{name})", f"{moves} {row.asset}", row.settled_by, _windows(row))
    return "| " + " | ".join((*cells, back, _limit(row))) + " |"


def _terms(row: Scheme) -> Iterator[str]:
    told = {
        "account": f"`{row.account}`",
        "settled by": f"{row.settled_by}: {row.evidence}",
        "in these words alone": ", ".join(row.settled_codes),
        "calendar": row.calendar or "none",
        "windows": _windows(row),
        "silence": _span(row.silence) if row.silence else "",
        "may come back": "<br>".join(_coded(each) for each in row.returns) or "never",
        "its receiver may give it back": "<br>".join(_coded(each) for each in row.consents),
        "we may ask it back": "<br>".join(_coded(each) for each in row.recalls) or "no",
        "evidence is due": f"{_length(row.settles_within)} after settlement, or after sending where"
        " there are no windows",
        "an answer is due": f"{_length(row.answer_within)} after sending; then we ask every"
        f" {_length(row.query_every)}, at most {row.queries_max} times",
        "limit": _limit(row),
        "fees": f"{row.fee.rule}; explained so is up to {row.fee.max} {row.asset} of a payment,"
        f" {row.fee.back} of what comes back, {row.fee.incoming} of what others pay to us",
        "our id": f"{row.idempotency.key}; honoured {_validity(row)}",
        "sent again": _resend(row),
        "retries": row.retries,
        "duplicates": row.duplicates + ("; may be booked many in one line" if row.batched else ""),
        "beneficiaries": row.beneficiaries and f"{row.beneficiaries} (see `core/beneficiaries.py`)",
        "mind": row.note,
        "after": "<br>".join(row.cites),
        "checked": str(row.checked),
        "our assumption": "<br>".join(row.unchecked),
    }
    yield "| | |\n|---|---|"
    yield from (f"| {name} | {text} |" for name, text in told.items() if text)
    yield ""


def _resend(row: Scheme) -> str:
    """After what a payment goes again under its own id."""
    if row.resend is None:
        return ""
    within = _length(row.resend.listed_within)
    match row.resend.after:
        case "one_denial":
            return f"under its own id, once they deny having it {within} after it went"
        case "two_denials":
            said = f"they deny having it twice, {within} apart"
            return f"under its own id, once {said}, and the record read since does not show it"
        case "never":
            return f"never: what they deny having {within} after it went is a person's"
    assert_never(row.resend.after)


def _windows(row: Scheme) -> str:
    """Cut-off and settlement of each window."""
    shown = [
        f"{_clock(each.cutoff)} → {'at once' if each.settles <= 0 else _clock(each.settles)}"
        + (f" +{each.days}" if each.days else "")
        for each in row.windows
    ]
    return ", ".join(shown) or "at any time → at once"


def _span(row: WithinRow) -> str:
    number, unit = row.within
    days = "day" if row.then_banking_days == 1 else "days"
    then = f", then {row.then_banking_days} banking {days}" if row.then_banking_days else ""
    return f"{number} {unit.replace('_', ' ')}{then}, until {_clock(row.until)}"


def _coded(row: WithinRow) -> str:
    return f"{_span(row)}: {' '.join(row.codes)}"


def _limit(row: Scheme) -> str:
    most = row.units("amount_max", row.amount_max)
    return f"{row.amount_max} {row.asset}" if most else "none"


def _validity(row: Scheme) -> str:
    return f"for {_length(row.idempotency.valid)}" if row.idempotency.valid else "for ever"


def _clock(of_day: int) -> str:
    hours, minutes = divmod(abs(of_day) // (60 * schemes.SECOND), 60)
    return f"{'-' if of_day < 0 else ''}{hours:02}:{minutes:02}"


def _length(ns: int) -> str:
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if ns % (size * schemes.SECOND) == 0:
            return f"{ns // (size * schemes.SECOND)} {unit}"
    return f"{ns // schemes.SECOND} s"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
