"""Settlement as tables: exact, complete, and the same story as the state tells."""

from decimal import Decimal
from functools import cache
from pathlib import Path

import pandas as pd
import pytest

from core.transfers import view
from scenarios.model import find
from tieout.reports.files import load_table, save_table
from tieout.reports.history import history
from tieout.reports.outcome import Outcome
from tieout.reports.report import report
from tieout.reports.tables import COLUMNS, frame
from tieout.runs import run

RUNS = ("stuck_mempool", "custodian_completed_but_failed", "storm_rails")
each_run = pytest.mark.parametrize("name", RUNS)


@cache
def outcome_of(name: str) -> Outcome:
    return run(name, seed=3, short=True, sampled=False)


def total(amounts: "pd.Series[object]") -> Decimal:
    return sum(amounts, Decimal(0))


@each_run
def test_every_table_of_a_run_with_rails_has_its_columns(name: str) -> None:
    """Figures of settlement have another shape than those of strategies, and stand beside them."""
    outcome = outcome_of(name)
    for subject, columns in COLUMNS.items():
        rows = outcome._table(subject)
        assert rows.dtypes.to_dict() == frame(columns, ()).dtypes.to_dict(), subject
    postings = outcome.postings.groupby("holding").amount.agg(total)
    held = {h: postings[h] for h in outcome.state.holdings}
    assert held == outcome.positions.groupby("holding").held.agg("first").to_dict()


@each_run
def test_the_ledger_table_is_the_double_entry_book(name: str) -> None:
    """It sums to zero in every asset, each entry does, and each account is as the state has it."""
    outcome = outcome_of(name)
    lines, state = outcome.ledger, outcome.state
    assert len(lines) > 50
    assert set(lines.groupby("asset").amount.agg(total)) == {Decimal(0)}
    by_account = lines.groupby("account").amount.agg(total)
    for account, units in state.settlement.ledger.items():
        scale = state.decimals[account.rpartition("/")[2]]
        assert by_account[account] == Decimal(units).scaleb(-scale), account


@each_run
def test_the_transfers_table_has_each_leg_as_it_stands(name: str) -> None:
    outcome = outcome_of(name)
    settlement = outcome.state.settlement
    rows = outcome.transfers.set_index("payment_id")
    assert list(rows.index) == list(settlement.legs)
    for leg in settlement.legs.values():
        row = rows.loc[leg.payment_id]
        assert row.amount.scaleb(outcome.state.decimals[leg.asset]) == leg.amount
        assert (row.status, row.scheme) == (leg.status, leg.scheme)
        assert row.told == view(outcome.state, settlement.transfers[leg.transfer_id])[0]
        assert pd.isna(row.settled_at) == (not leg.settled_at)


@each_run
def test_what_is_in_flight_ends_as_the_state_has_it_and_never_exceeds_its_bound(name: str) -> None:
    outcome = outcome_of(name)
    rows, settlement = outcome.in_flight, outcome.state.settlement
    assert (rows.amount >= rows.contingent).all()
    bound = rows[rows.bound.notna()]
    assert (bound.amount <= bound.bound).all()
    last = rows.groupby(["scope", "subject", "asset"]).tail(1)
    for row in last.itertuples():
        units = settlement.exposure[f"{row.scope}/{row.subject}/{row.asset}"]
        assert row.amount.scaleb(outcome.state.decimals[row.asset]) == units


def test_contingent_amounts_are_those_that_settled_and_may_come_back() -> None:
    rows = outcome_of("storm_rails").in_flight
    pulled = rows[(rows.scope == "rail") & (rows.subject == "fedach_debit")]
    assert pulled.contingent.max() > 0
    assert (pulled.bound == Decimal(4000)).all()


@each_run
def test_what_each_payment_has_of_the_entries_is_what_it_did(name: str) -> None:
    """Shares balance, and leave in transit, held and contingent what the leg itself says."""
    outcome = outcome_of(name)
    told = history(outcome.store).settled
    for leg in outcome.state.settlement.legs.values():
        sums: dict[str, int] = {}
        for share in told.shares.get(leg.payment_id, []):
            lines = share.lines
            for prefix in ("held/", "transit/", "contingent/"):
                part = sum(units for account, units in lines if account.startswith(prefix))
                sums[prefix] = sums.get(prefix, 0) + part
        assert sums.get("transit/", 0) == leg.outstanding, leg.payment_id
        assert sums.get("held/", 0) == leg.held, leg.payment_id
        assert sums.get("contingent/", 0) == leg.contingent, leg.payment_id


def test_items_stand_among_the_breaks_with_their_owners() -> None:
    outcome = outcome_of("custodian_completed_but_failed")
    rows = outcome.breaks.query("subject != ''")
    settlement = outcome.state.settlement
    assert len(rows) == len(settlement.closed) + len(settlement.items) > 3
    failed = rows[rows.cause == "third_party_failed"]
    assert (failed.owner == "custody").all()
    assert (failed["size"] < 0).all()
    assert (failed[~failed.open].resolution != "").all()


def test_refused_transfers_join_the_refusals_with_code_and_reason() -> None:
    outcome = outcome_of("storm_rails")
    rows = outcome.refusals.query("customer != ''")
    refused = {t.transfer_id: t for t in outcome.state.settlement.transfers.values() if t.refusal}
    assert len(refused) > 3
    by_id = rows[rows.code != "ID_REUSED"].set_index("reference")
    assert set(by_id.index) == set(refused)
    for name, transfer in refused.items():
        assert by_id.loc[name].code == transfer.refusal
        assert by_id.loc[name].text == transfer.reason
    counts = outcome.state.counts
    asked = sum(times for what, times in counts.items() if what.startswith("refused/"))
    assert len(outcome.refusals) == asked


def test_wei_survives_a_file(tmp_path: Path) -> None:
    """All eighteen decimals, through Parquet and back."""
    outcome = outcome_of("storm_rails")
    save_table(outcome, "ledger", tmp_path / "ledger.parquet")
    again = load_table(tmp_path / "ledger.parquet")
    assert list(again.amount) == list(outcome.ledger.amount)
    ether = again[again.asset == "ETH"].amount
    assert any(amount.as_tuple().exponent == -18 and amount % Decimal("1e-9") for amount in ether)


def test_a_run_without_rails_has_empty_tables_of_settlement() -> None:
    outcome = run(find("lost_frame"), seed=3, short=True, sampled=False)
    assert [len(outcome._table(name)) for name in ("transfers", "ledger", "in_flight")] == [0] * 3


def test_what_exchanges_left_open_and_gained_stands_in_table_and_report() -> None:
    outcome = run(find("fiat_in_crypto_out_reversed"), seed=1, short=True, sampled=False)
    rows, book = outcome.exchange_positions, outcome.ledger
    assert list(rows.pair) == ["BTC-USD"]
    for row in rows.itertuples():
        of_pair = book[book.account == f"exchange/{row.pair}/{row.against}"].amount.sum()
        gained = book[book.account == f"gain/{row.pair}/{row.against}"].amount.sum()
        assert (row.cost, row.realised) == (-of_pair, -gained)
        assert row.realised != 0
    html = report(outcome)
    assert "Exchanges: what is open, and what it gained" in html
    assert f"{outcome.summary['settlement']['positions']['BTC-USD']['realised']} USD" in html
