"""The table of authorizations: a row for each that was asked for, as it stands at the end.

Amounts are whole base units of the token. `evidence` are the records that tell of it, `event` the
first of them: its request. `signed_at` is when the last signature needed was here, `final_at` when
the block of its movement was final; `block_number` is 0 until then.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from core.authorizations import SECOND
from core.state import State
from tieout.reports.history import History

Row = tuple[Any, ...]


def authorizations(past: History, state: State) -> Iterable[Row]:
    """In the order in which they were asked for."""
    moved = {
        each.authorization.name: each
        for each in past.issued.movements
        if each.authorization is not None
    }
    for wanted in past.issued.authorizations.values():
        final = moved.get(wanted.name)
        evidence = tuple(each.number for each in past.issued.about[wanted.name])
        yield (
            wanted.requested_at,
            wanted.name,
            past.issued.tokens[wanted.name],
            wanted.kind,
            wanted.caller,
            wanted.request_id,
            wanted.sender,
            wanted.receiver,
            Decimal(wanted.value),
            wanted.status,
            wanted.reason,
            wanted.policy_version,
            wanted.decision_hash,
            wanted.valid_after * SECOND,
            wanted.valid_before * SECOND,
            len(wanted.signatures),
            past.issued.signed_at.get(wanted.name, 0),
            final.final_at if final is not None else 0,
            final.block.number if final is not None else 0,
            wanted.tx_hash,
            wanted.block_hash,
            evidence,
            evidence[0],
        )
