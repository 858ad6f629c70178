"""The rules of banks' formats, one small message each, and what becomes of one that breaks a rule.

Every figure here is made up; the formats are their standards'.
"""

import re
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.events import Event, FrameQuarantined, StatementReported
from core.rail_events import LineBooked, LinePart, NostroStated
from rails.messages import Unreadable, read
from rails.messages.context import moment
from rails.messages.inbound import SIZE_MAX
from rails.messages.tree import DEPTH_MAX
from tests.expected_messages import EXPECTED
from tests.test_messages import NOW, SEPA, at, context, fact, line_name, message_paths

IBAN = "DE89370400440532013000"


def facts(body: str, **told: object) -> list[tuple[str, ...]]:
    return [fact(event) for event in read(body.encode(), context(**told))]  # type: ignore[arg-type]


def rule(body: str, **told: object) -> str:
    """The one rule that a message breaks; of a tie that is broken the figures are told, too."""
    event, *untied = read(body.encode(), context(**told))  # type: ignore[arg-type]
    assert isinstance(event, FrameQuarantined), event
    assert all(isinstance(each, NostroStated) and not is_tied(each) for each in untied)
    return event.reason


def is_tied(told: NostroStated) -> bool:
    return told.opening + told.entries_sum == told.closing


def lines(body: str) -> list[LineBooked]:
    return [event for event in read(body.encode(), context()) if isinstance(event, LineBooked)]


# --- camt ----------------------------------------------------------------------------------------


def balance(code: str, amount: str, side: str = "CRDT", day: str = "2026-03-02") -> str:
    return (
        f"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy='EUR'>{amount}</Amt>"
        f"<CdtDbtInd>{side}</CdtDbtInd><Dt><Dt>{day}</Dt></Dt></Bal>"
    )


def entry(
    amount: str, side: str = "CRDT", *, more: str = "", status: str = "BOOK", details: str = ""
) -> str:
    return (
        f"<Ntry><Amt Ccy='EUR'>{amount}</Amt><CdtDbtInd>{side}</CdtDbtInd>{more}"
        f"<Sts>{status}</Sts><BookgDt><Dt>2026-03-02</Dt></BookgDt>{details}</Ntry>"
    )


def payments(*amounts: str, batch: str = "") -> str:
    told = "".join(
        f"<TxDtls><Refs><EndToEndId>E{place}</EndToEndId></Refs><Amt Ccy='EUR'>{amount}</Amt>"
        f"</TxDtls>"
        for place, amount in enumerate(amounts, 1)
    )
    return f"<NtryDtls>{batch}{told}</NtryDtls>"


def document(body: str, name: str, part: str, more: str = "") -> str:
    return (
        f"<Document><{name}><GrpHdr><MsgId>M</MsgId></GrpHdr><{part}><Id>S1</Id>{more}"
        f"<CreDtTm>2026-03-02T18:00:00Z</CreDtTm><Acct><Id><IBAN>{IBAN}</IBAN></Id></Acct>{body}"
        f"</{part}></{name}></Document>"
    )


def camt053(*body: str, more: str = "") -> str:
    return document("".join(body), "BkToCstmrStmt", "Stmt", more)


def between(opening: str, closing: str, *entries: str) -> str:
    """A camt.053 with these ends."""
    return camt053(balance("OPBD", opening), balance("CLBD", closing), *entries)


def test_a_batch_tells_its_payments() -> None:
    """One entry, three payments: its parts, each with its own ids, come to its amount."""
    batch = "<Btch><PmtInfId>B7</PmtInfId><NbOfTxs>3</NbOfTxs></Btch>"
    (line,) = lines(between("0", "6", entry("6", details=payments("1", "2", "3", batch=batch))))
    assert line.references == ("B7",)
    assert line.parts == (
        LinePart(100, ("E1",)),
        LinePart(200, ("E2",)),
        LinePart(300, ("E3",)),
    )


def test_a_batch_whose_payments_do_not_come_to_it_is_quarantined() -> None:
    """By what they come to, not by which of them is missing."""
    assert rule(between("0", "7", entry("7", details=payments("1", "2", "3")))) == (
        "details of S1/1 come to 6 EUR, not to its amount 7"
    )


PARTY = "<RltdPties><CdtrAcct><Id><IBAN>GB33BUKB202</IBAN></Id></CdtrAcct></RltdPties>"


def sided(amount: str, side: str = "") -> str:
    """One of an entry's payments, to an account that may be one of ours."""
    way = f"<CdtDbtInd>{side}</CdtDbtInd>" if side else ""
    return f"<TxDtls><Amt Ccy='EUR'>{amount}</Amt>{way}{PARTY}</TxDtls>"


@pytest.mark.parametrize(
    ("side", "net", "parts"),
    [
        ("CRDT", "7", [("10", "CRDT", 1000), ("3", "DBIT", -300)]),
        ("DBIT", "7", [("10", "DBIT", -1000), ("3", "CRDT", 300)]),
        ("CRDT", "13", [("10", "", 1000), ("3", "", 300)]),
        ("DBIT", "13", [("10", "", -1000), ("3", "DBIT", -300)]),
        ("DBIT", "7", [("10", "", -1000), ("3", "CRDT", 300)]),
    ],
)
def test_a_payment_of_an_entry_has_a_sign_of_its_own(
    side: str, net: str, parts: list[tuple[str, str, int]]
) -> None:
    """An entry may be what is left of payments that go both ways; and to whom one was paid is a
    reference only where it came to us."""
    details = "".join(sided(amount, way) for amount, way, _ in parts)
    told = entry(net, side, details=f"<NtryDtls>{details}</NtryDtls>")
    opening, closing = ("0", net) if side == "CRDT" else (net, "0")
    (line,) = lines(between(opening, closing, told))
    assert line.amount == (1 if side == "CRDT" else -1) * int(net) * 100
    assert line.parts == tuple(
        LinePart(units, ("GB33BUKB202",) if units > 0 else ()) for _, _, units in parts
    )


@pytest.mark.parametrize(
    ("side", "details", "broken"),
    [
        ("CRDT", sided("7", "DBIT"), "come to -7 EUR, not to its amount 7"),
        ("DBIT", sided("7", "CRDT"), "come to 7 EUR, not to its amount -7"),
        ("CRDT", sided("10", "CRDT") + sided("3", "CRDT"), "come to 13 EUR, not to its amount 7"),
        ("CRDT", sided("10", "DBIT") + sided("3", "CRDT"), "come to -7 EUR, not to its amount 7"),
        ("CRDT", sided("7", "C"), "CdtDbtInd 'C' is neither CRDT nor DBIT"),
    ],
)
def test_payments_whose_signs_do_not_come_to_their_entry_are_quarantined(
    side: str, details: str, broken: str
) -> None:
    """Some banks write the other side's view there: which is meant nobody can know."""
    told = entry("7", side, details=f"<NtryDtls>{details}</NtryDtls>")
    opening, closing = ("0", "7") if side == "CRDT" else ("7", "0")
    assert broken in rule(between(opening, closing, told))


