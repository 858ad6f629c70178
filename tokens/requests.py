"""Effects of the register as JSON-RPC of a node. Logs are asked for by the hash of their block."""

from collections.abc import Mapping

from core.effects import Effect
from core.token_effects import FetchHoldings, FetchTokenBlock, FetchTokenHead
from rails.dialect import Request
from rails.jsonrpc import Call, batch

SUPPLY = "0x18160ddd"  # totalSupply()
BALANCE_OF = "0x70a08231"  # balanceOf(address)


def request(effect: Effect, contracts: Mapping[str, str]) -> Request | None:
    """The request that performs an effect, at the node that it names; None if it is none of ours.

    `contracts` are the tokens' by name.
    """
    match effect:
        case FetchTokenHead():
            return batch(effect.source, [("eth_getBlockByNumber", ["latest", False])])
        case FetchTokenBlock():
            where = {"blockHash": effect.block_hash, "address": contracts[effect.token]}
            calls: list[Call] = [
                ("eth_getBlockByHash", [effect.block_hash, False]),
                ("eth_getLogs", [where]),
            ]
            return batch(effect.source, calls)
        case FetchHoldings():
            return batch(effect.source, _holdings(effect, contracts[effect.token]))
        case _:
            return None


def _holdings(effect: FetchHoldings, contract: str) -> list[Call]:
    """Of the state of one block, named by its hash (EIP-1898): another of its number is another."""
    at = {"blockHash": effect.block_hash}
    datas = [SUPPLY, *(BALANCE_OF + "0" * 24 + each[2:] for each in effect.addresses)]
    return [("eth_call", [{"to": contract, "data": data}, at]) for data in datas]
