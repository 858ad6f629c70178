"""Limits as reviewed files: what is refused, what loosens, who approved it, and that tests bite."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk import codes
from risk.limit_changes import changes
from risk.limit_controls import CONTROLS
from risk.limit_files import BadLimits, LimitFile, applying, content_hash, lines, parse
from risk.limit_tests import parse as parse_tests
from risk.limit_tests import verdicts
from tieout.risk import limits as files
from tieout.risk.approvals import NotApproved

ROOT = Path(__file__).parent.parent
HOUSE = ROOT / "scenarios" / "limits" / "house.yaml"
TESTS = HOUSE.with_suffix(".tests.yaml")
TEXT = HOUSE.read_text()
GATE_CASES = parse_tests(TESTS.read_text(), "tests")
SECOND = 10**9

needs_ssh = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="no ssh-keygen")


def house(*replaced: tuple[str, str]) -> LimitFile:
    return parse(changed(*replaced), "house.yaml")


def changed(*replaced: tuple[str, str]) -> str:
    """The text of the house's limits, in which each of these stands exactly once."""
    text = TEXT
    for old, new in replaced:
        assert text.count(old) == 1, (old, text.count(old))
        text = text.replace(old, new)
    return text


def tieout(
    *words: str | Path, cwd: Path = ROOT, path: str | None = None
) -> subprocess.CompletedProcess[str]:
    surroundings = os.environ | {"PYTHONPATH": str(ROOT)} | ({"PATH": path} if path else {})
    done = subprocess.run(
        [sys.executable, "-m", "tieout", "limits", *map(str, words)],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        env=surroundings,
        timeout=60,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


# --- what a file may say -------------------------------------------------------------------------

FIRM_GROSS = (
    "{name: firm_gross, control: FIRM_GROSS, scope: firm,\n     unit: reporting, netting: gross"
)
STRESSES = TEXT[TEXT.index("stresses:\n") : TEXT.index("restricted:\n")]
BAD = [
    ((FIRM_GROSS, FIRM_GROSS.replace("unit: reporting, ", "")), "unit: found nothing"),
    ((FIRM_GROSS, FIRM_GROSS.replace("reporting", "dollars")), "unit: found 'dollars'"),
    ((FIRM_GROSS, FIRM_GROSS.replace("reporting", "base")), "FIRM_GROSS is in reporting"),
    ((FIRM_GROSS, FIRM_GROSS.replace("netting: gross", "netting: net")), "FIRM_GROSS is gross"),
    ((FIRM_GROSS, FIRM_GROSS.replace(", netting: gross", "")), "netting: found nothing"),
    ((FIRM_GROSS, FIRM_GROSS.replace("scope: firm", "scope: desk")), "unknown scope; `firm`, or"),
    ((FIRM_GROSS, FIRM_GROSS.replace("scope: firm", "scope: {desk: x}")), "unknown scope 'desk'"),
    (
        (FIRM_GROSS, FIRM_GROSS.replace("scope: firm", "scope: {asset: X}")),
        "the scope of FIRM_GROSS is firm",
    ),
    ((FIRM_GROSS, FIRM_GROSS.replace("FIRM_GROSS", "FIRM_GROS")), "no control 'FIRM_GROS'"),
    ((FIRM_GROSS, FIRM_GROSS.replace("firm_gross", "firm_net")), "two limits are named firm_net"),
    (("amount: 400000", "amount: 400000.5"), "found 400000.5: a whole number or a quoted"),
    (("amount: 400000", "amount: .nan"), "found nan: a whole number or a quoted decimal"),
    (("amount: 400000", "amount: 'NaN'"), "an amount from 0 to"),
    (("amount: 400000", "amount: -1"), "found -1: an amount from 0 to"),
    (("amount: 400000", "amount: true"), "found True: a whole number or a quoted decimal"),
    (("amount: 400000", "amount: '1e99'"), "an amount from 0 to"),
    (("amount: 400000", "amount: '0.0000001'"), "reporting have 6 decimals"),
    (("base, netting: net, amount: 8", "base, netting: net, amount: 10000000001"),
     "of base at most 10000000000 can be counted"),
    (("amount: 400000, owner: risk", "amount: 400000"), "owner: found nothing"),
    (("four times the capital that is set aside for trading", "4x"), "at least 10 characters"),
    (("amount: 8, window_ms: 1000", "amount: 8"), "ACCOUNT_RATE is so many in a window"),
    (("amount: 300, owner", "amount: 300, window_ms: 5, owner"), "PRICE_COLLAR knows no window"),
    (("approver: bob", "approver: alice"), "author and approver are both 'alice'"),
    (("approver: bob", "approver: Alice"), "author and approver are both 'Alice'"),
    (("approver: bob", "aprover: bob"), "unknown field aprover; there are"),
    (("version: 1", "version: 2"), "version: found 2"),
    (("author: alice", "author: alice\nauthor: carol"), "'author' stands twice"),
    (("reporting: USD", "reporting: [USD]"), "reporting: found ['USD']"),
    (
        ("restricted:\n", "overrides:\n  - {limit: nobody, amount: 1, until: 2026-03-01T00:00:00Z,"
         " owner: x, rationale: for the quarter's end}\nrestricted:\n"),
        "no limit 'nobody' to override",
    ),
    (
        ("restricted:\n", "overrides:\n  - {limit: firm_net, amount: 1, until: 2026-03-01T00:00:00,"
         " owner: x, rationale: for the quarter's end}\nrestricted:\n"),
        "until: found",
    ),
    (("BTC: -30,", "BTC: -100,"), "BTC: found -100: a move above -100 and up to 1000 percent"),
    (("BTC: -30,", "BTC: 1001,"), "a move above -100 and up to 1000 percent"),
    (("BTC: -30,", "BTC: -0.3,"), "found -0.3: a whole number or a quoted decimal of percent"),
    (("BTC: -30,", "BTC: '-0.00001',"), "in at most 4 decimals, would do"),
    (("name: squeeze", "name: crash"), "two stresses are named crash; one would do"),
    ((STRESSES, ""), "firm_stress bounds the worst of stresses, and none is named"),
]  # fmt: skip


@pytest.mark.parametrize(("replaced", "said"), BAD, ids=[said[:30] for _, said in BAD])
def test_what_a_file_may_not_say_is_refused_by_name(replaced: tuple[str, str], said: str) -> None:
    """File, field, what was found, what would do; and one such line for each thing."""
    with pytest.raises(BadLimits, match=re.escape(said)) as refused:
        house(replaced)
    assert all(line.startswith("house.yaml: ") for line in str(refused.value).splitlines())


@pytest.mark.parametrize("text", ["", "- a", "a: [", "{[]: 1}", "limits: 2026-99-99"])
def test_what_is_no_mapping_of_fields_is_refused(text: str) -> None:
    with pytest.raises(BadLimits, match=r"^x\.yaml: "):
        parse(text, "x.yaml")
    with pytest.raises(BadLimits, match=r"^x\.yaml: "):
        parse_tests(text, "x.yaml")


FIELDS = st.sampled_from(["version", "limits", "scope", "unit", "amount", "author", "strategy"])
LEAVES = st.none() | st.booleans() | st.text() | st.integers()


@given(
    st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner))
)
def test_nothing_but_a_refusal_comes_of_anything(told: object) -> None:
    with pytest.raises(BadLimits):
        parse(json.dumps(told), "x.yaml")


