"""Which blocks a register calls final, beside what the journal heard of them: each node's word.

One node may leave out a log, or invent one. Read off the journal, and shared with nothing that
decides.
"""

from collections.abc import Iterator

from core.journal import Store, decode_event
from core.state import State
from core.token_events import TokenBlockReported
from core.token_state import Token

# What each node told of a block, by the block's hash; a node may tell otherwise later.
Told = dict[str, dict[str, list[TokenBlockReported]]]


def final_by_one(state: State, store: Store) -> list[str]:
    """Blocks that are final in a register, and of which not every node told the same."""
    return [
        f"{token.name} block {number}"
        for token in state.tokens.values()
        for number, told in _finals(token, _told(token.name, store))
        if not _are_one(told, state.accounts[token.account].sources)
    ]


def _told(token: str, store: Store) -> Told:
    told: Told = {}
    for record in store.records():
        if record.name == "TokenBlockReported":
            event = decode_event(record.body)
            assert isinstance(event, TokenBlockReported)
            if event.token == token:
                told.setdefault(event.block_hash, {}).setdefault(event.source, []).append(event)
    return told


def _finals(token: Token, told: Told) -> Iterator[tuple[int, dict[str, list[TokenBlockReported]]]]:
    """From the final block down, by the parents that were told, to the one that it began with."""
    block_hash = token.blocks[0].block_hash if token.blocks else ""
    while block_hash in told:
        each = told[block_hash]
        first = next(iter(each.values()))[0]
        yield first.number, each
        block_hash = first.parent_hash


def _are_one(told: dict[str, list[TokenBlockReported]], sources: tuple[str, ...]) -> bool:
    """Whether there is something that every node said of it."""
    said = [{_content(each) for each in told.get(source, ())} for source in sources]
    return bool(set.intersection(*said))


def _content(told: TokenBlockReported) -> tuple[object, ...]:
    return told.number, told.parent_hash, told.timestamp, told.logs
