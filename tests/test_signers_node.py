"""A signer's node over JSON-RPC: the view of the real contract, and answers that are none."""

import json
import sys
from collections.abc import Iterator
from contextlib import suppress

import pytest

from sim import machine
from tests.issuing import ADMIN, ALICE, FIRST, PAUSER
from tests.rpc_node import RpcNode
from tieout.rpc_nodes import post
from tokens.calls import Parameters
from tokens.signers import rpc
from tokens.signers.node import NoView
from tokens.typed import Domain

if not machine.there():
    pytest.skip("pyrevm has no wheel for this Python", allow_module_level=True)


@pytest.fixture
def node() -> Iterator[RpcNode]:
    made = RpcNode()
    yield made
    made.stop()


def signers(node: RpcNode) -> rpc.RpcNode:
    return rpc.RpcNode(lambda body: post(node.url, body))


def test_the_view_is_the_contracts_own_word_over_http(node: RpcNode) -> None:
    contract = node.deploy(Parameters("A token of ours", "T", 2, ADMIN, PAUSER, (FIRST,), 1))
    node.mine()
    view = signers(node).view(contract, {ALICE})
    assert view.chain_id == 31337
    assert view.domain == Domain("A token of ours", "1", 31337, contract)
    assert (view.head, view.final) == (
        int(node.blocks[-1]["timestamp"], 16),
        int(node.blocks[0]["timestamp"], 16),
    )
    assert view.epochs == {ALICE: 0}


WHOLE = [{"jsonrpc": "2.0", "id": n, "result": "0x1"} for n in range(3)]


@pytest.mark.parametrize(
    "told",
    [
        b"",
        b"{}",
        b"null",
        b"[1, 2, 3]",
        json.dumps(WHOLE).encode(),
        json.dumps(WHOLE[:2]).encode(),
        b'[{"id": 0, "error": {"code": -32000, "message": "no"}}]',
        b"[" * 200_000,
        b'{"a":' * 200_000,
        b"[" + b'{"id": 0, "result": ' + b"[" * 200_000,
    ],
    ids=lambda told: told[:12].decode(),
)
def test_what_is_no_answer_is_no_view(node: RpcNode, told: bytes) -> None:
    """Also what nests without end: refused at the interpreter's own depth, and nobody crashes."""
    assert sys.getrecursionlimit() <= 3000
    node.hostile = told or b" "
    with pytest.raises(NoView):
        signers(node).view("0x" + "e" * 40, {ALICE})


def test_who_is_not_there_is_no_view() -> None:
    node = RpcNode()
    node.stop()
    with pytest.raises(NoView, match="Connection refused"):
        signers(node).view("0x" + "e" * 40, set())


@pytest.mark.parametrize("place", range(0, 320, 32))
def test_a_domain_that_is_cut_or_points_elsewhere_is_none(place: int, node: RpcNode) -> None:
    contract = node.deploy(Parameters("T", "T", 2, ADMIN, PAUSER, (FIRST,), 1))
    whole = node.evm.call(contract, bytes.fromhex(rpc.EIP712_DOMAIN[2:]))
    assert rpc._domain(whole).contract == contract
    with pytest.raises(ValueError, match=r"no word at|other fields"):
        rpc._domain(whole[:place])
    wild = whole[:place] + b"\xff" * 32 + whole[place + 32 :]
    with suppress(ValueError):
        assert rpc._domain(wild) != rpc._domain(whole)
