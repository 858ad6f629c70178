"""Planted bugs: each is a line of ours changed on purpose, and each makes a named claim fail.

A table of bugs is a table of what the claims can see. A bug that none sees belongs here too, marked
as expected to fail, with the claim that is missing; there is none today.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import pytest

from scenarios.model import Scenario, check, find
from tests.planting import Bug, locate, plant, planted, seeds_of
from tieout.runs import STANDARD, run

CLAIMS = {spec.figure: spec.claim for spec in STANDARD}
SILENT = CLAIMS["silent_differences"]
FALSE_ALARM = CLAIMS["drift.false_alarms"]
HOLDINGS = CLAIMS["differences.holdings"]
MONEY = CLAIMS["differences.money"]
UNJOURNALED = CLAIMS["unjournaled_effects"]
OPEN = CLAIMS["open_breaks"]
TWICE = CLAIMS["orders_sent_twice"]
ALIKE = CLAIMS["epochs_doubled"]
UNWISHED = CLAIMS["orders_unwished"]
UNTOLD = CLAIMS["fills_untold"]
POSITIONS = CLAIMS["differences.positions"]
ORDERS = CLAIMS["differences.orders"]
MISMARKED = CLAIMS["orders_mismarked"]
DOUBT = CLAIMS["in_doubt"]
OVER = CLAIMS["orders_given_up"]
REVIVED = CLAIMS["orders_revived"]
GIVEN_UP = CLAIMS["orders_given_up_taken"]
UNSAID = CLAIMS["orders_rejected_unsaid"]
EARLY = CLAIMS["orders_given_up_early"]
UNPURSUED = CLAIMS["cancels_unpursued"]
UNPLACED = CLAIMS["fills_unplaced"]
HASTY = CLAIMS["breaks_hasty"]
FORGOTTEN = CLAIMS["names_forgotten"]
UNSHOWN = CLAIMS["contradictions_unshown"]
EXCESSIVE = CLAIMS["exits_excessive"]
SLOW = CLAIMS["drift.periods_to_find.p99"]
DEAF = CLAIMS["silence_excess_seconds_max"]
READ_EARLY = CLAIMS["read_back_early"]
TOLD_EARLY = CLAIMS["moves_told_early"]
DROPPED = CLAIMS["cancels_dropped"]
ROUNDS = CLAIMS["reads_dropped"]
GATE = "the gate refused entries"


# --- small worlds, rough enough to show a bug within seconds -------------------------------------


class World(NamedTuple):
    """Venues and faults; `rest` are fields of a scenario that differ from those of `world`."""

    venues: list[Any]
    faults: list[dict[str, Any]]
    rest: dict[str, Any] | None = None


BTC_SWAP = {
    "symbol": "BTC-USDT-SWAP",
    "base": "BTC",
    "quote": "USDT",
    "tick": "0.1",
    "lot": "0.01",
    "multiplier": "0.01",
    "price": "50000.0",
}

WORLDS = {
    "twice_told": World(
        ["binance_spot"],
        [{"kind": "duplicate_frame", "one_in": 3, "strength": 100}],
    ),
    "lost_frames": World(["binance_spot"], [{"kind": "lost_frame", "one_in": 3}]),
    "lies": World(
        ["binance_spot"],
        [{"kind": "wild_statement", "one_in": 3}, {"kind": "empty_statement", "one_in": 3}],
    ),
    "busts_told_late": World(["binance_spot"], [{"kind": "bust", "every_s": 2, "strength": 9000}]),
    "busts_told_soon": World(
        ["binance_spot"],
        [
            {"kind": "bust", "every_s": 3, "strength": 800},
            {"kind": "duplicate_frame", "one_in": 2, "strength": 2500},
        ],
    ),
    "busts_of_untold_fills": World(
        ["binance_spot"],
        [
            {"kind": "bust", "every_s": 2, "strength": 300},
            {"kind": "correction", "every_s": 2, "strength": 300},
            {"kind": "lost_frame", "one_in": 2},
        ],
    ),
    "glitches": World(
        ["binance_spot"],
        [
            {"kind": "server_error", "one_in": 3},
            {"kind": "hand_trade_untold", "every_s": 2, "strength": 2},
        ],
        {"strategies": []},
    ),
    "kills": World(
        ["binance_spot"],
        [{"kind": "crash", "where": "node", "one_in": 40, "strength": 300}],
    ),
    # What a boot wrote is gone with it, as when an old copy of the journal is put back.
    "boots_lost": World(
        ["binance_spot"],
        [
            {"kind": "crash", "where": "node", "one_in": 150, "strength": 300},
            {"kind": "crash_cut_boot", "where": "node", "one_in": 2, "strength": 400},
        ],
    ),
    "busts_overtake": World(
        ["binance_usdm"],
        [{"kind": "bust_overtakes", "one_in": 3}],
    ),
    "late_answers": World(
        ["binance_spot"],
        [
            {"kind": "request_lost", "one_in": 5},
            {"kind": "answer_late", "one_in": 2, "strength": 900},
        ],
    ),
    # A round of reading the record often begins between a listing of open orders and its telling.
    "cut_while_read": World(
        ["coinbase"],
        [
            {"kind": "crash_cut_tail", "where": "node", "one_in": 80, "strength": 5},
            {"kind": "answer_late", "one_in": 2, "strength": 900},
        ],
    ),
    "no_answers": World(
        ["binance_spot"],
        [
            {"kind": "answer_lost", "one_in": 3},
            {"kind": "request_lost", "one_in": 5},
            {"kind": "lost_frame", "one_in": 4},
        ],
    ),
    "contracts": World(
        ["okx_swap"],
        [
            {"kind": "liquidation", "every_s": 4, "strength": 2},
            {"kind": "adl", "every_s": 4, "strength": 2},
            {"kind": "funding", "every_s": 3},
            {"kind": "hand_trade", "every_s": 5, "strength": 2},
            {"kind": "lost_frame", "one_in": 10},
        ],
    ),
    "funding": World(
        ["binance_usdm"],
        [
            {"kind": "funding", "every_s": 3},
            {"kind": "duplicate_frame", "one_in": 3, "strength": 500},
        ],
    ),
    "progress": World(
        ["coinbase"],
        [
            {"kind": "lost_frame", "one_in": 4},
            {"kind": "reorder_frame", "one_in": 3, "strength": 400},
            {"kind": "duplicate_frame", "one_in": 3, "strength": 2500},
        ],
    ),
    "no_answers_at_all": World(
        ["binance_spot"],
        [{"kind": "answer_lost", "one_in": 2}, {"kind": "lost_frame", "one_in": 2}],
    ),
    # Healed for a few seconds only: what the next schedule would mend is not yet mended.
    "failed_reads": World(
        ["binance_spot"],
        [{"kind": "answer_lost", "one_in": 2}, {"kind": "lost_frame", "one_in": 3}],
        {"heal_s": 12},
    ),
    # What failed to be read is not read by its schedule before long.
    "seldom_read": World(
        [{"dialect": "okx_swap", "statement_period_ms": 20_000, "backfill_period_ms": 20_000}],
        [{"kind": "answer_lost", "one_in": 2}],
        {"duration_s": 120, "short_s": 120},
    ),
    "overtaken": World(
        ["binance_spot"],
        [
            {"kind": "reorder_frame", "one_in": 2, "strength": 1500},
            {"kind": "slow_request", "one_in": 3, "strength": 1500},
        ],
        {"heal_s": 10},
    ),
    # It comes up again and asks while its orders of before are still on their way.
    "killed_while_slow": World(
        ["binance_spot"],
        [
            {"kind": "slow_request", "one_in": 2, "strength": 1500},
            {"kind": "crash", "where": "node", "one_in": 150, "strength": 50},
        ],
    ),
    # Slower than a request is good for: the venue must not take it.
    "too_slow": World(
        ["binance_spot"],
        [
            {"kind": "slow_request", "one_in": 4, "strength": 6000},
            {"kind": "crash", "where": "node", "one_in": 200, "strength": 50},
        ],
    ),
    "killed_at_the_end": World(
        ["binance_spot"],
        [{"kind": "crash", "where": "node", "from_s": 4.6, "one_in": 40, "strength": 100}],
        {
            "duration_s": 5,
            "heal_s": 4.6,
            "strategies": [
                {"kind": "maker", "name": "mm", "tick_ms": 250},
                {"kind": "taker", "name": "tk", "tick_ms": 250, "options": {"one_in": 1}},
            ],
        },
    ),
    # Our books move many times within a second: a statement is of a moment that is gone.
    "busy": World(
        [{"dialect": "binance_spot", "market_wait_ms": 40}],
        [{"kind": "bust", "every_s": 4, "strength": 9000}],
        {
            "strategies": [
                {"kind": "maker", "name": "mm", "tick_ms": 300, "options": {"lots_max": 2000}},
                {
                    "kind": "taker",
                    "name": "tk",
                    "tick_ms": 100,
                    "options": {"one_in": 1, "lots_max": 2000},
                },
            ],
        },
    ),
    # Hundreds of trades of which nothing can be read until the world heals: eight pages and more.
    "long_record": World(
        [{"dialect": "okx_swap", "instruments": [BTC_SWAP]}],
        [
            {"kind": "hand_trade_untold", "every_s": 0.03, "strength": 1},
            {"kind": "rate_limited", "from_s": 2, "strength": 500},
        ],
        {"duration_s": 15, "heal_s": 1, "strategies": []},
    ),
    "restated": World(
        ["okx_swap"],
        [
            {"kind": "multiplier_change", "every_s": 6, "strength": 3000},
            {"kind": "lost_frame", "one_in": 5},
            {"kind": "bust", "every_s": 3, "strength": 4000},
            {"kind": "crash", "where": "node", "one_in": 800, "strength": 1000},
        ],
    ),
    # Half of all fills are told late, and some of them after their contracts changed.
    "restated_late": World(
        ["okx_swap"],
        [
            {"kind": "multiplier_change", "every_s": 6, "strength": 3000},
            {"kind": "lost_frame", "one_in": 2},
        ],
    ),
    "stale": World(
        ["binance_usdm"],
        [
            {"kind": "stale_statement", "one_in": 3, "strength": 4000},
            {"kind": "bust", "every_s": 3, "strength": 7000},
        ],
    ),
    "silent_sockets": World(
        ["binance_spot"],
        [
            {"kind": "half_open", "one_in": 60, "strength": 40000},
            {"kind": "key_expired", "every_s": 20},
        ],
    ),
    # Three times the same in a row: a fourth would be believed.
    "lies_in_a_row": World(
        ["binance_spot"],
        [
            {"kind": "wild_statement", "one_in": 6, "strength": 3},
            {"kind": "empty_statement", "one_in": 6, "strength": 3},
        ],
    ),
    "strangers": World(
        ["binance_spot"],
        [
            {"kind": "hand_trade_untold", "every_s": 2, "strength": 2},
            {"kind": "answer_lost", "one_in": 2},
        ],
        {"heal_s": 40},
    ),
    "contradictions": World(
        ["binance_spot"],
        [{"kind": "contradiction", "one_in": 8}],
        {"operators": [{"author": "ann", "approver": "ben", "after_s": 5}]},
    ),
    "self_trades": World(
        [{"dialect": "binance_spot", "self_trade": "none"}],
        [{"kind": "lost_frame", "one_in": 5}],
        {
            "strategies": [
                {"kind": "maker", "name": "mm", "tick_ms": 500, "options": {"ticks": 0}},
                {"kind": "taker", "name": "tk", "tick_ms": 300, "options": {"one_in": 1}},
            ],
        },
    ),
    "exits_under_way": World(
        ["okx_swap"],
        [{"kind": "bust", "every_s": 5, "strength": 15000}],
        {"duration_s": 120, "short_s": 120},
    ),
    "little_memory": World(
        ["binance_spot", "coinbase"],
        [
            {"kind": "duplicate_frame", "one_in": 3, "strength": 9000},
            {"kind": "fill_after_cancel", "one_in": 4, "strength": 4},
            {"kind": "bust", "every_s": 5, "strength": 9000},
            {"kind": "lost_frame", "one_in": 6},
        ],
        {"memory": {"ids": 6, "orders": 2, "progress": 2}},
    ),
    "exits": World(
        ["binance_usdm"],
        [{"kind": "bust", "every_s": 10, "strength": 15000}],
        {
            "duration_s": 60,
            "claims": [{"claim": GATE, "figure": "counts.refused/BREAK_OPEN", "at_least": 1}],
        },
    ),
}


@cache
def world(name: str) -> Scenario:
    """A world of the table above, or a scenario of the catalogue."""
    if name not in WORLDS:
        return find(name)
    venues, faults, rest = WORLDS[name]
    hedged = venues == ["okx_swap"]
    fields = {
        "name": name,
        "claim": "rough enough to show a bug",
        "duration_s": 40,
        "heal_s": 30,
        "venues": venues,
        "strategies": [
            {"kind": "maker", "name": "mm", "options": {"hedged": hedged}},
            {"kind": "taker", "name": "tk", "options": {"hedged": hedged, "one_in": 1}},
        ],
        "faults": faults,
    }
    return check(fields | (rest or {}), "test_planted_bugs")


# --- the bugs ------------------------------------------------------------------------------------

RE_SENT = (
    "PlaceOrder(account=order.account, client_order_id=order.client_order_id + '9',"
    " instrument=order.instrument, side=order.side, quantity=order.quantity, kind=order.kind,"
    " price=order.price, leg=order.leg, reduce_only=order.reduce_only),"
)

BUGS = (
    Bug(
        "an order is given up before its request can have failed",
        "core.trading:on_order_missing",
        "if event.asked_at - order.requested_at < grace_ns(account):",
        "if False:",
        "killed_while_slow",
        range(1),
        GIVEN_UP,
    ),
    Bug(
        "an order is given up while its venue may take it yet",
        "core.trading:on_order_missing",
        "if event.asked_at - order.requested_at < grace_ns(account):",
        "if False:",
        "killed_while_slow",
        range(1),
        EARLY,
    ),
    Bug(
        "an answer that was long on its way proves that an order never arrived",
        "core.trading:on_order_missing",
        "if event.asked_at - order.requested_at < grace_ns(account):",
        "if event.received_at - order.requested_at < grace_ns(account):",
        "killed_while_slow",
        range(1),
        EARLY,
    ),
    Bug(
        "an answer that was long on its way proves as much, and nobody is killed",
        "core.trading:on_order_missing",
        "if event.asked_at - order.requested_at < grace_ns(account):",
        "if event.received_at - order.requested_at < grace_ns(account):",
        "late_answers",
        range(1),
        EARLY,
    ),
    Bug(
        "a timeout is a rejection",
        "core.trading:on_order_alarm",
        'if _move(state, order, "unknown"):',
        'if _move(state, order, "rejected"):\n        return [_tell(order)]\n    if False:',
        "killed_while_slow",
        range(1),
        UNSAID,
    ),
    Bug(
        "a request that never ends",
        "core.trading:_expires_at",
        "event.received_at + account.request_validity_ns",
        "0",
        "too_slow",
        range(1),
        GIVEN_UP,
    ),
    # those of the issue
    Bug(
        "no dedup",
        "core.books:book_fill",
        "known = account.seen.get(key)",
        "known = None",
        "twice_told",
        range(2),
        HOLDINGS,
    ),
    Bug(
        "key without instrument",
        "core.books:book_fill",
        """known = account.seen.get(key)
    if known is not None:
        if event.fee""",
        """short = f"{event.fill_id}:{event.side}"
    if short in account.seen:
        return "echo"
    known = account.seen.get(short)
    account.seen[short] = content
    if known is not None:
        if event.fee""",
        "twice_told",
        range(2),
        HOLDINGS,
    ),
    Bug(
        "cumulative read as delta",
        "core.books:book_progress",
        "event.quantity - done.quantity, ",
        "event.quantity, ",
        "coinbase_weather",
        range(2),
        HOLDINGS,
    ),
    Bug(
        "dropped multiplier",
        "core.books:contracts_value",
        "worth = quantity * multiplier * price",
        "worth = quantity * TEN_TO[QUANTITY_DECIMALS] * price",
        "okx_swap_weather",
        range(2),
        MONEY,
    ),
    Bug(
        "third-asset fee ignored",
        "core.books:fill_postings",
        "if event.fee:",
        "if event.fee and event.fee_asset in (listing.base, listing.quote, listing.settle):",
        "spot_weather",
        range(2),
        MONEY,
    ),
    Bug(
        "bust ignored",
        "core.step:_on_bust",
        "booked = _try(books.book_bust, state, account, event, strategy)",
        'booked = "echo"',
        "busts_told_late",
        range(2),
        OPEN,
    ),
    Bug(
        "statement compared at now instead of its as-of",
        "core.reconcile:judge",
        "figures = at(state, reading.holding, reading.lo, reading.hi, reading.sequence)",
        "figures = [state.holdings.get(reading.holding, 0)]",
        "busy",
        range(2),
        SILENT,
    ),
    Bug(
        "effects before fsync",
        "core.node:Node.commit",
        "last = self.journal.commit()",
        "last = self.journal.commit() if self.journal.next_number % 3 else 0",
        "kills",
        range(3, 4),
        UNJOURNALED,
    ),
    # of our own
    Bug(
        "an echo is taken for a contradiction",
        "core.books:book_fill",
        """if _same(known, content):
            return "echo\"""",
        """if _same(known, content):
            return "conflict\"""",
        "twice_told",
        range(1),
        FALSE_ALARM,
    ),
    Bug(
        "what is wrong is declared provisional",
        "core.books:fill_postings",
        "base = rescale(event.quantity, QUANTITY_DECIMALS, _decimals(state, listing.base))",
        """base = rescale(event.quantity, QUANTITY_DECIMALS, _decimals(state, listing.base)) + 1
        _doubt(state, f"{account.name}/{listing.base}/cash", 1)""",
        "twice_told",
        range(1),
        HOLDINGS,
    ),
    Bug(
        "statements that could not be had, three times, are never asked for again",
        "core.listening:on_statement_alarm",
        "*fetch_statements(account),",
        "*([] if max(account.unread.values(), default=0) > 2 else fetch_statements(account)),",
        "glitches",
        range(1),
        SLOW,
    ),
    Bug(
        "cumulative fee read as delta",
        "core.books:book_progress",
        "done.fee - event.fee",
        "-event.fee",
        "progress",
        range(2),
        MONEY,
    ),
    Bug(
        "cumulative value read as delta",
        "core.books:book_progress",
        "-sign * (value - done.value)",
        "-sign * value",
        "progress",
        range(2),
        HOLDINGS,
    ),
    Bug(
        "sign of a fee",
        "core.books:fill_postings",
        "event.fee_asset, -event.fee)",
        "event.fee_asset, event.fee)",
        "twice_told",
        range(1),
        MONEY,
    ),
    Bug(
        "realised profit not booked",
        "core.books:fill_postings",
        "if realised:",
        "if False:",
        "contracts",
        range(1),
        MONEY,
    ),
    Bug(
        "in a hedged account side taken for the sign of every leg",
        "core.books:fill_postings",
        "sign * event.quantity,",
        'event.quantity if event.leg == "short" else sign * event.quantity,',
        "contracts",
        range(1),
        HOLDINGS,
    ),
    Bug(
        "a bust is noted and not posted",
        "core.books:book_bust",
        "whole = _post_contracts(state, account, listing, undone, multiplier, event, strategy)",
        "whole = True",
        "busts_told_late",
        range(1),
        HOLDINGS,
    ),
    Bug(
        "a bust of a fill that was never told takes away what was never there",
        "core.books:book_bust",
        "post(state, lines + undone, event.occurred_at, event.sequence)",
        "post(state, undone, event.occurred_at, event.sequence)",
        "busts_of_untold_fills",
        range(1),
        HOLDINGS,
    ),
    Bug(
        "the id of a busted fill is forgotten",
        "core.books:book_bust",
        'return "booked" if whole',
        'del account.seen[fill_id]\n    return "booked" if whole',
        "busts_told_soon",
        range(2),
        HOLDINGS,
    ),
    Bug(
        "a fill that is told after its bust is booked",
        "core.books:book_bust",
        "    if fill is None:\n        account.seen[fill_id] = _content(event)\n",
        "    if fill is None:\n",
        "busts_overtake",
        range(1),
        MONEY,
    ),
    Bug(
        "funding booked at each telling",
        "core.books:_book_once",
        'return "echo" if known == content else "conflict"',
        "pass",
        "funding",
        range(2),
        MONEY,
    ),
    Bug(
        "forced closes are not ours",
        "core.step:_on_fill",
        'if account.tells == "progress":',
        'if event.cause in ("liquidation", "adl"):\n        return []\n'
        '    if account.tells == "progress":',
        "contracts",
        range(2),
        HOLDINGS,
    ),
    Bug(
        "trades made by hand are not ours",
        "core.step:_on_fill",
        'if account.tells == "progress":',
        'if order is None:\n        return []\n    if account.tells == "progress":',
        "contracts",
        range(2),
        OPEN,
    ),
    Bug(
        "the cursor follows the stream",
        "core.step:_on_fill",
        'if booked not in ("booked", "inexact"):',
        "account.cursors[event.instrument] = event.fill_id\n"
        '    if booked not in ("booked", "inexact"):',
        "lost_frames",
        range(1),
        HOLDINGS,
    ),
    Bug(
        "a suspect is a break at once",
        "core.reconcile:_differs",
        'count(state, f"suspects/{account.name}")',
        "return _break(state, account, state.suspects[name], now)",
        "lies",
        range(2),
        FALSE_ALARM,
    ),
    Bug(
        "every line agrees",
        "core.reconcile:judge",
        "if -doubt <= size <= doubt:",
        "if True:",
        "busts_told_late",
        range(1),
        SILENT,
    ),
    Bug(
        "sizes without a sign",
        "core.reconcile:judge",
        "size = reading.told - figures[-1]",
        "size = abs(reading.told - figures[-1])",
        "busts_told_late",
        range(1),
        SILENT,
    ),
    Bug(
        "statements are asked for at the start only",
        "core.listening:begin",
        'arm(state, f"statement/{account.name}", now + account.statement_period_ns),',
        "",
        "busts_told_late",
        range(1),
        SILENT,
    ),
    Bug(
        "recovery skips a record now and then",
        "core.node:recover",
        "step(state, decode_event(body), gate)",
        "if len(body) % 50:\n            step(state, decode_event(body), gate)",
        "kills",
        range(1),
        HOLDINGS,
    ),
    Bug(
        "absence in a statement is not read as zero",
        "core.reconcile:on_statement",
        "if event.complete:",
        "if False:",
        "exits_only",
        range(2),
        SILENT,
    ),
    Bug(
        "the gate is open whatever is broken",
        "core.gate:BreakGate.check",
        "if drift is not None and not self._is_exit(state, wish, listing, name):",
        "if False:",
        "exits",
        range(1),
        GATE,
    ),
    # once beyond what claims or worlds could see
    Bug(
        "an unknown order is sent again",
        "core.trading:on_order_alarm",
        "query(order), arm(",
        f"{RE_SENT} arm(",
        "no_answers",
        range(1),
        UNWISHED,
    ),
    Bug(
        "an echo counts as filled",
        "core.step:_on_fill",
        'if booked == "echo":\n        return []',
        'if booked == "echo":\n'
        "        return trading.on_filled(state, order, event.quantity, moves=True)",
        "twice_told",
        range(1),
        ORDERS,
    ),
    Bug(
        "a late report moves an order backwards",
        "core.orders:move",
        "if told not in MOVES[order.status]:",
        "if False:",
        "overtaken",
        range(1),
        ORDERS,
    ),
    Bug(
        "a late report moves an order backwards, for a while",
        "core.orders:move",
        "if told not in MOVES[order.status]:",
        "if False:",
        "overtaken",
        range(1),
        REVIVED,
    ),
    Bug(
        "a restart does not query what was in flight",
        "core.trading:after_restart",
        'effects += [query(order), arm(state, f"order/{order.client_order_id}", now + QUERY_NS)]',
        "pass",
        "killed_at_the_end",
        range(3, 4),
        ORDERS,
    ),
    Bug(
        "a restart begins with the ids of the last life",
        "core.step:_on_started",
        "event.node, event.epoch, 0",
        "event.node, 1, 0",
        "kills",
        range(1),
        TWICE,
    ),
    Bug(
        "after a cut the boot epoch is chosen again",
        "core.node:boot_epoch",
        "max(state.epoch, store.epoch) + 1",
        "state.epoch + 1",
        "boots_lost",
        range(1),
        ALIKE,
    ),
    Bug(
        "fills never find the strategy of their order",
        "core.trading:_placed_as",
        "attribute(state, account, order.order_id, orphan, order.strategy)",
        "pass",
        "no_answers_at_all",
        range(1),
        MONEY,
    ),
    Bug(
        "what an order filled before it was known for ours is told to nobody",
        "core.trading:_placed_as",
        "return _told_by_fills(state, order, moved)",
        "_told_by_fills(state, order, moved)\n    return []",
        "no_answers_at_all",
        range(1),
        UNTOLD,
    ),
    Bug(
        "what an order filled before it was known for ours is told twice",
        "core.trading:_placed_as",
        "return _told_by_fills(state, order, moved)",
        "return _told_by_fills(state, order, moved) * 2",
        "no_answers_at_all",
        range(1),
        UNTOLD,
    ),
    Bug(
        "a failed page is never asked for again",
        "core.listening:on_request_failed",
        "wait = max(event.retry_after_ns, RETRY_NS)",
        'if event.about.startswith("fills"):\n        return []\n'
        "    wait = max(event.retry_after_ns, RETRY_NS)",
        "failed_reads",
        range(1),
        ROUNDS,
    ),
    Bug(
        "a failed statement is never asked for again",
        "core.listening:on_request_failed",
        "wait = max(event.retry_after_ns, RETRY_NS)",
        'if event.about.startswith("balances"):\n        return []\n'
        "    wait = max(event.retry_after_ns, RETRY_NS)",
        "seldom_read",
        range(2),
        ROUNDS,
    ),
    Bug(
        "a failed listing of open orders is never asked for again",
        "core.listening:on_request_failed",
        "wait = max(event.retry_after_ns, RETRY_NS)",
        'if event.about.startswith("open_orders"):\n        return []\n'
        "    wait = max(event.retry_after_ns, RETRY_NS)",
        "seldom_read",
        range(2),
        ROUNDS,
    ),
    Bug(
        "a failed reading of terms is never asked for again",
        "core.listening:on_request_failed",
        "wait = max(event.retry_after_ns, RETRY_NS)",
        'if event.about.startswith("instruments:"):\n        return []\n'
        "    wait = max(event.retry_after_ns, RETRY_NS)",
        "seldom_read",
        range(2),
        ROUNDS,
    ),
    Bug(
        "doubt is only ever added",
        "core.books:book_progress",
        "doubt - done.doubt)",
        "doubt)",
        "progress",
        range(1),
        DOUBT,
    ),
    Bug(
        "a rebate is no fee",
        "core.books:fill_postings",
        "if event.fee:",
        "if event.fee > 0:",
        "contracts",
        range(1),
        HOLDINGS,
    ),
    Bug(
        "the next page is not asked for",
        "core.listening:on_page",
        "if event.more:",
        "if False:",
        "long_record",
        range(1),
        HOLDINGS,
    ),
    Bug(
        "the venue's list of open orders is not read",
        "core.trading:on_open_orders",
        "for order in held",
        "for order in ()",
        "failed_reads",
        range(3),
        ORDERS,
    ),
    # contracts that are restated
    Bug(
        "a fill counts the contracts of when it is told",
        "core.books:book_fill",
        "multiplier = multiplier_at(listing, event.occurred_at)",
        "pass",
        "restated_late",
        range(1),
        MONEY,
    ),
    Bug(
        "an announced change is booked when it is announced",
        "core.restatement:_on_dated",
        "if terms.effective_at <= event.received_at:\n        return",
        "if True:\n        return",
        "restated",
        range(2),
        SILENT,
    ),
    Bug(
        "a bust counts the contracts of when it is told",
        "core.books:book_bust",
        'multiplier = int((fill or "").partition(OF_CONTRACTS)[2] or listing.at_first)',
        "pass",
        "restated",
        range(1),
        HOLDINGS,
    ),
    Bug(
        "what is told late is not restated",
        "core.books:_counted",
        "since += [",
        "_ = [",
        "restated",
        range(1),
        HOLDINGS,
    ),
    # what is put away
    Bug(
        "a hot set that forgets without asking the disk",
        "core.node:Node._take",
        "if self.state.put_away:",
        "if False:",
        "little_memory",
        range(1),
        HOLDINGS,
    ),
    Bug(
        "what is put away is not written down",
        "core.memory:on_trimmed",
        'kept.append(_remember(account, "id", key, account.seen.pop(key)))',
        "del account.seen[key]",
        "little_memory",
        range(1),
        HOLDINGS,
    ),
    Bug(
        "only what is older than the first that was put away is asked after",
        "core.memory:on_trimmed",
        "max(account.put_away_until, _newest(state, account))",
        "account.put_away_until or _newest(state, account)",
        "little_memory",
        range(1),
        HOLDINGS,
    ),
    Bug(
        "progress that was put away begins anew",
        "core.memory:_progress",
        "return [identity.progress_key(event.order_id)]",
        "return []",
        "little_memory",
        range(1),
        HOLDINGS,
    ),
    Bug(
        "the venue's id of an order that was put away leads nowhere",
        "core.memory:_put_orders_away",
        'kept.append(_remember(account, "placed", identity.placed_key(order_id), name))',
        "pass",
        "little_memory",
        range(2, 3),
        MONEY,
    ),
    Bug(
        "an order that was put away is taken for one that the journal lost",
        "core.memory:_order",
        "if name:",
        "if isinstance(event, OrderReported):\n        return []\n    if name:",
        "little_memory",
        range(1),
        ORDERS,
    ),
    # once seen by no claim at all
    Bug(
        "an order is called over while its request is on its way",
        "core.trading:on_order_missing",
        "if event.asked_at - order.requested_at < grace_ns(account):",
        "if False:",
        "overtaken",
        range(2),
        OVER,
    ),
    Bug(
        "a cancel is asked for once and never pursued",
        "core.trading:cancel",
        "order.cancel_wanted = True",
        "pass",
        "no_answers",
        range(3),
        UNPURSUED,
    ),
    Bug(
        "strangers' fills are not asked after again",
        "core.trading:ask_for_orphans",
        "for order_id, known in account.orphans.items()",
        "for order_id, known in ()",
        "strangers",
        range(2),
        UNPLACED,
    ),
    Bug(
        "an absurd read need not insist",
        "core.reconcile:_implausible",
        "return ours > 0 and (reading.told == 0 or abs(reading.told) > 2 * ours)",
        "return False",
        "lies_in_a_row",
        range(2),
        FALSE_ALARM,
    ),
    Bug(
        "a break needs no back-fill before it",
        "core.reconcile:_differs",
        "if suspect.survived and fresh and (",
        "if fresh and (",
        "failed_reads",
        range(2),
        HASTY,
    ),
    Bug(
        "a stale statement closes a suspect",
        "core.reconcile:_agreed",
        "if drift is None or _older(reading, drift.reading):",
        "if drift is None:",
        "stale",
        range(2),
        FORGOTTEN,
    ),
    Bug(
        "a silent stream is not opened afresh",
        "core.listening:on_silence",
        "*open_stream(state, account, now),",
        "",
        "silent_sockets",
        range(2),
        DEAF,
    ),
    Bug(
        "same id and other content is an echo",
        "core.books:book_fill",
        'return "other_fee" if _same_but_fee(known, content) else "conflict"',
        'return "echo"',
        "contradictions",
        range(2),
        UNSHOWN,
    ),
    Bug(
        "the gate does not count the exits under way",
        "core.gate:BreakGate._is_exit",
        "return wish.quantity <= room",
        "return True",
        "exits_under_way",
        range(2),
        EXCESSIVE,
    ),
    Bug(
        "one fill of the two that bear one id",
        "core.books:book_fill",
        "event.fill_id, event.side)",
        'event.fill_id, "buy")',
        "self_trades",
        range(1),
        HOLDINGS,
    ),
    Bug(
        "an answer to a request keeps a dead stream alive",
        "core.reconcile:on_statement",
        "effects: list[Effect] = []",
        "effects: list[Effect] = []\n    account.heard_at = event.received_at",
        "silent_sockets",
        range(2),
        DEAF,
    ),
    Bug(
        "of contradictions only what opens a break is shown",
        "core.step:_strange",
        'if booked == "conflict" and isinstance(event, FillReported):',
        'if effects and booked == "conflict" and isinstance(event, FillReported):',
        "contradictions",
        range(2),
        UNSHOWN,
    ),
    # whose it is: holdings are right, and what each strategy holds of them is not
    Bug(
        "a contract belongs to nobody",
        "core.books:fill_postings",
        'f"{prefix}/position/{event.leg}",',
        'f"unattributed/{account.name}/{event.instrument}/position/{event.leg}",',
        "contracts",
        range(1),
        POSITIONS,
    ),
    Bug(
        "what was bought belongs to nobody",
        "core.books:fill_postings",
        '_cash(account, prefix, "trade", listing.base, sign * base)',
        '_cash(account, f"unattributed/{account.name}/{event.instrument}", "trade",'
        " listing.base, sign * base)",
        "twice_told",
        range(1),
        POSITIONS,
    ),
    Bug(
        "what is told by progress belongs to one strategy",
        "core.books:book_progress",
        '_cash(account, prefix, "trade", listing.base, sign * base)',
        '_cash(account, f"mm/{account.name}/{event.instrument}", "trade",'
        " listing.base, sign * base)",
        "progress",
        range(1),
        POSITIONS,
    ),
    Bug(
        "an exit is not marked as one",
        "venues.bybit_inverse.requests:_order",
        'params["reduceOnly"] = True',
        "pass",
        "kill_drill",
        range(2),
        MISMARKED,
    ),
    Bug(
        "an exit is not marked as one, elsewhere",
        "venues.binance_usdm.requests:_order",
        'params["reduceOnly"] = "true"',
        "pass",
        "flip_through_reduce_only",
        range(1),
        MISMARKED,
    ),
    Bug(
        "a fill bears the id of one of the former listing and is taken for its echo",
        "core.identity:fill_key",
        "{listing}",
        "1",
        "listed_anew",
        range(1),
        HOLDINGS,
    ),
    Bug(
        "what is listed anew is read on from the former listing's cursor",
        "core.listening:on_listed_anew",
        "account.cursors.pop(event.instrument, None)",
        "pass",
        "listed_anew",
        range(2, 3),
        HOLDINGS,
    ),
    Bug(
        "a cancel that was lost is not sent again once its order is partly filled",
        "core.trading:on_order_reported",
        'event.status in ("acknowledged", "partially_filled"):\n        if',
        'event.status == "acknowledged":\n        if',
        "partial_then_cancel",
        range(1),
        DROPPED,
    ),
    # what is told is no more than what happened, and no sooner
    Bug(
        "a round that began before the open orders were told counts as begun after them",
        "core.cut:on_open_orders",
        "reading.listed_at = event.received_at",
        "reading.listed_at = event.asked_at",
        "cut_while_read",
        range(1),
        READ_EARLY,
    ),
    Bug(
        "a listing counts though what was lost may come to life after it",
        "core.cut:on_open_orders",
        " or event.asked_at < reading.since",
        "",
        "cut_while_read",
        range(1),
        READ_EARLY,
    ),
    Bug(
        "a movement of cash that is told once more is the debit or credit of a later move",
        "core.step:_on_cash",
        'if move and booked == "booked" else []',
        'if move and booked != "conflict" else []',
        "storm_between_venues",
        range(4, 5),
        TOLD_EARLY,
    ),
)

