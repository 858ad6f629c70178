"""What explains a claim that failed: truth against books, what was told, struck and differed.

Everything here is read off a run that is over; nothing is judged anew.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from core.journal import Record, decode_effect, decode_event
from sim.world import EPOCH_NS, SECOND
from tieout.failures.rerun import Moment, Rerun, figure_of
from tieout.reports.history import History, history, text_of
from tieout.reports.outcome import Claim, Outcome
from tieout.reports.trace import BadKey, of_figure, of_holding, plain
from tieout.settlement.trace import follow

Row = dict[str, Any]

ROWS_MAX = 20
ORDER = "order "  # how an order that differs is named, and its client order id
# How many of the postings of a holding are shown, before the moment and after it.
BEFORE, AFTER = 4, 2
STRIKES_MAX = 12
STORY_LINES_MAX = 40
WORDS_MAX = 400
# Of what two records say alike, so many letters stand before what they do not.
WORDS_BEFORE = 60


def truth_and_books(made: Rerun, claim: Claim) -> list[Row]:
    """Each thing that differs, as the world has it and as our books do; none where it raised."""
    outcome, figure = made.outcome, figure_of(claim)
    if outcome is None:
        return []
    summary = outcome.summary
    if figure == "silent_differences":
        return [{"what": each["holding"], **each} for each in summary["silent"]]
    if figure.startswith("differences."):
        of = figure.removeprefix("differences.")
        return [each for each in summary["differences"]["detail"] if each["of"] == of]
    if figure in ("drift.missed", "drift.false_alarms", "open_breaks", "open_suspects"):
        return list(_named(made, figure))[:ROWS_MAX]
    if figure == "limit_breaches":
        return [{"what": each["line"], **each} for each in summary["risk"]["breaches"]]
    if figure == "wrongly_settled" or figure.startswith("settlement."):
        return [_said(each) for each in summary["settlement"]["detail"]]
    if figure.startswith("tokens."):
        return [{"what": text} for text in summary["tokens"]["detail"]]
    return []


def _named(made: Rerun, figure: str) -> Iterator[Row]:
    """Holdings by what our books and the oracle say of each."""
    sim = made.simulation
    outcome = made.outcome
    assert outcome is not None, "asked of a run that came to its end"
    match figure:
        case "drift.missed":
            for drift in sim.oracle.missed():
                for holding in drift.fact.deltas:
                    yield {**_row(made, holding), "untold": drift.fact.kind, "id": drift.fact.key}
        case "drift.false_alarms":
            yield from (_row(made, holding) for holding in sim.oracle.false_alarms)
        case _:
            open_ = outcome.state.breaks if figure == "open_breaks" else outcome.state.suspects
            for holding, each in open_.items():
                yield {**_row(made, holding), "cause": each.cause, "since_s": _s(each.opened_at)}


def _row(made: Rerun, holding: str) -> Row:
    truth = made.simulation.truth.totals.get(holding, 0)
    outcome = made.outcome
    assert outcome is not None, "asked of a run that came to its end"
    books = text_of(outcome.state, holding, outcome.state.holdings.get(holding, 0))
    return {"what": holding, "truth": str(truth), "books": books}


def _said(each: Mapping[str, Any]) -> Row:
    """A line of settlement's own detail: a payment's, or a text under the name of who judged it."""
    if "payment" in each:
        return {"what": f"{each['scheme']} {each['payment']}", **each}
    ((who, text),) = each.items()
    return {"what": f"{who}: {text}"}


def since(made: Rerun, claim: Claim, rows: Sequence[Row]) -> Moment | None:
    """The moment at which it failed first: as it was watched, since a fact was booked once more, or
    since a holding is unequal."""
    moment = made.moment(claim.claim)
    if moment is not None or made.outcome is None:
        return moment
    if twice := _booked_twice(history(made.outcome.store), [row["what"] for row in rows]):
        return Moment(twice[1]["at_s"], twice[1]["record"])
    found = [at for row in rows if (at := _unequal_since(made.outcome, row["what"]))]
    if not found:
        return None
    records = [record.number for record in made.store.committed if record.at <= min(found)]
    return Moment(_s(min(found)), records[-1] if records else 0)


def _unequal_since(outcome: Outcome, holding: str) -> int:
    """Since when a holding is not what it should be: as we named it, or as it was looked at."""
    at = 0
    for sample in sorted(outcome.samples, key=lambda each: each.at):
        if sample.holding == holding:
            at = 0 if sample.truth == sample.books else at or sample.at
    state = outcome.state
    drift = state.breaks.get(holding) or state.suspects.get(holding)
    named = drift.opened_at if drift is not None else 0
    return min(filter(None, (at, named)), default=0)


def inputs(made: Rerun, rows: Sequence[Row], moment: Moment | None) -> list[Row]:
    """What we were told of the first thing that differs, around then, down to the frame."""
    if made.outcome is None:
        return _last_records(made)
    past = history(made.outcome.store)
    if twice := _booked_twice(past, [row["what"] for row in rows]):
        return twice
    for row in rows:
        try:
            if row["what"].startswith(ORDER):
                return _of_order(made, row["what"].removeprefix(ORDER))
            if row["what"] in past.state.figures:
                return list(_postings(of_figure(past, row["what"]).lines, moment))
            if "payment" in row:
                story = str(follow(row["payment"], made.outcome.store)).split("\n")
                return [{"told": line} for line in story[:STORY_LINES_MAX]]
            if row["what"] in past.state.holdings:
                return list(_postings(of_holding(past, row["what"]).lines, moment))
        except (BadKey, AssertionError):
            continue
    return []


def _booked_twice(past: History, names: Sequence[str]) -> list[Row]:
    """The postings of one fact that a figure has more than once: the first, where there is any."""
    for name in names:
        if name not in past.state.figures:
            continue
        lines = of_figure(past, name).lines
        times = Counter(line.identity for line in lines if line.identity)
        for identity in (each for each, so_often in times.items() if so_often > 1):
            told = [line for line in lines if line.identity == identity]
            if len({(line.name, line.amount) for line in told}) < len(told):
                rows = _postings(told[: BEFORE + AFTER], None)
                return [{"figure": name, **row, "booked": f"{len(told)} times"} for row in rows]
    return []


def _of_order(made: Rerun, name: str) -> list[Row]:
    """The last that an order's journal has of it."""
    records = [each for each in made.store.committed if each.kind in ("event", "effect")]
    said = f'"{name}"'.encode()
    return [_told(each) for each in records if said in each.body][-ROWS_MAX:]


