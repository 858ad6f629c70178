"""A signer's node over JSON-RPC: what it says of the contract, all of it as of one block.

Rule. The newest block is asked for first, and everything else in the state of that very block, by
its hash (EIP-1898): two answers of two heads would be no view.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from core.reading import STRANGE, Unreadable
from rails.jsonrpc import Call, batch, hash32, number, results
from rails.keys import keccak256
from tokens.signers.node import NoView, View
from tokens.typed import Domain

WORD = 32
EIP712_DOMAIN = "0x" + keccak256(b"eip712Domain()")[:4].hex()
EPOCH_OF = "0x" + keccak256(b"epochOf(address)")[:4].hex()
FIELDS = 0x0F  # of the domain: name, version, chain id, contract, and neither salt nor extensions
TEXT_BYTES_MAX = 31

# The body of a request to the answer's HTTP status and body; status 0 where none came.
Post = Callable[[bytes], tuple[int, bytes]]


@dataclass(slots=True, frozen=True)
class RpcNode:
    """One node, asked twice for each view."""

    post: Post

    def view(self, contract: str, holders: Collection[str]) -> View:
        """The contract and these holders at the newest head; or `NoView`."""
        try:
            return self._view(contract, sorted(holders))
        except STRANGE as error:
            raise NoView(f"{type(error).__name__}: {error}") from error

    def _view(self, contract: str, holders: list[str]) -> View:
        block = "eth_getBlockByNumber"
        chain_id, head, final = self._ask(
            [("eth_chainId", []), (block, ["latest", False]), (block, ["finalized", False])]
        )
        at = {"blockHash": hash32(head["hash"])}
        datas = [EIP712_DOMAIN, *(EPOCH_OF + "0" * 24 + each[2:] for each in holders)]
        told = self._ask([("eth_call", [{"to": contract, "data": data}, at]) for data in datas])
        return View(
            number(chain_id),
            _domain(_bytes(told[0])),
            number(head["timestamp"]),
            number(final["timestamp"]),
            {each: number(epoch) for each, epoch in zip(holders, told[1:], strict=True)},
        )

    def _ask(self, calls: list[Call]) -> list[Any]:
        status, body = self.post(batch("", calls).body)
        if status != 200:
            raise Unreadable(f"HTTP {status}" if status else body.decode(errors="replace"))
        return results(body, len(calls))


def _bytes(told: object) -> bytes:
    number(told)
    return bytes.fromhex(str(told)[2:])


def _domain(told: bytes) -> Domain:
    """What `eip712Domain` returns (EIP-5267): seven words, then what some of them point to."""
    fields, name, version, chain_id, contract, salt, extensions = (
        int.from_bytes(_word(told, place)) for place in range(7)
    )
    if fields >> 248 != FIELDS or salt or int.from_bytes(_at(told, extensions)):
        raise Unreadable("a domain of other fields")
    address = "0x" + contract.to_bytes(WORD)[-20:].hex()
    return Domain(_text(told, name), _text(told, version), chain_id, address)


def _word(told: bytes, place: int) -> bytes:
    return _at(told, WORD * place)


def _at(told: bytes, start: int) -> bytes:
    word = told[start : start + WORD] if start < len(told) else b""
    if len(word) != WORD:
        raise Unreadable(f"no word at byte {start} of {len(told)}")
    return word


def _text(told: bytes, start: int) -> str:
    size = int.from_bytes(_at(told, start))
    if size > TEXT_BYTES_MAX:
        raise Unreadable(f"a name of {size} bytes")
    return _at(told, start + WORD)[:size].decode() if size else ""
