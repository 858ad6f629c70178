"""What a journal tells of issued tokens: of each authorization what was heard, of each movement its
block and what permitted it.

Rule 1. A movement stands here when its block is final, in the order of the chain; with the event
that told this block, and with the authorization that it belongs to, or none.
Rule 2. Every authorization that was ever asked for is kept, as it stood last: the state forgets.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from core.authorizations import SECOND
from core.events import Event
from core.frames import Frame
from core.journal import Record
from core.state import State
from core.token_events import (
    AuthorizationDeclined,
    AuthorizationJudged,
    AuthorizationRequested,
    AuthorizationSigned,
    PolicyPublished,
    RevocationRequested,
    TokenBlockReported,
    TokenLog,
)
from core.token_state import Authorization, TokenBlock
from tieout.settlement.history import Heard, heard_of

# What tells of an authorization by its name.
OF_ONE = (
    *(AuthorizationJudged, AuthorizationSigned),
    *(AuthorizationDeclined, RevocationRequested),
)


class MovedFinally(NamedTuple):
    """One movement in a final block, where that block was told, and when it was final."""

    token: str
    block: TokenBlock
    log: TokenLog
    told: Heard
    final_at: int
    authorization: Authorization | None


@dataclass(slots=True)
class Issued:
    """All that a journal tells of tokens.

    `about` is by authorization, and so is `signed_at`, when the last signature needed was here;
    `policies` are the content hashes by token and version, `published` when each was first heard
    of. `blocks` are each token's final ones,
    without a gap, from the one that its register begins with; `seen_at` is when, by its block, a
    movement was (by the subject that an item about it has).
    """

    authorizations: dict[str, Authorization] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    about: dict[str, list[Heard]] = field(default_factory=dict)
    movements: list[MovedFinally] = field(default_factory=list)
    policies: dict[tuple[str, int], str] = field(default_factory=dict)
    published: dict[tuple[str, int], int] = field(default_factory=dict)
    signed_at: dict[str, int] = field(default_factory=dict)
    blocks: dict[str, list[TokenBlock]] = field(default_factory=dict)
    seen_at: dict[str, int] = field(default_factory=dict)


class Before(NamedTuple):
    """Of each token, from before a step: its final block's hash, and that of the one asked for."""

    final: dict[str, str]
    wanted: dict[str, str]


class TokenReader:
    """Looks at each step from both sides."""

    def __init__(self, state: State) -> None:
        self.issued = Issued()
        self._state = state
        self._blocks: dict[tuple[str, str], tuple[TokenBlock, Heard]] = {}
        self._decisions: dict[str, str] = {}

    def before(self) -> Before:
        tokens = self._state.tokens
        return Before(
            {name: token.blocks[0].block_hash for name, token in tokens.items()},
            {name: token.wanted for name, token in tokens.items()},
        )

    def after(self, record: Record, event: Event, frame: Frame | None, before: Before) -> None:
        if not self._state.tokens:
            return
        match event:
            case TokenBlockReported() if before.wanted.get(event.token) == event.block_hash:
                self._took_block(event, heard_of(record, event, frame))
            case AuthorizationRequested():
                self._asked(event, heard_of(record, event, frame))
            case PolicyPublished():
                self.issued.policies[event.token, event.version] = event.content_hash
                self.issued.published.setdefault((event.token, event.version), event.received_at)
            case _ if isinstance(event, OF_ONE):
                self._about(event.authorization_id, heard_of(record, event, frame))
            case _:
                pass
        for name, token in self._state.tokens.items():
            self.issued.blocks.setdefault(name, [token.blocks[0]])
            was = before.final.get(name)
            if was is not None and was != token.blocks[0].block_hash:
                self._became_final(name, was, token.blocks[0].block_hash, record.at)

    def _took_block(self, event: TokenBlockReported, heard: Heard) -> None:
        block = TokenBlock(
            event.number, event.block_hash, event.parent_hash, event.timestamp, event.logs
        )
        self._blocks[event.token, event.block_hash] = block, heard
        for log in event.logs:
            subject = f"{event.token} {log.tx_hash}/{log.index}"
            self.issued.seen_at.setdefault(subject, event.timestamp * SECOND)

    def _asked(self, event: AuthorizationRequested, heard: Heard) -> None:
        token = self._state.tokens.get(event.token)
        name = token.requests.get(f"{event.caller} {event.request_id}") if token else None
        if token is None or name is None:
            return
        if name not in self.issued.authorizations and name in token.authorizations:
            self.issued.authorizations[name] = token.authorizations[name]
            self.issued.tokens[name] = token.name
        self._about(name, heard)

    def _about(self, name: str, heard: Heard) -> None:
        wanted = self.issued.authorizations.get(name)
        if wanted is None:
            return
        self.issued.about.setdefault(name, []).append(heard)
        if heard.name == "AuthorizationSigned" and wanted.status == "signed":
            self.issued.signed_at.setdefault(name, heard.at)
        if wanted.decision_hash:
            self._decisions[wanted.decision_hash] = name

    def _became_final(self, token: str, was: str, now: str, at: int) -> None:
        """From the new final block down to the old one, by parents' hashes."""
        way: list[tuple[TokenBlock, Heard]] = []
        while now != was:
            way.append(self._blocks[token, now])
            now = way[-1][0].parent_hash
        for block, heard in reversed(way):
            self.issued.blocks[token].append(block)
            used = set[str]()
            for log in block.logs:
                if log.kind == "moved":
                    wanted = self._permitted(block, log, used)
                    self.issued.movements.append(MovedFinally(token, block, log, heard, at, wanted))

    def _permitted(self, block: TokenBlock, log: TokenLog, used: set[str]) -> Authorization | None:
        """The authorization that the books have as moved by this log; each moves once."""
        wanted = self.issued.authorizations.get(self._decisions.get(log.decision_hash, ""))
        if wanted is None or wanted.status != "final" or wanted.name in used:
            return None
        if (wanted.block_hash, wanted.tx_hash) != (block.block_hash, log.tx_hash):
            return None
        used.add(wanted.name)
        return wanted
