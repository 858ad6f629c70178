"""What chains, keepers, gates and tokens of a deployment say before it goes live, each by its name.

    chain      nodes, signing key, standing, open breaks
    custodian  key, key rights, clock, webhooks, standing, open breaks
    bank       files, balance, open breaks
    tokens     token nodes
    gates      gate server

Rule 1. It only reads: clients and sessions can do no more, and to a bank's place nothing is
written. Whether a custodian's key may pay, and whether a bank's server lets us write, nobody tries.
Rule 2. What stands there is read as a start reads it, and kept nowhere: the books of a rail begin
with the node that lives.
"""

import asyncio
import os
import time
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from pathlib import Path

from core import money
from core.events import AssetListed, Event
from core.rail_events import BalanceOpened
from core.state import State
from rails.bank.live import DONE, FROM_BANK, TO_BANK, Lost
from rails.evm.live import BadUrl, EvmNodes, session
from tieout.deployment.bank_ways import files_of
from tieout.deployment.chain_ways import SOURCES, chain_ways, fit, key_of
from tieout.deployment.file import ChainPart, Deployment
from tieout.deployment.rail_terms import Unfit
from tieout.deployment.rails import BankPart, CustodianPart
from tieout.deployment.ways import Mode
from tieout.node.adopting import NotAdopted
from tieout.node.rails import RailWay, asker
from tieout.preflight.checks import Check, green, no_matter, red
from tieout.preflight.custodian import of_key

STANDING_S_MAX = 60.0
ANSWERS = "one that answers would do"
# What is no use of a part, or cannot be reached; each says which part, and what would do.
WRONG = (Unfit, BadUrl, OSError)


async def of_rails(
    deployment: Deployment, folder: Path, mode: Mode, state: State | None
) -> list[Check]:
    """Every check of them; `state` is what the journal holds, where it could be opened.

    Raises `NoSecret`.
    """
    checks: list[Check] = []
    for chain in deployment.chain:
        checks += await _of_chain(deployment, chain, folder, mode, state)
    for custodian in deployment.custodian:
        checks += await _of_custodian(deployment, custodian, folder, state)
    for bank in deployment.bank:
        checks += [await _files(bank, folder, mode), _balance(bank, time.time_ns())]
        checks.append(_breaks(bank.account, state))
    if deployment.tokens is not None:
        checks.append(await _token_nodes(folder / deployment.tokens, state))
    if deployment.gates is not None:
        checks.append(await _gate_server(deployment.gates.nats, mode))
    return checks


# --- chains ---------------------------------------------------------------------------------------


async def _of_chain(
    deployment: Deployment, part: ChainPart, folder: Path, mode: Mode, state: State | None
) -> list[Check]:
    account, alone = f"{part.name}/hot", deployment.model_copy(update={"chain": (part,)})
    async with AsyncExitStack() as stack:
        try:
            (way,) = await chain_ways(alone, folder, stack, reads_only=True)
        except WRONG as error:
            return [_wrong("nodes", account, error)]
        found = f"both are of chain {part.chain_id}, and can do what is asked of them"
        return [
            green("nodes", account, found),
            _signing_key(part, folder, mode),
            await _standing(way),
            _breaks(account, state),
        ]


def _signing_key(part: ChainPart, folder: Path, mode: Mode) -> Check:
    name, account = "signing key", f"{part.name}/hot"
    if mode != "live":
        return no_matter(name, account, f"nothing is sent in {mode}")
    try:
        key = key_of(part, folder)
    except Unfit as error:
        return _wrong(name, account, error)
    if key is None:
        return no_matter(name, account, "the file names no keystore: nothing is paid from there")
    return green(name, account, f"{part.keystore} opens, and has the key of {part.address}")


# --- keepers --------------------------------------------------------------------------------------


async def _of_custodian(
    deployment: Deployment, part: CustodianPart, folder: Path, state: State | None
) -> list[Check]:
    from tieout.deployment.custodian_ways import custodian_ways

    account, alone = part.account, deployment.model_copy(update={"custodian": (part,)})
    async with AsyncExitStack() as stack:
        try:
            (way,) = await custodian_ways(alone, folder, stack, reads_only=True)
        except WRONG as error:
            return [_wrong("key", account, error)]
        return [
            green("key", account, "it can sign, and what hears webhooks could be opened"),
            *await of_key(part, way, time.time_ns),
            await _webhooks(part, folder),
            await _standing(way),
            _breaks(account, state),
        ]


async def _webhooks(part: CustodianPart, folder: Path) -> Check:
    """By which keys what is told unasked is known for theirs."""
    from rails.custodian import webhooks
    from tieout.deployment.custodian_ways import list_of
    from tieout.node.webhooks import NO_LIST

    name, told = "webhooks", part.webhooks
    if told is None:
        return no_matter(name, part.account, "it hears none: what comes is found by reads")
    where = f"heard at {told.host}:{told.port}{told.path}"
    async with AsyncExitStack() as stack:
        fetch = await list_of(told, part.ca, folder, stack)
        if fetch is None:
            return green(name, part.account, f"{where}, by the key in {told.public_key}")
        try:
            known = webhooks.keys(jwks=await fetch()).by_kid
        except NO_LIST as error:
            found = f"its list of keys cannot be read: {type(error).__name__}"
            return red(name, part.account, found, "an address in jwks that has it would do")
    if not known:
        return red(name, part.account, "its list of keys has none", "a key of theirs would do")
    return green(name, part.account, f"{where}, by {len(known)} published keys")


