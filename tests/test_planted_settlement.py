"""Planted bugs of settlement: each guard removed once makes a named claim of a run fail.

A table of bugs is a table of what the claims can see. Where two guards stand behind one another,
the bug takes away what both guard.
"""

from __future__ import annotations

import pytest

from tests.planting import Bug, must_be_seen
from tests.rail_worlds import world
from tieout.runs import OF_SETTLEMENT, STANDARD, run

CLAIMS = {spec.figure: spec.claim for spec in (*STANDARD, *OF_SETTLEMENT)}
FOUND = "once healed, no break stays open"
SILENT = CLAIMS["silent_differences"]
UNITS = CLAIMS["differences.holdings"]
WRONGLY = CLAIMS["wrongly_settled"]
DOUBLED = CLAIMS["settlement.doubled"]
LEDGER = CLAIMS["settlement.ledger_faults"]
STANDS = CLAIMS["settlement.differences"]
PENDING = CLAIMS["settlement.pending"]
TOLD = CLAIMS["settlement.told_wrongly"]
ENDED = CLAIMS["settlement.astray"]
BALANCES = CLAIMS["settlement.balances_off"]
IN_TRUTH = CLAIMS["settlement.over_limit_in_truth"]
LEFT = CLAIMS["settlement.outstanding"]
ILLEGAL = CLAIMS["settlement.called_illegal"]
RECALLED = CLAIMS["settlement.recalls_off"]
JUDGED = CLAIMS["settlement.misjudged"]
FEES = CLAIMS["settlement.fees_off"]
QUOTED = CLAIMS["settlement.exchanges_off"]
STRAYED = CLAIMS["settlement.suspense_off"]
MISPLACED = CLAIMS["settlement.lines_misplaced"]
ACCOUNTS = CLAIMS["settlement.accounts_off"]
UNDONE = CLAIMS["settlement.undone_wrongly"]
RAISES = CLAIMS["settlement.raises_too_small"]

