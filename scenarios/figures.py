"""What a claim may be about: every number of `summary.json`, by its dotted path.

Rule. A name that is not here is refused, or a claim that it equals 0 would hold for ever. ACCOUNT,
SCHEME, STRATEGY and TOKEN stand for those of the scenario; a count that was never made is 0.
"""

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import get_args, get_type_hints

from core.books import Booked
from core.events import Cause
from core.rail_effects import TellCustomer
from core.rail_events import ResolvableCause
from core.refusals import RULES
from core.reservations import (
    CROWDED,
    GROUP_CAP,
    HOLDER_CAP,
    HOLDERS_CAP,
    LOCKED,
    SUPPLY_CAP,
    UNFUNDED,
)
from core.settlement_state import ItemCause, LegStatus
from core.token_state import AuthorizationStatus
from risk.codes import TABLE
from scenarios.lifecycles import moves
from sim.faults import KINDS as FAULTS
from tokens.policy import RULES as TOKEN_RULES

ANSWERS = get_args(get_type_hints(TellCustomer)["status"])

# Why an order or a transfer is refused: by the first gate and the strategies' rules, by a kill, by
# the hot gate, by the rules of settlement.
REFUSALS = (
    *(
        "UNKNOWN_ACCOUNT",
        "UNKNOWN_INSTRUMENT",
        "BAD_ORDER",
        "BREAK_OPEN",
        "READING_BACK",
        "GATE_FAILED",
    ),
    *("NOT_A_STRATEGY", "KILLED", "STRATEGY_DISABLED", "STALE_REFERENCE", "REDUCE_ONLY"),
    *("NOT_AN_EXIT", "GATE_FENCED", "BAD_TICKET", "LEASE_OVERSPENT", "NO_LIMIT"),
    *("UNKNOWN_CUSTOMER", "NO_LEGS", "NO_FUNDS", "OVER_LIMIT", "ID_REUSED"),
    *("NOT_OFFERED", "OFF_PRICE", "NOT_ADMITTED"),
    *("UNKNOWN_QUOTE", "QUOTE_EXPIRED", "QUOTE_AMOUNT", "QUOTE_USED", "OVER_POSITION"),
    *("SELF_APPROVED", "SCREENING_HIT", "CANCEL_TOO_LATE"),
    *(code for code, _ in RULES),
    *(code.name for code in TABLE),
)

# What core counts: of an account, and of nothing in particular.
COUNTS_OF_ACCOUNTS = (
    *("quarantined", "dismissed", "foreign_orders", "claimed_fills", "orphans_given_up"),
    *("fills_as_evidence", "mode_changed", "references_ignored", "recalled", "adjusted"),
    *(f"{what}_{how}" for what in ("fills", "progress", "busts", "funding", "cash")
      for how in get_args(Booked)),
    *("statements", "inconclusive", "stale", "suspects", "breaks", "conflicts"),
    *("stream_closed", "stream_silent", "failed_reads"),
    *("restated_out_of_order", "restated_wrong"),
    *("multiplier_announced", "multiplier_moved", "multiplier_changed"),
    *("lines_announced", "lines_echo", "lines_conflict", "lines_booked", "deposits"),
    *("statements_old", "statements_closed", "statement_gaps", "returns_echo", "returns_conflict"),
    *("recalls_received", "recalls_asked", "recalls_accepted", "recalls_declined"),
    *("payments_unknown", "payments_missing", "payments_sent_again"),
    *("signing_refused", "fee_cap_reached", "fee_bumps"),
    *("tx_already_known", "tx_nonce_too_low", "tx_underpriced", "tx_no_funds", "tx_invalid"),
    *("tx_unmined", "tx_sent_again", "tx_reverted"),
    *("finality_went_back", "sources_disagree", "deposits_vanished"),
    *("documents_unreadable", "documents_read_at_last", "sent_back", "credits_taken_back"),
    *("details_corrected", "recalls_held"),
    *("nonces_doubtful", "nonces_of_others", "cancellations", "cancelled"),
    *("recalls_echo", "recalls_given_up", "recall_answers_echo"),
)  # fmt: skip
COUNTS_OF_NOTHING = (
    *(
        "events_of_unknown_accounts",
        "events_of_unknown_tokens",
        "journal_cuts",
        "assets_refused",
        "adjustments_refused",
    ),
    *("tickets_told_twice", "late_reports", "adopted_orders", "orders_taken_up"),
    *("late_lease_requests", "late_gate_starts", "gates_fenced"),
    *("signed_unknown", "unknown_answered", "failed_after_settled", "settled_too_late"),
    *("dishonoured_nothing", "recalls_refused", "undo_over_limit"),
    *("transfers_validated", "transfers_echo", "releases_wanted"),
    *("covers", "covers_echo", "covers_conflict", "engine_echoes", "resolutions_refused"),
    *("quotes", "quotes_refused", "quotes_echo", "quotes_conflict"),
    *("moves_asked", "moves_refused", "moves_arrived"),
)

