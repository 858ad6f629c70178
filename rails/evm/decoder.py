"""Answers and subscriptions of an EVM node as events: JSON-RPC as geth speaks it.

Rule 1. Only an error of `REJECTIONS` says that signed bytes were not taken; any other leaves the
outcome of a broadcast unknown.
Rule 2. A line is booked only from a block that this very answer shows to be final.
Rule 3. What is not sure is no answer: a mined transaction without a receipt, balances read while
the finalized block moved, a log that was removed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.effects import Effect, FetchStatement
from core.events import Event, PageReported, StatementReported, StatementRow
from core.frames import Frame
from core.rail_effects import (
    BroadcastTransaction,
    FetchBlock,
    FetchFinal,
    FetchHead,
    FetchNonce,
    FetchTransaction,
)
from core.rail_events import (
    BlockReported,
    DepositSeen,
    HeadReported,
    LineBooked,
    LineKind,
    NonceReported,
    TransactionRejected,
    TransactionReported,
)
from core.reading import STRANGE, Unreadable, an_object, dismissed, loads, quarantined
from rails.evm.requests import TRANSFER_TOPIC, probes, scanned, span
from rails.evm.wallet import RANGES, Wallet
from rails.jsonrpc import (
    Failed,
    answers,
    hash32,
    http,
    no_answer,
    not_mined,
    number,
    results,
)

SECOND = 1_000_000_000

# The beginning of what a node says, in small letters, and what it means: geth's, then anvil's.
REJECTIONS: Sequence[tuple[str, str]] = (
    ("already known", "already_known"),
    ("nonce too low", "nonce_too_low"),
    ("replacement transaction underpriced", "underpriced"),
    ("transaction underpriced", "underpriced"),
    ("insufficient funds", "no_funds"),
    ("intrinsic gas too low", "invalid"),
    ("max priority fee per gas higher than max fee per gas", "invalid"),
    ("exceeds block gas limit", "invalid"),
    ("invalid sender", "invalid"),
    ("invalid chain id", "invalid"),
    ("transaction type not supported", "invalid"),
    ("invalid transaction v, r, s values", "invalid"),
    ("rlp:", "invalid"),
    ("transaction already imported", "already_known"),
    ("failed to decode transaction", "invalid"),
    ("max fee per gas less than block base fee", "underpriced"),
)


def decode(frame: Frame, wallets: Mapping[str, Wallet]) -> list[Event]:
    """Every event that the frame tells."""
    wallet = wallets[frame.account]
    try:
        if frame.about is None:
            return _pushed(frame, wallet)
        if frame.status != 200:
            return no_answer(frame, frame.about, http(frame))
        return _answered(frame, frame.about, wallet)
    except STRANGE as error:
        if frame.about is None:
            return quarantined(frame, f"{type(error).__name__}: {error}")
        return no_answer(frame, frame.about, f"unreadable answer: {error!r}")


def _answered(frame: Frame, about: Effect, wallet: Wallet) -> list[Event]:
    match about:
        case FetchHead():
            return _head(frame, about)
        case FetchBlock():
            return _block(frame, about)
        case FetchTransaction():
            return _transaction(frame, about)
        case FetchNonce():
            return _nonce(frame, about)
        case FetchFinal():
            return _final(frame, about, wallet)
        case FetchStatement():
            return _balances(frame, about, wallet)
        case BroadcastTransaction():
            return _broadcast(frame, about)
        case _:
            raise Unreadable(f"an answer to {type(about).__name__} is not expected")


# --- blocks and transactions ---------------------------------------------------------------------


def _head(frame: Frame, about: FetchHead) -> list[Event]:
    latest, final = results(frame.body, 2)
    return [
        HeadReported(
            received_at=frame.received_at,
            frame=frame.number,
            account=frame.account,
            source=about.source,
            number=number(latest["number"]),
            block_hash=hash32(latest["hash"]),
            finalized=number(final["number"]),
            finalized_hash=hash32(final["hash"]),
            base_fee=number(latest["baseFeePerGas"]),
        )
    ]


def _block(frame: Frame, about: FetchBlock) -> list[Event]:
    (told,) = results(frame.body, 1)
    if told is not None and number(told["number"]) != about.number:
        raise Unreadable(f"block {told['number']} was not asked for")
    return [
        BlockReported(
            received_at=frame.received_at,
            frame=frame.number,
            account=frame.account,
            source=about.source,
            number=about.number,
            block_hash="" if told is None else hash32(told["hash"]),
        )
    ]


def _transaction(frame: Frame, about: FetchTransaction) -> list[Event]:
    told, receipt = results(frame.body, 2)
    for part, name in ((told, "hash"), (receipt, "transactionHash")):
        if part is not None and part[name] != about.tx_hash:
            raise Unreadable(f"transaction {part[name]} was not asked for")
    mined = told is not None and told["blockHash"] is not None
    if mined != (receipt is not None) or (mined and receipt["blockHash"] != told["blockHash"]):
        raise Unreadable("the transaction and its receipt tell different stories")
    if not mined:
        return [not_mined(frame, about.source, about.tx_hash, waits=told is not None)]
    return [
        TransactionReported(
            received_at=frame.received_at,
            frame=frame.number,
            account=frame.account,
            source=about.source,
            tx_hash=about.tx_hash,
            status="mined",
            asked_at=frame.asked_at,
            block_number=number(receipt["blockNumber"]),
            block_hash=hash32(receipt["blockHash"]),
            succeeded=succeeded(receipt),
            fee=number(receipt["gasUsed"]) * number(receipt["effectiveGasPrice"]),
        )
    ]


def _nonce(frame: Frame, about: FetchNonce) -> list[Event]:
    latest, final, pending = results(frame.body, 3)
    return [
        NonceReported(
            received_at=frame.received_at,
            frame=frame.number,
            account=frame.account,
            source=about.source,
            latest=number(latest),
            finalized=number(final),
            pending=number(pending),
        )
    ]


def _broadcast(frame: Frame, about: BroadcastTransaction) -> list[Event]:
    (told,) = answers(frame.body, 1)
    if not isinstance(told, Failed):
        if told != about.tx_hash:
            raise Unreadable(f"the node took {told!r} for {about.tx_hash}")
        return [not_mined(frame, "a", about.tx_hash, waits=True)]
    for beginning, code in REJECTIONS:
        if told.message.lower().startswith(beginning):
            return [
                TransactionRejected(
                    received_at=frame.received_at,
                    frame=frame.number,
                    account=frame.account,
                    tx_hash=about.tx_hash,
                    code=code,  # type: ignore[arg-type]  # the table has no other
                    reason=told.message,
                )
            ]
    return no_answer(frame, about, f"{told.code}: {told.message}")


# --- balances ------------------------------------------------------------------------------------


def _balances(frame: Frame, about: FetchStatement, wallet: Wallet) -> list[Event]:
    width = len(wallet.addresses)
    before, *told, after = results(frame.body, 2 + width * (1 + len(wallet.tokens)))
    if hash32(before["hash"]) != hash32(after["hash"]):
        raise Unreadable("the finalized block moved while balances were read")
    assets = [wallet.coin, *wallet.tokens]
    rows = tuple(
        StatementRow(asset, "cash", sum(number(text) for text in told[at : at + width]))
        for asset, at in zip(assets, range(0, len(told), width), strict=True)
    )
    return [
        StatementReported(
            received_at=frame.received_at,
            frame=frame.number,
            account=frame.account,
            kind="balances",
            rows=rows,
            asked_at=frame.asked_at,
            as_of=number(before["timestamp"]) * SECOND,
        )
    ]


# --- lines in final blocks -----------------------------------------------------------------------


@dataclass(slots=True, frozen=True)
class Line:
    """One line, before it is an event."""

    line_id: str
    asset: str
    amount: int
    tx_hash: str
    counterparty: str
    address: str
    kind: LineKind = "payment"


def _final(frame: Frame, about: FetchFinal, wallet: Wallet) -> list[Event]:
    width = len(wallet.addresses) + 1
    most, told = _range_and_answers(frame, about, wallet, width)
    at, read_whole = probes(about, most), scanned(about, most)
    end, last = 3 + width * len(at), span(about, most)[1]
    blocks = told[end:]
    for answer in (*told[:3], *blocks):
        if isinstance(answer, Failed):
            raise Unreadable(f"{answer.code}: {answer.message}")
    if number(told[0]["number"]) < last:
        raise Unreadable(f"block {last} is not final at this node")
    states = [_state(told[place : place + width]) for place in range(3, end, width)]
    logs = _logs(told[1], told[2])
    through = _read_through(read_whole[-1], at, states, logs)
    events: list[Event] = []
    for whole, receipts, expected in zip(blocks[::2], blocks[1::2], read_whole, strict=True):
        if number(whole["number"]) != expected:
            raise Unreadable(f"block {whole['number']} was not asked for")
        here = [log for log in logs if number(log["blockNumber"]) == expected]
        events += _block_lines(frame, whole, receipts, here, wallet)
    events.append(
        PageReported(
            received_at=frame.received_at,
            frame=frame.number,
            account=frame.account,
            subject="ledger",
            through=str(through),
            more=through < about.through,
            asked_at=frame.asked_at,
        )
    )
    return events


def _range_and_answers(
    frame: Frame, about: FetchFinal, wallet: Wallet, width: int
) -> tuple[int, list[Any]]:
    """Of how many blocks at most it was asked: as we ask today, or as many answers say."""
    most = wallet.range_max
    try:
        return most, answers(frame.body, _calls(about, most, width))
    except Unreadable:
        told = loads(frame.body)
        count = len(told) if isinstance(told, list) else 0
        others = [each for each in RANGES if _calls(about, each, width) == count]
        if not others:
            raise
        return others[0], answers(frame.body, count)


def _calls(about: FetchFinal, most: int, width: int) -> int:
    return 3 + width * len(probes(about, most)) + 2 * len(scanned(about, most))


def _state(told: list[Any]) -> list[int]:
    """Balances and nonce at a block; nothing if the node has forgotten the state there."""
    if any(isinstance(answer, Failed) for answer in told):
        return []
    return [number(answer) for answer in told]


def _logs(given: list[dict[str, Any]], taken: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Logs of tokens that we gave or took, each once, in the order of the chain."""
    found = {(number(log["blockNumber"]), number(log["logIndex"])): log for log in given + taken}
    for log in found.values():
        if log["removed"] is not False:
            raise Unreadable("a log that was removed stands in the answer")
    return [found[place] for place in sorted(found)]