def test_the_hash_is_of_the_bytes_and_of_their_order() -> None:
    """A space changes it; two files joined otherwise do not collide."""
    assert content_hash([b"ab", b"c"]) != content_hash([b"a", b"bc"])
    assert content_hash([b"a", b"b"]) != content_hash([b"b", b"a"])
    assert content_hash([TEXT.encode()]) != content_hash([(TEXT + " ").encode()])


def test_the_limit_that_names_most_of_a_place_holds_there() -> None:
    wide = "{strategy: '*', account: '*', instrument: '*'}"
    rows = [("wide", wide, 5)]
    rows += [("of_s", wide.replace("strategy: '*'", "strategy: s"), 4)]
    rows += [("of_i", wide.replace("instrument: '*'", "instrument: i"), 3)]
    rows += [("of_a_i", "{strategy: '*', account: a, instrument: i}", 2)]
    limits = [
        f"  - {{name: {name}, control: ORDER_QUANTITY, scope: {scope}, unit: base, netting: none,"
        f" amount: {amount}, owner: o, rationale: because of reasons}}"
        for name, scope, amount in rows
    ]
    head = "version: 1\nreporting: USD\nauthor: a\napprover: b\nlimits:\n"
    found = parse(head + "\n".join(limits), "x").limits

    def at(strategy: str, account: str, instrument: str) -> str:
        place = {"strategy": strategy, "account": account, "instrument": instrument}
        limit = applying(found, "ORDER_QUANTITY", place)
        return limit.name if limit else ""

    assert [at("t", "b", "j"), at("s", "b", "j"), at("t", "b", "i")] == ["wide", "of_s", "of_i"]
    assert [at("s", "b", "i"), at("s", "a", "i")] == ["of_s", "of_a_i"]
    assert applying(found, "FIRM_GROSS", {}) is None


