"""What the token's contract lets pass and what it refuses: on the embedded EVM and on a real node.

Every refusal is seen to change nothing. `contract_mutants.py` runs this file against contracts with
one planted bug each.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest
from eth_abi import decode

from rails.keys import keccak256
from tests.evms import send
from tests.issuing import (
    ABI,
    ADMIN,
    ALICE,
    BOB,
    FIRST,
    LANE,
    OTHERS,
    PAUSER,
    POLICY,
    RELAYER,
    SECOND,
    STRANGER,
    THIRD,
    Issue,
    artifact,
    call_of,
    evm,
    issue,
    malleated,
    node,
    refused,
    said_by,
)
from tokens import calls, typed
from tokens.calls import Release
from tokens.typed import Domain, lane_nonce

__all__ = ["evm", "issue", "node"]  # fixtures

ZERO = "0x" + "00" * 20
Moves = Callable[[Issue], bytes]


# --- a holder acts, and authorizers permit --------------------------------------------------------


def test_a_holder_moves_what_was_permitted(issue: Issue) -> None:
    given = issue.permit(value=30)
    outcome = issue.move(issue.released(given))
    assert outcome.succeeded
    assert (issue.balance(ALICE), issue.balance(BOB), issue.supply()) == (970, 40, 1010)


def test_the_logs_of_a_movement_name_what_permitted_it(issue: Issue) -> None:
    """The authorization by its struct hash, and the policy's hash: enough to find the decision."""
    given = issue.permit()
    assert issue.events(issue.move(issue.released(given))) == [
        ("Transfer", {"from": ALICE, "to": BOB, "value": 5}),
        (
            "Moved",
            {
                "message": typed.struct_hash(given),
                "holder": ALICE,
                "nonce": given.nonce,
                "policyHash": POLICY,
            },
        ),
    ]


def test_anybody_may_bring_it_with_the_holders_consent(issue: Issue) -> None:
    outcome = issue.move(issue.released(issue.permit(), consent=True), sender=RELAYER)
    assert outcome.succeeded
    assert issue.balance(BOB) == 15


def test_the_holder_needs_no_consent_beside(issue: Issue) -> None:
    """Whatever stands there: the holder sent it."""
    given = replace(issue.released(issue.permit()), consent=b"anything")
    assert issue.move(given).succeeded


def test_all_authorizers_together_move_nothing_of_a_holder_who_did_not_act(issue: Issue) -> None:
    """Every key of theirs stolen: without the holder's act it is refused, for everybody."""
    given = issue.released(issue.permit(), by=(FIRST, SECOND))
    for sender in (FIRST, SECOND, ADMIN, PAUSER, BOB, RELAYER, STRANGER):
        assert refused(issue, sender, calls.release([given])) == "NoConsent"


@pytest.mark.parametrize("who", [BOB, FIRST, ADMIN, RELAYER])
def test_the_consent_of_another_is_none(issue: Issue, who: str) -> None:
    given = issue.permit()
    consent = issue.signed(who, typed.Consent(typed.struct_hash(given)))
    brought = replace(issue.released(given), consent=consent)
    assert refused(issue, RELAYER, calls.release([brought])) == "NoConsent"


def test_a_consent_is_to_one_authorization_and_no_other(issue: Issue) -> None:
    one, other = issue.permit(), issue.permit(value=6)
    brought = replace(issue.released(other), consent=issue.consent(one))
    assert refused(issue, RELAYER, calls.release([brought])) == "NoConsent"


def test_an_authorizers_signature_is_no_consent_and_a_consent_none_of_theirs(issue: Issue) -> None:
    """The two messages hash apart, even where one key had both duties."""
    given = issue.permit()
    as_consent = replace(issue.released(given), consent=issue.signed(ALICE, given))
    assert refused(issue, RELAYER, calls.release([as_consent])) == "NoConsent"
    consent = issue.signed(FIRST, typed.Consent(typed.struct_hash(given)))
    as_permission = Release(given, (consent,))
    assert refused(issue, ALICE, calls.release([as_permission])) == "NotAuthorizedBy"


def test_nothing_moves_without_an_authorizer(issue: Issue) -> None:
    assert refused(issue, ALICE, calls.release([Release(issue.permit(), ())])) == "TooFewSignatures"
    for who in (ALICE, ADMIN, PAUSER, STRANGER, THIRD):
        given = issue.released(issue.permit(), by=(who,))
        assert refused(issue, ALICE, calls.release([given])) == "NotAuthorizedBy"


def test_k_of_n(issue: Issue) -> None:
    """Two must sign, distinct and in ascending order; a third may."""
    issue.send(ADMIN, calls.set_authorizer(THIRD, 2**64 - 1))
    issue.send(ADMIN, calls.set_threshold(2))
    given = issue.permit()
    refusals = {
        (FIRST,): "TooFewSignatures",
        (FIRST, FIRST): "NotAuthorizedBy",
        (SECOND, FIRST): "NotAuthorizedBy",
        (FIRST, STRANGER): "NotAuthorizedBy",
        (ADMIN, FIRST): "NotAuthorizedBy",
        (FIRST, SECOND, STRANGER): "NotAuthorizedBy",
    }
    for by, why in refusals.items():
        assert refused(issue, ALICE, calls.release([issue.released(given, by)])) == why, by
    assert issue.move(issue.released(given, (FIRST, THIRD))).succeeded
    assert issue.move(issue.released(issue.permit(), (FIRST, SECOND, THIRD))).succeeded


def test_more_than_the_holder_has_is_refused(issue: Issue) -> None:
    assert issue.move(issue.released(issue.permit(value=1_000))).succeeded
    given = issue.released(issue.permit(value=1))
    assert refused(issue, ALICE, calls.release([given])) == "ERC20InsufficientBalance"


def test_to_oneself_or_to_nobody_is_refused(issue: Issue) -> None:
    given = issue.released(issue.permit(to=ALICE))
    assert refused(issue, ALICE, calls.release([given])) == "SelfTransfer"
    given = issue.released(issue.permit(to=ZERO))
    assert refused(issue, ALICE, calls.release([given])) == "ERC20InvalidReceiver"


