"""Effects as requests to Fireblocks (REST API v1).

A payment's id of ours goes out twice: as `externalTxId`, by which the custodian refuses a second
one for ever, and as `Idempotency-Key`, under which it repeats its first answer for a day.
"""

from collections.abc import Callable

import msgspec

from core.effects import Effect, FetchLedger, FetchStatement
from core.money import show
from core.rail_effects import QueryPayment, SendPayment
from core.reading import Decimals
from rails.dialect import Request

LINES_PER_PAGE = 500
EXCHANGE = "exchange:"  # a beneficiary that is an account with a third party, not an address


def requests(decimals: Decimals, vault: str) -> Callable[[Effect], Request]:
    """The requests that perform effects at one vault."""

    def request(effect: Effect) -> Request:
        match effect:
            case SendPayment():
                return _send(effect, decimals, vault)
            case QueryPayment():
                path = f"/v1/transactions/external_tx_id/{effect.payment_id}"
                return Request("GET", path)
            case FetchStatement():
                return Request("GET", f"/v1/vault/accounts/{vault}")
            case FetchLedger():
                return Request("GET", "/v1/transactions", _page(effect))
            case _:
                raise ValueError(f"a custodian cannot be asked for {type(effect).__name__}")

    return request


def _send(effect: SendPayment, decimals: Decimals, vault: str) -> Request:
    if effect.kind != "out":
        raise ValueError("a custodian pulls nothing")
    told = {
        "assetId": effect.asset,
        "amount": show(effect.amount, decimals[effect.asset]),
        "source": {"type": "VAULT_ACCOUNT", "id": vault},
        "destination": _destination(effect.beneficiary),
        "note": effect.memo,
        "externalTxId": effect.payment_id,
    }
    headers = {"Idempotency-Key": effect.payment_id, "Content-Type": "application/json"}
    return Request("POST", "/v1/transactions", {}, headers, msgspec.json.encode(told))


def _destination(beneficiary: str) -> dict[str, object]:
    if beneficiary.startswith(EXCHANGE):
        return {"type": "EXCHANGE_ACCOUNT", "id": beneficiary.removeprefix(EXCHANGE)}
    address, _, tag = beneficiary.partition("?")
    told = {"address": address, "tag": tag} if tag else {"address": address}
    return {"type": "ONE_TIME_ADDRESS", "oneTimeAddress": told}


def _page(effect: FetchLedger) -> dict[str, str]:
    # `after` shuts out its own millisecond; one less reads that again, so that nothing that was
    # updated within it is lost.
    after = int(effect.after or "0")
    return {
        "after": str(max(0, after - 1)),
        "orderBy": "lastUpdated",
        "sort": "ASC",
        "limit": str(LINES_PER_PAGE),
    }