def _read_through(
    whole: int, at: list[int], states: list[list[int]], logs: list[dict[str, Any]]
) -> int:
    """How far this answer tells everything: to the last probe before which nothing had moved.

    Balances are compared one by one: what moves between two addresses of ours would hide in a sum.
    """
    quiet = at[0]
    for place, state in zip(at, states, strict=True):
        if not state or state != states[0]:
            break
        quiet = place
    loud = [place for log in logs if (place := number(log["blockNumber"])) > whole]
    return max(whole, min([quiet, *(place - 1 for place in loud)]))


def _block_lines(
    frame: Frame,
    block: dict[str, Any],
    receipts: list[dict[str, Any]],
    logs: list[dict[str, Any]],
    wallet: Wallet,
) -> list[Event]:
    """The lines of one block: of the coin by its transactions, of tokens by their logs."""
    at = number(block["timestamp"]) * SECOND
    events: list[Event] = []
    for transaction, receipt in zip(block["transactions"], receipts, strict=True):
        if transaction["hash"] != receipt["transactionHash"]:
            raise Unreadable("the receipts are not those of the block's transactions")
        lines = _coin_lines(transaction, receipt, wallet)
        events += [_booked(frame, line, at) for line in lines]
    for log in logs:
        if log["blockHash"] != block["hash"]:
            raise Unreadable("a log of another block of the same number")
        events += _token_line(frame, log, wallet, at)
    return events


