"""The simulated custodian's own words, shaped as Fireblocks' are. Shares nothing with the decoder.

Amounts go out as texts in `amountInfo` and as numbers beside it; times are milliseconds.
"""

from decimal import Decimal
from typing import Any

import msgspec

from rails.custodian.vault import Tx, Vault

_encode = msgspec.json.Encoder(decimal_format="number").encode
WORKSPACE = "5b1e7c0d-0000-4000-8000-00000000ab1e"


def plain(amount: Decimal) -> str:
    return f"{amount.normalize():f}" if amount else "0"


def transaction(tx: Tx) -> dict[str, Any]:
    """One transaction, as an answer and as the `data` of a webhook."""
    amount = plain(tx.amount)
    return {
        "id": tx.tx_id,
        "externalTxId": tx.external_id or None,
        "status": tx.status,
        "subStatus": tx.sub_status,
        "txHash": tx.tx_hash,
        "replacedTxHash": tx.replaced_hash or None,
        "operation": "TRANSFER",
        "assetId": tx.asset,
        "source": tx.source,
        "destination": tx.destination,
        "destinationAddress": tx.address,
        "destinationTag": tx.tag,
        "note": tx.note,
        "amount": Decimal(amount),
        "netAmount": Decimal(amount),
        "amountInfo": {"amount": amount, "requestedAmount": amount, "netAmount": amount},
        "feeInfo": {"networkFee": plain(tx.fee)} if tx.fee_asset else {},
        "feeCurrency": tx.fee_asset,
        "createdAt": tx.created_at,
        "lastUpdated": tx.updated_at,
        "numOfConfirmations": 1 if tx.height else 0,
        "blockInfo": {"blockHeight": str(tx.height)} if tx.height else {},
    }


def webhook(tx: Tx, event_id: str, now_ms: int) -> bytes:
    created = tx.status == "SUBMITTED"
    kind = "transaction.created" if created else "transaction.status.updated"
    return _encode(
        {
            "id": event_id,
            "resourceId": tx.tx_id,
            "workspaceId": WORKSPACE,
            "eventType": kind,
            "eventVersion": 1.0,
            "createdAt": now_ms,
            "data": transaction(tx),
        }
    )


def one(tx: Tx) -> bytes:
    return _encode(transaction(tx))


def several(transactions: list[Tx]) -> bytes:
    return _encode([transaction(tx) for tx in transactions])


def created(tx: Tx) -> bytes:
    return _encode({"id": tx.tx_id, "status": tx.status})


def account(vault: Vault, totals: dict[str, Decimal]) -> bytes:
    """A vault account, with totals that may be a lie."""
    assets = [
        {
            "id": asset,
            "total": plain(total),
            "available": plain(max(Decimal(0), total - vault.reserved.get(asset, Decimal(0)))),
            "pending": "0",
            "frozen": "0",
            "lockedAmount": plain(vault.reserved.get(asset, Decimal(0))),
        }
        for asset, total in totals.items()
    ]
    told = {"id": vault.number, "name": "ops", "hiddenOnUI": False, "assets": assets}
    return _encode(told)


def refusal(code: int, message: str) -> bytes:
    return _encode({"message": message, "code": code})