# Of a token: why a request is refused, and what else core counts.
TOKEN_REFUSALS = (
    *(
        "closed",
        "paused",
        "no_policy",
        "unpaid",
        "bad_value",
        "bad_parties",
        "to_itself",
        "stale_head",
    ),
    *(
        "bad_judgement",
        "window_past",
        "above_supply",
        "not_all",
        "being_recovered",
        UNFUNDED,
        LOCKED,
        HOLDER_CAP,
        GROUP_CAP,
        HOLDERS_CAP,
        SUPPLY_CAP,
        CROWDED,
    ),
    *("journal_cut", "judged_too_late", "facts_changed", "policy_changed", "other_wallet"),
    *("withdrawn", "other_request", *TOKEN_RULES),
)
COUNTS_OF_TOKENS = (
    *("requests_of_old", "judged_again", "reserved", "signed_in_vain", "declined"),
    *("revoked_in_vain", "final", "expired", "revoked", "heads_refused", "blocks_undone"),
    *("orphans", "closures", "final_elsewhere", "holdings_outdated", "holdings_doubted"),
    *("proven", "blocks_disputed", "policies_refused"),
    *("offerings_refused", "mints_asked", "mints_waited", "mints_on_revocable"),
    *("mints_beyond", "burns_asked", "mints_failed", "burns_failed"),
)

FIGURES = (
    *("simulated_seconds", "events", "records", "crashes", "cuts_unshown"),
    *("silent_differences", "open_breaks", "open_suspects", "in_flight", "in_doubt"),
    *("unjournaled_effects", "orders_sent_twice", "epochs_doubled"),
    *("orders_unwished", "orders_mismarked", "fills_untold"),
    *("orders_given_up", "orders_given_up_taken", "orders_revived", "moves_unlisted"),
    *("orders_rejected_unsaid", "orders_given_up_early", "orders_unasked", "streams_unread"),
    "reads_dropped",
    *("effects_before_durable", "read_back_early", "moves_told_early"),
    *("cancels_unpursued", "cancels_dropped", "fills_unplaced", "exits_excessive", "exits_refused"),
    "self_trades",
    *("breaks_hasty", "names_forgotten", "contradictions_unshown", "silence_excess_seconds_max"),
    *(f"differences.{what}" for what in ("holdings", "money", "positions", "orders")),
    *(f"drift.{what}" for what in ("injected", "found", "missed", "false_alarms")),
    *(f"drift.seconds_to_find.{what}" for what in ("p50", "p99", "max")),
    *(f"drift.periods_to_find.{what}" for what in ("p50", "p99")),
    "drift.breaks_opened",
    *(f"drift.closed_by_cause.{cause}" for cause in get_args(Cause)),
    *(f"market_data.{what}" for what in ("frames", "unreadable", "overtaken", "stale")),
    *("market_data.references", "market_data.age_ns_max"),
    *("market_data.trades", "market_data.trades_echoed"),
    *("detection_bound_ns.ACCOUNT", "paused_seconds.ACCOUNT"),
    *(f"counts.{what}/ACCOUNT" for what in COUNTS_OF_ACCOUNTS),
    *(f"counts.{what}" for what in COUNTS_OF_NOTHING),
    *(f"counts.refused/{code}" for code in dict.fromkeys(REFUSALS)),
    *(f"counts.told/{answer}" for answer in ANSWERS),
    "counts.recalled/settlement",
    *(f"counts.items/{cause}" for cause in get_args(ItemCause)),
    *(f"counts.items_resolved/{cause}" for cause in get_args(ResolvableCause)),
    *(f"counts.debts/{way}" for way in ("set_off", "write_off")),
    *(f"counts.send_back_refused/{code}" for code in dict.fromkeys(REFUSALS)),
    *(f"counts.engine_irregular/{why}" for why in ("epoch", "sequence", "request", "late")),
    *("counts.unknown/SCHEME", "counts.disabled/STRATEGY", "counts.cancels_of_others/STRATEGY"),
    "wrongly_settled",
    *(f"settlement.items.{cause}" for cause in get_args(ItemCause)),
    *(f"settlement.open.{cause}" for cause in get_args(ItemCause)),
    *(f"settlement.legs.SCHEME/{status}" for status in get_args(LegStatus)),
    *(f"settlement.told.{answer}" for answer in ANSWERS),
    "settlement.exposed_max.*",
    *(
        f"settlement.{what}"
        for what in (
            *("payments", "doubled", "differences", "pending", "misjudged"),
            *("nonces_doubled", "settled_unasked", "ended_by_one", "returns_strange"),
            *("ledger_faults", "limit_excess", "open_items", "told_wrongly", "astray"),
            *("balances_off", "over_limit_in_truth", "outstanding", "fees_off"),
            *("exchanges_off", "exchanged", "suspense_off"),
            *("lines_misplaced", "accounts_off", "undone_wrongly", "raises_too_small"),
            *("called_illegal", "recalls_off", "reversal_excess", "overdrawn", "to_old_details"),
            "held_beyond",
        )
    ),
    *(f"counts.refused/{reason}/TOKEN" for reason in TOKEN_REFUSALS),
    *(f"counts.{what}/TOKEN" for what in COUNTS_OF_TOKENS),
    *(f"tokens.requests.{status}" for status in get_args(AuthorizationStatus)),
    *(
        f"tokens.{what}"
        for what in (
            *("policy_violations", "signed_wrongly", "register_differences", "registers_compared"),
            *("permitted_beyond", "permitted_while_paused", "nonces_shared", "declined_wrongly"),
            *("decided_by_old", "final_by_one", "sums_off", "decisions_doubled", "unanswered"),
            *("contract_differences", "code_changes", "orphans", "orphans_missed", "orphans_false"),
            *("value_lost", "orphan_seconds_max", "moved_unasked", "refused_wrongly", "probes"),
            *("outstanding", "epochs_due", "moved", "policy_changes", "forged", "thefts"),
            *("replays", "replays_moved", "pauses", "used", "cash_differences", "cash_compared"),
            *("minted_early", "minted_revocable_max", "paid_early", "limits_off"),
        )
    ),
    *(f"kill.{what}" for what in ("ordered", "unfinished", "looked_at", "left_open")),
    *(f"kill.{what}" for what in ("left_held", "seconds_max", "exits", "orders_after")),
    *("limit_breaches", "passive_breaches", "risk.peak.*"),
    *(
        f"risk.{what}"
        for what in ("orders", "orders_or_over", "passive_seconds", "still_over", "cycles", "loads")
    ),
    *(f"risk.{what}" for what in ("word_age_seconds_max", "engine_lives", "engine_halted")),
    *(f"risk.{what}" for what in ("spent_when_old", "reductions", "flips")),
    *(f"risk.{what}" for what in ("word_overdue_seconds", "words_backwards", "reserved_when_over")),
    *("risk.lines_behind", "risk.lent_beyond", "risk.opened_wrongly", "risk.stated_wrongly"),
    *(f"risk.{what}" for what in ("gate_orders", "gate_refusals", "gate_crashes")),
    *("risk.turnover_max", "risk.decided_by_old_prices"),
    *(f"risk.{what}" for what in ("reports", "var_max", "shortfall_max", "stress_max")),
    *(f"risk.{what}" for what in ("margin_max", "liquidation_min")),
    *(f"faults.{kind}" for kind in FAULTS),
    *(f"visited.{move}" for move in moves()),
)

