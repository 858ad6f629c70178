"""The simulated nodes of an EVM chain: the chain world as two nodes tell of it, in geth's words.

Node "a" and node "b" are the same chain. A node that lags answers as of some time ago; one that
lies invents a final block that never was, or (only ever one of the two, for two independent nodes
do not tell the same lie) calls final what is not, or failed what succeeded, or the reverse, or
leaves out what a contract told in a block; one that was split off follows another chain for a
while, in which nothing is of anybody, and calls that final. A block that was told of is answered by
its hash for ever, as the chain was when it came, by every node that has it by then. What moves on
our account is true, for the oracle, once its block is final. The chain's own faults strike here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import msgspec

from rails.dialect import Request
from sim.chain import Chain, Known, Mined, outbids
from sim.dice import Stream
from sim.execution import TRANSFER_TOPIC, Log, topic
from sim.faults import Fault, Faults
from sim.machine import Reverted
from sim.payments import Payment, Payments
from sim.truth import Truth
from sim.typed import BadTransaction, Transaction, read_transaction
from sim.wire import Wire

MS = 1_000_000
SECOND = 1_000_000_000
OF_A_TRANSACTION = ["eth_getTransactionByHash", "eth_getTransactionReceipt"]
OF_A_BLOCK = ["eth_getBlockByHash", "eth_getLogs"]
OF_A_WALLET = ["eth_getTransactionCount"] * 3
GET_BLOCK = "eth_getBlockByNumber"
TOTAL_SUPPLY = "0x18160ddd"
BALANCE_OF = "0x70a08231"
BLOOM = "0x" + "00" * 256
ZERO_HASH = "0x" + "00" * 32
NEVER = 1 << 62
OWN = -1  # the branch of a node that was split off
# An answer that is outlived was given so long before its block would have been final, at most.
EVE_NS = 8 * SECOND
GIVES_WAY_NS = 1 * SECOND


class RpcError(Exception):
    """What a node answers where it has no result."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


@dataclass(slots=True, frozen=True)
class Holder:
    """Our account as the world has it: addresses, assets ("" contract: the coin), decimals."""

    account: str
    addresses: tuple[str, ...]
    assets: Mapping[str, tuple[str, int]]

    def name(self, contract: str) -> str:
        return f"{self.account}/{self.assets[contract][0]}/cash"

    def whole(self, contract: str, units: int) -> Decimal:
        return Decimal(units).scaleb(-self.assets[contract][1])


@dataclass(slots=True, frozen=True)
class Split:
    """For so long a node follows another chain, which has other blocks after this number."""

    source: str
    since: int
    until: int
    after: int


@dataclass(slots=True, frozen=True)
class Born:
    """A block that some node told of: its number, since when it is there, and whether it is of a
    node's own chain, which goes its own way after that number."""

    number: int
    at: int
    own: int


@dataclass(slots=True, frozen=True)
class View:
    """The chain as of a time: what one node knows. Above `own` its blocks are its own."""

    chain: Chain
    now: int
    own: int = NEVER

    def head(self) -> int:
        return self.chain.head(self.now)

    def final(self) -> int:
        return self.chain.final(self.now)

    def number(self, tag: str) -> int:
        """The number that a tag or a quantity means."""
        match tag:
            case "latest" | "pending":
                return self.head()
            case "finalized":
                return self.final()
            case "safe":
                return self.final() + 32
            case "earliest":
                return 0
        return int(tag, 16)

    def state_number(self, tag: str) -> int:
        """The same where a state is read: of a block that this node has."""
        number = self.number(tag)
        if number > self.head():
            raise RpcError(-32000, "header not found")
        return min(number, self.own)

    def born(self, number: int) -> Born:
        """Since when the block is there that has this number for this node."""
        timeline = self.chain.timeline
        at, branch = timeline.schedule.time(number), timeline.branch(number, self.now)
        if number > self.own:
            return Born(number, at, self.own)
        return Born(number, max(at, timeline.forks[branch - 1].at) if branch else at, NEVER)

    def as_of(self, born: Born) -> "View | None":
        """This node's chain when that block came; None where the node does not have it."""
        has = born.number > self.own if born.own != NEVER else born.number <= self.own
        return View(self.chain, born.at, self.own) if has and born.at <= self.now else None

    def next_nonce(self, address: str, used: int) -> int:
        """The first nonce that neither a block nor, in order, the mempool has."""
        waiting = [transaction.nonce for transaction in self.chain.waiting(address)]
        while used in waiting:
            used += 1
        return used

    def hash(self, number: int) -> str:
        timeline = self.chain.timeline
        own = timeline.hash_on(number, OWN) if number > self.own else ""
        return "0x" + (own or timeline.hash(number, self.now))

    def place(self, known: Known) -> Mined | None:
        """Where it is mined, for this node."""
        mined = self.chain.place(known, self.now)
        return mined if mined is not None and mined.number <= self.own else None


