"""The cap table of an issued token: who held how much in any block that is final.

True here: it is the sum of what final blocks moved, read from a journal, so that the table of a
block never changes again; and the last one is the register's own, or none is given out.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from core.authorizations import SECOND
from core.journal import Store
from core.token_state import TokenBlock
from tieout.reports.history import history


class NotFinal(LookupError):
    """No such token, or no final block of that number is known; the text says what is."""


@dataclass(slots=True, frozen=True)
class CapTable:
    """What each holder had when a block was over, the largest first. `at` is the block's own time,
    in nanoseconds."""

    token: str
    number: int
    block_hash: str
    at: int
    held: Mapping[str, int]

    @property
    def supply(self) -> int:
        """What was issued and not destroyed."""
        return sum(self.held.values())

    def share(self, holder: str) -> float:
        """The holder's part of the supply, for the eye; `held` is exact."""
        return self.held.get(holder, 0) / self.supply if self.supply else 0.0


def cap_table(store: Store, token: str, block: int | None = None) -> CapTable:
    """As of the end of that block; without one, of the last that is final. Raises `NotFinal`."""
    blocks = _blocks(store, token)
    first, last = blocks[0].number, blocks[-1].number
    number = last if block is None else block
    if not first <= number <= last:
        raise NotFinal(f"block {number} of {token} is not final here; {first} to {last} are")
    return next(each for each in _tables(token, blocks) if each.number == number)


def cap_tables(store: Store, token: str) -> list[CapTable]:
    """Of the first block known, of each that moved something, and of the last that is final, in
    their order. Raises `NotFinal` where there is no such token."""
    blocks = _blocks(store, token)
    ends = (blocks[0].number, blocks[-1].number)
    moved = {each.number for each in blocks if any(log.kind == "moved" for log in each.logs)}
    return [each for each in _tables(token, blocks) if each.number in moved or each.number in ends]


def _blocks(store: Store, token: str) -> list[TokenBlock]:
    """The final ones; what they moved is what the register has."""
    past = history(store)
    blocks = past.issued.blocks.get(token)
    if blocks is None:
        known = ", ".join(past.issued.blocks) or "none"
        raise NotFinal(f"no token {token!r} in this journal; there is {known}")
    *_, last = _tables(token, blocks)
    final = past.state.tokens[token].reserved.balances
    assert dict(last.held) == final, f"{token}: what final blocks moved is not the register's"
    return blocks


def _tables(token: str, blocks: list[TokenBlock]) -> Iterator[CapTable]:
    """One after each block."""
    held: dict[str, int] = {}
    for block in blocks:
        for log in block.logs:
            if log.kind == "moved":
                _move(held, log.sender, -log.value)
                _move(held, log.receiver, log.value)
        ranked = dict(sorted(held.items(), key=lambda each: (-each[1], each[0])))
        at = block.timestamp * SECOND
        yield CapTable(token, block.number, block.block_hash, at, ranked)


def _move(held: dict[str, int], who: str, change: int) -> None:
    if who:
        total = held.pop(who, 0) + change
        if total:
            held[who] = total
