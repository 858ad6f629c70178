"""Tokens' part of the spine: one fact of an issued token in, effects out.

What a permission goes through stands in `core.authorizations`, whether one more can break a limit
in `core.reservations`, and who holds what in `core.register`. What changed facts or limits break is
a break of its own: nothing moved, and something must.
"""

from typing import assert_never

from core import authorizations, register, reservations, resolutions, subscriptions
from core.effects import Effect, RaiseAlert
from core.items import close_item, open_item
from core.state import State, count
from core.token_effects import BumpEpoch
from core.token_events import (
    AboutToken,
    AuthorizationDeclined,
    AuthorizationJudged,
    AuthorizationRequested,
    AuthorizationSigned,
    HolderStated,
    HoldingsReported,
    OfferingPublished,
    PolicyPublished,
    RequestRefused,
    RevocationRequested,
    TokenBlockReported,
    TokenHeadReported,
    TokenPublished,
    TokenReopened,
    WalletAdmitted,
)
from core.token_state import Limits, Policy, Token, TokenBlock

# How many looks at the chain between two reminders of what the issuer has still to carry out.
REMIND_LOOKS = 15


def step(state: State, event: AboutToken) -> list[Effect]:
    """Take in one event of a token that was published."""
    token = state.tokens.get(event.token)
    if token is None:
        return _unknown(state, event.token)
    match event:
        case AuthorizationRequested():
            return authorizations.on_requested(state, token, event)
        case RequestRefused():
            return _on_refused(state, event)
        case AuthorizationJudged():
            return authorizations.on_judged(state, token, event)
        case AuthorizationSigned():
            return authorizations.on_signed(state, token, event)
        case AuthorizationDeclined():
            return authorizations.on_declined(state, token, event)
        case RevocationRequested():
            return authorizations.on_revocation(state, token, event)
        case TokenHeadReported():
            return register.on_head(state, token, event)
        case TokenBlockReported():
            return register.on_block(state, token, event)
        case HoldingsReported():
            return register.on_holdings(state, token, event)
        case TokenReopened():
            return resolutions.on_reopened(state, token, event)
        case PolicyPublished():
            return _on_policy(state, token, event)
        case HolderStated():
            return _on_holder(state, token, event)
        case OfferingPublished():
            return subscriptions.on_offered(state, token, event)
        case WalletAdmitted():
            return subscriptions.on_admitted(token, event)
        case _:
            assert_never(event)


def _unknown(state: State, name: str) -> list[Effect]:
    count(state, "events_of_unknown_tokens")
    return [RaiseAlert(severity="critical", subject=name, text="a token that nobody published")]


def follow(state: State) -> list[Effect]:
    """What a step left behind: blocks that are final now, and limits that what is final breaks."""
    effects: list[Effect] = []
    for token in state.tokens.values():
        chain = state.settlement.chains.get(token.account)
        before = token.blocks[0].number
        if chain is not None:
            effects += register.follow(state, token, chain)
        if token.blocks[0].number != before:
            effects += breaches(state, token)
    return effects


def on_alarm(state: State, name: str) -> list[Effect]:
    """It is time to look at the chain."""
    token = state.tokens[name]
    effects = register.look(state, token)
    if token.asked % REMIND_LOOKS == 0:
        effects += _remind(state, token)
    return effects


def after_restart(state: State, records_lost: int) -> list[Effect]:
    """What was asked of others and may have been lost is asked again."""
    effects: list[Effect] = []
    for token in state.tokens.values():
        if records_lost:
            authorizations.after_cut(state, token)
        register.leave_way(token)
        effects += [*authorizations.after_restart(token), *_remind(state, token)]
        effects += register.look(state, token)
    return effects


def _remind(state: State, token: Token) -> list[Effect]:
    """Ask again for what is due and not final: a pause, an epoch, what is to be void."""
    effects = [*register.remind_of_pause(state, token), *authorizations.due_void(token)]
    if token.epoch_due > token.epoch:
        effects.append(BumpEpoch(token=token.name, epoch=token.epoch_due))
    return effects


