"""The control plane as people run it: a process, killed and started again, over real HTTP."""

import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.journal import decode_event
from core.token_events import AuthorizationRequested, AuthorizationSigned, RequestRefused
from sim import machine
from tests.evms import Sent
from tests.issuing import ADMIN, ALICE, BOB, FIRST, RELAYER, SECOND
from tests.planes import TOKEN, Plane
from tests.rpc_node import RpcNode
from tieout.journals.sqlite_store import SqliteStore
from tokens import calls
from tokens.calls import Release
from tokens.http.bodies import checksummed
from tokens.typed import Authorization, Mint

if not machine.there():
    pytest.skip("pyrevm has no wheel for this Python", allow_module_level=True)

AUTHORIZATIONS = f"/tokens/{TOKEN}/authorizations"


@pytest.fixture
def node() -> Iterator[RpcNode]:
    made = RpcNode()
    yield made
    made.stop()


@pytest.fixture
def plane(tmp_path: Path, node: RpcNode) -> Iterator[Plane]:
    made = Plane(tmp_path, node)
    yield made
    if made.process is not None:
        made.kill()


def body(kind: str = "transfer", amount: str = "100", **changed: Any) -> dict[str, Any]:
    told = {
        "kind": kind,
        "sender": None if kind == "mint" else checksummed(ALICE),
        "receiver": checksummed(BOB if kind != "mint" else ALICE),
        "value": {"amount": amount, "unit": TOKEN},
    }
    return {name: each for name, each in (told | changed).items() if each is not None}


def asked(plane: Plane, told: Any, request_id: str, who: str = "issuer") -> tuple[int, Any]:
    reply = plane.ask("POST", AUTHORIZATIONS, who, request_id, told)
    return reply.status_code, reply.json()


def minted(plane: Plane) -> dict[str, Any]:
    """A thousand come to be alice's, for good."""
    plane.node.mine()
    status, told = asked(plane, body("mint", "1000"), "m1")
    assert status == 201, told
    message = told["message"]
    mint = Mint(
        message["receiver"].lower(),
        int(message["value"]["amount"]),
        message["valid_before"],
        int(message["nonce"]),
        message["epoch"],
        bytes.fromhex(message["policy_hash"][2:]),
    )
    (given,) = (bytes.fromhex(each["signature"][2:]) for each in told["signatures"])
    (outcome,) = plane.node.mine(Sent(RELAYER, plane.contract, calls.mint(mint, given)))
    assert outcome.succeeded
    plane.node.finalize()
    where = f"{AUTHORIZATIONS}/{told['authorization'].partition('/')[2]}"
    return plane.until(where, ["final"])


def permission(told: dict[str, Any]) -> Authorization:
    message = told["message"]
    return Authorization(
        message["sender"].lower(),
        message["receiver"].lower(),
        int(message["value"]["amount"]),
        message["valid_after"],
        message["valid_before"],
        int(message["nonce"]),
        message["epoch"],
        bytes.fromhex(message["policy_hash"][2:]),
    )


def events(plane: Plane, kind: type) -> list[Any]:
    """Those of a kind that the journal has, read back from the disk."""
    store = SqliteStore(plane.journal, create="never")
    try:
        told = [decode_event(each) for each in store.events()]
    finally:
        store.close()
    return [each for each in told if isinstance(each, kind)]


