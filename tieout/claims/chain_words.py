"""What ended on a chain, beside what the journal heard of it: each node's word, once it is final.

A node may lie, and a block that it calls final may be none. Read off the journal, and shared with
nothing that decides.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from core.journal import Store, decode_event
from core.rail_events import HeadReported, TransactionReported
from core.settlement_state import Leg
from core.state import State

HEARD = ("HeadReported", "TransactionReported")


@dataclass(slots=True)
class Words:
    """What the nodes of one account said, in the order in which we heard it: since when each calls
    a block final, and of each transaction its newest word."""

    sources: tuple[str, ...]
    finals: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    newest: dict[tuple[str, str], TransactionReported] = field(default_factory=dict)

    def on_head(self, told: HeadReported) -> None:
        finals = self.finals.setdefault(told.source, [])
        if not finals or told.finalized > finals[-1][0]:
            finals.append((told.finalized, told.received_at))

    def are_one(self, told: TransactionReported) -> bool:
        """Whether every node says of it what this one does, and was asked when it was final."""
        final_at = [self._final_at(source, told.block_number) for source in self.sources]
        for source in self.sources:
            word = self.newest.get((source, told.tx_hash))
            if word is None or _word(word) != _word(told) or word.asked_at <= max(final_at):
                return False
        return True

    def _final_at(self, source: str, number: int) -> int:
        """When the node first called that block final; beyond every answer if it never did."""
        since = [at for final, at in self.finals.get(source, ()) if final >= number]
        return since[0] if since else 2**63 - 1


def ended_by_one(state: State, store: Store) -> list[str]:
    """Payments that settled or failed by a node's word about a block, and without every other's."""
    legs = dict(_on_chains(state.settlement.legs.values()))
    accounts = {account for account, _ in legs}
    words = {name: Words(tuple(state.accounts[name].sources)) for name in sorted(accounts)}
    found: dict[str, None] = {}
    for record in store.records():
        if record.name not in HEARD:
            continue
        match decode_event(record.body):
            case HeadReported() as told if told.account in words:
                words[told.account].on_head(told)
            case TransactionReported() as told if told.account in words:
                its = words[told.account]
                its.newest[told.source, told.tx_hash] = told
                leg = legs.get((told.account, told.tx_hash))
                if leg is not None and told.frame in leg.evidence and not its.are_one(told):
                    found[leg.payment_id] = None
    return list(found)


def _on_chains(legs: Iterable[Leg]) -> Iterator[tuple[tuple[str, str], Leg]]:
    for leg in legs:
        for attempt in leg.attempts:
            yield (leg.account, attempt.tx_hash), leg


def _word(told: TransactionReported) -> tuple[str, str, bool]:
    return told.status, told.block_hash, told.succeeded
