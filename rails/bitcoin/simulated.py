"""The simulated nodes of Bitcoin: the chain world as two nodes and their wallets tell of it.

Node "a" and node "b" are the same chain, in Bitcoin Core's words. A node that lags answers as of
some time ago; one that lies invents a block, or (only ever one of the two) calls final what is not.
What moves on our account is true, for the oracle, once its block is final. The chain's own faults
strike here.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import msgspec

from rails.dialect import Request
from sim.bitcoin import Bitcoin, Known, Mined
from sim.dice import Stream
from sim.faults import Fault, Faults
from sim.payments import Payment, Payments
from sim.segwit import BadSpend
from sim.truth import Truth
from sim.world import World

MS = 1_000_000
SECOND = 1_000_000_000
COIN = 100_000_000
DUST = 294


class RpcError(Exception):
    """What a node answers where it has no result."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


@dataclass(slots=True, frozen=True)
class Holder:
    """Our account as the world has it: the script of each address; the first one pays."""

    account: str
    scripts: dict[str, bytes]
    coin: str = "BTC"

    @property
    def holding(self) -> str:
        return f"{self.account}/{self.coin}/cash"


@dataclass(slots=True, frozen=True)
class Lie:
    """What a node tells instead: of the tip or of the final block."""

    about: str
    number: int
    hash: str


