"""What other policies would have said to each request of a recorded run.

True here: the run stays as it was recorded. Each request that was judged is judged once more, by
the facts that were looked at then and beside all that was open then, under another policy. What
that would have refused still moves in what comes after, and its window is the one that it had: so
this is no other history, but the word that each request would have met where it stood.

Facts about people are in no journal. They are opened in the issuer's vault, by the commitments that
the journal has; where a person was erased since, nobody can say any more.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from core import authorizations, reservations
from core.journal import Store, decode_event
from core.state import State
from core.step import step
from core.token_events import AuthorizationJudged
from core.token_state import Authorization, Token
from risk.adapter import LimitGate
from tokens.facts import Facts
from tokens.judging import Judge
from tokens.policy import Policy, objection
from tokens.vault import Erased, Record

# From the policy that was in force to the one that is asked in its place.
Change = Callable[[Policy], Policy]
ERASED = "erased"


class NoJudge(LookupError):
    """The journal tells of a policy, or of facts, that this judge never had."""


class Opinion(NamedTuple):
    """What a request was told, and what each other policy would have; "" where it is permitted.

    `wanted` is the authorization as it ended; `at` is when it was judged.
    """

    at: int
    wanted: Authorization
    said: str
    would_say: Mapping[str, str]


def opinions(
    store: Store, judge: Judge, token: str, changes: Mapping[str, Change]
) -> list[Opinion]:
    """Each request of the token that was judged, under the policies that the changes make.

    Whose an address is, is taken from the judge as it is now. Raises `NoJudge`.
    """
    records = {each.commitment: each for each in judge.vault.records}
    return list(_opinions(store, _Bench(judge, token, changes, records)))


def _opinions(store: Store, bench: "_Bench") -> Iterator[Opinion]:
    state, gate = State(), LimitGate()
    for body in store.events():
        event = decode_event(body)
        if not isinstance(event, AuthorizationJudged):
            step(state, event, gate)
            continue
        wanted = bench.called(state, event)
        would_say = bench.words(state, wanted, event) if wanted is not None else {}
        step(state, event, gate)
        if wanted is not None:
            said = wanted.reason if wanted.status == "refused" else ""
            yield Opinion(event.received_at, wanted, said, would_say)


class _Bench(NamedTuple):
    """One judge under several policies."""

    judge: Judge
    token: str
    changes: Mapping[str, Change]
    records: Mapping[str, Record]

    def called(self, state: State, event: AuthorizationJudged) -> Authorization | None:
        """The request that this judgement decides; None where it comes too late for any."""
        token = state.tokens.get(event.token)
        if token is None or token.name != self.token:
            return None
        if event.policy_version != token.policy.version:
            return None
        wanted = token.authorizations.get(event.authorization_id)
        return wanted if wanted is not None and wanted.status == "requested" else None

    def words(
        self, state: State, wanted: Authorization, event: AuthorizationJudged
    ) -> dict[str, str]:
        """Of each policy, by the name of its change."""
        token = state.tokens[self.token]
        policy = self.judge.published.get(token.policy.content_hash)
        if policy is None:
            raise NoJudge(f"{self.token}: no policy has the hash {token.policy.content_hash}")
        try:
            known = self._facts(event)
        except Erased:
            return dict.fromkeys(self.changes, ERASED)
        between = authorizations.unfit(state, token, wanted, event)
        return {
            name: self._refusal(change(policy), wanted, known)
            or between
            or self._limit(change(policy), token, wanted)
            for name, change in self.changes.items()
        }

    def _facts(self, event: AuthorizationJudged) -> dict[str, Facts]:
        """Those that the judge looked at then, by person."""
        found = {}
        for each in event.commitments:
            record = self.records.get(each)
            if record is None:
                raise NoJudge(f"{event.authorization_id}: the vault has no facts {each}")
            facts = self.judge.vault.open(record).facts
            found[facts.person] = facts
        return found

    def _refusal(self, policy: Policy, wanted: Authorization, known: Mapping[str, Facts]) -> str:
        sender, receiver = (
            known.get(self.judge.people.get(each, "")) for each in (wanted.sender, wanted.receiver)
        )
        kind, value, until = wanted.kind, wanted.value, wanted.valid_before
        return objection(policy, kind, sender, receiver, value, until)

    def _limit(self, policy: Policy, token: Token, wanted: Authorization) -> str:
        moved = authorizations.movement(wanted)
        return reservations.objection(token.reserved, self.judge.limits(policy), moved)
