"""Answers of a Bitcoin node as events: JSON-RPC as Bitcoin Core speaks it.

Rule 1. Only an error of `REJECTIONS` says that signed bytes were not taken; any other leaves the
outcome of a broadcast unknown.
Rule 2. A line is booked only from a block that this very answer shows to be final.
Rule 3. A txid is not a payment: what replaces a transaction has another one. A transaction whose
outpoint was spent by another is `unknown`, not failed; only the other one's confirmation says more.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from core.effects import Effect, FetchStatement
from core.events import Event, PageReported, StatementReported, StatementRow
from core.frames import Frame
from core.rail_effects import (
    BroadcastTransaction,
    FetchBlock,
    FetchFinal,
    FetchHead,
    FetchTransaction,
)
from core.rail_events import (
    BlockReported,
    HeadReported,
    LineBooked,
    LineKind,
    TransactionRejected,
    TransactionReported,
)
from core.reading import STRANGE, Unreadable, quarantined
from rails.bitcoin.wallet import Wallet
from rails.jsonrpc import Failed, answers, http, no_answer, not_mined, results

SECOND = 1_000_000_000

# Core's code, the beginning of its words ("" for any), and what that means.
REJECTIONS: Sequence[tuple[int, str, str]] = (
    (-27, "", "already_known"),
    (-25, "bad-txns-inputs-missingorspent", "nonce_too_low"),
    (-25, "Fee exceeds maximum configured by user", "invalid"),
    (-26, "insufficient fee, rejecting replacement", "underpriced"),
    (-26, "min relay fee not met", "underpriced"),
    (-26, "mempool min fee not met", "underpriced"),
    (-26, "txn-mempool-conflict", "underpriced"),
    (-26, "bad-txns-in-belowout", "no_funds"),
    (-26, "mempool-script-verify-flag-failed", "invalid"),
    (-26, "mandatory-script-verify-flag-failed", "invalid"),
    (-26, "dust", "invalid"),
    (-26, "scriptsig-not-empty", "invalid"),
    (-22, "TX decode failed", "invalid"),
)
BLOCK_OUT_OF_RANGE = -8
NOT_FOUND = -5
# The median of the newest eleven blocks' times is the sixth newest block's: the final one's, where
# six confirmations are final. Elsewhere a balance has no as-of.
MEDIAN = 6


def decode(frame: Frame, wallets: Mapping[str, Wallet]) -> list[Event]:
    """Every event that the frame tells."""
    if frame.about is None:
        return quarantined(frame, "a Bitcoin node tells nothing that it was not asked")
    try:
        if frame.status != 200:
            return no_answer(frame, frame.about, http(frame))
        return _answered(frame, frame.about, wallets[frame.account])
    except STRANGE as error:
        return no_answer(frame, frame.about, f"unreadable answer: {error!r}")


def _answered(frame: Frame, about: Effect, wallet: Wallet) -> list[Event]:
    match about:
        case FetchHead():
            return _head(frame, about, wallet)
        case FetchBlock():
            return _block(frame, about)
        case FetchTransaction():
            return _transaction(frame, about)
        case FetchFinal():
            return _final(frame, about, wallet)
        case FetchStatement():
            return _balance(frame, about, wallet)
        case BroadcastTransaction():
            return _broadcast(frame, about)
        case _:
            raise Unreadable(f"an answer to {type(about).__name__} is not expected")


def _tip(before: Any, after: Any) -> int:
    """The number of the newest block, if it is the same before and after the other calls."""
    if _hash(before["bestblockhash"]) != _hash(after["bestblockhash"]):
        raise Unreadable("a block came while the node answered")
    return _whole(before["blocks"])


def _head(frame: Frame, about: FetchHead, wallet: Wallet) -> list[Event]:
    before, since, after = results(frame.body, 3)
    number = _tip(before, after)
    return [
        HeadReported(
            received_at=frame.received_at,
            frame=frame.number,
            account=frame.account,
            source=about.source,
            number=number,
            block_hash=_hash(before["bestblockhash"]),
            finalized=max(0, number - wallet.confirmations + 1),
            finalized_hash=_hash(since["lastblock"]),
        )
    ]


def _block(frame: Frame, about: FetchBlock) -> list[Event]:
    (told,) = answers(frame.body, 1)
    if isinstance(told, Failed) and told.code != BLOCK_OUT_OF_RANGE:
        raise Unreadable(f"{told.code}: {told.message}")
    return [
        BlockReported(
            received_at=frame.received_at,
            frame=frame.number,
            account=frame.account,
            source=about.source,
            number=about.number,
            block_hash="" if isinstance(told, Failed) else _hash(told),
        )
    ]


def _transaction(frame: Frame, about: FetchTransaction) -> list[Event]:
    before, told, entry, after = answers(frame.body, 4)
    for failed in (before, after):
        if isinstance(failed, Failed):
            raise Unreadable(f"{failed.code}: {failed.message}")
    _tip(before, after)
    waits = not _missing(entry) and bool(_whole(entry["vsize"]))
    if _missing(told):
        return [not_mined(frame, about.source, about.tx_hash, waits=waits)]
    if told["txid"] != about.tx_hash:
        raise Unreadable(f"transaction {told['txid']} was not asked for")
    if _whole(told["confirmations"]) <= 0:  # negative: what it spends was spent by another
        return [not_mined(frame, about.source, about.tx_hash, waits=waits)]
    return [
        TransactionReported(
            received_at=frame.received_at,
            frame=frame.number,
            account=frame.account,
            source=about.source,
            tx_hash=about.tx_hash,
            status="mined",
            asked_at=frame.asked_at,
            block_number=_whole(told["blockheight"]),
            block_hash=_hash(told["blockhash"]),
            succeeded=True,
            fee=-_satoshis(told["fee"]) if "fee" in told else 0,
        )
    ]


def _missing(told: Any) -> bool:
    """Whether the node says that it has none; any other error is no answer."""
    if not isinstance(told, Failed):
        return False
    if told.code != NOT_FOUND:
        raise Unreadable(f"{told.code}: {told.message}")
    return True


def _broadcast(frame: Frame, about: BroadcastTransaction) -> list[Event]:
    (told,) = answers(frame.body, 1)
    if not isinstance(told, Failed):
        if told != about.tx_hash:
            raise Unreadable(f"the node took {told!r} for {about.tx_hash}")
        return [not_mined(frame, "a", about.tx_hash, waits=True)]
    for number, beginning, code in REJECTIONS:
        if told.code == number and told.message.startswith(beginning):
            return [
                TransactionRejected(
                    received_at=frame.received_at,
                    frame=frame.number,
                    account=frame.account,
                    tx_hash=about.tx_hash,
                    code=code,  # type: ignore[arg-type]  # the table has no other
                    reason=f"{told.code}: {told.message}",
                )
            ]
    return no_answer(frame, about, f"{told.code}: {told.message}")


# --- lines and the balance -----------------------------------------------------------------------


def _final(frame: Frame, about: FetchFinal, wallet: Wallet) -> list[Event]:
    before, since, after = results(frame.body, 3)
    if about.through > _tip(before, after) - wallet.confirmations + 1:
        raise Unreadable(f"block {about.through} is not final at this node")
    told = _standing(since["transactions"])
    events: list[Event] = [
        _booked(frame, wallet, entry, *line)
        for entry in told
        if about.after < _whole(entry["blockheight"]) <= about.through
        for line in _lines(entry, told)
    ]
    # A transaction of several outputs tells its fee with each of them.
    events = list({line.line_id: line for line in events if isinstance(line, LineBooked)}.values())
    events.append(
        PageReported(
            received_at=frame.received_at,
            frame=frame.number,
            account=frame.account,
            subject="ledger",
            through=str(about.through),
            more=False,
            asked_at=frame.asked_at,
        )
    )
    return events


def _standing(told: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The entries of transactions that are in the chain, in its order."""
    standing = [entry for entry in told if _whole(entry["confirmations"]) > 0]
    return sorted(standing, key=lambda entry: (entry["blockheight"], entry["blockindex"]))


