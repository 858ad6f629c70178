"""NACHA files that a bank sends us: returns, notifications of change, and entries to our accounts.

Records of 94 characters: 1 file, 5 batch, 6 entry, 7 addenda, 8 and 9 the controls, and lines of
nines up to a multiple of ten. Counts, entry hashes and totals of every control are checked; a file
that breaks one is quarantined whole, for then nothing in it is sure.

A return is known by its own trace number and the original's together ("trace/original"), the two
that a dishonour names when it undoes it; a dishonour and a contest have their code behind. The
original's trace number and individual id are the references by which we find the payment.
"""

from dataclasses import dataclass, field
from decimal import Decimal

from core.events import Event
from core.rail_events import ChangeNotified, LineBooked, ReturnReported
from rails.messages.context import (
    SECOND,
    Context,
    Unreadable,
    apart,
    dismissed,
    midnight,
    rows,
    told,
    units,
    yymmdd,
)

WIDTH = 94
BLOCK = 10
DOLLARS = "USD"
DISHONOURED = tuple(f"R{number}" for number in range(61, 71))
CONTESTED = tuple(f"R{number}" for number in range(71, 78))


@dataclass(slots=True)
class Entry:
    """A 6 record with the addenda under it, and the 5 record above it."""

    record: str
    batch: str
    addenda: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Batch:
    """A 5 record, its entries, and its 8."""

    record: str
    entries: list[Entry] = field(default_factory=list)
    control: str = ""


def read(text: str, context: Context) -> list[Event]:
    """What the entries of the file tell, once all its controls hold."""
    records = _records(text)
    batches = _batches(records)
    _check_file(records, batches)
    entries = [entry for batch in batches for entry in batch.entries]
    created = _created(records[0], context.zone)
    return apart(entries, lambda entry, _: [_told(entry, created, context)], context)


# --- records -------------------------------------------------------------------------------------


def _records(text: str) -> list[str]:
    """Records of full width; some banks cut the blanks at the end, some write no line ends."""
    lines = [line for line in rows(text) if line.strip()]
    if len(lines) == 1:
        lines = [lines[0][at : at + WIDTH] for at in range(0, len(lines[0]), WIDTH)]
    for number, line in enumerate(lines, 1):
        if len(line.rstrip()) > WIDTH:
            raise Unreadable(f"line {number} has {len(line.rstrip())} characters, not {WIDTH}")
    return [line.rstrip().ljust(WIDTH) for line in lines]


def _batches(records: list[str]) -> list[Batch]:
    """Batches and their entries, each within its own header and control."""
    if records[0][0] != "1":
        raise Unreadable("no file header (1): a fragment, whose totals nobody can check")
    batches: list[Batch] = []
    for number, record in enumerate(records[1:], 2):
        if record[0] == "9":
            break
        batch = batches[-1] if batches and not batches[-1].control else None
        match record[0]:
            case "5" if batch is None:
                batches.append(Batch(record))
            case "6" if batch:
                batch.entries.append(Entry(record, batch.record))
            case "7" if batch and batch.entries:
                batch.entries[-1].addenda.append(record)
            case "8" if batch:
                batch.control = record
            case kind:
                raise Unreadable(f"line {number}: a record {kind!r} where none may stand")
    return batches


def _created(header: str, zone: str) -> int:
    """When the file was made, by its header."""
    clock = header[29:33].strip() or "0000"
    begins = midnight(yymmdd(header[23:29]), zone)
    return begins + (_number(clock[:2]) * 3600 + _number(clock[2:]) * 60) * SECOND


def _number(text: str) -> int:
    """A field of digits; blank is nothing."""
    if text.strip() and not (text.strip().isascii() and text.strip().isdigit()):
        raise Unreadable(f"field {text!r} is no number")
    return int(text.strip() or "0")


# --- controls ------------------------------------------------------------------------------------


@dataclass(slots=True)
class Totals:
    """What a control counts and sums."""

    records: int = 0
    entry_hash: int = 0
    debits: int = 0
    credits: int = 0

    def add(self, other: "Totals") -> None:
        self.records += other.records
        self.entry_hash += other.entry_hash
        self.debits += other.debits
        self.credits += other.credits

    def check(self, where: str, said: "Totals") -> None:
        """The hash keeps ten digits, as its field has."""
        for name in ("records", "entry_hash", "debits", "credits"):
            found = getattr(self, name) % (10**10 if name == "entry_hash" else 10**18)
            if found != getattr(said, name):
                raise Unreadable(f"{where} tells {name} {getattr(said, name)}, counted {found}")