@dataclass(slots=True, eq=False)
class SimulatedNodes:
    """Both nodes, our account on their chain, and what goes wrong there."""

    name: str
    chain: Chain
    holder: Holder
    faults: Faults
    truth: Truth
    payments: Payments
    dice: Stream
    wire: Wire | None = None
    scheme: str = "chain"
    lying_node: str = field(init=False)
    on_paid: Callable[[str, int], object] = field(default=lambda to, value: None)
    steal: Callable[[Transaction, int], bytes | None] = field(default=lambda tx, units: None)
    _sent: dict[str, str] = field(default_factory=dict)
    _told: dict[str, Born] = field(default_factory=dict)
    _split: Split | None = None
    _outlived: tuple[Mined, int] | None = None
    _asked: dict[str, None] = field(default_factory=dict)
    _invalid: dict[str, None] = field(default_factory=dict)
    _unfunded_until: int = 0

    def __post_init__(self) -> None:
        self.lying_node = self.dice.pick(("a", "b"))
        self.chain.on_block = self._mined
        self.chain.on_fork = self._forked
        self.chain.reverts = self._reverts

    def open(self, contract: str, amount: int) -> None:
        """What our account had when the world began, on the address that pays."""
        self.chain.fund(contract, self.holder.addresses[0], amount)
        deltas = {self.holder.name(contract): self.holder.whole(contract, amount)}
        self.truth.record(self.holder.account, "opening", ("opening", contract), deltas)

    # --- what is asked is answered ---------------------------------------------------------------

    def handle(self, asked: Request) -> tuple[int, bytes, bool]:
        """Answer a call or a batch of calls; and whether the node told the truth as of now."""
        source = asked.path.removeprefix("/")
        lag = self.faults.strikes("node_lags", self.name)
        now = self.chain.world.now
        now = max(self._birth(), now - lag.strength * MS) if lag else now
        split = self._split_off(source, now)
        view = View(self.chain, now, split.after if split is not None else NEVER)
        told = msgspec.json.decode(asked.body)
        calls = told if isinstance(told, list) else [told]
        asks_head = [call["params"][0] for call in calls if call["method"] == GET_BLOCK]
        about_head = asks_head in (["latest", "finalized"], ["latest"])
        lie = self._lie(source, view, asks_head) if about_head else None
        answers = [self._call(call, view, lie) for call in calls]
        twisted = self._twist(source, calls, answers)
        body = msgspec.json.encode(answers if isinstance(told, list) else answers[0])
        return 200, body, not twisted and lag is None and lie is None and split is None

    def _twist(
        self, source: str, calls: list[dict[str, Any]], answers: list[dict[str, Any]]
    ) -> bool:
        """The node that lies of more than its head calls failed what succeeded, or the reverse, or
        knows nothing of it; tells a block without its last log; or more or fewer nonces as used up
        for good than are."""
        methods = [call["method"] for call in calls]
        if source != self.lying_node:
            return False
        if methods == OF_A_BLOCK:
            return self._leave_out(calls, answers)
        if methods == OF_A_WALLET:
            return self._use_up(answers)
        if methods != OF_A_TRANSACTION:
            return False
        receipt = answers[1].get("result")
        if receipt is None or self.faults.strikes("node_lies", self.name) is None:
            return False
        if self.dice.chance(1, 2):
            answers[0]["result"] = answers[1]["result"] = None
            return True
        answers[1]["result"] = receipt | {"status": "0x0" if receipt["status"] == "0x1" else "0x1"}
        return True

    def _leave_out(self, calls: list[dict[str, Any]], answers: list[dict[str, Any]]) -> bool:
        logs = answers[1].get("result")
        if not logs or self.faults.strikes("node_lies", self.name) is None:
            return False
        answers[1]["result"] = logs[:-2]  # a movement's own log, and the one behind it
        self.chain.misquoted[calls[0]["params"][0]] = None
        return True

    def _use_up(self, answers: list[dict[str, Any]]) -> bool:
        if self.faults.strikes("node_lies", self.name) is None:
            return False
        used, by = int(answers[1]["result"], 16), self.dice.between(1, 3)
        fewer = used and self.dice.chance(1, 2)
        answers[1]["result"] = hex(max(0, used - by) if fewer else used + by)
        return True

    def _split_off(self, source: str, now: int) -> Split | None:
        split = self._split
        there = split is not None and split.source == source and split.since <= now < split.until
        return split if there else None

    def _birth(self) -> int:
        return self.chain.timeline.schedule.time(0)

    def _lie(self, source: str, view: View, tags: list[str]) -> tuple[str, int, str] | None:
        """Which tag is lied about, and the number and the hash that are told in its place."""
        if self.faults.strikes("node_lies", self.name) is None:
            return None
        invented = "0x" + self.dice.word().to_bytes(8).hex() * 4
        if tags == ["latest"]:
            return "latest", view.head() + self.dice.between(1, 500), invented
        if source == self.lying_node and self.dice.chance(1, 2):
            return "finalized", view.head(), view.hash(view.head())
        if self.dice.chance(1, 2):
            return "latest", view.head() + self.dice.between(1, 500), invented
        return "finalized", view.final(), invented

    def _call(
        self, call: dict[str, Any], view: View, lie: tuple[str, int, str] | None
    ) -> dict[str, Any]:
        params = call.get("params", [])
        try:
            result = self._result(call["method"], params, view, str(call["id"]))
            if lie is not None and params[:1] == [lie[0]]:
                result = result | {"number": hex(lie[1]), "hash": lie[2]}
            return {"jsonrpc": "2.0", "id": call["id"], "result": result}
        except RpcError as error:
            told = {"code": error.code, "message": error.message}
            return {"jsonrpc": "2.0", "id": call["id"], "error": told}

    def _result(self, method: str, params: list[Any], view: View, call_id: str) -> Any:
        match method:
            case "eth_getBlockByNumber":
                self._remember(view, view.number(params[0]))
                return block_json(view, view.number(params[0]), whole=params[1])
            case "eth_getBlockByHash":
                return self._block(params[0], view, whole=params[1])
            case "eth_getBlockReceipts":
                number = view.number(params[0])
                return [receipt_json(view, mined) for mined in block_of(view, number)]
            case "eth_getTransactionByHash":
                return self._transaction(params[0], view)
            case "eth_getTransactionReceipt":
                known = view.chain.known.get(params[0])
                mined = view.place(known) if known else None
                if mined is not None:
                    self._maybe_outlive(mined)
                return receipt_json(view, mined) if mined else None
            case "eth_getTransactionCount":
                number = view.state_number(params[1])
                used = view.chain.ledger.nonce(params[0], number, view.now)
                return hex(view.next_nonce(params[0], used) if params[1] == "pending" else used)
            case "eth_getBalance":
                number = view.state_number(params[1])
                return hex(view.chain.ledger.balance("", params[0], number, view.now))
            case "eth_call":
                return self._answer_of(params[0], params[1], view)
            case "eth_getLogs" if "blockHash" in params[0]:
                return self._logs_of(params[0], view)
            case "eth_getLogs":
                return logs_json(view, params[0])
            case "eth_sendRawTransaction":
                return self._take(params[0], call_id)
            case "eth_chainId":
                return hex(view.chain.chain_id)
            case "eth_blockNumber":
                return hex(view.head())
            case _:
                raise RpcError(-32601, f"the method {method} does not exist/is not available")

    def _transaction(self, tx_hash: str, view: View) -> Any:
        known = view.chain.known.get(tx_hash)
        if known is None:
            return None
        mined = view.place(known)
        elsewhere = view.chain.place(known, view.now)
        if elsewhere is None and not known.waits(view.now):
            return None
        return transaction_json(view, known.transaction, mined)

    # A block asked for by its hash: as it stood when it came, whatever became of it since.

    def _remember(self, view: View, number: int) -> None:
        """Whoever hears of a block hears its parent's hash as well."""
        for each in range(max(0, number - 1), min(number, view.head()) + 1):
            self._told.setdefault(view.hash(each), view.born(each))

    def _then(self, block_hash: str, view: View) -> tuple[View, int] | None:
        """The node's chain when that block came, and its number; None if it does not have it."""
        born = self._told.get(block_hash)
        then = view.as_of(born) if born is not None else None
        if born is None or then is None or then.hash(born.number) != block_hash:
            return None
        return then, born.number

    def _block(self, block_hash: str, view: View, *, whole: bool) -> Any:
        found = self._then(block_hash, view)
        if found is None:
            return None
        self._remember(*found)
        return block_json(*found, whole=whole)

    def _logs_of(self, where: dict[str, Any], view: View) -> list[dict[str, Any]]:
        found = self._then(where["blockHash"], view)
        if found is None:
            raise RpcError(-32000, "unknown block")
        then, number = found
        return [
            log_json(then, mined, place, log)
            for mined in block_of(then, number)
            for place, log in enumerate(mined.outcome.logs)
            if where.get("address") in (None, log.address)
        ]

    def _answer_of(self, call: dict[str, Any], where: Any, view: View) -> str:
        """What a contract says after a block: supply and balances as the ledger has them."""
        if isinstance(where, str):
            number = view.state_number(where)
        else:  # EIP-1898
            found = self._then(where["blockHash"], view)
            if found is None:
                raise RpcError(-32000, "header for hash not found")
            view, number = found[0], min(found[1], view.own)
        ledger, contract = view.chain.ledger, call["to"]
        if call["data"] == TOTAL_SUPPLY:
            told = ledger.total(contract, number, view.now)
        elif call["data"].startswith(BALANCE_OF):
            told = ledger.balance(contract, "0x" + call["data"][-40:], number, view.now)
        else:
            return self._executed(call, number, view)
        return f"0x{told:064x}"

    def _executed(self, call: dict[str, Any], number: int, view: View) -> str:
        """Any other question: only what stands can be executed, not what gave way since."""
        branch, now = self.chain.timeline.branch, self.chain.world.now
        if branch(number, view.now) != branch(number, now):
            raise RpcError(-32000, "missing trie node")
        try:
            told = self.chain.machine.call(call["to"], bytes.fromhex(call["data"][2:]), number)
        except Reverted as error:
            raise RpcError(3, "execution reverted") from error
        return "0x" + told.hex()

    def _take(self, raw: str, call_id: str) -> str:
        try:
            self._object(raw, call_id)
            transaction = self.chain.submit(bytes.fromhex(raw[2:]))
        except BadTransaction as error:
            if "replacement" in str(error):
                self._note_raise(raw, call_id)
            raise RpcError(-32000, str(error)) from error
        self._sent[transaction.hash] = call_id
        if self.faults.strikes("tx_dropped", self.name):
            self.chain.world.call_in(1 * SECOND, self.chain.drop, transaction.hash)
        surge = self.faults.strikes("tx_underpriced", self.name)
        if surge:
            self._surge(transaction, surge)
        stolen = self.faults.strikes("nonce_taken", self.name)
        if stolen:
            self.chain.world.call_in(1, self._take_nonce, transaction, max(1, stolen.strength))
        return transaction.hash

    def _take_nonce(self, ours: Transaction, units: int) -> None:
        """Somebody who has our key pays more for the same nonce."""
        raw = self.steal(ours, units)
        try:
            self.chain.submit(raw or b"")
        except BadTransaction:
            return  # ours was quicker

    def _note_raise(self, raw: str, call_id: str) -> None:
        """Whoever pays more than before, and not enough more, should have known.

        It is held against what we sent. A thief's may wait, and nobody tells us what that pays.
        """
        new = read_transaction(bytes.fromhex(raw[2:]), self.chain.chain_id)
        sent = [self.chain.known[tx_hash].transaction for tx_hash in self._sent]
        ours = [each for each in sent if (each.sender, each.nonce) == (new.sender, new.nonce)]
        if any(new.fee_max > old.fee_max and not outbids(new, old) for old in ours):
            self.payments.raised_too_little.append(call_id)

    def _maybe_outlive(self, mined: Mined) -> None:
        """An answer about a block that is all but final: it comes when the block is no more."""
        chain, now = self.chain, self.chain.world.now
        final_at = chain.finality.time_final(mined.number, now)
        if mined.number <= chain.final(now) or final_at - now > EVE_NS:
            return
        if self._outlived is None or self._outlived[0] is not mined:
            fault = self.faults.strikes("answer_outlived", self.name)
            if fault is None:
                return
            self._outlived = mined, final_at + fault.strength * MS
            chain.world.call_in(GIVES_WAY_NS, self._give_way, mined)
        if self.wire is not None:
            self.wire.hold(self._outlived[1] - now)

    def _give_way(self, mined: Mined) -> None:
        chain, now = self.chain, self.chain.world.now
        if chain.stands(mined, now) and chain.final(now) < mined.number:
            chain.reorganise(chain.head(now) - mined.number + 1)

    # --- what happens is told --------------------------------------------------------------------

    def _mined(self, number: int, mined: list[Mined]) -> None:
        for one in mined:
            if self._lines(one):
                at = self.chain.finality.time_final(one.number, self.chain.world.now)
                self.chain.world.call_at(at, self._maybe_final, one)
            self._hint(one, removed=False)
            if one.transaction.hash in self._sent:
                self._may_be_lost(one)

    def _may_be_lost(self, mined: Mined) -> None:
        """Once so many blocks are above it, its own gives way."""
        fault = self.faults.strikes("tx_reorged_out", self.name)
        if fault is not None:
            at = self.chain.timeline.schedule.time(mined.number + max(1, fault.strength))
            self.chain.world.call_at(at, self._lose, mined)

    def _lose(self, mined: Mined) -> None:
        chain, now = self.chain, self.chain.world.now
        if chain.stands(mined, now) and chain.final(now) < mined.number:
            depth = chain.head(now) - mined.number + 1
            chain.reorganise(depth, forget=mined.transaction.hash)

    def _forked(self, gone: list[Mined]) -> None:
        for one in gone:
            self._hint(one, removed=True)

    def _maybe_final(self, mined: Mined) -> None:
        """Its block is final now, or gave way, or finality takes longer than it should."""
        chain, now = self.chain, self.chain.world.now
        if not chain.stands(mined, now):
            return
        if chain.final(now) < mined.number:
            at = chain.finality.time_final(mined.number, now)
            chain.world.call_at(at, self._maybe_final, mined)
            return
        holder = self.holder
        for line_id, contract, units in self._lines(mined):
            deltas = {holder.name(contract): holder.whole(contract, units)}
            self.truth.record(holder.account, "cash", ("line", line_id), deltas, cause="line")
            self._beside(mined, line_id, contract, units)
        payment_id = self._sent.get(mined.transaction.hash)
        if payment_id is not None:
            self._pay(payment_id, mined)
        elif mined.transaction.sender in holder.addresses:
            self._over(mined.transaction)
        if mined.outcome.succeeded and mined.transaction.sender in holder.addresses:
            self.on_paid(mined.transaction.to, mined.transaction.value)

    def _beside(self, mined: Mined, line_id: str, contract: str, units: int) -> None:
        """A fee, what somebody else spent with our key, or what somebody sent to the address that
        pays, which is no customer's.

        What a contract sent within a transaction is in no record: it is a break, and no line.
        """
        account, asset = self.holder.account, self.holder.assets[contract][0]
        if line_id.endswith(":fee"):
            self.payments.beside(account, line_id, asset, units, "fee")
        elif units < 0 and mined.transaction.hash not in self._sent:
            self.payments.beside(account, line_id, asset, units, "nobody")
        elif units > 0 and not line_id.endswith(":internal"):
            logs = [log for log in mined.outcome.logs if is_transfer(log)]
            to = [mined.transaction.to, *(log.topics[2] for log in logs)]
            paying = self.holder.addresses[0]
            if paying in to or topic(paying) in to:
                self.payments.beside(account, line_id, asset, units, "nobody")

    def _lines(self, mined: Mined) -> list[tuple[str, str, int]]:
        """What this did to our account: id, contract ("" for the coin), units with their sign."""
        tx, ours = mined.transaction, self.holder.addresses
        lines: list[tuple[str, str, int]] = []
        if mined.outcome.succeeded and (tx.sender in ours) != (tx.to in ours) and tx.value:
            lines.append((f"{tx.hash}:value", "", tx.value if tx.to in ours else -tx.value))
        if tx.sender in ours:
            lines.append((f"{tx.hash}:fee", "", -mined.fee))
        if mined.internal is not None and mined.internal[1] in ours:
            lines.append((f"{tx.hash}:internal", "", mined.internal[2]))
        for place, log in enumerate(mined.outcome.logs, mined.first_log):
            if not is_transfer(log):
                continue
            gives, takes = (log.topics[i] in map(topic, ours) for i in (1, 2))
            if gives != takes and log.address in self.holder.assets:
                units = int.from_bytes(log.data)
                lines.append((f"{tx.hash}:{place}", log.address, units if takes else -units))
        return lines

    def _pay(self, payment_id: str, mined: Mined) -> None:
        lines = [line for line in self._lines(mined) if not line[0].endswith(":fee")]
        contract, units = lines[0][1:] if lines else ("", 0)
        asset = self.holder.assets[contract][0]
        now = self.chain.world.now
        payment = Payment(payment_id, self.holder.account, self.scheme, asset, abs(units))
        if mined.outcome.succeeded and not _is_to_ourselves(mined.transaction):
            payment = self.payments.applied(payment, now)
            payment.settled_at, payment.fee = now, mined.fee
        else:
            payment = self.payments.all.setdefault(payment_id, payment)
            payment.failed_at = now

    def _over(self, foreign: Transaction) -> None:
        """What we had sent under the nonce that it took is never mined."""
        for tx_hash, payment_id in self._sent.items():
            ours = self.chain.known[tx_hash].transaction
            if (ours.sender, ours.nonce) == (foreign.sender, foreign.nonce):
                payment = Payment(payment_id, self.holder.account, self.scheme, "", 0)
                payment = self.payments.all.setdefault(payment_id, payment)
                payment.failed_at = self.chain.world.now

    def _hint(self, mined: Mined, *, removed: bool) -> None:
        """Subscribers to our tokens' logs hear of them, and hear when they were taken back."""
        if self.wire is None:
            return
        ours = [topic(address) for address in self.holder.addresses]
        for place, log in enumerate(mined.outcome.logs):
            if is_transfer(log) and log.topics[2] in ours:
                result = log_json(View(self.chain, mined.at), mined, place, log)
                params = {"subscription": "0x1", "result": result | {"removed": removed}}
                told = {"jsonrpc": "2.0", "method": "eth_subscription", "params": params}
                self.wire.push(msgspec.json.encode(told))

    # --- what goes wrong by itself ---------------------------------------------------------------

    def strike(self, fault: Fault) -> None:
        """One of the chain's own faults happens now; it counts only where it took effect."""
        if self._happens(fault):
            self.faults.count(fault.kind)

    def _happens(self, fault: Fault) -> bool:
        chain, now = self.chain, self.chain.world.now
        waiting = chain.waiting(self.holder.addresses[0])
        match fault.kind:
            case "reorg":
                return chain.reorganise(max(1, fault.strength)) > 0
            case "finality_lost":
                chain.finality.lose(now, now + fault.strength * MS)
                return True
            case "nodes_split":
                return self._split_one(fault.strength)
            case "tx_dropped":
                return bool(waiting) and chain.drop(self.dice.pick(waiting).hash)
            case "tx_underpriced":
                return bool(waiting) and self._surge(waiting[0], fault)
            case "deposit":
                self._deposit(max(1, fault.strength))
                return True
            case "deposit_vanishes":
                return self._vanish(max(1, fault.strength))
            case "deposit_strange":
                self._strange(max(1, fault.strength))
                return True
            case _:
                return False

    def _split_one(self, for_ms: int) -> bool:
        """One of the two, unless one is split off already."""
        chain, now = self.chain, self.chain.world.now
        if self._split is not None and now < self._split.until:
            return False
        source = self.dice.pick(("a", "b"))
        self._split = Split(source, now, now + for_ms * MS, chain.final(now))
        return True

    def _object(self, raw: str, payment_id: str) -> None:
        """What a node will not take: a payment's bytes, ever; or any, while it sees no funds."""
        told = read_transaction(bytes.fromhex(raw[2:]), self.chain.chain_id)
        now, first = self.chain.world.now, payment_id not in self._asked
        self._asked[payment_id] = None
        short = self.faults.strikes("tx_unfunded", self.name) if first else None
        if short:
            self._unfunded_until = max(self._unfunded_until, now + short.strength * MS)
        if now < self._unfunded_until:
            raise RpcError(-32000, "insufficient funds for gas * price + value: balance 0")
        if first and self.faults.strikes("tx_invalid", self.name):
            self._invalid[payment_id] = None
        if payment_id in self._invalid and not _is_to_ourselves(told):
            raise RpcError(-32000, "exceeds block gas limit")

    def use(self, times: int) -> None:
        """The wallet sent so many transactions before the world began."""
        now = self.chain.world.now
        self.chain.ledger.set_nonce(self.holder.addresses[0], times, 0, now)

    def _surge(self, transaction: Transaction, fault: Fault) -> bool:
        """The crowd bids half as much again as what waits, for so long."""
        chain = self.chain
        number = chain.head(chain.world.now)
        blocks = max(1, fault.strength * MS // (12 * SECOND))
        chain.fees.surge(number, number + blocks, transaction.fee_max * 3 // 2)
        return True

    def _reverts(self, transaction: Transaction) -> bool:
        ours = transaction.sender in self.holder.addresses
        return ours and self.faults.strikes("tx_reverted", self.name) is not None

    def _deposit(self, units: int) -> Transaction:
        contract = self.dice.pick(list(self.holder.assets))
        return self.chain.deposit(contract, self._our_address(), units)

    def _our_address(self) -> str:
        return self.dice.pick(self.holder.addresses)

    def _vanish(self, units: int) -> bool:
        """A deposit is mined, and some blocks later it never was."""
        transaction = self._deposit(units)
        self.chain.world.call_in(self.dice.between(2, 20) * 12 * SECOND, self._undo, transaction)
        return False  # it counts when it is gone

    def _undo(self, transaction: Transaction) -> None:
        chain, now = self.chain, self.chain.world.now
        mined = chain.place(chain.known[transaction.hash], now)
        if mined is None:
            return
        depth = chain.head(now) - mined.number + 1
        if mined.number > chain.final(now) and chain.reorganise(depth, vanish=transaction.hash):
            self.faults.count("deposit_vanishes")

    def _strange(self, units: int) -> None:
        """Dust, a token that nobody asked for, or coin that no log and no transaction tells of."""
        address = self._our_address()
        match self.dice.below(3):
            case 0:
                self.chain.deposit("", address, 1)
            case 1:
                strangers = [t for t in self.chain.tokens if t not in self.holder.assets]
                self.chain.deposit(self.dice.pick(strangers or [""]), address, units)
            case _:
                self.chain.deposit_internal(address, units)


def is_transfer(log: Log) -> bool:
    """Whether it tells of a token's transfer: other contracts tell of other things."""
    return len(log.topics) == 3 and log.topics[0] == TRANSFER_TOPIC


def _is_to_ourselves(transaction: Transaction) -> bool:
    """It moves nothing: all it does is to use up its nonce."""
    nothing = not transaction.value and not transaction.data
    return nothing and transaction.to == transaction.sender


# --- geth's words --------------------------------------------------------------------------------


def block_of(view: View, number: int) -> list[Mined]:
    if number > view.own:
        return []
    return [mined for mined in view.chain.block(number, view.now) if mined.at <= view.now]


def block_json(view: View, number: int, *, whole: bool) -> dict[str, Any] | None:
    """A block with its transactions, or with their hashes; None if this node has none there."""
    if number > view.head():
        return None
    inside = block_of(view, number)
    transactions: list[Any] = [mined.transaction.hash for mined in inside]
    if whole:
        transactions = [transaction_json(view, mined.transaction, mined) for mined in inside]
    return {
        "baseFeePerGas": hex(view.chain.fees.base(number)),
        "difficulty": "0x0",
        "extraData": "0x",
        "gasLimit": "0x2255100",
        "gasUsed": hex(sum(mined.outcome.gas_used for mined in inside)),
        "hash": view.hash(number),
        "logsBloom": BLOOM,
        "miner": "0x4838b106fce9647bdf1e7877bf73ce8b0bad5f97",
        "mixHash": ZERO_HASH,
        "nonce": "0x0000000000000000",
        "number": hex(number),
        "parentHash": view.hash(number - 1) if number else ZERO_HASH,
        "receiptsRoot": ZERO_HASH,
        "sha3Uncles": "0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347",
        "size": "0x29c",
        "stateRoot": ZERO_HASH,
        "timestamp": hex(view.chain.timeline.schedule.time(number) // SECOND),
        "transactions": transactions,
        "transactionsRoot": ZERO_HASH,
        "uncles": [],
        "withdrawals": [],
    }


def transaction_json(view: View, transaction: Transaction, mined: Mined | None) -> dict[str, Any]:
    """A transaction, in its block or waiting."""
    parity, r, s = transaction.signature
    return {
        "blockHash": _hash_of(view, mined) if mined else None,
        "blockNumber": hex(mined.number) if mined else None,
        "from": transaction.sender,
        "gas": hex(transaction.gas),
        "gasPrice": hex(mined.price if mined else transaction.fee_max),
        "maxFeePerGas": hex(transaction.fee_max),
        "maxPriorityFeePerGas": hex(transaction.tip_max),
        "hash": transaction.hash,
        "input": "0x" + transaction.data.hex(),
        "nonce": hex(transaction.nonce),
        "to": transaction.to,
        "transactionIndex": hex(mined.index) if mined else None,
        "value": hex(transaction.value),
        "type": "0x2",
        "accessList": [],
        "chainId": hex(transaction.chain_id),
        "v": hex(parity),
        "r": hex(r),
        "s": hex(s),
        "yParity": hex(parity),
    }


def receipt_json(view: View, mined: Mined) -> dict[str, Any]:
    """What became of a mined transaction."""
    outcome = mined.outcome
    before = [m for m in block_of(view, mined.number) if m.index < mined.index]
    return {
        "blockHash": _hash_of(view, mined),
        "blockNumber": hex(mined.number),
        "contractAddress": None,
        "cumulativeGasUsed": hex(outcome.gas_used + sum(m.outcome.gas_used for m in before)),
        "effectiveGasPrice": hex(mined.price),
        "from": mined.transaction.sender,
        "gasUsed": hex(outcome.gas_used),
        "logs": [log_json(view, mined, place, log) for place, log in enumerate(outcome.logs)],
        "logsBloom": BLOOM,
        "status": "0x1" if outcome.succeeded else "0x0",
        "to": mined.transaction.to,
        "transactionHash": mined.transaction.hash,
        "transactionIndex": hex(mined.index),
        "type": "0x2",
    }


def logs_json(view: View, where: dict[str, Any]) -> list[dict[str, Any]]:
    """The logs of a range of blocks whose topics fit, as `eth_getLogs` has them."""
    first, last = (view.number(where[name]) for name in ("fromBlock", "toBlock"))
    if first > last:
        raise RpcError(-32000, "invalid block range params")
    fits = _filter(where["topics"])
    return [
        log_json(view, mined, place, log)
        for number in view.chain.filled(first, min(last, view.head()))
        for mined in block_of(view, number)
        for place, log in enumerate(mined.outcome.logs)
        if fits(log)
    ]


def _filter(topics: list[Any]) -> Callable[[Log], bool]:
    wanted = [[place] if isinstance(place, str) else place for place in topics]

    def fits(log: Log) -> bool:
        pairs = zip(wanted, log.topics, strict=False)
        return len(log.topics) >= len(wanted) and all(w is None or t in w for w, t in pairs)

    return fits


def log_json(view: View, mined: Mined, place: int, log: Log) -> dict[str, Any]:
    """One log; `place` counts in its transaction, `logIndex` in its block."""
    return {
        "address": log.address,
        "topics": list(log.topics),
        "data": "0x" + log.data.hex(),
        "blockNumber": hex(mined.number),
        "transactionHash": mined.transaction.hash,
        "transactionIndex": hex(mined.index),
        "blockHash": _hash_of(view, mined),
        "logIndex": hex(mined.first_log + place),
        "removed": False,
    }


def _hash_of(view: View, mined: Mined) -> str:
    return "0x" + view.chain.timeline.hash_on(mined.number, mined.branch)
