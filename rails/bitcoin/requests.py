"""Effects as JSON-RPC of Bitcoin Core, whose wallet watches our addresses. One effect, one batch.

A node names a block by its hash, and a batch cannot use one answer in the next call, so:

- The hash of the newest final block comes from `listsinceblock`, which tells it as `lastblock` for
  as many confirmations as one asks for. With a label that no address has it lists nothing else.
- Lines come from `listsinceblock` after the hash that the effect names; without one it tells of the
  wallet's whole life, and the decoder keeps what is in the range.
- Every batch is framed by two `getblockchaininfo`: if a block came between, it is no answer.
- A balance as of the final block is what `scantxoutset` finds at the tip, which owes nothing to the
  wallet, less what the wallet lists in the blocks since.
"""

from collections.abc import Mapping

from core.effects import Effect, FetchStatement
from core.rail_effects import (
    BroadcastTransaction,
    FetchBlock,
    FetchFinal,
    FetchHead,
    FetchTransaction,
)
from rails.bitcoin.wallet import Wallet
from rails.dialect import Request
from rails.jsonrpc import Call, batch

NO_LABEL = "no address has this label"

INFO: Call = ("getblockchaininfo", [])


def request(effect: Effect, wallets: Mapping[str, Wallet]) -> Request:
    """The request that performs an effect, at the node that it names (a broadcast: at "a")."""
    match effect:
        case FetchHead():
            depth = wallets[effect.account].confirmations
            return batch(effect.source, [INFO, _since("", depth, label=NO_LABEL), INFO])
        case FetchBlock():
            return batch(effect.source, [("getblockhash", [effect.number])])
        case FetchTransaction():
            calls: list[Call] = [
                ("gettransaction", [effect.tx_hash, True]),
                ("getmempoolentry", [effect.tx_hash]),
            ]
            return batch(effect.source, [INFO, *calls, INFO])
        case FetchFinal():
            return batch(effect.source, [INFO, _since(effect.after_hash, 1), INFO])
        case FetchStatement(kind="balances"):
            wallet = wallets[effect.account]
            scanned = [{"desc": f"addr({address})"} for address in wallet.addresses]
            scan: Call = ("scantxoutset", ["start", scanned])
            return batch("a", [INFO, scan, _since("", wallet.confirmations), INFO])
        case BroadcastTransaction():
            return batch("a", [("sendrawtransaction", [effect.raw])], effect.payment_id)
        case _:
            raise ValueError(f"a Bitcoin node cannot be asked for {type(effect).__name__}")


def _since(block_hash: str, depth: int, label: str = "") -> Call:
    """`listsinceblock`: hash, depth of `lastblock`, watched ones too, none removed, no change."""
    params: list[object] = [block_hash, depth, True, False, False]
    return "listsinceblock", [*params, label] if label else params
