"""Requests at the door: exact amounts, known fields, sound addresses; or a reason."""

import json
from typing import Any

import pytest

from rails.intake import BadRequest, request_of

DECIMALS = {"USD": 2, "EUR": 2, "ETH": 18}
KINDS = {"fedwire": "routing", "sepa_sct": "iban", "evm": "evm"}
LEG = {
    "kind": "out",
    "asset": "EUR",
    "amount": "12.34",
    "scheme": "sepa_sct",
    "beneficiary": "DE89370400440532013000",
}


def asked(**changes: Any) -> bytes:
    leg = {**LEG, **changes.pop("leg", {})}
    return json.dumps({"transfer_id": "t1", "customer": "c1", "legs": [leg], **changes}).encode()


def read(body: bytes) -> Any:
    return request_of(body, 7, DECIMALS, KINDS)  # type: ignore[arg-type]  # kinds are Literals


def test_a_request_is_read_to_whole_units() -> None:
    event = read(asked())
    assert (event.received_at, event.transfer_id, event.legs[0].amount) == (7, "t1", 1234)


def test_wei_fits() -> None:
    address = "0x52908400098527886E0F7030069857D2E4169EE7"
    leg = {"asset": "ETH", "amount": "1.000000000000000001", "scheme": "evm"}
    assert read(asked(leg={**leg, "beneficiary": address})).legs[0].amount == 10**18 + 1


BAD = [
    ({"leg": {"amount": "12.345"}}, "legs.0.amount"),
    ({"leg": {"amount": 12.34}}, "legs.0.amount"),
    ({"leg": {"amount": "NaN"}}, "legs.0.amount"),
    ({"leg": {"amount": "twelve"}}, "legs.0.amount"),
    ({"leg": {"asset": "XYZ"}}, "legs.0.amount"),
    ({"leg": {"beneficiary": "DE88370400440532013000"}}, "legs.0.beneficiary"),
    ({"leg": {"kind": "sideways"}}, "legs.0.kind"),
    ({"leg": {"colour": "red"}}, "legs.0.colour"),
    ({"transfer_id": ""}, "transfer_id"),
    ({"transfer_id": "a b"}, "transfer_id"),
    ({"legs": None}, "legs"),
    (
        {"leg": {"asset": "ETH", "scheme": "evm", "amount": "1",
                 "beneficiary": "0x52908400098527886E0F7030069857D2E4169Ee7"}},
        "legs.0.beneficiary",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "where"), BAD)
def test_what_is_wrong_is_named(changes: dict[str, Any], where: str) -> None:
    with pytest.raises(BadRequest, match=where.replace(".", r"\.")):
        read(asked(**changes))


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff", b'{"legs": []}'])
def test_whatever_comes_is_a_refusal_and_no_traceback(body: bytes) -> None:
    with pytest.raises(BadRequest, match="request"):
        read(body)
