"""By what permissions were decided: by the policy and the facts that the journal had until then,
and for the very window that was signed?

Read off the journal, record by record, and shared with nothing that decides.
"""

from core.journal import Store, decode_effect, decode_event
from core.token_effects import SignAuthorization
from core.token_events import AuthorizationJudged, HolderStated, PolicyPublished

# Which parties limits count as somebody: addresses, by the commitment to what is known of them.
Stated = dict[tuple[str, str], str]
HEARD = ("HolderStated", "PolicyPublished", "AuthorizationJudged")


def decided_by_old(store: Store) -> list[str]:
    """Decisions that were signed, or may be, and had been judged by a policy that was not in force
    here any more, by facts that somebody had stated anew, or for another window."""
    stated: Stated = {}
    versions: dict[str, int] = {}
    outdated: dict[int, str] = {}
    windows: dict[str, tuple[int, int]] = {}
    found: dict[str, None] = {}
    for record in store.records():
        if record.name == "SignAuthorization":
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
                    versions[told.token] = max(told.version, versions.get(told.token, 0))
                case AuthorizationJudged() as told:
                    windows[told.decision_hash] = (told.valid_after, told.valid_before)
                    if _is_outdated(told, versions, stated):
                        by = f"{told.authorization_id}: judged by what was before"
                        outdated[record.number] = by
    return list(found)


def _is_outdated(told: AuthorizationJudged, versions: dict[str, int], stated: Stated) -> bool:
    """A commitment that it goes by and nobody states now, or another version than the newest."""
    known = {commitment for (token, _), commitment in stated.items() if token == told.token}
    return told.policy_version != versions.get(told.token) or not known.issuperset(told.commitments)