def test_a_batch_that_miscounts_or_misstates_itself_is_quarantined() -> None:
    """NbOfTxs and TtlAmt are checked against what stands beside them."""
    miscounts = "<Btch><NbOfTxs>3</NbOfTxs></Btch>"
    told = entry("3", details=payments("1", "2", batch=miscounts))
    assert rule(between("0", "3", told)) == "a batch of 3 transactions details 2"
    misstates = "<Btch><NbOfTxs>2</NbOfTxs><TtlAmt Ccy='EUR'>4</TtlAmt></Btch>"
    told = entry("3", details=payments("1", "2", batch=misstates))
    assert rule(between("0", "3", told)) == "a batch of 4 in an entry of 3"


def test_a_reversal_keeps_the_sign_of_its_entry() -> None:
    """RvslInd turns nothing round: only so does the statement tie."""
    told = between("10", "5", entry("5", "DBIT", more="<RvslInd>true</RvslInd>"))
    assert facts(told)[0][2:] == ("-5 EUR", "reversal", "2026-03-02", "reversal", "derived")
    assert facts(told)[1][1] == "10 + -5 = 5 EUR"


@pytest.mark.parametrize(
    ("gross", "net", "side"), [("100", "99.69", "CRDT"), ("50", "50.31", "DBIT")]
)
def test_charges_within_the_amount_are_its_fee(gross: str, net: str, side: str) -> None:
    """The payment is amount + fee, whichever way it goes; charges told apart are no fee of it."""
    for included, fee in (("true", 31), ("false", 0)):
        charges = (
            f"<Chrgs><Rcrd><Amt Ccy='EUR'>0.31</Amt><ChrgInclInd>{included}</ChrgInclInd>"
            "</Rcrd></Chrgs>"
        )
        value = gross if included == "true" else net
        told = entry(net, side, details=payments(value), more=charges)
        opening, closing = ("0", net) if side == "CRDT" else (net, "0")
        (line,) = lines(between(opening, closing, told))
        assert line.fee == fee
        if fee:
            assert abs(line.amount + line.fee) == int(Decimal(gross) * 100)


def test_a_fee_beside_several_payments_is_a_part_of_its_own() -> None:
    """So parts always come to the amount; told net of it, they do so without the fee."""
    charges = "<Chrgs><Amt Ccy='EUR'>0.50</Amt><ChrgInclInd>1</ChrgInclInd></Chrgs>"
    (gross,) = lines(between("0", "2.5", entry("2.5", details=payments("1", "2"), more=charges)))
    assert [part.amount for part in gross.parts] == [100, 200, -50]
    assert (gross.parts[-1].references, gross.fee) == ((), 50)
    (net,) = lines(between("0", "3", entry("3", details=payments("1", "2"), more=charges)))
    assert ([part.amount for part in net.parts], net.fee) == ([100, 200], 0)


@pytest.mark.parametrize(("number", "references"), [("GB33BUKB202", 2), (IBAN, 1)])
def test_the_account_it_was_sent_to_is_a_reference(number: str, references: int) -> None:
    """A virtual account of ours says whose a credit is; the statement's own says nothing."""
    party = f"<RltdPties><CdtrAcct><Id><IBAN>{number}</IBAN></Id></CdtrAcct></RltdPties>"
    details = payments("4").replace("</Refs>", f"</Refs>{party}")
    (line,) = lines(between("0", "4", entry("4", details=details)))
    assert line.references == ("E1", number)[:references]


def test_a_fee_that_does_not_explain_the_details_is_quarantined() -> None:
    """Charges of 0.31 do not make 99 of 100."""
    charges = "<Chrgs><Amt Ccy='EUR'>0.31</Amt><ChrgInclInd>true</ChrgInclInd></Chrgs>"
    told = entry("99", details=payments("100"), more=charges)
    assert rule(between("0", "99", told)) == (
        "details of S1/1 come to 100 EUR, not to its amount 99 and the fee 0.31"
    )


def test_what_is_pending_is_announced_and_ties_nothing() -> None:
    """PDNG stands in no balance; INFO is no entry at all."""
    told = between("0", "4", entry("4"), entry("9", status="PDNG"), entry("7", status="INFO"))
    assert [(line.amount, line.pending) for line in lines(told)] == [(400, False), (900, True)]
    assert "entry status 'GONE'" in rule(between("0", "4", entry("4", status="GONE")))


def test_more_decimals_than_the_asset_has_are_quarantined() -> None:
    """4.50000 is 4.50; 4.505 is no amount in cents, and is not rounded to one."""
    assert lines(between("0", "4.5", entry("4.50000")))[0].amount == 450
    assert rule(between("0", "4.505", entry("4.505"))) == (
        "EUR amount '4.505' has more than 2 decimals"
    )


@pytest.mark.parametrize("amount", ["-4.50", "", "4,50", "4.5e1", "NaN", "1" * 19, "٤", "0x4"])
def test_what_is_no_amount_is_quarantined(amount: str) -> None:
    """A sign, a comma, an exponent, other digits: ISO writes none of these."""
    assert rule(between("0", "4.50", entry(amount))) == f"amount {amount!r} is no decimal number"


def test_a_statement_of_another_account_is_quarantined() -> None:
    """And those of ours in the same file are read."""
    ours = between("0", "4", entry("4"))
    theirs = ours.replace(IBAN, "FR7630006000011234567890189")
    both = ours.replace("</BkToCstmrStmt></Document>", "") + theirs[theirs.index("<Stmt>") :]
    told = facts(both, accounts={IBAN: "bank_eu/ops"})
    assert [one[0] for one in told] == ["line", "tie", "quarantined"]
    assert told[2][1] == "told of another account: FR7630006000011234567890189"


def test_two_messages_in_one_envelope_are_both_read() -> None:
    """An envelope may hold several, and namespaces and prefixes change nothing."""
    one = between("0", "4", entry("4")).replace("<Document>", "").replace("</Document>", "")
    other = one.replace("<Id>S1</Id>", "<Id>S2</Id>").replace("<", "<c:").replace("<c:/", "</c:")
    told = facts(f"<Envelope xmlns:c='urn:x'>{one}{other}</Envelope>")
    assert [row[0] for row in told] == ["line", "tie", "line", "tie"]


