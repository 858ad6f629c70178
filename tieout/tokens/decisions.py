"""By what permissions were decided: by the policy and the facts that the journal had until then,
and for the very window that was signed?

Read off the journal, record by record, and shared with nothing that decides.
"""

from core.journal import Store, decode_effect, decode_event
from core.token_effects import JudgeAuthorization, SignAuthorization
from core.token_events import AuthorizationJudged, HolderStated, PolicyPublished

# Which parties limits count as somebody: addresses, by the commitment to what is known of them.
Stated = dict[tuple[str, str], str]
HEARD = ("HolderStated", "PolicyPublished", "AuthorizationJudged")


def decided_by_old(store: Store) -> list[str]:
    """Decisions that were signed, or may be, and had been judged by a policy that was not in force
    here any more, by facts that somebody had stated anew, or for another window: than what was
    signed, or than that policy's."""
    stated: Stated = {}
    policies: dict[str, PolicyPublished] = {}
    parties: dict[str, tuple[str, str]] = {}
    outdated: dict[int, str] = {}
    windows: dict[str, tuple[int, int]] = {}
    found: dict[str, None] = {}
    for record in store.records():
        if record.name == "JudgeAuthorization":
            question = decode_effect(record.body)
            assert isinstance(question, JudgeAuthorization)
            parties[question.authorization_id] = (question.sender, question.receiver)
        elif record.name == "SignAuthorization":
            if record.cause in outdated:
                found[outdated[record.cause]] = None
            asked = decode_effect(record.body)
            assert isinstance(asked, SignAuthorization)
            if windows.get(asked.decision_hash) != (asked.valid_after, asked.valid_before):
                found[f"{asked.authorization_id}: judged for another window"] = None
        elif record.name in HEARD:
            match decode_event(record.body):
                case HolderStated() as told:
                    stated[told.token, told.address] = told.commitment
                case PolicyPublished() as told:
                    known = policies.get(told.token)
                    if known is None or told.version > known.version:
                        policies[told.token] = told
                case AuthorizationJudged() as told:
                    windows[told.decision_hash] = (told.valid_after, told.valid_before)
                    both = parties.get(told.authorization_id, ())
                    facts = [stated.get((told.token, who), "") for who in both]
                    by = _outdated(told, policies.get(told.token), facts)
                    if by:
                        outdated[record.number] = f"{told.authorization_id}: {by}"
    return list(found)


def _outdated(told: AuthorizationJudged, policy: PolicyPublished | None, facts: list[str]) -> str:
    """What of it is not the newest; `facts` are the commitments that stood for its parties."""
    if policy is None or told.policy_version != policy.version:
        return "judged by what was before"
    if list(told.commitments) != [each for each in facts if each]:
        return "judged by what was before"
    if told.valid_before - told.valid_after > policy.window_s + policy.skew_s:
        return "judged for longer than its policy says"
    return ""
