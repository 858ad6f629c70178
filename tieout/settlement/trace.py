"""The whole story of a transfer: what was asked, sent, told, booked and said, in its order.

Rule. What is listed of the ledger sums to what each leg says of itself: in transit, held and
contingent. A story that would not is never given out.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from rich.text import Text

from core import ledger
from core.journal import Store
from core.rail_effects import TellCustomer
from core.settlement_state import LedgerEntry, Leg, Transfer
from core.state import State
from core.transfers import view
from tieout.reports.history import History, exact
from tieout.reports.in_lines import InLines
from tieout.reports.trace import BadKey, hint, ids_of, passage, past_of, plain
from tieout.reports.words import clock, minute
from tieout.settlement.history import Heard

Line = tuple[str, str, Decimal]


@dataclass(slots=True)
class Step:
    """What happened at one record of the journal. `heard` is None where only the customer was
    told something."""

    number: int
    at: int
    heard: Heard | None = None
    payments: dict[str, None] = field(default_factory=dict)
    statuses: list[tuple[str, str]] = field(default_factory=list)
    entries: list[tuple[LedgerEntry, list[Line]]] = field(default_factory=list)
    told: TellCustomer | None = None


@dataclass(slots=True, frozen=True)
class LegStory:
    """One leg, and what the entries about it sum to on each account of the ledger."""

    leg: Leg
    amount: Decimal
    sums: dict[str, Decimal]


@dataclass(slots=True, frozen=True)
class Story:
    """One transfer."""

    transfer: Transfer
    status: str
    until: int
    legs: tuple[LegStory, ...]
    steps: tuple[Step, ...]

    def as_dict(self) -> dict[str, Any]:
        """For JSON: amounts as decimal texts, raw bytes as the text that they are."""
        return {
            "transfer_id": self.transfer.transfer_id,
            "customer": self.transfer.customer,
            "requested_at": self.transfer.requested_at,
            "requested_by": self.transfer.requested_by,
            "approver": self.transfer.approver,
            "screened": self.transfer.screened,
            "status": self.status,
            "returnable_until": self.until,
            "code": self.transfer.refusal,
            "reason": self.transfer.reason,
            "legs": [_leg_dict(each) for each in self.legs],
            "steps": [_step_dict(each) for each in self.steps],
        }

    def texts(self) -> Iterator[Text]:
        """Line by line, for a person."""
        transfer = self.transfer
        until = f", returnable until {minute(self.until)} UTC" if self.until else ""
        name = f"transfer {transfer.transfer_id} of {transfer.customer}: {self.status}{until}"
        yield Text(name, style="bold")
        if transfer.refusal:
            yield Text(f"refused, {transfer.refusal}: {transfer.reason}")
        if transfer.approver:
            yield Text(f"released by {transfer.approver}, screening {transfer.screened}")
        for each in self.legs:
            yield Text(_about(each))
        yield Text("")
        for step in self.steps:
            yield from _step_texts(step)
        for each in self.legs:
            yield from _sums(each)


@dataclass(slots=True, frozen=True)
class Followed(InLines):
    """The stories that a key leads to: one, or those of a batch's payments."""

    key: str
    stories: tuple[Story, ...]

    def as_dict(self) -> dict[str, Any]:
        return {"key": self.key, "transfers": [story.as_dict() for story in self.stories]}

    def texts(self) -> Iterator[Text]:
        for number, story in enumerate(self.stories):
            if number:
                yield Text("")
            yield from story.texts()


def follow(key: str, store: Store | str | os.PathLike[str]) -> Followed:
    """By a transfer's id, a payment's, or what a counterparty calls it; raises `BadKey`."""
    past = past_of(store)
    names = resolve(key, past)
    return Followed(key, tuple(tell(past, past.whole().settlement.transfers[n]) for n in names))