def test_leases_are_granted_on_lines_in_whole_units() -> None:
    """Both sides of a net, one line of a gross; in units of a millionth, or of 1e-8 of a coin."""
    found = dict(lines(house().limits))
    assert found["firm_net/long"] == found["firm_net/short"] == 220_000 * 10**6
    assert found["firm_gross/gross"] == 400_000 * 10**6
    assert found["strategy_position/*/*/*/long"] == 8 * 10**8
    assert not any("_rate" in line or "collar" in line for line in found)


# --- the gate must refuse ------------------------------------------------------------------------


def test_every_case_of_the_house_holds() -> None:
    found = verdicts(house(), GATE_CASES, 0)
    assert [each for each in found if not each.held] == []
    assert len(found) >= 40


BOUNDS = [
    ("amount: 100000, owner", "amount: 100940, owner", "an_order_worth_too_much"),
    ("amount: 300, owner", "amount: 301, owner", "above_the_collar"),
    ("amount: 2000, owner", "amount: 2001, owner", "a_reference_that_is_two_seconds_old"),
    ("amount: 50, owner", "amount: 40, owner", "the_same_order_twice"),
    ("amount: 3, window_ms", "amount: 4, window_ms", "the_fourth_execution_in_a_minute"),
    ("amount: 8, window_ms", "amount: 9, window_ms", "the_ninth_message_to_an_account_in_a_second"),
    ("amount: 5, window_ms", "amount: 6, window_ms", "the_sixth_message_of_a_strategy_in_a_second"),
    ("amount: 8, owner", "amount: '8.1', owner", "more_than_a_strategy_may_hold"),
    ("amount: 12, owner", "amount: '12.1', owner", "more_than_all_strategies_may_hold"),
    ("amount: 150000", "amount: 161000", "a_strategy_net_of_two_accounts"),
    ("amount: 250000", "amount: 252000", "a_strategy_gross_of_a_hedge"),
    ("amount: 200000", "amount: 205000", "an_account_net_of_three_strategies"),
    ("amount: 300000", "amount: 303000", "an_account_gross_of_hedges"),
    ("amount: 180000", "amount: 186000", "an_asset_net_of_two_accounts"),
    ("amount: 280000", "amount: 285000", "one_asset_on_both_sides_of_a_hedge"),
    ("amount: 220000", "amount: 234000", "each_within_its_own_limit_and_the_firm_not"),
    ("amount: 400000", "amount: 437000", "each_hedged_and_the_gross_of_the_firm_not"),
    ("amount: 350000", "amount: 400000", "more_than_may_be_open_and_unsettled"),
]


