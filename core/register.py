"""The register of holders: blocks by their hashes, what they moved, and what of it is final.

Rule 1. A block is taken in only as the child of one that we have, with the logs of this very block:
from a new head the way down to a known block is walked by parents' hashes, then what gave way is
undone and the way applied, in one step.
Rule 2. Final is what every node calls final (`core.chain`). Nothing below it is ever undone: a head
that does not stand on it is no head.
Rule 3. Each movement belongs to an authorization of ours and moves what was decided. One that does
not closes the token the moment it is seen, and a pause is asked for; it stays closed until two
people open it (`core.resolutions`), unless its block gave way.
"""

from core import authorizations, reservations
from core.effects import Effect, RaiseAlert, SetAlarm
from core.items import close_item, open_item
from core.settlement_state import Chain, ItemCause
from core.state import State, count
from core.token_effects import AskPause, FetchHoldings, FetchTokenBlock, FetchTokenHead
from core.token_events import HoldingsReported, TokenBlockReported, TokenHeadReported, TokenLog
from core.token_state import Authorization, Closure, Movement, Token, TokenBlock

WALK_MAX = 512
RETRIES_MAX = 4
HOLDINGS_MAX = 200
CLOSURES_KEPT = 64
CLOSING: tuple[ItemCause, ...] = ("orphan", "register")


def look(state: State, token: Token) -> list[Effect]:
    """Ask a node for its newest block: each in its turn, for one may lag or lie.

    A way that is being walked is walked to its end first: where an answer failed, the same block is
    asked for again, at the other node. To begin anew each time might never come to an end.
    """
    alarm = f"token/{token.name}"
    state.alarms[alarm] = state.now + token.poll_ns
    effects: list[Effect] = [SetAlarm(alarm=alarm, at=state.alarms[alarm])]
    if token.wanted and state.now - token.walked_at < token.poll_ns:
        return effects
    source = _source(state, token)
    token.asked += 1
    if token.walk and token.retried < RETRIES_MAX:
        token.retried += 1
        return [*effects, *_fetch(state, token, source, token.wanted)]
    leave_way(token)
    return [*effects, FetchTokenHead(account=token.account, source=source, token=token.name)]


def _source(state: State, token: Token, before: int = 0) -> str:
    """Whose turn it is, or was so many looks before."""
    sources = state.accounts[token.account].sources
    return sources[(token.asked - before) % len(sources)]


def leave_way(token: Token) -> None:
    """What was walked so far led nowhere."""
    token.walk.clear()
    token.wanted = ""
    token.retried = 0


def _fetch(state: State, token: Token, source: str, block_hash: str) -> list[Effect]:
    token.wanted, token.walked_at = block_hash, state.now
    name = token.name
    return [
        FetchTokenBlock(account=token.account, source=source, token=name, block_hash=block_hash)
    ]


# --- towards the head -----------------------------------------------------------------------------


def on_head(state: State, token: Token, event: TokenHeadReported) -> list[Effect]:
    """A head that we do not have: the way to it is walked."""
    if token.wanted or event.number <= token.blocks[0].number:
        return []
    if _place(token, event.block_hash) >= 0:
        return []
    return _fetch(state, token, event.source, event.block_hash)


def on_block(state: State, token: Token, event: TokenBlockReported) -> list[Effect]:
    """The block that was asked for: the head, or a parent on the way down from it."""
    if event.block_hash != token.wanted:
        return []
    told = TokenBlock(
        event.number, event.block_hash, event.parent_hash, event.timestamp, event.logs
    )
    token.walk.append(told)
    token.retried = 0
    return _join(state, token, event.source)


def _join(state: State, token: Token, source: str) -> list[Effect]:
    """Join the way to the block that it stands on, or ask for the next parent."""
    lowest, final = token.walk[-1], token.blocks[0]
    place = _place(token, lowest.parent_hash)
    if place < 0 and lowest.number > final.number + 1 and len(token.walk) < WALK_MAX:
        return _fetch(state, token, source, lowest.parent_hash)
    way = token.walk[::-1]
    leave_way(token)
    if place < 0 or not _is_sound(token.blocks[place], way):
        count(state, f"heads_refused/{token.name}")
        return []
    effects: list[Effect] = []
    while len(token.blocks) > place + 1:
        effects += _undo(state, token, token.blocks.pop())
    for block in way:
        token.blocks.append(block)
        effects += _apply(state, token, block)
    return effects