def resolve(key: str, past: History) -> list[str]:
    """The transfers that a key means; raises `BadKey`, which names those that are near."""
    settlement = past.whole().settlement
    if key in settlement.transfers:
        return [key]
    payments = _payments(key, past)
    if payments:
        return list(dict.fromkeys(settlement.legs[name].transfer_id for name in payments))
    known = [*settlement.transfers, *settlement.legs, *_references(past.whole())]
    found = hint(key, known)
    raise BadKey(f"no transfer, payment or reference {key!r} in these books; {found}")


def _payments(key: str, past: History) -> list[str]:
    settlement = past.whole().settlement
    if key in settlement.legs:
        return [key]
    found = [leg.payment_id for leg in settlement.legs.values() if key in _called(leg)]
    for name, member in settlement.named.items():
        if name.partition(" ")[2] == key:
            found.append(member)
    for name, members in settlement.batches.items():
        if name.partition(" ")[2] == key:
            found += members
    for payment, shares in past.settled.shares.items():
        if any(share.entered.entry.subject == key for share in shares):
            found.append(payment)
    return list(dict.fromkeys(found))


def _called(leg: Leg) -> list[str]:
    """What counterparties call it."""
    return [name for name in (leg.reference, *(each.tx_hash for each in leg.attempts)) if name]


def _references(state: State) -> list[str]:
    settlement = state.settlement
    names = [name.partition(" ")[2] for name in (*settlement.named, *settlement.batches)]
    for leg in settlement.legs.values():
        names += _called(leg)
    return list(dict.fromkeys(names))


# --- the story -----------------------------------------------------------------------------------


def tell(past: History, transfer: Transfer) -> Story:
    """The story of one transfer."""
    state, settled = past.whole(), past.settled
    steps: dict[int, Step] = {}

    def step(heard: Heard) -> Step:
        found = steps.setdefault(heard.number, Step(heard.number, heard.at))
        found.heard = heard
        return found

    for heard in settled.about.get(transfer.transfer_id, ()):
        step(heard)
    legs = [state.settlement.legs[name] for name in transfer.legs]
    for leg in legs:
        for heard in settled.about.get(leg.payment_id, ()):
            step(heard).payments[leg.payment_id] = None
        for entered, lines in settled.shares.get(leg.payment_id, ()):
            found = step(entered.heard)
            found.payments[leg.payment_id] = None
            found.entries.append((entered.entry, [_line(state, *line) for line in lines]))
        for moved in settled.moves.get(leg.payment_id, ()):
            found = steps.setdefault(moved.number, Step(moved.number, moved.at))
            found.statuses.append((leg.payment_id, moved.status))
    for said in settled.said:
        if said.effect.transfer_id == transfer.transfer_id:
            steps[said.number] = Step(said.number, said.at, told=said.effect)
    ordered = tuple(steps[number] for number in sorted(steps))
    stories = tuple(_leg_story(past, leg) for leg in legs)
    return Story(transfer, *view(state, transfer), stories, ordered)


def _line(state: State, name: str, units: int) -> Line:
    asset = ledger.asset_of(name)
    return name, asset, exact(units, state.decimals.get(asset, 0))


def _leg_story(past: History, leg: Leg) -> LegStory:
    sums: dict[str, int] = {}
    for share in past.settled.shares.get(leg.payment_id, ()):
        for name, units in share.lines:
            sums[name] = sums.get(name, 0) + units
    for prefix, said in (
        ("transit/", leg.outstanding),
        ("held/", leg.held),
        ("contingent/", leg.contingent),
    ):
        found = sum(units for name, units in sums.items() if name.startswith(prefix))
        assert found == said, f"{leg.payment_id}: {prefix} sums to {found}, the leg says {said}"
    shown = {name: _line(past.whole(), name, units)[2] for name, units in sums.items()}
    scale = past.whole().decimals.get(leg.asset, 0)
    return LegStory(leg, exact(leg.amount, scale), shown)


# --- texts ---------------------------------------------------------------------------------------


