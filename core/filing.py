"""How the files that a counterparty is sent are told apart, where their names are scarce.

A NACHA file is known by who made it, the minute in which it was made, and a modifier of one
character: no more than so many files of one minute can be told apart.

Rule 1. Files of an account are numbered one after another; who writes one takes its name from that.
Rule 2. A round of names begins in a minute later than the last one ended, so that no name comes
twice: what is more than a minute holds says that it was made in the next.
"""

from core.rail_events import SchemePublished
from core.settlement_state import Filed
from core.state import State

MINUTE = 60_000_000_000


def next_file(state: State, scheme: SchemePublished, account: str, now: int) -> tuple[int, int]:
    """The number of the next file, and when it says that it was made; no number where files have
    names of their own."""
    most = scheme.files_per_minute_max
    if not most:
        return 0, now
    filed = state.settlement.filed.setdefault(account, Filed())
    at = max(now, filed.at)
    if filed.made and filed.made % most == 0 and at // MINUTE == filed.at // MINUTE:
        at = (at // MINUTE + 1) * MINUTE
    filed.made, filed.at = filed.made + 1, at
    return filed.made, at
