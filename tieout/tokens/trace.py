"""The trace of a holder's balance of a token: each final movement, the authorization that permitted
it, the decision behind that, who signed, and the block's own bytes.

Rule. What is listed sums to what the register says is final, exactly; a trace that would not is
never given out.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rich.text import Text

from core import register
from core.journal import Store
from core.token_events import AuthorizationJudged
from core.token_state import Authorization
from tieout.reports.history import History
from tieout.reports.in_lines import InLines
from tieout.reports.trace import BadKey, hint, passage, past_of
from tieout.reports.words import clock
from tieout.settlement.history import Heard
from tieout.tokens.history import MovedFinally


@dataclass(slots=True, frozen=True)
class Permission:
    """An authorization with what was heard of it; `policy_hash` is that of its policy's content."""

    authorization: Authorization
    heard: tuple[Heard, ...]
    policy_hash: str

    @property
    def judged(self) -> Heard | None:
        """The judgement that it was decided by: the last of the policy's version that it bears."""
        found = [
            each
            for each in self.heard
            if isinstance(each.what, AuthorizationJudged)
            and each.what.decision_hash == self.authorization.decision_hash
        ]
        return found[0] if found else None


@dataclass(slots=True, frozen=True)
class Step:
    """One movement of the holder's: what it changed, and what there was after it."""

    moved: MovedFinally
    change: int
    running: int
    permission: Permission | None


@dataclass(slots=True, frozen=True)
class Held:
    """What one address holds of one token: final as of a block, and provisional above it."""

    token: str
    holder: str
    final: int
    provisional: int
    number: int
    block_hash: str
    steps: tuple[Step, ...]

    def as_dict(self) -> dict[str, Any]:
        """For JSON: amounts as texts, raw bytes as the text that they are."""
        return {
            "token": self.token,
            "holder": self.holder,
            "final": str(self.final),
            "provisional": str(self.provisional),
            "block": {"number": self.number, "block_hash": self.block_hash},
            "movements": [_step_dict(each) for each in self.steps],
        }

    def texts(self) -> Iterator[Text]:
        """Line by line, for a person."""
        where = f"final at block {self.number} ({self.block_hash})"
        head = f"{self.holder} = {self.final} {self.token}, {where}"
        yield Text(head, style="bold")
        if self.provisional != self.final:
            yield Text(f"{self.provisional} with what is mined above it and may give way")
        for step in self.steps:
            yield from _step_texts(step)
        yield Text(f"{len(self.steps)} movements; their sum is the figure.")


@dataclass(slots=True, frozen=True)
class Traced(InLines):
    """Of each token that the key leads to, what the holder has."""

    key: str
    held: tuple[Held, ...]

    def as_dict(self) -> dict[str, Any]:
        return {"key": self.key, "held": [each.as_dict() for each in self.held]}

    def texts(self) -> Iterator[Text]:
        for number, each in enumerate(self.held):
            if number:
                yield Text("")
            yield from each.texts()


def trace_token(key: str, store: Store | str | os.PathLike[str]) -> Traced:
    """By an address, of every token, or by TOKEN/ADDRESS of one; raises `BadKey`."""
    past = past_of(store)
    known = _known(past)
    name, slash, address = key.rpartition("/")
    found = [each for each in known if each[1] == address.lower() and name in ("", each[0])]
    if not found or (slash and not name):
        names = [f"{token}/{holder}" for token, holder in known]
        raise BadKey(f"no holder {key!r} in these books; {hint(key, names)}")
    return Traced(key, tuple(_held(past, *each) for each in found))


def _known(past: History) -> list[tuple[str, str]]:
    """Whoever ever had anything, or has it in a block that may give way."""
    found = dict[tuple[str, str], None]()
    for moved in past.issued.movements:
        for address in (moved.log.sender, moved.log.receiver):
            found[moved.token, address] = None
    for token in past.state.tokens.values():
        found |= {(token.name, address): None for address in register.provisional(token)}
    return [each for each in found if each[1]]


