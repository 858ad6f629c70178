"""A session with a node that can only read: no other call of JSON-RPC reaches its socket.

True here: what may be asked is a list of methods, and what is not on it is refused, whoever asks:
web3's own calls go through it as ours do. It looks at the very bytes that are to be written, right
before they are; a batch goes whole or not at all. (Whoever opens a session of his own needs a key
to sign with, and a shadow has none.)
"""

from typing import Any

import msgspec
from aiohttp import ClientRequest, ClientResponse
from aiohttp.payload import BytesPayload

READS = frozenset(
    """
    eth_blockNumber eth_call eth_chainId eth_estimateGas eth_feeHistory eth_gasPrice eth_getBalance
    eth_getBlockByHash eth_getBlockByNumber eth_getBlockReceipts eth_getCode eth_getLogs
    eth_getStorageAt eth_getTransactionByHash eth_getTransactionCount eth_getTransactionReceipt
    eth_maxPriorityFeePerGas eth_syncing net_version txpool_status web3_clientVersion
    """.split()
)


class Forbidden(RuntimeError):
    """Something else than a read was to be sent; the text names the method alone."""


class Call(msgspec.Struct):
    """Of a call, which it is."""

    method: str


_calls = msgspec.json.Decoder(list[Call] | Call)


def methods(body: bytes) -> list[str]:
    """What is called; `Forbidden` where that cannot be read."""
    try:
        told = _calls.decode(body)
    except (msgspec.MsgspecError, RecursionError):
        raise Forbidden("what is no call of JSON-RPC: this session can only read") from None
    return [each.method for each in (told if isinstance(told, list) else [told])]


class Reading(ClientRequest):
    """A request that is not sent unless all that it calls is a read."""

    async def send(self, conn: Any) -> ClientResponse:
        body = self.body
        sent = await body.as_bytes() if isinstance(body, BytesPayload) else b""
        if self.method != "POST" or not sent:
            raise Forbidden(f"{self.method} without a call: this session can only read")
        for each in methods(sent):
            if each not in READS:
                raise Forbidden(f"{each}: this session can only read")
        return await super().send(conn)


def settings() -> dict[str, Any]:
    """What makes an aiohttp session one that can only read: keywords for `ClientSession`."""
    return {"request_class": Reading}
