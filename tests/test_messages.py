"""Messages of banks: every sample read to the facts in it, every trap of their standards tested.

The samples stand outside the repository; what each tells is written by hand in
tests/expected_messages.py. The table of what was read stands at the end of the run.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from core.events import Event, FrameDismissed, FrameQuarantined, StatementReported
from core.money import show
from core.rail_events import (
    ChangeNotified,
    LineBooked,
    NostroStated,
    PaymentReported,
    RecallAnswered,
    RecallReported,
    ReturnReported,
)
from rails.messages import Context, read
from tests.expected_messages import EXPECTED, SEPA_MT940

NOW = 1_800_000_000_000_000_000
SECOND = 1_000_000_000
DECIMALS = {"EUR": 2, "USD": 2, "CHF": 2, "GBP": 2, "PLN": 2, "CAD": 2, "SEK": 2, "JPY": 0}
SEPA = "mt940/mt940__betterplace_sepa_mt9401.sta"
Record = Callable[[str, object], None]


class Everyone(Mapping[str, str]):
    """Every account is ours, under its own number."""

    def __getitem__(self, number: str) -> str:
        return f"bank/{number}"

    def __contains__(self, number: object) -> bool:
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def context(accounts: Mapping[str, str] | None = None, **told: object) -> Context:
    known = Everyone() if accounts is None else accounts
    return Context("bank/ops", known, DECIMALS, NOW, frame=7, **told)  # type: ignore[arg-type]


# --- the samples ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_sample_tells_what_we_expect(name: str, samples: Path, record_property: Record) -> None:
    """For each message as it was published: these facts, no more and no fewer."""
    events = read((samples / "rails" / name).read_bytes(), context())
    tell(record_property, name, events)
    assert [fact(event) for event in events] == EXPECTED[name]
    assert all((event.received_at, event.frame) == (NOW, 7) for event in events)
    ids = [(e.account, e.line_id) for e in events if isinstance(e, LineBooked)]
    assert len(set(ids)) == len(ids)


def test_the_large_mt940_is_twenty_statements_that_tie(
    samples: Path, record_property: Record
) -> None:
    """97 lines in 24 messages, some of which are pages: each statement's entries and its ends."""
    events = read((samples / "rails" / SEPA).read_bytes(), context())
    tell(record_property, SEPA, events)
    assert statements(events) == sepa()
    for _, _, opening, entries, closing in sepa():
        assert opening + sum(entries) == closing
    kinds = [e.kind for e in events if isinstance(e, LineBooked)]
    assert (kinds.count("return"), kinds.count("unknown")) == (19, 4)
    reversed_lines = [e.amount for e in events if isinstance(e, LineBooked) and e.reversal]
    assert reversed_lines == [-20488, -20488]


def statements(events: list[Event]) -> list[tuple[str, int, Decimal, list[Decimal], Decimal]]:
    found = []
    entries: list[Decimal] = []
    for event in events:
        if isinstance(event, LineBooked):
            entries.append(euros(event.amount))
        if isinstance(event, NostroStated):
            number = event.account.rpartition("/")[2]
            ends = (euros(event.opening), entries, euros(event.closing))
            found.append((number, event.sequence, *ends))
            entries = []
    return found


def sepa() -> list[tuple[str, int, Decimal, list[Decimal], Decimal]]:
    rows = []
    for row in SEPA_MT940.split("\n"):
        if row:
            head, entries, closing = row.split("|")
            number, sequence, opening = head.replace(":", "").split()
            amounts = [Decimal(entry) for entry in entries.split()]
            rows.append((number, int(sequence), Decimal(opening), amounts, Decimal(closing)))
    return rows


def euros(units: int) -> Decimal:
    return Decimal(units).scaleb(-2)


def test_every_sample_has_its_expectation(samples: Path) -> None:
    """No sample of a bank is left unread, and no expectation is of nothing."""
    found = {str(path.relative_to(samples / "rails")) for path in message_paths(samples)}
    assert found == {*EXPECTED, SEPA}
    assert len(found) == 30


def message_paths(samples: Path) -> list[Path]:
    """All but the index and the custodian's webhooks."""
    paths = sorted(path for path in (samples / "rails").glob("*/*") if path.is_file())
    return [path for path in paths if path.parent.name != "fireblocks"]


