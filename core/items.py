"""Open breaks of settlement: what is about a payment, a line or a statement, and not a balance.

Each has a signed size, a cause, an owner and a proposed repair, and closes itself with the evidence
that explained it; a person closes what no evidence will.
"""

from core.effects import Effect, RaiseAlert
from core.settlement_state import ClosedItem, Item, ItemCause
from core.state import State, count, note_move

CLOSED_KEPT = 64
# cause: (who looks at it, what would help)
REMEDIES: dict[ItemCause, tuple[str, str]] = {
    "late": ("payments", "ask the counterparty; the payment is not sent again"),
    "line_missing": ("reconciliation", "it is settled and not booked: ask for the bank's line"),
    "short": ("reconciliation", "wait for the rest, or claim it"),
    "amount": ("reconciliation", "wait for the correcting line, or claim the difference"),
    "duplicate": ("reconciliation", "claim the second booking back"),
    "unattributed": ("operations", "find whose it is, then credit it or send it back"),
    "unknown_debit": ("operations", "ask the counterparty what it took, and claim it back"),
    "after_the_end": ("payments", "value moved for a payment that was over: claim it back"),
    "third_party_failed": ("custody", "value left and was not credited: claim it from them"),
    "illegal_return": ("payments", "returned later than the rail allows: dishonour it"),
    "unmatched_return": ("reconciliation", "find the payment that came back"),
    "statement_gap": ("reconciliation", "ask for the statement that is missing"),
    "statement_untied": ("reconciliation", "opening + entries is not closing: ask for it again"),
    "conflict": ("reconciliation", "one id was told with two contents: ask which is right"),
    "nonce_taken": ("security", "somebody else signs with our key: stop, and rotate it"),
    "unreadable": (
        "reconciliation",
        "a document of the record: have it mended, or read it by hand",
    ),
    "unfunded": ("treasury", "fund the wallet: the same signed bytes are handed in again"),
    "invalid_bytes": (
        "chain operations",
        "no node takes its bytes: a payment to ourselves uses up its nonce, and then it fails",
    ),
    "screening_hit": (
        "compliance",
        "nothing of it goes on or back until it is cleared, or what was not sent is cancelled",
    ),
    "sources_disagree": (
        "chain operations",
        "two nodes tell different things for final: trust neither",
    ),
    "overcharged": ("payments", "more was deducted than the scheme allows: claim it back"),
    "orphan": ("security", "find who moved it, with which keys; nothing is permitted until then"),
    "register": ("token operations", "the contract holds otherwise: read the chain anew"),
    "limit_passed": ("compliance", "what is held must come within the limit again, or be allowed"),
    "denied": (
        "payments",
        "they deny having it, and it may be booked: find out before anything goes again, or fails",
    ),
    "asked_back": (
        "operations",
        "asked back, and nobody's here: send it back, or say whose it is; that is our answer",
    ),
    "not_arrived": (
        "treasury",
        "it left one account and did not come to the other: ask both venues; it is not sent again",
    ),
    "amount_told": ("payments", "ask which amount they carry out; the line will show it"),
}


def open_item(
    state: State,
    cause: ItemCause,
    subject: str,
    account: str,
    asset: str,
    size: int,
    frame: int,
    detail: str = "",
) -> list[Effect]:
    """Open a break, once for a subject and cause; a second finding tells its size anew."""
    items = state.settlement.items
    known = items.get(key_of(subject, cause))
    if known is not None:
        known.size, known.detail = size, detail
        known.evidence += [frame] if frame else []
        return []
    state.breaks_made += 1
    owner, proposal = REMEDIES[cause]
    items[key_of(subject, cause)] = Item(
        subject=subject,
        account=account,
        asset=asset,
        size=size,
        cause=cause,
        opened_at=state.now,
        number=state.breaks_made,
        owner=owner,
        proposal=proposal,
        evidence=[frame] if frame else [],
        detail=detail,
    )
    note_move(state, "item", "none", cause)
    count(state, f"items/{cause}")
    what = f"{cause}, {size} {asset}" + (f" ({detail})" if detail else "")
    text = f"break {state.breaks_made}: {subject}: {what}: {proposal}"
    return [RaiseAlert(severity="critical", subject=account, text=text)]


def advice(item: Item) -> str:
    """What would help, with the figures that disagree where there are two."""
    return f"{item.proposal} ({item.detail})" if item.detail else item.proposal


def key_of(subject: str, cause: ItemCause) -> str:
    """What an open break is found by: one subject may have several, for a reason each."""
    return f"{subject} {cause}"


def close_item(state: State, subject: str, resolution: str, frame: int, *causes: ItemCause) -> None:
    """Close the subject's breaks of these causes, if it has any: an explanation closes its own."""
    for cause in causes:
        item = state.settlement.items.pop(key_of(subject, cause), None)
        if item is not None:
            _close(state, item, resolution, frame)


def _close(state: State, item: Item, resolution: str, frame: int) -> None:
    """The last that closed stay at hand, and all that closed in this step; the journal has all."""
    settlement = state.settlement
    while len(settlement.closed) >= CLOSED_KEPT and settlement.closed[0].closed_at < state.now:
        del settlement.closed[0]
    note_move(state, "item", item.cause, "closed")
    settlement.closed_made += 1
    settlement.closed.append(
        ClosedItem(
            subject=item.subject,
            account=item.account,
            asset=item.asset,
            size=item.size,
            cause=item.cause,
            opened_at=item.opened_at,
            closed_at=state.now,
            number=item.number,
            resolution=resolution,
            evidence=(*item.evidence, frame) if frame else tuple(item.evidence),
            detail=item.detail,
        )
    )


def has(state: State, subject: str, *causes: ItemCause) -> bool:
    """Whether the subject has an open break of one of these causes."""
    return any(key_of(subject, cause) in state.settlement.items for cause in causes)
