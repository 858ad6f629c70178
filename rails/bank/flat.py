"""The simulated US bank's flat files: NACHA returns and notices of change, BAI2 statements."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from rails.bank.ledger import Closed, Line, Part

BANK = "091000019"  # ours, eight digits and the check digit
FED = "091000010"


def cents(amount: Decimal) -> int:
    return int(abs(amount).scaleb(2))


# --- NACHA ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of ours as it comes back: its own fields, and what the addenda says."""

    code: str  # transaction code of the return: 21 credit, 26 debit
    payment_id: str
    trace: str
    name: str
    routing: str
    account: str
    amount: Decimal
    return_trace: str


def returned(entry: Entry, reason: str, at: datetime, company: str) -> bytes:
    """A return: addenda 99 with the reason and the original trace."""
    addenda = f"799{reason}{entry.trace:<15}{'':6}{entry.routing[:8]:<8}{'':44}"
    return _file(entry, addenda, "PPD", entry.amount, at, company)


def dishonoured(
    entry: Entry, reason: str, undone: tuple[str, str], at: datetime, company: str
) -> bytes:
    """A return that was not in order is undone: `undone` is its own trace and its reason."""
    trace, first = undone
    addenda = (
        f"799{reason}{entry.trace:<15}{'':6}{entry.routing[:8]:<8}{'':3}"
        f"{trace:<15}{at.timetuple().tm_yday:03d}{first[1:]:<2}{'':21}"
    )
    return _file(entry, addenda, "PPD", entry.amount, at, company)


def changed(entry: Entry, code: str, corrected: str, at: datetime, company: str) -> bytes:
    """A notification of change: addenda 98 with the corrected data, and no amount."""
    addenda = f"798{code}{entry.trace:<15}{'':6}{entry.routing[:8]:<8}{corrected:<29}{'':15}"
    return _file(entry, addenda, "COR", Decimal(0), at, company)


def _file(
    entry: Entry, addenda: str, kind: str, amount: Decimal, at: datetime, company: str
) -> bytes:
    """One batch of one entry with one addenda, blocked by ten."""
    debit = entry.code.endswith(("6", "7", "8", "9"))
    total = cents(amount)
    totals = f"{total if debit else 0:012d}{0 if debit else total:012d}"
    check = int(entry.routing[:8] or 0)
    code = "225" if debit else "220"
    lines = [
        f"101 {BANK} {FED}{at:%y%m%d%H%M}A094101{'OUR BANK':<23}{'FEDERAL RESERVE':<23}{'':8}",
        f"5{code}{company[:16]:<16}{'':20}{'1234567890':<10}{kind}{'PAYMENT':<10}{'':6}"
        f"{at:%y%m%d}{at.timetuple().tm_yday:03d}1{BANK[:8]}{1:07d}",
        f"6{entry.code}{entry.routing:<9}{entry.account[:17]:<17}{total:010d}"
        f"{entry.payment_id[:15]:<15}{entry.name[:22]:<22}{'':2}1{entry.return_trace:<15}",
        f"{addenda}{entry.return_trace:<15}",
        f"8{code}{2:06d}{check:010d}{totals}{'1234567890':<10}{'':19}{'':6}{BANK[:8]}{1:07d}",
        f"9{1:06d}{1:06d}{2:08d}{check:010d}{totals}{'':39}",
    ]
    lines += ["9" * 94] * (-len(lines) % 10)
    assert all(len(line) == 94 for line in lines), [len(line) for line in lines]
    return ("\n".join(lines) + "\n").encode("ascii")


# --- BAI2 ----------------------------------------------------------------------------------------

# Credit, debit, by what the line is; a wire is told from an ACH entry by its family.
TYPES = {
    "return": ("257", "557"),
    "reversal": ("258", "558"),
    "fee": ("399", "698"),
    "interest": ("354", "654"),
}
WIRE, ACH = ("195", "495"), ("142", "455")


def bai2(number: str, currency: str, day: Closed, at: datetime) -> bytes:
    """The statement of what was closed."""
    account = [
        f"03,{number},{currency},010,{_signed(day.opening)},,,015,{_signed(day.closing)},,/",
        *(record for line in day.lines for record in _detail(line)),
    ]
    total = int(day.opening.scaleb(2)) + int(day.closing.scaleb(2))
    total += sum(cents(line.amount) for line in day.lines)
    account.append(f"49,{total},{len(account) + 1}/")
    group = [f"02,OURS,{BANK},1,{day.last:%y%m%d},2400,{currency},2/", *account]
    group.append(f"98,{total},1,{len(group) + 1}/")
    lines = [f"01,{BANK},OURS,{at:%y%m%d},{at:%H%M},{day.sequence},,,2/", *group]
    lines.append(f"99,{total},1,{len(lines) + 1}/")
    return ("\n".join(lines) + "\n").encode("ascii")


def _signed(amount: Decimal) -> str:
    return f"{int(amount.scaleb(2))}"


def _detail(line: Line) -> list[str]:
    """A transaction; what is said of it runs on in continuations."""
    wired = line.family.endswith("XBCT")
    credit, debit = TYPES.get(line.kind, WIRE if wired else ACH)
    code = debit if line.amount < 0 else credit
    lone = line.parts[0] if line.told_parts and len(line.parts) == 1 else None
    customer = (lone.trace or lone.end_to_end_id) if lone else line.batch
    dated = f"V,{line.value_day:%y%m%d},"
    record = f"16,{code},{cents(line.amount)},{dated},{line.reference},{customer},"
    texts = [text for part in line.parts for text in _texts(part)] if line.told_parts else []
    if not texts:
        return [f"{record}/"]
    return [record + texts[0], *(f"88,{text}" for text in texts[1:])]


def _texts(part: Part) -> list[str]:
    """References with their labels; a comma would begin another field."""
    told = (("EREF", part.end_to_end_id), ("CREF", part.address), ("REMI", part.text))
    return [f"{label}:{text.replace(',', ' ')}" for label, text in told if text]
