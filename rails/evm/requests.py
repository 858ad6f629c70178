"""Effects as JSON-RPC of an EVM node. One effect is one request: several calls go as a batch.

How lines are found. Tokens tell by logs, which `eth_getLogs` finds in any range. The coin does not:
its lines are in the blocks themselves. Reading every block of a day would cost more than all else,
so the range is *galloped*: of an address that signs its own transactions, balance and nonce at two
blocks are equal only if nothing moved between them. The request reads both after the first 4, 16,
64 ... blocks of the range and at its end, and the first 4 blocks in full; the decoder goes on
behind the last probe at which nothing had moved, else behind the 4 blocks. A quiet range is one
request, and a payment somewhere in a day takes about six.

Where a node gives logs of few blocks only, the range is that much shorter (`Wallet.range_max`); of
how many blocks an answer is, shows in how many calls it answers.

A node keeps the states of the newest 128 blocks, unless it is an archive. Where it forgot one, the
gallop stands still and reads on by 4 blocks a request: slower, and as sure. A batch has a call for
each address at every probe: nodes take a thousand calls, so some eighty addresses.

Value that a contract sends in an internal transfer is in no block's transactions and in no log: the
scan goes past it, the balance of the next statement has it, and the difference is a break.
"""

from collections.abc import Mapping

from core.effects import Effect, FetchStatement
from core.rail_effects import (
    BroadcastTransaction,
    FetchBlock,
    FetchFinal,
    FetchHead,
    FetchNonce,
    FetchTransaction,
)
from rails.dialect import Request
from rails.evm.wallet import Wallet
from rails.jsonrpc import Call, batch

BLOCKS_IN_FULL = 4
GALLOP = 4
TRANSFER_TOPIC = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
BALANCE_OF = "0x70a08231"


def request(effect: Effect, wallets: Mapping[str, Wallet]) -> Request:
    """The request that performs an effect, at the node that it names (a broadcast: at "a")."""
    match effect:
        case FetchHead():
            return batch(effect.source, [_block("latest"), _block("finalized")])
        case FetchBlock():
            return batch(effect.source, [_block(hex(effect.number))])
        case FetchTransaction():
            calls = ("eth_getTransactionByHash", "eth_getTransactionReceipt")
            return batch(effect.source, [(call, [effect.tx_hash]) for call in calls])
        case FetchNonce():
            address = wallets[effect.account].address.lower()
            tags = ("latest", "finalized", "pending")
            return batch(effect.source, [("eth_getTransactionCount", [address, t]) for t in tags])
        case FetchFinal():
            return batch(effect.source, _final(effect, wallets[effect.account]))
        case FetchStatement(kind="balances"):
            return batch("a", _balances(wallets[effect.account]))
        case BroadcastTransaction():
            # A node's log then names the payment, and so does its answer.
            return batch("a", [("eth_sendRawTransaction", [effect.raw])], effect.payment_id)
        case _:
            raise ValueError(f"an EVM node cannot be asked for {type(effect).__name__}")


def _block(tag: str, *, whole: bool = False) -> Call:
    return "eth_getBlockByNumber", [tag, whole]


def _balances(wallet: Wallet) -> list[Call]:
    """All balances at the finalized block, between two readings of which block that is."""
    calls: list[Call] = [_block("finalized")]
    calls += [("eth_getBalance", [address, "finalized"]) for address in wallet.addresses]
    for contract in wallet.tokens.values():
        for address in wallet.addresses:
            data = BALANCE_OF + "0" * 24 + address[2:]
            calls.append(("eth_call", [{"to": contract.lower(), "data": data}, "finalized"]))
    return [*calls, _block("finalized")]


def span(effect: FetchFinal, range_max: int) -> tuple[int, int]:
    """The first and the last block that this request reads."""
    return effect.after + 1, min(effect.through, effect.after + range_max)


def probes(effect: FetchFinal, range_max: int) -> list[int]:
    """The blocks at which balance and nonce are read: before the range, on the way, at its end."""
    last = span(effect, range_max)[1]
    on_the_way, step = [], BLOCKS_IN_FULL
    while effect.after + step < last:
        on_the_way.append(effect.after + step)
        step *= GALLOP
    return [effect.after, *on_the_way, last]


def scanned(effect: FetchFinal, range_max: int) -> range:
    """The blocks that are read in full."""
    first, last = span(effect, range_max)
    return range(first, min(last, effect.after + BLOCKS_IN_FULL) + 1)


def _final(effect: FetchFinal, wallet: Wallet) -> list[Call]:
    most = wallet.range_max
    first, last = span(effect, most)
    calls: list[Call] = [_block("finalized")]
    topics = ["0x" + "0" * 24 + address[2:] for address in wallet.addresses]
    for places in ([TRANSFER_TOPIC, topics], [TRANSFER_TOPIC, None, topics]):
        where = {"fromBlock": hex(first), "toBlock": hex(last), "topics": places}
        calls.append(("eth_getLogs", [where]))
    for number in probes(effect, most):
        calls += [("eth_getBalance", [address, hex(number)]) for address in wallet.addresses]
        calls.append(("eth_getTransactionCount", [wallet.addresses[0], hex(number)]))
    for number in scanned(effect, most):
        calls.append(_block(hex(number), whole=True))
        calls.append(("eth_getBlockReceipts", [hex(number)]))
    return calls
