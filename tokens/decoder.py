"""A node's answers about a token as events: blocks with the contract's logs, and what it holds.

Rule 1. A log counts only in the block that was asked for by its hash; a removed one is none.
Rule 2. A movement is the contract's `Transfer` with the log behind it that says what permitted it.
One without is told all the same, with no decision: that is how it is found out.
"""

from collections.abc import Mapping
from typing import Any

from core.effects import Effect
from core.events import Event
from core.frames import Frame
from core.reading import STRANGE, Unreadable
from core.token_effects import FetchHoldings, FetchTokenBlock, FetchTokenHead
from core.token_events import HoldingsReported, TokenBlockReported, TokenHeadReported, TokenLog
from rails.jsonrpc import hash32, http, no_answer, number, results
from rails.keys import keccak256


def _topic(event: str) -> str:
    return "0x" + keccak256(event.encode()).hex()


TRANSFER = _topic("Transfer(address,address,uint256)")
MOVED = _topic("Moved(bytes32,address,uint256,bytes32)")
RECOVERED = _topic("Recovered(bytes32,address,uint256,bytes32)")
REVOKED = _topic("Revoked(address,uint256)")
EPOCH_RAISED = _topic("EpochRaised(address,uint64)")
PAUSED = _topic("Paused(address)")
UNPAUSED = _topic("Unpaused(address)")
NOBODY = "0x" + "00" * 20


def decode(frame: Frame, contracts: Mapping[str, str]) -> list[Event] | None:
    """Every event that the frame tells; None if it answers nothing of ours."""
    about = frame.about
    if not isinstance(about, FetchTokenHead | FetchTokenBlock | FetchHoldings):
        return None
    try:
        if frame.status != 200:
            return no_answer(frame, about, http(frame))
        return [_answered(frame, about, contracts[about.token])]
    except STRANGE as error:
        return no_answer(frame, about, f"unreadable answer: {error!r}")


def _answered(frame: Frame, about: Effect, contract: str) -> Event:
    match about:
        case FetchTokenHead():
            return _head(frame, about)
        case FetchTokenBlock():
            return _block(frame, about, contract)
        case FetchHoldings():
            return _holdings(frame, about)
        case _:
            raise Unreadable(f"an answer to {type(about).__name__} is not expected")


def _head(frame: Frame, about: FetchTokenHead) -> TokenHeadReported:
    (told,) = results(frame.body, 1)
    return TokenHeadReported(
        received_at=frame.received_at,
        frame=frame.number,
        account=frame.account,
        source=about.source,
        token=about.token,
        number=number(told["number"]),
        block_hash=hash32(told["hash"]),
    )


def _block(frame: Frame, about: FetchTokenBlock, contract: str) -> TokenBlockReported:
    told, logs = results(frame.body, 2)
    if told is None or told["hash"] != about.block_hash:
        raise Unreadable(f"the node does not have block {about.block_hash}")
    return TokenBlockReported(
        received_at=frame.received_at,
        frame=frame.number,
        account=frame.account,
        source=about.source,
        token=about.token,
        number=number(told["number"]),
        block_hash=about.block_hash,
        parent_hash=hash32(told["parentHash"]),
        timestamp=number(told["timestamp"]),
        logs=_logs(logs, about.block_hash, contract),
    )


def _logs(told: Any, block_hash: str, contract: str) -> tuple[TokenLog, ...]:
    if not isinstance(told, list):
        raise Unreadable("a list of logs was expected")
    logs = sorted(told, key=lambda log: number(log["logIndex"]))
    for log in logs:
        if log["blockHash"] != block_hash or log.get("removed"):
            raise Unreadable("a log of another block")
        if log["address"].lower() != contract:
            raise Unreadable("a log of another contract")
    read = list[TokenLog]()
    for place, log in enumerate(logs):
        behind = logs[place + 1] if place + 1 < len(logs) else None
        found = _log(log, behind)
        read += [found] if found is not None else []
    return tuple(read)


def _log(log: Any, behind: Any) -> TokenLog | None:
    """What one log tells; None for what only belongs to the one before it, or tells nothing."""
    index, tx_hash = number(log["logIndex"]), hash32(log["transactionHash"])
    topics, data = log["topics"], bytes.fromhex(log["data"][2:])
    match topics[0]:
        case topic if topic == TRANSFER:
            return _moved(log, behind, index, tx_hash)
        case topic if topic == REVOKED:
            nonce = int.from_bytes(_words(data, 1)[0])
            return TokenLog("lane", index, tx_hash, holder=_party(topics[1]), nonce=nonce)
        case topic if topic == EPOCH_RAISED:
            epoch = int.from_bytes(_words(data, 1)[0])
            return TokenLog("epoch", index, tx_hash, holder=_party(topics[1]), epoch=epoch)
        case topic if topic == PAUSED:
            return TokenLog("paused", index, tx_hash)
        case topic if topic == UNPAUSED:
            return TokenLog("unpaused", index, tx_hash)
        case topic if topic in (MOVED, RECOVERED):
            return None
        case _:
            return TokenLog("other", index, tx_hash)


def _moved(log: Any, behind: Any, index: int, tx_hash: str) -> TokenLog:
    value = int.from_bytes(_words(bytes.fromhex(log["data"][2:]), 1)[0])
    sender, receiver = _party(log["topics"][1]), _party(log["topics"][2])
    nonce, decision = -1, ""
    if behind is not None and behind["topics"][0] in (MOVED, RECOVERED):
        if behind["transactionHash"] == tx_hash:
            words = _words(bytes.fromhex(behind["data"][2:]), 2)
            nonce, decision = int.from_bytes(words[0]), "0x" + words[1].hex()
    return TokenLog(
        "moved",
        index,
        tx_hash,
        sender=sender,
        receiver=receiver,
        value=value,
        nonce=nonce,
        decision_hash=decision,
    )


def _holdings(frame: Frame, about: FetchHoldings) -> HoldingsReported:
    supply, *balances = results(frame.body, 1 + len(about.addresses))
    held = [number(each) for each in balances]
    return HoldingsReported(
        received_at=frame.received_at,
        frame=frame.number,
        account=frame.account,
        token=about.token,
        block_hash=about.block_hash,
        supply=number(supply),
        balances=tuple(zip(about.addresses, held, strict=True)),
        source=about.source,
    )


def _party(topic: str) -> str:
    """An indexed address; nobody for the zero address."""
    address = "0x" + hash32(topic)[-40:]
    return "" if address == NOBODY else address


def _words(data: bytes, count: int) -> list[bytes]:
    if len(data) != 32 * count:
        raise Unreadable(f"{count} words were expected, not {len(data)} bytes")
    return [data[32 * place : 32 * place + 32] for place in range(count)]