def test_an_id_that_two_entries_share_is_none() -> None:
    """A bank's reference is a line's id only where no other entry of the statement has it."""
    shared = "<AcctSvcrRef>R1</AcctSvcrRef>"
    own = "<AcctSvcrRef>R2</AcctSvcrRef>"
    told = lines(between("0", "6", entry("1", more=shared), entry("2", more=shared),
                         entry("3", more=own)))  # fmt: skip
    assert [(line_name(line), line.derived_id) for line in told] == [
        ("2026-03-02/1EUR/1", True),
        ("2026-03-02/2EUR/1", True),
        ("R2", False),
    ]
    assert [line.references for line in told] == [("R1",), ("R1",), ("R2",)]


@pytest.mark.parametrize("nothing", ["NOTPROVIDED", "NONREF", "0", "000000000000"])
def test_what_stands_in_the_place_of_a_reference_is_none(nothing: str) -> None:
    """A line of each day would have it: in ISO's messages, in BAI2 and in MT."""
    shared = f"<AcctSvcrRef>{nothing}</AcctSvcrRef>"
    messages = (
        between("0", "4", entry("4", more=shared)),
        bai("USD,010,0,,,015,5,,", f"16,142,5,,{nothing},0,text/", total=10),
        mt940(f":61:260303C0,NTRFNONREF//{nothing}"),
    )
    for body in messages:
        (line,) = lines(body)
        assert line.derived_id
        assert nothing not in line.references


def test_a_page_of_a_statement_ties_nothing() -> None:
    """Its ends are the whole statement's, its entries only some: the last balance is compared."""
    pages = "<StmtPgntn><PgNb>2</PgNb><LastPgInd>true</LastPgInd></StmtPgntn>"
    told = camt053(balance("OPBD", "0"), balance("CLBD", "9"), entry("4"), more=pages)
    assert [row[0] for row in facts(told)] == ["line", "balance"]


def test_the_sequence_and_the_ends_in_time_are_told() -> None:
    """The electronic number, else the legal one; a day begins where the bank is."""
    legal = "<LglSeqNb>20</LglSeqNb>"
    told = camt053(balance("OPBD", "0"), balance("CLBD", "0"), more=legal)
    berlin = read(told.encode(), context(zone="Europe/Berlin"))
    assert isinstance(berlin[0], NostroStated)
    assert berlin[0].sequence == 20
    assert facts(told)[0] == ("tie", "0 + 0 = 0 EUR", "0 entries", "sequence 20", "2026-03-02",
                              "2026-03-03")  # fmt: skip
    assert fact(berlin[0])[4:] == ("2026-03-01T23:00:00", "2026-03-02T23:00:00")
    both = "<ElctrncSeqNb>25</ElctrncSeqNb>" + legal
    told = camt053(balance("OPBD", "0"), balance("CLBD", "0"), more=both)
    assert facts(told)[0][3] == "sequence 25"
    day, hour = "2026-03-0", "T17:00:00Z"
    cut = f"<FrToDt><FrDtTm>{day}1{hour}</FrDtTm><ToDtTm>{day}2{hour}</ToDtTm></FrToDt>"
    told = camt053(balance("OPBD", "0"), balance("CLBD", "0"), more=cut)
    assert facts(told)[0][3:] == ("2026-03-01T17:00:00", "2026-03-02T17:00:00")


@pytest.mark.parametrize(
    ("text", "zone", "utc"),
    [
        ("2026-03-02T12:30:00+01:00", "UTC", "2026-03-02T11:30:00"),
        ("2026-03-02T12:30:00-05:00", "UTC", "2026-03-02T17:30:00"),
        ("2026-03-02T12:30:00Z", "Europe/Berlin", "2026-03-02T12:30:00"),
        ("2026-03-02T12:30:00", "Europe/Berlin", "2026-03-02T11:30:00"),
        ("2026-07-02T12:30:00.5", "Europe/Berlin", "2026-07-02T10:30:00.500"),
        ("2026-03-02T24:00:00", "UTC", "2026-03-03"),
        ("2026-03-02", "America/New_York", "2026-03-02T05:00:00"),
        ("2026-03-02+01:00", "UTC", "2026-03-02"),
    ],
)
def test_a_time_is_read_exactly(text: str, zone: str, utc: str) -> None:
    """With its offset, else where the bank is; a date begins there, whatever stands behind it."""
    assert at(moment(text, zone)) == utc
    assert moment("2026-03-02T00:00:00.123456789Z", zone) % 10**9 == 123456789


@pytest.mark.parametrize(
    "text",
    ["2026-03-02T25:00:00", "2026-03-02T24:00:01", "2026-02-30", "02.03.2026", "", "2026-3-2"],
)
def test_what_is_no_time_is_quarantined(text: str) -> None:
    """And never a time near it."""
    with pytest.raises(Unreadable, match=r"time|no day"):
        moment(text, "UTC")


def test_two_closings_that_differ_are_quarantined() -> None:
    """One of them is not the closing."""
    told = camt053(balance("OPBD", "0"), balance("CLBD", "4"), balance("CLBD", "5"), entry("4"))
    assert rule(told) == "two CLBD balances in EUR: 4 and 5"


def test_an_opening_of_its_own_counts_before_the_previous_closing() -> None:
    """Where both are told, the day's own begins it."""
    told = camt053(balance("OPBD", "0"), balance("PRCD", "1"), balance("CLBD", "4"), entry("4"))
    assert facts(told)[1][1] == "0 + 4 = 4 EUR"


@pytest.mark.parametrize(("number", "last"), [("1", "true"), ("00001", "1")])
def test_a_statement_of_one_page_is_whole(number: str, last: str) -> None:
    """However its bank writes a number and a yes."""
    pages = f"<StmtPgntn><PgNb>{number}</PgNb><LastPgInd>{last}</LastPgInd></StmtPgntn>"
    told = camt053(balance("OPBD", "0"), balance("CLBD", "4"), entry("4"), more=pages)
    assert [row[0] for row in facts(told)] == ["line", "tie"]


@pytest.mark.parametrize(("returned", "kind"), [(0, "payment"), (1, "payment"), (2, "return AC04")])
def test_a_batch_is_a_return_if_all_in_it_is(returned: int, kind: str) -> None:
    """What was returned beside what was not has its own references, and the line is no return."""
    reason = "<RtrInf><Rsn><Cd>AC04</Cd></Rsn></RtrInf>"
    details = payments("1", "2").replace("</TxDtls>", f"{reason}</TxDtls>", returned)
    assert facts(between("0", "3", entry("3", details=details)))[0][3] == kind


