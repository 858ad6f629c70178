"""ISO 20022 messages of ours, judged by the published schemas, or by rules where there are none."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from importlib.resources import files
from itertools import pairwise
from uuid import UUID
from xml.etree import ElementTree

import pytest
import xmlschema
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.rail_effects import QueryPayment, RecallPayment, SendPayment
from rails.instructions import text
from rails.instructions.camt056 import REASONS, camt056
from rails.instructions.markup import uetr
from rails.instructions.pacs028 import pacs028
from rails.instructions.pain001 import FLAVOURS, pain001
from rails.instructions.pain008 import pain008
from rails.instructions.party import CannotSay, Mandate, Original, OurAccount

AT = int(datetime(2026, 7, 6, 22, 30, 15, tzinfo=UTC).timestamp()) * 10**9 + 123_456_789
MOMENT = "2026-07-06T22:30:15Z"
EUROPE = OurAccount(
    "Tieout Zürich & Söhne", "EUR", 2, "Europe/Berlin",
    iban="DE89370400440532013000", bic="COBADEFFXXX", creditor_id="DE98ZZZ09999999999",
)  # fmt: skip
AMERICA = OurAccount(
    "Tieout Inc.", "USD", 2, "America/New_York", routing="021000021", number="123456789"
)
WORLD = OurAccount("Tieout Inc.", "USD", 2, "America/New_York", bic="CHASUS33", number="123456789")
ENGLAND = OurAccount("Tieout Ltd", "GBP", 2, "Europe/London", sort_code="200000", number="55779911")
OURS = {
    "sepa_sct": EUROPE,
    "sct_inst": EUROPE,
    "fedwire": AMERICA,
    "swift_gpi": WORLD,
    "fps": ENGLAND,
}
THEIRS = {
    "sepa_sct": ("FR1420041010050500013M02606",),
    "sct_inst": ("NL91ABNA0417164300",),
    "fedwire": ("011000015/00-12A",),
    "swift_gpi": ("DEUTDEFF/DE89370400440532013000", "BOFAUS3NXXX/000123"),
    "fps": ("200000/55779911",),
}


@cache
def schema(message: str) -> xmlschema.XMLSchema:
    """As the standard's keepers published it; the wheel of sepaxml carries it."""
    return xmlschema.XMLSchema(str(files("sepaxml") / "schemas" / f"{message}.xsd"))


def sent(
    scheme: str = "sepa_sct", payment_id: str = "t1p0010000001", **told: object
) -> SendPayment:
    usual: dict[str, object] = {
        "account": "bank/ops",
        "scheme": scheme,
        "payment_id": payment_id,
        "kind": "out",
        "asset": OURS[scheme].asset if scheme in OURS else "EUR",
        "amount": 12_345,
        "beneficiary": THEIRS[scheme][0] if scheme in THEIRS else "NL91ABNA0417164300",
        "beneficiary_name": "Ann Other",
        "memo": "invoice 7",
    }
    return SendPayment(**(usual | told))  # type: ignore[arg-type]


def pulled(payment_id: str = "t1p0010000001", **told: object) -> SendPayment:
    return sent("sdd_core", payment_id, **({"kind": "in"} | told))


def read(message: bytes) -> ElementTree.Element:
    return ElementTree.fromstring(message)  # noqa: S314  # our own


def values(message: bytes, path: str) -> list[str]:
    """The texts at a path, without the namespace."""
    steps = "/".join("{*}" + step for step in path.split("/"))
    found = read(message).iterfind(f"./{steps}")
    return [each.text or "" for each in found]


# --- pain.001 ------------------------------------------------------------------------------------

names = st.text(max_size=100)
amounts = st.integers(1, 10**11)
ids = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=32)


drawn_credits = st.lists(
    st.tuples(ids, amounts, names, names), min_size=1, max_size=4, unique_by=lambda each: each[0]
)
drawn_debits = st.lists(
    st.tuples(ids, amounts, names, st.sampled_from(["FRST", "RCUR", "OOFF", "FNAL"])),
    min_size=1,
    max_size=5,
    unique_by=lambda each: each[0],
)
unhurried = settings(deadline=None)  # whoever comes first reads a schema


