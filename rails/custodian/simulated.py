"""A simulated custodian: a vault, transactions that go from status to status, signed webhooks.

A payment is settled here at COMPLETED with CONFIRMED where it goes to an address, and at
3RD_PARTY_COMPLETED where it goes to an account with a third party. A webhook is tried again as the
documentation says while nobody takes it. One `Idempotency-Key` gets its first answer again for a
day; one `externalTxId` is taken once, for ever.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import msgspec

from rails.custodian import words
from rails.custodian.signing import forged, signed
from rails.custodian.vault import OURS, ZERO, Tx, Vault
from rails.dialect import Request
from rails.keeper import Answer, Notices, Statements
from sim.dice import Stream
from sim.faults import Fault, Faults
from sim.payments import Payment, Payments
from sim.truth import Fact, Truth
from sim.wire import Wire
from sim.world import World

MS = 1_000_000
SECOND = 1_000_000_000
DAY = 86_400 * SECOND
RETRIES_S = (10, 30, 120, 300, 900, 1800, 3600, 7200, 14400)
SCHEME = "custodian"
FORBIDDEN = -7  # as its door says of keys that it does not know
# What follows a status, and the median of how long it takes, in seconds.
STEPS = {
    "SUBMITTED": ("PENDING_AML_SCREENING", 1),
    "PENDING_AML_SCREENING": ("PENDING_AUTHORIZATION", 3),
    "PENDING_AUTHORIZATION": ("QUEUED", 20),
    "QUEUED": ("PENDING_SIGNATURE", 2),
    "PENDING_SIGNATURE": ("BROADCASTING", 10),
    "BROADCASTING": ("CONFIRMING", 15),
    "CONFIRMING": ("COMPLETED", 180),
}
THIRD_PARTY_S = 120
REFUND_AFTER = 3 * DAY


@dataclass(slots=True, eq=False)
class SimulatedCustodian:
    """One custodian with our one vault. `gas` names the fee asset of an asset, and a usual fee."""

    name: str
    account: str
    world: World
    wire: Wire
    faults: Faults
    truth: Truth
    payments: Payments
    dice: Stream
    opening: dict[str, Decimal]
    gas: dict[str, tuple[str, Decimal]]
    decimals: dict[str, int]
    number: str = "0"
    administers: bool = False  # the key that asks
    vault: Vault = field(init=False)
    notices: Notices = field(init=False)
    stated: Statements = field(init=False)
    _answers: dict[str, tuple[int, Answer]] = field(default_factory=dict)
    _last_signed: bytes = b"{}"

    def __post_init__(self) -> None:
        self.vault = Vault(self.number, {})
        self.notices = Notices(self.name, self.world, self.wire, self.faults, self.truth, RETRIES_S)
        self.stated = Statements(self.name, self.world, self.faults, dated=False)
        for asset, amount in self.opening.items():
            self.vault.book(asset, amount)
            name = f"{self.account}/{asset}/cash"
            self.truth.record(self.account, "opening", (asset, "cash"), {name: amount}, "opening")

    @property
    def statements(self) -> dict[str, str]:
        """The paths that answer with a statement, and of what kind."""
        return {f"/v1/vault/accounts/{self.number}": "balances"}

    # --- what is asked is answered ---------------------------------------------------------------

    def handle(self, asked: Request) -> Answer:
        """Status, body, and whether that is honest."""
        _, _, rest = asked.path.partition("/v1/")
        match asked.method, rest.split("/"):
            case "POST", ["transactions"]:
                return self._create(asked)
            case "GET", ["transactions"]:
                after, limit = int(asked.params["after"]), int(asked.params["limit"])
                return 200, words.several(self.vault.updated_after(after, limit)), True
            case "GET", ["transactions", "external_tx_id", external_id]:
                return self._found(external_id)
            case "GET", ["management", "api_users"]:
                if not self.administers:
                    return 403, words.refusal(FORBIDDEN, "Forbidden"), True
                return 200, b"[]", True
            case "GET", ["vault", "accounts", self.number]:
                return self.stated.answer(
                    lambda: words.account(self.vault, self.vault.totals), self._lie
                )
            case _:
                return 404, words.refusal(1004, f"{asked.path} was not found"), True

    def _lie(self, kind: str) -> bytes:
        totals = self.vault.totals
        wild = {asset: total * 3 + 1000 for asset, total in totals.items()}
        return words.account(self.vault, wild if kind == "wild" else {})

    def _found(self, external_id: str) -> Answer:
        if self.world.now < self.notices.silent_until:
            return 503, words.refusal(0, "Service unavailable"), True
        tx = self.vault.by_external_id.get(external_id)
        if tx is None:
            return 404, words.refusal(1404, "Transaction was not found"), True
        return 200, words.one(tx), True

    def _create(self, asked: Request) -> Answer:
        key = asked.headers.get("Idempotency-Key", "")
        first = self._answers.get(key)
        if first is not None and self.world.now - first[0] < DAY:
            return first[1]
        answer = self._created(msgspec.json.decode(asked.body))
        if key:
            self._answers[key] = (self.world.now, answer)
        return answer

    def _created(self, told: dict[str, Any]) -> Answer:
        external_id, asset = told["externalTxId"], told["assetId"]
        if external_id in self.vault.by_external_id:
            message = "The external tx id that was provided in the request, already exists"
            return 400, words.refusal(1438, message), True
        if asset not in self.gas:
            return 404, words.refusal(1006, f"Asset {asset} doesn't exist"), True
        tx = self._new_tx(external_id, asset, Decimal(told["amount"]), told["destination"])
        tx.note = told.get("note", "")
        tx.fee_asset, tx.fee = self.gas[asset]
        payment = Payment(external_id, self.account, SCHEME, asset, self._units(tx))
        self.payments.applied(payment, self.world.now)
        self._told(tx)
        self._after(tx, *STEPS["SUBMITTED"])
        return 200, words.created(tx), True

    def _new_tx(
        self, external_id: str, asset: str, amount: Decimal, destination: dict[str, Any]
    ) -> Tx:
        now = self._now_ms()
        once = destination.get("oneTimeAddress", {})
        tx = Tx(
            self._uuid(),
            external_id,
            asset,
            amount,
            {"type": OURS, "id": self.number, "name": "ops"},
            {"type": destination["type"], "id": destination.get("id", "")},
            now,
            now,
            once.get("address", ""),
            once.get("tag", ""),
        )
        self.vault.keep(tx)
        return tx

    # --- from status to status -------------------------------------------------------------------

    def _after(self, tx: Tx, status: str, median_s: int, more_ns: int = 0) -> None:
        wait = self.dice.latency(median_s * SECOND, 4 * median_s * SECOND) + more_ns
        self.payments.holds_back_until(self.world.now + wait)
        self.world.call_in(wait, self._enter, tx, status)

    def _enter(self, tx: Tx, status: str) -> None:
        """One step on, or wherever a fault leads."""
        strikes, name = self.faults.strikes, self.name
        more_ns = 0
        if status == "PENDING_AUTHORIZATION":
            hangs = strikes("approval_hangs", name)
            more_ns = hangs.strength * MS if hangs else 0
        if status == "QUEUED":
            if strikes("payment_rejected", name):
                return self._fail(tx, "REJECTED", "REJECTED_BY_USER")
            if self.vault.free(tx.asset) < tx.amount or self.vault.free(tx.fee_asset) < tx.fee:
                return self._fail(tx, "FAILED", "INSUFFICIENT_FUNDS")
            self.vault.reserve(tx, 1)
        if status == "BROADCASTING":
            if not tx.tx_hash and strikes("custody_failed", name):
                return self._fail(tx, "FAILED", self._broken())
            tx.tx_hash, tx.replaced_hash = self._hash(), tx.tx_hash
        if status == "CONFIRMING":
            tx.height = self.world.now // (12 * SECOND)
            if not tx.replaced_hash and strikes("custody_replaced", name):
                self._turn(tx, status)
                return self._after(tx, "BROADCASTING", 60)
            late = strikes("payment_late", name)
            more_ns = late.strength * MS if late else 0
        if status == "COMPLETED":
            return self._complete(tx)
        self._turn(tx, status)
        return self._after(tx, *STEPS[status], more_ns)

    def _turn(
        self, tx: Tx, status: str, sub_status: str = "", facts: tuple[Fact, ...] = ()
    ) -> None:
        tx.status, tx.sub_status, tx.updated_at = status, sub_status, self._now_ms()
        self.vault.touch(tx)
        self._told(tx, facts)

    def _broken(self) -> str:
        return self.dice.pick(("SIGNING_ERROR", "SMART_CONTRACT_EXECUTION_FAILED"))

    def _fail(self, tx: Tx, status: str, sub_status: str) -> None:
        """Nothing moves; what was mined and reverted still cost its fee."""
        if status == "FAILED" and sub_status != "INSUFFICIENT_FUNDS":
            self.vault.reserve(tx, -1)
        mined = sub_status == "SMART_CONTRACT_EXECUTION_FAILED"
        facts: tuple[Fact, ...] = ()
        if mined:
            tx.tx_hash = self._hash()
            facts = (self._book_fee(tx),)
        else:
            tx.fee_asset, tx.fee = "", ZERO
        self._payment(tx).failed_at = self.world.now
        self._turn(tx, status, sub_status, facts)

    def _complete(self, tx: Tx) -> None:
        """The value leaves. Whether the third party credits it is another question."""
        self.vault.reserve(tx, -1)
        facts = [self._book(tx.tx_id, tx.asset, -tx.amount)]
        if tx.fee:
            facts.append(self._book_fee(tx))
        if tx.to_third_party:
            self._turn(tx, "COMPLETED", "CONFIRMED", tuple(facts))
            wait = self.dice.latency(THIRD_PARTY_S * SECOND, 4 * THIRD_PARTY_S * SECOND)
            self.world.call_in(wait, self._third_party, tx)
        elif self.faults.strikes("completed_but_failed", self.name):
            self._not_credited(tx, tuple(facts))
        else:
            self._settle(tx)
            self._turn(tx, "COMPLETED", "CONFIRMED", tuple(facts))

    def _third_party(self, tx: Tx) -> None:
        if self.faults.strikes("completed_but_failed", self.name):
            return self._not_credited(tx, ())
        self._settle(tx)
        return self._turn(tx, "COMPLETED", "3RD_PARTY_COMPLETED")

    def _settle(self, tx: Tx) -> None:
        self._payment(tx).settled_at = self.world.now

    def _not_credited(self, tx: Tx, facts: tuple[Fact, ...]) -> None:
        """The value is gone and nobody has it; days later the third party sends it back."""
        self._payment(tx).failed_at = self.world.now
        verb = self.dice.pick(("FAILED", "REJECTED"))
        self._turn(tx, "COMPLETED", f"COMPLETED_BUT_3RD_PARTY_{verb}", facts)
        self.world.call_in(REFUND_AFTER, self._refund, tx)

    def _refund(self, tx: Tx) -> None:
        payment = self._payment(tx)
        payment.returned_at, payment.returned = self.world.now, self._units(tx)
        self.deposit(tx.asset, tx.amount, "", note=tx.external_id)

    def _payment(self, tx: Tx) -> Payment:
        return self.payments.all[tx.external_id]

    # --- what comes in ---------------------------------------------------------------------------

    def deposit(self, asset: str, amount: Decimal, address: str, note: str = "") -> Tx:
        """Somebody sends to an address of the vault; it is booked when it is confirmed."""
        tx = self._new_tx("", asset, amount, {"type": OURS, "id": self.number})
        tx.source = {"type": "UNKNOWN", "id": ""}
        tx.address, tx.note, tx.tx_hash = address, note, self._hash()
        tx.height = self.world.now // (12 * SECOND)
        self._turn(tx, "CONFIRMING")
        wait = self.dice.latency(120 * SECOND, 600 * SECOND)
        self.world.call_in(wait, self._arrive, tx)
        return tx

    def _arrive(self, tx: Tx) -> None:
        fact = self._book(tx.tx_id, tx.asset, tx.amount)
        if not tx.address and not tx.note:
            units = self._units(tx)
            self.payments.beside(self.account, tx.tx_id, tx.asset, units, "nobody")
        self._turn(tx, "COMPLETED", "CONFIRMED", (fact,))

    def _book(self, line_id: str, asset: str, amount: Decimal) -> Fact:
        self.vault.book(asset, amount)
        name = f"{self.account}/{asset}/cash"
        return self.truth.record(self.account, "cash", ("line", line_id), {name: amount})

    def _book_fee(self, tx: Tx) -> Fact:
        """What the network took, beside the amount."""
        line_id, units = f"{tx.tx_id}:fee", int(tx.fee.scaleb(self.decimals[tx.fee_asset]))
        self.payments.beside(self.account, line_id, tx.fee_asset, -units, "fee")
        return self._book(line_id, tx.fee_asset, -tx.fee)

    # --- what is told unasked --------------------------------------------------------------------

    def _told(self, tx: Tx, facts: tuple[Fact, ...] = ()) -> None:
        body = words.webhook(tx, self._uuid(), self._now_ms())
        if tx.external_id and self.faults.strikes("webhook_forged", self.name):
            self._forge(tx)
        self._last_signed = body
        self.notices.tell(signed(body), facts)

    def _forge(self, tx: Tx) -> None:
        """Somebody says that it is done, under signatures that were seen on another webhook."""
        said = tx.status, tx.sub_status
        tx.status, tx.sub_status = "COMPLETED", "CONFIRMED"
        body = words.webhook(tx, self._uuid(), self._now_ms())
        tx.status, tx.sub_status = said
        self.wire.push(forged(body, self._last_signed))

    def strike(self, fault: Fault) -> None:
        """One of the custodian's own faults happens now; it counts where it took effect."""
        if fault.kind == "confirmation_outage":
            self.payments.holds_back_until(self.notices.fall_silent(fault.strength))
        elif fault.kind == "credit_unreferenced":
            asset = self.dice.pick(list(self.gas))
            self.deposit(asset, Decimal(max(1, fault.strength)) / 100, "")
        else:
            return
        self.faults.count(fault.kind)

    def _units(self, tx: Tx) -> int:
        return int(tx.amount.scaleb(self.decimals[tx.asset]))

    def _now_ms(self) -> int:
        return self.world.now // MS

    def _uuid(self) -> str:
        text = f"{self.dice.word():016x}{self.dice.word():016x}"
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-8{text[17:20]}-{text[20:]}"

    def _hash(self) -> str:
        return "0x" + "".join(f"{self.dice.word():016x}" for _ in range(4))
