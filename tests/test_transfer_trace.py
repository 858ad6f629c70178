"""The story of a transfer: found by any of its names, whole, in order, and adding up."""

import json
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest

from core.journal import decode_effect, decode_event
from core.ledger import theirs
from core.rail_effects import TellCustomer
from core.settlement_state import Leg
from tests.test_cli import tieout
from tieout.reports.files import save_journal
from tieout.reports.outcome import Outcome
from tieout.reports.trace import BadKey, passage, trace
from tieout.runs import run
from tieout.settlement.trace import Story, follow

RUNS = ("storm_rails", "stuck_mempool")
each_run = pytest.mark.parametrize("name", RUNS)


@cache
def outcome_of(name: str) -> Outcome:
    seed = 27 if name == "storm_rails" else 0
    return run(name, seed=seed, short=True, sampled=False)


def legs_of(name: str) -> dict[str, Leg]:
    return outcome_of(name).state.settlement.legs


def story(name: str, key: str) -> Story:
    (found,) = follow(key, outcome_of(name).store).stories
    return found


def one(name: str, scheme: str, status: str) -> Leg:
    return next(
        leg for leg in legs_of(name).values() if (leg.scheme, leg.status) == (scheme, status)
    )


@each_run
def test_every_transfer_can_be_followed_by_each_of_its_names(name: str) -> None:
    """Its own id, the id of each payment, each hash; a bank's reference."""
    store = outcome_of(name).store
    for transfer in outcome_of(name).state.settlement.transfers.values():
        assert story(name, transfer.transfer_id).transfer.transfer_id == transfer.transfer_id
    for leg in list(legs_of(name).values())[:12]:
        names = [leg.payment_id, leg.reference, *(each.tx_hash for each in leg.attempts)]
        for key in filter(None, names):
            found = {each.transfer.transfer_id for each in follow(key, store).stories}
            assert leg.transfer_id in found, key


def test_what_a_counterparty_calls_a_batch_leads_to_all_that_is_in_it() -> None:
    """Also where no payment bears that name alone."""
    outcome = outcome_of("storm_rails")
    settlement, seen = outcome.state.settlement, 0
    for name, members in settlement.batches.items():
        found = follow(name.partition(" ")[2], outcome.store).stories
        wanted = {settlement.legs[member].transfer_id for member in members}
        assert wanted <= {each.transfer.transfer_id for each in found}
        seen += 1
    assert seen > 5


def test_a_line_leads_to_the_payment_that_it_was_for() -> None:
    booked = outcome_of("storm_rails").ledger
    leg = one("storm_rails", "fps", "settled")
    line = booked[(booked.purpose == "line") & (booked.account == "transit/fps/GBP")].iloc[0]
    found = follow(line.subject, outcome_of("storm_rails").store).stories
    assert len(found) == 1
    assert [each.leg.scheme for each in found[0].legs] == [leg.scheme]


@each_run
def test_a_story_has_every_entry_and_word_about_it(name: str) -> None:
    """Entries that name a payment are in its story, and what its customer was told, in order."""
    outcome = outcome_of(name)
    said = [
        (record.number, effect.transfer_id, effect.status)
        for record in outcome.store.records()
        if record.name == "TellCustomer"
        and isinstance(effect := decode_effect(record.body), TellCustomer)
    ]
    entries = outcome.ledger.drop_duplicates(["event", "purpose", "subject"])
    for transfer in outcome.state.settlement.transfers.values():
        told = story(name, transfer.transfer_id)
        assert [(s.number, s.told.status) for s in told.steps if s.told] == [
            (number, status) for number, who, status in said if who == transfer.transfer_id
        ]
        mine = entries[entries.subject.isin(transfer.legs)]
        booked = {(s.number, e.purpose, e.subject) for s in told.steps for e, _ in s.entries}
        wanted = set(zip(mine.event, mine.purpose, mine.subject, strict=True))
        assert wanted <= booked
        assert [s.number for s in told.steps] == sorted(s.number for s in told.steps)


