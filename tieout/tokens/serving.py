"""The control plane as a process: a deployment is opened, and served until it is ended.

Rule 1. All that a deployment names is opened before anything is answered; what cannot be is a
`BadDeployment` that names the field, and nothing was journaled yet.
Rule 2. What was answered is durable: killed at any moment and started again, it goes on from there.
"""

import asyncio
import secrets
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path

from core.gate import BreakGate
from core.journal import Journal
from core.node import Node, boot_epoch, recover
from core.state import State
from core.token_effects import JudgeAuthorization
from core.token_events import AuthorizationJudged
from tieout.journals.sqlite_store import SqliteStore
from tieout.tokens.deployment import Deployment, Signer
from tieout.tokens.process import TokenProcess
from tieout.tokens.reading import Reading
from tieout.tokens.site import RAIL, Desk, TokenSite
from tokens import vault_files
from tokens.http.app import ControlPlane
from tokens.http.host import NotTaken
from tokens.http.serving import serve
from tokens.judging import Judge
from tokens.signers import memory
from tokens.signers.backend import NotSigned
from tokens.signers.keystore import KeystoreBackend, opened
from tokens.signers.live import Http, LiveNode
from tokens.signers.memory import FileMemory, NoMemory
from tokens.signers.verifying import ADMIN, AUTHORIZER, Terms, VerifyingSigner
from tokens.typed import Domain
from tokens.vault_files import NoVault

SNAPSHOT_EVERY = 10_000
INIT_WOULD_DO = "`tieout tokens init DEPLOYMENT` makes what is not there yet"


# --- what must be there before --------------------------------------------------------------------


def make_missing(deployment: Deployment) -> list[Path]:
    """The vault and the signers' memories, where there are none; what it made."""
    made = []
    folder = deployment.file(deployment.told.vault)
    if not folder.exists():
        vault_files.create(folder, secrets.token_bytes)
        made.append(folder)
    for _, signer in deployment.signers():
        path = deployment.file(signer.memory)
        with suppress(FileExistsError):
            memory.create(path)
            made.append(path)
    return made


def open_judge(deployment: Deployment) -> Judge:
    """The judge over the vault, which has what the file of people says now."""
    folder = deployment.file(deployment.told.vault)
    try:
        vault, secret = vault_files.load(folder, secrets.token_bytes)
    except NoVault as error:
        raise deployment.wrong("vault", f"{error}; {INIT_WOULD_DO}") from error
    for person in deployment.people.people:
        known = vault.newest(person.person)
        if known is None or known[0] != person.facts():
            vault.put(person.facts())
    vault_files.save(folder, vault)
    return Judge(vault, secret, people=deployment.people.owners())


@contextmanager
def desks(deployment: Deployment, judge: Judge) -> Iterator[dict[tuple[str, str], Desk]]:
    """Everybody who signs, with key and memory open, by token and address."""
    found: dict[tuple[str, str], Desk] = {}
    memories: list[FileMemory] = []
    chain_id = deployment.told.chain.chain_id
    try:
        for field, told in deployment.signers():
            part = deployment.told.tokens[int(field.split(".")[1])]
            domain = Domain(part.name or part.token, "1", chain_id, part.contract.lower())
            signs = ADMIN if told is part.admin else AUTHORIZER
            backend, kept = _key(deployment, field, told), _memory(deployment, field, told)
            memories.append(kept)
            reading = Reading(partial(_judged_now, judge))
            node = _node(deployment, field, told)
            signer = VerifyingSigner(Terms(domain, signs), backend, node, reading, kept)
            found[part.token, signer.address] = Desk(signer, reading)
        yield found
    finally:
        for each in memories:
            each.close()


def _judged_now(judge: Judge, asked: JudgeAuthorization) -> AuthorizationJudged:
    return judge.judge(asked, time.time_ns())


def _node(deployment: Deployment, field: str, told: Signer) -> LiveNode:
    try:
        return LiveNode(Http(told.node))
    except ValueError as error:
        raise deployment.wrong(f"{field}.node", str(error)) from error