@unhurried
@given(st.sampled_from(sorted(FLAVOURS)), drawn_credits, st.data())
@example("sepa_sct", [("a" * 32, 1, "<&>\"'\x00\x1b]]>", "é" * 200)], None)
def test_credits_are_valid_by_the_published_schema(
    scheme: str, drawn: list[tuple[str, int, str, str]], data: st.DataObject | None
) -> None:
    """Whatever stands in names and memos: angle brackets, control characters, any script."""
    theirs = data.draw(st.sampled_from(THEIRS[scheme])) if data else THEIRS[scheme][0]
    payments = [
        sent(scheme, i, amount=a, beneficiary_name=n, memo=m, beneficiary=theirs)
        for i, a, n, m in drawn
    ]
    message = pain001(payments, OURS[scheme], "m" * 35, AT)
    schema("pain.001.001.09").validate(message.decode())
    root = "CstmrCdtTrfInitn"
    told = values(message, f"{root}/PmtInf/CdtTrfTxInf/Amt/InstdAmt")
    assert [Decimal(each) * 100 for each in told] == [payment.amount for payment in payments]
    for place in ("GrpHdr", "PmtInf"):
        assert Decimal(*values(message, f"{root}/{place}/CtrlSum")) == sum(map(Decimal, told))
        assert values(message, f"{root}/{place}/NbOfTxs") == [str(len(payments))]
    written = "".join(read(message).itertext())
    assert set(written) <= text.LETTERS
    assert message == pain001(payments, OURS[scheme], "m" * 35, AT)


def test_a_sepa_credit_reads_as_it_was_asked_for() -> None:
    """Every element, in order; the day is the one in Berlin, where it is past midnight."""
    message = pain001([sent()], EUROPE, "M1", AT)
    assert list(flat(message)) == [
        ("GrpHdr/MsgId", "M1"),
        ("GrpHdr/CreDtTm", MOMENT),
        ("GrpHdr/NbOfTxs", "1"),
        ("GrpHdr/CtrlSum", "123.45"),
        ("GrpHdr/InitgPty/Nm", "Tieout Zurich + Sohne"),
        ("PmtInf/PmtInfId", "M1"),
        ("PmtInf/PmtMtd", "TRF"),
        ("PmtInf/NbOfTxs", "1"),
        ("PmtInf/CtrlSum", "123.45"),
        ("PmtInf/PmtTpInf/SvcLvl/Cd", "SEPA"),
        ("PmtInf/ReqdExctnDt/Dt", "2026-07-07"),
        ("PmtInf/Dbtr/Nm", "Tieout Zurich + Sohne"),
        ("PmtInf/DbtrAcct/Id/IBAN", "DE89370400440532013000"),
        ("PmtInf/DbtrAcct/Ccy", "EUR"),
        ("PmtInf/DbtrAgt/FinInstnId/BICFI", "COBADEFFXXX"),
        ("PmtInf/ChrgBr", "SLEV"),
        ("PmtInf/CdtTrfTxInf/PmtId/InstrId", "t1p0010000001"),
        ("PmtInf/CdtTrfTxInf/PmtId/EndToEndId", "t1p0010000001"),
        ("PmtInf/CdtTrfTxInf/Amt/InstdAmt", "123.45"),
        ("PmtInf/CdtTrfTxInf/Cdtr/Nm", "Ann Other"),
        ("PmtInf/CdtTrfTxInf/CdtrAcct/Id/IBAN", "FR1420041010050500013M02606"),
        ("PmtInf/CdtTrfTxInf/RmtInf/Ustrd", "invoice 7"),
    ]
    root = read(message)
    assert [each.get("Ccy") for each in root.iter() if each.get("Ccy")] == ["EUR"]
    assert root.tag == "{urn:iso:std:iso:20022:tech:xsd:pain.001.001.09}Document"


TX = "PmtInf/CdtTrfTxInf"


