"""What a custodian says of our key and our clock: read by a client that can do nothing else."""

from collections.abc import Callable
from typing import NamedTuple

from rails.custodian.inspecting import ADMINISTERS, GRAIN_NS, told_time, vault
from rails.dialect import Request
from tieout.deployment.rails import CustodianPart
from tieout.node.answered import words_of
from tieout.node.rails import RailWay
from tieout.preflight.asking import Answered, ask
from tieout.preflight.checks import Check, green, no_matter, red

SECOND = 1_000_000_000
OK, REFUSED = 200, range(400, 500)
# Its tokens bear our time, and one of the future is refused.
APART_NS_MAX = SECOND
SAMPLES = 3


class Read(NamedTuple):
    """An answer, and how long it was under way by our clock."""

    answer: Answered
    asked_at: int
    heard_at: int


async def of_key(part: CustodianPart, way: RailWay, clock: Callable[[], int]) -> list[Check]:
    """Its rights, and how far the custodian's clock is from ours."""
    read = [await _read(way, vault(part.vault), clock)]
    first = read[0].answer
    if first.status != OK:
        found = f"vault {part.vault}: {words_of(first.status, first.body)}"
        would_do = "a key that the custodian knows, and a vault that is there, would do"
        return [red("key rights", part.account, found, would_do)]
    read += [await _read(way, vault(part.vault), clock) for _ in range(SAMPLES - 1)]
    administers = await ask(way.transport, ADMINISTERS)
    return [_rights(part.account, administers), _clock(part.account, read)]


def _rights(account: str, told: Answered) -> Check:
    name = "key rights"
    if told.status == OK:
        would_do = "a key that is no administrator's would do"
        return red(name, account, "reads; administers keys of the workspace", would_do)
    if told.status not in REFUSED:
        return red(
            name, account, words_of(told.status, told.body), "a custodian that answers would do"
        )
    return green(name, account, "reads; administers nothing; whether it may pay nobody tries")


def _clock(account: str, read: list[Read]) -> Check:
    """By the answer that was under way the shortest."""
    name, best = "clock", min(read, key=lambda each: each.heard_at - each.asked_at)
    at = told_time(best.answer.headers)
    if at is None:
        return no_matter(name, account, "its answers name no time")
    half, ahead = (best.heard_at - best.asked_at) // 2, at - (best.asked_at + best.heard_at) // 2
    known = half + GRAIN_NS
    found = (
        f"the custodian's is {ahead / SECOND:+.1f} s from ours, known to {known / SECOND:.1f} s;"
        f" {APART_NS_MAX / SECOND:.0f} s are allowed for"
    )
    if abs(ahead) - known > APART_NS_MAX:
        return red(name, account, found, "our clock set right would do")
    return green(name, account, found)


async def _read(way: RailWay, request: Request, clock: Callable[[], int]) -> Read:
    asked_at = clock()
    return Read(await ask(way.transport, request), asked_at, clock())
