"""What may still happen to a token, by brute force over plain numbers: no code of the core's.

A permission moves a value once, or never, at any time and in any order with the others that are
open. To grant one more is right if it can happen, no step of its own ever passes a limit, and no
step of another passes one that it could not pass before. A step passes a limit where it leaves
beyond it, and further beyond than before, what the limit bounds.
"""

from __future__ import annotations

from dataclasses import dataclass

Balances = dict[str, int]


@dataclass(frozen=True)
class Moves:
    """One movement; "" is nobody: it is minted, or burnt."""

    sender: str
    receiver: str
    value: int


@dataclass(frozen=True)
class Caps:
    """-1 bounds nothing."""

    holder: int = -1
    holders: int = -1
    supply: int = -1


def after(balances: Balances, move: Moves) -> Balances | None:
    """The balances a step later; None where its sender has too little."""
    found = dict(balances)
    if move.sender:
        found[move.sender] = found.get(move.sender, 0) - move.value
        if found[move.sender] < 0:
            return None
    if move.receiver:
        found[move.receiver] = found.get(move.receiver, 0) + move.value
    return {who: held for who, held in found.items() if held}


def passed(before: Balances, now: Balances, caps: Caps) -> set[str]:
    """The limits that a step passes."""
    bounded = [("holders", len(before), len(now), caps.holders)]
    bounded.append(("supply", sum(before.values()), sum(now.values()), caps.supply))
    bounded += [(who, before.get(who, 0), held, caps.holder) for who, held in now.items()]
    return {what for what, was, is_, cap in bounded if cap >= 0 and is_ > cap and is_ > was}


def is_grantable(balances: Balances, open_: list[Moves], wanted: Moves, caps: Caps) -> bool:
    """Every subset of what is open that can come about, and every next step from there."""
    moves = [*open_, wanted]
    mine = len(open_)
    reached: dict[int, Balances] = {0: balances}
    waiting = [0]
    happens, anyway, thereby = False, set[tuple[int, str]](), set[tuple[int, str]]()
    while waiting:
        done = waiting.pop()
        for number, move in enumerate(moves):
            if done >> number & 1:
                continue
            then = after(reached[done], move)
            if then is None:
                continue
            bad = {(number, what) for what in passed(reached[done], then, caps)}
            if number == mine and bad:
                return False
            happens |= number == mine
            (thereby if done >> mine & 1 else anyway).update(bad)
            if done | 1 << number not in reached:
                reached[done | 1 << number] = then
                waiting.append(done | 1 << number)
    return happens and thereby <= anyway