@pytest.mark.parametrize(("old", "new", "case"), BOUNDS, ids=[case for *_, case in BOUNDS])
def test_a_test_file_bites(old: str, new: str, case: str) -> None:
    """Each limit loosened a little: its own case fails, and by passing."""
    failed = [each for each in verdicts(house((old, new)), GATE_CASES, 0) if not each.held]
    assert case in [each.case for each in failed]


EVEN_SO = {  # no limit at all, and an ordinary order passes; which of the cases then does not
    "PRICE_COLLAR": "an_order_a_little_off_the_reference_passes",
    "REFERENCE_AGE": "a_reference_of_half_a_second_passes",
    "DUPLICATE": "the_same_order_a_minute_later_passes",
}


@pytest.mark.parametrize("name", [n for n, control in CONTROLS.items() if control.codes])
def test_a_control_without_a_limit_refuses(name: str) -> None:
    """What nobody set bounds at 0, and a span without end: not even an ordinary order passes."""
    told = house()
    kept = tuple(limit for limit in told.limits if limit.control != name)
    found = verdicts(told.model_copy(update={"limits": kept}), GATE_CASES, 0)
    case = EVEN_SO.get(name, "an_ordinary_order_passes")
    judged = next(each for each in found if each.case == case)
    answers = [codes.NAMES[code].name for code in CONTROLS[name].codes]
    assert judged.got in answers


# --- what loosens --------------------------------------------------------------------------------


DUPLICATE = "DUPLICATE/(anything else)/(anything else)/(anything else)"


def kinds(*replaced: tuple[str, str]) -> dict[str, str]:
    return {each.name: each.kind for each in changes(house(), house(*replaced), 0)}


@pytest.mark.parametrize(
    ("replaced", "name", "kind"),
    [
        (("amount: 400000", "amount: 400001"), "FIRM_GROSS", "loosened"),
        (("amount: 400000", "amount: 399999"), "FIRM_GROSS", "tightened"),
        (("amount: 50, owner", "amount: 49, owner"), DUPLICATE, "loosened"),
        (("amount: 50, owner", "amount: 51, owner"), DUPLICATE, "tightened"),
        (
            ("amount: 8, window_ms: 1000", "amount: 8, window_ms: 999"),
            "ACCOUNT_RATE/(anything else)",
            "loosened",
        ),
        (
            ("amount: 8, window_ms: 1000", "amount: 8, window_ms: 1001"),
            "ACCOUNT_RATE/(anything else)",
            "tightened",
        ),
        (("instrument: LUNA-USD", "instrument: LUNA-EUR"), "RESTRICTED/*/LUNA-USD", "loosened"),
        (("instrument: LUNA-USD", "instrument: LUNA-EUR"), "RESTRICTED/*/LUNA-EUR", "tightened"),
        (("no bet on a direction", "no bet on directions"), "strategy_net", "reworded"),
        (("BTC: -30,", "BTC: -29,"), "STRESS/crash", "loosened"),
        (("BTC: -30,", "BTC: 30,"), "STRESS/crash", "loosened"),
        (("BTC: -30,", "BTC: -31,"), "STRESS/crash", "tightened"),
        (("BTC: -30, ", ""), "STRESS/crash", "tightened"),
        (('"*": -50', '"*": -49'), "STRESS/crash", "loosened"),
        (("BTC: -30,", "BTC: -30, XRP: -40,"), "STRESS/crash", "loosened"),
        (("BTC: -15, ETH: 15", "BTC: -16, ETH: 14"), "STRESS/apart", "loosened"),
        (("name: apart", "name: asunder"), "STRESS/apart", "loosened"),
        (("name: apart", "name: asunder"), "STRESS/asunder", "tightened"),
        (("reporting: USD", "reporting: BTC"), "REPORTING", "loosened"),
    ],
)  # fmt: skip
def test_a_loosening_is_told_from_a_tightening(
    replaced: tuple[str, str], name: str, kind: str
) -> None:
    assert kinds(replaced)[name] == kind