def _coin_lines(
    transaction: dict[str, Any], receipt: dict[str, Any], wallet: Wallet
) -> Iterable[Line]:
    """What a transaction moved of the coin, and what gas it cost us, succeeded or not."""
    tx_hash, value = hash32(transaction["hash"]), number(transaction["value"])
    sender, to = transaction["from"].lower(), (transaction["to"] or "").lower()
    gives, takes = sender in wallet.addresses, to in wallet.addresses
    if gives != takes and value and succeeded(receipt):
        amount, other, ours = (-value, to, sender) if gives else (value, sender, to)
        yield Line(f"{tx_hash}:value", wallet.coin, amount, tx_hash, other, ours)
    if gives:
        fee = number(receipt["gasUsed"]) * number(receipt["effectiveGasPrice"])
        yield Line(f"{tx_hash}:fee", wallet.coin, -fee, tx_hash, "", sender, "fee")


def _token_line(frame: Frame, log: dict[str, Any], wallet: Wallet, at: int) -> list[Event]:
    sender, to, amount = _transfer(log)
    contract = log["address"].lower()
    if contract not in wallet.assets:
        return dismissed(frame, f"a transfer of {contract}, which is no asset of ours")
    gives, takes = sender in wallet.addresses, to in wallet.addresses
    if gives == takes or not amount:
        return []
    tx_hash = hash32(log["transactionHash"])
    line = Line(
        f"{tx_hash}:{number(log['logIndex'])}",
        wallet.assets[contract],
        -amount if gives else amount,
        tx_hash,
        to if gives else sender,
        sender if gives else to,
    )
    return [_booked(frame, line, at)]


