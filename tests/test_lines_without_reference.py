"""Lines to which a bank gives no reference of its own: one line, however many messages tell it.

Each message here is read, and told to the books as the node would: what is judged is what customers
have and what the bank says. Where no rule can know, the closing must say that something is off.
"""

import pytest

from core.gate import BreakGate
from core.rail_events import AddressAssigned, LineBooked
from core.step import step
from rails.messages import Context, read
from tests.settling import BANK, DAY, HOUR, T0, Books

IBAN = "DE89370400440532013000"
VIRTUAL = {"alice": "DE02120300000000000001", "bob": "DE02120300000000000002"}
NUMBERS = {IBAN: BANK, "777": BANK}
PUSHED = {
    "scheme": "received",
    "kind": "in",
    "settled_by": "message",
    "settles_ns_max": 0,
    "pushed": True,
}
ONE, TWO, THREE = "2024-10-04", "2024-10-05", "2024-10-06"  # T0 is the midnight of the first


class Bank(Books):
    """Books that hear what a bank sends; Alice and Bob have nothing yet, the house has 1000.00."""

    def __init__(self) -> None:
        super().__init__(alice=0, bob=0, house=100_000)
        self.scheme(**PUSHED)
        for customer, address in VIRTUAL.items():
            self.tell(AddressAssigned, account=BANK, address=address, customer=customer)

    def hear(self, *bodies: str) -> None:
        for body in bodies:
            self.now += HOUR
            for event in read(body.encode(), Context(BANK, NUMBERS, {"USD": 2}, self.now)):
                step(self.state, event, BreakGate())

    @property
    def nostro(self) -> int:
        return self.balance(f"nostro/{BANK}/USD")

    def differs(self) -> bool:
        """Whether the closing that was told opened a break, once there was time to look again."""
        self.wait(2 * DAY)
        return bool(self.state.suspects or self.state.breaks)


# --- messages ------------------------------------------------------------------------------------


def paid(
    amount: str,
    who: str = "alice",
    *,
    text: str = "",
    booked: str = f"<Dt>{ONE}</Dt>",
    more: str = "",
    status: str = "BOOK",
    side: str = "CRDT",
) -> str:
    """An entry of one payment to a customer's number."""
    day = f"<BookgDt>{booked}</BookgDt>" if booked else ""
    account = f"<CdtrAcct><Id><IBAN>{VIRTUAL[who]}</IBAN></Id></CdtrAcct>"
    about = f"<RmtInf><Ustrd>{text}</Ustrd></RmtInf>" if text else ""
    return (
        f"<Ntry>{more}<Amt Ccy='USD'>{amount}</Amt><CdtDbtInd>{side}</CdtDbtInd><Sts>{status}</Sts>"
        f"{day}<NtryDtls><TxDtls><RltdPties>{account}</RltdPties>{about}</TxDtls></NtryDtls></Ntry>"
    )


def document(name: str, part: str, body: str, created: str, message_id: str) -> str:
    return (
        f"<Document><{name}><GrpHdr/><{part}><Id>{message_id}</Id><CreDtTm>{created}</CreDtTm>"
        f"<Acct><Id><IBAN>{IBAN}</IBAN></Id></Acct>{body}</{part}></{name}></Document>"
    )


def camt052(*entries: str, created: str = f"{ONE}T12:00:00Z", message_id: str = "R1") -> str:
    return document("BkToCstmrAcctRpt", "Rpt", "".join(entries), created, message_id)


def camt054(*entries: str, created: str = f"{ONE}T13:00:00Z", message_id: str = "N1") -> str:
    return document("BkToCstmrDbtCdtNtfctn", "Ntfctn", "".join(entries), created, message_id)


def camt053(
    closing: str, *entries: str, opening: str = "1000", message_id: str = "S1", more: str = ""
) -> str:
    ends = "".join(
        f"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy='USD'>{amount}</Amt>"
        f"<CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>{ONE}</Dt></Dt></Bal>"
        for code, amount in (("OPBD", opening), ("CLBD", closing))
    )
    body = "".join((more, ends, *entries))
    return document("BkToCstmrStmt", "Stmt", body, f"{TWO}T06:00:00Z", message_id)


def bai2(modifier: str, clock: str, closing: int, *details: str) -> str:
    """A report of the first day: interim (3), or final (2) with its opening."""
    code = "030" if modifier == "3" else "010,100000,,,015"
    balances = closing + (0 if modifier == "3" else 100_000)
    total = balances + sum(int(each.split(",")[2]) for each in details)
    rows = [f"03,777,USD,{code},{closing},,/", *details]
    count = len(rows) + 1
    return "\n".join(
        [
            f"01,BANK,US,241005,{clock},F{clock},,,2/",
            f"02,US,BANK,1,241004,{clock},USD,{modifier}/",
            *rows,
            f"49,{total},{count}/",
            f"98,{total},1,{count + 2}/",
            f"99,{total},1,{count + 4}/",
        ]
    )