def _lines(entry: dict[str, Any], told: list[dict[str, Any]]) -> list[tuple[str, int, LineKind]]:
    """Id, amount and kind of what an entry moved; between two addresses of ours only the fee."""
    txid, vout, category = _hash(entry["txid"]), _whole(entry["vout"]), entry["category"]
    if category not in ("send", "receive"):
        raise Unreadable(f"{category!r} is not a way in which our money moves")
    lines: list[tuple[str, int, LineKind]] = []
    twins = [e for e in told if e["txid"] == txid and e["vout"] == vout]
    if len({e["category"] for e in twins}) == 1:
        amount = _satoshis(entry["amount"])
        if (amount < 0) != (category == "send"):
            raise Unreadable(f"an amount of {amount} is not one of {category!r}")
        lines.append((f"{txid}:{vout}", amount, "payment"))
    if category == "send":
        lines.append((f"{txid}:fee", _satoshis(entry["fee"]), "fee"))
    return lines


def _booked(
    frame: Frame, wallet: Wallet, entry: dict[str, Any], line_id: str, amount: int, kind: LineKind
) -> LineBooked:
    address = _text(entry["address"])
    ours = (address,) if entry["category"] == "receive" else ()
    return LineBooked(
        received_at=frame.received_at,
        frame=frame.number,
        account=frame.account,
        line_id=line_id,
        asset=wallet.coin,
        amount=amount,
        booked_at=_whole(entry["blocktime"]) * SECOND,
        kind=kind,
        references=(_hash(entry["txid"]), *ours),
        counterparty=address if amount < 0 and kind == "payment" else "",
    )