_PLACES = re.compile("(ACCOUNT|SCHEME|STRATEGY|TOKEN)")
_OPEN = [
    (re.compile(_PLACES.sub("(.+)", re.escape(name)) + "$"), found[1].lower())
    for name in FIGURES
    if (found := _PLACES.search(name))
]


def flaw(path: str) -> str:
    """Why there is no such figure, with what would do; "" where there is."""
    if path in FIGURES or _subject(path) is not None or _of_many(path):
        return ""
    near = get_close_matches(path, FIGURES, n=1)
    head = path.partition(".")[0] + "."
    known = [name for name in FIGURES if name.startswith(head)]
    heads = dict.fromkeys(
        name if "." not in name else f"{name.partition('.')[0]}.…" for name in FIGURES
    )
    asked = f"; did you mean {near[0]}?" if near else ";"
    return f"no figure {path!r}{asked} there are {', '.join(known or heads)}"


def whose(path: str, known: Mapping[str, Iterable[str]]) -> str:
    """Why the account, scheme or strategy of a figure is none of the `known`; "" where it is."""
    found = _subject(path)
    if found is None or path in FIGURES:
        return ""
    kind, name = found
    names = list(known[kind])
    if name in names:
        return ""
    there = f"there are {', '.join(names)}" if names else "there is none"
    return f"figure {path}: no {kind} {name!r}; {there}"


def _subject(path: str) -> tuple[str, str] | None:
    """Whose figure it is: of which account, scheme or strategy."""
    for pattern, kind in _OPEN:
        if match := pattern.match(path):
            return kind, match[1]
    return None


def _of_many(path: str) -> bool:
    """Those of limits are by names that no table has."""
    heads = tuple(name.removesuffix("*") for name in FIGURES if name.endswith(".*"))
    return path.startswith(heads) and path[-1] not in ".*"
