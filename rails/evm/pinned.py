"""A chain's dialect in which each answer says itself of which chain it is.

True here: a node is believed for one answer alone. Behind one address stand many nodes, and which
of them answers is somebody else's business; so every batch asks for the chain's id as well, and
what comes without ours in it is no answer at all. The frame stays as it came.

A broadcast goes without: its signed bytes are of one chain (EIP-155), and no other takes them.
"""

from dataclasses import replace

import msgspec
from msgspec.structs import replace as with_fields

from core.effects import Effect
from core.events import Event
from core.frames import Frame
from core.rail_effects import BroadcastTransaction
from core.reading import STRANGE, Decimals, Unreadable
from rails.dialect import Dialect, Request
from rails.jsonrpc import no_answer, number

CALL = "chain"
ASKED = {"jsonrpc": "2.0", "id": CALL, "method": "eth_chainId", "params": []}
_TAIL = b"," + msgspec.json.encode(ASKED) + b"]"


class _Line(msgspec.Struct):
    """One answer of a batch, as far as it matters here."""

    id: int | str | None = None
    result: msgspec.Raw = msgspec.Raw(b"null")


_lines = msgspec.json.Decoder(list[msgspec.Raw])
_line = msgspec.json.Decoder(_Line)


def pinned(rail: Dialect, chain_id: int) -> Dialect:
    """The dialect, for this chain and no other."""

    def asks(effect: Effect) -> Request:
        request = rail.request(effect)
        if isinstance(effect, BroadcastTransaction):
            return request
        return replace(request, body=request.body.removesuffix(b"]") + _TAIL)

    def reads(frame: Frame, decimals: Decimals) -> list[Event]:
        if frame.about is None or frame.status != 200:
            return list(rail.decode(frame, decimals))
        if isinstance(frame.about, BroadcastTransaction):
            return list(rail.decode(frame, decimals))
        try:
            rest = _without_id(frame.body, chain_id)
        except (*STRANGE, msgspec.MsgspecError) as error:
            return no_answer(frame, frame.about, f"{type(error).__name__}: {error}")
        return list(rail.decode(with_fields(frame, body=rest), decimals))

    return replace(rail, request=asks, decode=reads)


def _without_id(body: bytes, chain_id: int) -> bytes:
    """What was asked besides, once the answer has proved to be of that chain.

    A node that takes no batch answers with one error, which is the same for all of it.
    """
    if body.lstrip().startswith(b"{"):
        told = msgspec.json.decode(body)
        if "error" not in told:
            raise Unreadable("one answer to several calls")
        return body
    found, rest = -1, list[bytes]()
    for raw in _lines.decode(body):
        line = _line.decode(raw)
        if line.id == CALL:
            found = number(msgspec.json.decode(line.result))
        else:
            rest.append(bytes(raw))
    if found != chain_id:
        said = f"chain {found}" if found >= 0 else "no chain"
        raise Unreadable(f"the node is of {said}, and not of chain {chain_id}")
    return b"[" + b",".join(rest) + b"]"