def _check_file(records: list[str], batches: list[Batch]) -> None:
    control = next((place for place, record in enumerate(records) if record[0] == "9"), 0)
    if not control:
        raise Unreadable("no file control (9): the file was cut off")
    totals = Totals()
    for batch in batches:
        totals.add(_check_batch(batch))
    end = records[control]
    fields = (end[13:21], end[21:31], end[31:43], end[43:55])
    totals.check("file control", Totals(*map(_number, fields)))
    blocks = -(-(control + 1) // BLOCK)
    for name, found, said in (("batches", len(batches), end[1:7]), ("blocks", blocks, end[7:13])):
        if _number(said) != found:
            raise Unreadable(f"file control tells {name} {_number(said)}, counted {found}")
    if any(record.strip("9 ") for record in records[control + 1 :]):
        raise Unreadable("records after the file control")


def _check_batch(batch: Batch) -> Totals:
    if not batch.control:
        raise Unreadable(f"batch {batch.record[87:94]} has no control (8)")
    if batch.record[50:53] == "ADV":
        raise Unreadable("accounting advices (ADV) tell of entries that we do not have")
    if batch.record[87:94] != batch.control[87:94]:
        raise Unreadable(f"batch {batch.record[87:94]} ends as {batch.control[87:94]}")
    totals = Totals()
    for entry in batch.entries:
        totals.add(_entry_totals(entry))
    end = batch.control
    fields = (end[4:10], end[10:20], end[20:32], end[32:44])
    totals.check(f"control of batch {end[87:94]}", Totals(*map(_number, fields)))
    return totals


def _entry_totals(entry: Entry) -> Totals:
    cents = _number(entry.record[29:39])
    debit = _is_debit(entry)
    return Totals(
        records=1 + len(entry.addenda),
        entry_hash=_number(entry.record[3:11]),
        debits=cents if debit else 0,
        credits=0 if debit else cents,
    )


def _is_debit(entry: Entry) -> bool:
    """By the second digit of the transaction code: 0-4 are credits, 5-9 debits."""
    code = entry.record[1:3]
    if not (code.isascii() and code.isdigit()):
        raise Unreadable(f"transaction code {code!r} is no number")
    return code[1] >= "5"


# --- what an entry tells -------------------------------------------------------------------------


def _told(entry: Entry, created: int, context: Context) -> Event:
    for addenda in entry.addenda:
        if addenda[1:3] == "99":
            return _returned(entry, addenda, created, context)
        if addenda[1:3] == "98":
            return _changed(addenda, entry, context)
    code = entry.record[1:3]
    if code[1] in "16":
        raise Unreadable(f"a return or change ({code}) without the addenda that says why")
    if entry.batch[50:53] in ("ACK", "ATX"):
        return dismissed(context, f"acknowledged {_field(entry.record, 40, 54)}: settles nothing")
    if not _number(entry.record[29:39]):
        return dismissed(context, f"entry {_trace(entry.record)} of no amount: a prenote")
    return _announced(entry, created, context)


def _field(record: str, first: int, last: int) -> str:
    """A field by its positions as the standard counts them."""
    return record[first - 1 : last].strip()


def _trace(record: str) -> str:
    return _field(record, 80, 94)


def _amount(entry: Entry, context: Context) -> int:
    cents = Decimal(_number(entry.record[29:39]))
    return units(cents.scaleb(-2), DOLLARS, context)


def _returned(entry: Entry, addenda: str, created: int, context: Context) -> Event:
    """A return (R01 and on), a dishonoured return (R61 and on) or a contested one (R71 and on)."""
    code, original = _field(addenda, 4, 6), _field(addenda, 7, 21)
    if not (code[:1] == "R" and code[1:].isascii() and code[1:].isdigit()) or not original:
        raise Unreadable(f"return {code!r} of {original!r}: no reason, or no original")
    return_id, undone = f"{_own_trace(addenda, entry)}/{original}", ""
    if code in DISHONOURED:
        return_id, undone = f"{return_id}/{code}", f"{_field(addenda, 39, 53)}/{original}"
    elif code in CONTESTED:
        return_id = f"{return_id}/{code}"
        undone = f"{_field(addenda, 59, 73)}/{original}/R{_field(addenda, 77, 78)}"
    return ReturnReported(
        received_at=context.received_at,
        frame=context.frame,
        account=context.account,
        return_id=return_id,
        payment_id="",
        amount=_amount(entry, context),
        code=code,
        references=told(original, _individual(entry)),
        dishonours=undone,
        occurred_at=created,
    )


def _own_trace(addenda: str, entry: Entry) -> str:
    """The return's own trace number; zeros are none, and the entry's serves."""
    return _trace(addenda) if _trace(addenda).strip("0") else _trace(entry.record)


def _individual(entry: Entry) -> str:
    """The individual id, as the originator wrote it; an IAT entry has none."""
    return "" if entry.batch[50:53] == "IAT" else _field(entry.record, 40, 54)


def _changed(addenda: str, entry: Entry, context: Context) -> Event:
    """A notification of change; a refused one (C61 and on) is none of ours to follow."""
    code, original = _field(addenda, 4, 6), _field(addenda, 7, 21)
    if code[:1] != "C" or not (code[1:].isascii() and code[1:].isdigit()):
        raise Unreadable(f"change code {code!r} is none of NACHA")
    if int(code[1:]) >= 60:
        return dismissed(context, f"a refused notification of change ({code}) of {original}")
    return ChangeNotified(
        received_at=context.received_at,
        frame=context.frame,
        account=context.account,
        payment_id="",
        code=code,
        corrected=_field(addenda, 36, 64),
        references=told(original, _individual(entry)),
    )


def _announced(entry: Entry, created: int, context: Context) -> Event:
    """An entry to an account of ours: announced, and booked by the bank's own statement only."""
    iat = entry.batch[50:53] == "IAT"
    number = _field(entry.record, 40, 74) if iat else _field(entry.record, 13, 29)
    effective = _field(entry.batch, 70, 75)
    reversal = _field(entry.batch, 54, 63) == "REVERSAL"
    return LineBooked(
        received_at=context.received_at,
        frame=context.frame,
        account=context.ours(number),
        line_id=_trace(entry.record),
        asset=DOLLARS,
        amount=_amount(entry, context) * (-1 if _is_debit(entry) else 1),
        booked_at=created,
        kind="reversal" if reversal else "payment",
        value_at=midnight(yymmdd(effective), context.zone) if effective.strip("0") else 0,
        references=told(_trace(entry.record), _individual(entry)),
        counterparty=_field(entry.batch, 5, 20),
        code=_field(entry.batch, 51, 53),
        reversal=reversal,
        pending=True,
    )
