"""How NACHA files are told apart: by a number that core gives, and that a crash does not lose."""

from itertools import count, pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.events import NodeStarted
from core.filing import next_file
from core.rail_effects import QueryPayment, RecallPayment, SendPayment
from core.rail_events import PaymentMissing, RecallRequested, SchemePublished
from core.state import State
from rails.bank.requests import instruction
from rails.instructions.nacha import MODIFIERS
from rails.schemes import load
from tests.settling import ACH, BANK, HOUR, SECOND, T0, Books, pay
from tests.test_bank_requests import MANDATES, OURS

MINUTE = 60 * SECOND
NEXT_DAY = "fedach_credit_next_day"
NAMED = {**ACH, "scheme": NEXT_DAY, "files_per_minute_max": 36}


def scheme(most: int = 36) -> SchemePublished:
    return SchemePublished(
        received_at=0, scheme="ach", account=BANK, asset="USD", kind="out", settled_by="silence",
        settles_ns_max=0, answer_ns_max=1, query_every_ns=1, queries_max=1,
        files_per_minute_max=most,
    )  # fmt: skip


def books(**terms: object) -> Books:
    made = Books(alice=1_000_000)
    made.scheme(**{**NAMED, **terms})
    made.asked.clear()
    return made


def sent(made: Books, transfer_id: str) -> SendPayment:
    made.request(transfer_id, pay(NEXT_DAY, 100))
    (effect,) = made.of(SendPayment)
    return effect


def test_every_scheme_of_nacha_counts_as_many_files_as_it_has_modifiers() -> None:
    """And no other scheme counts any."""
    counted = {name: row.files_per_minute_max for name, row in load().items()}
    assert {name for name, most in counted.items() if most} == {
        "fedach_credit_same_day", "fedach_credit_next_day", "fedach_debit"
    }  # fmt: skip
    assert {most for most in counted.values() if most} == {len(MODIFIERS)}


def test_files_of_an_account_are_numbered_and_those_of_a_day_have_their_own_modifiers() -> None:
    made = books()
    effects = []
    for number in range(36):
        effects.append(sent(made, f"t{number}"))
        made.now += MINUTE
    assert [effect.file for effect in effects] == list(range(1, 37))
    files = [instruction(effect, OURS["bank_us"], MANDATES) for effect in effects]
    assert "".join(chr(file[33]) for file in files) == MODIFIERS
    assert len({file.split(b"\n")[2][79:94] for file in files}) == 36  # traces


def test_the_thirty_seventh_begins_the_round_anew_in_a_later_minute() -> None:
    """Within one minute it says that it was made in the next; later it just says when."""
    made = books()
    effects = [sent(made, f"t{number}") for number in range(38)]
    files = [instruction(effect, OURS["bank_us"], MANDATES) for effect in effects]
    names = [file[13:34] for file in files]
    assert len(set(names)) == 38
    assert [chr(file[33]) for file in files[35:]] == ["9", "A", "B"]
    assert effects[35].sent_at == effects[0].sent_at == T0
    assert effects[36].sent_at == effects[37].sent_at == T0 + MINUTE
    made.now = T0 + HOUR
    assert sent(made, "later").sent_at == T0 + HOUR


@given(st.lists(st.integers(0, 90), max_size=300), st.integers(1, 5))
def test_no_two_files_of_an_account_have_one_name(steps: list[int], most: int) -> None:
    """Whatever the bursts: minute and modifier together come once, numbers and times never fall."""
    state, now, terms = State(), T0, scheme(most)
    named = []
    for step in steps:
        now += step * SECOND
        number, at = next_file(state, terms, BANK, now)
        assert at >= now
        named.append((number, at))
    assert len({(at // MINUTE, number % most) for number, at in named}) == len(named)
    assert [number for number, _ in named] == [n for n, _ in zip(count(1), named, strict=False)]
    assert all(one[1] <= other[1] for one, other in pairwise(named))


def test_accounts_are_counted_apart_and_what_has_names_of_its_own_is_not() -> None:
    state = State()
    assert next_file(state, scheme(), BANK, 5) == next_file(state, scheme(), "other", 5) == (1, 5)
    assert next_file(state, scheme(0), BANK, 7) == (0, 7)
    assert next_file(state, scheme(), BANK, 9) == (2, 9)


def test_a_file_that_goes_again_is_the_same_bytes_after_a_crash_too() -> None:
    """It keeps its number and its moment, and the next payment has others."""
    made = books()
    first = sent(made, "t1")
    made.state = msgspec.msgpack.decode(msgspec.msgpack.encode(made.state), type=State)
    made.now += HOUR
    made.tell(NodeStarted, node="t", epoch=2)
    assert made.of(QueryPayment)
    name = first.payment_id
    made.tell(PaymentMissing, account=BANK, payment_id=name, asked_at=made.now)
    (again,) = made.of(SendPayment)
    assert again == first
    other = sent(made, "t2")
    assert (first.file, other.file) == (1, 2)
    told = [instruction(each, OURS["bank_us"], MANDATES) for each in (again, first, other)]
    assert told[0] == told[1] != told[2]


def test_a_reversal_is_a_file_of_its_own() -> None:
    """Asked for again it has the number that it had."""
    made = books(recalls=())
    made.scheme(**{**NAMED, "recalls": ACH["returns"]})
    first = sent(made, "t1")
    made.tell(
        RecallRequested,
        payment_id=first.payment_id,
        code="R10",
        author="ann",
        approver="ben",
    )
    (recall,) = made.of(RecallPayment)
    assert (recall.file, recall.asked_at) == (2, made.now)
    made.wait(2 * HOUR)
    again = made.of(RecallPayment)
    assert again
    assert set(again) == {recall}


@pytest.mark.parametrize("most", [0, 36])
def test_what_needs_no_number_says_when_it_was_sent(most: int) -> None:
    made = books(files_per_minute_max=most)
    effect = sent(made, "t1")
    assert (effect.file, effect.sent_at) == (int(most > 0), made.now)
