"""The trace: what it lists is the figure, and each line leads to the bytes that told it."""

from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest

from core.journal import decode_event
from tieout.journals.sqlite_store import JournalError
from tieout.reports.files import save_journal
from tieout.reports.history import amount_of
from tieout.reports.outcome import Outcome
from tieout.reports.trace import BadKey, excerpt, plain, trace, words_of
from tieout.runs import run

RUNS = ("lost_frame", "spot_weather", "binance_usdm_weather", "coinbase_weather")
each_run = pytest.mark.parametrize("name", RUNS)


@cache
def outcome_of(name: str) -> Outcome:
    return run(name, seed=3, short=True, sampled=False)


@each_run
def test_what_a_trace_lists_is_the_figure(name: str) -> None:
    """For every holding of the run, the amounts sum to it, and the last total is it."""
    outcome = outcome_of(name)
    for holding, units in outcome.state.holdings.items():
        traced = trace("position", holding, outcome.store)
        assert traced.total == amount_of(outcome.state, holding, units)
        assert sum((line.amount for line in traced.lines), Decimal(0)) == traced.total
        assert traced.lines[-1].running == traced.total


@each_run
def test_every_fill_names_a_frame_whose_bytes_contain_its_id(name: str) -> None:
    """Down to the raw bytes: the frame is the journal's own, and it speaks of this fill."""
    outcome = outcome_of(name)
    records = {record.number: record for record in outcome.store.records()}
    seen = 0
    for holding in outcome.state.holdings:
        for line in trace("position", holding, outcome.store).lines:
            record = records[line.frame or line.event]
            assert line.raw == record.body
            assert type(decode_event(records[line.event].body)).__name__ == line.name
            if line.frame:
                seen += 1
                assert record.kind == "frame"
                assert line.channel == record.name
                for word in words_of(line.identity):
                    assert word.encode() in line.raw
                    assert word in line.excerpt()
    assert seen > 20


def test_an_excerpt_is_a_part_of_the_frame_byte_for_byte() -> None:
    """Of a page, the one object that tells it, and never a number written anew."""
    page = b'[{"id":1,"order":7,"qty":"1.0"}, {"id": 7, "order":9, "x":{"fee":1.50e-3}}]'
    assert excerpt(page, "7", ("9",)) == '{"id": 7, "order":9, "x":{"fee":1.50e-3}}'
    assert excerpt(page, "1") == '{"id":1,"order":7,"qty":"1.0"}'
    assert excerpt(page, "8") == page.decode()
    assert excerpt(b'[{"id":71},{"id":7}]', "7") == '{"id":7}'
    assert excerpt(b'{"data":[{"a":"{","id":"5:X"}]}', "5:X") == '{"a":"{","id":"5:X"}'
    assert excerpt(b"8=FIX.4.4\x0117=5\x01", "5") == "8=FIX.4.4|17=5|"


def test_a_trace_of_a_journal_on_disk_is_that_of_the_run(tmp_path: Path) -> None:
    outcome = outcome_of("lost_frame")
    save_journal(outcome.store, tmp_path / "journal.db")
    key = "binance_spot/main/XRP/cash"
    assert trace("balance", key, tmp_path / "journal.db") == trace("balance", key, outcome.store)


def test_a_key_may_be_an_instrument_an_asset_or_a_holding() -> None:
    """What people call a position at a spot venue is the cash of what they bought."""
    spot, linear = outcome_of("lost_frame").store, outcome_of("binance_usdm_weather").store
    xrp = "binance_spot/main/XRP/cash"
    for key in (xrp, "binance_spot/main/XRP", "binance_spot/main/XRPETH"):
        assert trace("position", key, spot).holding == xrp
    net = "binance_usdm/main/BTCUSDT/net"
    for key in (net, "binance_usdm/main/BTCUSDT"):
        assert trace("position", key, linear).holding == net


@pytest.mark.parametrize(
    ("kind", "key", "told"),
    [
        ("position", "binance_usdm/main/BTCUSD", "binance_usdm/main/BTCUSDT/net"),
        ("position", "BINANCE_USDM/MAIN/btcusdt/NET", "binance_usdm/main/BTCUSDT/net"),
        ("balance", "usdt", "binance_usdm/main/USDT/cash"),
        ("balance", "nonsense", "binance_usdm/main/USDT/cash"),
        ("balance", "binance_usdm/main/BTCUSDT/net", "trace position"),
        ("orders", "x", "position, balance"),
    ],
)
def test_a_wrong_key_is_answered_with_what_would_do(kind: str, key: str, told: str) -> None:
    with pytest.raises(BadKey, match=told):
        trace(kind, key, outcome_of("binance_usdm_weather").store)


def test_a_journal_that_is_none_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match=r"nothing\.db"):
        trace("balance", "x", tmp_path / "nothing.db")


def test_the_text_shows_every_posting_with_its_bytes_and_the_sum() -> None:
    traced = trace("balance", "binance_spot/main/XRP/cash", outcome_of("lost_frame").store)
    text = str(traced)
    assert text.startswith(f"binance_spot/main/XRP/cash = {plain(traced.total)} XRP\n")
    for line in traced.lines:
        assert line.excerpt() in text
        assert plain(line.running) in text
    told = traced.as_dict()
    assert told["total"] == plain(traced.total)
    assert [each["event"] for each in told["lines"]] == [line.event for line in traced.lines]