def tell(record: Record, name: str, events: list[Event]) -> None:
    """Into the table at the end of the run (tests/conftest.py)."""
    lines = [event for event in events if isinstance(event, LineBooked)]
    sums = {line.asset: Decimal(0) for line in lines}
    for line in lines:
        sums[line.asset] += Decimal(line.amount).scaleb(-DECIMALS[line.asset])
    aside = [event.reason for event in events if isinstance(event, FrameQuarantined)]
    record(
        "message",
        (
            name,
            len(lines),
            " ".join(f"{amount:+} {asset}" for asset, amount in sums.items()),
            sum(isinstance(event, NostroStated) for event in events),
            len(events) - len(lines) - len(aside),
            "; ".join(aside),
        ),
    )


# --- an event as a short fact --------------------------------------------------------------------


def fact(event: Event) -> tuple[str, ...]:
    """The event as texts a person would write down; what is not told is left out."""
    match event:
        case LineBooked():
            parts = " ".join(money(part.amount, event.asset) for part in event.parts)
            return some(
                "line",
                line_name(event),
                f"{money(event.amount, event.asset)} {event.asset}",
                f"{event.kind} {event.code}".strip(),
                at(event.booked_at),
                f"value {at(event.value_at)}" if event.value_at else "",
                f"with {event.counterparty}" if event.counterparty else "",
                f"parts {parts}" if parts else "",
                f"fee {money(event.fee, event.asset)}" if event.fee else "",
                "reversal" if event.reversal else "",
                "pending" if event.pending else "",
                "derived" if event.derived_id else "",
            )
        case NostroStated():
            opening, entries, closing = (
                money(units, event.asset)
                for units in (event.opening, event.entries_sum, event.closing)
            )
            return some(
                "tie",
                f"{opening} + {entries} = {closing} {event.asset}",
                f"{event.entries} entries",
                f"sequence {event.sequence}" if event.sequence else "",
                at(event.from_at),
                at(event.to_at),
            )
        case StatementReported():
            (row,) = event.rows
            assert (event.kind, row.leg, event.complete) == ("balances", "cash", False)
            return ("balance", f"{money(row.amount, row.subject)} {row.subject}", at(row.as_of))
        case PaymentReported():
            return some(
                "payment",
                event.payment_id,
                f"{event.status} {event.code}",
                event.reason,
                f"their {event.reference}" if event.reference else "",
                f"{money(event.amount, 'USD')} of it" if event.amount is not None else "",
                f"fee {money(event.fee, 'USD')}" if event.fee else "",
                f"in {event.batch}" if event.batch else "",
                at(event.occurred_at),
            )
        case ReturnReported():
            return some(
                "return",
                event.return_id,
                event.payment_id,
                money(event.amount, "USD"),
                event.code,
                f"of {', '.join(event.references)}",
                f"fee {money(event.fee, 'USD')}" if event.fee else "",
                f"dishonours {event.dishonours}" if event.dishonours else "",
                at(event.occurred_at),
            )
        case ChangeNotified():
            return ("change", event.code, event.corrected, f"of {', '.join(event.references)}")
        case RecallReported():
            units = money(event.amount, "EUR")
            return ("recall", event.recall_id, units, event.code, ", ".join(event.references))
        case RecallAnswered():
            return ("answer", event.payment_id, "yes" if event.accepted else "no", event.code)
        case FrameQuarantined():
            return ("quarantined", event.reason)
        case FrameDismissed():
            return ("dismissed", event.reason)
        case _:
            return (type(event).__name__,)


def line_name(line: LineBooked) -> str:
    """Its id, without the fingerprint of what else it says."""
    return re.sub(r"/[0-9a-f]{16}/", "/", line.line_id) if line.derived_id else line.line_id


def some(*texts: str) -> tuple[str, ...]:
    return tuple(text for text in texts if text)


def money(units: int, asset: str) -> str:
    """Two decimals where there are any, as samples mostly write."""
    text = show(units, DECIMALS[asset])
    return f"{text}0" if text[-2:-1] == "." else text


def at(ns: int) -> str:
    """UTC; a midnight is its date."""
    when = datetime.fromtimestamp(ns / SECOND, UTC)
    if (when.hour, when.minute, when.second, when.microsecond) == (0, 0, 0, 0):
        return f"{when:%Y-%m-%d}"
    return when.isoformat(timespec="auto").removesuffix("+00:00").removesuffix("000")
