"""The dead man's side: whoever waits for nodes' heartbeats, on another machine than theirs.

A node that is gone raises no alert. This asks `/heartbeat` of each, and judges:

    alive    it answers, what it is told becomes durable, and its clock is near ours
    silent   so many askings in a row nobody answered
    stuck    it answers, and what it was told is not durable
    back     its journal is shorter than it was: a tail was lost, or it is another's
    skewed   its clock and ours differ by more than the bound

Rule. One lost answer is no death: `silent` needs as many in a row as it was told to wait for.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from aiohttp import ClientError, ClientSession, ClientTimeout

from tieout.watching.alert_rules import Condition, Rule

Verdict = Literal["unasked", "alive", "silent", "stuck", "back", "skewed"]
SKEW_NS_MAX = 5_000_000_000
BODY_BYTES_MAX = 64 * 1024
SAYS: dict[Verdict, str] = {
    "silent": "nobody answers: the node is dead, frozen, or cut off",
    "stuck": "what it is told is not durable: nothing that spends leaves",
    "back": "its journal is shorter than it was: a tail was lost, or another node answers",
    "skewed": "its clock and ours differ: one of them is wrong",
}
DEAD = Rule(
    "node", "a node that is not alive, by who waits for it", 0, lambda state, vitals: iter(())
)


@dataclass(slots=True)
class Watched:
    """One node, and what is known of it."""

    url: str
    missed_max: int
    node: str = ""
    position: int = 0
    missed: int = 0
    verdict: Verdict = "unasked"

    def heard(self, told: Mapping[str, Any] | None, now: int) -> Verdict:
        """Take in an answer, or that none came."""
        if told is None:
            self.missed += 1
            if self.missed >= self.missed_max:
                self.verdict = "silent"
            return self.verdict
        self.missed = 0
        self.verdict = self._judge(told, now)
        self.node = str(told.get("node", ""))
        self.position = int(told["position"])
        return self.verdict

    def _judge(self, told: Mapping[str, Any], now: int) -> Verdict:
        if not told["healthy"]:
            return "stuck"
        if int(told["position"]) < self.position:
            return "back"
        return "skewed" if abs(int(told["at"]) - now) > SKEW_NS_MAX else "alive"

    def condition(self) -> tuple[Rule, Condition] | None:
        """What stands of it, where it is not well."""
        words = SAYS.get(self.verdict)
        if words is None:
            return None
        name = self.node or self.url
        return DEAD, Condition(f"node/{self.url}", "critical", "", name, f"{self.verdict}: {words}")


async def ask(
    client: ClientSession, watched: Watched, timeout_s: float, clock: Callable[[], int]
) -> Verdict:
    """Ask one node once."""
    return watched.heard(await _answer(client, watched.url, timeout_s), clock())


async def _answer(client: ClientSession, url: str, timeout_s: float) -> Mapping[str, Any] | None:
    """What it says; None where nothing came that is a heartbeat."""
    try:
        async with client.get(
            f"{url.rstrip('/')}/heartbeat", timeout=ClientTimeout(total=timeout_s)
        ) as answer:
            body = await answer.content.read(BODY_BYTES_MAX)
            told = json.loads(body) if answer.status == 200 else None
    except (ClientError, TimeoutError, OSError, ValueError):
        return None
    return told if _is_heartbeat(told) else None


def _is_heartbeat(told: Any) -> bool:
    if not isinstance(told, dict) or not isinstance(told.get("healthy"), bool):
        return False
    return isinstance(told.get("position"), int) and isinstance(told.get("at"), int)


async def round_of(
    client: ClientSession, nodes: list[Watched], timeout_s: float, clock: Callable[[], int]
) -> list[Watched]:
    """Ask all at once; those whose verdict changed."""
    before = [each.verdict for each in nodes]
    await asyncio.gather(*(ask(client, each, timeout_s, clock) for each in nodes))
    return [each for each, was in zip(nodes, before, strict=True) if each.verdict != was]
