"""The register of holders: blocks by their hashes, what they moved, and what of it is final.

Rule 1. A block is taken in only as the child of one that we have, with the logs of this very block:
from a new head the way down to a known block is walked by parents' hashes, then what gave way is
undone and the way applied, in one step.
Rule 2. Final is what every node calls final (`core.chain`), once every node tells the same of it: a
log that one node leaves out or invents ends nothing. Nothing below it is ever undone: a head that
does not stand on it is no head.
Rule 3. Each movement belongs to an authorization of ours and moves what was decided. One that does
not closes the token the moment it is seen; it stays closed until two people open it
(`core.resolutions`), unless its block gave way. A pause, which only people can lift, is asked for
once another node tells the same, or the movement has stood for two looks.
"""

from collections.abc import Container

from msgspec.structs import replace

from core import authorizations, reservations
from core.effects import Effect, RaiseAlert, SetAlarm
from core.items import close_item, has, open_item
from core.settlement_state import Chain, Item, ItemCause
from core.state import State, count, note_move
from core.token_effects import AskPause, FetchHoldings, FetchTokenBlock, FetchTokenHead
from core.token_events import HoldingsReported, TokenBlockReported, TokenHeadReported, TokenLog
from core.token_state import Authorization, Closure, Movement, Token, TokenBlock

SECOND = 1_000_000_000
WALK_MAX = 512
RETRIES_MAX = 4
HOLDINGS_MAX = 200
CLOSURES_KEPT = 64
# So many looks an orphan stands before one node's word for it is enough to ask for a pause.
LOOKS_STOOD = 2
CLOSING: tuple[ItemCause, ...] = ("orphan", "register")
# Whether a token permits anything.
MOVES: dict[str, tuple[str, ...]] = {"open": ("closed",), "closed": ("open",)}


def look(state: State, token: Token) -> list[Effect]:
    """Ask a node for its newest block: each in its turn, for one may lag or lie.

    A way that is being walked is walked to its end first: where an answer failed, the same block is
    asked for again, at the other node. To begin anew each time might never come to an end.
    """
    alarm = f"token/{token.name}"
    state.alarms[alarm] = state.now + token.poll_ns
    effects: list[Effect] = [SetAlarm(alarm=alarm, at=state.alarms[alarm])]
    if token.closed:
        effects += _ask_of_orphans(state, token)
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
    """The block that was asked for: the head, a parent on the way down from it, or one of ours as
    another node has it."""
    told = TokenBlock(
        event.number,
        event.block_hash,
        event.parent_hash,
        event.timestamp,
        event.logs,
        event.source,
    )
    place = _place(token, told.block_hash)
    if place > 0:
        return _compare(state, token, told, event.frame, place)
    if told.block_hash != token.wanted:
        return []
    token.walk.append(told)
    token.retried = 0
    return _join(state, token, event.source)


def _join(state: State, token: Token, source: str) -> list[Effect]:
    """Join the way to the block that it stands on, or ask for the next parent."""
    lowest, final = token.walk[-1], token.blocks[0]
    place = _place(token, lowest.parent_hash)
    if place < 0 and lowest.number > final.number + 1 and len(token.walk) < _walk_max(state, final):
        return _fetch(state, token, source, lowest.parent_hash)
    way = token.walk[::-1]
    leave_way(token)
    if place < 0 or not _is_sound(token.blocks[place], way):
        count(state, f"heads_refused/{token.name}")
        return _if_final(state, token, way) if place < 0 else []
    effects: list[Effect] = []
    while len(token.blocks) > place + 1:
        effects += _undo(state, token, token.blocks.pop())
    for block in way:
        token.blocks.append(block)
        effects += _apply(state, token, block)
    return effects