@each_run
def test_the_sums_per_account_are_what_each_leg_did(name: str) -> None:
    """A settled payment out: whoever pays has less by its amount, and so has the nostro."""
    seen = 0
    for leg in legs_of(name).values():
        if leg.kind != "out" or leg.status != "settled" or leg.outstanding or leg.undo_of:
            continue
        sums = next(
            e.sums
            for e in story(name, leg.transfer_id).legs
            if e.leg is leg or e.leg.payment_id == leg.payment_id
        )
        scale = outcome_of(name).state.decimals[leg.asset]
        amount = Decimal(leg.amount).scaleb(-scale)
        assert sums[theirs(leg)] == amount
        assert sums[f"transit/{leg.scheme}/{leg.asset}"] == 0
        assert sum(v for k, v in sums.items() if k.endswith(f"/{leg.asset}")) == 0
        seen += 1
    assert seen > 5


def test_the_raw_bytes_are_the_records_own() -> None:
    """Each step shows its frame's bytes, which bear one of the payment's names."""
    store = outcome_of("storm_rails").store
    records = {record.number: record for record in store.records()}
    leg = one("storm_rails", "fedach_debit", "returned")
    told = story("storm_rails", leg.transfer_id)
    framed = [step.heard for step in told.steps if step.heard and step.heard.frame]
    assert len(framed) > 2
    for heard in framed:
        assert heard.raw == records[heard.frame].body
        assert type(decode_event(records[heard.number].body)).__name__ == heard.name
    text = str(follow(leg.transfer_id, store))
    assert f"told {leg.customer}: returned" in text
    assert f"{leg.payment_id} is returned" in text
    assert "ReturnReported" in text


def test_a_passage_of_a_long_text_is_around_the_name() -> None:
    raw = b"<a>" + b"x" * 2000 + b"<Ref>P-77</Ref>" + b"y" * 2000
    assert "<Ref>P-77</Ref>" in passage(raw, ("P-77",))
    assert len(passage(raw, ("P-77",))) < 600
    assert (
        passage(
            b'[{"id":"P-1"},' + b" " * 900 + b'{"id":"P-7", "a":"' + b"z" * 600 + b'"}]', ("P-1",)
        )
        == '{"id":"P-1"}'
    )


@each_run
def test_a_trace_of_each_account_of_the_ledger_is_its_figure(name: str) -> None:
    """Nostro, transit, customers, suspense, held: every entry behind it, to the unit."""
    outcome = outcome_of(name)
    for account, units in outcome.state.settlement.ledger.items():
        traced = trace("balance", account, outcome.store)
        scale = outcome.state.decimals[traced.unit]
        assert traced.total == Decimal(units).scaleb(-scale)
        assert sum((line.amount for line in traced.lines), Decimal(0)) == traced.total
        assert all(line.raw for line in traced.lines)


# --- keys and the command ------------------------------------------------------------------------


def test_a_key_that_is_none_is_refused_with_the_nearest() -> None:
    store = outcome_of("storm_rails").store
    leg = one("storm_rails", "evm_usdc", "settled")
    with pytest.raises(BadKey, match=f"did you mean {leg.attempts[0].tx_hash}"):
        follow(leg.attempts[0].tx_hash[:-1] + "z", store)
    with pytest.raises(BadKey, match="did you mean customer/c1/USD "):
        trace("balance", "customer/c1/USDX", store)
    with pytest.raises(BadKey, match="`trace balance` would do"):
        trace("position", "customer/c1/USD", store)


def test_the_command_prints_the_story_and_json(tmp_path: Path) -> None:
    outcome, path = outcome_of("storm_rails"), tmp_path / "journal.db"
    save_journal(outcome.store, path)
    leg = one("storm_rails", "fedach_debit", "returned")
    done = tieout("trace", "transfer", leg.payment_id, "--journal", str(path))
    assert done.returncode == 0
    assert done.stdout.strip() == str(follow(leg.payment_id, outcome.store)).strip()
    done = tieout("trace", "transfer", leg.transfer_id, "--journal", str(path), "--json")
    (told,) = json.loads(done.stdout)["transfers"]
    assert told["status"] == "returned"
    assert told["legs"][0]["ledger"][f"transit/fedach_debit/{leg.asset}"] == "0"
    assert any(step["raw"] and step["frame"] for step in told["steps"])
    done = tieout("trace", "transfer", "t-nothing", "--journal", str(path))
    assert (done.returncode, done.stdout) == (2, "")
    assert "no transfer, payment or reference 't-nothing'" in done.stderr
    done = tieout("trace", "balance", "nostro/bank_us/ops/USD", "--journal", str(path), "--json")
    traced = json.loads(done.stdout)
    assert Decimal(traced["total"]) == sum(Decimal(line["amount"]) for line in traced["lines"])