@pytest.mark.parametrize(
    ("scheme", "differs"),
    [
        ("sct_inst", {"PmtInf/PmtTpInf/LclInstrm/Cd": "INST", "PmtInf/PmtTpInf/SvcLvl/Cd": "SEPA"}),
        (
            "fedwire",
            {
                "PmtInf/PmtTpInf/SvcLvl/Cd": "URGP",
                "PmtInf/ChrgBr": "SHAR",
                "PmtInf/ReqdExctnDt/Dt": "2026-07-06",
                "PmtInf/DbtrAcct/Id/Othr/Id": "123456789",
                "PmtInf/DbtrAgt/FinInstnId/ClrSysMmbId/ClrSysId/Cd": "USABA",
                "PmtInf/DbtrAgt/FinInstnId/ClrSysMmbId/MmbId": "021000021",
                f"{TX}/PmtId/UETR": uetr("t1p0010000001"),
                f"{TX}/CdtrAgt/FinInstnId/ClrSysMmbId/ClrSysId/Cd": "USABA",
                f"{TX}/CdtrAgt/FinInstnId/ClrSysMmbId/MmbId": "011000015",
                f"{TX}/CdtrAcct/Id/Othr/Id": "00-12A",
            },
        ),
        (
            "swift_gpi",
            {
                "PmtInf/PmtTpInf/SvcLvl/Cd": "G001",
                "PmtInf/DbtrAgt/FinInstnId/BICFI": "CHASUS33",
                f"{TX}/PmtId/UETR": uetr("t1p0010000001"),
                f"{TX}/CdtrAgt/FinInstnId/BICFI": "DEUTDEFF",
                f"{TX}/CdtrAcct/Id/IBAN": "DE89370400440532013000",
            },
        ),
        (
            "fps",
            {
                "PmtInf/PmtTpInf/SvcLvl/Cd": "URNS",
                "PmtInf/DbtrAgt/FinInstnId/ClrSysMmbId/ClrSysId/Cd": "GBDSC",
                "PmtInf/DbtrAgt/FinInstnId/ClrSysMmbId/MmbId": "200000",
                f"{TX}/CdtrAgt/FinInstnId/ClrSysMmbId/ClrSysId/Cd": "GBDSC",
                f"{TX}/CdtrAgt/FinInstnId/ClrSysMmbId/MmbId": "200000",
                f"{TX}/CdtrAcct/Id/Othr/Id": "55779911",
            },
        ),
    ],
)
def test_each_scheme_is_asked_for_in_its_own_words(scheme: str, differs: dict[str, str]) -> None:
    told = dict(flat(pain001([sent(scheme)], OURS[scheme], "M1", AT)))
    assert differs.items() <= told.items()
    assert (f"{TX}/PmtId/UETR" in told) == (scheme in ("fedwire", "swift_gpi"))
    assert ("PmtInf/PmtTpInf/LclInstrm/Cd" in told) == (scheme == "sct_inst")


def test_a_uetr_is_a_uuid_of_version_four_and_never_changes() -> None:
    assert UUID(uetr("a")).version == 4
    assert uetr("a") == uetr("a") != uetr("b")


WRONG: list[tuple[list[SendPayment], str]] = [
    ([], "at least one"),
    ([sent(), sent()], "twice"),
    ([sent(), sent("sct_inst", "b")], "over one scheme"),
    ([sent(kind="in")], "credits"),
    ([sent(), sent(payment_id="b", kind="in")], "credits"),
    ([sent(asset="USD")], "in EUR"),
    ([sent("sdd_core")], "'sdd_core' is not asked for so"),
    ([sent(beneficiary="FR1420041010050500013M02607")], "check digits 14"),
    ([sent(amount=0)], "0 units"),
    ([sent(amount=-5)], "-5 units"),
    ([sent(amount=10**18)], "units"),
    ([sent(payment_id="a" * 36)], "1 to 35"),
    ([sent(payment_id="a/b")], "letters, digits and hyphens"),
    ([sent(payment_id="")], "1 to 35"),
]


@pytest.mark.parametrize(("payments", "said"), WRONG)
def test_what_cannot_be_said_is_refused(payments: Sequence[SendPayment], said: str) -> None:
    with pytest.raises(CannotSay) as refused:
        pain001(payments, EUROPE, "M1", AT)
    assert said in str(refused.value)


def test_a_message_id_is_never_cut() -> None:
    with pytest.raises(CannotSay, match="1 to 35"):
        pain001([sent()], EUROPE, "M" * 36, AT)


# --- pain.008 ------------------------------------------------------------------------------------

MANDATE = Mandate("MANDATE-1", "2025-02-28", "RCUR")


