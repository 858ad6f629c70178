"""What campaigns must see: bugs of the core, the gate, the ledgers, the signer and the indexer.

Each is a mistake that somebody makes, or made: the issue's own list, what happened in other systems
(docs/covers.md names the rows), and those of the tables of planted bugs that a storm can meet. The
tables show which claim sees a bug in a small world that was made for it; here no world is made for
anything, and the question is how many seeds of an ordinary storm it takes.
"""

# ruff: noqa: E501  # a table of texts is read across

from __future__ import annotations

from typing import NamedTuple

from tests import (
    test_planted_bugs,
    test_planted_risk,
    test_planted_settlement,
    test_planted_tokens,
)
from tests.mutants.tree import Edit
from tests.planting import Bug

VENUES, RISK, TOKENS, RAILS = "storm_venues", "storm_risk", "storm_tokens", "storm_rails"
STORMS = (RISK, TOKENS, RAILS, VENUES)
# What no storm brings about is looked for where the catalogue of scenarios does: a campaign of all
# meets it there.
SOCKETS = "dead_keys_and_half_open_sockets"
UNKNOWN, FLIPS, GATES = (
    "unknown_order_holds_limit",
    "flip_through_reduce_only",
    "three_gates_one_limit",
)


class Mutant(NamedTuple):
    """A bug: what it is, in a sentence, where it is, and the storm (else the scenario) that should see it.

    `beside` are further texts that change with it, where two guards stand behind one another.
    """

    name: str
    place: str
    old: str
    new: str
    storm: str
    bug: str
    beside: tuple[Edit, ...] = ()

    @property
    def edits(self) -> tuple[Edit, ...]:
        return (Edit(self.place, self.old, self.new), *self.beside)


_TABLES = (
    test_planted_bugs.BUGS,
    test_planted_risk.BUGS,
    test_planted_settlement.BUGS,
    test_planted_tokens.BUGS,
)
_PLANTED: dict[str, Bug] = {bug.name: bug for table in _TABLES for bug in table}


def known(name: str, storm: str, bug: str) -> Mutant:
    """A bug of the tables, by its name there."""
    told = _PLANTED[name]
    return Mutant(name, told.function, told.old, told.new, storm, bug)