def test_an_entry_in_a_currency_without_a_balance_is_quarantined() -> None:
    """It stands in no balance that was told: nobody could find it missing."""
    told = between("0", "4", entry("4"), entry("5").replace("EUR", "USD"))
    assert rule(told) == "S1 books in USD without a balance"


@pytest.mark.parametrize(
    ("total", "holds"),
    [
        ("<TtlNtries><NbOfNtries>2</NbOfNtries><Sum>7</Sum></TtlNtries>", True),
        (
            "<TtlNtries><NbOfNtries>3</NbOfNtries><Sum>16</Sum></TtlNtries>",
            True,
        ),  # with the pending
        ("<TtlNtries><NbOfNtries>4</NbOfNtries></TtlNtries>", False),
        ("<TtlNtries><Sum>8</Sum></TtlNtries>", False),
        ("<TtlNtries><TtlNetNtryAmt>1</TtlNetNtryAmt></TtlNtries>", True),
        ("<TtlNtries><TtlNetNtry><Amt>2</Amt></TtlNetNtry></TtlNtries>", False),
        ("<TtlCdtNtries><NbOfNtries>1</NbOfNtries><Sum>4</Sum></TtlCdtNtries>", True),
        ("<TtlDbtNtries><NbOfNtries>1</NbOfNtries><Sum>2</Sum></TtlDbtNtries>", False),
    ],
)
def test_a_summary_of_entries_holds(total: str, holds: bool) -> None:  # noqa: FBT001 (a table)
    """Of 4 in, 3 out and 9 announced: all of them, or the booked alone."""
    told = between("0", "1", f"<TxsSummry>{total}</TxsSummry>", entry("4"), entry("3", "DBIT"),
                   entry("9", status="PDNG"))  # fmt: skip
    assert (facts(told)[0][0] == "line") is holds


def test_a_report_within_the_day_is_no_statement() -> None:
    """Its interim balance is passed on as of its end; empty it is an alarm."""
    told = document(balance("ITBD", "4") + entry("4"), "BkToCstmrAcctRpt", "Rpt")
    assert [row[0] for row in facts(told)] == ["line", "balance"]
    assert facts(told)[1] == ("balance", "4 EUR", "2026-03-02T18:00:00")
    later = balance("ITBD", "5", day="2026-03-04")
    told = document(later + balance("ITBD", "4"), "BkToCstmrAcctRpt", "Rpt")
    assert facts(told) == [("balance", "5 EUR", "2026-03-04")]
    (stated,) = read(told.encode(), context())
    assert isinstance(stated, StatementReported)
    assert stated.asked_at == NOW  # pushed: not asked before it came
    both = balance("ITBD", "4") + balance("CLBD", "9", day="2026-03-03")
    assert facts(document(both, "BkToCstmrAcctRpt", "Rpt"))[0][1] == "9 EUR"
    some = balance("OPBD", "0") + balance("CLBD", "9") + entry("4")
    assert facts(document(some, "BkToCstmrAcctRpt", "Rpt"))[1][:2] == ("balance", "9 EUR")
    empty = document("", "BkToCstmrAcctRpt", "Rpt")
    assert rule(empty) == "S1 tells neither an entry nor a balance"
    assert facts(empty, asked_at=NOW) == [("dismissed", "S1: nothing new")]
    assert rule(camt053(), asked_at=NOW) == "S1 tells neither an entry nor a balance"
    available = document(balance("CLAV", "4"), "BkToCstmrAcctRpt", "Rpt")
    assert facts(available) == [("dismissed", "S1: only balances of another kind")]


@pytest.mark.parametrize(
    ("body", "broken"),
    [
        ("", "an empty message"),
        ("hello", "none of the formats"),
        ("<Document/>", "<Document> holds no ISO 20022 message"),
        ("<Document><BkToCstmrStmt></Document>", "not well-formed XML"),
        ("<Document><BkToCstmrAcctRpt/></Document>", "no <Rpt> in <BkToCstmrAcctRpt>"),
        ("<Document><PmtRtr/></Document>", "a pacs.004 that returns no transaction"),
        ("<Document><CstmrPmtStsRpt/></Document>", "<CstmrPmtStsRpt> tells no status"),
        ("<a>" * (DEPTH_MAX + 1), "elements nested deeper than"),
        ("<!DOCTYPE a [<!ENTITY b 'bb'><!ENTITY c '&b;&b;'>]><a>&c;</a>", "a document type"),
        ("<!DOCTYPE a SYSTEM 'file:///nowhere'><a/>", "a document type"),
        (" " * (SIZE_MAX + 1), "more than the"),
    ],
)
def test_what_tells_nothing_is_an_alarm(body: str, broken: str) -> None:
    """And so is what could expand, reach outside, or never end."""
    assert broken in rule(body)


# --- statuses, returns, recalls ------------------------------------------------------------------


def status(code: str, reason: str = "", name: str = "FIToFIPmtStsRpt") -> str:
    why = f"<StsRsnInf><Rsn><Cd>{reason}</Cd></Rsn></StsRsnInf>" if reason else ""
    return (
        f"<Document><{name}><GrpHdr/><TxInfAndSts><OrgnlEndToEndId>P1</OrgnlEndToEndId>"
        f"<TxSts>{code}</TxSts>{why}</TxInfAndSts></{name}></Document>"
    )


@pytest.mark.parametrize(
    ("code", "reason", "interbank", "customer"),
    [
        ("RCVD", "", "received", "received"),
        ("ACCP", "", "accepted", "accepted"),
        ("ACSP", "G000", "accepted", "accepted"),
        ("ACSP", "G003", "held", "held"),
        ("ACSP", "G004", "held", "held"),
        ("ACSC", "", "settled", "accepted"),  # on a pain.002 it is the debtor's side
        ("ACCC", "", "settled", "settled"),
        ("PDNG", "", "pending", "pending"),
        ("RJCT", "AC04", "rejected", "rejected"),
        ("CANC", "", "cancelled", "cancelled"),
    ],
)
def test_a_status_is_what_the_scheme_means_by_it(
    code: str, reason: str, interbank: str, customer: str
) -> None:
    """Settled only where the scheme's own rule says so."""
    assert facts(status(code, reason))[0][2].split()[0] == interbank
    told = facts(status(code, reason, "CstmrPmtStsRpt"))
    assert told[0][2].split()[0] == customer


def test_an_instant_scheme_settles_by_its_own_code() -> None:
    """SCT Inst confirms by ACCP; the scheme says so, not the message."""
    told = facts(status("ACCP"), settled_codes=frozenset({"ACCP", "ACCC"}))
    assert told == [("payment", "P1", "settled ACCP", "1970-01-01")]
    assert "status 'ACXX' is none" in rule(status("ACXX"))