@unhurried
@given(drawn_debits)
def test_debits_are_valid_by_the_published_schema(
    drawn: list[tuple[str, int, str, str]],
) -> None:
    """One group for each sequence type, each with its own control sum."""
    collections = [
        (pulled(i, amount=a, beneficiary_name=n, memo=n), Mandate("M-1", "2025-02-28", s))  # type: ignore[arg-type]
        for i, a, n, s in drawn
    ]
    message = pain008(collections, EUROPE, "M" * 30, AT, AT + 86_400 * 10**9)
    schema("pain.008.001.08").validate(message.decode())
    root = "CstmrDrctDbtInitn"
    sequences = values(message, f"{root}/PmtInf/PmtTpInf/SeqTp")
    assert sequences == list(dict.fromkeys(s for _, _, _, s in drawn))
    sums = [Decimal(each) * 100 for each in values(message, f"{root}/PmtInf/CtrlSum")]
    assert sums == [sum(a for _, a, _, s in drawn if s == each) for each in sequences]
    assert Decimal(*values(message, f"{root}/GrpHdr/CtrlSum")) * 100 == sum(sums)
    assert values(message, f"{root}/GrpHdr/NbOfTxs") == [str(len(drawn))]


def test_a_debit_reads_as_it_was_asked_for() -> None:
    message = pain008([(pulled(), MANDATE)], EUROPE, "M1", AT, AT + 86_400 * 10**9)
    told = dict(flat(message))
    group, debit = "PmtInf", "PmtInf/DrctDbtTxInf"
    assert {
        "GrpHdr/CreDtTm": MOMENT,
        f"{group}/PmtInfId": "M1-RCUR",
        f"{group}/PmtMtd": "DD",
        f"{group}/PmtTpInf/LclInstrm/Cd": "CORE",
        f"{group}/PmtTpInf/SeqTp": "RCUR",
        f"{group}/ReqdColltnDt": "2026-07-08",
        f"{group}/CdtrAcct/Id/IBAN": "DE89370400440532013000",
        f"{group}/CdtrSchmeId/Id/PrvtId/Othr/Id": "DE98ZZZ09999999999",
        f"{group}/CdtrSchmeId/Id/PrvtId/Othr/SchmeNm/Prtry": "SEPA",
        f"{debit}/PmtId/EndToEndId": "t1p0010000001",
        f"{debit}/InstdAmt": "123.45",
        f"{debit}/DrctDbtTx/MndtRltdInf/MndtId": "MANDATE-1",
        f"{debit}/DrctDbtTx/MndtRltdInf/DtOfSgntr": "2025-02-28",
        f"{debit}/Dbtr/Nm": "Ann Other",
        f"{debit}/DbtrAcct/Id/IBAN": "NL91ABNA0417164300",
    }.items() <= told.items()


@pytest.mark.parametrize(
    ("collections", "ours", "said"),
    [
        ([], EUROPE, "at least one"),
        ([(sent(), MANDATE)], EUROPE, "debits over sdd_core"),
        ([(pulled(kind="out"), MANDATE)], EUROPE, "debits over sdd_core"),
        ([(pulled(asset="USD"), MANDATE)], EUROPE, "in EUR"),
        ([(pulled(), MANDATE)], AMERICA, "in EUR"),
        ([(pulled(), MANDATE), (pulled(), MANDATE)], EUROPE, "twice"),
        ([(pulled(), Mandate("M-1", "2025-02-29"))], EUROPE, "signed on '2025-02-29'"),
        ([(pulled(), Mandate("", "2025-02-28"))], EUROPE, "id ''"),
        ([(pulled(beneficiary="NL92ABNA0417164300"), MANDATE)], EUROPE, "check digits 92"),
    ],
)
def test_a_debit_that_cannot_be_said_is_refused(
    collections: list[tuple[SendPayment, Mandate]], ours: OurAccount, said: str
) -> None:
    with pytest.raises(CannotSay) as refused:
        pain008(collections, ours, "M1", AT, AT)
    assert said in str(refused.value)


# --- pacs.028 and camt.056: no schema is to be had, so these are the rules ------------------------
# Element, whether it must be there, and how long its text may be; in the order of the standard.

