"""Requests for what is over leave the state, and come back when their id is used again.

The rules of `core.memory` hold here, too.
Rule 1. An id leaves with its authorization, once as many later ones are over as stay at hand; from
then on the journal's index has it, for ever.
Rule 2. Whatever id is not at hand is asked after before it is taken for a new one: the same id
never permits a second thing, whenever it is used again.
"""

from core import identity
from core.effects import Remember
from core.events import Recalled
from core.state import State
from core.token_events import AuthorizationRequested
from core.token_state import Authorization, Token

RECALLED_KEPT = 64


def put_away(state: State, token: Token, gone: Authorization) -> Remember:
    """Its id leaves the state; what it is found by is the journal's to keep."""
    name = token.requests.pop(f"{gone.caller} {gone.request_id}")
    state.put_away += 1
    key = identity.request_key(token.name, gone.caller, gone.request_id)
    return Remember(account=token.account, kind="request", key=key, content=name)


def wanted(state: State, event: AuthorizationRequested) -> list[tuple[str, str]]:
    """Where an id may be that is not at hand."""
    token = state.tokens.get(event.token)
    if token is None or f"{event.caller} {event.request_id}" in token.requests:
        return []
    return [(token.account, identity.request_key(token.name, event.caller, event.request_id))]


def on_recalled(state: State, event: Recalled) -> None:
    """It is known again, for as long as not too many others were asked after."""
    _, name, request = event.key.split(" ", 2)
    token = state.tokens[name]
    token.requests[request] = event.content
    token.recalled.append(request)
    if len(token.recalled) > RECALLED_KEPT:
        del token.requests[token.recalled.pop(0)]