def test_a_transaction_without_a_status_has_its_batch_s() -> None:
    """The nearest level counts; a payment that travels alone has one id on all of them."""
    batch = "<PmtInfSts>RJCT</PmtInfSts><TxInfAndSts><OrgnlEndToEndId>P1</OrgnlEndToEndId>"
    told = (
        "<Document><CstmrPmtStsRpt><OrgnlGrpInfAndSts><OrgnlMsgId>M1</OrgnlMsgId><GrpSts>ACCP"
        f"</GrpSts></OrgnlGrpInfAndSts><OrgnlPmtInfAndSts>{batch}</TxInfAndSts></OrgnlPmtInfAndSts>"
        "</CstmrPmtStsRpt></Document>"
    )
    assert facts(told)[0][:3] == ("payment", "P1", "rejected RJCT")


def pacs004(amount: str = "10.00", total: str = "10.00", count: str = "1") -> str:
    return (
        f"<Document><PmtRtr><GrpHdr><CreDtTm>2026-03-02T09:00:00Z</CreDtTm><NbOfTxs>{count}"
        f"</NbOfTxs><TtlRtrdIntrBkSttlmAmt Ccy='EUR'>{total}</TtlRtrdIntrBkSttlmAmt></GrpHdr>"
        "<TxInf><RtrId>R9</RtrId><OrgnlEndToEndId>P1</OrgnlEndToEndId><OrgnlTxId>T1</OrgnlTxId>"
        f"<RtrdIntrBkSttlmAmt Ccy='EUR'>{amount}</RtrdIntrBkSttlmAmt><ChrgsInf><Amt Ccy='EUR'>0.50"
        "</Amt></ChrgsInf><RtrRsnInf><Rsn><Cd>AC04</Cd></Rsn></RtrRsnInf></TxInf></PmtRtr>"
        "</Document>"
    )


def test_a_return_tells_its_payment_reason_and_fee() -> None:
    """By our own id, as the original carried it; its header's totals hold."""
    assert facts(pacs004()) == [
        ("return", "R9", "P1", "10", "AC04", "of P1, T1", "fee 0.50", "2026-03-02T09:00:00")
    ]
    assert rule(pacs004(total="11")) == "header tells 11, its transactions come to 10"
    assert rule(pacs004(count="2")) == "NbOfTxs 2, and 1 transactions"


def test_an_amount_in_another_currency_is_none_of_a_payment_of_the_account() -> None:
    """A status goes without it, a return or a recall is quarantined: they would be read as cents of
    the account's own."""
    other = pacs004().replace("'EUR'", "'USD'")
    assert rule(other, currency="EUR") == "RtrdIntrBkSttlmAmt in USD, not in EUR"
    assert facts(other, currency="USD")[0][0] == "return"
    worth = "<OrgnlTxRef><IntrBkSttlmAmt Ccy='USD'>20</IntrBkSttlmAmt></OrgnlTxRef>"
    fee = "<ChrgsInf><Amt Ccy='USD'>3</Amt></ChrgsInf>"
    told = status("ACSC").replace("</TxInfAndSts>", f"{fee}{worth}</TxInfAndSts>")
    assert facts(told, currency="USD")[0][3:5] == ("20 of it", "fee 3")
    assert facts(told, currency="EUR") == [("payment", "P1", "settled ACSC", "1970-01-01")]
    assert facts(told.replace(" Ccy='USD'", "")) == facts(told, currency="EUR")
    dear = told.replace("<Amt Ccy='USD'>", "<Amt Ccy='EUR'>")
    assert facts(dear, currency="USD")[0][3:] == ("20 of it", "1970-01-01")


def test_a_recall_is_asked_and_answered() -> None:
    """camt.056 asks back what we were paid; camt.029 answers a recall of ours, or not yet."""
    asked = (
        "<Document><FIToFIPmtCxlReq><Assgnmt><Id>A1</Id></Assgnmt><Undrlyg><TxInf><CxlId>C1</CxlId>"
        "<OrgnlEndToEndId>THEIRS</OrgnlEndToEndId><OrgnlIntrBkSttlmAmt Ccy='EUR'>7"
        "</OrgnlIntrBkSttlmAmt><CxlRsnInf><Rsn><Cd>FRAD</Cd></Rsn></CxlRsnInf></TxInf></Undrlyg>"
        "</FIToFIPmtCxlReq></Document>"
    )
    assert facts(asked) == [("recall", "C1", "7", "FRAD", "THEIRS")]
    for code, answer in (("ACCR", "yes"), ("RJCR", "no")):
        assert facts(resolved(code)) == [("answer", "P1", answer, "LEGL")]
    assert facts(resolved("PDCR")) == [("dismissed", "recall of P1: PDCR, no answer yet")]


def resolved(code: str) -> str:
    return (
        "<Document><RsltnOfInvstgtn><CxlDtls><TxInfAndSts><OrgnlEndToEndId>P1</OrgnlEndToEndId>"
        f"<TxCxlSts>{code}</TxCxlSts><CxlStsRsnInf><Rsn><Cd>LEGL</Cd></Rsn></CxlStsRsnInf>"
        "</TxInfAndSts></CxlDtls></RsltnOfInvstgtn></Document>"
    )


# --- NACHA ---------------------------------------------------------------------------------------

RDFI, ORIGINAL, RETURN = "09140060", "091400600000001", "091000017611242"


def nacha(addenda: str, amount: int = 12354, code: str = "21") -> str:
    """A file of one entry, with controls that hold."""
    entry = f"6{code}{RDFI}6123456789        {amount:010}THEINDIVIDUALIDPaul Jones            S "
    entry += f"{1 if addenda else 0}{RETURN}"
    debit, credit = (amount, 0) if code[1] >= "5" else (0, amount)
    sums = f"{1 + bool(addenda):06}{int(RDFI):010}{debit:012}{credit:012}"
    wide = f"{1 + bool(addenda):08}{int(RDFI):010}{debit:012}{credit:012}"
    rows = [
        "101 091400606 6910001342603020306A094101FIRST BANK & TRUST     ASF APPLICATION SUPERVI",
        "5200Tieout".ljust(40) + "1234567890WEBTRANSFER        260303   1091000010000001",
        entry,
        *([addenda] if addenda else []),
        f"8200{sums}1234567890".ljust(79) + "091000010000001",
        f"9000001000001{wide}",
    ]
    return "\n".join(row.ljust(94) for row in rows) + "\n"


