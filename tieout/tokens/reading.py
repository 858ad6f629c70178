"""A signer's own reading of policy and facts: the decision must be the one of this moment."""

from collections.abc import Callable
from dataclasses import dataclass, field

from core.token_effects import JudgeAuthorization, SignAuthorization
from core.token_events import AuthorizationJudged
from tokens.signers.verifying import Permit
from tokens.typed import Recovery


@dataclass(slots=True, eq=False)
class Reading:
    """Judges again whatever it was told that a signature is wanted for (`asked`, by decision)."""

    judged: Callable[[JudgeAuthorization], AuthorizationJudged]
    asked: dict[str, SignAuthorization] = field(default_factory=dict)

    def objection(self, permit: Permit) -> str:
        named = permit.reason_hash if isinstance(permit, Recovery) else permit.policy_hash
        asked = self.asked.get("0x" + named.hex())
        if asked is None:
            return "its decision cannot be found"
        again = self.judged(_question(asked))
        if again.refusal:
            return again.refusal
        same = again.decision_hash == asked.decision_hash
        return "" if same else "it is decided otherwise meanwhile"


def _question(asked: SignAuthorization) -> JudgeAuthorization:
    """What was judged, asked anew; of lanes nothing is asked."""
    return JudgeAuthorization(
        token=asked.token,
        authorization_id=asked.authorization_id,
        kind=asked.kind,
        owner="",
        sender=asked.sender,
        receiver=asked.receiver,
        value=asked.value,
        valid_after=asked.valid_after,
        valid_before=asked.valid_before,
        policy_version=0,
        place=0,
    )