def _key(deployment: Deployment, field: str, told: Signer) -> KeystoreBackend:
    password = deployment.file(told.password_file)
    try:
        return opened(
            deployment.file(told.keystore), password.read_text().rstrip("\r\n"), told.address
        )
    except NotSigned as error:
        raise deployment.wrong(f"{field}.keystore", str(error)) from error
    except (OSError, UnicodeDecodeError) as error:
        said = f"{password}: {error}; a file with the keystore's password would do"
        raise deployment.wrong(f"{field}.password_file", said) from error


def _memory(deployment: Deployment, field: str, told: Signer) -> FileMemory:
    try:
        return FileMemory(deployment.file(told.memory))
    except NoMemory as error:
        raise deployment.wrong(f"{field}.memory", f"{error}; {INIT_WOULD_DO}") from error


def check(deployment: Deployment, state: State) -> None:
    """The journal is of the same tokens; raises `BadDeployment`."""
    parts = {each.token: (at, each) for at, each in enumerate(deployment.told.tokens)}
    for name, known in state.tokens.items():
        if name not in parts:
            said = f"found no {name}, which the journal has; its part of the file would do"
            raise deployment.wrong("tokens", said)
        at, part = parts[name]
        if part.contract.lower() != known.contract:
            said = f"found {part.contract}, and the journal has {known.contract}; that would do"
            raise deployment.wrong(f"tokens.{at}.contract", said)
        policy = deployment.policies[name]
        is_same = policy.content_hash() == known.policy.content_hash
        if not is_same and policy.version <= known.policy.version:
            said = f"found version {policy.version}, and another is {known.policy.version} already"
            would_do = f"version {known.policy.version + 1} would do"
            raise deployment.wrong(f"tokens.{at}.policy", f"{said}; {would_do}")


# --- served ---------------------------------------------------------------------------------------


def listen(deployment: Deployment) -> socket.socket:
    """A socket at the address that the file names; raises `BadDeployment`."""
    host, _, port = deployment.told.listen.rpartition(":")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host.strip("[]"), int(port)), family=family)
    except OSError as error:
        said = f"found {deployment.told.listen}: {error.strerror}; a port that is free would do"
        raise deployment.wrong("listen", said) from error


def run(deployment: Deployment, path: Path, say: Callable[[str], None]) -> None:
    """Serve until SIGTERM; raises `BadDeployment`, or the journal's own errors."""
    judge = open_judge(deployment)
    with desks(deployment, judge) as signers, closing(SqliteStore(path)) as store:
        journal = Journal(store)
        state = recover(journal, BreakGate())
        check(deployment, state)
        with listen(deployment) as listening:
            site = TokenSite(deployment, judge, signers, say)
            readers = {RAIL: site.dialect.decode}
            node = Node(journal, readers, BreakGate(), state, snapshot_every=SNAPSHOT_EVERY)
            asyncio.run(_served(site, node, listening, say))


async def _served(
    site: TokenSite, node: Node, listening: socket.socket, say: Callable[[str], None]
) -> None:
    process = TokenProcess(node, site.perform)
    plane = ControlPlane(process, site.deployment.callers)
    site.live_in(process, plane)
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    loop = asyncio.create_task(process.run())
    try:
        store = node.journal.store
        site.open(boot_epoch(node.state, store), store.records_lost)
        await process.state()
        host, port = listening.getsockname()[:2]
        say(f"serving {', '.join(site.contracts)} on http://{host}:{port}")
        await _until_one_ends(
            loop,
            asyncio.create_task(serve(plane, listening)),
            asyncio.create_task(site.keep_stating()),
            asyncio.create_task(ended.wait()),
        )
    finally:
        await site.stop()
        await _end(loop)


async def _until_one_ends(loop: asyncio.Task[None], *others: asyncio.Task[object]) -> None:
    """Those who wait for an answer get it while the loop still runs."""
    done, _ = await asyncio.wait([loop, *others], return_when=asyncio.FIRST_COMPLETED)
    for each in others:
        await _end(each)
    for each in done:
        each.result()


async def _end(task: asyncio.Task[object]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError, NotTaken):
        await task
