"""What a node is told of an account before it trades: how its venue tells, and what is listed.

The same facts open a simulated account and a live one; only who says them differs.
"""

from collections.abc import Iterator

from core.events import AccountOpened, InstrumentListed
from core.money import quantity
from scenarios.model import InstrumentSpec, VenueSpec
from tieout.node.dialects import DIALECTS, MODELS

MS = 1_000_000
SETTLE_NS = 400 * MS
SILENCE_NS = 12_000 * MS


def account_opened(spec: VenueSpec, now: int) -> AccountOpened:
    """How the account of that venue tells, and how often it is asked."""
    dialect = DIALECTS[spec.dialect]
    return AccountOpened(
        received_at=now,
        account=spec.account,
        tells=dialect.tells,
        statements=dialect.statements,
        statement_period_ns=spec.statement_period_ms * MS,
        backfill_period_ns=spec.backfill_period_ms * MS,
        settle_ns=SETTLE_NS,
        silence_ns_max=SILENCE_NS * spec.pace,
        clock_error_ns=(abs(spec.skew_ms) + 2) * MS,
        bracketed=dialect.bracketed,
        hedged=dialect.hedged,
        ledger=dialect.ledger,
        instruments=dialect.instruments,
        request_validity_ns=spec.request_validity_ms * MS,
        latency_ns_max=2 * spec.latency_ms_p99 * MS,
        page_rows=spec.page_rows,
    )


def instrument_listed(
    spec: VenueSpec, each: InstrumentSpec, listing: int, now: int
) -> InstrumentListed:
    """One instrument, under the listing that its ids count in."""
    return InstrumentListed(
        received_at=now,
        account=spec.account,
        instrument=each.symbol,
        kind=MODELS[spec.dialect],
        base=each.base,
        quote=each.quote,
        settle=each.settle or each.quote,
        multiplier=quantity(str(each.multiplier)),
        listing=listing,
    )


def opened(spec: VenueSpec, now: int) -> Iterator[AccountOpened | InstrumentListed]:
    """The account, then all that is listed there, as of a first start."""
    yield account_opened(spec, now)
    for each in spec.instruments:
        yield instrument_listed(spec, each, 1, now)
