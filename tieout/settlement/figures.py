"""What `summary.json` says of settlement, and what the oracles find wrong with it."""

from collections import Counter
from typing import Any, get_args

from core import exchanges, exposure, ledger
from core.journal import Store
from core.money import show
from core.settlement_state import ItemCause, Leg, Settlement
from core.state import State
from core.transfers import view
from sim import exchange_oracle, fee_oracle
from sim.payments import Payments
from sim.world import SECOND
from tieout.claims.chain_words import ended_by_one
from tieout.claims.signings import nonces_doubled
from tieout.claims.silences import settled_unasked
from tieout.settlement.simulated import Rails
from tieout.settlement.twins import DECIMALS
from tieout.settlement.view import PaymentView

DAY = 24 * 3600 * SECOND
RECALL_GRACE = 6 * DAY
# Refusals that are no fault of the request: whether they are right the oracle of customers judges.
OF_ROOM = ("NO_FUNDS", "OVER_LIMIT", "OVER_POSITION", "DETAILS_CORRECTED")


def settlement_figures(
    rails: Rails, state: State, store: Store, now: int, *, crashed: bool
) -> dict[str, Any]:
    """What `summary.json` says of settlement."""
    settlement = state.settlement
    differences = rails.oracle.differences(now)
    moved_by = [(leg.scheme or leg.kind, leg.status) for leg in settlement.legs.values()]
    statuses = Counter(f"{how}/{status}" for how, status in moved_by)
    opened = [(n, times) for n, times in sorted(state.counts.items()) if n.startswith("items/")]
    rails.look_at_losses()
    astray, off = rails.judge.astray(crashed=crashed), rails.judge.balances_off()
    books = PaymentView(state, store, rails.closed)
    fees_off = fee_oracle.faults(rails.payments, books)
    exchanged, bounds = rails.judge.exchanged(), rails.judge.limits
    exchanges_off = exchange_oracle.faults(rails.desk, exchanged, bounds, books)
    strayed, undone_wrongly = rails.suspense.off(), rails.undoing.faults()
    accounts_off = rails.lines.differences()
    return {
        "payments": len(rails.payments.all),
        "doubled": len(rails.oracle.doubled()),
        "nonces_doubled": len(nonces_doubled(store)),
        "settled_unasked": len(settled_unasked(settlement, store)),
        "ended_by_one": len(ended_by_one(state, store)),
        "returns_strange": len(returns_strange(settlement)),
        "differences": len(differences),
        "pending": len(pending(state)),
        "misjudged": len(misjudged(rails, state, crashed=crashed)),
        "told_wrongly": len(rails.judge.told_wrongly),
        "astray": len(astray),
        "balances_off": len(off),
        "fees_off": len(fees_off),
        "exchanges_off": len(exchanges_off),
        "exchanged": len(exchanged),
        "positions": positions(state),
        "suspense_off": len(strayed),
        "lines_misplaced": len(rails.lines.misplaced),
        "undone_wrongly": len(undone_wrongly),
        "raises_too_small": len(rails.payments.raised_too_little),
        "accounts_off": len(accounts_off),
        "over_limit_in_truth": len(rails.judge.over_limit),
        "outstanding": sum(map(is_left, settlement.legs.values())),
        "ledger_faults": len(rails.ledger_faults),
        "limit_excess": sum(rails.excesses.values()),
        "recalls_off": len(recalls_off(rails, books, now)),
        "to_old_details": len(to_old_details(rails.payments)),
        # No simulated keeper returns anything that its rail lets stand.
        "called_illegal": state.counts.get("items/illegal_return", 0),
        "open_items": len(settlement.items),
        "items": {name.removeprefix("items/"): times for name, times in opened},
        "open": {
            cause: sum(item.cause == cause for item in settlement.items.values())
            for cause in sorted(get_args(ItemCause))
        },
        "legs": dict(sorted(statuses.items())),
        "told": dict(sorted(Counter(each.status for each in rails.told).items())),
        "exposed_max": dict(sorted(rails.exposed_max.items())),
        "reversal_loss": reversal_loss(state),
        "reversal_excess": len(rails.reversals.beyond()),
        "overdrawn": len(rails.reversals.overdrawn),
        "held_beyond": len(rails.holds.beyond),
        "reversal_most": [
            {
                "limit": each.limit,
                "sum": f"{each.scope} {each.subject}".strip(),
                "asset": each.asset,
                "lost": show(each.amount, DECIMALS[each.asset]),
                "bound": show(each.bound, DECIMALS[each.asset]),
            }
            for _, each in sorted(rails.reversals.most.items())
        ],
        "passive_breaches": passive_breaches(state),
        "detail": [
            {
                "payment": each.payment_id,
                "scheme": each.scheme,
                "books": each.books,
                "truth": each.truth,
                "at_s": (each.at - rails.epoch_ns) / SECOND,
            }
            for each in [*rails.oracle.wrongly_settled, *differences][:20]
        ]
        + [{"ledger": text} for text in rails.ledger_faults[:5]]
        + [
            {"customers": text}
            for text in [*rails.judge.told_wrongly, *astray, *off, *undone_wrongly][:20]
        ]
        + [{"reversals": text} for text in rails.reversals.beyond()[:20]]
        + [{"holds": text} for text in rails.holds.beyond[:20]]
        + [{"fees": text} for text in fees_off[:20]]
        + [{"exchanges": text} for text in exchanges_off[:20]]
        + [{"suspense": text} for text in strayed[:5]]
        + [{"lines": text} for text in [*rails.lines.misplaced, *accounts_off][:20]],
    }