def on_published(state: State, event: TokenPublished) -> list[Effect]:
    """Told again after a restart, its terms are those told last. What is told first after the
    journal was cut may have been told before, and what was signed then is lost with it."""
    known = state.tokens.get(event.token)
    if known is not None:
        known.admin = event.admin
        known.signers, known.threshold, known.poll_ns = (
            event.signers,
            event.threshold,
            event.poll_ns,
        )
        return []
    first = TokenBlock(event.block_number, event.block_hash, "", event.timestamp)
    token = Token(
        name=event.token,
        account=event.account,
        contract=event.contract,
        signers=event.signers,
        threshold=event.threshold,
        admin=event.admin,
        poll_ns=event.poll_ns,
        blocks=[first],
    )
    state.tokens[event.token] = token
    if state.counts.get("journal_cuts"):
        authorizations.after_cut(state, token)
    return register.look(state, token)


def _on_refused(state: State, event: RequestRefused) -> list[Effect]:
    """It is told that somebody asked, and for how many reasons how often it was no request."""
    count(state, f"refused/{event.reason}/{event.token}")
    return []


def _on_policy(state: State, token: Token, event: PolicyPublished) -> list[Effect]:
    """A policy that tightens voids what was permitted under the one before it."""
    if event.content_hash == token.policy.content_hash:
        return []
    if event.version <= token.policy.version:
        count(state, f"policies_refused/{token.name}")
        text = f"policy {event.version} after {token.policy.version}: it is not put in force"
        return [RaiseAlert(severity="critical", subject=token.name, text=text)]
    before = token.policy
    token.policy = Policy(
        version=event.version,
        content_hash=event.content_hash,
        window_s=event.window_s,
        skew_s=event.skew_s,
        head_age_s_max=event.head_age_s_max,
        limits=Limits(event.holder_max, event.holders_max, event.supply_max, dict(event.groups)),
    )
    effects = breaches(state, token)
    if (before.window_s, before.skew_s) != (event.window_s, event.skew_s):
        effects += authorizations.ask_again(token)
    if event.tightens:
        token.epoch_due += 1
        effects += _remind(state, token)
    return effects


def _on_holder(state: State, token: Token, event: HolderStated) -> list[Effect]:
    token.stated[event.address] = event.commitment
    _belongs(token, event.address, event.holder)
    reservations.regroup(token.reserved, event.address, event.group)
    if event.locked:
        token.reserved.locked[event.address] = event.locked
    else:
        token.reserved.locked.pop(event.address, None)
    return breaches(state, token)


def _belongs(token: Token, address: str, holder: str) -> None:
    was = token.holders.get(address, "")
    if was == holder:
        return
    if was:
        token.wallets[was].remove(address)
    token.holders[address] = holder
    if holder:
        token.wallets.setdefault(holder, []).append(address)


def _held_apart(token: Token) -> dict[str, int]:
    """How much people hold beside the address at which they hold most: limits bound addresses, so
    each has one that holds, unless facts made two holders the same person."""
    held = token.reserved.balances
    found = dict[str, int]()
    for holder, addresses in token.wallets.items():
        if len(addresses) > 1:
            theirs = [held.get(each, 0) for each in addresses]
            found[f"person {holder}"] = sum(theirs) - max(theirs)
    return found


def breaches(state: State, token: Token) -> list[Effect]:
    """What is final breaks a limit, though no permission did: facts, limits or an orphan did."""
    limits = reservations.excesses(token.reserved, token.policy.limits)
    passed = {
        f"{token.name} {what}": excess
        for what, excess in (limits | _held_apart(token)).items()
        if excess > 0
    }
    effects: list[Effect] = []
    for subject, excess in passed.items():
        account, asset = token.account, token.name
        effects += open_item(state, "limit_passed", subject, account, asset, excess, 0)
    for item in register.open_items(state, token, ("limit_passed",)):
        if item.subject not in passed:
            close_item(state, item.subject, "it is within the limit again", 0, "limit_passed")
    return effects