def ids(body: str, zone: str = "UTC") -> list[str]:
    context = Context(BANK, NUMBERS, {"USD": 2}, T0, zone=zone)
    return [each.line_id for each in read(body.encode(), context) if isinstance(each, LineBooked)]


# --- one line in many messages -------------------------------------------------------------------


def test_a_line_is_booked_once_whoever_tells_it() -> None:
    """In a report within the day, a notice, the statement, and in that once more."""
    bank = Bank()
    one = paid("30", text="INV 7")
    bank.hear(camt052(one))
    assert bank.has("alice") == 3000
    bank.hear(camt054(one), camt053("1030", one), camt053("1030", one, message_id="S1 again"))
    assert (bank.has("alice"), bank.nostro) == (3000, 103_000)
    assert not bank.differs()


def test_a_line_of_bai2_is_booked_once() -> None:
    """By an interim report, a later one, and the final one."""
    bank = Bank()
    one = f"16,142,3000,,,{VIRTUAL['alice']},INV 7/"
    bank.hear(bai2("3", "1200", 103_000, one), bai2("3", "1500", 103_000, one))
    assert bank.has("alice") == 3000
    bank.hear(bai2("2", "2400", 103_000, one))
    assert (bank.has("alice"), bank.nostro) == (3000, 103_000)
    assert not bank.differs()


def test_an_interim_report_and_the_final_one_may_stand_in_one_file() -> None:
    one = "16,142,3000,,,,CASH/"
    interim = bai2("3", "1200", 103_000, one).split("\n")
    final = bai2("2", "2400", 103_000, one).split("\n")
    total = sum(int(rows[-1].split(",")[1]) for rows in (interim, final))
    both = [*interim[:-1], *final[1:-1], f"99,{total},2,12/"]
    told = ids("\n".join(both))
    assert (len(told), len(set(told))) == (2, 1)


def test_an_account_that_stands_twice_in_a_bai2_file_has_all_of_its_lines() -> None:
    """Some banks write it once for each value date: two lines that say the same are two."""
    whole = bai2("2", "2400", 103_000, "16,142,3000,V,241004,,,,CASH/")
    rows = whole.split("\n")
    account = rows[2:5]
    total = int(rows[4].split(",")[1])
    twice = [
        *rows[:2],
        *account,
        *[row.replace("V,241004", "V,241005") for row in account],
        f"98,{2 * total},2,8/",
        f"99,{2 * total},1,10/",
    ]
    assert len(set(ids("\n".join(twice)))) == 2
    assert ids("\n".join(twice)) == ids("\n".join(twice))


def test_an_mt942_announces_and_its_mt940_books_once() -> None:
    """And so does the statement when it is sent again, or by its pages."""
    row = f":61:2410041004C30,NTRFNONREF\n:86:{VIRTUAL['alice']}\n"
    head = ":20:X\n:25:777\n"
    interim = f"{head}:28C:4/1\n:34F:USD0,\n:13D:2410041200+0000\n{row}:90C:1USD30,\n-"
    final = f"{head}:28C:5/1\n:60F:C241003USD1000,\n{row}:62F:C241004USD1030,\n-"
    page = f"{head}:28C:6/2\n:60M:C241004USD1000,\n{row}:62F:C241004USD1030,\n-"
    bank = Bank()
    bank.hear(interim)
    assert bank.has("alice") == 0
    bank.hear(final, final, page)
    assert (bank.has("alice"), bank.nostro) == (3000, 103_000)
    assert not bank.differs()


def test_what_messages_number_anew_is_no_part_of_a_line() -> None:
    """NtryRef, the message's id and its time, the value date, the hour of booking, white space;
    nor is the order in which it names references."""
    said, refs = "<NtryRef>{}</NtryRef>", ("<EndToEndId>E</EndToEndId>", "<TxId>T</TxId>")
    one = paid("30", text="INV  7", more=said.format(4), booked=f"<DtTm>{ONE}T11:30:00Z</DtTm>")
    one = one.replace("<TxDtls>", f"<TxDtls><Refs>{refs[0]}{refs[1]}</Refs>")
    other = paid("30", text="INV 7", more=said.format(1))
    other = other.replace("<TxDtls>", f"<TxDtls><Refs>{refs[1]}{refs[0]}</Refs>")
    other = other.replace("</BookgDt>", f"</BookgDt><ValDt><Dt>{TWO}</Dt></ValDt>")
    assert ids(camt052(one)) == ids(camt054(other)) == ids(camt053("1030.00", other))