def is_left(leg: Leg) -> bool:
    """Whether something is left of a payment that should be gone: in clearing, held, or exposed."""
    over = leg.status in ("failed", "cancelled", "returned")
    # What came back after a customer had it counts until it is paid, and its rest may come back.
    counts = ledger.owed(leg) + leg.contingent
    return bool(leg.outstanding or leg.held or (over and leg.exposed > counts))


def returns_strange(settlement: Settlement) -> list[str]:
    """Payments of ours of which more is said to have come back than went."""
    items = settlement.items.values()
    strange = [each.subject for each in items if each.cause == "unmatched_return"]
    return [subject for subject in strange if subject in settlement.legs]


def recalls_off(rails: Rails, books: "PaymentView", now: int) -> list[str]:
    """What was asked back, of us or by us, and not once: twice, or not at all after days."""
    world = rails.payments
    found = [
        f"{name} was asked for, or answered, by {each.messages or each.answers}"
        for name, each in (*world.recalls.items(), *world.recalls_of_us.items())
        if len(each.messages) > 1 or len(each.answers) > 1
    ]
    for payment_id, at in rails.asked_back.items():
        truth = world.all.get(payment_id)
        stands = truth is not None and truth.failed_at < 0 and truth.returned_at < 0
        if books.recalled(payment_id) and stands and at < now - RECALL_GRACE:
            found += [] if payment_id in world.recalls else [f"{payment_id} was never asked back"]
    for name, each in world.recalls_of_us.items():
        lies = books.lies(each.line)
        if lies and each.answers:
            found.append(f"{name} was answered, and nobody said whose it is")
        waits = lies or books.decided_at(name) >= now - RECALL_GRACE
        if not each.answers and each.asked_at < now - RECALL_GRACE and not waits:
            found.append(f"{name} has no answer of ours")
    return found


def to_old_details(world: Payments) -> list[str]:
    """Payments that went to details a day and more after these were told to be wrong."""
    return [
        payment.payment_id
        for payment in world.all.values()
        if payment.applied_at > world.corrected_at.get(payment.to, payment.applied_at) + DAY
    ]


def misjudged(rails: Rails, state: State, *, crashed: bool) -> list[str]:
    """Requests that were wrong by design and taken, or sound by design and refused for a fault of
    their own (that funds or limits do not suffice is none)."""
    found = []
    for transfer in state.settlement.transfers.values():
        wrong = transfer.transfer_id in rails.customers.wrong
        faulty = bool(transfer.refusal) and transfer.refusal not in OF_ROOM
        if (faulty and not wrong) or (wrong and not transfer.refusal):
            found.append(f"{transfer.transfer_id}: {transfer.refusal or 'taken'}")
    reused = state.counts.get("refused/ID_REUSED", 0)
    if not crashed and reused != rails.judge.reused:
        found.append(f"{reused} ids called used before, {rails.judge.reused} were")
    return found


def reversal_loss(state: State) -> dict[str, str]:
    """What came back after customers had it, and is owed to us still, by asset."""
    owed: dict[str, int] = {}
    for name, amount in state.settlement.ledger.items():
        if name.startswith("receivable/") and amount:
            asset = ledger.asset_of(name)
            owed[asset] = owed.get(asset, 0) + amount
    return {asset: show(amount, DECIMALS[asset]) for asset, amount in sorted(owed.items())}


def passive_breaches(state: State) -> list[dict[str, str | float]]:
    """The sums that others took above a limit: which, how high, and for how many seconds."""
    found: list[dict[str, str | float]] = []
    settlement = state.settlement
    for key, most in sorted(settlement.over_most.items()):
        limit, (scope, subject, asset) = exposure.limit_of(state, key), key.split("/")
        since = settlement.over_since.get(key, state.now)
        found.append(
            {
                "limit": limit.limit if limit is not None else "",
                "sum": f"{scope} {subject}".strip(),
                "asset": asset,
                "most": show(most, DECIMALS[asset]),
                "bound": show(limit.amount, DECIMALS[asset]) if limit is not None else "",
                "seconds": (settlement.over_ns.get(key, 0) + state.now - since) / SECOND,
            }
        )
    return found


def positions(state: State) -> dict[str, dict[str, str]]:
    """What is open of each pair, what it cost, what it would gain now, and what was realised."""
    found = {}
    for name, position in sorted(state.settlement.positions.items()):
        base, against = position.base, position.against
        now = exchanges.unrealised(state, name)
        found[name] = {
            "open": show(position.of(base), DECIMALS[base]),
            "against": show(position.of(against), DECIMALS[against]),
            "unrealised": show(now, DECIMALS[against]) if now is not None else "",
            "realised": show(position.realised, DECIMALS[against]),
        }
    return found


def pending(state: State) -> list[str]:
    """The transfers that a customer still sees as pending."""
    return [
        transfer.transfer_id
        for transfer in state.settlement.transfers.values()
        if view(state, transfer)[0] == "pending"
    ]
