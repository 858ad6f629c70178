"""An EVM chain as a way of a live node: two nodes that must agree, one key, what stood at finality.

Rule 1. A chain's id is pinned: a node of another is refused before anything of it is believed, and
what it says later counts for nothing (`rails.evm.pinned`).
Rule 2. Books begin at a block that both nodes call final, with balances on which both agree as of
it; what comes after it is read from the blocks.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from core.effects import Effect, FetchStatement
from core.events import (
    AccountOpened,
    Event,
    PageReported,
    StatementReported,
)
from core.listening import LEDGER
from core.rail_effects import FetchBlock, FetchHead
from core.rail_events import BalanceOpened, BlockReported, HeadReported
from core.signing import nobody_signs
from rails import keystore, schemes
from rails.evm.dialect import dialect
from rails.evm.live import Capabilities, EvmNodes, probed, session
from rails.evm.pinned import pinned
from rails.evm.signing import EvmSigner, address_of
from rails.evm.wallet import Wallet
from rails.keys import NotAKey, PrivateKey
from rails.keystore import NotAKeystore, WrongPassword
from tieout.deployment.file import ChainPart, Deployment, secret
from tieout.deployment.rail_terms import STREAM_NS, Unfit, free_name, listed
from tieout.journals.deployed import always
from tieout.node.adopting import NotAdopted
from tieout.node.rails import Ask, RailWay

SECOND = 1_000_000_000
SOURCES = ("a", "b")
READS_MAX = 40
PAUSE_S = 0.5


@dataclass(slots=True, frozen=True)
class Chain:
    """A chain as a deployment has it: the account, decimals of what it keeps, how often it is read.

    `terms` are what else is told of it at each start: schemes, limits, whose an address is.
    """

    rail: str
    wallet: Wallet
    decimals: Mapping[str, int]
    terms: Sequence[Event] = ()
    poll_ns: int = 12 * SECOND
    statement_ns: int = 600 * SECOND
    key: PrivateKey | None = field(default=None, repr=False)


def chain_way(chain: Chain, nodes: EvmNodes) -> RailWay:
    """How its account is reached, by nodes "a" and "b"."""
    wallet = chain.wallet
    sign = nobody_signs
    if chain.key is not None:
        sign = EvmSigner({wallet.account: wallet}, {wallet.account: chain.key}).sign
    return RailWay(
        wallet.account,
        pinned(dialect(chain.rail, {wallet.account: wallet}), wallet.chain_id),
        nodes,
        (*listed(chain.decimals), _account(chain), *chain.terms),
        lambda ask: opened_at_finality(wallet.account, ask),
        sign,
    )


def _account(chain: Chain) -> Event:
    return AccountOpened(
        received_at=0,
        account=chain.wallet.account,
        tells="lines",
        statements=("balances",),
        statement_period_ns=chain.statement_ns,
        backfill_period_ns=chain.poll_ns,
        settle_ns=chain.poll_ns,
        silence_ns_max=STREAM_NS,
        ledger=True,
        chain="evm",
        sources=SOURCES,
    )


# --- what its nodes can do ------------------------------------------------------------------------


async def fit(nodes: EvmNodes, chain_id: int) -> dict[str, Capabilities]:
    """What each node can do; raises `Unfit` where one lacks what it must be able to do."""
    found = {name: await probed(provider) for name, provider in nodes.providers.items()}
    lacking = [
        f"node {name}: {each}" for name, can in found.items() for each in can.lacking(chain_id)
    ]
    if lacking:
        raise Unfit("; ".join(lacking))
    return found


# --- of a deployment ------------------------------------------------------------------------------


async def chain_ways(
    deployment: Deployment,
    folder: Path,
    stack: AsyncExitStack,
    *,
    reads_only: bool,
    leads: Callable[[], bool] = always,
) -> list[RailWay]:
    """A way for each chain; the stack closes what they hold. Nothing is sent unless the node
    `leads`.

    Raises `NoSecret`, `BadUrl` or `Unfit`. Where it only reads no key is opened, and its session
    lets nothing else through.
    """
    ways = []
    for part in deployment.chain:
        key = None if reads_only else key_of(part, folder)
        client = await stack.enter_async_context(session(reads_only=reads_only))
        urls = [secret(each, folder) for each in part.nodes]
        if urls[0] == urls[1]:
            raise Unfit(f"chain {part.name}: both nodes are one; a second one would do")
        nodes = EvmNodes(dict(zip(SOURCES, urls, strict=True)), client, leads=leads)
        stack.push_async_callback(nodes.stop)
        can = await fit(nodes, part.chain_id)
        range_max = min(each.range_max() for each in can.values())
        ways.append(chain_way(_chain(part, key, range_max), nodes))
    return ways


def _chain(part: ChainPart, key: PrivateKey | None, range_max: int) -> Chain:
    table, account = schemes.load(), f"{part.name}/hot"
    free_name("chain", part.name)
    kept = {part.coin, *part.tokens}
    for name in part.schemes:
        if (
            name not in table
            or table[name].settled_by != "finality"
            or table[name].asset not in kept
        ):
            would_do = "evm, or evm_usdc with its token, would do"
            raise Unfit(f"chain {part.name}: no scheme {name!r} of what it keeps; {would_do}")
    decimals = {row.asset: row.decimals for row in table.values()}
    if unknown := [asset for asset in sorted(kept) if asset not in decimals]:
        raise Unfit(f"chain {part.name}: nobody knows the decimals of {', '.join(unknown)}")
    return Chain(
        part.name,
        Wallet(
            account,
            part.address,
            part.chain_id,
            part.coin,
            part.tokens,
            part.deposits,
            range_max,
        ),
        {asset: decimals[asset] for asset in sorted(kept)},
        [table[name].event(name, 0, account) for name in part.schemes],
        poll_ns=part.poll_s * SECOND,
        key=key,
    )


def key_of(part: ChainPart, folder: Path) -> PrivateKey | None:
    """The key of its address; None where the file names none: nothing is paid then.

    Raises `NoSecret` or `Unfit`.
    """
    if part.keystore is None:
        return None
    if part.password is None:
        raise Unfit(f"chain {part.name}: password: its keystore has none; env:NAME would do")
    try:
        key = PrivateKey(keystore.load(folder / part.keystore, secret(part.password, folder)))
    except (OSError, NotAKeystore, WrongPassword, NotAKey) as error:
        said = error.strerror if isinstance(error, OSError) else error
        raise Unfit(f"chain {part.name}: keystore: {part.keystore}: {said}") from None
    if address_of(key) != part.address.lower():
        raise Unfit(f"chain {part.name}: keystore: the key is not that of {part.address}")
    return key


# --- what stood there -----------------------------------------------------------------------------


async def opened_at_finality(account: str, ask: Ask) -> Sequence[Event]:
    """Balances at a block that both nodes call final, and that the record is read from there on.

    Raises `NotAdopted` where the two do not come to say the same.
    """
    said = "nothing was asked"
    for _ in range(READS_MAX):
        try:
            return await _opened(account, ask)
        except _NotYet as error:
            said = str(error)
        await asyncio.sleep(PAUSE_S)
    raise NotAdopted(f"{account}: no block that both nodes call final: {said}")


class _NotYet(Exception):
    """They do not say the same, or say nothing; the text has what was found."""


async def _opened(account: str, ask: Ask) -> Sequence[Event]:
    before = [await _head(account, ask, source) for source in SOURCES]
    told = [await _balances(account, ask, source) for source in SOURCES]
    after = [await _head(account, ask, source) for source in SOURCES]
    first = before[0]
    if any(each != first for each in (*before, *after)):
        raise _NotYet(f"final is block {', '.join(str(number) for number, _ in (*before, *after))}")
    if told[0].rows != told[1].rows or told[0].as_of != told[1].as_of:
        raise _NotYet(f"their balances at block {first[0]} differ")
    return [
        *(
            BalanceOpened(
                received_at=0,
                frame=told[0].frame,
                account=account,
                asset=row.subject,
                amount=row.amount,
                customer="",
                occurred_at=told[0].as_of,
            )
            for row in told[0].rows
            if row.amount
        ),
        PageReported(
            received_at=0,
            account=account,
            subject=LEDGER,
            through=str(first[0]),
            more=False,
            asked_at=0,
        ),
    ]


async def _head(account: str, ask: Ask, source: str) -> tuple[int, str]:
    """The final block that a node names, which it must also have at that number."""
    head = await _one(ask, FetchHead(account=account, source=source), "")
    if not isinstance(head, HeadReported):
        raise _NotYet(f"node {source} names no final block")
    asked = FetchBlock(account=account, source=source, number=head.finalized)
    block = await _one(ask, asked, "")
    if not isinstance(block, BlockReported) or block.block_hash != head.finalized_hash:
        raise _NotYet(f"node {source} does not have the block that it calls final")
    return head.finalized, head.finalized_hash


async def _balances(account: str, ask: Ask, source: str) -> StatementReported:
    effect = FetchStatement(account=account, kind="balances")
    told = await _one(ask, effect, f"/{source}")
    if not isinstance(told, StatementReported):
        raise _NotYet(f"node {source} states no balances")
    return told


async def _one(ask: Ask, effect: Effect, at: str) -> Event | None:
    told = await ask(effect, at)
    return told[0] if told else None