ID, WHEN, BANK = 35, 20, 140
PACS028 = {
    "GrpHdr/MsgId": (True, ID),
    "GrpHdr/CreDtTm": (True, WHEN),
    "GrpHdr/InstgAgt/FinInstnId/Nm": (False, BANK),
    "TxInf/StsReqId": (False, ID),
    "TxInf/OrgnlGrpInf/OrgnlMsgId": (True, ID),
    "TxInf/OrgnlGrpInf/OrgnlMsgNmId": (True, ID),
    "TxInf/OrgnlGrpInf/OrgnlCreDtTm": (False, WHEN),
    "TxInf/OrgnlInstrId": (False, ID),
    "TxInf/OrgnlEndToEndId": (True, ID),
    "TxInf/OrgnlUETR": (False, 36),
}
RECALL = "Undrlyg/TxInf"
CAMT056 = {
    "Assgnmt/Id": (True, ID),
    "Assgnmt/Assgnr/Pty/Nm": (True, BANK),
    "Assgnmt/Assgne/Agt/FinInstnId/BICFI": (False, 11),
    "Assgnmt/Assgne/Agt/FinInstnId/ClrSysMmbId/ClrSysId/Cd": (False, 5),
    "Assgnmt/Assgne/Agt/FinInstnId/ClrSysMmbId/MmbId": (False, ID),
    "Assgnmt/CreDtTm": (True, WHEN),
    "CtrlData/NbOfTxs": (True, 15),
    "CtrlData/CtrlSum": (False, 19),
    f"{RECALL}/CxlId": (True, ID),
    f"{RECALL}/OrgnlGrpInf/OrgnlMsgId": (True, ID),
    f"{RECALL}/OrgnlGrpInf/OrgnlMsgNmId": (True, ID),
    f"{RECALL}/OrgnlGrpInf/OrgnlCreDtTm": (False, WHEN),
    f"{RECALL}/OrgnlInstrId": (False, ID),
    f"{RECALL}/OrgnlEndToEndId": (True, ID),
    f"{RECALL}/OrgnlUETR": (False, 36),
    f"{RECALL}/OrgnlIntrBkSttlmAmt": (True, 19),
    f"{RECALL}/OrgnlIntrBkSttlmDt": (True, 10),
    f"{RECALL}/CxlRsnInf/Orgtr/Nm": (True, BANK),
    f"{RECALL}/CxlRsnInf/Rsn/Cd": (True, 4),
    f"{RECALL}/CxlRsnInf/AddtlInf": (False, 105),
}


def flat(message: bytes) -> Iterator[tuple[str, str]]:
    """Path and text of every leaf, below the element that names the message."""

    def leaves(element: ElementTree.Element, path: str) -> Iterator[tuple[str, str]]:
        if not len(element):
            yield path, element.text or ""
        for part in element:
            yield from leaves(part, f"{path}/{part.tag.partition('}')[2]}".lstrip("/"))

    yield from leaves(read(message)[0], "")


def obeys(message: bytes, name: str, root: str, rules: dict[str, tuple[bool, int]]) -> None:
    """Known elements only, in the standard's order, none missing, none empty, none too long."""
    whole = read(message)
    space = f"{{urn:iso:std:iso:20022:tech:xsd:{name}}}"
    assert whole.tag == f"{space}Document"
    assert [each.tag for each in whole] == [f"{space}{root}"]
    told = list(flat(message))
    places = [list(rules).index(path) for path, _ in told]
    assert all(a < b for a, b in pairwise(places)), told
    assert {path for path, (must, _) in rules.items() if must} <= {path for path, _ in told}
    assert all(0 < len(value) <= rules[path][1] for path, value in told)
    assert set("".join(value for _, value in told)) <= text.LETTERS


ORIGINAL = Original("M1", AT)


@given(st.sampled_from(sorted(OURS)), ids, names)
def test_a_status_request_obeys_its_rules(scheme: str, payment_id: str, name: str) -> None:
    ours = OurAccount(name, "EUR", 2, "Europe/Berlin")
    query = QueryPayment(account="bank/ops", scheme=scheme, payment_id=payment_id)
    message = pacs028(query, ORIGINAL, ours, "Q" * 35, AT)
    obeys(message, "pacs.028.001.03", "FIToFIPmtStsReq", PACS028)
    told = dict(flat(message))
    assert told["TxInf/OrgnlEndToEndId"] == told["TxInf/OrgnlInstrId"] == payment_id
    assert told["TxInf/OrgnlGrpInf/OrgnlMsgId"] == "M1"
    assert told["TxInf/OrgnlGrpInf/OrgnlCreDtTm"] == told["GrpHdr/CreDtTm"] == MOMENT
    assert told.get("TxInf/OrgnlUETR", uetr(payment_id)) == uetr(payment_id)
    assert ("TxInf/OrgnlUETR" in told) == FLAVOURS[scheme].traced


