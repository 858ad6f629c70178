"""A signer's own node, by JSON-RPC: what it says of the contract, all of it as of one block.

Rule 1. The head is named by its hash, and everything else is asked of that very block: where it
gave way in between, the node does not have it any more, and there is no view.
Rule 2. What the contract says of itself is read word by word; a domain that says less than ours,
or more, is none. Nothing is filled in.
Rule 3. Whatever goes wrong is `NoView`, in a bounded time; its text never has the path by which a
node is asked, for that may be a key.
"""

import threading
from collections.abc import Callable, Collection
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from core.reading import STRANGE, Unreadable
from rails.dialect import Request
from rails.jsonrpc import Call, batch, hash32, number, results
from tokens.calls import selector
from tokens.signers.backend import NotSigned
from tokens.signers.node import NoView, View
from tokens.signers.patience import Patience
from tokens.typed import Domain, address

Ask: TypeAlias = Callable[[Request], tuple[int, bytes]]
ANSWER_BYTES_MAX = 1 << 20
SECONDS_MAX = 10.0
# EIP-5267: name, version, chain id and contract are in the domain, salt and extensions are not.
FIELDS = b"\x0f" + bytes(31)
HEAD_WORDS = 7


class LiveNode:
    """One node. `ask` performs a request and gives its status and body, in a bounded time."""

    def __init__(self, ask: Ask, source: str = "") -> None:
        self._ask, self._source = ask, source

    def view(self, contract: str, holders: Collection[str]) -> View:
        """The contract and these holders at the newest head."""
        try:
            return self._view(contract, sorted(holders))
        except (NotSigned, HTTPException, OSError, *STRANGE) as error:
            raise NoView(f"{type(error).__name__}: {error}") from error

    def _view(self, contract: str, holders: list[str]) -> View:
        chain, head, final = self._results(
            [
                ("eth_chainId", []),
                ("eth_getBlockByNumber", ["latest", False]),
                ("eth_getBlockByNumber", ["finalized", False]),
            ]
        )
        at = {"blockHash": hash32(head["hash"])}
        asked = [selector("eip712Domain()")]
        asked += [selector("epochOf(address)") + address(each) for each in holders]
        calls: list[Call] = [
            ("eth_call", [{"to": contract, "data": "0x" + data.hex()}, at]) for data in asked
        ]
        domain, *epochs = map(_bytes, self._results(calls))
        return View(
            number(chain),
            domain_of(domain),
            number(head["timestamp"]),
            number(final["timestamp"]),
            dict(zip(holders, map(_epoch, epochs), strict=True)),
        )

    def _results(self, calls: list[Call]) -> list[Any]:
        status, body = self._ask(batch(self._source, calls))
        if status != 200:
            raise Unreadable(f"HTTP {status}")
        return results(body, len(calls))


def domain_of(told: bytes) -> Domain:
    """What `eip712Domain()` answered; the domain of a contract that has the four usual fields."""
    head = [told[32 * place : 32 * place + 32] for place in range(HEAD_WORDS)]
    if len(told) % 32 or len(told) < 32 * HEAD_WORDS or head[0] != FIELDS or any(head[5]):
        raise Unreadable("the contract says no domain of name, version, chain and contract")
    name, behind = _text(told, head[1], 32 * HEAD_WORDS)
    version, behind = _text(told, head[2], behind)
    if int.from_bytes(head[6]) != behind or told[behind:] != bytes(32) or any(head[4][:12]):
        raise Unreadable("the contract's domain has more to it")
    return Domain(name, version, int.from_bytes(head[3]), "0x" + head[4][12:].hex())


def _text(told: bytes, offset: bytes, expected: int) -> tuple[str, int]:
    """The text that begins where it should, and where it ends."""
    length = int.from_bytes(told[expected : expected + 32])
    start = expected + 32
    end = start + -(-length // 32) * 32
    if int.from_bytes(offset) != expected or end > len(told) or any(told[start + length : end]):
        raise Unreadable("the contract's domain is laid out strangely")
    return told[start : start + length].decode(), end


def _epoch(told: bytes) -> int:
    if len(told) != 32 or any(told[:24]):
        raise Unreadable("no epoch was told")
    return int.from_bytes(told)


def _bytes(told: object) -> bytes:
    if not isinstance(told, str) or not told.startswith("0x"):
        raise Unreadable("a call was answered with no bytes")
    return bytes.fromhex(told[2:])


class Http:
    """POSTs requests to one node, each over a connection of its own, one after another.

    Nothing is followed anywhere else: a redirect is an answer like any other that is not 200.
    """

    def __init__(
        self, url: str, seconds_max: float = SECONDS_MAX, bytes_max: int = ANSWER_BYTES_MAX
    ) -> None:
        told = urlsplit(url)
        if told.scheme not in ("http", "https") or not told.hostname or told.username is not None:
            raise ValueError("a node's address is http:// or https://, a host, and no user")
        if not url.isascii() or not url.isprintable() or " " in url:
            raise ValueError("a node's address has a character that has to be quoted")
        self._connection = HTTPSConnection if told.scheme == "https" else HTTPConnection
        self._host, self._port, self._path = told.hostname, told.port, told.path or "/"
        self._path += f"?{told.query}" if told.query else ""
        self._seconds_max, self._bytes_max = seconds_max, bytes_max
        # Its own limit on a socket's silence lets one that drips go on for ever.
        self._patience = Patience(seconds_max, threading.Lock())

    def __call__(self, asked: Request) -> tuple[int, bytes]:
        """Status and body; `NotSigned`, `HTTPException` or `OSError` where there is no answer."""
        return self._patience.call(lambda: self._post(asked))

    def _post(self, asked: Request) -> tuple[int, bytes]:
        connection = self._connection(self._host, self._port, timeout=self._seconds_max)
        try:
            connection.request("POST", self._path, asked.body, asked.headers)
            told = connection.getresponse()
            body = told.read(self._bytes_max + 1)
        finally:
            connection.close()
        if len(body) > self._bytes_max:
            raise HTTPException(f"an answer of more than {self._bytes_max} bytes")
        return told.status, body
