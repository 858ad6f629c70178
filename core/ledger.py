"""The double-entry book of settlement: balanced entries that name their evidence.

Rule 1. The lines of an entry sum to zero in every asset; the book is the sum of its entries, and an
entry is never changed: what was wrong is booked once more with the other sign.
Rule 2. A line on a nostro moves the holding of that account by the same amount, at the moment when
the counterparty booked it: the book's nostro and the holding that statements are compared with are
one figure told twice.
Rule 3. The intent of a customer lowers what is available, never what is posted.
"""

from core import books
from core.settlement_state import Credited, LedgerEntry, Leg
from core.state import Posting, State
from core.token_state import Token

NOSTRO = "nostro/"
OF_LEGS = ("transit/", "held/", "contingent/", "exchange/")


def book(
    state: State,
    purpose: str,
    subject: str,
    frame: int,
    lines: tuple[tuple[str, int], ...],
    occurred_at: int = 0,
) -> None:
    """Post one entry. `subject` is the payment or line it is about, `frame` its evidence (0: ours).

    Lines of nothing are left out, and an entry of nothing is no entry.
    """
    lines = tuple([line for line in lines if line[1]])
    if not lines:
        return
    assert _balances(lines), (purpose, subject, lines)
    ledger = state.settlement.ledger
    for name, amount in lines:
        ledger[name] = ledger.get(name, 0) + amount
        if name.startswith(NOSTRO):
            account, _, asset = name.removeprefix(NOSTRO).rpartition("/")
            holding = f"{account}/{asset}/cash"
            figure = f"settlement/{account}/{purpose}/{asset}"
            books.post(state, [Posting(holding, figure, amount)], occurred_at or state.now, 0)
    state.booked.append(LedgerEntry(purpose, subject, frame, lines))


def _balances(lines: tuple[tuple[str, int], ...]) -> bool:
    sums: dict[str, int] = {}
    for name, amount in lines:
        asset = asset_of(name)
        sums[asset] = sums.get(asset, 0) + amount
    return not any(sums.values())


# --- names ---------------------------------------------------------------------------------------


def asset_of(name: str) -> str:
    """The asset that an account of the ledger is kept in."""
    return name.rpartition("/")[2]


def nostro(account: str, asset: str) -> str:
    return f"nostro/{account}/{asset}"


def customer(name: str, asset: str) -> str:
    return f"customer/{name}/{asset}"


def theirs(leg: Leg) -> str:
    """Who pays for a leg and is paid by it: its customer, or an account of ours in his place."""
    return leg.source or customer(leg.customer, leg.asset)


def unsettled(name: str, asset: str) -> str:
    return f"unsettled/{name}/{asset}"


def transit(leg: Leg) -> str:
    """What a leg has under way: over a scheme, or to and from the issuer of a token."""
    return f"transit/{leg.scheme or f'{leg.kind}:{leg.buys}'}/{leg.asset}"


def issuer(token: str, asset: str) -> str:
    """What was paid for a token that exists, and is owed to whoever gives it back."""
    return f"issuer/{token}/{asset}"


def fees(leg: Leg) -> str:
    return f"fees/{leg.scheme}/{leg.asset}"


def suspense(account: str, asset: str) -> str:
    return f"suspense/{account}/{asset}"


# --- what a customer has -------------------------------------------------------------------------


def posted(state: State, name: str, asset: str) -> int:
    """What we owe the customer, as the ledger stands."""
    return -state.settlement.ledger.get(customer(name, asset), 0)


def available(state: State, name: str, asset: str) -> int:
    """What the customer may still dispose of: posted, less held, less what is owed to us."""
    ledger = state.settlement.ledger
    owed = ledger.get(f"held/{name}/{asset}", 0) + ledger.get(f"receivable/{name}/{asset}", 0)
    return posted(state, name, asset) - owed


def owed(what: Leg | Credited) -> int:
    """What is owed to us still of what came back after its customer had it."""
    if isinstance(what, Leg) and not (what.kind == "in" and what.settled_at):
        return 0
    return what.returned - what.set_off - what.written_off


def receivable(what: Leg | Credited) -> str:
    return f"receivable/{what.customer}/{what.asset}"


def hold(state: State, leg: Leg, amount: int) -> None:
    """Hold part of a customer's balance for a leg (or, of a negative amount, let it go again)."""
    leg.held += amount
    lines = (
        (f"held/{leg.customer}/{leg.asset}", amount),
        (f"intended/{leg.scheme or leg.kind}/{leg.asset}", -amount),
    )
    book(state, "hold", leg.payment_id, 0, lines)


def memorise(state: State, leg: Leg | Credited, amount: int, frame: int) -> None:
    """Note (or strike out) that a settled amount may still come back."""
    leg.contingent += amount
    lines = (
        (f"contingent/{leg.scheme}/{leg.asset}", amount),
        (f"revocable/{leg.scheme}/{leg.asset}", -amount),
    )
    book(state, "contingent", leg.payment_id, frame, lines)


# --- what must hold after every event ------------------------------------------------------------


def faults(state: State) -> list[str]:
    """What does not hold of the ledger, as texts; none is the rule.

    Every asset sums to zero; each clearing account is the sum of what its legs have outstanding;
    what is held and contingent is the sum over legs, and over credits that may be taken back; each
    position account is the sum of its open lots; each nostro is its holding. What the issuer of a
    token has is what its final supply was paid with.
    """
    settlement = state.settlement
    sums: dict[str, int] = {}
    rests: dict[str, int] = {}
    found: list[str] = []
    for name, amount in settlement.ledger.items():
        sums[asset_of(name)] = sums.get(asset_of(name), 0) + amount
        if name.startswith(OF_LEGS):
            rests[name] = amount
        elif name.startswith(NOSTRO):
            held = state.holdings.get(f"{name.removeprefix(NOSTRO)}/cash", 0)
            if held != amount:
                found.append(f"{name} is {amount}, its holding {held}")
    for payment_id in settlement.open_legs:
        leg = settlement.legs[payment_id]
        for name, amount in (
            (transit(leg), leg.outstanding),
            (f"held/{leg.customer}/{leg.asset}", leg.held),
            (f"contingent/{leg.scheme}/{leg.asset}", leg.contingent),
        ):
            rests[name] = rests.get(name, 0) - amount
    for pair, position in settlement.positions.items():
        for asset in (position.base, position.against):
            name = f"exchange/{pair}/{asset}"
            rests[name] = rests.get(name, 0) + position.of(asset)
    for subject in settlement.credits_open:
        credit = settlement.credits[subject]
        name = f"contingent/{credit.scheme}/{credit.asset}"
        rests[name] = rests.get(name, 0) - credit.contingent
    for token in state.tokens.values():
        found += _unpaid(state, token)
    found += [f"{asset}: the ledger sums to {total}" for asset, total in sums.items() if total]
    found += [
        f"{name} is off the sum of its legs or lots by {rest}"
        for name, rest in rests.items()
        if rest
    ]
    return found


def _unpaid(state: State, token: Token) -> list[str]:
    """A token that is issued for cash, and whose issuer has more or less than its supply cost."""
    offering = token.offering
    if offering is None:
        return []
    has = -state.settlement.ledger.get(issuer(token.name, offering.asset), 0)
    cost = offering.price * (token.reserved.supply - offering.unpaid)
    return [] if has == cost else [f"{token.name}: its issuer has {has}, what exists cost {cost}"]