def _walk_max(state: State, final: TokenBlock) -> int:
    """No sound way is longer: each block is a second or more after the one before it, and clocks
    differ. A node that was down for days walks them all; one that lies cannot have us walk on."""
    return WALK_MAX + max(0, state.now // SECOND - final.timestamp)


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
                effects += _orphan(state, token, block, log)
            else:
                authorizations.on_mined(state, wanted, log, block.block_hash)
    return effects


def _undo(state: State, token: Token, block: TokenBlock) -> list[Effect]:
    token.vouched.clear()
    count(state, f"blocks_undone/{token.name}")
    effects: list[Effect] = []
    for log in reversed(block.logs):
        if log.kind == "moved":
            wanted = authorizations.of_log(token, log)
            if wanted is not None and wanted.block_hash == block.block_hash:
                authorizations.on_undone(state, wanted)
            else:
                effects += _orphan_gone(state, token, log)
    return effects


# --- what nobody decided --------------------------------------------------------------------------


def _subject(token: Token, log: TokenLog) -> str:
    return f"{token.name} {log.tx_hash}/{log.index}"


def _orphan(state: State, token: Token, block: TokenBlock, log: TokenLog) -> list[Effect]:
    """Nothing more is permitted, and another node is asked whether it is so."""
    subject, reason = _subject(token, log), _moved(log)
    _close(state, token, subject)
    count(state, f"orphans/{token.name}")
    opened = open_item(state, "orphan", subject, token.account, token.name, log.value, 0, reason)
    return [*opened, *(_ask_of(state, token, block) or [_pause(token, reason)])]


def _moved(log: TokenLog) -> str:
    return f"{log.value} moved from {log.sender or 'nobody'} to {log.receiver or 'nobody'}"


def _pause(token: Token, reason: str) -> AskPause:
    return AskPause(token=token.name, reason=f"{reason}, and nobody decided it")


def _ask_of(state: State, token: Token, block: TokenBlock) -> list[Effect]:
    """Ask another node for a block of ours; nobody, where there is but one."""
    account, name = state.accounts[token.account], token.name
    others = [each for each in account.sources if each != block.source]
    return [
        FetchTokenBlock(account=account.name, source=each, token=name, block_hash=block.block_hash)
        for each in others[:1]
    ]


def _ask_of_orphans(state: State, token: Token) -> list[Effect]:
    """Ask again for what no other node told yet."""
    effects: list[Effect] = []
    for block in token.blocks[1:]:
        effects += _ask_of(state, token, block) if _orphans_in(state, token, block) else []
    return effects


def _orphans_in(state: State, token: Token, block: TokenBlock) -> list[TokenLog]:
    return [log for log in block.logs if has(state, _subject(token, log), "orphan")]


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
        note_move(state, "token", "open", "closed")
        token.closed, token.closed_at = subject, state.now


def open_again(state: State, token: Token, why: str) -> list[Effect]:
    """What it was closed for is over, and is history; it permits unless it is closed for more."""
    if len(token.closures) >= CLOSURES_KEPT:
        del token.closures[0]
    token.closures.append(Closure(token.closed, token.closed_at, state.now, why))
    token.closed, token.closed_at = "", 0
    note_move(state, "token", "closed", "open")
    count(state, f"closures/{token.name}")
    for item in open_items(state, token, CLOSING):
        _close(state, token, item.subject)
    text = f"{why}: " + (
        f"it stays closed for {token.closed}" if token.closed else "it permits again"
    )
    return [RaiseAlert(severity="critical", subject=token.name, text=text)]


def open_items(state: State, token: Token, causes: Container[ItemCause]) -> list[Item]:
    """The token's own that are open, for these causes."""
    every = state.settlement.items.values()
    head = f"{token.name} "
    return [each for each in every if each.cause in causes and each.subject.startswith(head)]


def remind_of_pause(state: State, token: Token) -> list[Effect]:
    """Ask for it again until it is final, as long as there is an orphan that stood for a while."""
    found = [] if token.paused else open_items(state, token, ("orphan",))
    stood = [each for each in found if state.now - each.opened_at >= LOOKS_STOOD * token.poll_ns]
    return [_pause(token, each.detail) for each in stood[:1]]


# --- finality -------------------------------------------------------------------------------------


def follow(state: State, token: Token, chain: Chain) -> list[Effect]:
    """Every node calls a block final: what we have up to it is for good."""
    if chain.agreed <= token.blocks[0].number or not chain.agreed_hash:
        return _stands(state, token, chain)
    place = _place(token, chain.agreed_hash)
    if place < 0:
        if chain.agreed > token.blocks[-1].number or token.wanted:
            return []  # the way there is still being walked
        count(state, f"final_elsewhere/{token.name}")
        return _fetch(state, token, state.accounts[token.account].sources[0], chain.agreed_hash)
    effects: list[Effect] = []
    moved_on = False
    final = token.blocks[place]
    while token.blocks[0] is not final:
        lacking = _lacking(state, token)
        if lacking:
            effects += _check(state, token, lacking)
            break
        token.blocks.pop(0)
        token.vouched.clear()
        effects += _finalize(state, token, token.blocks[0])
        moved_on = True
    stands = moved_on and token.blocks[0] is final
    return effects + (_prove(state, token) if stands else [])


def _stands(state: State, token: Token, chain: Chain) -> list[Effect]:
    """What every node calls final now was final to us as well, or we had another block there."""
    final = token.blocks[0]
    if chain.agreed != final.number or chain.agreed_hash in ("", final.block_hash):
        return []
    return _finality_broken(state, token)


def _if_final(state: State, token: Token, way: list[TokenBlock]) -> list[Effect]:
    """A way that does not stand on what is final is nobody's, unless every node calls it final."""
    agreed = state.settlement.chains[token.account].agreed_hash
    reaches = way[0].number <= token.blocks[0].number + 1
    if reaches and any(each.block_hash == agreed for each in way):
        return _finality_broken(state, token)
    return []


def _finality_broken(state: State, token: Token) -> list[Effect]:
    """What was final is not: nothing here can mend it, and nothing is permitted on it."""
    final = token.blocks[0]
    subject = f"{token.name} block {final.number}"
    _close(state, token, subject)
    detail = "every node calls another block final than those that we took in"
    return open_item(state, "register", subject, token.account, token.name, 0, 0, detail)


def _lacking(state: State, token: Token) -> list[str]:
    """The nodes that have not told the block that is to be final next."""
    told = (token.blocks[1].source, *token.vouched)
    return [each for each in state.accounts[token.account].sources if each not in told]


def _check(state: State, token: Token, lacking: list[str]) -> list[Effect]:
    """Ask another node for it, and again where no answer came for a while."""
    due, block_hash = token.checked_at + token.poll_ns, token.blocks[1].block_hash
    if token.checking == block_hash and state.now < due:
        return []
    token.checking, token.checked_at = block_hash, state.now
    account, name = token.account, token.name
    return [FetchTokenBlock(account=account, source=lacking[0], token=name, block_hash=block_hash)]


def _compare(state: State, token: Token, told: TokenBlock, frame: int, place: int) -> list[Effect]:
    """Another node tells the same of it; where it does not, neither is believed, and whatever is
    not final from there on is read anew."""
    ours = token.blocks[place]
    if ours.source == told.source:
        return []  # that is its first word once more
    subject = f"{token.name} block {ours.number}"
    if replace(told, source=ours.source) == ours:
        if place == 1:
            token.checking = ""
            token.vouched[told.source] = None
        close_item(state, subject, "the nodes tell the same of it", frame, "sources_disagree")
        orphans = [] if token.paused else _orphans_in(state, token, ours)
        return [_pause(token, _moved(log)) for log in orphans[:1]]
    token.checking = ""
    count(state, f"blocks_disputed/{token.name}")
    effects = open_item(state, "sources_disagree", subject, token.account, token.name, 0, frame)
    while len(token.blocks) > place:
        effects += _undo(state, token, token.blocks.pop())
    return effects


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
            _count_unpaid(token, wanted, log)
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


def _count_unpaid(token: Token, wanted: Authorization | None, log: TokenLog) -> None:
    """What came into being, or went, and no cash of ours with it: orphans, and of before."""
    paid = wanted is not None and wanted.caller == authorizations.OURS
    if token.offering is not None and not paid:
        born = log.value if not log.sender else 0
        token.offering.unpaid += born - (log.value if not log.receiver else 0)


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
    return [_ask_holdings(token, _source(state, token, before=1))]


def _ask_holdings(token: Token, source: str) -> FetchHoldings:
    return FetchHoldings(
        account=token.account,
        source=source,
        token=token.name,
        block_hash=token.blocks[0].block_hash,
        addresses=tuple(token.unproven)[:HOLDINGS_MAX],
    )


def on_holdings(state: State, token: Token, event: HoldingsReported) -> list[Effect]:
    """Supply and balances must be the register's, of the same block.

    Where any of them is not, another node is asked: one alone may lie, and closes nothing. All are
    asked for again at the next final block: what is different stays an open break until the
    contract says the same.
    """
    if event.block_hash != token.blocks[0].block_hash:
        count(state, f"holdings_outdated/{token.name}")
        return []
    told: list[tuple[str, int, int]] = [("", event.supply, token.reserved.supply)]
    for address, balance in event.balances:
        told.append((address, balance, token.reserved.balances.get(address, 0)))
    effects: list[Effect] = []
    if all(theirs == ours for _, theirs, ours in told):
        _trust(state, token, event)
    elif other := _unheard(state, token, event.source):
        return _doubt(state, token, event, other)
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


def _unheard(state: State, token: Token, source: str) -> str:
    """A node that may yet say that this one alone is wrong; "" if another told otherwise, too."""
    sources = state.accounts[token.account].sources
    others = [each for each in sources if source and each != source]
    doubters = _doubters(state, token)
    return "" if any(each in doubters for each in others) else next(iter(others), "")


def _doubters(state: State, token: Token) -> list[str]:
    """The nodes whose last word of holdings was not the register's."""
    sources = state.accounts[token.account].sources
    return [each for each in sources if has(state, _doubted(token, each), "sources_disagree")]


def _doubted(token: Token, source: str) -> str:
    return f"{token.name} holdings at {source}"


def _doubt(state: State, token: Token, event: HoldingsReported, other: str) -> list[Effect]:
    """One node's word is a break of the nodes, and another is asked."""
    count(state, f"holdings_doubted/{token.name}")
    subject, account, asset = _doubted(token, event.source), token.account, token.name
    detail = "other holdings than the register has"
    opened = open_item(state, "sources_disagree", subject, account, asset, 0, event.frame, detail)
    return [*opened, _ask_holdings(token, other)]


def _trust(state: State, token: Token, event: HoldingsReported) -> None:
    """These are proven, unless another node has yet to take back that they are not."""
    subject = _doubted(token, event.source)
    close_item(state, subject, "it tells the register's", event.frame, "sources_disagree")
    if not _doubters(state, token):
        for address, _ in event.balances:
            token.unproven.pop(address, None)
