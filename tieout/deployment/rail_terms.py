"""What a deployment tells a node of any account of a rail: its assets, its schemes, their days."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from core.events import AccountOpened, AssetListed, Event
from rails import calendars, schemes
from tieout.node.dialects import DIALECTS

SECOND = 1_000_000_000
STREAM_NS = 86_400 * SECOND  # there is no stream that could fall silent
# Back for what is taken back yet, and on for the longest span of return, and a year to live.
DAYS_BACK, DAYS_ON = 400, 900


class Unfit(ValueError):
    """An account cannot be used as it is; the text says of which what is wrong, and what would
    do."""


def free_name(sort: str, name: str) -> None:
    """Frames are read by the first part of their account's name; raises `Unfit`."""
    if name in (*DIALECTS, "chain"):  # as which issued tokens are read
        raise Unfit(f"{sort} {name}: something else has that name; another would do")


def listed(decimals: Mapping[str, int]) -> list[Event]:
    """These assets, in so many decimals."""
    return [
        AssetListed(received_at=0, asset=asset, decimals=each) for asset, each in decimals.items()
    ]


def opened(account: str, statement_s: int, poll_s: int, *, clock_error_ns: int) -> Event:
    """An account of a keeper that tells lines, a record of them, and balances."""
    return AccountOpened(
        received_at=0,
        account=account,
        tells="lines",
        statements=("balances",),
        statement_period_ns=statement_s * SECOND,
        backfill_period_ns=poll_s * SECOND,
        settle_ns=2 * SECOND,
        silence_ns_max=STREAM_NS,
        clock_error_ns=clock_error_ns,
        ledger=True,
    )


def published(names: Iterable[str], account: str, now: int) -> list[Event]:
    """Schemes as used from an account, and the calendars that they go by."""
    table = schemes.load()
    today = datetime.fromtimestamp(now // SECOND, UTC).date()
    first, last = today - timedelta(days=DAYS_BACK), today + timedelta(days=DAYS_ON)
    days = dict.fromkeys(table[name].calendar for name in names if table[name].calendar)
    return [
        *(calendars.published(each, first, last, 0) for each in days),
        *(table[name].event(name, 0, account) for name in names),
    ]