def addenda99(code: str, reserved: str = "") -> str:
    return f"799{code}{ORIGINAL}      {RDFI}{reserved}".ljust(79) + RETURN


def test_a_return_is_known_by_two_trace_numbers_and_a_dishonour_undoes_it() -> None:
    """R01 returns; R61 and on dishonour that return; R71 and on contest the dishonour."""
    assert facts(nacha(addenda99("R01"))) == [
        ("return", f"{RETURN}/{ORIGINAL}", "123.54", "R01", f"of {ORIGINAL}, THEINDIVIDUALID",
         "2026-03-02T03:06:00")
    ]  # fmt: skip
    earlier = "021000029461242"
    dishonoured = facts(nacha(addenda99("R61", f"   {earlier}06201")))
    assert dishonoured[0][1] == f"{RETURN}/{ORIGINAL}/R61"
    assert dishonoured[0][5] == f"dishonours {earlier}/{ORIGINAL}"
    contested = facts(nacha(addenda99("R71", f"060{'0' * 15}06201{earlier}06261")))
    assert contested[0][5] == f"dishonours {earlier}/{ORIGINAL}/R61"


def test_a_notification_of_change_is_told_and_a_refused_one_is_not_ours() -> None:
    """C01 corrects an account number; C61 and on refuse a notification."""
    corrected = f"798C01{ORIGINAL}      {RDFI}9876543210".ljust(79) + RETURN
    assert facts(nacha(corrected, amount=0)) == [
        ("change", "C01", "9876543210", f"of {ORIGINAL}, THEINDIVIDUALID")
    ]
    refused = corrected.replace("C01", "C61")
    assert facts(nacha(refused, amount=0))[0][0] == "dismissed"


def test_an_entry_to_an_account_of_ours_is_announced() -> None:
    """It is booked by the bank's statement alone; to any other account it is quarantined."""
    told = facts(nacha("", code="27"), accounts={"123456789": "bank_us/ops"})
    assert told == [
        ("line", RETURN, "-123.54 USD", "payment WEB", "2026-03-02T03:06:00", "value 2026-03-03",
         "with Tieout", "pending")
    ]  # fmt: skip
    assert rule(nacha("", code="27"), accounts={}) == "told of another account: 123456789"
    assert facts(nacha("", amount=0, code="28"))[0][0] == "dismissed"
    assert facts(nacha("", code="55"))[0][2] == "-123.54 USD"


def test_a_file_without_an_entry_is_an_alarm() -> None:
    """Its controls hold, of nothing."""
    head, *_, _ = nacha("").splitlines()
    end = f"9000000000001{0:08}{0:010}{0:024}"
    assert rule(f"{head}\n{end}\n") == "read to its end, and it tells nothing"


def altered(body: str, row: int, first: int, text: str) -> str:
    """The file with other characters in a row, counted as the standard counts them."""
    rows = body.split("\n")
    rows[row] = rows[row][: first - 1] + text + rows[row][first - 1 + len(text) :]
    return "\n".join(rows)


@pytest.mark.parametrize(
    ("row", "first", "text", "broken"),
    [
        (0, 1, "5200", "no file header"),
        (2, 30, "0000012355", "tells credits 12354, counted 12355"),
        (2, 4, "09140061", "tells entry_hash 9140060, counted 9140061"),
        (4, 5, "000003", "tells records 3, counted 2"),
        (4, 88, "0000002", "batch 0000001 ends as 0000002"),
        (4, 1, "7", "has no control (8)"),
        (5, 2, "000002", "tells batches 2, counted 1"),
        (5, 8, "000002", "tells blocks 2, counted 1"),
        (5, 1, "8", "a record '8' where none may stand"),
        (3, 4, "X01", "return 'X01'"),
        (3, 1, "6", "is no number"),
        (3, 1, "5", "a record '5' where none may stand"),
        (1, 51, "ADV", "accounting advices"),
    ],
)
def test_a_nacha_file_that_breaks_a_control_is_quarantined(
    row: int, first: int, text: str, broken: str
) -> None:
    """Counts, hashes, totals and nesting, of batch and of file."""
    assert broken in rule(altered(nacha(addenda99("R01")), row, first, text))


def test_a_return_without_its_reason_is_quarantined() -> None:
    """The code of the entry says that it comes back; nothing says why."""
    assert rule(nacha("")) == "a return or change (21) without the addenda that says why"


# --- BAI2 ----------------------------------------------------------------------------------------


def bai(
    account: str, *transactions: str, total: int, group: str = "1,260302,2400,USD,2", rows: int = 0
) -> str:
    records = [f"03,777,{account}/", *transactions]
    lines = rows or len(records) + 1
    return "\n".join(
        [
            "01,BANK,US,260303,0600,F1,,,2/",
            f"02,US,BANK,{group}/",
            *records,
            f"49,{total},{lines}/",
            f"98,{total},1,{lines + 2}/",
            f"99,{total},1,{lines + 4}/",
        ]
    )


def test_bai_amounts_have_the_decimals_of_their_currency() -> None:
    """12345 is 123.45 dollars, and as many yen."""
    usd = facts(bai("USD,010,0,,,015,12345,,", "16,142,12345,,B1,C1,text/", total=24690))
    assert usd[0][:4] == ("line", "B1", "123.45 USD", "payment 142")
    jpy = facts(bai("JPY,010,0,,,015,12345,,", "16,142,12345,,B1,C1,text/", total=24690))
    assert jpy[0][2] == "12345 JPY"
    assert rule(bai("KWD,010,0,,,015,1,,", "16,142,1,,B1,,/", total=2)) == (
        "currency 'KWD' is none of our assets"
    )


