"""Small worlds of rails, rough enough to show a bug of settlement within seconds."""

from __future__ import annotations

from functools import cache
from typing import Any

from scenarios.model import Scenario, check, find

DAY = 86_400
WIRE = {"flow": "wire", "legs": [{"kind": "out", "asset": "USD", "scheme": "fedwire"}]}
ACH = {"flow": "ach", "legs": [{"kind": "out", "asset": "USD", "scheme": "fedach_credit_same_day"}]}
PULL = {"flow": "pull", "legs": [{"kind": "in", "asset": "USD", "scheme": "fedach_debit"}]}
ABROAD = {"flow": "abroad", "legs": [{"kind": "out", "asset": "USD", "scheme": "swift_gpi"}]}
FPS = {"flow": "fps", "legs": [{"kind": "out", "asset": "GBP", "scheme": "fps"}]}
SCT = {"flow": "sct", "legs": [{"kind": "out", "asset": "EUR", "scheme": "sepa_sct"}]}
INSTANT = {"flow": "instant", "legs": [{"kind": "out", "asset": "EUR", "scheme": "sct_inst"}]}
CUSTODY = {"flow": "custody", "legs": [{"kind": "out", "asset": "USDC", "scheme": "custodian"}]}
TOKEN = {"flow": "token", "legs": [{"kind": "out", "asset": "USDC", "scheme": "evm_usdc"}]}
COIN = {
    "flow": "coin",
    "legs": [{"kind": "out", "asset": "BTC", "scheme": "bitcoin", "rate": "0.0001"}],
}
ABROAD = {"flow": "abroad", "legs": [{"kind": "out", "asset": "USD", "scheme": "swift_gpi"}]}
PULL_FIRST = {"kind": "in", "asset": "USD", "scheme": "fedach_debit"}
BUY = {"kind": "exchange", "asset": "USD", "buys": "EUR", "buys_rate": "0.9"}
PAY_OUT = {"kind": "out", "asset": "EUR", "scheme": "sct_inst", "rate": "0.9"}
BANK = {"statement_period_s": 10800, "backfill_period_s": 10800}
CHAIN = {"name": "chain", "statement_period_s": 10800, "backfill_period_s": 1800}
BITCOIN = {"name": "bitcoin", "statement_period_s": 10800, "backfill_period_s": 1800}
US, EU = {"name": "bank_us", **BANK}, {"name": "bank_eu", **BANK}