BUGS = (
    Bug(
        "a line is booked as often as it is told",
        "core.lines:on_line",
        "account.seen[key] = content",
        "pass",
        "calm_wires",
        range(1),
        UNITS,
    ),
    Bug(
        "a request that is told again is another one",
        "core.transfers:on_requested",
        "if known is not None:\n        return _again(state, known, event, content)",
        "pass",
        "calm_wires",
        range(1),
        BALANCES,
    ),
    Bug(
        "another body under a known id takes the place of the first",
        "core.transfers:_again",
        "if known.content == content:",
        "if False:",
        "calm_wires",
        range(1),
        JUDGED,
    ),
    Bug(
        "another body is an echo",
        "core.transfers:_again",
        "if known.content == content:",
        "if True:",
        "calm_wires",
        range(1),
        JUDGED,
    ),
    Bug(
        "what has no answer is sent again under a new id",
        "core.payments:_chase",
        "effects.append(query(leg))",
        (
            "from msgspec.structs import replace\n"
            "        effects.append(replace(instruction(leg), payment_id=leg.payment_id +"
            " 'x'))"
        ),
        "no_answers",
        range(1),
        STANDS,
    ),
    Bug(
        "what has no answer is sent again unasked",
        "core.payments:_chase",
        "effects.append(query(leg))",
        "effects.append(instruction(leg))",
        "unanswered",
        range(1),
        STANDS,
    ),
    Bug(
        "what they do not have is never sent again",
        "core.payments:on_missing",
        "return [instruction(leg), _arm(state, leg, event.received_at)]",
        "return [_arm(state, leg, event.received_at)]",
        "no_answers",
        range(1),
        BALANCES,
    ),
    Bug(
        "silence settles without reading the record",
        "core.payments:_chase",
        "return request_backfill(state, state.accounts[leg.account], now)",
        "return settle(state, leg, 0, now)",
        "muted",
        range(1),
        WRONGLY,
    ),
    Bug(
        "silence settles by a record that was read before its deadline",
        "core.payments:on_backfilled",
        "account.backfill.started_at <= leg.silent_until",
        "False",
        "returns",
        range(1),
        WRONGLY,
    ),
    Bug(
        "an acceptance settles",
        "core.payments:_settles",
        "return event.word in scheme.settled_codes",
        'return event.status in ("settled", "accepted")',
        "calm_wires",
        range(1),
        WRONGLY,
    ),
    Bug(
        "one set of words settles every scheme of a bank",
        "core.payments:_settles",
        "return event.word in scheme.settled_codes",
        'return event.status == "settled"',
        "given_back",
        range(1),
        WRONGLY,
    ),
    Bug(
        "what is final is never given back",
        "core.schedule:may_return",
        "every = [*scheme.returns, *scheme.consents]",
        "every = list(scheme.returns)",
        "given_back",
        range(1),
        ILLEGAL,
    ),
    Bug(
        "a customer keeps what the bank took back",
        "core.deposits:taken_back",
        "credit = _named(state, line)",
        "credit = None",
        "reversed",
        range(1),
        BALANCES,
    ),
    Bug(
        "a customer hears nothing of a deposit that was taken back",
        "core.deposits:_take_back",
        "return [*effects, news(credit)]",
        "return effects",
        "reversed",
        range(1),
        ENDED,
    ),
    Bug(
        "a stray that the bank took back stays in suspense",
        "core.deposits:_forget",
        "del state.settlement.suspense[subject]",
        "pass",
        "reversed",
        range(3),
        BALANCES,
    ),
    Bug(
        "a return whose line is told before its message is two",
        "core.payments:_return",
        "if leg.untold and leg.untold in",
        "if not leg.untold and leg.untold in",
        "fees_and_amounts",
        range(2),
        "nothing of it is left open",
    ),
    Bug(
        "what people place came when its line was read",
        "core.lines:attribute",
        "booked_at=line.booked_at or line.at,",
        "booked_at=line.at,",
        "unread",
        range(4),
        ILLEGAL,
    ),
    Bug(
        "what was taken back of a deposit is written off",
        "core.deposits:_owed",
        'f"receivable/{credit.customer}/{credit.asset}"',
        'f"loss/{credit.asset}"',
        "reversed",
        range(1),
        BALANCES,
    ),
    Bug(
        "what people gave to a customer is not remembered as credited",
        "core.resolutions:_dispose",
        "if event.customer and line is not None and line.amount > 0:",
        "if False:",
        "reversed",
        range(3),
        BALANCES,
    ),
    Bug(
        "a credit that came stands contingent and is in no sum",
        "core.deposits:on_credited",
        "settlement.credits_open[credit.subject] = None",
        "pass",
        "reversed",
        range(1),
        LEDGER,
    ),
    Bug(
        "a recall is asked once, and lost with its request",
        "core.recalls:_ask",
        "recall.sendings += 1",
        "recall.sendings += 1\n    if recall.sendings > 1:\n        return []",
        "recalls",
        range(2),
        RECALLED,
    ),
    Bug(
        "a recall that is asked again is another one",
        "core.recalls:_recall",
        "asked_at=recall.asked_at",
        "asked_at=recall.asked_at + recall.sendings * HOUR",
        "recalls",
        range(2),
        RECALLED,
    ),
    Bug(
        "a recall of others is answered once, and the answer lost",
        "core.recalls:_answer",
        "theirs.sendings += 1",
        "if theirs.sendings:\n        return []\n    theirs.sendings += 1",
        "recalls",
        range(2),
        RECALLED,
    ),
    Bug(
        "a definite no is not heard",
        "core.payments:_on_status",
        "if event.status in DEFINITE:",
        "if False:",
        "rejected",
        range(1),
        STANDS,
    ),
    Bug(
        "a block that is mined settles",
        "core.chain:_if_final",
        "if not chain.agreed or event.block_number > chain.agreed:",
        "if False:",
        "reorgs",
        range(1),
        WRONGLY,
    ),
    Bug(
        "a reverted transaction settles",
        "core.chain:_if_final",
        "if event.succeeded:",
        "if True:",
        "reorgs",
        range(1),
        WRONGLY,
    ),
    Bug(
        "a nonce is used twice",
        "core.chain:_give_nonce",
        "chain.next_nonce += 1",
        "chain.next_nonce += state.now % 2",
        "mempool",
        range(1),
        BALANCES,
    ),
    Bug(
        "a wallet begins at nonce 0, whatever it sent before",
        "core.nonces:on_reported",
        "its.next_nonce = max(its.next_nonce, most)",
        "pass",
        "refused_bytes",
        range(1),
        PENDING,
    ),
    Bug(
        "a payment is given a nonce before the nodes have said the next",
        "core.chain:_give_nonce",
        "and chain.nonce_known",
        "",
        "refused_bytes",
        range(1),
        PENDING,
    ),
    Bug(
        "what no node takes waits for ever",
        "core.chain:_use_up",
        "leg.cancels_from = last.number + 1",
        "return effects",
        "refused_bytes",
        range(1),
        PENDING,
    ),
    Bug(
        "what a node will not take has failed",
        "core.chain:_use_up",
        "last = leg.attempts[-1]",
        (
            'return payments.end(state, leg, "failed", "INVALID", "", event.frame)\n'
            "    last = leg.attempts[-1]"
        ),
        "refused_bytes",
        range(1),
        ENDED,
    ),
    Bug(
        "a cancellation settles its payment",
        "core.chain:_if_final",
        "if event.succeeded and _cancels(leg, attempt):",
        "if False:",
        "refused_bytes",
        range(1),
        WRONGLY,
    ),
    Bug(
        "an unfunded payment is not handed in again",
        "core.chain:on_alarm",
        "if leg.unfunded:",
        "if leg.unfunded:\n        return effects\n    if False:",
        "unfunded",
        range(1),
        PENDING,
    ),
    Bug(
        "a fee is raised under another nonce",
        "core.chain:_bump",
        'count(state, f"fee_bumps/{leg.account}")',
        (
            "if leg.nonce >= 0:\n"
            "        leg.nonce = of(state, leg.account).next_nonce\n"
            "        of(state, leg.account).next_nonce += 1"
        ),
        "mempool",
        range(1),
        DOUBLED,
    ),
    Bug(
        "what a node forgot is not sent again",
        "core.chain:on_transaction",
        "return [hand_in(leg, attempt)]",
        "return []",
        "dropped",
        range(1),
        BALANCES,
    ),
    Bug(
        "bytes are signed anew after a restart",
        "core.chain:after_restart",
        "if not leg.attempts:\n        return _sign_first(state, leg)",
        (
            "leg.attempts.clear()\n"
            "    leg.spends = ()\n"
            "    if leg.nonce >= 0:\n"
            "        leg.nonce = of(state, leg.account).next_nonce\n"
            "        of(state, leg.account).next_nonce += 1\n"
            "    if True:\n"
            "        return _sign_first(state, leg)"
        ),
        "mempool",
        range(1),
        STANDS,
    ),
    Bug(
        "a deposit is credited before it is final",
        "core.chain:on_deposit",
        "    seen = state.accounts",
        (
            "    if owner:\n"
            "        from core.ledger import book, customer, nostro\n"
            '        book(state, "line", event.line_id, event.frame, ((nostro(event.accou'
            "nt, event.asset), event.amount), (customer(owner, event.asset), -event.amoun"
            "t)))\n"
            "    seen = state.accounts"
        ),
        "reorgs",
        range(2),
        BALANCES,
    ),
    Bug(
        "a hold counts against no limit",
        "core.transfers:on_requested",
        'if leg.kind != "exchange":\n            expose(state, leg, leg.amount)',
        (
            'if leg.kind != "exchange" and not leg.kind == "out":\n'
            "            expose(state, leg, leg.amount)"
        ),
        "limits",
        range(1),
        IN_TRUTH,
    ),
    Bug(
        "what waits for release counts against no limit",
        "core.transfers:on_requested",
        'if leg.kind != "exchange":\n            expose(state, leg, leg.amount)',
        (
            'if leg.kind != "exchange" and leg.amount <= 10000:\n'
            "            expose(state, leg, leg.amount)"
        ),
        "limits_held",
        range(2),
        IN_TRUTH,
    ),
    Bug(
        "what may come back counts against no limit",
        "core.payments:settle",
        "if leg.revocable_until > at:\n        memorise(state, leg, leg.amount, frame)",
        (
            "if leg.revocable_until > at:\n"
            "        memorise(state, leg, leg.amount, frame)\n"
            "        expose(state, leg, -leg.exposed)"
        ),
        "fiat_in_crypto_out_reversed",
        range(2),
        IN_TRUTH,
    ),
    Bug(
        "limits are not asked",
        "core.transfers:on_requested",
        "or _over_limit(state, legs)",
        "",
        "limits",
        range(1),
        IN_TRUTH,
    ),
    Bug(
        "a failure leaves its amount in the limits",
        "core.payments:end",
        "expose(state, leg, -leg.exposed)",
        "pass",
        "rejected",
        range(2),
        TOLD,
    ),
    Bug(
        "a failure does not give back the hold",
        "core.payments:end",
        "hold(state, leg, -leg.held)",
        "pass",
        "people",
        range(1),
        LEFT,
    ),
    Bug(
        "a failure does not give back what was sent",
        "core.payments:end",
        'book(state, "fail", leg.payment_id, frame, _negated(_sent_lines(leg)))',
        "pass",
        "rejected",
        range(1),
        LEDGER,
    ),
    Bug(
        "a return books nothing that is owed",
        "core.payments:_returned_lines",
        'return ((transit, -amount), (f"receivable/{leg.customer}/{leg.asset}", amount))',
        'return ((transit, -amount), (f"loss/{leg.asset}", amount))',
        "returns",
        range(1),
        BALANCES,
    ),
    Bug(
        "a return before settlement is owed by the customer",
        "core.payments:_returned_lines",
        'if was != "settled":',
        "if False:",
        "returns",
        range(2),
        BALANCES,
    ),
    Bug(
        "a dishonoured return stays returned",
        "core.payments:_return",
        "if event.dishonours:",
        "if False:",
        "returns",
        range(3),
        STANDS,
    ),
    Bug(
        "a return does not end what is exposed",
        "core.payments:give_back",
        "expose(state, leg, owed - leg.exposed)",
        "pass",
        "returns",
        range(1),
        LEFT,
    ),
    Bug(
        "a deduction is a fee, however much is stated",
        "core.deductions:allowed",
        "return scheme.return_fee_max if returning else scheme.fee_max",
        "return 10**9",
        "fees_and_amounts",
        range(1),
        FEES,
    ),
    Bug(
        "every shortage is a fee",
        "core.lines:_consume",
        "if 0 < short <= _allowed(state, leg, amount):",
        "if 0 < short:",
        "fees_and_amounts",
        range(1),
        FEES,
    ),
    Bug(
        "a return has the payment's bound",
        "core.deductions:allowed",
        "return scheme.return_fee_max if returning else scheme.fee_max",
        "return scheme.fee_max",
        "fees_and_amounts",
        range(2),
        ACCOUNTS,
    ),
    Bug(
        "what is kept of a deposit is nobody's business",
        "core.deductions:kept_of_deposit",
        "if event.fee <= of_incoming(state, account, event.asset):",
        "if True:",
        "fees_and_amounts",
        range(1),
        FEES,
    ),
    Bug(
        "an amount that a status tells is not compared",
        "core.deductions:_compare_amount",
        "if event.amount is None or leg.status in OVER:",
        "if True:",
        "fees_and_amounts",
        range(1),
        "amounts were told otherwise than ours",
    ),
    Bug(
        "a deduction is a fee for ever, though its line is undone",
        "core.lines:_of_leg",
        'if leg.deducted and event.kind == "reversal":',
        "if False:",
        "abroad",
        range(2),
        ACCOUNTS,
    ),
    Bug(
        "a quote holds for ever",
        "core.transfers:_exchange",
        "if state.now > leg.expires_at:",
        "if False:",
        "fiat_in_crypto_out_quoted",
        range(2),
        QUOTED,
    ),
    Bug(
        "a quote may be named after its end",
        "core.quotes:expired",
        "if at <= state.now else",
        "if False else",
        "fiat_in_crypto_out_quoted",
        range(2),
        JUDGED,
    ),
    Bug(
        "a quote is used as often as it is named",
        "core.quotes:used_up",
        "if amount > left:",
        "if False:",
        "fiat_in_crypto_out_quoted",
        range(2),
        QUOTED,
    ),
    Bug(
        "a quote gives what is asked of it",
        "core.quotes:other_amount",
        "if leg.buys_amount == buys:",
        "if True:",
        "fiat_in_crypto_out_quoted",
        range(2),
        QUOTED,
    ),
    Bug(
        "a quote is good for any customer",
        "core.quotes:unknown",
        'quote.told.customer not in ("", customer)',
        "False",
        "fiat_in_crypto_out_quoted",
        range(2),
        TOLD,
    ),
    Bug(
        "the position has no limit",
        "core.exchanges:over",
        "if wanted and taken + wanted > limit.amount:",
        "if False:",
        "positions",
        range(2),
        QUOTED,
    ),
    Bug(
        "what was promised is not counted",
        "core.exchanges:over",
        "taken = max(0, sign * stands) + _promised(waiting, asset, sign)",
        "taken = max(0, sign * stands)",
        "positions",
        range(2),
        QUOTED,
    ),
    Bug(
        "what was closed is not realised",
        "core.exchanges:take_in",
        "position.realised += gain\n    return gain",
        "return 0",
        "fiat_in_crypto_out_quoted",
        range(2),
        LEDGER,
    ),
    Bug(
        "a lot keeps the cost of what was closed",
        "core.exchanges:_cut",
        "lot.against -= share",
        "pass",
        "fiat_in_crypto_out_quoted",
        range(2),
        LEDGER,
    ),
    Bug(
        "a customer's deal is no part of the position",
        "core.exchanges:account",
        'return f"exchange/{pair(one, other)[0]}/{asset}"',
        'return f"exchange/{asset}"',
        "fiat_in_crypto_out_quoted",
        range(2),
        LEDGER,
    ),
    Bug(
        "a customer releases his own transfer",
        "core.transfers:on_released",
        "if not event.approver or event.approver in (transfer.requested_by, transfer.customer):",
        "if False:",
        "people",
        range(1),
        ENDED,
    ),
    Bug(
        "screening is not waited for",
        "core.transfers:_may_go",
        'cleared = bool(transfer.approver) and transfer.screened == "clear"',
        "cleared = bool(transfer.approver)",
        "people",
        range(3),
        ENDED,
    ),
    Bug(
        "a hit leaves the transfer waiting",
        "core.transfers:on_screened",
        'return _cancel_rest(state, transfer, "SCREENING_HIT", event.reference)',
        "return []",
        "people",
        range(1),
        ENDED,
    ),
    Bug(
        "an undo asks for no limit",
        "core.transfers:_undo",
        "if over(state, [back]) is not None:",
        "if False:",
        "legs",
        range(1),
        IN_TRUTH,
    ),
    Bug(
        "a payment on its way fails when its customer cancels",
        "core.transfers:on_cancelled",
        'count(state, "refused/CANCEL_TOO_LATE")',
        (
            "for each in _legs(state, transfer):\n"
            '            payments.end(state, each, "failed", "CANCELLED", "", 0)'
        ),
        "cancels",
        range(1),
        STANDS,
    ),
    Bug(
        "a leg starts while the one before it may come back",
        "core.transfers:_go_on",
        'if leg.status != "settled" or (leg.waits_for == "irrevocable" and leg.contingent):',
        'if leg.status != "settled":',
        "legs",
        range(1),
        ENDED,
    ),
    Bug(
        "a leg starts while the one before it is on its way",
        "core.transfers:_go_on",
        'if leg.status != "settled" or (leg.waits_for == "irrevocable" and leg.contingent):',
        'if leg.status not in ("settled", "in_flight"):',
        "legs",
        range(1),
        ENDED,
    ),
    Bug(
        "funds are not asked",
        "core.transfers:on_requested",
        "_unfunded(state, event) or",
        "",
        "poor",
        range(1),
        ENDED,
    ),
    Bug(
        "a customer sees what was settled before as pending again",
        "core.transfers:view",
        "return status, 0",
        'return ("pending" if status == "returned" else status), 0',
        "returns",
        range(1),
        TOLD,
    ),
    Bug(
        "a transfer is completed with its first leg",
        "core.transfers:view",
        'if statuses.count("settled") < len(statuses):',
        'if "settled" not in statuses:',
        "legs",
        range(1),
        TOLD,
    ),
    Bug(
        "what was told right before a crash is told no more",
        "core.transfers:after_restart",
        "return effects + [_news_of(state, name) for name in names]",
        "return effects",
        "killed",
        range(6),
        ENDED,
    ),
    Bug(
        "a settled pull is never the customer's",
        "core.payments:settle",
        'if leg.kind == "in":',
        "if False:",
        "returns",
        range(1),
        BALANCES,
    ),
    Bug(
        "a third party that failed is settled",
        "core.lines:_is_return",
        'awaited = bool(leg.recalled) or has(state, leg.payment_id, "third_party_failed")',
        "awaited = False",
        "custody",
        range(1),
        STANDS,
    ),
    # what leaves the state
    Bug(
        "a transfer is put away before nothing is open of it",
        "core.settlement_memory:note_over",
        "            return\n",
        "            settlement.open_legs.pop(name)\n",
        "over_and_put_away",
        range(1),
        LEDGER,
    ),
    Bug(
        "a request that was put away and is told again is another one",
        "core.settlement_memory:_transfer",
        "if transfer_id in state.settlement.transfers:",
        "if True:",
        "over_and_put_away",
        range(1),
        BALANCES,
    ),
    Bug(
        "a payment that was put away is nobody's",
        "core.settlement_memory:_payments",
        "if each and each not in legs]",
        "if not each]",
        "over_and_put_away",
        range(2),
        "every line found its payment",
    ),
    Bug(
        "a transfer that is put away is not written down",
        "core.settlement_memory:_put_away",
        '[Remember(account=OURS, kind="transfer", key=key, content=whole)]',
        "[]",
        "over_and_put_away",
        range(1),
        ENDED,
    ),
    # what people decide
    Bug(
        "what is sent back stays in suspense for others",
        "core.suspense:leave",
        "line = settlement.suspense.pop(back.disposes, None)",
        "line = settlement.suspense.get(back.disposes)",
        "strays",
        range(2),
        STRAYED,
    ),
    Bug(
        "a way back that fails is lost",
        "core.suspense:come_back",
        'settlement.suspense[back.disposes] = replace(gone, amount=amount, sent_back="")',
        "pass",
        "strays",
        range(2),
        STRAYED,
    ),
    Bug(
        "an excess whose way back fails is lost",
        "core.suspense:come_back",
        "original.excess += amount",
        "pass",
        "strays",
        range(3),
        STRAYED,
    ),
    Bug(
        "what was disposed of lies there yet",
        "core.suspense:take",
        "state.settlement.legs[found.subject].excess = 0",
        "pass",
        "strays",
        range(1),
        STRAYED,
    ),
    Bug(
        "a screening hit keeps what should go back",
        "core.suspense:let_go",
        'state.settlement.suspense[back.disposes] = replace(line, sent_back="")',
        "del state.settlement.suspense[back.disposes]",
        "strays",
        range(2),
        STRAYED,
    ),
    Bug(
        "what is sent back counts against no limit",
        "core.transfers:_begin_back",
        "expose(state, back, back.amount)",
        "pass",
        "strays_limited",
        range(3),
        IN_TRUTH,
    ),
    Bug(
        "silence settles over a document that nobody read",
        "core.documents:may_hide",
        "each.account == account.name and each.found_at >= sent_at",
        "False",
        "unread",
        range(4),
        WRONGLY,
    ),
    Bug(
        "a document that cannot be read is passed by in silence",
        "core.documents:on_quarantined",
        "if key in account.seen:",
        "if True:",
        "unread",
        range(1),
        "items unreadable",
    ),
    Bug(
        "a document is not read again",
        "core.documents:ask_again",
        "if each.account == account.name",
        "if False",
        "unread_mended",
        range(1),
        "open unreadable",
    ),
    Bug(
        "statements need not follow on one another",
        "core.statements:_follow",
        "if event.opening == last.closing:",
        "if True:",
        "unread",
        range(1),
        "items statement_gap",
    ),
    Bug(
        "a missing statement that came closes nothing",
        "core.statements:_leads_on",
        "return figure == gap.opening",
        "return False",
        "unread_mended",
        range(1),
        "open statement_gap",
    ),
    Bug(
        "a statement need not tie",
        "core.statements:on_stated",
        "if event.opening + event.entries_sum != event.closing:",
        "if False:",
        "unread",
        range(1),
        "items statement_untied",
    ),
    Bug(
        "a correction closes nothing",
        "core.statements:on_stated",
        "if state.settlement.untied.pop(subject, None) is not None:",
        "if False:",
        "unread_mended",
        range(1),
        "open statement_untied",
    ),
    Bug(
        "a return that people placed moves no payment",
        "core.lines:attribute",
        "kind=line.kind,",
        'kind="payment",',
        "unread",
        range(1),
        STANDS,
    ),
    Bug(
        "the payment whose nonce was taken waits for ever",
        "core.resolutions:_acknowledge_spending",
        "if leg is None:",
        "if True:",
        "stolen",
        range(1),
        PENDING,
    ),
    # what was not seen before
    Bug(
        "what has no answer is sent again by a restart",
        "core.payments:after_restart",
        "return [query(leg)]",
        "return [instruction(leg)]",
        "ids_forgotten",
        range(2),
        DOUBLED,
    ),
    Bug(
        "sent again though it was told of, or is on its way",
        "core.payments:on_missing",
        "leg.heard_at or event.asked_at < leg.sent_at + max(scheme.answer_ns_max, UNDER_WAY_NS)",
        "False",
        "ids_forgotten",
        range(2),
        DOUBLED,
    ),
    Bug(
        "silence settles what was not booked",
        "core.payments:on_backfilled",
        "[query(leg)] if leg.due else settle(state, leg, 0, state.now)",
        "settle(state, leg, 0, state.now)",
        "muted",
        range(1),
        WRONGLY,
    ),
    Bug(
        "two nodes that contradict one another agree",
        "core.chain:on_block",
        "if event.block_hash != chain.asked_hash:",
        "if False:",
        "split",
        range(2),
        FOUND,
    ),
    Bug(
        "what was asked before nodes agreed counts",
        "core.chain:_if_final",
        "if event.asked_at <= chain.agreed_at or chain.disagreed_at:",
        "if False:",
        "outlived",
        range(2),
        WRONGLY,
    ),
    Bug(
        "a fee is raised by a twentieth",
        "core.chain:_dearer",
        "return fee * BUMP_NUMERATOR // BUMP_DENOMINATOR + 1",
        "return fee * 21 // 20 + 1",
        "mempool",
        range(1),
        RAISES,
    ),
    Bug(
        "a surplus is nobody's",
        "core.lines:_too_much",
        (
            "effects += _item(state, cause, leg, event, leg.excess)\n"
            "    return [(ledger.suspense(leg.account, leg.asset), -extra)], effects"
        ),
        'return [(f"income/{leg.account}/{leg.asset}", -extra)], effects',
        "lines",
        range(2),
        ACCOUNTS,
    ),
    Bug(
        "every shortage of a wrong line is a fee",
        "core.lines:_consume",
        "if 0 < short <= _allowed(state, leg, amount):",
        "if 0 < short:",
        "lines",
        range(2),
        MISPLACED,
    ),
    Bug(
        "a line pays whichever payment is of its amount",
        "core.lines:_explain",
        "leg = payments.find(state, account.name, references)",
        (
            "leg = payments.find(state, account.name, references)\n"
            "    for each in state.settlement.legs.values():\n"
            "        if leg is None and each.account == account.name and each.due == part"
            ".amount:\n"
            "            leg = each\n"
            "            references = (each.payment_id,)"
        ),
        "strangers",
        range(1),
        MISPLACED,
    ),
    Bug(
        "a batch is whoever it names, whatever the sum",
        "core.lines:_batch",
        "if members and sum(leg.due for leg in members) == part.amount:",
        (
            "if members:\n"
            "            members[0].due += part.amount - sum(leg.due for leg in members)"
        ),
        "batches",
        range(3),
        LEDGER,
    ),
    Bug(
        "nothing is undone",
        "core.transfers:_undo",
        "leg.undone = True",
        "return []",
        "undone",
        range(1),
        UNDONE,
    ),
    Bug(
        "what is undone goes where nobody asked",
        "core.transfers:_undo",
        "beneficiary=leg.beneficiary,",
        'beneficiary="011401533/999988887777",',
        "undone",
        range(1),
        UNDONE,
    ),
    Bug(
        "a no that overtook the instruction is believed",
        "core.payments:on_missing",
        "max(scheme.answer_ns_max, UNDER_WAY_NS)",
        "scheme.answer_ns_max",
        "overtaken",
        range(1),
        DOUBLED,
    ),
    Bug(
        "what is taken back of what lies in suspense lies beside it",
        "core.lines:_undone",
        'if not of_one or line.amount + part.amount or "reversal" not in (line.kind, event.kind):',
        "if True:",
        "batches",
        range(3),
        ACCOUNTS,
    ),
    Bug(
        "a line is undone, and what was deducted from it stays a fee",
        "core.lines:_deduction_undone",
        "elif amount == leg.deducted - _consumed(leg):",
        "elif False:",
        "abroad",
        range(1),
        ACCOUNTS,
    ),
    Bug(
        "the line of a dishonour that came before its message stays in suspense",
        "core.payments:_place_excess",
        "if not leg.excess or leg.excess != leg.coming_back:",
        "if True:",
        "dishonoured",
        range(1),
        LEFT,
    ),
)


def failing(name: str, seed: int) -> dict[str, str]:
    """The claims that fail, with their figures."""
    outcome = run(world(name), seed, short=True, sampled=False)
    return {each.claim: each.figure for each in outcome.claims if not each.held}


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_planted_bug_makes_its_claim_fail(bug: Bug, monkeypatch: pytest.MonkeyPatch) -> None:
    must_be_seen(bug, monkeypatch, failing)


@pytest.mark.parametrize("name", sorted({bug.scenario for bug in BUGS}))
def test_without_a_bug_every_claim_holds_on_the_same_seeds(name: str) -> None:
    for seed in range(max(bug.seeds.stop for bug in BUGS if bug.scenario == name)):
        assert failing(name, seed) == {}