def test_the_same_limits_are_no_change() -> None:
    assert kinds() == {}


def test_a_limit_that_is_gone_is_a_loosening() -> None:
    start = TEXT.index("  - {name: firm_gross")
    gone = TEXT[start : TEXT.index("  - {name: credit")]
    assert kinds((gone, "")) == {"FIRM_GROSS": "loosened"}


def test_an_exception_from_a_wide_limit_loosens_where_it_allows_more_and_only_there() -> None:
    """A limit of its own for one asset: above the general one it loosens, below it tightens."""
    own = (
        "  - {name: btc_net, control: ASSET_NET, scope: {asset: BTC}, unit: reporting,"
        " netting: net, amount: AMOUNT, owner: risk, rationale: it is the deepest market}\n"
    )
    before = "  - {name: concentration"
    for amount, kind in (("180001", "loosened"), ("179999", "tightened")):
        found = kinds((before, own.replace("AMOUNT", amount) + before))
        assert found == {"ASSET_NET/BTC": kind}


OVERRIDE = (
    "restricted:\n",
    "overrides:\n  - {limit: firm_gross, amount: 500000, until: 2026-03-01T00:00:00Z, owner: risk,"
    " rationale: the quarter's end needs it}\nrestricted:\n",
)
UNTIL = 1772323200 * SECOND


def test_an_override_loosens_until_it_expires_by_itself() -> None:
    """At the last nanosecond it stands, at the next the limit is as it was written."""
    told = house(OVERRIDE)
    assert told.standing(UNTIL - 1)["firm_gross"].amount == 500_000
    assert told.standing(UNTIL)["firm_gross"].amount == 400_000
    assert kinds(OVERRIDE) == {"FIRM_GROSS": "loosened"}
    assert changes(house(), told, UNTIL) == []


def test_an_override_that_tightens_for_a_while_loosens_nothing() -> None:
    tight = (OVERRIDE[0], OVERRIDE[1].replace("500000", "300000"))
    assert kinds(tight) == {"FIRM_GROSS": "tightened"}


# --- the commands --------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The house's files, alone, and the keys of three people."""
    for path in (HOUSE, TESTS):
        shutil.copy(path, tmp_path)
    return tmp_path


def sign(
    folder: Path, person: str, file: str = "new.yaml", namespace: str = "tieout-limits"
) -> None:
    (folder / f"{file}.sig").unlink(missing_ok=True)
    keygen("-Y", "sign", "-q", "-f", str(folder / person), "-n", namespace, str(folder / file))


def keygen(*words: str) -> None:
    subprocess.run(["ssh-keygen", *words], check=True, capture_output=True)