def _of(rails: list[Any], flows: list[Any], *faults: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A world; what it says of customers, limits, release or the desk adds to what all have."""
    customers = {
        "count": 3,
        "balances": {"USD": "9000"},
        "every_s": 1800,
        "again_one_in": 8,
        "flows": [{"amount_max": 300, **flow} for flow in flows],
        **more.pop("customers", {}),
    }
    settling = {"rails": rails, "customers": customers}
    settling |= {name: more.pop(name) for name in ("limits", "release", "desk") if name in more}
    return {
        "claim": "rough enough to show a bug",
        "duration_s": DAY,
        "heal_s": 6 * DAY,
        "settling": settling,
        "faults": list(faults),
        **more,
    }


def _limit(scope: str, subject: str, amount: str, asset: str = "USD") -> dict[str, Any]:
    name = f"{scope} {subject} {asset}"
    return {"limit": name, "scope": scope, "subject": subject, "asset": asset, "amount": amount}


PEOPLE = {"release_s": 3600, "screen_s": 60, "hit_one_in": 3, "self_one_in": 2}
BOUND = _limit("release", "", "100")

WORLDS: dict[str, dict[str, Any]] = {
    "calm_wires": _of([US], [WIRE]),
    "forgetful": _of(
        [{"name": "custodian", **BANK}, EU],
        [CUSTODY, INSTANT],
        {"kind": "notice_twice", "one_in": 2, "strength": 60_000},
        {"kind": "payment_rejected", "one_in": 3},
        {"kind": "rejected_but_booked", "one_in": 2},
        customers={"balances": {"USDC": "9000", "EUR": "9000"}, "again_one_in": 3},
        memory={"ids": 10, "orders": 1, "progress": 1, "transfers": 0},
    ),
    "no_answers": _of(
        [US],
        [WIRE, ACH],
        {"kind": "answer_lost", "one_in": 3},
        {"kind": "request_lost", "one_in": 3},
        {"kind": "notice_twice", "one_in": 3, "strength": 30_000},
    ),
    "unanswered": _of(
        [US, EU],
        [WIRE, INSTANT, SCT],
        {"kind": "payment_unanswered", "one_in": 2, "strength": 3_600_000},
        {"kind": "payment_late", "one_in": 3, "strength": 7_200_000},
        {"kind": "payment_rejected", "one_in": 3},
        customers={"balances": {"USD": "9000", "EUR": "9000"}},
    ),
    "killed": _of(
        [US, CHAIN],
        [WIRE, ACH, TOKEN],
        {"kind": "crash", "where": "node", "one_in": 120, "strength": 60_000},
        {"kind": "crash_torn_tail", "where": "node", "one_in": 120, "strength": 60_000},
        {"kind": "answer_lost", "one_in": 4},
        customers={"balances": {"USD": "9000", "USDC": "9000"}},
    ),
    "ids_forgotten": _of(
        [US],
        [WIRE, ACH],
        {"kind": "crash", "where": "node", "one_in": 60, "strength": 2000},
        {"kind": "crash_torn_tail", "where": "node", "one_in": 60, "strength": 2000},
        {"kind": "answer_lost", "one_in": 3},
        {"kind": "id_forgotten", "one_in": 1},
        {"kind": "payment_denied", "one_in": 1, "strength": 14_400_000},
    ),
    "overtaken": _of(
        [{"name": "bank_gb", **BANK}],
        [FPS],
        {"kind": "slow_request", "one_in": 2, "strength": 19_000},
        {"kind": "id_forgotten", "one_in": 1},
        customers={"balances": {"GBP": "9000"}},
    ),
    "dishonoured": _of(
        [US],
        [ACH],
        {"kind": "payment_returned", "one_in": 1},
        {"kind": "return_dishonoured", "one_in": 1},
        {"kind": "notice_disorder", "one_in": 2, "strength": 3_600_000},
        customers={"every_s": 14_400},
        duration_s=10 * DAY,
        heal_s=14 * DAY,
    ),
    "dishonoured_unsaid": _of(
        [US],
        [ACH],
        {"kind": "payment_returned", "one_in": 1},
        {"kind": "return_dishonoured", "one_in": 1},
        {"kind": "lost_frame", "one_in": 2},
        {"kind": "document_unreadable", "one_in": 2, "strength": 172_800_000},
        operators=[{"author": "ann", "approver": "ben", "after_s": 400_000, "desk": True}],
        customers={"every_s": 14_400},
        duration_s=10 * DAY,
        heal_s=14 * DAY,
    ),
    "booked_in_error": _of(
        [US],
        [ACH],
        {"kind": "payment_rejected", "one_in": 2},
        {"kind": "rejected_but_booked", "one_in": 1},
        {"kind": "refusal_muted", "one_in": 1, "strength": 400_000_000},
        claims=[
            {"claim": "booked", "figure": "settlement.items.after_the_end", "at_least": 1},
            {"claim": "left", "figure": "settlement.open.after_the_end", "equals": 0},
        ],
        heal_s=14 * DAY,
    ),
    "muted": _of(
        [US],
        [ACH],
        {"kind": "payment_rejected", "one_in": 2},
        {"kind": "refusal_muted", "one_in": 1, "strength": 400_000_000},
        heal_s=14 * DAY,
    ),
    "returns": _of(
        [US],
        [ACH, PULL],
        {"kind": "payment_returned", "one_in": 2},
        {"kind": "return_dishonoured", "one_in": 3},
        {"kind": "notice_twice", "one_in": 2, "strength": 30_000},
        heal_s=70 * DAY,
    ),
    "given_back": _of(
        [US],
        [WIRE, ABROAD],
        {"kind": "payment_returned", "one_in": 2},
        heal_s=20 * DAY,
    ),
    "recalls": _of(
        [US, {**EU, "outsiders_every_s": 10_000}],
        [WIRE, ACH, SCT],
        {"kind": "recalled", "one_in": 2},
        {"kind": "credit_unreferenced", "where": "bank_eu", "every_s": 60_000, "strength": 9000},
        {"kind": "request_lost", "one_in": 3},
        {"kind": "answer_lost", "one_in": 3},
        {"kind": "crash", "where": "node", "one_in": 300, "strength": 60_000},
        release={"recall_one_in": 2},
        customers={"balances": {"USD": "9000", "EUR": "9000"}, "every_s": 10_000},
        duration_s=8 * DAY,
        heal_s=16 * DAY,
    ),
    "asked_back": _of(
        [US],
        [ACH],
        {"kind": "line_twice", "one_in": 2},
        release={"recall_one_in": 2},
        heal_s=14 * DAY,
    ),
    "reversed": _of(
        [{**US, "outsiders_every_s": 8000}, {**EU, "outsiders_every_s": 8000}],
        [WIRE, INSTANT],
        {"kind": "deposit_reversed", "one_in": 2},
        {"kind": "lost_frame", "one_in": 4},
        {"kind": "notice_disorder", "one_in": 3, "strength": 600_000},
        {"kind": "credit_unreferenced", "every_s": 20_000, "strength": 5000},
        {"kind": "lines_identical", "one_in": 4},
        {"kind": "amount_wrong", "one_in": 4, "strength": 700},
        {"kind": "crash", "where": "node", "one_in": 300, "strength": 60_000},
        limits=[_limit("customer", "*", "4000")],
        release={"resolve_s": DAY},
        customers={"balances": {"USD": "9000", "EUR": "9000"}, "every_s": 4000},
        duration_s=4 * DAY,
        heal_s=20 * DAY,
    ),
    "reversed_twice": _of(
        [{**US, "outsiders_every_s": 8000}],
        [WIRE],
        {"kind": "reversed_twice", "one_in": 2},
        {"kind": "notice_disorder", "one_in": 3, "strength": 600_000},
        operators=[{"author": "ann", "approver": "ben", "after_s": 20_000, "desk": True}],
        duration_s=2 * DAY,
        heal_s=12 * DAY,
    ),
    "two_out": _of(
        [US],
        [{"flow": "two", "legs": [*ACH["legs"], *WIRE["legs"]]}],
        customers={"balances": {"USD": "700"}, "every_s": 7200},
        heal_s=8 * DAY,
    ),
    "drawn": _of(
        [{**US, "outsiders_every_s": 8000, "outsiders_amount_max": "900"}, EU],
        [{"flow": "now", "amount_max": 600, "legs": [BUY]}],
        {"kind": "deposit_reversed", "one_in": 1},
        limits=[
            _limit("customer", "*", "800"),
            _limit("asset", "", "1500"),
            _limit("rail", "received_usd", "1200"),
        ],
        customers={"balances": {"USD": "50", "EUR": "100"}, "every_s": 2000},
        duration_s=3 * DAY,
        heal_s=20 * DAY,
    ),
    "lines": _of(
        [{**US, "outsiders_every_s": 20_000}],
        [WIRE, ACH],
        {"kind": "fee_deducted", "one_in": 2, "strength": 50},
        {"kind": "amount_wrong", "one_in": 3, "strength": 500},
        {"kind": "lines_identical", "one_in": 3},
        {"kind": "lines_batched", "one_in": 1},
        {"kind": "credit_unreferenced", "every_s": 20_000, "strength": 5000},
        {"kind": "interest_credited", "every_s": 40_000, "strength": 300},
        {"kind": "debit_unannounced", "every_s": 40_000, "strength": 500},
        release={"resolve_s": DAY},
    ),
    "abroad": _of(
        [US],
        [ABROAD],
        {"kind": "fee_deducted", "one_in": 2, "strength": 50},
        {"kind": "amount_wrong", "one_in": 2, "strength": 500},
        heal_s=12 * DAY,
    ),
    "back_from_abroad": _of(
        [US],
        [ABROAD],
        {"kind": "payment_returned", "one_in": 1},
        {"kind": "amount_wrong", "one_in": 1, "strength": 500},
        heal_s=20 * DAY,
    ),
    "strays": _of(
        [{**US, "outsiders_every_s": 20_000}, EU],
        [WIRE, PULL, INSTANT],
        {"kind": "line_twice", "one_in": 3},
        {"kind": "credit_unreferenced", "every_s": 9000, "strength": 30_000},
        {"kind": "payment_rejected", "one_in": 2},
        customers={"balances": {"USD": "9000", "EUR": "9000"}},
        operators=[{"author": "ann", "approver": "ben", "after_s": 20_000, "desk": True}],
        limits=[BOUND],
        release={"screen_s": 30_000, "hit_one_in": 4},
        duration_s=6 * DAY,
        heal_s=12 * DAY,
    ),
    "unread": _of(
        [US, EU],
        [ACH, SCT],
        {"kind": "document_unreadable", "one_in": 4, "strength": 200_000_000},
        {"kind": "statement_gap", "one_in": 3},
        {"kind": "statement_untied", "one_in": 1, "strength": 60_000_000},
        {"kind": "payment_returned", "one_in": 2},
        {"kind": "return_unnamed", "one_in": 2},
        {"kind": "lost_frame", "one_in": 3},
        customers={"balances": {"USD": "9000", "EUR": "9000"}},
        operators=[{"author": "ann", "approver": "ben", "after_s": 40_000, "desk": True}],
        claims=[
            {"claim": f"{what} {cause}", "figure": f"settlement.{what}.{cause}", **bound}
            for cause in ("unreadable", "statement_gap", "statement_untied", "unmatched_return")
            for what, bound in (
                ("items", {"at_least": 1}),
                ("open", {"equals": 0}),
            )
        ],
        duration_s=9 * DAY,
        heal_s=14 * DAY,
    ),
    "stolen": _of(
        [CHAIN],
        [TOKEN],
        {"kind": "nonce_taken", "one_in": 4, "strength": 1000},
        customers={"balances": {"USDC": "9000"}},
        operators=[{"author": "ann", "approver": "ben", "after_s": 40_000, "desk": True}],
        claims=[
            {"claim": "nonces taken", "figure": "settlement.items.nonce_taken", "at_least": 1},
            {"claim": "left", "figure": "settlement.open.nonce_taken", "equals": 0},
            {"claim": "unspent", "figure": "settlement.open.unknown_debit", "equals": 0},
        ],
        duration_s=DAY // 2,
        heal_s=3 * DAY,
    ),
    "batches": _of(
        [US],
        [ACH, PULL],
        {"kind": "lines_batched", "one_in": 1},
        {"kind": "batch_wrong", "one_in": 2, "strength": 500},
        {"kind": "notice_disorder", "one_in": 4, "strength": 600_000},
        {"kind": "lost_frame", "one_in": 6},
        release={"resolve_s": DAY},
    ),
    "batches_by_statement": _of(
        [US],
        [ACH],
        {"kind": "lines_batched", "one_in": 1},
        {"kind": "lost_frame", "one_in": 2},
        {"kind": "document_unreadable", "one_in": 1, "strength": 200_000_000},
        duration_s=6 * DAY,
        heal_s=10 * DAY,
    ),
    "strangers": _of(
        [US],
        [WIRE, ACH, PULL],
        {"kind": "line_alike", "one_in": 2},
        release={"resolve_s": 3 * DAY},
    ),
    "rejected": _of(
        [US],
        [WIRE, ACH, PULL],
        {"kind": "payment_rejected", "one_in": 2},
        limits=[_limit("customer", "*", "900"), _limit("rail", "fedach_debit", "600")],
        customers={"balances": {"USD": "2000"}},
    ),
    "corrected": _of(
        [US],
        [ACH, PULL],
        {"kind": "change_notified", "one_in": 1},
        claims=[
            {"claim": "none goes there", "figure": "settlement.to_old_details", "equals": 0},
            {"claim": "refused", "figure": "counts.refused/DETAILS_CORRECTED", "at_least": 2},
        ],
        customers={"every_s": 7200},
        duration_s=8 * DAY,
        heal_s=14 * DAY,
    ),
    "limits": _of(
        [US],
        [ACH, PULL],
        limits=[_limit("customer", "*", "900"), _limit("rail", "fedach_debit", "600")],
    ),
    "limits_held": _of(
        [US],
        [WIRE],
        limits=[BOUND, _limit("customer", "*", "500"), _limit("asset", "", "900")],
        release={**PEOPLE, "release_s": 14_400, "hit_one_in": 0},
        customers={"every_s": 900},
    ),
    "people": _of(
        [US],
        [WIRE],
        limits=[BOUND],
        release=PEOPLE,
        customers={"cancel_one_in": 4, "wrong_one_in": 6},
    ),
    "people_killed": _of(
        [US],
        [WIRE],
        {"kind": "crash", "where": "node", "one_in": 150, "strength": 2000},
        {"kind": "crash_torn_tail", "where": "node", "one_in": 150, "strength": 2000},
        limits=[BOUND],
        release={**PEOPLE, "screen_s": 600},
        customers={"balances": {"USD": "90000"}, "every_s": 300},
    ),
    "poor": _of([US], [WIRE], customers={"balances": {"USD": "500"}}),
    "cancels": _of([US], [WIRE, ACH], customers={"cancel_one_in": 2, "every_s": 1200}),
    "custody": _of(
        ["custodian"],
        [CUSTODY],
        {"kind": "completed_but_failed", "one_in": 3},
        {"kind": "webhook_forged", "one_in": 2},
        {"kind": "approval_hangs", "one_in": 4, "strength": 9_000_000},
        {"kind": "custody_failed", "one_in": 5},
        customers={"balances": {"USDC": "9000"}},
    ),
    "mempool": _of(
        [CHAIN],
        [TOKEN],
        {"kind": "tx_underpriced", "every_s": 7000, "strength": 1_800_000},
        {"kind": "tx_dropped", "one_in": 4},
        {"kind": "crash", "where": "node", "one_in": 500, "strength": 2000},
        customers={"balances": {"USDC": "9000"}, "every_s": 1200},
        duration_s=DAY // 2,
        heal_s=DAY,
    ),
    "reorgs": _of(
        [CHAIN],
        [TOKEN],
        {"kind": "reorg", "every_s": 1500, "strength": 20},
        {"kind": "deposit", "every_s": 6000, "strength": 700_000},
        {"kind": "deposit_vanishes", "every_s": 4000, "strength": 700_000},
        {"kind": "node_lies", "one_in": 4},
        {"kind": "node_lags", "one_in": 4, "strength": 1_200_000},
        {"kind": "tx_reverted", "one_in": 5},
        customers={"balances": {"USDC": "9000"}, "every_s": 1200},
        duration_s=DAY // 2,
        heal_s=DAY,
    ),
    "undone": _of(
        [US, EU],
        [
            {
                "flow": "there_and_back",
                "legs": [
                    {**PULL_FIRST, "undo_scheme": "fedwire"},
                    {**BUY, "valid_s": DAY},
                    PAY_OUT,
                ],
            },
            {
                "flow": "turned_away",
                "legs": [
                    {**PULL_FIRST, "undo_scheme": "fedwire"},
                    {**BUY, "valid_s": 100 * DAY},
                    PAY_OUT,
                ],
            },
        ],
        {"kind": "payment_rejected", "where": "bank_eu", "one_in": 2},
        customers={"balances": {"USD": "900", "EUR": "100"}, "every_s": 3600},
        heal_s=80 * DAY,
    ),
    "split": _of(
        [CHAIN],
        [TOKEN],
        {"kind": "nodes_split", "every_s": 7000, "strength": 3_600_000},
        {"kind": "deposit", "every_s": 6000, "strength": 700_000},
        customers={"balances": {"USDC": "9000"}, "every_s": 1200},
        duration_s=DAY // 2,
        heal_s=DAY,
    ),
    "outlived": _of(
        [{**CHAIN, "backfill_period_s": 10}],
        [TOKEN],
        {"kind": "answer_outlived", "one_in": 1, "strength": 8000},
        customers={"balances": {"USDC": "9000"}, "every_s": 60},
        duration_s=7200,
        heal_s=DAY // 4,
    ),
    "dropped": _of(
        [CHAIN],
        [TOKEN],
        {"kind": "tx_dropped", "one_in": 3},
        customers={"balances": {"USDC": "9000"}, "every_s": 2400},
        duration_s=DAY // 4,
        heal_s=DAY // 4,
    ),
    "reorged_out": _of(
        [CHAIN, BITCOIN],
        [TOKEN, COIN],
        {"kind": "tx_reorged_out", "one_in": 2, "strength": 12},
        customers={"balances": {"USDC": "9000", "BTC": "1"}, "every_s": 2400},
        duration_s=DAY // 4,
        heal_s=DAY // 2,
    ),
    "unfunded": _of(
        [CHAIN],
        [TOKEN],
        {"kind": "tx_unfunded", "one_in": 4, "strength": 1_800_000},
        customers={"balances": {"USDC": "9000"}, "every_s": 2400},
        duration_s=DAY // 4,
        heal_s=DAY // 4,
    ),
    "refused_bytes": _of(
        [CHAIN],
        [TOKEN, {**TOKEN, "flow": "at_once", "at_s": "0.001"}],
        {"kind": "tx_unfunded", "one_in": 8, "strength": 1_800_000},
        {"kind": "tx_invalid", "one_in": 3},
        {"kind": "answer_lost", "one_in": 6},
        {"kind": "crash", "where": "node", "one_in": 300, "strength": 2000},
        customers={"balances": {"USDC": "9000"}, "every_s": 2400},
        duration_s=DAY // 2,
        heal_s=DAY // 4,
    ),
    "coins": _of(
        [BITCOIN],
        [COIN],
        {"kind": "reorg", "every_s": 3000, "strength": 2},
        {"kind": "tx_underpriced", "every_s": 7000, "strength": 1_800_000},
        {"kind": "crash", "where": "node", "one_in": 500, "strength": 2000},
        customers={"balances": {"BTC": "1"}, "every_s": 300},
        duration_s=DAY // 4,
        heal_s=DAY,
    ),
    "coins_and_dust": _of(
        [BITCOIN],
        [COIN],
        customers={
            "balances": {"BTC": "1"},
            "every_s": 1200,
            "wrong_one_in": 3,
            "wrong_kinds": ["dust"],
        },
        duration_s=DAY // 4,
        heal_s=DAY,
    ),
    "coins_of_many": _of(
        [BITCOIN],
        [{"flow": "large", "legs": [{**COIN["legs"][0], "rate": "0.01"}], "amount_min": 20}],
        customers={"balances": {"BTC": "9"}, "every_s": 7200},
        duration_s=DAY // 2,
        heal_s=2 * DAY,
    ),
    "coins_in_turn": _of(
        [US, BITCOIN],
        [{"flow": "pulled_first", "legs": [PULL_FIRST, *COIN["legs"]]}],
        {"kind": "slow_request", "where": "bank_us", "one_in": 2, "strength": 200},
        customers={"balances": {"USD": "9000", "BTC": "1"}, "every_s": 7200},
        heal_s=8 * DAY,
    ),
    "positions": _of(
        [US, EU],
        [
            {"flow": "now", "legs": [BUY]},
            {"flow": "later", "legs": [PULL_FIRST, {**BUY, "valid_s": 100 * DAY}]},
        ],
        customers={"balances": {"USD": "9000", "EUR": "100"}},
        limits=[_limit("position", "", "400", "EUR")],
        desk={"cover_s": 14_400},
        heal_s=12 * DAY,
    ),
    "legs": _of(
        [US, EU],
        [
            {
                "flow": "through",
                "legs": [
                    {**PULL_FIRST, "waits_for": "irrevocable"},
                    {**BUY, "valid_s": 100 * DAY},
                    PAY_OUT,
                ],
            },
            {
                "flow": "stale",
                "legs": [
                    {**PULL_FIRST, "undo_scheme": "fedwire"},
                    {**BUY, "valid_s": DAY},
                    PAY_OUT,
                ],
            },
        ],
        {"kind": "payment_rejected", "one_in": 4},
        {"kind": "payment_returned", "one_in": 4},
        customers={"balances": {"USD": "100", "EUR": "100"}, "every_s": 7200},
        limits=[_limit("rail", "fedwire", "250")],
        heal_s=80 * DAY,
    ),
}

WORLDS["strays_limited"] = {
    **WORLDS["strays"],
    "settling": {
        **WORLDS["strays"]["settling"],
        "limits": [_limit("asset", "", "700"), _limit("asset", "", "700", "EUR")],
    },
}
WORLDS["unread_mended"] = {
    **{name: said for name, said in WORLDS["unread"].items() if name != "operators"},
    "faults": [
        {**fault, "strength": min(fault.get("strength", 0), 60_000_000)}
        for fault in WORLDS["unread"]["faults"]
        if fault["kind"] != "return_unnamed"
    ],
    "claims": [
        claim for claim in WORLDS["unread"]["claims"] if "unmatched_return" not in claim["claim"]
    ],
}


@cache
def world(name: str) -> Scenario:
    """A world of the table above, or a scenario of the catalogue."""
    if name not in WORLDS:
        return find(name)
    return check({"name": name, **WORLDS[name]}, "rail_worlds")