def _place(token: Token, block_hash: str) -> int:
    """Where a block of ours is, from the final one on; -1 if it is none."""
    for place in range(len(token.blocks) - 1, -1, -1):
        if token.blocks[place].block_hash == block_hash:
            return place
    return -1


def _is_sound(below: TokenBlock, way: list[TokenBlock]) -> bool:
    """Whether each is the next of the one before it, by number and time as well."""
    for block in way:
        if block.number != below.number + 1 or block.timestamp <= below.timestamp:
            return False
        below = block
    return True


def _apply(state: State, token: Token, block: TokenBlock) -> list[Effect]:
    effects: list[Effect] = []
    for log in block.logs:
        if log.kind == "moved":
            wanted = authorizations.of_log(token, log)
            if wanted is None or wanted.status == "mined":
                effects += _orphan(state, token, log)
            else:
                authorizations.on_mined(wanted, log, block.block_hash)
    return effects


def _undo(state: State, token: Token, block: TokenBlock) -> list[Effect]:
    count(state, f"blocks_undone/{token.name}")
    effects: list[Effect] = []
    for log in reversed(block.logs):
        if log.kind == "moved":
            wanted = authorizations.of_log(token, log)
            if wanted is not None and wanted.block_hash == block.block_hash:
                authorizations.on_undone(wanted)
            else:
                effects += _orphan_gone(state, token, log)
    return effects


# --- what nobody decided --------------------------------------------------------------------------


def _subject(token: Token, log: TokenLog) -> str:
    return f"{token.name} {log.tx_hash}/{log.index}"


def _orphan(state: State, token: Token, log: TokenLog) -> list[Effect]:
    """Nothing more is permitted, and the pauser is asked to stop what is outstanding."""
    reason = f"{log.value} moved from {log.sender or 'nobody'} to {log.receiver or 'nobody'}"
    subject = _subject(token, log)
    _close(state, token, subject)
    count(state, f"orphans/{token.name}")
    opened = open_item(state, "orphan", subject, token.account, token.name, log.value, 0, reason)
    return [*opened, AskPause(token=token.name, reason=f"{reason}, and nobody decided it")]


def _orphan_gone(state: State, token: Token, log: TokenLog) -> list[Effect]:
    subject = _subject(token, log)
    close_item(state, subject, "its block gave way", 0, "orphan")
    if token.closed != subject:
        return []
    return open_again(state, token, "a movement that nobody decided is undone")


# --- closed, and open again -----------------------------------------------------------------------


def _close(state: State, token: Token, subject: str) -> None:
    """Nothing more is permitted; what it is closed for first is what it is closed for."""
    if not token.closed:
        token.closed, token.closed_at = subject, state.now


def open_again(state: State, token: Token, why: str) -> list[Effect]:
    """What it was closed for is over, and is history; it permits unless it is closed for more."""
    if len(token.closures) >= CLOSURES_KEPT:
        del token.closures[0]
    token.closures.append(Closure(token.closed, token.closed_at, state.now, why))
    token.closed, token.closed_at = "", 0
    count(state, f"closures/{token.name}")
    for item in state.settlement.items.values():
        if item.cause in CLOSING and item.subject.startswith(token.name + " "):
            _close(state, token, item.subject)
    text = f"{why}: " + (
        f"it stays closed for {token.closed}" if token.closed else "it permits again"
    )
    return [RaiseAlert(severity="critical", subject=token.name, text=text)]


# --- finality -------------------------------------------------------------------------------------


def follow(state: State, token: Token, chain: Chain) -> list[Effect]:
    """Every node calls a block final: what we have up to it is for good."""
    if chain.agreed <= token.blocks[0].number or not chain.agreed_hash:
        return []
    place = _place(token, chain.agreed_hash)
    if place < 0:
        if chain.agreed > token.blocks[-1].number or token.wanted:
            return []  # the way there is still being walked
        count(state, f"final_elsewhere/{token.name}")
        return _fetch(state, token, state.accounts[token.account].sources[0], chain.agreed_hash)
    effects: list[Effect] = []
    for _ in range(place):
        token.blocks.pop(0)
        effects += _finalize(state, token, token.blocks[0])
    return effects + _prove(state, token)