def test_the_day_of_a_line_is_the_bank_s_own() -> None:
    """Half past one in UTC is the evening before in New York."""
    late = paid("30", booked=f"<DtTm>{TWO}T01:30:00Z</DtTm>")
    dated = paid("30", booked=f"<Dt>{ONE}</Dt>")
    assert ids(camt054(late), zone="America/New_York") == ids(camt052(dated), "America/New_York")
    assert ids(camt054(late)) != ids(camt052(dated))


@pytest.mark.parametrize(
    ("valued", "day"), [("", ONE), (f"<ValDt><Dt>{THREE}</Dt></ValDt>", THREE)]
)
def test_a_line_without_a_booking_date_is_known_by_its_value_date_or_its_message_s(
    valued: str, day: str
) -> None:
    """The statement is written on the day after the one that it closes."""
    one = paid("30", booked="").replace("<NtryDtls>", f"{valued}<NtryDtls>")
    assert ids(camt052(one)) == ids(camt053("1030", one))
    assert ids(camt052(one))[0].startswith(f"{day}/30USD/")


# --- lines that say the same ---------------------------------------------------------------------


def test_two_lines_that_say_the_same_are_two_and_the_same_two_in_the_next_message() -> None:
    bank = Bank()
    one = paid("30")
    bank.hear(camt052(one, one))
    assert bank.has("alice") == 6000
    bank.hear(camt052(one, one, message_id="R2"), camt053("1060", one, one))
    assert (bank.has("alice"), bank.nostro) == (6000, 106_000)
    assert not bank.differs()


def test_a_report_that_has_only_one_of_them_leaves_the_other_to_the_statement() -> None:
    """One notice each: the second cannot be told from the first said again, until the closing."""
    bank = Bank()
    one = paid("30")
    bank.hear(camt052(one), camt054(one), camt054(one, message_id="N2"))
    assert bank.has("alice") == 3000
    bank.hear(camt053("1060", one, one))
    assert (bank.has("alice"), bank.nostro) == (6000, 106_000)
    assert not bank.differs()


def test_notices_in_one_message_are_counted_through() -> None:
    """Each in a part of its own; a part that stands there twice is one."""
    whole = camt054(paid("30"))
    start, end = whole.index("<Ntfctn>"), whole.index("</Ntfctn>") + len("</Ntfctn>")
    part = whole[start:end]
    two = whole[:end] + part.replace("N1", "N2") + whole[end:]
    assert len(set(ids(two))) == 2
    assert len(set(ids(whole[:end] + part + whole[end:]))) == 1


def test_another_order_changes_nothing() -> None:
    """Lines are told apart by what they say, not by where they stand."""
    bank = Bank()
    one, other = paid("30"), paid("30", "bob")
    bank.hear(camt054(other), camt052(one, other), camt053("1060", other, one))
    assert (bank.has("alice"), bank.has("bob"), bank.nostro) == (3000, 3000, 106_000)
    assert not bank.differs()


@pytest.mark.parametrize(
    "unlike",
    [
        paid("30", text="INV 8"),
        paid("30", "bob", text="INV 7"),
        paid("30.01", text="INV 7"),
        paid("30", text="INV 7", side="DBIT"),
        paid("30", text="INV 7", booked=f"<Dt>{TWO}</Dt>"),
        paid("30", text="INV 7", more="<RvslInd>true</RvslInd>"),
        paid("30", text="INV 7", more="<AddtlNtryInf>Some words</AddtlNtryInf>"),
        paid("30", text="INV 7").replace("'USD'", "'EUR'"),
        paid("30", text="INV 7").replace(
            "<RltdPties>", "<RltdPties><Dbtr><Nm>Somebody</Nm></Dbtr>"
        ),
        paid("30", text="INV 7").replace(
            "<NtryDtls>", "<BkTxCd><Domn><Fmly><SubFmlyCd>CHRG</SubFmlyCd></Fmly></Domn></BkTxCd>"
            "<NtryDtls>"
        ),
    ],
)  # fmt: skip
def test_lines_that_differ_in_what_they_say_have_their_own_ids(unlike: str) -> None:
    """Text, whose it is, amount, sign, currency, day, reversal, words beside it, payer, charge."""
    context = Context(BANK, NUMBERS, {"USD": 2, "EUR": 2}, T0)
    told = [
        each.line_id
        for body in (camt052(paid("30", text="INV 7")), camt052(unlike))
        for each in read(body.encode(), context)
        if isinstance(each, LineBooked)
    ]
    assert len(set(told)) == 2
    assert all(each.endswith("/1") for each in told)