# --- once, here, now, as it was signed ------------------------------------------------------------


def test_it_is_used_once(issue: Issue) -> None:
    """The nonce is the key: another signature over the same authorization is a replay as well."""
    given = issue.permit()
    assert issue.move(issue.released(given)).succeeded
    for by in ((FIRST,), (SECOND,), (FIRST, SECOND)):
        again = calls.release([issue.released(given, by)])
        assert refused(issue, ALICE, again) == "InvalidAccountNonce"
    relayed = calls.release([issue.released(given, consent=True)])
    assert refused(issue, RELAYER, relayed) == "InvalidAccountNonce"


def test_what_was_used_stays_used_after_a_rotation(issue: Issue) -> None:
    """Neither the old signature nor one of the new authorizer moves it again."""
    given = issue.permit()
    assert issue.move(issue.released(given)).succeeded
    issue.send(ADMIN, calls.set_authorizer(THIRD, 2**64 - 1))
    by = {FIRST: "InvalidAccountNonce", THIRD: "InvalidAccountNonce"}
    for who, why in by.items():
        assert refused(issue, ALICE, calls.release([issue.released(given, (who,))])) == why
    issue.send(ADMIN, calls.set_authorizer(FIRST, 0))
    by[FIRST] = "NotAuthorizedBy"
    for who, why in by.items():
        assert refused(issue, ALICE, calls.release([issue.released(given, (who,))])) == why


def test_what_was_used_stays_used_after_a_new_epoch(issue: Issue) -> None:
    """As it was, and signed anew for the epoch in force: its nonce is used up in every epoch."""
    given, mint = issue.permit(), issue.mint()
    minted = calls.mint(mint, issue.signed(ADMIN, mint))
    assert issue.move(issue.released(given)).succeeded
    assert issue.send(RELAYER, minted).succeeded
    issue.send(FIRST, calls.raise_epoch())
    assert refused(issue, ALICE, calls.release([issue.released(given)])) == "WrongEpoch"
    assert refused(issue, RELAYER, minted) == "WrongEpoch"
    anew = issue.released(replace(given, epoch=1))
    assert refused(issue, ALICE, calls.release([anew])) == "InvalidAccountNonce"
    again = replace(mint, epoch=1)
    data = calls.mint(again, issue.signed(ADMIN, again))
    assert refused(issue, RELAYER, data) == "InvalidAccountNonce"


