"""Ten planted bugs more by someone who had not read what sees bugs here, against today's claims.

Whoever wrote them knew core, risk, rails, tokens and venues, and none of the tests, oracles,
figures or scenarios. What the first run of the storms said of each stands, survivors included.
Two are sought since where their condition can be: no storm of venues moves cash, and in none of
tokens is any owed.
"""

from tests.mutants.catalogue import Mutant

SECOND: tuple[Mutant, ...] = (
    Mutant(
        name=(
            "A movement of cash that is told once more counts as the debit or credit of a "
            "later move."
        ),
        place="core.step",
        old='moves.on_told(state, move, event) if move and booked == "booked" else []',
        new='moves.on_told(state, move, event) if move and booked != "conflict" else []',
        storm="storm_between_venues",
        bug=(
            "The venue's record tells an earlier transfer again (a back-fill's overlap, or "
            "stream and record both); a move of the same asset and amount that is open by "
            "then is marked as left, or as arrived, by that echo: the strategy hears that "
            "cash came which never moved."
        ),
    ),
    Mutant(
        name="A cancel that was lost is not sent again once its order is partly filled.",
        place="core.trading",
        old=('if order.cancel_wanted and event.status in ("acknowledged", "partially_filled"):'),
        new='if order.cancel_wanted and event.status == "acknowledged":',
        storm="storm_venues",
        bug=(
            "The cancel of a partly filled order is lost; each answer to our query says "
            "partially_filled, and nothing is cancelled: the order that its strategy took "
            "back (or that the house halted) works on and fills."
        ),
    ),
    Mutant(
        name=(
            "Each telling of an order's progress adds its whole doubt to that of the "
            "tellings before."
        ),
        place="core.books",
        old='_doubt(state, f"{account.name}/{listing.quote}/cash", doubt - done.doubt)',
        new='_doubt(state, f"{account.name}/{listing.quote}/cash", doubt)',
        storm="storm_venues",
        bug=(
            "Where only average prices are told, the tolerance of the quote's cash grows "
            "with every progress and no exact value ever takes it back: a statement that "
            "differs by less than the sum agrees, so that a real difference has no suspect."
        ),
    ),
    Mutant(
        name="A transaction whose block gave way still counts as mined.",
        place="core.chain",
        old='attempt.block_number, attempt.block_hash, attempt.succeeded = 0, "", False',
        new="attempt.block_number, attempt.succeeded = 0, False",
        storm="storm_rails",
        bug=(
            "After a reorganisation that drops the transaction from chain and mempool it is"
            " neither handed in again nor made dearer, and does not block later nonces: the"
            " payment is never carried out, and all behind it wait."
        ),
    ),
    Mutant(
        name="A deposit that was taken back whole is taken back once more by a second debit.",
        place="core.deposits",
        old="left = [each for each in found if each.amount - each.returned >= amount]",
        new="left = [each for each in found if each.amount >= amount]",
        storm="storm_rails",
        bug=(
            "The bank books the reversal of a credit twice, under two line ids: the second "
            "debit is charged to the customer as a debt beyond the credit, instead of lying"
            " in suspense under its break."
        ),
    ),
    Mutant(
        name=("A new word of the engine changes no limit while it is as fresh as the word before."),
        place="risk.lease",
        old=(
            "        self.ceilings = {each.line: each.amount for each in event.ceilings}\n"
            "        self.at_word = [_reached(each) for each in _bounded(desk)]\n"
            "        self.open_now = CLOSED\n"
        ),
        new=(
            "        self.ceilings = {each.line: each.amount for each in event.ceilings}\n"
            "        self.at_word = [_reached(each) for each in _bounded(desk)]\n"
        ),
        storm="storm_risk",
        bug=(
            "The engine states ceilings (stale prices, turnover, stress) and answers in "
            "time, so that its age opens the same thousandths as before: the gate's numbers"
            " are not applied anew and orders pass that the ceilings forbid (or stay "
            "refused once they are lifted)."
        ),
    ),
    Mutant(
        name="A contract's new size does not make the engine's price of it stale.",
        place="risk.engine",
        old=("            self.terms[number] = terms\n            self.as_of[number] = 0\n"),
        new=("            self.terms[number] = terms\n"),
        storm="storm_risk",
        bug=(
            "A listing's multiplier changes and no newer reference has come: the reference "
            "that is there is not weighed anew, so the engine states the exposure of new "
            "contracts at the worth of old ones, as fresh, and its own proof agrees."
        ),
    ),
    Mutant(
        name=(
            "What a holder has on its way to others is not counted anew when its own group changes."
        ),
        place="core.reservations",
        old=(
            "moves = [each for each in book.open.values() if address in (each.sender, "
            "each.receiver)]"
        ),
        new="moves = [each for each in book.open.values() if each.receiver == address]",
        storm="storm_tokens",
        bug=(
            "The facts of a sender change its group while a transfer of its is open; when "
            "that ends, the sum of what arrives in the receiver's group is off by its value"
            " for ever, and (below nothing) lets movements pass that break the group's cap."
        ),
    ),
    Mutant(
        name=("Cash that was taken back and is owed to us counts no more in what mints stand on."),
        place="core.subscriptions",
        old="risk = source.contingent + ledger.owed(source) if source is not None else 0",
        new="risk = source.contingent if source is not None else 0",
        storm="owed_is_not_minted_on",
        bug=(
            "A token was minted on cash that its customer's bank then took back: until the "
            "debt is paid it should fill the mint limit, but new mints are let stand on "
            "revocable cash as if the first had been paid for."
        ),
    ),
    Mutant(
        name=("A round that began before the open orders were told counts as begun after them."),
        place="core.cut",
        old="reading.listed_at = event.received_at",
        new="reading.listed_at = event.asked_at",
        storm="storm_venues",
        bug=(
            "After a journal lost its tail, a round of fills begins between asking for the "
            "open orders and their answer, and an order fills and is over between the two: "
            "the account counts as read back without it, and entries are permitted on books"
            " that lack it."
        ),
    ),
)