def people(folder: Path, *names: str) -> None:
    """A key each, and the file that says whose is whose."""
    known = []
    for name in names:
        keygen("-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(folder / name))
        known.append(f"{name} {(folder / f'{name}.pub').read_text()}")
    (folder / "allowed_signers").write_text("".join(known))


@needs_ssh
def test_a_loosening_needs_the_signature_of_an_approver_who_is_not_the_author(folder: Path) -> None:
    """Unsigned, by the author, for another purpose, of other bytes: no; by the approver: yes."""
    people(folder, "alice", "bob", "mallory")
    new = folder / "new.yaml"
    new.write_text(changed(("amount: 400000", "amount: 410000")))
    words = ("diff", folder / "house.yaml", new)
    done = tieout(*words)
    assert done.returncode == 1
    assert "LOOSENED  FIRM_GROSS: 400000 reporting -> 410000 reporting" in done.stdout
    assert "new.yaml.sig: found nothing" in done.stderr
    for person, namespace in (
        ("alice", "tieout-limits"),
        ("mallory", "tieout-limits"),
        ("bob", "x"),
    ):
        sign(folder, person, namespace=namespace)
        assert tieout(*words).returncode == 1, (person, namespace)
    sign(folder, "bob")
    done = tieout(*words)
    assert done.returncode == 0, done.stderr
    assert "approved by bob, written by alice" in done.stdout
    new.write_text(changed(("amount: 400000", "amount: 420000")))
    assert tieout(*words).returncode == 1
    assert json.loads(tieout(*words, "--json").stdout)["loosened"] == 1


@needs_ssh
def test_one_key_for_two_names_is_one_person(folder: Path) -> None:
    people(folder, "alice", "bob")
    signers = folder / "allowed_signers"
    signers.write_text(signers.read_text() + f"alice,carol {(folder / 'bob.pub').read_text()}")
    (folder / "new.yaml").write_text(changed(("amount: 400000", "amount: 410000")))
    sign(folder, "bob")
    done = tieout("diff", folder / "house.yaml", folder / "new.yaml")
    assert done.returncode == 1
    assert "have a key in common" in done.stderr


@needs_ssh
@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("alice,carol KEY", "found no key of the author 'alyce'"),
        ("al*,bob KEY", "found 'al\\*,bob', which may be anybody"),
        ("al?ce KEY", "found 'al\\?ce', which may be anybody"),
        ("alice,!bob KEY", "which may be anybody"),
        ("alyce cert-authority KEY", "which may be anybody"),
    ],
)
def test_an_author_cannot_approve_by_another_name(folder: Path, line: str, said: str) -> None:
    """Alice writes as alyce, or has a pattern of signers that takes her for bob, and signs."""
    people(folder, "alice", "bob")
    key = (folder / "alice.pub").read_text()
    (folder / "allowed_signers").write_text(f"# who is who\n{line.replace('KEY', key)}bob {key}")
    text = changed(("amount: 400000", "amount: 410000"), ("author: alice", "author: alyce"))
    (folder / "new.yaml").write_text(text)
    sign(folder, "alice")
    done = tieout("diff", folder / "house.yaml", folder / "new.yaml")
    assert done.returncode == 1
    assert re.search(said, done.stderr), done.stderr


@needs_ssh
def test_signers_that_are_no_text_are_nobody(folder: Path) -> None:
    people(folder, "alice", "bob")
    (folder / "allowed_signers").write_bytes(b"\xff\xfe\x00")
    (folder / "new.yaml").write_text(changed(("amount: 400000", "amount: 410000")))
    sign(folder, "bob")
    done = tieout("diff", folder / "house.yaml", folder / "new.yaml")
    assert done.returncode == 1
    assert "found no key of the author 'alice'" in done.stderr


@needs_ssh
def test_what_is_approved_is_what_was_loaded(folder: Path) -> None:
    """Between reading limits and proving their approval, the file becomes what was signed."""
    people(folder, "alice", "bob")
    new = folder / "new.yaml"
    new.write_text(changed(("amount: 400000", "amount: 900000")))
    loaded = files.load(new)
    new.write_text(changed(("amount: 400000", "amount: 410000")))
    sign(folder, "bob")
    files.approve(files.load(new), None)
    with pytest.raises(NotApproved, match="over these bytes"):
        files.approve(loaded, None)


def test_without_ssh_keygen_a_loosening_ends_with_status_3(folder: Path) -> None:
    """Nothing can be proven there; what only tightens needs no proof."""
    (folder / "allowed_signers").write_text("alice ssh-ed25519 A\nbob ssh-ed25519 B\n")
    new = folder / "new.yaml"
    new.write_text(changed(("amount: 400000", "amount: 410000")))
    (folder / "new.yaml.sig").write_text("x")
    done = tieout("diff", folder / "house.yaml", new, path="/nowhere")
    assert done.returncode == 3
    assert "ssh-keygen is not installed" in done.stderr
    new.write_text(changed(("amount: 400000", "amount: 390000")))
    done = tieout("diff", folder / "house.yaml", new, path="/nowhere")
    assert done.returncode == 0
    assert done.stdout == "tightened FIRM_GROSS: 400000 reporting -> 390000 reporting\n"