@given(st.sampled_from(sorted(OURS)), st.sampled_from(REASONS), amounts, names)
def test_a_recall_obeys_its_rules(scheme: str, code: str, amount: int, why: str) -> None:
    recall = RecallPayment(
        account="bank/ops", scheme=scheme, payment_id="p1", amount=amount, code=code
    )
    if code == "FRAD":
        why = "taken over the phone " + why
    message = camt056(recall, ORIGINAL, OURS[scheme], "R" * 35, AT, why)
    obeys(message, "camt.056.001.08", "FIToFIPmtCxlReq", CAMT056)
    told = dict(flat(message))
    assert told[f"{RECALL}/CxlId"] == told["Assgnmt/Id"] == "R" * 35
    assert told[f"{RECALL}/OrgnlEndToEndId"] == "p1"
    assert told[f"{RECALL}/CxlRsnInf/Rsn/Cd"] == code
    assert told["CtrlData/CtrlSum"] == told[f"{RECALL}/OrgnlIntrBkSttlmAmt"]
    assert Decimal(told["CtrlData/CtrlSum"]) * 100 == amount
    assert told[f"{RECALL}/OrgnlIntrBkSttlmDt"] == text.day(AT, OURS[scheme].zone)
    assert (f"{RECALL}/OrgnlUETR" in told) == FLAVOURS[scheme].traced
    currencies = [each.get("Ccy") for each in read(message).iter()]
    assert [each for each in currencies if each] == [OURS[scheme].asset]


@pytest.mark.parametrize(
    ("code", "why", "amount", "said"),
    [
        ("SVNR", "", 1, "recall code 'SVNR'; DUPL"),
        ("FRAD", "", 1, "says in words"),
        ("FRAD", "\x00", 1, "says in words"),
        ("DUPL", "", 0, "0 units"),
    ],
)
def test_a_recall_that_cannot_be_said_is_refused(
    code: str, why: str, amount: int, said: str
) -> None:
    recall = RecallPayment(
        account="bank/ops", scheme="sepa_sct", payment_id="p1", amount=amount, code=code
    )
    with pytest.raises(CannotSay) as refused:
        camt056(recall, ORIGINAL, EUROPE, "R1", AT, why)
    assert said in str(refused.value)


# --- letters, amounts, times ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "written"),
    [
        ("Müller & Söhne_GmbH", "Muller + Sohne-GmbH"),
        ("Straße Łódź Ærø Þór", "Strasse Lodz Aero Thor"),
        ("Αθήνα Ψυχή", "Athina Psychi"),
        ("Щастие Йордан Ж", "Shtastie Iordan Zh"),
        ("O’Neill “quoted” 日本 $5 a@b", "O'Neill .quoted. .. .5 a.b"),
        ("  two\n\tlines \u00a0 ", "two lines"),
        ("ﬁ ½ ①", "fi 1.2 1"),
    ],
)
def test_other_letters_are_spelt_with_those_that_banks_read(told: str, written: str) -> None:
    assert text.latin(told) == written


def test_a_cut_leaves_no_blank_at_the_end() -> None:
    assert text.words("Ann Other", 4) == "Ann"


@given(st.text(max_size=300), st.integers(1, 140))
def test_any_text_becomes_one_that_every_bank_reads(told: str, limit: int) -> None:
    """And what is such a text already stays as it is."""
    written = text.words(told, limit)
    assert set(written) <= text.LETTERS
    assert len(written) <= limit
    assert written == written.strip()
    assert text.latin(text.latin(told)) == text.latin(told)
    assert written == "" or any(each.isalnum() for each in written)
    assert 0 < len(text.name(told, 70)) <= 70


@given(st.integers(1, 10**18 - 1), st.integers(0, 5))
def test_an_amount_is_exact_with_all_its_places(units: int, decimals: int) -> None:
    written = text.amount(units, decimals)
    assert Decimal(written).scaleb(decimals) == units
    assert len(written.partition(".")[2]) == decimals


@pytest.mark.parametrize(
    ("units", "decimals", "written"),
    [(5, 2, "0.05"), (50, 2, "0.50"), (100, 2, "1.00"), (7, 0, "7"), (12345, 3, "12.345")],
)
def test_an_amount_by_hand(units: int, decimals: int, written: str) -> None:
    assert text.amount(units, decimals) == written


def test_more_places_than_the_standard_has_are_refused() -> None:
    with pytest.raises(CannotSay, match="8 decimals"):
        text.amount(1, 8)
