"""A policy's rules, its tightenings, the vault that is erased and verifies, and the judge."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from core.token_effects import JudgeAuthorization
from core.token_events import TokenKind
from tokens.facts import Facts, LockUp
from tokens.judging import Judge
from tokens.policy import (
    RULES,
    WINDOW_S_MAX,
    BadPolicy,
    Policy,
    objection,
    read_policy,
    tightens,
)
from tokens.signers import verifying
from tokens.vault import BrokenChain, Erased, Record, Vault

ESTATE = Path(__file__).parent.parent / "tokens" / "policies" / "estate.yaml"
UNTIL = 2_000_000_000
ANN = Facts("ann", "US", "approved", UNTIL, accredited_until=UNTIL)
BEA = Facts("bea", "DE", "approved", UNTIL, accredited_until=UNTIL)


def counted() -> Callable[[int], bytes]:
    """Dice of a test: bytes that count."""
    made = iter(range(1, 1 << 20))
    return lambda n: next(made).to_bytes(n)


@pytest.fixture(scope="module")
def policy() -> Policy:
    return read_policy(ESTATE)


def test_who_is_fit_may_move(policy: Policy) -> None:
    assert objection(policy, "transfer", ANN, BEA, 100, UNTIL) == ""
    assert objection(policy, "mint", None, BEA, 100, UNTIL) == ""
    assert objection(policy, "burn", BEA, None, 100, UNTIL) == ""
    assert objection(policy, "recovery", None, BEA, 1, UNTIL) == ""


REFUSED: list[tuple[str, TokenKind, Facts | None, Facts | None, int]] = [
    ("unknown_holder", "transfer", None, BEA, 100),
    ("unknown_holder", "transfer", ANN, None, 100),
    ("unknown_holder", "mint", None, None, 100),
    ("sanctioned", "transfer", msgspec.structs.replace(ANN, sanctioned=True), BEA, 100),
    ("sanctioned", "burn", msgspec.structs.replace(ANN, sanctioned=True), None, 100),
    ("sanctioned", "transfer", ANN, msgspec.structs.replace(BEA, sanctioned=True), 100),
    ("kyc", "transfer", ANN, msgspec.structs.replace(BEA, kyc="pending"), 100),
    ("kyc", "mint", None, msgspec.structs.replace(BEA, kyc="rejected"), 100),
    ("kyc_ends", "transfer", ANN, msgspec.structs.replace(BEA, kyc_until=UNTIL - 1), 100),
    ("jurisdiction", "transfer", ANN, msgspec.structs.replace(BEA, jurisdiction="FR"), 100),
    ("jurisdiction_pair", "transfer", BEA, ANN, 100),
    (
        "accreditation",
        "transfer",
        ANN,
        msgspec.structs.replace(BEA, accredited_until=UNTIL - 1),
        100,
    ),
    ("lot", "transfer", ANN, BEA, 99),
    ("lot", "burn", ANN, None, 99),
]


@pytest.mark.parametrize(("rule", "kind", "sender", "receiver", "value"), REFUSED)
def test_each_rule_refuses(
    policy: Policy,
    rule: str,
    kind: TokenKind,
    sender: Facts | None,
    receiver: Facts | None,
    value: int,
) -> None:
    assert objection(policy, kind, sender, receiver, value, UNTIL) == rule


def test_no_rule_is_without_a_case() -> None:
    assert {case[0] for case in REFUSED} == set(RULES)


def test_who_is_unfit_may_leave(policy: Policy) -> None:
    unfit = msgspec.structs.replace(ANN, kyc="rejected", accredited_until=0)
    assert objection(policy, "transfer", unfit, BEA, 100, UNTIL) == ""


def test_what_tightens_is_called_out(policy: Policy) -> None:
    told = policy.model_dump()
    assert tightens(policy, policy) == []
    for change, words in (
        ({"holder_max": 50_000}, "holder_max: 100000 to 50000"),
        ({"lot_min": 200}, "lot_min: 100 to 200"),
    ):
        assert tightens(policy, Policy.model_validate(told | change)) == [words]
    homes = told["jurisdictions"]
    fewer = told | {"jurisdictions": homes | {"DE": homes["DE"] | {"receives_from": ["DE"]}}}
    assert tightens(policy, Policy.model_validate(fewer)) == ["DE: not from US any more"]
    gone = told | {"jurisdictions": {"US": homes["US"]}}
    assert len(tightens(policy, Policy.model_validate(gone))) == 2
    looser = told | {"holder_max": None, "holders_max": 200, "lot_min": 1}
    assert tightens(policy, Policy.model_validate(looser)) == []


def test_the_longest_window_of_a_policy_is_one_that_signers_sign(policy: Policy) -> None:
    longest = policy.model_dump()["window"] | {"lasts_s": 300 - policy.window.skew_s}
    Policy.model_validate(policy.model_dump() | {"window": longest})
    assert WINDOW_S_MAX == verifying.WINDOW_SECONDS_MAX


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("lot_min: 100", "lot_min: 100.5", "lot_min: found 100.5"),
        ("lot_min: 100", "lot_mni: 100", "unknown field lot_mni"),
        ("receives_from: [US]", "receives_from: [XX]", "of which nothing is said"),
        ("lasts_s: 120", "lasts_s: 86400", "less than or equal to 300"),
        ("lasts_s: 120", "lasts_s: 289", "300 s together would do"),
        ("version: 1", "version: 0", "version: found 0"),
        ("token: ESTATE", "token: [", "expected"),
    ],
)
def test_a_bad_policy_names_the_place(tmp_path: Path, old: str, new: str, words: str) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(ESTATE.read_text().replace(old, new, 1))
    with pytest.raises(BadPolicy, match=r"policy\.yaml") as error:
        read_policy(file)
    assert words in str(error.value)


# --- the vault ------------------------------------------------------------------------------------


def test_what_is_put_is_opened_and_the_newest_counts() -> None:
    vault = Vault(counted())
    first = vault.put(ANN)
    vault.put(BEA)
    later = msgspec.structs.replace(ANN, kyc="rejected")
    second = vault.put(later)
    assert vault.newest("ann") == (later, second.commitment)
    assert vault.open(first).facts == ANN
    assert first.subject == second.subject
    assert vault.verify() == 3


def test_nothing_of_a_person_is_in_a_record() -> None:
    vault = Vault(counted())
    record = vault.put(ANN)
    told = msgspec.msgpack.encode(record)
    assert b"ann" not in told
    assert b"US" not in told


def test_the_same_facts_are_committed_to_differently() -> None:
    vault = Vault(counted())
    assert vault.put(ANN).commitment != vault.put(ANN).commitment


def test_who_is_erased_cannot_be_known_and_the_chain_verifies() -> None:
    vault = Vault(counted())
    record = vault.put(ANN)
    vault.put(BEA)
    assert vault.erase("ann") == 1
    assert vault.newest("ann") is None
    with pytest.raises(Erased):
        vault.open(record)
    assert vault.verify() == 2
    assert vault.newest("bea") is not None
    assert vault.erase("ann") == 0


@pytest.mark.parametrize("what", ["sealed", "commitment", "subject", "gone", "swapped"])
def test_a_record_that_was_changed_is_found(what: str) -> None:
    vault = Vault(counted())
    for _ in range(3):
        vault.put(ANN)
        vault.put(BEA)
    middle = vault.records[2]
    changed: dict[str, Record] = {
        "sealed": msgspec.structs.replace(middle, sealed=middle.sealed[:-1] + b"\0"),
        "commitment": msgspec.structs.replace(middle, commitment="0" * 64),
        "subject": msgspec.structs.replace(middle, subject=vault.records[1].subject),
    }
    if what in changed:
        vault.records[2] = changed[what]
        with pytest.raises(BrokenChain):
            vault.open(vault.records[2])
    elif what == "gone":
        del vault.records[2]
    else:
        vault.records[2], vault.records[3] = vault.records[3], vault.records[2]
    with pytest.raises(BrokenChain):
        vault.verify()


@pytest.mark.parametrize("what", ["cut", "changed"])
def test_what_became_of_the_last_record_is_known_by_a_noted_head(what: str) -> None:
    vault = Vault(counted())
    early = vault.head()
    vault.put(ANN)
    noted = vault.head()
    vault.put(BEA)
    assert vault.verify(early, noted, vault.head()) == 2
    late = vault.head()
    last = vault.records.pop()
    if what == "changed":
        vault.records.append(msgspec.structs.replace(last, commitment="0" * 64))
    vault.verify(early, noted)
    with pytest.raises(BrokenChain, match="noted head"):
        vault.verify(late)


def test_nobody_is_named_where_vault_and_judge_are_printed(policy: Policy) -> None:
    told = repr(judge_of(policy, b"secret"))
    assert "ann" not in told
    assert "secret" not in told


# --- the judge ------------------------------------------------------------------------------------


def judge_of(policy: Policy, secret: bytes = b"secret") -> Judge:
    vault = Vault(counted())
    vault.put(ANN)
    vault.put(msgspec.structs.replace(BEA, lock_ups=(LockUp(700, UNTIL),)))
    return Judge(vault, secret, {"ESTATE": policy}, {"0xa": "ann", "0xb": "bea"})


ASKED = JudgeAuthorization(
    token="ESTATE",  # noqa: S106  # no password
    authorization_id="ESTATE/1",
    kind="transfer",
    owner="0xa",
    sender="0xa",
    receiver="0xb",
    value=100,
    valid_after=UNTIL - 200,
    valid_before=UNTIL - 100,
    policy_version=1,
    place=0,
)


def test_the_same_question_is_answered_the_same(policy: Policy) -> None:
    judge = judge_of(policy)
    told = judge.judge(ASKED, 5)
    assert told == judge.judge(ASKED, 5)
    assert (told.refusal, len(told.commitments)) == ("", 2)
    other = judge.judge(msgspec.structs.replace(ASKED, authorization_id="ESTATE/2"), 5)
    assert other.decision_hash != told.decision_hash
    assert other.lane == told.lane


def test_lanes_and_groups_tell_nothing_without_the_secret(policy: Policy) -> None:
    one, other = judge_of(policy), judge_of(policy, b"another")
    assert one.judge(ASKED, 5).lane != other.judge(ASKED, 5).lane
    assert one.group("ESTATE", "US") != other.group("ESTATE", "US")
    places = {one.judge(msgspec.structs.replace(ASKED, place=place), 5).lane for place in range(50)}
    assert len(places) == 50
    assert all(0 <= lane < 1 << 192 for lane in places)


def test_what_limits_count_a_holder_as(policy: Policy) -> None:
    judge = judge_of(policy)
    told = judge.state("ESTATE", "0xb", 1_900_000_000 * 10**9)
    assert (told.locked, told.group) == (700, judge.group("ESTATE", "DE"))
    over = UNTIL + policy.window.head_age_s_max + policy.window.skew_s
    assert judge.state("ESTATE", "0xb", (over - 1) * 10**9).locked == 700
    assert judge.state("ESTATE", "0xb", over * 10**9).locked == 0
    assert judge.changes_at("ESTATE", "0xb", 1_900_000_000 * 10**9 + 5) == over * 10**9 + 5
    assert judge.changes_at("ESTATE", "0xb", over * 10**9) == 0
    assert judge.changes_at("ESTATE", "0xa", 0) == judge.changes_at("ESTATE", "0xc", 0) == 0
    stranger = judge.state("ESTATE", "0xc", 0)
    assert (stranger.group, stranger.holder) == ("", "")
    judge.people["0xc"] = "bea"
    one, two, other = (judge.state("ESTATE", each, 0).holder for each in ("0xb", "0xc", "0xa"))
    assert one == two != other


def test_who_is_erased_is_unknown(policy: Policy) -> None:
    judge = judge_of(policy)
    judge.vault.erase("bea")
    assert judge.judge(ASKED, 5).refusal == "unknown_holder"


def test_what_of_a_policy_bounds_the_whole(policy: Policy) -> None:
    judge = judge_of(policy)
    told = judge.publish(policy, 5, tightens=False)
    assert (told.holder_max, told.holders_max, told.supply_max) == (100_000, 99, 1_000_000)
    assert told.groups == ((judge.group("ESTATE", "US"), 400_000),)


@pytest.mark.parametrize(
    "change", [{"value": 101}, {"kind": "mint"}, {"sender": "0xb"}, {"receiver": "0xc"}]
)
def test_a_decision_is_about_one_movement(policy: Policy, change: dict[str, Any]) -> None:
    """An id that a cut journal gives twice is no other movement's decision."""
    judge = judge_of(policy)
    judge.people["0xc"] = judge.people["0xb"]
    other = msgspec.structs.replace(ASKED, **change)
    assert judge.judge(ASKED, 0).decision_hash != judge.judge(other, 0).decision_hash