@needs_ssh
def test_check_proves_the_approval_when_asked(folder: Path) -> None:
    people(folder, "alice", "bob")
    assert tieout("check", folder / "house.yaml", "--approved").returncode == 1
    sign(folder, "bob", "house.yaml")
    assert tieout("check", folder / "house.yaml", "--approved").returncode == 0


def test_check_prints_the_hash_that_a_load_journals(folder: Path) -> None:
    done = tieout("check", folder / "house.yaml", "--json")
    assert done.returncode == 0
    told = json.loads(done.stdout)
    assert told["content_hash"] == content_hash([HOUSE.read_bytes()])
    assert all(row["held"] for row in told["tests"])
    assert told["untested"] == []


def test_check_fails_where_a_case_fails_or_a_control_has_none(folder: Path) -> None:
    (folder / "house.yaml").write_text(changed(("amount: 400000", "amount: 500000")))
    done = tieout("check", folder / "house.yaml")
    assert done.returncode == 1
    assert (
        "each_hedged_and_the_gross_of_the_firm_not: must be FIRM_GROSS, was PASSES" in done.stdout
    )
    shutil.copy(HOUSE, folder)
    tests = (folder / "house.tests.yaml").read_text()
    (folder / "house.tests.yaml").write_text(tests.replace("answer: CREDIT", "answer: FIRM_NET"))
    done = tieout("check", folder / "house.yaml")
    assert done.returncode == 1
    assert "no test asks for a refusal by CREDIT" in done.stdout


def test_check_says_which_overrides_have_expired(folder: Path) -> None:
    (folder / "house.yaml").write_text(changed(OVERRIDE))
    done = tieout("check", folder / "house.yaml", "--at", "2026-03-01T00:00:00Z")
    assert done.returncode == 0
    assert "expired the override of firm_gross" in done.stdout
    done = tieout("check", folder / "house.yaml", "--at", "2026-02-28T23:59:59Z")
    assert done.returncode == 1, "while it stands, the firm's gross is not what the tests say"
    assert tieout("check", folder / "house.yaml", "--at", "2026-03-01").returncode == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("check", "none.yaml"),
            r"none\.yaml: \(whole\): found nothing .*a file of limits would do",
        ),
        (("diff", "house.yaml", "none.yaml"), r"none\.yaml: \(whole\): found nothing"),
        (("inventory", "none.yaml"), r"none\.yaml: \(whole\): found nothing"),
        (("check", "alone.yaml"), r"alone\.tests\.yaml: \(whole\): found nothing"),
        (("check", "bytes.yaml"), r"bytes\.yaml: \(whole\): found bytes that are no UTF-8"),
        (("check", "."), r"found nothing"),
    ],
)
def test_a_file_that_is_not_there_is_bad_input(
    folder: Path, words: tuple[str, ...], said: str
) -> None:
    (folder / "alone.yaml").write_text(TEXT)
    (folder / "bytes.yaml").write_bytes(b"\xff\xfe")
    done = tieout(*words, cwd=folder)
    assert done.returncode == 2
    assert re.search(said, done.stderr), done.stderr


def test_the_inventory_lists_every_answer_with_its_rule_its_test_and_the_result() -> None:
    done = tieout("inventory", HOUSE, "--json")
    assert done.returncode == 0
    rows = {row["answer"]: row for row in json.loads(done.stdout)["controls"]}
    assert {code.name for code in codes.TABLE} <= set(rows)
    assert all(row["rules"] for row in rows.values())
    assert rows["FIRM_GROSS"]["limits"] == ["firm_gross"]
    assert rows["FIRM_GROSS"]["test"] == "each_hedged_and_the_gross_of_the_firm_not"
    assert rows["FIRM_GROSS"]["result"] == "held"


def test_the_inventory_fails_with_a_test(folder: Path) -> None:
    (folder / "house.yaml").write_text(changed(("amount: 400000", "amount: 500000")))
    done = tieout("inventory", folder / "house.yaml")
    assert done.returncode == 1
    assert "failed: PASSES" in done.stdout
