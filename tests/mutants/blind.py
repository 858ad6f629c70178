"""Ten planted bugs by someone who had not read what sees bugs here: a sample, not a selection.

Whoever wrote them knew the code that they stand in and none of the tests, oracles, figures or
scenarios. What the first run of the storms said of each stands, survivors included.
"""

from tests.mutants.catalogue import Mutant

FIRST: tuple[Mutant, ...] = (
    # --- execution --------------------------------------------------------------------------------
    Mutant(
        name="An answer that was long on its way proves that an order never arrived.",
        place="core.trading",
        old="    if event.asked_at - order.requested_at < grace_ns(account):",
        new="    if event.received_at - order.requested_at < grace_ns(account):",
        storm="storm_venues",
        bug=(
            "The grace is measured to when the answer came, not to when it was asked for: of an"
            " order that was asked after before its request arrived, and answered late, we say that"
            " it is rejected, and free what it reserves, while it works at the venue."
        ),
    ),
    Mutant(
        name="A back-fill that began before the suspect counts as evidence against it.",
        place="core.reconcile",
        old="        began_after = suspect.opened_at <= account.backfill.started_at",
        new="        began_after = suspect.opened_at <= account.backfill.finished_at",
        storm="storm_venues",
        bug=(
            "Every round that ends is one that the suspect survived, also one that had read past"
            " the place of a fill before the suspect opened: where the fill's stream message was"
            " lost, people are handed a break that the next round would have explained."
        ),
    ),
    Mutant(
        name="A fill that is told after its bust is booked.",
        place="core.books",
        old=(
            "    if fill is None:\n"
            "        account.seen[fill_id] = _content(event)\n"
            "        post(state, lines + undone"
        ),
        new="    if fill is None:\n        post(state, lines + undone",
        storm="storm_venues",
        bug=(
            "Where a bust overtakes its fill, both are booked, but the fill's id is not remembered:"
            " its own telling is then no echo, and the holding has a fill that the venue undid."
        ),
    ),
    # --- settlement -------------------------------------------------------------------------------
    Mutant(
        name="One node's word settles a payment on a chain.",
        place="core.chain",
        old=(
            "    words = {attempt.told.get(source)"
            " for source in state.accounts[leg.account].sources}\n"
        ),
        new="    words = set(attempt.told.values())\n",
        storm="storm_rails",
        bug=(
            "Only the nodes that answered are compared, so the first to answer agrees with itself:"
            " where it tells of a block that is none, or says reverted for succeeded, or the other"
            " is down, the payment is settled or failed by one word."
        ),
    ),
    Mutant(
        name="What a customer owes us may be spent.",
        place="core.ledger",
        old=(
            '    owed = ledger.get(f"held/{name}/{asset}", 0)'
            ' + ledger.get(f"receivable/{name}/{asset}", 0)\n'
        ),
        new='    owed = ledger.get(f"held/{name}/{asset}", 0)\n',
        storm="storm_rails",
        bug=(
            "The receivable is left out of what is owed: after a payment in was returned that its"
            " customer had already, all that is posted can be paid out, and nothing is left to set"
            " what is owed off against."
        ),
    ),
    # --- risk -------------------------------------------------------------------------------------
    Mutant(
        name="A buy that closes a disputed short takes our word against the venue's.",
        place="risk.controls",
        old="holding.long + lots <= min(0, -holding.disputed)",
        new="holding.long + lots <= min(0, holding.disputed)",
        storm="storm_risk",
        bug=(
            "The dispute counts with the sign of a sell: where the venue says that less is short"
            " than we say, a buy of all that we count passes as a reduction under a kill, and flips"
            " the position there; where it says more, honest reductions are refused."
        ),
    ),
    Mutant(
        name="What a gate spent on orders that have not come is lent again.",
        place="core.leases",
        old="            total += max(0, _ceiling(epoch, name) - epoch.spent.get(name, 0))",
        new="            total += max(0, _ceiling(epoch, name) - _spent(epoch, name))",
        storm="storm_risk",
        bug=(
            "Spent by the gate's word is taken for spent by tickets: while an order is on its way"
            " and its gate's report overtakes it, its amount is neither unspent nor reserved, so"
            " another gate may be lent it and the line's limit is overdrawn."
        ),
    ),
    # --- tokens -----------------------------------------------------------------------------------
    Mutant(
        name="A sender's new mark leaves what is open of it in the old sums.",
        place="core.reservations",
        old="if address in (each.sender, each.receiver)]",
        new="if address == each.receiver]",
        storm="storm_tokens",
        bug=(
            "When a holder with an open transfer out changes groups, the transfer is not counted"
            " anew: whether it crosses into the receiver's group is another answer at its release"
            " than at its reservation, so what arrives in the group is off by its value for good,"
            " and the group's cap refuses what fits or passes what does not."
        ),
    ),
    Mutant(
        name="Who vouched for one block has vouched for the next.",
        place="core.register",
        old="        token.blocks.pop(0)\n        token.vouched.clear()\n",
        new="        token.blocks.pop(0)\n",
        storm="storm_tokens",
        bug=(
            "The vouchers are not forgotten when a block becomes final: the blocks after it become"
            " final without being asked of the other node, and a log that one node left out or"
            " invented in them is booked for good."
        ),
    ),
    # --- the node ---------------------------------------------------------------------------------
    Mutant(
        name="After a cut the boot epoch is chosen again.",
        place="core.node",
        old="    return max(state.epoch, store.epoch) + 1",
        new="    return state.epoch + 1",
        storm="storm_venues",
        bug=(
            "Only the epoch that the journal still knows counts: where a cut took the last boot"
            " with it, the next one chooses the same client order ids, and what is told of a lost"
            " order is taken for a new one."
        ),
    ),
)