def test_bai_type_codes_say_the_sign_and_what_it_is() -> None:
    """A debit leaves us, a returned item comes with its kind; the ends tie."""
    told = facts(
        bai(
            "USD,010,1000,,,015,300,,,100,200,1,,400,900,2,",
            "16,257,200,,B1,,RETURN/",
            "16,495,850,V,260304,,B2,OURREF,WIRE OUT",
            "88,EREF: E7",
            "88,DBNM: SOMEBODY",
            "16,698,50,,B3,,FEE/",
            total=3500,
            rows=7,
        )
    )
    assert told == [
        ("line", "B1", "2 USD", "return 257", "2026-03-02"),
        ("line", "B2", "-8.50 USD", "payment 495", "2026-03-02", "value 2026-03-04",
         "with SOMEBODY"),
        ("line", "B3", "-0.50 USD", "fee 698", "2026-03-02"),
        ("tie", "10 + -7 = 3 USD", "3 entries", "2026-03-02", "2026-03-03"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "broken"),
    [
        (bai("USD,010,0,,,015,5,,", "16,142,5,,B1,,/", total=11), "49 tells control total 11"),
        (bai("USD,010,0,,,015,5,,", "16,142,5,,B1,,/", total=10, rows=4), "49 tells records 4"),
        (bai("USD,010,0,,,015,6,,", "16,142,5,,B1,,/", total=11), "opening 0 + entries 0.05"),
        (
            bai("USD,100,6,1,", "16,142,5,,B1,,/", total=11),
            "100 tells 1 items of 0.06 USD, found 1",
        ),
        (bai("USD,100,5,2,", "16,142,5,,B1,,/", total=10), "100 tells 2 items"),
        (bai("USD,015,5,,", "16,142,-5,,B1,,/", total=0), "its type 142 says the sign"),
        (bai("USD,015,5,,", "16,142,+-5,,B1,,/", total=10), "'+-5' is no whole number"),
        (bai("USD,015,5-,,", total=5), "'5-' is no whole number"),
        (bai("USD,015,5,,", "16,750,5,,B1,,/", total=10), "neither a credit nor a debit"),
        (bai("USD,015,5,Q,Q", "16,142,5,,B1,,/", total=10), "funds type 'Q'"),
        (bai("USD,015,5,,", total=5, group="2,260302,,USD,2"), "group status '2'"),
        (bai("USD,015,5,,", total=5, group="1,260231,,USD,2"), "no day of the calendar"),
        (bai("USD", total=0), "tells neither an entry nor a balance"),
        ("01,BANK,US,260303,0600,F1,,,2/\n99,0,0,2/", "without an account"),
        ("01,BANK,US,260303,0600,F1,,,2/", "begins with 01 and ends with 99"),
        (bai("USD,015,5,,", total=5).replace("\n98,", "\n16,"), "a record 16 where none may stand"),
    ],
)
def test_a_bai_file_that_breaks_a_rule_is_quarantined(body: str, broken: str) -> None:
    """Sums, counts, signs, nesting and dates."""
    assert broken in rule(body)


def test_an_interim_bai_report_is_compared_not_tied() -> None:
    """Ledger balances of the day so far; and what is only available says nothing to the books."""
    told = bai("USD,030,5,,", "16,142,5,,B1,,/", total=10, group="1,260302,1500,USD,3")
    assert facts(told)[1] == ("balance", "0.05 USD", "2026-03-02T15:00:00")
    part = bai("USD,010,0,,,015,9,,", "16,142,5,,B1,,/", total=14, group="1,260302,1500,USD,3")
    assert facts(part)[1] == ("balance", "0.09 USD", "2026-03-02T15:00:00")
    assert facts(bai("USD,060,5,,", total=5))[0][0] == "dismissed"
    assert facts(bai("USD,015,5,,", total=5, group="4,260302,,USD,2"))[0][0] == "dismissed"
    summed = facts(bai("USD,010,0,,,015,5,,,100,5,1,", total=10))
    assert summed == [("balance", "0.05 USD", "2026-03-03")]


# --- MT940, MT942 --------------------------------------------------------------------------------


def mt940(
    *rows: str, opening: str = ":60F:C260302EUR10,", closing: str = ":62F:C260303EUR10,"
) -> str:
    return "\r\n".join(
        [":20:STARTUMS", ":25:10020030/1234567", ":28C:7/1", opening, *rows, closing, "-", ""]
    )


@pytest.mark.parametrize(
    ("mark", "amount", "kind"),
    [
        ("C", 500, "payment"),
        ("D", -500, "payment"),
        ("RC", -500, "reversal"),
        ("RD", 500, "reversal"),
    ],
)
def test_the_mark_of_a_line_says_its_sign(mark: str, amount: int, kind: str) -> None:
    """An R undoes: a reversed credit leaves us. A letter of the currency may stand behind."""
    for funds in ("", "R"):
        closing = f":62F:C260303EUR{10 + amount // 100},"
        told = lines(mt940(f":61:2603030303{mark}{funds}5,NTRFREF//BANK1", closing=closing))
        assert [(line.amount, line.kind, line.line_id) for line in told] == [
            (amount, kind, "BANK1")
        ]


def test_pages_in_one_file_are_one_statement() -> None:
    """And each opens where the one before closed."""
    first = mt940(":61:260303D4,NTRFREF//B1", closing=":62M:C260303EUR6,")
    second = mt940(
        ":61:260303D1,NTRFREF//B2", opening=":60M:C260303EUR6,", closing=":62F:C260303EUR5,"
    )
    told = facts(first + second)
    assert [row[0] for row in told] == ["line", "line", "tie"]
    assert told[2][1:3] == ("10 + -5 = 5 EUR", "2 entries")
    gap = second.replace("60M:C260303EUR6,", "60M:C260303EUR7,").replace("EUR5,", "EUR6,")
    assert rule(first + gap) == "a page closes at 6, the next opens at 7"
    assert [row[0] for row in facts(first)] == ["line"]
    other = second.replace("1234567", "7654321")
    assert [row[0] for row in facts(first + other)] == ["line", "line", "balance"]
    assert facts(second)[1] == ("balance", "5 EUR", "2026-03-04")
    assert "opening 6 + entries -1 = 5" in rule(
        second.replace("62F:C260303EUR5,", "62F:C260303EUR4,")
    )


def test_an_envelope_and_a_foreign_line_end_change_nothing() -> None:
    """SWIFT's blocks stand around it; NEL is a letter of a bank's text, no end of a line."""
    plain = mt940(":61:260303C0,NTRFREF//B1", ":86:a\u0085b")
    wrapped = "{1:F01BANK}{2:O940}{4:\r\n" + plain + "-}"
    for told in (plain, wrapped, plain.replace("\r\n", "\r")):
        assert [row[0] for row in facts(told)] == ["line", "tie"]
    assert rule(mt940(":61:260303C0,NTRFREF//B1", ":86:" + "x" * 10_001)).startswith(":86: has")
    nel = bai("USD,010,0,,,015,5,,", "16,142,5,,B1,,A\u0085B/", total=10)
    assert isinstance(read(nel.encode("latin-1"), context())[0], LineBooked)


def test_an_entry_date_has_the_year_nearest_to_its_value_date() -> None:
    """It tells month and day only: booked on 30 December, of value on 2 January."""
    told = mt940(":61:2701021230C0,NTRFNONREF//B1")
    assert facts(told)[0][4:6] == ("2026-12-30", "value 2027-01-02")
    assert "entry date '0230'" in rule(mt940(":61:2603010230C0,NTRFNONREF//B1"))
    assert facts(mt940(":61:2602300301C0,NTRFNONREF//B1"))[0][5] == "value 2026-02-28"