def _postings(lines: Sequence[Any], moment: Moment | None) -> Iterator[Row]:
    record = moment.record if moment is not None and moment.record else 2**63
    before = [line for line in lines if line.event <= record][-BEFORE:]
    for line in [*before, *[line for line in lines if line.event > record][:AFTER]]:
        yield {
            "record": line.event,
            "at_s": _s(line.received_at),
            "told": f"{line.name} {line.identity}".strip(),
            "amount": plain(line.amount),
            "total": plain(line.running),
            "frame": line.frame,
            "raw": line.excerpt()[:WORDS_MAX],
        }


def _last_records(made: Rerun) -> list[Row]:
    """Of a run that raised: what was delivered last, and what it came from."""
    records = (*made.store.committed, *made.store.pending)
    return [_told(record) for record in records[-BEFORE:]]


def untold(made: Rerun, claim: Claim) -> list[Row]:
    """What happened in the world that the oracle knows our books had not taken in."""
    facts = []
    match figure_of(claim):
        case "silent_differences":
            facts = [fact for each in made.simulation.oracle.silent for fact in each.facts]
        case "drift.missed":
            facts = [drift.fact for drift in made.simulation.oracle.missed()]
    return [
        {
            "at_s": _s(fact.at),
            "account": fact.account,
            "kind": fact.kind,
            "cause": fact.cause,
            "id": list(fact.key),
            "changes": {name: str(delta) for name, delta in fact.deltas.items()},
        }
        for fact in facts[:ROWS_MAX]
    ]


def strikes(made: Rerun, rows: Sequence[Row], moment: Moment | None) -> list[Row]:
    """The last faults that had struck by then, where what differs is kept, or our node."""
    places = {part for row in rows for part in row["what"].split("/")[:2]}  # a strategy's, or not
    until = moment.at_s if moment is not None else float("inf")
    struck = [each for each in made.simulation.faults.struck if each.at_ns / SECOND <= until]
    there = any(each.where in places for each in struck)
    near = [each for each in struck if not there or each.where in (*places, "node")]
    return [
        {
            "at_s": each.at_ns / SECOND,
            "kind": each.kind,
            "where": each.where,
            "line": each.line,
            "strike": each.ordinal,
        }
        for each in near[-STRIKES_MAX:]
    ]


def first_difference(failing: Rerun, passing: Rerun) -> Row | None:
    """The first record that one journal has and the other does not; None where neither differs."""
    ours, theirs = failing.store.committed, passing.store.committed
    for one, other in zip(ours, theirs, strict=False):
        if (one.name, one.at, one.body) != (other.name, other.at, other.body):
            since = max(0, _alike(_words(one), _words(other)) - WORDS_BEFORE)
            told = {"failing": _told(one, since), "passing": _told(other, since)}
            return {"record": one.number, **told}
    if len(ours) == len(theirs):
        return None
    number = min(len(ours), len(theirs))
    return {
        "record": number + 1,
        "failing": _told(ours[number]) if number < len(ours) else None,
        "passing": _told(theirs[number]) if number < len(theirs) else None,
    }


def _alike(one: str, other: str) -> int:
    """How many letters both begin with."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))


def _words(record: Record) -> str:
    match record.kind:
        case "event":
            return repr(decode_event(record.body))
        case "effect":
            return repr(decode_effect(record.body))
        case _:
            return record.body.decode(errors="backslashreplace")


def _told(record: Record, since: int = 0) -> Row:
    """What it says, from so many letters on."""
    words = f"...{_words(record)[since:]}" if since else _words(record)
    return {
        "record": record.number,
        "at_s": _s(record.at),
        "name": f"{record.kind} {record.name}",
        "told": words[:WORDS_MAX],
    }


def _s(at: int) -> float:
    """Seconds since the start of the run."""
    return (at - EPOCH_NS) / SECOND