def _finalize(state: State, token: Token, block: TokenBlock) -> list[Effect]:
    effects: list[Effect] = []
    for log in block.logs:
        effects += _settle(state, token, log)
    return effects + authorizations.expire(state, token, block.timestamp)


def _settle(state: State, token: Token, log: TokenLog) -> list[Effect]:
    """One log, for good."""
    match log.kind:
        case "moved":
            wanted = authorizations.of_log(token, log)
            effects = authorizations.on_final(state, token, wanted) if wanted else []
            for whose in (log.sender, token.contract):
                authorizations.use_up(token, whose, log.nonce + 1)
            reservations.apply(token.reserved, Movement(log.sender, log.receiver, log.value))
            for address in (log.sender, log.receiver):
                if address:
                    token.unproven[address] = None
            return effects
        case "epoch":
            return _raise_epoch(state, token, log)
        case "lane":
            return _void_below(state, token, log)
        case "paused" | "unpaused":
            token.paused = log.kind == "paused"
    return []


def _raise_epoch(state: State, token: Token, log: TokenLog) -> list[Effect]:
    """What bears an earlier epoch is void: of all, or of one holder."""
    if log.holder:
        token.recoveries[log.holder] = log.epoch - token.epoch
    else:
        token.epoch = log.epoch
        token.epoch_due = max(token.epoch, token.epoch_due)

    def is_void(each: Authorization) -> bool:
        if each.kind == "recovery" or each.status == "mined":
            return False
        holder = each.sender or each.receiver
        return each.epoch < token.epoch + token.recoveries.get(holder, 0)

    return authorizations.void_where(state, token, is_void, "epoch")


def _void_below(state: State, token: Token, log: TokenLog) -> list[Effect]:
    """In this lane every nonce before that one is used up."""

    def is_void(each: Authorization) -> bool:
        if each.status == "mined" or authorizations.owner(token, each) != log.holder:
            return False
        return each.nonce >> 64 == log.nonce >> 64 and each.nonce < log.nonce

    authorizations.use_up(token, log.holder, log.nonce)
    return authorizations.void_where(state, token, is_void, "lane")


def provisional(token: Token) -> dict[str, int]:
    """What each would hold if no block above the final one gave way."""
    held = dict(token.reserved.balances)
    for block in token.blocks[1:]:
        for log in block.logs:
            if log.kind == "moved":
                for address, change in ((log.sender, -log.value), (log.receiver, log.value)):
                    if address:
                        held[address] = held.get(address, 0) + change
    return {address: units for address, units in held.items() if units}


# --- against the contract's own word --------------------------------------------------------------


def _prove(state: State, token: Token) -> list[Effect]:
    """Ask the contract itself what changed hands up to the final block."""
    if not token.unproven:
        return []
    return [
        FetchHoldings(
            account=token.account,
            source=_source(state, token, before=1),
            token=token.name,
            block_hash=token.blocks[0].block_hash,
            addresses=tuple(token.unproven)[:HOLDINGS_MAX],
        )
    ]


def on_holdings(state: State, token: Token, event: HoldingsReported) -> list[Effect]:
    """Supply and balances must be the register's, of the same block.

    Where any of them is not, all are asked for again at the next final block: what is different
    stays an open break until the contract says the same.
    """
    if event.block_hash != token.blocks[0].block_hash:
        count(state, f"inconclusive/{token.name}")
        return []
    told: list[tuple[str, int, int]] = [("", event.supply, token.reserved.supply)]
    for address, balance in event.balances:
        told.append((address, balance, token.reserved.balances.get(address, 0)))
    effects: list[Effect] = []
    if all(theirs == ours for _, theirs, ours in told):
        for address, _ in event.balances:
            token.unproven.pop(address, None)
    for address, theirs, ours in told:
        subject = f"{token.name} {address or 'supply'}"
        if theirs != ours:
            _close(state, token, subject)
            size = theirs - ours
            effects += open_item(
                state, "register", subject, token.account, token.name, size, event.frame
            )
        else:
            close_item(state, subject, "the contract says the same", event.frame, "register")
    count(state, f"proven/{token.name}")
    return effects
