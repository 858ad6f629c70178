"""Which limits of a token are passed, as its books say, beside chain, people and policy.

No permission passes a limit, but a policy that tightens may, and so may facts: what is beyond is an
open break of its size, or it is silent. It is looked at whenever more became final, where policy
and facts have stood for longer than it takes until the books hear of them.
"""

from core.state import State
from sim.limits_oracle import passed
from sim.token_oracle import OWN, TokenOracle
from tokens.judging import Judge

# A policy is told up to 90 seconds after it is gone by, and a node may be down then.
TOLD_NS_MAX = 240 * 1_000_000_000


class LimitsPassed:
    """Watches the books of one token. `off` is what is told wrongly, and since when."""

    def __init__(self, token: str, oracle: TokenOracle, judge: Judge) -> None:
        self.off: dict[str, int] = {}
        self._token, self._oracle, self._judge = token, oracle, judge
        self._mark = ""

    def look(self, state: State) -> None:
        """A step was taken."""
        token = state.tokens.get(self._token)
        if token is None or token.blocks[0].block_hash == self._mark:
            return
        self._mark, now = token.blocks[0].block_hash, state.now
        forces = self._oracle.in_force(now - TOLD_NS_MAX, now)
        branch = self._oracle.branch(token.blocks[0].number, self._mark, now)
        if len(forces) != 1 or branch is None or branch == OWN:
            return
        true = passed(forces[0], self._oracle.balances(token.blocks[0].number, branch))
        told = self._told(state, list(forces[0].rules.places))
        for what in dict.fromkeys([*true, *told]):
            units, said = true.get(what, 0), told.get(what, 0)
            if units != said:
                self.off.setdefault(f"{what} is passed by {units}, and by {said} as told", now)

    def _told(self, state: State, places: list[str]) -> dict[str, int]:
        """What people are told of as passed; that one has two wallets is no limit of the policy."""
        head = f"{self._token} "
        marks = {
            f"group {self._judge.group(self._token, each)}": f"place {each}" for each in places
        }
        sizes = {
            item.subject.removeprefix(head): item.size
            for item in state.settlement.items.values()
            if item.cause == "limit_passed" and item.subject.startswith(head)
        }
        limits = {what: size for what, size in sizes.items() if not what.startswith("person ")}
        return {marks.get(what, what): size for what, size in limits.items()}