@pytest.mark.parametrize(
    ("body", "broken"),
    [
        (mt940(":61:260303C5,NTRFREF//B1"), "opening 10 + entries 5 = 15, not the closing 10 told"),
        (mt940(closing=":62F:C260303USD10,"), "opens in EUR and closes in USD"),
        (mt940(closing=":64:C260303EUR10,"), "without its closing balance"),
        (mt940(closing=":62F:X260303EUR10,"), "is not mark, date, currency and amount"),
        (mt940(":61:nonsense"), "is no :61:"),
        (mt940(opening=":34F:nonsense"), "neither a statement (:60F:) nor an interim report"),
    ],
)
def test_an_mt_message_that_breaks_a_rule_is_quarantined(body: str, broken: str) -> None:
    """Ties, currencies, and fields that must be there."""
    assert broken in rule(body)


def test_an_interim_report_counts_and_sums_its_lines() -> None:
    """:90D: and :90C: are checked; a report without a line is dismissed by name."""
    head = ":20:R\n:25:10020030/1234567\n:28C:3/1\n:34F:EUR0,\n:13D:2603031200+0100\n"
    row = ":61:260303D5,NTRFREF//B1\n:86:some text\n"
    assert facts(f"{head}{row}:90D:1EUR5,\n-")[0][2:] == (
        "-5 EUR", "payment NTRF", "2026-03-03", "value 2026-03-03", "pending",
    )  # fmt: skip
    assert rule(f"{head}{row}:90D:2EUR5,\n-") == ":90D: tells 2 of 5, found 1 of 5"
    assert rule(f"{head}{row}:90C:1EUR5,\n-") == ":90C: tells 1 of 5, found 0 of 0"
    assert facts(f"{head}:90D:0EUR0,\n-")[0][0] == "dismissed"


# --- any bytes, and altered samples --------------------------------------------------------------


BEGINNINGS = ["<Document><BkToCstmrStmt><Stmt>", "01,A\n", "101 ", ":20:\n:60F:", "5200"]


@given(st.binary(max_size=400))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_no_bytes_raise_and_none_are_silent(body: bytes) -> None:
    """Whatever comes, something is told of it."""
    assert read(body, context())


@given(st.sampled_from(BEGINNINGS), st.text(max_size=200))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_no_text_behind_a_format_s_beginning_raises(start: str, text: str) -> None:
    """Nor what begins as a message and goes on as nothing."""
    assert read((start + text).encode("utf-8", "surrogatepass"), context())


@given(data=st.data())
@settings(
    max_examples=400,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_no_altered_sample_raises_or_ties_what_does_not(samples: Path, data: st.DataObject) -> None:
    """Bytes replaced, cut out or doubled: what is still called a tie is one, by its own lines."""
    body = data.draw(st.sampled_from([path.read_bytes() for path in message_paths(samples)]))
    for _ in range(data.draw(st.integers(1, 3))):
        first = data.draw(st.integers(0, len(body)))
        last = data.draw(st.integers(first, min(first + 60, len(body))))
        put = data.draw(st.binary(max_size=6) | st.just(body[first:last] * 2))
        body = body[:first] + put + body[last:]
    events = read(body, context())
    assert events
    assert ties_hold(events)


def ties_hold(events: list[Event]) -> bool:
    """Each tie is the sum of as many booked lines, told just before it, as it says; what is none
    stands behind its quarantine."""
    broken = False
    booked: dict[tuple[str, str], list[int]] = {}
    for event in events:
        if isinstance(event, LineBooked) and not event.pending:
            booked.setdefault((event.account, event.asset), []).append(event.amount)
        broken = broken or isinstance(event, FrameQuarantined)
        if isinstance(event, NostroStated) and not is_tied(event):
            if not broken:
                return False
        elif isinstance(event, NostroStated):
            told = booked.get((event.account, event.asset), [])
            own = told[len(told) - event.entries :]
            if len(own) != event.entries or event.opening + sum(own) != event.closing:
                return False
    return True


FIGURES = {
    "camt053/iso20022.js__abn_amro_example_camt.xml": rb"<Ntry>\s*<Amt Ccy='EUR'>([0-9.]+)<",
    "camt053/iso20022.js__nordea_example_camt.xml": rb"</NtryRef>\s*<Amt Ccy=\"EUR\">([0-9.]+)<",
    "camt053/camt__data_camt053.v2.multi.statement.xml": rb"<Amt Ccy=\"EUR\">([0-9.]+)<",
    "bai2/bai2__data_nwb_example.bai2": rb"^16,[0-9]{3},([0-9]+),",
    "bai2/bai2__data_svb_us_example.bai2": rb"^(?:16,142|49|98|99),([0-9]+),",
    "bai2/bai2__testdata_sample1.txt": rb"^(?:16,[0-9]{3}|49|98|99),[+]?([0-9]+),",
    "nacha/ach__testdata_return-WEB.ach": rb"^6.{28}([0-9]{10})",
    "nacha/ach__testdata_issue1620_return.ach": rb"^[89]([0-9]{54})",
    "mt940/mt940__self-provided_february_30.sta": rb"EUR([0-9]+,[0-9]+)|DR([0-9],[0-9]+)",
    SEPA: rb"^:61:[0-9]{10}R?[CD]R([0-9]+,[0-9]*)N",
    "mt942/mt940__mBank_mt942.sta": rb"CN([0-9]+,[0-9]+)N|PLN(0,03)",
}


@pytest.mark.parametrize("name", sorted(FIGURES))
def test_no_figure_of_a_sample_can_be_altered_unseen(name: str, samples: Path) -> None:
    """Every digit of every amount, made another digit: the message is quarantined by a sum."""
    body = (samples / "rails" / name).read_bytes()
    assert not any(isinstance(event, FrameQuarantined) for event in read(body, context()))
    spots = [
        place
        for found in re.finditer(FIGURES[name], body, re.MULTILINE)
        for group in range(1, len(found.groups()) + 1)
        for place in range(found.start(group), found.end(group))
        if found[group] and body[place : place + 1].isdigit()
    ]
    assert spots
    for place in spots[:150]:
        digit = b"%d" % ((int(body[place : place + 1]) + 1) % 10)
        events = read(body[:place] + digit + body[place + 1 :], context())
        assert any(isinstance(event, FrameQuarantined) for event in events), body[
            place - 30 : place
        ]


def test_the_broken_samples_are_those_that_break_their_own_standard() -> None:
    """Of the thirty, seven; each by a rule with the figures it broke."""
    broken = [name for name, told in EXPECTED.items() if told[0][0] == "quarantined"]
    assert len(broken) == 7