def _transfer(log: dict[str, Any]) -> tuple[str, str, int]:
    """Who gave, who took, how much."""
    topics = log["topics"]
    if topics[0] != TRANSFER_TOPIC or len(topics) != 3 or len(log["data"]) != 66:
        # A token of single items tells its transfers under the same topic, with four of them.
        return "", "", 0
    return "0x" + topics[1][26:].lower(), "0x" + topics[2][26:].lower(), number(log["data"])


def _booked(frame: Frame, line: Line, at: int) -> LineBooked:
    return LineBooked(
        received_at=frame.received_at,
        frame=frame.number,
        account=frame.account,
        line_id=line.line_id,
        asset=line.asset,
        amount=line.amount,
        booked_at=at,
        kind=line.kind,
        references=(line.tx_hash, line.address),
        counterparty=line.counterparty,
    )


# --- the subscription to logs --------------------------------------------------------------------


def _pushed(frame: Frame, wallet: Wallet) -> list[Event]:
    """A log as it comes, or as it is taken back: a hint of a deposit."""
    told = an_object(loads(frame.body))
    if told.get("method") != "eth_subscription":
        return dismissed(frame, "an answer to our subscribing")
    log = told["params"]["result"]
    contract = log["address"].lower()
    sender, to, amount = _transfer(log)
    comes = to in wallet.addresses and sender not in wallet.addresses
    if not comes or not amount or contract not in wallet.assets:
        return dismissed(frame, "a log that gives us nothing of ours")
    tx_hash = hash32(log["transactionHash"])
    return [
        DepositSeen(
            received_at=frame.received_at,
            frame=frame.number,
            account=frame.account,
            line_id=f"{tx_hash}:{number(log['logIndex'])}",
            asset=wallet.assets[contract],
            amount=amount,
            address=to,
            block_number=number(log["blockNumber"]),
            block_hash=hash32(log["blockHash"]),
            removed=bool(log["removed"]),
        )
    ]


# --- values --------------------------------------------------------------------------------------


def succeeded(receipt: dict[str, Any]) -> bool:
    """Whether a mined transaction did what it was to do."""
    if receipt["status"] not in ("0x0", "0x1"):
        raise Unreadable(f"{receipt['status']!r} is no status")
    return bool(receipt["status"] == "0x1")
