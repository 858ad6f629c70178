"""All around a node that issues tokens, live: vault, signers, nodes of the chain, callers, people.

It wires and decides nothing, as `tieout.issuing.simulated` does in a simulation. Whoever answers
enters by the node's one door.

Rule 1. What a deployment says is told at each start, and is the books' from then on.
Rule 2. A signer is asked in a thread of its own: it may wait for its node, its disk and its key.
What it did not answer is asked again after a restart, and is the same.
Rule 3. What only the issuer can carry out on chain (void, raise the epoch, pause) is said to people
with the very call to send: admin and pauser are keys that a server does not have.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

from core.effects import Effect, RaiseAlert
from core.events import AccountOpened, Event, NodeStarted, PageReported
from core.listening import LEDGER
from core.token_effects import (
    AskPause,
    BumpEpoch,
    JudgeAuthorization,
    SignAuthorization,
    TellCaller,
    VoidAuthorization,
)
from core.token_events import (
    AuthorizationDeclined,
    AuthorizationSigned,
    HolderStated,
    PolicyPublished,
    TokenPublished,
)
from core.token_state import Token
from rails.dialect import Request
from rails.evm.dialect import dialect
from rails.evm.nodes import Nodes
from rails.evm.pinned import pinned
from rails.evm.wallet import Wallet
from tieout.node.connector import Connector
from tieout.tokens.deployment import SOURCES, Deployment, TokenPart
from tieout.tokens.dialect import with_tokens
from tieout.tokens.messages import message
from tieout.tokens.process import ConnectorDoor, Process
from tieout.tokens.reading import Reading
from tieout.tokens.rpc_nodes import http_nodes
from tokens import calls
from tokens.http.app import ControlPlane
from tokens.http.host import NotTaken
from tokens.judging import Judge
from tokens.policy import tightens
from tokens.signers.verifying import Refused, VerifyingSigner

RAIL, ACCOUNT = "chain", "chain/tokens"
SECOND = 1_000_000_000
STATEMENT_NS = 600 * SECOND
STREAM_NS = 86_400 * SECOND  # there is no stream that could fall silent
RESTATE_S = 60.0


@dataclass(slots=True, frozen=True)
class Desk:
    """One who signs for a token, and what it reads for itself before it does."""

    signer: VerifyingSigner
    reading: Reading

    def answer(self, asked: SignAuthorization, now_s: int) -> Event:
        """What it signed, or why it would not. It may take its time."""
        self.reading.asked[asked.decision_hash] = asked
        try:
            (told,) = self.signer.sign([message(asked)], now_s)
        finally:
            self.reading.asked.pop(asked.decision_hash, None)
        if isinstance(told, Refused):
            return _declined(asked, told.reason)
        return AuthorizationSigned(
            received_at=0,
            token=asked.token,
            authorization_id=asked.authorization_id,
            signer=asked.signer,
            signature="0x" + told.signature.raw.hex(),
        )


def _declined(asked: SignAuthorization, reason: str) -> AuthorizationDeclined:
    return AuthorizationDeclined(
        received_at=0,
        token=asked.token,
        authorization_id=asked.authorization_id,
        signer=asked.signer,
        reason=reason,
    )


class TokenSite:
    """Those who answer a node. `desks` are signers by token and address; `say` tells people."""

    def __init__(
        self,
        deployment: Deployment,
        judge: Judge,
        desks: Mapping[tuple[str, str], Desk],
        say: Callable[[str], None],
        clock: Callable[[], int] = time.time_ns,
        nodes: Nodes | None = None,
    ) -> None:
        """By plain HTTP, unless other ways to the nodes of the chain are given."""
        self.deployment, self.judge, self.desks = deployment, judge, desks
        self._say, self._clock = say, clock
        self._parts = {each.token: each for each in deployment.told.tokens}
        self.contracts = {name: each.contract.lower() for name, each in self._parts.items()}
        first, *others = self.contracts.values()
        chain_id = deployment.told.chain.chain_id
        # Nothing of the coin is ever a contract's: an account of these addresses is quiet.
        wallet = Wallet(ACCOUNT, first, chain_id, deposits=tuple(others))
        told = with_tokens(dialect(RAIL, {ACCOUNT: wallet}), self.contracts)
        self.dialect = pinned(told, chain_id)
        urls = dict(zip(SOURCES, deployment.told.chain.nodes, strict=True))
        self.nodes = nodes if nodes is not None else http_nodes(urls)
        self._signing: set[asyncio.Task[None]] = set()

    def live_in(self, process: Process, plane: ControlPlane) -> None:
        """From now on its answers enter there, and callers are told there."""
        self._process, self._plane = process, plane
        self._connector: Connector[Request] = Connector(
            ACCOUNT,
            self.dialect.request,
            self.nodes,
            ConnectorDoor(process),
            self._clock,
            self.dialect.headers,
        )

    # --- what stands is told ----------------------------------------------------------------------

    def open(self, epoch: int, records_lost: int = 0) -> None:
        """A node came up: all that the deployment says, whatever changed while it was down."""
        name = self.deployment.told.node
        self._process.deliver(
            NodeStarted(received_at=0, node=name, epoch=epoch, records_lost=records_lost)
        )
        self.tell_terms()

    def tell_terms(self) -> None:
        """The node lives, and nothing that it asked for is done yet."""
        chain, deliver = self.deployment.told.chain, self._process.deliver
        is_new = ACCOUNT not in self._process.node.state.accounts
        for name, policy in self.deployment.policies.items():
            self.judge.policies[name] = policy  # what is asked again at the start is judged by it
        deliver(
            AccountOpened(
                received_at=0,
                account=ACCOUNT,
                tells="lines",
                statements=("balances",),
                statement_period_ns=STATEMENT_NS,
                backfill_period_ns=chain.poll_s * SECOND,
                settle_ns=chain.poll_s * SECOND,
                silence_ns_max=STREAM_NS,
                ledger=True,
                chain="evm",
                sources=SOURCES,
            )
        )
        if is_new:
            deliver(self._first_page())
        for part in self._parts.values():
            deliver(self._published(part))
            deliver(self._policy(part.token))
        self.restate(self.judge.people)

    def _first_page(self) -> PageReported:
        """Before the first register begins there is nothing to be read."""
        first = min(each.first_block.number for each in self._parts.values())
        return PageReported(
            received_at=0,
            account=ACCOUNT,
            subject=LEDGER,
            through=str(first),
            more=False,
            asked_at=0,
        )

    def _published(self, part: TokenPart) -> TokenPublished:
        return TokenPublished(
            received_at=0,
            token=part.token,
            account=ACCOUNT,
            contract=part.contract.lower(),
            signers=tuple(sorted(each.address.lower() for each in part.signers)),
            threshold=part.threshold,
            admin=part.admin.address.lower(),
            block_number=part.first_block.number,
            block_hash=part.first_block.hash,
            timestamp=part.first_block.timestamp,
            poll_ns=self.deployment.told.chain.poll_s * SECOND,
        )

    def _policy(self, name: str) -> PolicyPublished:
        """It tightens, unless it can be shown not to beside the one that the books go by."""
        policy, known = self.deployment.policies[name], self._books(name).policy
        before = self.deployment.policies_before.get(name)
        shown = before is not None and before.content_hash() == known.content_hash
        narrower = bool(tightens(before, policy)) if before is not None and shown else True
        return self.judge.publish(policy, 0, tightens=narrower and known.version > 0)

    def restate(self, addresses: Iterable[str]) -> None:
        """What limits count holders as, where that is not what the books have."""
        for name in self._parts:
            for address in addresses:
                told = self.judge.state(name, address, self._clock())
                if not self._is_known(told):
                    self._process.deliver(told)

    def _is_known(self, told: HolderStated) -> bool:
        token, address = self._books(told.token), told.address
        book = token.reserved
        known = (token.stated.get(address), book.groups.get(address), book.locked.get(address, 0))
        return known == (told.commitment, told.group, told.locked)

    def _books(self, name: str) -> Token:
        return self._process.node.state.tokens[name]

    async def keep_stating(self) -> None:
        """Lock-ups end, and with them what is counted as locked; until cancelled."""
        people = self.deployment.people.people
        bound = [a.lower() for each in people if each.lock_ups for a in each.addresses]
        while True:
            await asyncio.sleep(RESTATE_S)
            self.restate(bound)

    # --- those who answer -------------------------------------------------------------------------

    def perform(self, effect: Effect) -> None:
        """Do what the effect asks, or have people do it."""
        match effect:
            case TellCaller():
                self._plane.told(effect)
            case JudgeAuthorization():
                self._process.deliver(self.judge.judge(effect, 0))
            case SignAuthorization():
                task = asyncio.get_running_loop().create_task(self._sign(effect))
                self._signing.add(task)
                task.add_done_callback(self._signing.discard)
            case RaiseAlert():
                self._say(f"{effect.severity}: {effect.subject}: {effect.text}")
            case VoidAuthorization() | BumpEpoch() | AskPause():
                self._say(" ".join(self._errand(effect)))
            case _:
                self._connector.perform(effect)

    async def _sign(self, asked: SignAuthorization) -> None:
        desk = self.desks.get((asked.token, asked.signer))
        if desk is None:
            told: Event = _declined(asked, "there is no key of this signer here")
        else:
            told = await asyncio.to_thread(desk.answer, asked, self._clock() // SECOND)
        with suppress(NotTaken):
            self._process.deliver(told)

    def _errand(self, effect: VoidAuthorization | BumpEpoch | AskPause) -> Iterator[str]:
        """What people have to do, why, and the call that does it."""
        match effect:
            case VoidAuthorization():
                what, who = f"to void {effect.authorization_id}", "its admin"
                data = calls.revoke(effect.holder, effect.nonce)
            case BumpEpoch():
                what, who = f"to raise the epoch to {effect.epoch}", "its admin"
                data = calls.raise_epoch()
            case AskPause():
                what, who, data = f"to pause ({effect.reason})", "its pauser", calls.pause()
        yield f"critical: {effect.token}: {what}, {who} sends this call"
        yield f"to {self.contracts[effect.token]}: 0x{data.hex()}"

    async def stop(self) -> None:
        """Nobody waits for chain or signers any more; what they did is asked for again."""
        await self.nodes.stop()
        for task in list(self._signing):
            task.cancel()
        await asyncio.gather(*self._signing, return_exceptions=True)
