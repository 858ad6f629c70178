"""What the vault answers the core: a verdict, commitments, and marks that say nothing.

Deterministic: the same question of the same facts is answered the same, so that one whose answer
was lost is simply asked again. Groups, lanes and decisions are keyed hashes: nobody without the
secret can tell whose jurisdiction they are of, or who it is that has two wallets.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field

from core.token_effects import JudgeAuthorization
from core.token_events import AuthorizationJudged, HolderStated, PolicyPublished
from core.token_state import Limits
from tokens.facts import Facts
from tokens.policy import Policy, objection
from tokens.vault import Vault

LANE_BYTES = 24
GROUP_BYTES = 8
SECOND = 1_000_000_000


@dataclass(slots=True)
class Judge:
    """Judges by a policy for each token, the facts of the vault, and who has which address.

    `published` are all policies that ever were in force, by their content hashes: with the vault
    they reproduce every decision of a journal.
    """

    vault: Vault
    secret: bytes = field(repr=False)
    policies: dict[str, Policy] = field(default_factory=dict)
    people: dict[str, str] = field(default_factory=dict, repr=False)
    published: dict[str, Policy] = field(default_factory=dict)

    def judge(self, asked: JudgeAuthorization, now: int) -> AuthorizationJudged:
        """The verdict. One about another version than ours says so, and the core asks again."""
        policy = self.policies[asked.token]
        facts = {each: self._facts(each) for each in (asked.sender, asked.receiver)}
        sender, receiver = facts[asked.sender], facts[asked.receiver]
        refusal = objection(
            policy,
            asked.kind,
            sender[0] if sender else None,
            receiver[0] if receiver else None,
            asked.value,
            asked.valid_before,
        )
        commitments = tuple(each[1] for each in (sender, receiver) if each is not None)
        return AuthorizationJudged(
            received_at=now,
            token=asked.token,
            authorization_id=asked.authorization_id,
            valid_after=asked.valid_after,
            valid_before=asked.valid_before,
            policy_version=policy.version,
            refusal=refusal,
            decision_hash=self._decision(asked, policy, commitments),
            lane=self._lane(asked),
            commitments=commitments,
        )

    def _facts(self, address: str) -> tuple[Facts, str] | None:
        person = self.people.get(address)
        return self.vault.newest(person) if person is not None else None

    def _lane(self, asked: JudgeAuthorization) -> int:
        told = self._keyed("lane", asked.token, asked.owner, str(asked.place))
        return int.from_bytes(told[:LANE_BYTES])

    def _decision(
        self, asked: JudgeAuthorization, policy: Policy, commitments: tuple[str, ...]
    ) -> str:
        moved = f"{asked.kind} {asked.sender} {asked.receiver} {asked.value}"
        window = f"{asked.valid_after} {asked.valid_before}"
        parts = (asked.authorization_id, moved, window, policy.content_hash(), *commitments)
        return "0x" + self._keyed("decision", asked.token, *parts).hex()

    def group(self, token: str, jurisdiction: str) -> str:
        """The opaque mark of a jurisdiction."""
        return self._keyed("group", token, jurisdiction)[:GROUP_BYTES].hex()

    def _keyed(self, *parts: str) -> bytes:
        return hmac.new(self.secret, "\0".join(parts).encode(), hashlib.sha256).digest()

    # --- what is told to the core ----------------------------------------------------------------

    def state(self, token: str, address: str, now: int) -> HolderStated:
        """What limits count the holder of an address as, from now on; to be told again when time
        alone changes it (`changes_at`)."""
        known = self._facts(address)
        return HolderStated(
            received_at=now,
            token=token,
            address=address,
            group=self.group(token, known[0].jurisdiction) if known else "",
            locked=known[0].locked(self._since(token, now)) if known else 0,
            commitment=known[1] if known else "",
            holder=self._holder(token, address),
        )

    def _holder(self, token: str, address: str) -> str:
        person = self.people.get(address)
        return self._keyed("holder", token, person)[:GROUP_BYTES].hex() if person else ""

    def changes_at(self, token: str, address: str, now: int) -> int:
        """When the next lock-up of the holder is over for whatever is permitted then; 0: none is
        running."""
        known = self._facts(address)
        since = self._since(token, now)
        ends = [each.until for each in known[0].lock_ups] if known else []
        later = [until for until in ends if until > since]
        return now + (min(later) - since) * SECOND if later else 0

    def _since(self, token: str, now: int) -> int:
        """The earliest second at which what is permitted now may happen: an old head's window."""
        window = self.policies[token].window
        return now // SECOND - window.head_age_s_max - window.skew_s

    def publish(self, policy: Policy, now: int, *, tightens: bool) -> PolicyPublished:
        """Put a policy in force, and say what of it bounds the whole."""
        self.policies[policy.token] = self.published[policy.content_hash()] = policy
        limits = self.limits(policy)
        return PolicyPublished(
            received_at=now,
            token=policy.token,
            version=policy.version,
            content_hash=policy.content_hash(),
            window_s=policy.window.lasts_s,
            skew_s=policy.window.skew_s,
            head_age_s_max=policy.window.head_age_s_max,
            holder_max=limits.holder_max,
            holders_max=limits.holders_max,
            supply_max=limits.supply_max,
            groups=tuple(limits.groups.items()),
            tightens=tightens,
        )

    def limits(self, policy: Policy) -> Limits:
        """What the policy bounds of the whole, jurisdictions by their marks."""
        bounds: Mapping[str, int | None] = {
            name: home.holds_max for name, home in policy.jurisdictions.items()
        }
        marks = {self.group(policy.token, name): bound for name, bound in bounds.items()}
        return Limits(
            _bound(policy.holder_max),
            _bound(policy.holders_max),
            _bound(policy.supply_max),
            {mark: bound for mark, bound in sorted(marks.items()) if bound is not None},
        )


def _bound(told: int | None) -> int:
    return -1 if told is None else told