async def _files(part: BankPart, folder: Path, mode: Mode) -> Check:
    """The place of a bank's files, by looking at it."""
    name, account = "files", part.account
    wanted = (FROM_BANK,) if mode == "shadow" else (TO_BANK, FROM_BANK, DONE)
    try:
        files = files_of(part, folder, reads_only=True)
    except WRONG as error:
        return _wrong(name, account, error)
    try:
        for each in wanted:
            await files.list(each)
    except Lost as error:
        return red(name, account, f"{each} cannot be read: {error}", "a place of ours would do")
    finally:
        await files.close()
    if part.folder is None:
        return green(name, account, f"{', '.join(wanted)} are there; nothing was written there")
    locked = [each for each in wanted if not os.access(folder / part.folder / each, os.W_OK)]
    if mode != "shadow" and locked:
        return red(name, account, f"{locked[0]} cannot be written", "a folder of ours would do")
    return green(name, account, f"{', '.join(wanted)} are there")


def _balance(part: BankPart, now: int) -> Check:
    """What its books begin with. Of a day to come nobody knows it, and all that is booked until
    then would be taken for known."""
    name, found = "balance", f"{part.balance} {part.asset} as of {part.as_of.isoformat()}"
    if part.as_of_ns > now:
        return red(name, part.account, found, "that of a day that is over would do")
    return green(name, part.account, found)


# --- what stands there ----------------------------------------------------------------------------


async def _standing(way: RailWay, clock: Callable[[], int] = time.time_ns) -> Check:
    """Read as a start would: of two reads, or two nodes, that say the same."""
    name = "standing"
    try:
        told = await asyncio.wait_for(way.adopt(asker(way, clock)), STANDING_S_MAX)
    except NotAdopted as error:
        return red(name, way.account, str(error), ANSWERS)
    except TimeoutError:
        return red(name, way.account, f"not told in {STANDING_S_MAX:.0f} s", ANSWERS)
    held = ", ".join(_held(told, way.terms))
    return green(name, way.account, f"held: {held}" if held else "none held")


def _held(told: Iterable[Event], terms: Iterable[Event]) -> list[str]:
    decimals = {each.asset: each.decimals for each in terms if isinstance(each, AssetListed)}
    return [
        f"{money.show(each.amount, decimals[each.asset])} {each.asset}"
        for each in told
        if isinstance(each, BalanceOpened)
    ]


def _breaks(account: str, state: State | None) -> Check:
    """What the journal has open of it: live begins on books that agree."""
    name = "open breaks"
    if state is None:
        return red(name, account, "not tried: the journal is red", "a sound journal would do")
    if account not in state.accounts:
        return no_matter(name, account, "its books have not begun: they do with the node")
    found = [each for each in state.breaks if each.startswith(account + "/")]
    if found:
        return red(name, account, ", ".join(found), "each of them closed would do")
    return green(name, account, "none")


# --- tokens and gates -----------------------------------------------------------------------------


async def _token_nodes(path: Path, state: State | None) -> Check:
    """The tokens that it issues, and the two nodes that their register is kept by."""
    from tieout.tokens.deployment import BadDeployment, read_deployment
    from tieout.tokens.serving import check

    name = "token nodes"
    try:
        told = read_deployment(path)
        if state is not None:
            check(told, state)
        async with session(reads_only=True) as client:
            nodes = EvmNodes(dict(zip(SOURCES, told.told.chain.nodes, strict=True)), client)
            await fit(nodes, told.told.chain.chain_id)
    except (BadDeployment, *WRONG) as error:
        return _wrong(name, "", error)
    return green(name, "", f"both are of chain {told.told.chain.chain_id}")


async def _gate_server(url: str, mode: Mode) -> Check:
    """The server that leases go over, and that it has JetStream."""
    name = "gate server"
    if mode != "live":
        return no_matter(name, "", f"nothing is sent in {mode}")
    from tieout.gates.lease_stream import FAILED, reached
    from tieout.gates.nats_server import NoServer

    would_do = "a NATS server with JetStream would do"
    try:
        client = await reached(url)
    except NoServer as error:
        return red(name, "", str(error), would_do)
    try:
        await client.jetstream().account_info()
    except FAILED as error:
        return red(name, "", f"{url}: no JetStream: {type(error).__name__}", would_do)
    finally:
        await client.close()
    return green(name, "", f"{url} answers, with JetStream")


def _wrong(name: str, about: str, error: Exception) -> Check:
    """Errors of ours end with what would do; of the machine's the kind is enough."""
    if isinstance(error, OSError):
        text = f"{type(error).__name__}: {error.strerror}"
        return red(name, about, text, "what the file names, there and free, would do")
    found, _, would_do = str(error).rpartition("; ")
    return red(name, about, found or would_do, would_do if found else "another one would do")