def test_batches_of_one_sum_are_told_apart_by_their_payments() -> None:
    """In whatever order they stand."""

    def batch(*numbers: int) -> str:
        details = "".join(
            f"<TxDtls><Refs><EndToEndId>E{n}</EndToEndId></Refs><Amt Ccy='USD'>10</Amt></TxDtls>"
            for n in numbers
        )
        whole = paid("20")
        return whole[: whole.index("<NtryDtls>")] + f"<NtryDtls>{details}</NtryDtls></Ntry>"

    assert len(set(ids(camt052(batch(1, 2))) + ids(camt052(batch(1, 3))))) == 2
    assert ids(camt052(batch(1, 2))) == ids(camt054(batch(2, 1)))


# --- announced, undone, corrected ----------------------------------------------------------------


def test_what_is_announced_is_not_booked_and_is_no_line_of_those_that_are() -> None:
    """A pending entry before a booked one that says the same changes nothing of that."""
    bank = Bank()
    one, pending = paid("30"), paid("30", status="PDNG")
    bank.hear(camt052(pending))
    assert (bank.has("alice"), bank.nostro) == (0, 100_000)
    bank.hear(camt052(pending, one), camt053("1030", one))
    assert (bank.has("alice"), bank.nostro) == (3000, 103_000)
    assert not bank.differs()


def test_a_line_of_nothing_is_no_break() -> None:
    """Banks tell of what costs nothing: it moves nothing, and asks nobody anything."""
    bank = Bank()
    nothing = paid("0.00", text="no charge")
    netted = camt053("1000", nothing, paid("0", "bob", more="<AcctSvcrRef>Z1</AcctSvcrRef>"))
    bank.hear(camt052(nothing), netted)
    assert bank.breaks() == {}
    assert bank.nostro == 100_000
    assert not bank.differs()
    bank.hear(camt054(paid("5", more="<AcctSvcrRef>Z1</AcctSvcrRef>")))
    assert bank.breaks() == {f"{BANK} Z1": "conflict"}


def test_what_is_undone_is_a_line_of_its_own() -> None:
    """Booked, reversed and booked again, as reports and the statement tell it."""
    bank = Bank()
    one = paid("30", text="INV 7")
    undone = paid("30", text="INV 7", side="DBIT", more="<RvslInd>true</RvslInd>")
    bank.hear(camt052(one), camt052(one, undone, message_id="R2"))
    assert bank.nostro == 100_000
    bank.hear(camt053("1030", one, undone, one))
    assert bank.nostro == 103_000
    assert not bank.differs()


@pytest.mark.parametrize(
    ("later", "closing", "entries"),
    [
        ("corrected", "1031", (paid("31", text="INV 7"),)),
        ("withdrawn", "1000", ()),
        ("another text", "1030", (paid("30", text="INVOICE 7"),)),
        ("another day", "1030", (paid("30", text="INV 7", booked=f"<Dt>{TWO}</Dt>"),)),
        ("one of two", "1030", (paid("30", text="INV 7"),)),
    ],
)
def test_what_no_rule_can_know_shows_against_the_closing(
    later: str, closing: str, entries: tuple[str, ...]
) -> None:
    """The statement has not the line that the report had: our nostro and its closing differ."""
    bank = Bank()
    told = paid("30", text="INV 7")
    bank.hear(camt052(*([told, told] if later == "one of two" else [told])))
    bank.hear(camt053(closing, *entries))
    assert bank.differs()


def test_pages_of_a_statement_in_several_messages_may_hide_one_of_two() -> None:
    """What says the same on two pages cannot be told from one line on both: the closing of the last
    is passed on, and is not ours. In one message they are counted through."""
    bank = Bank()
    pages = "<StmtPgntn><PgNb>{}</PgNb><LastPgInd>{}</LastPgInd></StmtPgntn>"
    first = camt053("1060", paid("30"), more=pages.format(1, "false"))
    last = camt053("1060", paid("30"), more=pages.format(2, "true"))
    bank.hear(first, last)
    assert bank.nostro == 103_000
    events = read(last.encode(), Context(BANK, NUMBERS, {"USD": 2}, bank.now))
    assert [type(each).__name__ for each in events] == ["LineBooked", "StatementReported"]
    stmt = last[last.index("<Stmt>") : last.index("</Stmt>") + len("</Stmt>")]
    assert len(set(ids(first.replace("</Stmt>", f"</Stmt>{stmt}")))) == 2