MUTANTS = (
    # --- books: facts told twice, late, in other words ---------------------------------------------
    known("no dedup", VENUES, "Every telling of a fill is booked."),
    known(
        "key without instrument",
        VENUES,
        "Fills are told apart by id and side, and ids are only unique within an instrument.",
    ),
    Mutant(
        "window shorter than a replay",
        "core.books:book_fill",
        "account.seen[key] = content",
        "account.seen[key] = content\n    while len(account.seen) > 6:\n        del account.seen[next(iter(account.seen))]",
        VENUES,
        "Only the last ids are remembered, and a stream that comes up again replays more (V3).",
    ),
    known(
        "cumulative read as delta", VENUES, "What an order came to is added at each telling (V4)."
    ),
    known("dropped multiplier", VENUES, "Contracts are read as coins (V8)."),
    known("sign of a fee", VENUES, "Fees are earned."),
    known(
        "realised profit not booked", VENUES, "What closing a contract earns is not booked (V24)."
    ),
    known("a bust is noted and not posted", VENUES, "An undone trade stays booked (V20)."),
    known(
        "the id of a busted fill is forgotten", VENUES, "A busted fill that is told again is new."
    ),
    known(
        "funding booked at each telling", VENUES, "Funding is booked as often as it is told (V13)."
    ),
    known("forced closes are not ours", VENUES, "Liquidations are passed by (V11)."),
    known("same id and other content is an echo", VENUES, "A contradiction is taken for an echo."),
    known(
        "in a hedged account side taken for the sign of every leg",
        VENUES,
        "Selling a short leg is read as closing it.",
    ),
    Mutant(
        "an amount goes through a float",
        "core.money:parse",
        "return int(digits) * TEN_TO[places]",
        "return int(float(text) * 10**decimals)",
        VENUES,
        "Text to number by way of a float, cut to whole units.",
    ),
    Mutant(
        "fills of what is over are passed by",
        "core.step:_on_fill",
        'if account.tells == "progress":',
        'if order is not None and order.status in ("cancelled", "rejected", "expired"):\n        return []\n    if account.tells == "progress":',
        VENUES,
        "A fill that is told after its order's end is not booked (V12, V23).",
    ),
    Mutant(
        "a claimed fill is taken for a fill",
        "core.trading:on_order_reported",
        "order.told_filled = event.filled_quantity",
        "order.filled = order.told_filled = event.filled_quantity",
        VENUES,
        "What an order's report claims is counted, and the fills are counted once more (V21).",
    ),
    Mutant(
        "a late fee is another fee",
        "core.books:book_progress",
        "done.fee, done.at = event.fee, max(event.occurred_at, done.at)",
        "done.at = max(event.occurred_at, done.at)",
        VENUES,
        "Cumulative fees are not remembered: each telling charges all of it again.",
    ),
    # --- listening and reconciling -----------------------------------------------------------------
    known("the cursor follows the stream", VENUES, "What was missed before it is never read (V1)."),
    known(
        "a failed page is never asked for again",
        VENUES,
        "A back-fill ends at its first failed read.",
    ),
    known(
        "a failed statement is never asked for again", "storm", "Until its schedule nobody looks."
    ),
    known(
        "a failed listing of open orders is never asked for again",
        VENUES,
        "What works at the venue is not known until the next round.",
    ),
    known(
        "a failed reading of terms is never asked for again",
        VENUES,
        "A changed size or step is not known until the next round.",
    ),
    known("a suspect is a break at once", VENUES, "One wrong read is believed (V15)."),
    known(
        "an absurd read need not insist",
        "two_wild_reads",
        "An empty account is believed like any other (V15).",
    ),
    known("a stale statement closes a suspect", VENUES, "An old snapshot says that all is well."),
    known("every line agrees", VENUES, "Statements are read, and compared with nothing."),
    known(
        "a silent stream is not opened afresh",
        SOCKETS,
        "A half-open socket is waited on for ever (V17).",
    ),
    known(
        "absence in a statement is not read as zero",
        VENUES,
        "A position that a complete statement does not list is left as it is.",
    ),
    Mutant(
        "a statement is compared with the books of now",
        "core.reconcile:judge",
        "figures = at(state, reading.holding, reading.lo, reading.hi, reading.sequence)",
        "figures = [state.holdings.get(reading.holding, 0)]",
        VENUES,
        "A snapshot that raced a fill is a difference (V16).",
    ),
    Mutant(
        "a reconnect reads nothing",
        "core.listening:on_stream_opened",
        "*request_backfill(state, account, event.received_at),",
        "",
        VENUES,
        "What happened while the stream was down is not asked for (V1).",
    ),
    Mutant(
        "a silent stream has twice its time",
        "core.listening:on_silence",
        "due = account.heard_at + account.silence_ns_max",
        "due = account.heard_at + 2 * account.silence_ns_max",
        SOCKETS,
        "The limit is added to the stamp and to the alarm: it counts twice (V17).",
    ),
    # --- orders ------------------------------------------------------------------------------------
    known(
        "an unknown order is sent again", VENUES, "A timeout is answered with a second order (V7)."
    ),
    Mutant(
        "a timeout is a rejection",
        "core.trading:on_order_alarm",
        'if _move(state, order, "unknown"):',
        'if _move(state, order, "rejected"):\n        return [_tell(order)]\n    if False:',
        VENUES,
        "An order without an answer is called over, and lives (V23).",
    ),
    known(
        "an order is given up before its request can have failed",
        VENUES,
        "A venue that does not know an order yet is taken to have lost it.",
    ),
    known(
        "a late report moves an order backwards", VENUES, "The last report wins, not the newest."
    ),
    known(
        "a cancel is asked for once and never pursued",
        VENUES,
        "A cancel that is lost is lost (V27).",
    ),
    known(
        "the gate does not count the exits under way",
        VENUES,
        "Two exits close more than is held (V29).",
    ),
    known(
        "a restart does not query what was in flight",
        VENUES,
        "After a crash, orders stay as the journal last knew them.",
    ),
    Mutant(
        "a restart queries only what was unknown before",
        "core.trading:after_restart",
        'if order.status in ("in_flight", "unknown"):',
        'if order.status == "unknown":',
        VENUES,
        "What was sent a moment before the crash stands as if its answer were to come.",
    ),
    # --- the node and its journal ------------------------------------------------------------------
    Mutant(
        "acknowledgement before fsync",
        "core.node:Node.commit",
        "last = self.journal.commit()",
        "self._late = not getattr(self, '_late', True)\n    last = self.journal.next_number - 1 if self._late else self.journal.commit()",
        VENUES,
        "Effects are handed out while their group waits to be written.",
    ),
    known("a restart begins with the ids of the last life", VENUES, "Ids are chosen twice."),
    known(
        "after a cut the boot epoch is chosen again", VENUES, "A lost life's ids are given again."
    ),
    known(
        "an answer that was long on its way proves as much, and nobody is killed",
        VENUES,
        "An order is given up by a word from before it came.",
    ),
    known(
        "a fill that is told after its bust is booked", VENUES, "What never was is held for ever."
    ),
    known(
        "recovery skips a record now and then", VENUES, "The state after a crash is another one."
    ),
    Mutant(
        "alarms die with the node",
        "core.step:_on_started",
        "for alarm, due in state.alarms.items():",
        "for alarm, due in ():",
        RAILS,
        "What was to be looked at again is not, after a restart.",
    ),
    # --- settlement --------------------------------------------------------------------------------
    known(
        "a line is booked as often as it is told",
        RAILS,
        "Webhook twice, or webhook and statement, are two payments (R4).",
    ),
    known("a request that is told again is another one", RAILS, "A customer's retry pays twice."),
    known("an acceptance settles", RAILS, "Taken is taken for done (R12)."),
    known(
        "silence settles without reading the record", RAILS, "No news by the deadline is good news."
    ),
    known(
        "what has no answer is sent again under a new id",
        RAILS,
        "A timeout is answered with a second payment.",
    ),
    known(
        "what has no answer is sent again unasked",
        RAILS,
        "The same id is sent again, and not asked for.",
    ),
    Mutant(
        "a return told twice is two",
        "core.payments:on_return_reported",
        "known = account.seen.get(key)",
        "known = None",
        "returned_once",
        "A message of a return that comes twice is booked twice (R4).",
    ),
    Mutant(
        "return booked as settlement",
        "core.payments:_return",
        "return give_back(state, leg, whole, event.code, event.frame, when)",
        "return settle(state, leg, event.frame, when)",
        RAILS,
        "A message about a payment that ended is taken for its confirmation (R7, R11).",
    ),
    known(
        "a return books nothing that is owed",
        "ach_returned_after_60_days",
        "What a customer owes after a return is a loss.",
    ),
    known(
        "a return does not end what is exposed", RAILS, "What came back counts as if it could yet."
    ),
    known(
        "a dishonoured return stays returned", "returns_undone", "An undone return is not undone."
    ),
    known("a definite no is not heard", RAILS, "A rejected payment stays in flight."),
    known(
        "a failure does not give back what was sent",
        RAILS,
        "A rejected payment's money is nobody's (R2).",
    ),
    known(
        "what is held for one leg is paid out by another",
        "held_is_not_free",
        "Holds may exceed the balance (R1).",
    ),
    known("limits are not asked", RAILS, "Transfers pass whatever is in flight."),
    known("a hold counts against no limit", "two_people", "What was not sent yet is not counted."),
    known(
        "what may come back counts against no limit",
        "fiat_in_crypto_out_reversed",
        "Settled is taken for final (R7).",
    ),
    known("screening is not waited for", "two_people", "A second person's word is enough."),
    known("a customer releases his own transfer", RAILS, "Two signatures of one person."),
    known("a quote holds for ever", "fiat_in_crypto_out_quoted", "An old price is dealt at."),
    known("every shortage is a fee", RAILS, "A short amount is explained away (R13)."),
    known("a surplus is nobody's", RAILS, "A line of too much is income (R13)."),
    known(
        "a batch is named after the first payment in it alone",
        RAILS,
        "The others' line never comes.",
    ),
    known(
        "a leg starts while the one before it is on its way",
        RAILS,
        "Coins are paid out before the cash that buys them is there.",
    ),
    known("a failure leaves its amount in the limits", RAILS, "Headroom leaks with each failure."),
    Mutant(
        "a forged webhook is believed",
        "rails.custodian.webhooks:verified",
        "if not borne:",
        "if False:",
        RAILS,
        "A notice without a signature counts as the custodian's.",
        (
            Edit(
                "rails.custodian.webhooks:_check",
                'raise Forged("the signature is not theirs") from error',
                "return",
            ),
        ),
    ),
    # --- chains ------------------------------------------------------------------------------------
    known("a block that is mined settles", RAILS, "Settled at the first confirmation."),
    known("one node's word settles", "lying_node", "A lying node completes payments."),
    known("a reverted transaction settles", RAILS, "Mined is taken for paid (R8)."),
    known(
        "a deposit is credited before it is final", RAILS, "A reorg takes back what a customer has."
    ),
    known("a nonce is used twice", RAILS, "Two payments under one nonce: one of them is lost."),
    Mutant(
        "nonce re-used after a crash",
        "core.nonces:on_reported",
        "its.next_nonce = max(its.next_nonce, most)",
        "its.next_nonce = most",
        "killed_as_it_pays",
        "After a restart the node's word for the next nonce forgets what no node has yet.",
    ),
    known("bytes are signed anew after a restart", RAILS, "Two transactions for one payment."),
    known(
        "a fee is raised under another nonce",
        RAILS,
        "A replacement that replaces nothing pays twice.",
    ),
    known(
        "a fee is raised by a twentieth", RAILS, "Nodes ask for a tenth: it stays stuck (R5, T7)."
    ),
    known("what a node forgot is not sent again", RAILS, "A dropped transaction is waited for."),
    # --- limits, leases, the gate ------------------------------------------------------------------
    known(
        "an order without an outcome gives its reservation back",
        UNKNOWN,
        "What is unknown is taken for nothing.",
    ),
    known(
        "an order that is over for its venue reserves nothing of what it claims",
        UNKNOWN,
        "A fill that was claimed and not told is in no sum.",
    ),
    known(
        "a position is what is held, without what is open",
        UNKNOWN,
        "Working orders count for nothing.",
    ),
    known(
        "the firm's sum is not asked", RISK, "Each strategy is within its limit, and all are not."
    ),
    known(
        "an asset's sum is not asked",
        "systemic_across_venues",
        "Each venue is within its limit, and both are not.",
    ),
    known("exits do not count one another", FLIPS, "Two exits turn long 1 into short 4 (V29)."),
    known("a lease does not end", RISK, "What the engine said long ago still holds."),
    known(
        "a lease does not tighten",
        "cold_path_stalls",
        "A stalled engine changes nothing until the end.",
    ),
    known(
        "a lease's age counts from the answer", "cold_path_stalls", "A slow answer is a fresh one."
    ),
    known(
        "a price that leaps is believed at once",
        "absurd_prices",
        "One absurd quote opens the limits.",
    ),
    known("what is lent to others is lent again", GATES, "Two gates hold the same headroom."),
    known("a gate forgets what it spent", RISK, "A budget that is never used up."),
    Mutant(
        "grant re-used before expiry",
        "risk.lease_holder:LeaseHolder.on_granted",
        "return  # the same once more",
        "self._spent = dict(self._at_grant)\n        return",
        GATES,
        "A grant that is told twice may be spent twice.",
    ),
    known(
        "what a gate spent on orders that have not come is lent again",
        RISK,
        "What is on its way out of a gate is spent by another.",
    ),
    Mutant(
        "limit update out of order",
        "core.cold:_irregular",
        "if event.sequence != follows:",
        "if False:",
        RISK,
        "An older word of the engine takes the place of a newer.",
        (
            Edit("core.cold:_irregular", "if event.epoch < cold.epoch:", "if False:"),
            Edit("core.cold:heard", "newer = place > (cold.epoch, cold.sequence)", "newer = True"),
        ),
    ),
    Mutant(
        "an older grant takes the place of a newer",
        "risk.lease_holder:LeaseHolder._irregular",
        "if grant.sequence != self.sequence + 1:",
        "if False:",
        RISK,
        "Grants that overtake one another are applied as they come.",
        (
            Edit(
                "risk.lease_holder:LeaseHolder.on_granted",
                "grant.sequence > self.sequence",
                "grant.sequence != self.sequence",
            ),
        ),
    ),
    known(
        "an older grant is held, though it closes the gate",
        RISK,
        "What is not to be spent takes the place of what was lent.",
    ),
    known(
        "what was rejected or cancelled keeps its reservation",
        RISK,
        "A lease kept on a reject: headroom leaks away.",
    ),
    Mutant(
        "what a fill relieves is relieved twice",
        "core.leases:_hold",
        "_expose(other, _relief(use, before, order) - _relief(use, order.filled, order))",
        "_expose(other, 2 * (_relief(use, before, order) - _relief(use, order.filled, order)))",
        GATES,
        "A purchase makes more room to sell than it takes of the room to buy.",
    ),
    Mutant(
        "what was booked before its order was known relieves twice",
        "core.leases:count_late",
        "for use in order.uses:",
        "for use in ():",
        "fill_before_its_order",
        "The engine counted it with what is held; found by seed 77 of three_gates_one_limit.",
    ),
    Mutant(
        "a fill is exposed to nothing",
        "core.leases:_hold",
        "_expose(line, _taken(use.amount, order.filled, order) - _taken(use.amount, before, order))",
        "pass",
        GATES,
        "A reservation ends with its fill, and the fill is in no line.",
    ),
    Mutant(
        "a reservation ends with the cancel that is asked for",
        "risk.desk:Desk.cancelled",
        "self.gate.cancel_sent(kept.handle, now)",
        "self.gate.cancel_sent(kept.handle, now)\n        self.gate.release(kept.handle)\n        del self.kept[name]",
        RISK,
        "A cancel is taken for cancelled, and the order fills.",
    ),
    known("a stale price is a price", RISK, "Orders are valued by prices of long ago (V29)."),
    # --- tokens: what is permitted -----------------------------------------------------------------
    known(
        "nothing is reserved: what is out does not count",
        TOKENS,
        "Policy is checked one authorization at a time (T5).",
    ),
    Mutant(
        "what is on its way to a holder is not counted",
        "core.reservations:by_sums",
        "held + book.incoming.get(receiver, 0) + value",
        "held + value",
        TOKENS,
        "A holder's cap is asked of what is there, and not of what may come.",
    ),
    Mutant(
        "mints that are out are not counted",
        "core.reservations:by_sums",
        "book.supply + book.minting + value",
        "book.supply + value",
        TOKENS,
        "Two mints together pass the supply's cap.",
        (
            Edit(
                "core.reservations:_is_doubtful",
                "book.supply + book.minting + minted",
                "book.supply + minted",
            ),
        ),
    ),
    Mutant(
        "a mint is not counted in what it makes",
        "core.reservations:by_sums",
        "elif 0 <= limits.supply_max < book.supply + book.minting + value:",
        "elif 0 <= limits.supply_max < book.supply + book.minting:",
        TOKENS,
        "The supply's cap is asked of what there would be without it.",
    ),
    Mutant(
        "what is on its way to a group is not counted",
        "core.reservations:by_sums",
        "book.totals.get(group, 0) + book.arriving.get(group, 0) + value",
        "book.totals.get(group, 0) + value",
        TOKENS,
        "A jurisdiction's cap is asked of what is there, and not of what may come.",
    ),
    known(
        "what is on its way out is not counted",
        "lock_up_ends",
        "Each of two transfers leaves what is locked, and both together do not.",
    ),
    known(
        "a policy's caps are those of the first",
        TOKENS,
        "A policy that is published anew changes windows, and no limit.",
    ),
    known(
        "every permission of a holder has one lane", TOKENS, "Each takes the first lane's nonce."
    ),
    Mutant(
        "newcomers on their way are not counted",
        "core.reservations:_is_full",
        "len(book.balances) + len(book.newcomers) + joins",
        "len(book.balances) + joins",
        TOKENS,
        "Two transfers to two newcomers make one holder too many.",
    ),
    known(
        "nobody looks whether a receiver is sanctioned", TOKENS, "A rule of the policy is left out."
    ),
    Mutant(
        "facts that changed while it was judged",
        "core.authorizations:unfit",
        "if list(event.commitments) != _stated(token, wanted):",
        "if False:",
        TOKENS,
        "A judgement of yesterday's facts is acted on.",
    ),
    Mutant(
        "a policy that changed while it was judged",
        "core.authorizations:on_judged",
        "if event.policy_version != token.policy.version:",
        "if False:",
        TOKENS,
        "A judgement under the former policy is acted on.",
    ),
    known(
        "what is reserved stays so when it is over",
        TOKENS,
        "Headroom leaks with each authorization.",
    ),
    known("windows never end", TOKENS, "What was not used stays out for ever."),
    known(
        "a window is over by our own clock",
        TOKENS,
        "Compared with the wall clock: the chain's is behind.",
    ),
    known(
        "an epoch is in force once it is asked for, not once it is final",
        TOKENS,
        "What is void by an unmined transaction is permitted again.",
    ),
    known(
        "nobody is asked to raise the epoch that a tighter policy needs",
        TOKENS,
        "Old permissions outlive the policy.",
    ),
    known(
        "a revocation that comes too late uses up no nonce",
        "revoked_after_its_window",
        "The next authorization bears a nonce that is gone.",
    ),
    Mutant(
        "a nonce is given again while its window is open",
        "core.authorizations:_take_lane",
        "lane.bound_until <= final",
        "True",
        TOKENS,
        "Two permissions that are out bear one nonce.",
    ),
    # --- tokens: the register, the signer ----------------------------------------------------------
    known(
        "what a block mined that gave way stays mined", TOKENS, "A reorganisation is not unapplied."
    ),
    known("what is seen is final", TOKENS, "The head is taken for finality."),
    known(
        "what is final is told by one node", "lying_chain_nodes", "One node may leave out a log."
    ),
    known(
        "what nobody decided is nothing to speak of",
        TOKENS,
        "An orphan movement is applied in silence.",
    ),
    known(
        "what is minted is not counted in the supply",
        TOKENS,
        "The register's sum is not the contract's.",
    ),
    Mutant(
        "logs of a number instead of a hash",
        "tokens.requests:request",
        '{"blockHash": effect.block_hash, "address": contracts[effect.token]}',
        '{"fromBlock": "latest", "toBlock": "latest", "topics": []}',
        TOKENS,
        "The logs that belong to a block's number belong to another fork (T6).",
        (Edit("tokens.decoder:_logs", 'log["blockHash"] != block_hash or ', ""),),
    ),
    Mutant(
        "a pause is not heard",
        "core.register:_settle",
        'token.paused = log.kind == "paused"',
        "pass",
        TOKENS,
        "The contract is paused, and permissions go out (T4).",
    ),
    Mutant(
        "a signer takes s as its key says it",
        "tokens.signers.signature:completed",
        "Signature(r, min(s, ORDER - s), v)",
        "Signature(r, max(s, ORDER - s), v)",
        TOKENS,
        "High s: the contract refuses what was signed (T1).",
    ),
    Mutant(
        "a signer signs for a window that is over",
        "tokens.signers.verifying:_window",
        "if message.valid_before <= view.head:",
        "if True:",
        TOKENS,
        "Signers compare the wrong way round, and decline what is sound.",
    ),
    known(
        "signers are asked whether it could be reserved or not",
        TOKENS,
        "Refused, and signed all the same.",
    ),
)