def _balance(frame: Frame, about: FetchStatement, wallet: Wallet) -> list[Event]:
    before, scan, since, after = results(frame.body, 4)
    tip = _tip(before, after)
    if scan["success"] is not True or _hash(scan["bestblock"]) != _hash(before["bestblockhash"]):
        raise Unreadable("the outputs were not counted at this block")
    units = sum(_satoshis(output["amount"]) for output in scan["unspents"])
    final = tip - wallet.confirmations + 1
    told = _standing(since["transactions"])
    recent: dict[str, int] = {}
    for entry in told:
        if _whole(entry["blockheight"]) > final:
            recent.update({line_id: amount for line_id, amount, _ in _lines(entry, told)})
    return [
        StatementReported(
            received_at=frame.received_at,
            frame=frame.number,
            account=frame.account,
            kind="balances",
            rows=(StatementRow(wallet.coin, "cash", units - sum(recent.values())),),
            asked_at=frame.asked_at,
            as_of=_whole(before["mediantime"]) * SECOND if wallet.confirmations == MEDIAN else 0,
        )
    ]


# --- values --------------------------------------------------------------------------------------


def _satoshis(told: object) -> int:
    """A number of coins, as JSON has it, in satoshis; exactly or not at all."""
    if type(told) not in (int, Decimal):
        raise Unreadable(f"{told!r} is no amount")
    scaled = Decimal(told).scaleb(8)  # type: ignore[arg-type]  # an int or a Decimal
    if scaled != int(scaled):
        raise Unreadable(f"{told} has more than 8 decimals")
    return int(scaled)


def _text(told: object) -> str:
    if not isinstance(told, str):
        raise Unreadable(f"{told!r} is no text")
    return told


def _whole(told: object) -> int:
    if type(told) is not int:
        raise Unreadable(f"{told!r} is no whole number")
    return told


def _hash(told: object) -> str:
    if not isinstance(told, str) or len(told) != 64 or not told.isalnum():
        raise Unreadable(f"{told!r} is no hash")
    int(told, 16)
    return told