def test_from_a_request_to_a_movement_through_kills(plane: Plane) -> None:
    """Asked over HTTP, signed by keystores, carried out by the contract, final in the register;
    killed twice on the way, and every answer is the same after it. The journal verifies, and the
    holder's balance is traced."""
    plane.start()
    mint = minted(plane)
    status, told = asked(plane, body(), "t1")
    assert (status, told["status"]) == (201, "signed"), told
    plane.kill()
    plane.start()
    assert asked(plane, body(), "t1") == (201, told)
    assert asked(plane, body(amount="101"), "t1")[0] == 409
    assert plane.ask("GET", f"{AUTHORIZATIONS}/1").json() == mint

    given = permission(told)
    signatures = tuple(bytes.fromhex(each["signature"][2:]) for each in told["signatures"])
    assert [each["signer"].lower() for each in told["signatures"]] == [FIRST, SECOND]
    sent = Sent(ALICE, plane.contract, calls.release([Release(given, signatures)]))
    (outcome,) = plane.node.mine(sent)
    assert outcome.succeeded
    where = f"{AUTHORIZATIONS}/2"
    plane.until(where, ["mined"])
    plane.kill()
    plane.start()
    plane.until(where, ["mined"])
    plane.node.finalize()
    plane.until(where, ["final"])
    rows = plane.ask("GET", f"/tokens/{TOKEN}/register").json()["holders"]
    held = {row["address"].lower(): row["final"]["amount"] for row in rows}
    assert held == {ALICE: "900", BOB: "100"}
    assert plane.kill(signal.SIGTERM) == 0

    assert plane.tieout("verify", str(plane.journal)).returncode == 0
    traced = plane.tieout("trace", "token", BOB, "--journal", str(plane.journal))
    assert traced.returncode == 0, traced.stderr
    assert f"{BOB} = 100 {TOKEN}, final at block" in traced.stdout
    replayed = plane.tieout("replay", str(plane.journal))
    assert replayed.returncode == 0, replayed.stdout
    assert len(events(plane, AuthorizationRequested)) == 4  # one of them by the id of another
    assert len(events(plane, AuthorizationSigned)) == 3  # one mint, and a transfer by two


BAD: list[tuple[dict[str, Any], tuple[int, str]]] = [
    ({"receiver": checksummed(BOB).swapcase().replace("0X", "0x")}, (422, "bad_checksum")),
    ({"receiver": "0x" + "0" * 40}, (422, "zero_address")),
    ({"value": {"amount": "1001", "unit": TOKEN}}, (422, "above_supply")),
    ({"receiver": checksummed(RELAYER)}, (422, "unknown_holder")),
    ({"valid_before": 1_700_000_000}, (422, "window_past")),
    ({"kind": "gift"}, (422, "bad_kind")),
]


def test_bad_input_is_a_4xx_with_a_reason_journaled_and_nothing_is_signed(plane: Plane) -> None:
    plane.start()
    minted(plane)
    plane.kill()
    signed = len(events(plane, AuthorizationSigned))
    plane.start()
    for number, (changed, wanted) in enumerate(BAD):
        status, told = asked(plane, body(**changed), f"bad{number}")
        assert (status, told["reason"]) == wanted, told
    for told, wanted in ((b"{", (400, "no_json")), (b"[" * 10_000, (400, "no_json"))):
        assert plane.ask("POST", AUTHORIZATIONS, request_id="x", body=told).status_code == wanted[0]
    plane.kill()
    refused = [each.reason for each in events(plane, RequestRefused)]
    assert refused == ["bad_checksum", "zero_address", "bad_kind"]
    ids = [each.request_id for each in events(plane, AuthorizationRequested)]
    assert ids == ["m1", "bad2", "bad3", "bad4"]
    assert len(events(plane, AuthorizationSigned)) == signed
    memories = [plane.folder / f"{who[2:8]}.db" for who in (FIRST, SECOND, ADMIN)]
    counts = []
    for path in memories:
        with sqlite3.connect(path) as memory:
            counts += memory.execute("SELECT count(*) FROM signed").fetchone()
    assert counts == [0, 0, 1]
    plane.start()
    for number, (changed, wanted) in enumerate(BAD):
        status, told = asked(plane, body(**changed), f"bad{number}")
        assert (status, told["reason"]) == wanted, told


def test_who_asks_must_be_known_and_have_the_role(plane: Plane) -> None:
    plane.start()
    assert plane.ask("GET", f"/tokens/{TOKEN}", "nobody" * 8).status_code == 401
    assert asked(plane, body("mint"), "r", "north")[0] == 403
    assert asked(plane, body(), "r", "eye")[0] == 403
    assert plane.ask("GET", f"/tokens/{TOKEN}/register", "north").status_code == 403
    assert plane.ask("GET", "/tokens/OTHER").status_code == 404
    assert plane.ask("GET", "/openapi.json").json()["info"]["version"] == "1"
    plane.kill()
    assert events(plane, AuthorizationSigned) == []