def _about(story: LegStory) -> str:
    leg = story.leg
    what = f"{leg.kind} {plain(story.amount)} {leg.asset}"
    if leg.kind == "exchange":
        return f"leg {leg.number} ({leg.payment_id}): {what} for {leg.buys}: {leg.status}"
    way = "from" if leg.kind == "in" else "to"
    where = f"{what} over {leg.scheme} at {leg.account}, {way} {leg.beneficiary}"
    undone = f", sends back {leg.undo_of}" if leg.undo_of else ""
    code = f" ({' '.join(filter(None, (leg.code, leg.reason)))})" if leg.code else ""
    return f"leg {leg.number} ({leg.payment_id}): {where}{undone}: {leg.status}{code}"


def _step_texts(step: Step) -> Iterator[Text]:
    head = f"{step.number:>8}  {clock(step.at)}  "
    indent = " " * 10
    if step.told is not None:
        until = step.told.returnable_until
        rest = f", returnable until {minute(until)} UTC" if until else ""
        why = f" ({step.told.reason})" if step.told.reason else ""
        said = f"told {step.told.customer}: {step.told.status}{rest}{why}"
        yield Text.assemble(head, (said, "bold cyan"))
        return
    heard = step.heard
    name = heard.name if heard is not None else "time passed"
    frame = f"  frame {heard.frame} ({heard.channel})" if heard is not None and heard.frame else ""
    yield Text(f"{head}{name}{frame}")
    if heard is not None:
        yield Text(indent + passage(heard.raw, ids_of(heard.what)), style="dim")
    for entry, lines in step.entries:
        booked = "  ".join(f"{account} {plain(amount)}" for account, _, amount in lines)
        yield Text(f"{indent}booked {entry.purpose} ({entry.subject}): {booked}", style="green")
    for payment, status in step.statuses:
        yield Text(f"{indent}{payment} is {status}", style="bold")


def _sums(story: LegStory) -> Iterator[Text]:
    if not story.sums:
        return
    wide = max(len(name) for name in story.sums)
    amounts = {name: plain(amount) for name, amount in story.sums.items()}
    wider = max(len(text) for text in amounts.values())
    yield Text("")
    yield Text(f"ledger of {story.leg.payment_id}: the entries above sum to", style="bold")
    for name, text in amounts.items():
        yield Text(f"  {name:<{wide}}  {text:>{wider}}")


# --- JSON ----------------------------------------------------------------------------------------


def _leg_dict(story: LegStory) -> dict[str, Any]:
    leg = story.leg
    return {
        "payment_id": leg.payment_id,
        "number": leg.number,
        "kind": leg.kind,
        "scheme": leg.scheme,
        "account": leg.account,
        "asset": leg.asset,
        "amount": plain(story.amount),
        "beneficiary": leg.beneficiary,
        "status": leg.status,
        "sent_at": leg.sent_at,
        "settled_at": leg.settled_at,
        "revocable_until": leg.revocable_until,
        "reference": leg.reference,
        "code": leg.code,
        "reason": leg.reason,
        "attempts": [each.tx_hash for each in leg.attempts],
        "ledger": {name: plain(amount) for name, amount in story.sums.items()},
    }


def _step_dict(step: Step) -> dict[str, Any]:
    heard, told = step.heard, step.told
    return {
        "number": step.number,
        "at": step.at,
        "name": heard.name if heard is not None else "TellCustomer" if told else "",
        "payments": list(step.payments),
        "frame": heard.frame if heard is not None else 0,
        "channel": heard.channel if heard is not None else "",
        "raw": heard.raw.decode(errors="backslashreplace") if heard is not None else "",
        "statuses": [{"payment_id": name, "status": word} for name, word in step.statuses],
        "entries": [
            {
                "purpose": entry.purpose,
                "subject": entry.subject,
                "frame": entry.frame,
                "lines": [{"account": a, "asset": b, "amount": plain(c)} for a, b, c in lines],
            }
            for entry, lines in step.entries
        ],
        "told": told.status if told is not None else "",
        "reason": told.reason if told is not None else "",
    }