def _held(past: History, token: str, holder: str) -> Held:
    issued, book = past.state.tokens[token], past.state.tokens[token].reserved
    steps: list[Step] = []
    running = 0
    for moved in past.issued.movements:
        log = moved.log
        if moved.token != token or holder not in (log.sender, log.receiver):
            continue
        change = log.value * ((log.receiver == holder) - (log.sender == holder))
        running += change
        steps.append(Step(moved, change, running, _permission(past, moved)))
    final = book.balances.get(holder, 0)
    assert running == final, f"{holder}: movements sum to {running}, the register says {final}"
    provisional = register.provisional(issued).get(holder, 0)
    block = issued.blocks[0]
    return Held(token, holder, final, provisional, block.number, block.block_hash, tuple(steps))


def _permission(past: History, moved: MovedFinally) -> Permission | None:
    wanted = moved.authorization
    if wanted is None:
        return None
    policy = past.issued.policies.get((moved.token, wanted.policy_version), "")
    return Permission(wanted, tuple(past.issued.about.get(wanted.name, ())), policy)


# --- texts ---------------------------------------------------------------------------------------


def _step_texts(step: Step) -> Iterator[Text]:
    moved, log = step.moved, step.moved.log
    indent = " " * 10
    way = f"from {log.sender or 'nobody'} to {log.receiver or 'nobody'}"
    style = "red" if step.change < 0 else "green"
    yield Text.assemble(
        f"{moved.told.number:>8}  {clock(moved.told.at)}  ",
        (f"{step.change:+d}", style),
        f"  {step.running}  {way}",
    )
    block = (
        f"block {moved.block.number} ({moved.block.block_hash}), log {log.index} of {log.tx_hash}"
    )
    frame = f", frame {moved.told.frame} ({moved.told.channel})" if moved.told.frame else ""
    yield Text(f"{indent}{block}{frame}")
    yield Text(indent + passage(moved.told.raw, (log.tx_hash,)), style="dim")
    if step.permission is None:
        yield Text(f"{indent}nobody decided it", style="bold red")
        return
    for line in _permitted(step.permission):
        yield Text(indent + line)


def _permitted(permission: Permission) -> Iterator[str]:
    wanted, judged = permission.authorization, permission.judged
    asked = permission.heard[0]
    told = f"authorization {wanted.name}: {wanted.kind} of {wanted.value}"
    yield f"{told}, asked for by {wanted.caller} ({wanted.request_id}), record {asked.number}"
    record = f", record {judged.number}" if judged is not None else ""
    policy = f"policy {wanted.policy_version} ({permission.policy_hash})"
    yield f"decision {wanted.decision_hash}: no rule of {policy} refused it{record}"
    window = f"from {wanted.valid_after} to {wanted.valid_before}"
    yield f"valid {window}, nonce {wanted.nonce}, epoch {wanted.epoch}"
    yield f"facts looked at: {', '.join(wanted.commitments) or 'none'}"
    for signer, signature in wanted.signatures.items():
        yield f"signed by {signer}: {signature}"


# --- JSON ----------------------------------------------------------------------------------------


def _step_dict(step: Step) -> dict[str, Any]:
    moved, log = step.moved, step.moved.log
    return {
        "change": str(step.change),
        "running": str(step.running),
        "sender": log.sender,
        "receiver": log.receiver,
        "block": {"number": moved.block.number, "block_hash": moved.block.block_hash},
        "tx_hash": log.tx_hash,
        "log": log.index,
        "event": moved.told.number,
        "frame": moved.told.frame,
        "channel": moved.told.channel,
        "raw": moved.told.raw.decode(errors="backslashreplace"),
        "permission": _permission_dict(step.permission) if step.permission else None,
    }


def _permission_dict(permission: Permission) -> dict[str, Any]:
    wanted, judged = permission.authorization, permission.judged
    return {
        "authorization": wanted.name,
        "kind": wanted.kind,
        "value": str(wanted.value),
        "caller": wanted.caller,
        "request_id": wanted.request_id,
        "policy_version": wanted.policy_version,
        "policy_hash": permission.policy_hash,
        "decision_hash": wanted.decision_hash,
        "judged": judged.number if judged is not None else 0,
        "commitments": list(wanted.commitments),
        "valid_after": wanted.valid_after,
        "valid_before": wanted.valid_before,
        "nonce": str(wanted.nonce),
        "epoch": wanted.epoch,
        "signatures": dict(wanted.signatures),
        "records": [{"number": each.number, "name": each.name} for each in permission.heard],
    }