@pytest.mark.parametrize(
    "change",
    [
        {"chain_id": 1},
        {"contract": "0x" + "c0" * 20},
        {"name": "Other"},
        {"version": "2"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_was_signed_for_elsewhere_is_refused(issue: Issue, change: dict[str, object]) -> None:
    """Another chain, another contract, another asset, another version."""
    elsewhere = replace(issue.domain, **change)
    given = issue.permit()
    by_authorizer = issue.released(given, domain=elsewhere)
    assert refused(issue, ALICE, calls.release([by_authorizer])) == "NotAuthorizedBy"
    consented = replace(issue.released(given), consent=issue.consent(given, elsewhere))
    assert refused(issue, RELAYER, calls.release([consented])) == "NoConsent"
    mint = issue.mint()
    minted = calls.mint(mint, issue.signed(ADMIN, mint, elsewhere))
    assert refused(issue, RELAYER, minted) == "NotAuthorizedBy"
    burn = issue.burn()
    burnt = calls.burn(burn, issue.signed(ADMIN, burn, elsewhere))
    assert refused(issue, ALICE, burnt) == "NotAuthorizedBy"
    recovery = issue.recovery()
    recovered = calls.recover(recovery, issue.signed(ADMIN, recovery, elsewhere))
    assert refused(issue, RELAYER, recovered) == "NotAuthorizedBy"


def test_one_contract_cannot_use_what_another_was_given(issue: Issue) -> None:
    """Two issues with the same name and the same keys, on one chain."""
    twin = Issue(issue.evm).open()
    given = issue.released(issue.permit())
    assert twin.token != issue.token
    assert refused(twin, ALICE, calls.release([given])) == "NotAuthorizedBy"


TAMPERED = {
    "holder": STRANGER,
    "to": THIRD,
    "value": 6,
    "valid_after": 1,
    "valid_before": 2**64 - 1,
    "nonce": lane_nonce(LANE + 1, 0),
    "policy_hash": keccak256(b"another"),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_a_field_that_was_changed_is_refused(issue: Issue, name: str) -> None:
    """Any field of an authorization, signed by an authorizer and by the holder before."""
    given = issue.permit()
    changed = replace(given, **{name: TAMPERED[name]})
    sender = changed.holder
    permitted = Release(changed, issue.released(given).signatures)
    assert refused(issue, sender, calls.release([permitted])) == "NotAuthorizedBy"
    consented = replace(issue.released(changed), consent=issue.consent(given))
    assert refused(issue, RELAYER, calls.release([consented])) == "NoConsent"


def test_another_epoch_is_refused_even_when_it_was_signed(issue: Issue) -> None:
    for epoch in (1, 2**64 - 1):
        given = issue.released(issue.permit(epoch=epoch))
        assert refused(issue, ALICE, calls.release([given])) == "WrongEpoch"
    issue.send(ADMIN, calls.raise_epoch())
    tampered = replace(issue.released(issue.permit(epoch=0)).authorization, epoch=1)
    signatures = issue.released(issue.permit(epoch=0)).signatures
    told = refused(issue, ALICE, calls.release([Release(tampered, signatures)]))
    assert told == "NotAuthorizedBy"


@pytest.mark.parametrize("kind", ["mint", "burn"])
def test_the_epoch_of_the_admins_message_is_signed_as_well(issue: Issue, kind: str) -> None:
    """What an epoch voided does not come back by writing the new one into it."""
    message = getattr(issue, kind)()
    signed = issue.signed(ADMIN, message)
    issue.send(FIRST, calls.raise_epoch())
    made = calls.mint if kind == "mint" else calls.burn
    sender = RELAYER if kind == "mint" else ALICE
    assert refused(issue, sender, made(message, signed)) == "WrongEpoch"
    assert refused(issue, sender, made(replace(message, epoch=1), signed)) == "NotAuthorizedBy"


@pytest.mark.parametrize("place", [0, 31, 32, 63, 64], ids=["r", "r end", "s", "s end", "v"])
def test_a_signature_that_was_changed_is_refused(issue: Issue, place: int) -> None:
    """One bit of it: another key's, or nobody's."""
    given = issue.permit()
    told = issue.released(given, consent=True)

    def changed(signed: bytes) -> bytes:
        flipped = bytes([signed[place] ^ (7 if place == 64 else 1)])
        return signed[:place] + flipped + signed[place + 1 :]

    permitted = Release(given, (changed(told.signatures[0]),))
    why = refused(issue, ALICE, calls.release([permitted]))
    assert why in ("NotAuthorizedBy", "ECDSAInvalidSignature")
    consented = replace(told, consent=changed(told.consent))
    assert refused(issue, RELAYER, calls.release([consented])) == "NoConsent"


ANOTHER = {
    "to": STRANGER,
    "holder": BOB,
    "value": 101,
    "valid_before": 2**64 - 1,
    "nonce": lane_nonce(LANE + 1, 0),
    "policy_hash": keccak256(b"another"),
    "reason_hash": keccak256(b"another"),
}
SIGNED_BY_THE_ADMIN = {
    "mint": ("to", "value", "valid_before", "nonce", "policy_hash"),
    "burn": ("holder", "value", "valid_before", "nonce", "policy_hash"),
    "recovery": ("holder", "to", "valid_before", "nonce", "reason_hash"),
}


@pytest.mark.parametrize(
    ("kind", "name"),
    [(kind, name) for kind, names in SIGNED_BY_THE_ADMIN.items() for name in names],
)
def test_a_field_of_the_admins_that_was_changed_is_refused(
    issue: Issue, kind: str, name: str
) -> None:
    message = getattr(issue, kind)()
    value = PAUSER if name == "to" and kind == "recovery" else ANOTHER[name]
    changed = replace(message, **{name: value})
    signed = issue.signed(ADMIN, message)
    match kind:
        case "mint":
            data = calls.mint(changed, signed)
        case "burn":
            data = calls.burn(changed, signed)
        case _:
            data = calls.recover(changed, signed)
    sender = changed.holder if kind == "burn" else RELAYER
    assert refused(issue, sender, data) == "NotAuthorizedBy"


def test_a_malleated_signature_is_refused(issue: Issue) -> None:
    """The same digest, the same key, s in the upper half: for whoever signs."""
    given = issue.permit()
    told = issue.released(given, consent=True)
    twisted = Release(given, (malleated(told.signatures[0]),))
    assert refused(issue, ALICE, calls.release([twisted])) == "ECDSAInvalidSignatureS"
    consented = replace(told, consent=malleated(told.consent))
    assert refused(issue, RELAYER, calls.release([consented])) == "NoConsent"
    mint, burn, recovery = issue.mint(), issue.burn(), issue.recovery()
    data = calls.mint(mint, malleated(issue.signed(ADMIN, mint)))
    assert refused(issue, RELAYER, data) == "ECDSAInvalidSignatureS"
    data = calls.burn(burn, malleated(issue.signed(ADMIN, burn)))
    assert refused(issue, ALICE, data) == "ECDSAInvalidSignatureS"
    data = calls.burn(burn, issue.signed(ADMIN, burn), malleated(issue.consent(burn)))
    assert refused(issue, RELAYER, data) == "NoConsent"
    data = calls.recover(recovery, malleated(issue.signed(ADMIN, recovery)))
    assert refused(issue, RELAYER, data) == "ECDSAInvalidSignatureS"


@pytest.mark.parametrize("v", [0, 1, 26, 29, 255])
def test_a_signature_has_one_form(issue: Issue, v: int) -> None:
    given = issue.released(issue.permit())
    odd = given.signatures[0][:64] + bytes([v])
    data = calls.release([replace(given, signatures=(odd,))])
    assert refused(issue, ALICE, data) == "ECDSAInvalidSignature"


def test_a_signature_of_nothing_is_refused(issue: Issue) -> None:
    """What the curve's contract answers with address 0 is nobody's."""
    for nothing in (bytes(65), bytes(64) + b"\x1b"):
        data = calls.release([Release(issue.permit(), (nothing,))])
        assert refused(issue, ALICE, data) == "ECDSAInvalidSignature"
    mint = issue.mint()
    assert refused(issue, RELAYER, calls.mint(mint, bytes(65))) == "ECDSAInvalidSignature"


def test_a_word_with_dirt_in_it_is_refused(issue: Issue) -> None:
    """An address or a small number fills its word with zeros, or the call is none."""
    data = calls.release([issue.released(issue.permit())])
    start = 4 + 32 * 3
    for field, fits in ((0, 12), (1, 12), (3, 24), (4, 24), (6, 24)):
        dirty = bytearray(data)
        dirty[start + 32 * field + fits - 1] = 1
        assert refused(issue, ALICE, bytes(dirty)) == "0x"


@pytest.mark.parametrize("ahead", [-1, 0, 1])
def test_a_window_is_open_between_its_ends_and_not_on_them(issue: Issue, ahead: int) -> None:
    """validAfter < time < validBefore, to the second."""
    now = issue.evm.now()
    late = calls.release([issue.released(issue.permit(valid_before=now + ahead))])
    early = calls.release([issue.released(issue.permit(valid_after=now + ahead))])
    for data, opens in ((late, ahead > 0), (early, ahead < 0)):
        if opens:
            outcome = issue.send(ALICE, data)
            assert issue.error(outcome) in ("", "InvalidAccountNonce")
        else:
            assert refused(issue, ALICE, data) == "OutsideWindow"
    assert issue.balance(BOB) == (10 if ahead == 0 else 15)


@pytest.mark.parametrize("ahead", [-1, 0, 1])
def test_the_admins_messages_expire_to_the_second(issue: Issue, ahead: int) -> None:
    before = issue.evm.now() + ahead
    outcomes = [
        issue.minting(ALICE, 1, valid_before=before),
        issue.burning(value=1, valid_before=before),
        issue.recovering(valid_before=before),
    ]
    expected = "" if ahead > 0 else "OutsideWindow"
    assert [issue.error(outcome) for outcome in outcomes] == [expected] * 3


def test_a_window_passes_with_time_alone(issue: Issue) -> None:
    given = issue.released(issue.permit(valid_before=issue.evm.now() + 10))
    issue.evm.later(10)
    assert refused(issue, ALICE, calls.release([given])) == "OutsideWindow"


# --- lanes ----------------------------------------------------------------------------------------


def test_within_a_lane_the_order_holds(issue: Issue) -> None:
    first, second = (issue.permit(nonce=lane_nonce(LANE, place)) for place in (0, 1))
    assert refused(issue, ALICE, calls.release([issue.released(second)])) == "InvalidAccountNonce"
    assert issue.move(issue.released(first)).succeeded
    assert issue.move(issue.released(second)).succeeded


def test_lanes_are_independent(issue: Issue) -> None:
    """One that is stuck blocks no other, lane 0 is one like any other."""
    for lane in (2**192 - 1, 0, 1, LANE):
        assert issue.move(issue.released(issue.permit(lane=lane))).succeeded
        assert issue.place(ALICE, lane) == 1
    assert issue.place(BOB, LANE) == 0


def test_lanes_belong_to_a_holder(issue: Issue) -> None:
    assert issue.move(issue.released(issue.permit())).succeeded
    given = issue.permit(holder=BOB, to=ALICE)
    assert given.nonce == lane_nonce(LANE, 0)
    assert issue.move(issue.released(given), sender=BOB).succeeded


# --- several at once ------------------------------------------------------------------------------


def test_a_batch_moves_all_of_it(issue: Issue) -> None:
    releases = [
        issue.released(issue.permit(nonce=lane_nonce(LANE, place), to=to, value=place + 1))
        for place, to in enumerate(OTHERS[:10])
    ]
    outcome = issue.move(*releases)
    assert outcome.succeeded
    assert [issue.balance(to) for to in OTHERS[:10]] == list(range(1, 11))
    moved = [said["message"] for name, said in issue.events(outcome) if name == "Moved"]
    assert moved == [typed.struct_hash(each.authorization) for each in releases]


def test_a_batch_of_several_holders_needs_each_ones_consent(issue: Issue) -> None:
    one = issue.released(issue.permit(), consent=True)
    other = issue.permit(holder=BOB, to=STRANGER)
    assert refused(issue, RELAYER, calls.release([one, issue.released(other)])) == "NoConsent"
    assert issue.move(one, issue.released(other, consent=True), sender=RELAYER).succeeded


@pytest.mark.parametrize("place", [0, 1, 2])
def test_one_bad_item_and_nothing_of_the_batch_happened(issue: Issue, place: int) -> None:
    """No nonce is used, so each of the others is still good by itself."""
    bad: list[dict[str, object]] = [
        {"valid_before": issue.evm.now()},
        {"value": 2_000},
        {"to": ALICE},
        {"epoch": 7},
    ]
    for change in bad:
        releases = [
            issue.released(
                issue.permit(
                    nonce=lane_nonce(LANE + number, 0), **(change if number == place else {})
                )
            )
            for number in range(3)
        ]
        refused(issue, ALICE, calls.release(releases))
        assert [issue.place(ALICE, LANE + number) for number in range(3)] == [0, 0, 0]
    good = [number for number in range(3) if number != place]
    for number in good:
        assert issue.move(releases[number]).succeeded


def test_an_authorization_twice_in_a_batch_is_a_replay(issue: Issue) -> None:
    given = issue.released(issue.permit())
    assert refused(issue, ALICE, calls.release([given, given])) == "InvalidAccountNonce"


def test_a_batch_cannot_spend_twice_what_is_there_once(issue: Issue) -> None:
    releases = [
        issue.released(issue.permit(nonce=lane_nonce(LANE, place), value=600)) for place in (0, 1)
    ]
    assert refused(issue, ALICE, calls.release(releases)) == "ERC20InsufficientBalance"


def test_an_empty_batch_does_nothing(issue: Issue) -> None:
    before = issue.state()
    outcome = issue.move()
    assert (outcome.succeeded, outcome.logs, issue.state()) == (True, (), before)


# --- what was permitted is taken back -------------------------------------------------------------


@pytest.mark.parametrize("who", [ALICE, FIRST, SECOND, ADMIN])
def test_the_next_of_a_lane_is_revoked(issue: Issue, who: str) -> None:
    """By the holder, by any one authorizer, by the admin; the next one in the lane is good."""
    void, good = (issue.permit(nonce=lane_nonce(LANE, place)) for place in (0, 1))
    outcome = issue.send(who, calls.revoke(ALICE, void.nonce))
    assert issue.events(outcome) == [("Revoked", {"holder": ALICE, "next": void.nonce + 1})]
    assert refused(issue, ALICE, calls.release([issue.released(void)])) == "InvalidAccountNonce"
    assert issue.move(issue.released(good)).succeeded


def test_a_revocation_that_comes_too_late_fails(issue: Issue) -> None:
    """Whoever revokes learns that it was used, and voids nothing else by mistake."""
    given = issue.permit()
    assert issue.move(issue.released(given)).succeeded
    assert refused(issue, FIRST, calls.revoke(ALICE, given.nonce)) == "InvalidAccountNonce"
    ahead = calls.revoke(ALICE, given.nonce + 2)
    assert refused(issue, FIRST, ahead) == "InvalidAccountNonce"


def test_revocation_and_use_in_one_block_go_by_their_order(issue: Issue) -> None:
    given = issue.released(issue.permit())
    use, void = calls.release([given]), calls.revoke(ALICE, given.authorization.nonce)
    outcomes = issue.together((FIRST, void), (ALICE, use))
    assert [issue.error(each) for each in outcomes] == ["", "InvalidAccountNonce"]
    assert issue.balance(BOB) == 10
    given = issue.released(issue.permit())
    use, void = calls.release([given]), calls.revoke(ALICE, given.authorization.nonce)
    outcomes = issue.together((ALICE, use), (FIRST, void))
    assert [issue.error(each) for each in outcomes] == ["", "InvalidAccountNonce"]
    assert issue.balance(BOB) == 15


@pytest.mark.parametrize("who", [ALICE, FIRST, ADMIN])
@pytest.mark.parametrize("lane", [LANE, 0])
def test_a_lane_is_revoked_up_to_a_place(issue: Issue, who: str, lane: int) -> None:
    assert issue.move(issue.released(issue.permit(lane=lane))).succeeded
    void = [issue.permit(nonce=lane_nonce(lane, place)) for place in range(1, 4)]
    good = issue.permit(nonce=lane_nonce(lane, 4))
    outcome = issue.send(who, calls.revoke_lane(ALICE, lane, 4))
    assert issue.events(outcome) == [("Revoked", {"holder": ALICE, "next": good.nonce})]
    for given in void:
        data = calls.release([issue.released(given)])
        assert refused(issue, ALICE, data) == "InvalidAccountNonce"
    assert issue.move(issue.released(good)).succeeded


@pytest.mark.parametrize("below", [0, 1, 2])
def test_a_lane_never_goes_back(issue: Issue, below: int) -> None:
    for _ in range(2):
        assert issue.move(issue.released(issue.permit())).succeeded
    data = calls.revoke_lane(ALICE, LANE, below)
    assert refused(issue, ALICE, data) == "NothingToRevoke"


@pytest.mark.parametrize("who", [FIRST, SECOND, ADMIN])
def test_a_new_epoch_voids_all_that_was_signed(issue: Issue, who: str) -> None:
    """Transfers, mints and burns of everybody, in every lane; what is signed anew is good."""
    given = [
        issue.released(issue.permit()),
        issue.released(issue.permit(lane=7)),
        issue.released(issue.permit(holder=BOB, to=ALICE), consent=True),
    ]
    mint, burn = issue.mint(), issue.burn()
    outcome = issue.send(who, calls.raise_epoch())
    assert issue.events(outcome) == [("EpochRaised", {"holder": ZERO, "epoch": 1})]
    for each in given:
        sender = each.authorization.holder
        assert refused(issue, sender, calls.release([each])) == "WrongEpoch"
    minted = calls.mint(mint, issue.signed(ADMIN, mint))
    assert refused(issue, RELAYER, minted) == "WrongEpoch"
    burnt = calls.burn(burn, issue.signed(ADMIN, burn))
    assert refused(issue, ALICE, burnt) == "WrongEpoch"
    assert issue.move(issue.released(issue.permit())).succeeded
    assert issue.minting(ALICE, 1).succeeded
    assert issue.burning(value=1).succeeded


def test_a_recovery_survives_a_new_epoch(issue: Issue) -> None:
    """A stolen authorizer key cannot stop it: neither so, nor by using up its nonce."""
    message = issue.recovery()
    issue.send(FIRST, calls.raise_epoch())
    for data in (
        calls.revoke(issue.token, message.nonce),
        calls.revoke_lane(issue.token, LANE, 2**10),
    ):
        assert refused(issue, FIRST, data) == "NotAllowed"
    assert issue.send(RELAYER, calls.recover(message, issue.signed(ADMIN, message))).succeeded


def test_the_admin_takes_back_what_the_admin_signed(issue: Issue) -> None:
    message = issue.mint()
    assert issue.send(ADMIN, calls.revoke(issue.token, message.nonce)).succeeded
    data = calls.mint(message, issue.signed(ADMIN, message))
    assert refused(issue, RELAYER, data) == "InvalidAccountNonce"
    place = issue.place(issue.token, LANE) + 3
    assert issue.send(ADMIN, calls.revoke_lane(issue.token, LANE, place)).succeeded
    assert issue.place(issue.token, LANE) == place


# --- value comes and goes -------------------------------------------------------------------------


def test_the_admins_mint_is_brought_by_anybody_once(issue: Issue) -> None:
    message = issue.mint(to=STRANGER, value=7)
    data = calls.mint(message, issue.signed(ADMIN, message))
    outcome = issue.send(RELAYER, data)
    assert issue.events(outcome) == [
        ("Transfer", {"from": ZERO, "to": STRANGER, "value": 7}),
        (
            "Moved",
            {
                "message": typed.struct_hash(message),
                "holder": STRANGER,
                "nonce": message.nonce,
                "policyHash": POLICY,
            },
        ),
    ]
    assert (issue.balance(STRANGER), issue.supply()) == (7, 1017)
    assert refused(issue, RELAYER, data) == "InvalidAccountNonce"


@pytest.mark.parametrize("who", [FIRST, PAUSER, ALICE, STRANGER])
def test_only_the_admin_signs_for_supply_and_recovery(issue: Issue, who: str) -> None:
    mint, burn, recovery = issue.mint(), issue.burn(), issue.recovery()
    minted = calls.mint(mint, issue.signed(who, mint))
    assert refused(issue, RELAYER, minted) == "NotAuthorizedBy"
    burnt = calls.burn(burn, issue.signed(who, burn))
    assert refused(issue, ALICE, burnt) == "NotAuthorizedBy"
    recovered = calls.recover(recovery, issue.signed(who, recovery))
    assert refused(issue, RELAYER, recovered) == "NotAuthorizedBy"


@pytest.mark.parametrize("sender", [ALICE, RELAYER])
def test_a_holder_burns_what_the_admin_permits(issue: Issue, sender: str) -> None:
    message = issue.burn()
    outcome = issue.burning(sender)
    assert [name for name, _ in issue.events(outcome)] == ["Transfer", "Moved"]
    assert issue.events(outcome)[0][1] == {"from": ALICE, "to": ZERO, "value": 100}
    assert issue.events(outcome)[1][1]["message"] == typed.struct_hash(message)
    assert (issue.balance(ALICE), issue.supply()) == (900, 910)
    again = calls.burn(message, issue.signed(ADMIN, message), issue.consent(message))
    assert refused(issue, sender, again) == "InvalidAccountNonce"


def test_nothing_is_burnt_of_a_holder_who_did_not_act(issue: Issue) -> None:
    message = issue.burn()
    for consent in (b"", issue.signed(BOB, typed.Consent(typed.struct_hash(message)))):
        data = calls.burn(message, issue.signed(ADMIN, message), consent)
        assert refused(issue, RELAYER, data) == "NoConsent"
        assert refused(issue, ADMIN, data) == "NoConsent"


def test_no_more_is_burnt_than_there_is(issue: Issue) -> None:
    message = issue.burn(value=1_001)
    data = calls.burn(message, issue.signed(ADMIN, message))
    assert refused(issue, ALICE, data) == "ERC20InsufficientBalance"


def test_a_message_of_one_kind_is_none_of_another(issue: Issue) -> None:
    """A mint's signature burns nothing, though the fields are the same."""
    mint, burn = issue.mint(to=ALICE), issue.burn(holder=ALICE)
    assert typed.encoded(mint)[1] == typed.encoded(burn)[1]
    data = calls.burn(burn, issue.signed(ADMIN, mint))
    assert refused(issue, ALICE, data) == "NotAuthorizedBy"
    data = calls.mint(mint, issue.signed(ADMIN, burn))
    assert refused(issue, RELAYER, data) == "NotAuthorizedBy"


# --- recovery -------------------------------------------------------------------------------------


def test_recovery_moves_all_and_voids_what_the_old_holder_was_permitted(issue: Issue) -> None:
    """Without the holder, and in every lane; what was permitted to others is as good as before."""
    old = [issue.released(issue.permit(lane=lane)) for lane in (LANE, 1)]
    mint, burn = issue.mint(), issue.burn()
    other = issue.released(issue.permit(holder=BOB, to=STRANGER))
    message = issue.recovery(nonce=lane_nonce(3, 0))
    outcome = issue.send(RELAYER, calls.recover(message, issue.signed(ADMIN, message)))
    assert issue.events(outcome) == [
        ("EpochRaised", {"holder": ALICE, "epoch": 1}),
        ("Transfer", {"from": ALICE, "to": STRANGER, "value": 1_000}),
        (
            "Recovered",
            {
                "message": typed.struct_hash(message),
                "holder": ALICE,
                "nonce": message.nonce,
                "reasonHash": POLICY,
            },
        ),
    ]
    assert (issue.balance(ALICE), issue.balance(STRANGER), issue.supply()) == (0, 1_000, 1_010)
    for each in old:
        assert refused(issue, ALICE, calls.release([each])) == "WrongEpoch"
    assert refused(issue, RELAYER, calls.mint(mint, issue.signed(ADMIN, mint))) == "WrongEpoch"
    assert refused(issue, ALICE, calls.burn(burn, issue.signed(ADMIN, burn))) == "WrongEpoch"
    assert issue.move(other, sender=BOB).succeeded


def test_an_epoch_counts_up_by_whatever_raises_it(issue: Issue) -> None:
    """Both kinds add up, so what was void stays void."""
    issue.recovering()
    assert (issue.epoch_of(ALICE), issue.epoch_of(BOB)) == (1, 0)
    for epoch in (1, 2):
        issue.send(FIRST, calls.raise_epoch())
        assert (issue.epoch_of(ALICE), issue.epoch_of(BOB)) == (1 + epoch, epoch)
    issue.recovering()
    assert (issue.epoch_of(ALICE), issue.epoch_of(BOB)) == (4, 2)
    assert issue.minting(ALICE, 5).succeeded
    assert issue.move(issue.released(issue.permit())).succeeded


def test_a_recovery_is_used_once_and_goes_elsewhere(issue: Issue) -> None:
    message = issue.recovery()
    data = calls.recover(message, issue.signed(ADMIN, message))
    assert issue.send(RELAYER, data).succeeded
    assert refused(issue, RELAYER, data) == "InvalidAccountNonce"
    message = issue.recovery(to=ALICE)
    data = calls.recover(message, issue.signed(ADMIN, message))
    assert refused(issue, RELAYER, data) == "SelfTransfer"


# --- a holder that is a contract ------------------------------------------------------------------


@pytest.fixture
def holder(issue: Issue) -> str:
    """A contract that alice owns, with a hundred."""
    code = bytes.fromhex(artifact("Holders", "Holder")["bytecode"])
    address = issue.evm.deploy(code + typed.address(ALICE))
    assert issue.minting(address, 100).succeeded
    return address


def behave(issue: Issue, holder: str, manner: str, call: bytes = b"") -> None:
    data = calls.selector("behave(string,address,bytes)")
    data += call_of("x(string,address,bytes)", manner, issue.token, call)[4:]
    assert send(issue.evm, ALICE, holder, data).succeeded


def test_a_contract_consents_by_its_owners_signature(issue: Issue, holder: str) -> None:
    given = issue.permit(holder=holder)
    consent = issue.signed(ALICE, typed.Consent(typed.struct_hash(given)))
    assert issue.move(
        Release(given, issue.released(given).signatures, consent), sender=BOB
    ).succeeded
    given = issue.permit(holder=holder)
    consent = issue.signed(BOB, typed.Consent(typed.struct_hash(given)))
    brought = Release(given, issue.released(given).signatures, consent)
    assert refused(issue, BOB, calls.release([brought])) == "NoConsent"


def test_a_contract_acts_as_any_holder(issue: Issue, holder: str) -> None:
    data = calls.release([issue.released(issue.permit(holder=holder))])
    assert send(
        issue.evm, BOB, holder, call_of("execute(address,bytes)", issue.token, data)
    ).succeeded
    assert (issue.balance(holder), issue.balance(BOB)) == (95, 15)


@pytest.mark.parametrize("manner", ["wrong word", "reverts", "short answer"])
def test_whatever_is_not_a_clear_yes_is_none(issue: Issue, holder: str, manner: str) -> None:
    behave(issue, holder, manner)
    given = issue.released(issue.permit(holder=holder))
    assert refused(issue, BOB, calls.release([given])) == "NoConsent"


def test_a_holder_who_is_asked_can_move_nothing(issue: Issue, holder: str) -> None:
    """Reentrancy: whoever answers a question cannot change anything, and nothing moves twice."""
    inner = calls.release([issue.released(issue.permit(holder=holder, lane=9))])
    given = issue.released(issue.permit(holder=holder))
    behave(issue, holder, "reenters", inner)
    assert refused(issue, BOB, calls.release([given])) == "NoConsent"
    behave(issue, holder, "reenters and hides it", inner)
    assert issue.move(given, sender=BOB).succeeded
    assert (issue.balance(holder), issue.place(holder, 9)) == (95, 0)


def test_an_authorizer_is_no_contract(issue: Issue, holder: str) -> None:
    """A contract that says yes to everything permits nothing: authorizers sign with keys."""
    behave(issue, holder, "yes")
    issue.send(ADMIN, calls.set_authorizer(holder, 2**64 - 1))
    given = issue.permit()
    data = calls.release([Release(given, (issue.signed(STRANGER, given),))])
    assert refused(issue, ALICE, data) == "NotAuthorizedBy"


# --- roles ----------------------------------------------------------------------------------------

EVERYBODY = (ADMIN, PAUSER, FIRST, ALICE, STRANGER)
MAY: dict[str, tuple[Moves, tuple[str, ...]]] = {
    "pause": (lambda issue: calls.pause(), (PAUSER,)),
    "set_authorizer": (lambda issue: calls.set_authorizer(THIRD, 9), (ADMIN,)),
    "set_threshold": (lambda issue: calls.set_threshold(2), (ADMIN,)),
    "appoint": (lambda issue: calls.appoint(ADMIN, BOB), (ADMIN,)),
    "raise_epoch": (lambda issue: calls.raise_epoch(), (ADMIN, FIRST)),
    "revoke": (lambda issue: calls.revoke(ALICE, issue.permit().nonce), (ADMIN, FIRST, ALICE)),
    "revoke_lane": (lambda issue: calls.revoke_lane(ALICE, LANE, 5), (ADMIN, FIRST, ALICE)),
    "revoke_the_admins": (
        lambda issue: calls.revoke(issue.token, issue.mint().nonce),
        (ADMIN,),
    ),
}


@pytest.mark.parametrize(
    "who", EVERYBODY, ids=["admin", "pauser", "authorizer", "alice", "stranger"]
)
@pytest.mark.parametrize("what", MAY)
def test_who_may_do_what(issue: Issue, what: str, who: str) -> None:
    data, allowed = MAY[what][0](issue), MAY[what][1]
    if who in allowed:
        assert issue.send(who, data).succeeded
    else:
        assert refused(issue, who, data) == "NotAllowed"


@pytest.mark.parametrize("who", [PAUSER, FIRST, ALICE, STRANGER])
def test_only_the_admin_ends_a_pause(issue: Issue, who: str) -> None:
    assert issue.send(PAUSER, calls.pause()).succeeded
    assert refused(issue, who, calls.unpause()) == "NotAllowed"
    assert issue.send(ADMIN, calls.unpause()).succeeded
    assert issue.move(issue.released(issue.permit())).succeeded


def test_roles_are_disjoint(issue: Issue) -> None:
    """No authorizer is admin or pauser, whoever came first; nobody is 0."""
    for who in (ADMIN, PAUSER, ZERO):
        data = calls.set_authorizer(who, 2**64 - 1)
        assert refused(issue, ADMIN, data) == "RolesOverlap"
    pairs = [(FIRST, PAUSER), (ADMIN, FIRST), (ADMIN, ADMIN), (ZERO, PAUSER), (ADMIN, ZERO)]
    for pair in pairs:
        assert refused(issue, ADMIN, calls.appoint(*pair)) == "RolesOverlap"
    wrong: list[dict[str, object]] = [
        {"admin": PAUSER},
        {"authorizers": (ADMIN,)},
        {"authorizers": (PAUSER,)},
        {"authorizers": (ZERO,)},
        {"admin": ZERO},
        {"pauser": ZERO},
    ]
    for change in wrong:
        assert said_by(partial(Issue(issue.evm).deploy, **change)) == "RolesOverlap"


def test_new_roles_are_told_and_the_old_ones_are_nothing(issue: Issue) -> None:
    mint = issue.mint()
    outcome = issue.send(ADMIN, calls.appoint(STRANGER, BOB))
    assert issue.events(outcome) == [("Appointed", {"admin": STRANGER, "pauser": BOB})]
    assert refused(issue, ADMIN, calls.set_threshold(2)) == "NotAllowed"
    assert refused(issue, PAUSER, calls.pause()) == "NotAllowed"
    data = calls.mint(mint, issue.signed(ADMIN, mint))
    assert refused(issue, RELAYER, data) == "NotAuthorizedBy"
    assert issue.send(STRANGER, calls.set_threshold(2)).succeeded
    assert issue.send(BOB, calls.pause()).succeeded


def test_authorizers_rotate_with_an_overlap(issue: Issue) -> None:
    """The new one counts at once, the old one to its last second, and not one longer."""
    last = issue.evm.now() + 30
    outcome = issue.send(ADMIN, calls.set_authorizer(THIRD, 2**64 - 1))
    said = {"authorizer": THIRD, "notAfter": 2**64 - 1}
    assert issue.events(outcome) == [("AuthorizerSet", said)]
    issue.send(ADMIN, calls.set_authorizer(FIRST, last))
    for who in (FIRST, THIRD):
        assert issue.move(issue.released(issue.permit(), (who,))).succeeded
    issue.evm.later(last - issue.evm.now())
    assert issue.move(issue.released(issue.permit(), (FIRST,))).succeeded
    issue.evm.later(1)
    given = issue.released(issue.permit(), (FIRST,))
    assert refused(issue, ALICE, calls.release([given])) == "NotAuthorizedBy"
    assert issue.move(issue.released(issue.permit(), (THIRD,))).succeeded
    assert refused(issue, FIRST, calls.raise_epoch()) == "NotAllowed"


def test_what_an_authorizer_signed_before_it_was_removed_is_void(issue: Issue) -> None:
    given = issue.released(issue.permit())
    assert issue.send(ADMIN, calls.set_authorizer(FIRST, 0)).succeeded
    assert refused(issue, ALICE, calls.release([given])) == "NotAuthorizedBy"
    assert issue.send(ADMIN, calls.appoint(ADMIN, FIRST)).succeeded


def test_a_threshold_is_at_least_one_and_takes_effect_at_once(issue: Issue) -> None:
    assert refused(issue, ADMIN, calls.set_threshold(0)) == "NoThreshold"
    given = issue.permit()
    outcome = issue.send(ADMIN, calls.set_threshold(2))
    assert issue.events(outcome) == [("ThresholdSet", {"threshold": 2})]
    assert issue.read("threshold()") == 2
    one = calls.release([issue.released(given)])
    assert refused(issue, ALICE, one) == "TooFewSignatures"
    assert issue.move(issue.released(given, (FIRST, SECOND))).succeeded


# --- the pause ------------------------------------------------------------------------------------


def _recover(issue: Issue) -> bytes:
    message = issue.recovery()
    return calls.recover(message, issue.signed(ADMIN, message))


def _mint(issue: Issue) -> bytes:
    message = issue.mint()
    return calls.mint(message, issue.signed(ADMIN, message))


def _burn(issue: Issue) -> bytes:
    message = issue.burn()
    return calls.burn(message, issue.signed(ADMIN, message))


# Each function: who calls it, and whether it works while all is paused.
PAUSED: dict[str, tuple[str, Moves, bool]] = {
    "release": (ALICE, lambda issue: calls.release([issue.released(issue.permit())]), False),
    "mint": (RELAYER, _mint, False),
    "burn": (ALICE, _burn, False),
    "recover": (RELAYER, _recover, True),
    "revoke": (FIRST, lambda issue: calls.revoke(ALICE, issue.permit().nonce), True),
    "revokeLane": (FIRST, lambda issue: calls.revoke_lane(ALICE, LANE, 9), True),
    "raiseEpoch": (FIRST, lambda issue: calls.raise_epoch(), True),
    "setAuthorizer": (ADMIN, lambda issue: calls.set_authorizer(THIRD, 2**64 - 1), True),
    "setThreshold": (ADMIN, lambda issue: calls.set_threshold(2), True),
    "appoint": (ADMIN, lambda issue: calls.appoint(ADMIN, STRANGER), True),
    "pause": (PAUSER, lambda issue: calls.pause(), False),
    "unpause": (ADMIN, lambda issue: calls.unpause(), True),
}


@pytest.mark.parametrize("function", PAUSED)
def test_what_a_pause_stops(issue: Issue, function: str) -> None:
    """All movement but recovery; nothing that takes back or rotates."""
    sender, made, works = PAUSED[function]
    issue.send(PAUSER, calls.pause())
    if works:
        assert issue.send(sender, made(issue)).succeeded
    else:
        assert refused(issue, sender, made(issue)) == "EnforcedPause"


@pytest.mark.parametrize("function", PAUSED)
def test_what_works_without_a_pause(issue: Issue, function: str) -> None:
    sender, made, _ = PAUSED[function]
    if function == "unpause":
        assert refused(issue, sender, made(issue)) == "ExpectedPause"
    else:
        assert issue.send(sender, made(issue)).succeeded


def test_the_table_of_the_pause_names_every_function_that_changes_anything() -> None:
    """A function that comes later has to be put into it."""
    changing = {
        entry["name"]
        for entry in ABI
        if entry["type"] == "function" and entry["stateMutability"] == "nonpayable"
    }
    assert changing == set(PAUSED)


# --- another chain with the same past -------------------------------------------------------------


def test_after_a_split_each_chain_takes_what_names_it(issue: Issue) -> None:
    """The domain follows the chain's id: what was signed for the one is void on the other."""
    home, used, ours = issue.evm.chain_id, issue.released(issue.permit()), issue.permit(lane=1)
    assert issue.move(used).succeeded
    old = issue.released(ours, consent=True)
    issue.evm.fork(1337)
    assert (issue.balance(ALICE), issue.balance(BOB)) == (995, 15)
    for each in (used, old):
        assert refused(issue, ALICE, calls.release([each])) == "NotAuthorizedBy"
    there = replace(issue.domain, chain_id=1337)
    consent_of_old = replace(issue.released(ours, domain=there), consent=old.consent)
    assert refused(issue, RELAYER, calls.release([consent_of_old])) == "NoConsent"
    mint = issue.mint()
    minted = calls.mint(mint, issue.signed(ADMIN, mint))
    assert refused(issue, RELAYER, minted) == "NotAuthorizedBy"
    again = issue.released(used.authorization, domain=there)
    assert refused(issue, ALICE, calls.release([again])) == "InvalidAccountNonce"
    assert issue.move(issue.released(ours, domain=there)).succeeded
    issue.evm.fork(home)
    given = issue.released(issue.permit(), consent=True)
    assert issue.move(given, sender=RELAYER).succeeded


def test_the_domain_is_told(issue: Issue) -> None:
    """ERC-5267: a signer reads it and refuses where it is another than its own."""
    raw = issue.evm.call(issue.token, calls.selector("eip712Domain()"))
    kinds = ["bytes1", "string", "string", "uint256", "address", "bytes32", "uint256[]"]
    _, name, version, chain, contract, salt, extensions = decode(kinds, raw)
    assert Domain(name, version, chain, contract) == issue.domain
    assert (salt, extensions) == (bytes(32), ())