@dataclass(slots=True, eq=False)
class SimulatedNodes:
    """Both nodes, our wallet on them, and what goes wrong there."""

    name: str
    chain: Bitcoin
    holder: Holder
    faults: Faults
    truth: Truth
    payments: Payments
    dice: Stream
    scheme: str = "bitcoin"
    lying_node: str = field(init=False)
    _sent: dict[str, str] = field(default_factory=dict)
    _ours: dict[str, Known] = field(default_factory=dict)
    _looked: int = 0

    def __post_init__(self) -> None:
        self.lying_node = self.dice.pick(("a", "b"))
        self.chain.on_block = self._mined

    @property
    def world(self) -> World:
        return self.chain.world

    def open(self, *values: int) -> list[str]:
        """What our account had when the world began: its outpoints, as "txid:vout:value"."""
        script = next(iter(self.holder.scripts.values()))
        points = [(self.chain.fund(script, value), value) for value in values]
        deltas = {self.holder.holding: whole(sum(values))}
        self.truth.record(self.holder.account, "opening", ("opening", self.holder.coin), deltas)
        return [f"{txid}:{vout}:{value}" for (txid, vout), value in points]

    # --- what is asked is answered ---------------------------------------------------------------

    def handle(self, asked: Request) -> tuple[int, bytes, bool]:
        """Answer a batch of calls; and whether the node told the truth as of now."""
        lag = self.faults.strikes("node_lags", self.name)
        now = self.world.now
        if lag:
            now = max(self.chain.timeline.schedule.time(0), now - lag.strength * MS)
        calls = msgspec.json.decode(asked.body)
        methods = [call["method"] for call in calls]
        head = methods == ["getblockchaininfo", "listsinceblock", "getblockchaininfo"]
        asks_head = head and len(calls[1]["params"]) == 6
        lie = self._lie(asked.path.removeprefix("/"), now) if asks_head else None
        body = msgspec.json.encode([self._call(call, now, lie) for call in calls])
        return 200, body, lag is None and lie is None

    def _lie(self, source: str, now: int) -> Lie | None:
        if self.faults.strikes("node_lies", self.name) is None:
            return None
        head, invented = self.chain.head(now), self.dice.word().to_bytes(8).hex() * 4
        if source == self.lying_node and self.dice.chance(1, 2):
            return Lie("final", head, self.chain.timeline.hash(head, now))
        if self.dice.chance(1, 2):
            return Lie("tip", head + self.dice.between(1, 20), invented)
        return Lie("final", head, invented)

    def _call(self, call: dict[str, Any], now: int, lie: Lie | None) -> dict[str, Any]:
        told: dict[str, Any] = {"jsonrpc": "2.0"}
        try:
            told["result"] = self._result(call["method"], call["params"], now, str(call["id"]))
            if lie is not None and call["method"] == "listsinceblock":
                # A chain that there is not has other blocks below its tip, too.
                told["result"]["lastblock"] = lie.hash if lie.about == "final" else lie.hash[::-1]
            if lie is not None and lie.about == "tip" and call["method"] == "getblockchaininfo":
                told["result"] |= {"blocks": lie.number, "bestblockhash": lie.hash}
        except RpcError as error:
            told["error"] = {"code": error.code, "message": error.message}
        return told | {"id": call["id"]}

    def _result(self, method: str, params: list[Any], now: int, call_id: str) -> Any:
        match method:
            case "getblockchaininfo":
                return self._info(now)
            case "getblockhash":
                if not 0 <= params[0] <= self.chain.head(now):
                    raise RpcError(-8, "Block height out of range")
                return self.chain.timeline.hash(params[0], now)
            case "getmempoolentry":
                return self._entry(params[0], now)
            case "gettransaction":
                return self._wallet_transaction(params[0], now)
            case "listsinceblock":
                return self._since(params, now)
            case "scantxoutset":
                return self._scan(params[1], now)
            case "sendrawtransaction":
                return self._take(params[0], call_id)
            case _:
                raise RpcError(-32601, "Method not found")

    def _info(self, now: int) -> dict[str, Any]:
        timeline, head = self.chain.timeline, self.chain.head(now)
        newest = range(max(0, head - 10), head + 1)
        times = sorted(timeline.schedule.time(number) // SECOND for number in newest)
        return {
            "chain": "main",
            "blocks": head,
            "headers": head,
            "bestblockhash": timeline.hash(head, now),
            "bits": "17024d47",
            "difficulty": 1,
            "time": times[-1],
            "mediantime": times[len(times) // 2],
            "verificationprogress": 1,
            "initialblockdownload": False,
            "chainwork": "00" * 32,
            "size_on_disk": 0,
            "pruned": False,
            "warnings": [],
        }

    def _entry(self, txid: str, now: int) -> dict[str, Any]:
        known = self.chain.known.get(txid)
        if known is None or not known.waits(now) or self.chain.place(known, now):
            raise RpcError(-5, "Transaction not in mempool")
        spent = [txid for txid, _ in known.spend.inputs]
        return {
            "vsize": known.spend.vsize,
            "weight": 4 * known.spend.vsize,
            "time": known.waited[-1][0] // SECOND,
            "height": self.chain.head(now),
            "fees": {"base": coins(known.fee), "modified": coins(known.fee)},
            "depends": [t for t in spent if self.chain.known[t].waits(now)],
            "bip125-replaceable": True,
            "unbroadcast": False,
        }

    # --- the wallet of a node --------------------------------------------------------------------

    def _wallet(self) -> list[Known]:
        """Every transaction that names an address of ours or spends what was ours."""
        everything = list(self.chain.known.values())
        for known in everything[self._looked :]:
            pays = any(script in self._scripts() for _, script in known.spend.outputs)
            if pays or self._spends_ours(known):
                self._ours[known.spend.txid] = known
        self._looked = len(everything)
        return list(self._ours.values())

    def _scripts(self) -> dict[bytes, str]:
        return {script: address for address, script in self.holder.scripts.items()}

    def _spends_ours(self, known: Known) -> bool:
        return any(self._was_ours(outpoint) for outpoint in known.spend.inputs)

    def _was_ours(self, outpoint: tuple[str, int]) -> bool:
        parent = self.chain.known[outpoint[0]]
        return parent.spend.outputs[outpoint[1]][1] in self.holder.scripts.values()

    def _since(self, params: list[Any], now: int) -> dict[str, Any]:
        chain, timeline = self.chain, self.chain.timeline
        block_hash, depth = params[0], params[1]
        head, after = chain.head(now), -1
        if block_hash:
            numbers = range(head, -1, -1)
            after = next((n for n in numbers if timeline.hash(n, now) == block_hash), -1)
            if after < 0:
                raise RpcError(-5, "Block not found")
        labelled = len(params) == 6  # and none of our addresses has a label
        places = [] if labelled else [(k, chain.place(k, now)) for k in self._wallet()]
        newer = [k for k, place in places if place is None or place.number > after]
        return {
            "transactions": [entry for known in newer for entry in self._entries(known, now)],
            "removed": [],
            "lastblock": timeline.hash(max(0, head - depth + 1), now),
        }

    def _entries(self, known: Known, now: int) -> Iterator[dict[str, Any]]:
        """A transaction as a wallet lists it: what we gave and what we took, change aside."""
        mined = self.chain.place(known, now)
        if mined is None and not self._seen(known, now):
            return
        common = self._common(known, mined, now)
        gives, scripts = self._spends_ours(known), self._scripts()
        change = self._change(known)
        for vout, (value, script) in enumerate(known.spend.outputs):
            address = scripts.get(script, f"script:{script.hex()}")
            line = {"address": address, "vout": vout, **common}
            if gives and vout != change:
                fee = {"fee": coins(-known.fee), "abandoned": False}
                yield {**line, **fee, "category": "send", "amount": coins(-value)}
            if script in scripts and vout != change:
                yield {**line, "category": "receive", "amount": coins(value)}

    def _seen(self, known: Known, now: int) -> bool:
        return any(since <= now for since, _ in known.waited) or not known.spend.inputs

    def _change(self, known: Known) -> int:
        """Which output is our change: the second, if it pays the address that paid; -1 if none."""
        first = next(iter(self.holder.scripts.values()))
        outputs = known.spend.outputs
        is_change = self._spends_ours(known) and len(outputs) == 2 and outputs[1][1] == first
        return 1 if is_change else -1

    def _common(self, known: Known, mined: Mined | None, now: int) -> dict[str, Any]:
        told: dict[str, Any] = {
            "txid": known.spend.txid,
            "wtxid": known.spend.txid,
            "confirmations": self._confirmations(known, mined, now),
            "walletconflicts": [],
            "time": (known.waited[0][0] if known.waited else 0) // SECOND,
            "timereceived": (known.waited[0][0] if known.waited else 0) // SECOND,
            "bip125-replaceable": "no" if mined else "yes",
        }
        if mined is not None:
            timeline = self.chain.timeline
            told |= {
                "blockhash": timeline.hash_on(mined.number, mined.branch),
                "blockheight": mined.number,
                "blockindex": mined.index,
                "blocktime": timeline.schedule.time(mined.number) // SECOND,
            }
        return told

    def _confirmations(self, known: Known, mined: Mined | None, now: int) -> int:
        """How deep it is; below nothing, how deep is what spent the same outpoint."""
        head = self.chain.head(now)
        if mined is not None:
            return head - mined.number + 1
        for outpoint in known.spend.inputs:
            other = self.chain.spender(outpoint, now)
            place = self.chain.place(other, now) if other else None
            if place is not None:
                return place.number - head - 1
        return 0

    def _wallet_transaction(self, txid: str, now: int) -> dict[str, Any]:
        known = {k.spend.txid: k for k in self._wallet()}.get(txid)
        if known is None or not self._seen(known, now):
            raise RpcError(-5, "Invalid or non-wallet transaction id")
        entries = list(self._entries(known, now))
        fee = {"fee": coins(-known.fee)} if self._spends_ours(known) else {}
        names = ("address", "vout", "category", "amount", "fee")
        details = [{name: entry[name] for name in names if name in entry} for entry in entries]
        moved = sum(Decimal(bytes(entry["amount"]).decode()) for entry in entries)
        common = self._common(known, self.chain.place(known, now), now)
        raw = {"details": details, "hex": known.spend.raw.hex()}
        return {"amount": coins(int(moved * COIN)), **fee, **common, **raw}

    def _scan(self, scanned: list[dict[str, str]], now: int) -> dict[str, Any]:
        head = self.chain.head(now)
        unspents = []
        for line in scanned:
            script = self.holder.scripts[line["desc"].removeprefix("addr(").removesuffix(")")]
            for (txid, vout), value in self.chain.unspent(script, head, now):
                unspents.append({"txid": txid, "vout": vout, "amount": coins(value)})
        return {
            "success": True,
            "txouts": len(self.chain.known),
            "height": head,
            "bestblock": self.chain.timeline.hash(head, now),
            "unspents": unspents,
        }

    def _take(self, raw: str, call_id: str) -> str:
        try:
            known = self.chain.submit(bytes.fromhex(raw))
        except BadSpend as error:
            if "not enough additional fees" in str(error):
                self.payments.raised_too_little.append(call_id)
            raise RpcError(error.code, str(error)) from error
        self._sent[known.spend.txid] = call_id
        if self.faults.strikes("tx_dropped", self.name):
            self.world.call_in(SECOND, self.chain.drop, known.spend.txid)
        surge = self.faults.strikes("tx_underpriced", self.name)
        if surge:
            self._surge(known, surge)
        return known.spend.txid

    # --- what happens ----------------------------------------------------------------------------

    def _mined(self, mined: list[Known]) -> None:
        for known in mined:
            place = known.mined[-1]
            if self._moved(known):
                at = self.chain.finality.time_final(place.number, self.world.now)
                self.world.call_at(at, self._maybe_final, known, place)
            if known.spend.txid in self._sent:
                self._may_be_lost(known, place)

    def _may_be_lost(self, known: Known, place: Mined) -> None:
        """Once so many blocks are above it, or all but the one that makes it final, its own gives
        way."""
        fault = self.faults.strikes("tx_reorged_out", self.name)
        if fault is not None:
            above = max(1, min(fault.strength, self.chain.finality.confirmations - 2))
            at = self.chain.timeline.schedule.time(place.number + above)
            self.world.call_at(at, self._lose, known, place)

    def _lose(self, known: Known, place: Mined) -> None:
        chain, now = self.chain, self.world.now
        if chain.place(known, now) is place and place.number > chain.final(now):
            chain.reorganise(chain.head(now) - place.number + 1, forget=known.spend.txid)

    def _maybe_final(self, known: Known, place: Mined) -> None:
        """Its block is final now, or gave way."""
        if self.chain.place(known, self.world.now) is not place:
            return
        holder = self.holder
        for line_id, units in self._moved(known):
            deltas = {holder.holding: whole(units)}
            self.truth.record(holder.account, "cash", ("line", line_id), deltas, cause="line")
            self._beside(known, line_id, units)
        payment_id = self._sent.get(known.spend.txid)
        if payment_id is not None:
            amount = known.spend.outputs[0][0]
            payment = Payment(payment_id, holder.account, self.scheme, holder.coin, amount)
            payment = self.payments.applied(payment, self.world.now)
            payment.settled_at, payment.fee = self.world.now, known.fee

    def _beside(self, known: Known, line_id: str, units: int) -> None:
        """A fee, or what somebody sent to the address that pays, which is no customer's."""
        account, coin, place = self.holder.account, self.holder.coin, line_id.rpartition(":")[2]
        if place == "fee":
            self.payments.beside(account, line_id, coin, units, "fee")
        elif units > 0 and known.spend.outputs[int(place)][1] == self._paying():
            self.payments.beside(account, line_id, coin, units, "nobody")

    def _paying(self) -> bytes:
        return next(iter(self.holder.scripts.values()))

    def _moved(self, known: Known) -> list[tuple[str, int]]:
        """What it did to our account: ids of lines, and satoshis with their sign."""
        txid, gives = known.spend.txid, self._spends_ours(known)
        change, scripts = self._change(known), self._scripts()
        lines = [(f"{txid}:fee", -known.fee)] if gives else []
        for vout, (value, script) in enumerate(known.spend.outputs):
            takes = script in scripts
            if vout != change and takes != gives:
                lines.append((f"{txid}:{vout}", value if takes else -value))
        return lines

    # --- what goes wrong by itself ---------------------------------------------------------------

    def strike(self, fault: Fault) -> None:
        """One of the chain's own faults happens now; it counts only where it took effect."""
        if self._happens(fault):
            self.faults.count(fault.kind)

    def _happens(self, fault: Fault) -> bool:
        waiting = [k for k in self.chain.waiting() if self._spends_ours(k)]
        units = max(DUST, fault.strength)
        match fault.kind:
            case "reorg":
                return self.chain.reorganise(max(1, fault.strength)) > 0
            case "tx_dropped":
                return bool(waiting) and self.chain.drop(self.dice.pick(waiting).spend.txid)
            case "tx_underpriced":
                return bool(waiting) and self._surge(waiting[0], fault)
            case "deposit":
                self._deposit(units)
                return True
            case "deposit_vanishes":
                known = self._deposit(units)
                wait = self.dice.between(600, 2_400) * SECOND
                self.world.call_in(wait, self._undo, known)
                return False  # it counts when it is gone
            case "deposit_strange":
                self._deposit(DUST)
                return True
            case _:
                return False  # nothing reverts here, and finality is a matter of counting

    def _surge(self, known: Known, fault: Fault) -> bool:
        """The crowd bids half as much again as what waits, for so long."""
        number = self.chain.head(self.world.now)
        blocks = max(1, fault.strength * MS // (600 * SECOND))
        rate = 1000 * known.fee // known.spend.vsize
        self.chain.fees.surge(number, number + blocks, rate * 3 // 2)
        return True

    def _deposit(self, units: int) -> Known:
        script = self.dice.pick(list(self.holder.scripts.values()))
        return self.chain.deposit(script, units)

    def _undo(self, known: Known) -> None:
        now = self.world.now
        place = self.chain.place(known, now)
        if place is None or place.number <= self.chain.final(now):
            return
        depth = self.chain.head(now) - place.number + 1
        if self.chain.reorganise(depth, vanish=known.spend.txid):
            self.faults.count("deposit_vanishes")


def whole(units: int) -> Decimal:
    """Satoshis in coins."""
    return Decimal(units).scaleb(-8)


def coins(units: int) -> msgspec.Raw:
    """Satoshis as Core writes them: a number with eight decimals."""
    return msgspec.Raw(f"{Decimal(units).scaleb(-8):.8f}".encode())