WATCHED = {*CLAIMS.values(), *(bug.claim for bug in BUGS)}


# --- planting ------------------------------------------------------------------------------------


def failing(name: str, seeds: Sequence[int]) -> dict[str, str]:
    """Of the standard claims and those that bugs name, what fails on any seed, with its figure."""
    failed: dict[str, str] = {}
    for seed in seeds:
        outcome = run(world(name), seed, short=True, sampled=False)
        for each in outcome.claims:
            if not each.held and each.claim in WATCHED:
                failed[each.claim] = f"{each.figure} (seed {seed})"
    return failed


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_planted_bug_makes_its_claim_fail(bug: Bug, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, bug.function, bug.old, bug.new)
    failed: dict[str, str] = {}
    for seed in bug.seeds:
        failed |= failing(bug.scenario, range(seed, seed + 1))
        if bug.claim in failed:
            return
    pytest.fail(f"{bug.claim!r} held; what failed: {failed or 'nothing'}")


@pytest.mark.parametrize("name", sorted({bug.scenario for bug in BUGS}))
def test_without_a_bug_every_claim_holds_on_the_same_seeds(name: str) -> None:
    seeds = seeds_of(BUGS, name)
    assert failing(name, seeds) == {}


def test_a_bug_that_changes_nothing_would_be_noticed() -> None:
    """The text of a bug must be found exactly once, or the table has rotted."""
    with pytest.raises(LookupError, match="0 times"):
        planted(locate("core.books:book_fill"), "no such text", "")
