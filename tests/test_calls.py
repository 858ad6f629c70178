"""Calls of the token are encoded as its ABI says: against eth-abi, function by function."""

from typing import Any

import pytest
from eth_abi import encode
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.issuing import ABI, shape, spelt
from tests.test_typed import ADDRESS, MESSAGES, TIME, WORD
from tokens import calls, typed
from tokens.calls import Parameters, Release
from tokens.typed import Authorization, Burn, Mint, Recovery, Unfit

SIGNATURE = st.binary(min_size=65, max_size=65)
RELEASE = st.builds(
    Release,
    MESSAGES[Authorization],
    st.lists(SIGNATURE, max_size=3).map(tuple),
    st.binary(max_size=70),
)
LANE = st.integers(0, 2**192 - 1)
NAME = st.text(max_size=40)
FUNCTIONS = {entry["name"]: entry for entry in ABI if entry["type"] == "function"}


def fields(message: Any) -> tuple[object, ...]:
    return tuple(getattr(message, name) for name in message.__slots__)


def parts(told: bytes) -> tuple[int, bytes, bytes]:
    return told[64], told[:32], told[32:64]


def by_eth_abi(function: str, *values: object) -> bytes:
    entry = FUNCTIONS[function]
    kinds = [shape(kind) for kind in entry["inputs"]]
    return calls.selector(spelt(entry)) + encode(kinds, values)


@settings(deadline=None)
@given(st.lists(RELEASE, max_size=3))
def test_releases(releases: list[Release]) -> None:
    told = [
        (fields(each.authorization), [parts(x) for x in each.signatures], each.consent)
        for each in releases
    ]
    assert calls.release(releases) == by_eth_abi("release", told)


@settings(deadline=None)
@given(MESSAGES[Mint], MESSAGES[Burn], MESSAGES[Recovery], SIGNATURE, st.binary(max_size=70))
def test_what_the_admin_signs(
    mint: Mint, burn: Burn, recovery: Recovery, signature: bytes, consent: bytes
) -> None:
    signed = parts(signature)
    assert calls.mint(mint, signature) == by_eth_abi("mint", fields(mint), signed)
    burnt = by_eth_abi("burn", fields(burn), signed, consent)
    assert calls.burn(burn, signature, consent) == burnt
    assert calls.recover(recovery, signature) == by_eth_abi("recover", fields(recovery), signed)


@settings(deadline=None)
@given(ADDRESS, ADDRESS, WORD, LANE, TIME)
def test_the_plain_ones(who: str, other: str, word: int, lane: int, small: int) -> None:
    assert calls.revoke(who, word) == by_eth_abi("revoke", who, word)
    assert calls.revoke_lane(who, lane, small) == by_eth_abi("revokeLane", who, lane, small)
    assert calls.raise_epoch() == by_eth_abi("raiseEpoch")
    assert calls.pause() == by_eth_abi("pause")
    assert calls.unpause() == by_eth_abi("unpause")
    assert calls.set_authorizer(who, small) == by_eth_abi("setAuthorizer", who, small)
    assert calls.set_threshold(small) == by_eth_abi("setThreshold", small)
    assert calls.appoint(who, other) == by_eth_abi("appoint", who, other)


@settings(deadline=None)
@given(NAME, NAME, st.integers(0, 255), ADDRESS, ADDRESS, st.lists(ADDRESS, max_size=4), TIME)
def test_a_deployment(
    name: str,
    symbol: str,
    decimals: int,
    admin: str,
    pauser: str,
    authorizers: list[str],
    threshold: int,
) -> None:
    asset = Parameters(name, symbol, decimals, admin, pauser, tuple(authorizers), threshold)
    (constructor,) = (entry for entry in ABI if entry["type"] == "constructor")
    kinds = [shape(kind) for kind in constructor["inputs"]]
    arguments = encode(kinds, (name, symbol, decimals, admin, pauser, authorizers, threshold))
    assert calls.deployment(asset) == calls.creation() + arguments


@pytest.mark.parametrize("size", [0, 64, 66])
def test_a_signature_has_65_bytes(size: int) -> None:
    message = Mint("0x" + "01" * 20, 1, 2, 3, 4, bytes(32))
    with pytest.raises(Unfit):
        calls.mint(message, bytes(size))


def test_every_function_that_changes_anything_has_a_call() -> None:
    """Or is one of the three that always refuse, and are `pure`."""
    changing = {n for n, entry in FUNCTIONS.items() if entry["stateMutability"] == "nonpayable"}
    named = {n.replace("_", "") for n in dir(calls) if callable(getattr(calls, n))}
    assert {n.lower() for n in changing} <= named
    assert {n for n, entry in FUNCTIONS.items() if entry["stateMutability"] == "payable"} == set()


def test_the_fields_of_a_message_stand_in_a_call_as_in_its_hash() -> None:
    """One encoding for both: what is signed is what is sent."""
    given = Authorization("0x" + "01" * 20, "0x" + "02" * 20, 3, 4, 5, 6, 7, bytes(32))
    assert typed.encoded(given)[1] in calls.release([Release(given, ())])
