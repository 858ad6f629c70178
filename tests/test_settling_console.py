"""What the terminal says of a run that settles: payments, what customers see, items, limits."""

import io
import re
from collections import Counter
from functools import cache

import pytest
from rich.console import Console

from core.transfers import view
from tests.test_cli import tieout
from tieout.reports.console import show_settlement
from tieout.reports.outcome import Outcome
from tieout.runs import run


@cache
def outcome_of(name: str) -> Outcome:
    seed = 11 if name == "storm_rails" else 0
    return run(name, seed=seed, short=True, sampled=False)


@cache
def printed(name: str) -> str:
    into = io.StringIO()
    console = Console(file=into, width=120, highlight=False, markup=False, soft_wrap=True)
    show_settlement(console, outcome_of(name))
    return into.getvalue()


def test_what_customers_see_is_counted_by_transfer() -> None:
    outcome, text = outcome_of("storm_rails"), printed("storm_rails")
    transfers = outcome.state.settlement.transfers.values()
    seen = Counter(view(outcome.state, each)[0] for each in transfers)
    assert len(seen) > 3
    for word, times in seen.items():
        assert f"{times} {word.replace('_', ' ')}" in text
    assert f"for {len(transfers)} requests" in text


def test_each_rail_has_a_row_with_its_counts() -> None:
    lines = printed("storm_rails").splitlines()
    head = next(line for line in lines if line.startswith("rail ")).split()
    legs = outcome_of("storm_rails").summary["settlement"]["legs"]
    rows = {line.split()[0]: line.split()[1:] for line in lines if line}
    for name, times in legs.items():
        scheme, _, status = name.rpartition("/")
        cells = rows[scheme or "exchange"]
        assert cells[head.index(status) - 1] == str(times)


def test_limits_are_shown_beside_the_most_that_was_at_risk() -> None:
    text = printed("storm_rails")
    assert re.search(r"rail fedach_debit: [0-9.]+ of 4000 USD \(pulled debits\)", text)
    assert text.count("of 5000 USD") == 4


def test_items_and_reversal_loss_are_the_summarys() -> None:
    figures = outcome_of("storm_rails").summary["settlement"]
    opened = sum(figures["items"].values())
    assert opened > 3
    assert f"Items: {opened} opened, {figures['open_items']} open" in printed("storm_rails")
    for asset, amount in figures["reversal_loss"].items():
        assert f"{amount} {asset}" in printed("storm_rails")
    assert "Reversal loss: none" in printed("stuck_mempool")
    assert "Items: 0 opened, 0 open\n" in printed("stuck_mempool")


@pytest.mark.parametrize("name", ["stuck_mempool"])
def test_a_run_that_only_settles_is_not_called_idle(name: str) -> None:
    done = tieout("run", name, "--short")
    assert done.returncode == 0
    assert done.stderr == ""
    assert "Settlement: 18 payments made for 18 requests; customers see 18 completed" in done.stdout
