"""A small bank's-eye view of the core, for tests: facts in by hand, effects out, books looked at.

Nothing is simulated here: each test says itself what was told, and when.
"""

from typing import Any, TypeVar

from core import ledger, transfers
from core.effects import Effect
from core.events import AccountOpened, AlarmRang, AssetListed, Event, NodeStarted, PageReported
from core.gate import BreakGate
from core.rail_effects import QueryPayment
from core.rail_events import (
    BalanceOpened,
    CalendarPublished,
    CustomerOpened,
    ExchangeQuoted,
    LegWanted,
    LimitSet,
    LineBooked,
    LineKind,
    PaymentReported,
    SchemePublished,
    TransferRequested,
    Window,
    Within,
)
from core.settlement_state import Leg
from core.state import State
from core.step import step

SECOND = 1_000_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR
BANK = "bank/ops"
T0 = 20_000 * DAY  # a Saturday in our calendar would be day 20_005: banking is "1111100" from here
E = TypeVar("E")

WIRE = {
    "scheme": "wire",
    "kind": "out",
    "settled_by": "message",
    "settles_ns_max": HOUR,
}
ACH = {
    "scheme": "ach",
    "kind": "out",
    "settled_by": "silence",
    "windows": (Window(cutoff_ns=12 * HOUR, settles_ns=8 * HOUR, days=1),),
    "silence": Within(days=2, until_ns=8 * HOUR),
    "returns": (Within(days=60, unit="calendar_days", until_ns=8 * HOUR, codes=("R10",)),),
    "settles_ns_max": 0,
    "batched": True,
}
PULL = {**ACH, "scheme": "pull", "kind": "in"}


class Books:
    """A node's state and what it asked for."""

    def __init__(self, **opening: int) -> None:
        """`opening` has each customer's balance, in cents."""
        self.state = State()
        self.now = T0
        self.asked: list[Effect] = []
        self.mute = False
        self.tell(NodeStarted, node="t", epoch=1)
        self.tell(AssetListed, asset="USD", decimals=2)
        self.tell(AssetListed, asset="EUR", decimals=2)
        self.tell(
            AccountOpened,
            account=BANK,
            tells="lines",
            statements=("balances",),
            statement_period_ns=HOUR,
            backfill_period_ns=HOUR,
            settle_ns=SECOND,
            silence_ns_max=DAY,
            ledger=True,
        )
        self.tell(
            CalendarPublished,
            calendar="weekdays",
            first_day=20_000 - 7,
            midnights=tuple((20_000 - 7 + n) * DAY for n in range(201)),
            banking="1111100" * 28 + "1111",
        )
        for terms in (WIRE, ACH, PULL):
            self.scheme(**terms)
        for customer, amount in opening.items():
            self.tell(CustomerOpened, customer=customer)
            self.tell(
                BalanceOpened,
                account=BANK,
                asset="USD",
                amount=amount,
                customer=customer,
                occurred_at=self.now,
            )
        self.asked.clear()

    def scheme(self, **terms: Any) -> None:
        """Publish a scheme; what is not said is what most have."""
        common: dict[str, Any] = {
            "account": BANK,
            "asset": "USD",
            "calendar": "weekdays",
            "answer_ns_max": 10 * SECOND,
            "query_every_ns": 60 * SECOND,
            "queries_max": 3,
            "resend": "one_denial",
        }
        self.tell(SchemePublished, **{**common, **terms})

    def tell(self, fact: type[Event], /, **fields: Any) -> list[Effect]:
        """One fact, now; the ledger must hold after it."""
        return self.take(fact(received_at=self.now, **fields))

    def take(self, event: Event) -> list[Effect]:
        """The fact as it stands."""
        effects = step(self.state, event, BreakGate())
        assert ledger.faults(self.state) == []
        self.asked += effects
        return effects

    def limit(self, scope: str, subject: str, amount: int) -> None:
        name = f"{scope} {subject}"
        self.tell(LimitSet, limit=name, scope=scope, subject=subject, asset="USD", amount=amount)

    def quote(self, quote_id: str, until: int, amount: int = 300, **terms: Any) -> None:
        """The desk gives 9 cents of a euro for each 10 of a dollar, unless other terms are told."""
        common: dict[str, Any] = {
            "customer": "alice",
            "sells": "USD",
            "buys": "EUR",
            "sells_units": 10,
            "buys_units": 9,
        }
        told = {**common, "quote_id": quote_id, "amount_max": amount, "expires_at": until}
        self.tell(ExchangeQuoted, **{**told, **terms})

    def request(self, transfer_id: str, *legs: LegWanted, customer: str = "alice") -> list[Leg]:
        """A customer's request; returns its legs."""
        self.tell(
            TransferRequested,
            transfer_id=transfer_id,
            customer=customer,
            legs=legs,
            requested_by="clerk",
        )
        return self.legs(transfer_id)

    def legs(self, transfer_id: str) -> list[Leg]:
        settlement = self.state.settlement
        return [settlement.legs[name] for name in settlement.transfers[transfer_id].legs]

    def line(self, line_id: str, amount: int, kind: LineKind = "payment", *references: str) -> None:
        self.tell(
            LineBooked,
            account=BANK,
            line_id=line_id,
            asset="USD",
            amount=amount,
            booked_at=self.now,
            kind=kind,
            references=references,
        )

    def tell_accepted(self, payment_id: str) -> None:
        self.tell(PaymentReported, account=BANK, payment_id=payment_id, status="accepted")

    def tell_rejected(self, payment_id: str) -> None:
        self.tell(PaymentReported, account=BANK, payment_id=payment_id, status="rejected")

    def wait(self, ns: int) -> list[Effect]:
        """Time goes by; alarms ring, and each round of reading the record ends with nothing new.

        Who is asked then of what was booked says, unless the bank is `mute`, that it was accepted.
        """
        effects: list[Effect] = []
        end = self.now + ns
        while due := [(at, name) for name, at in self.state.alarms.items() if at <= end]:
            self.now, name = min(due)
            effects += self.tell(AlarmRang, alarm=name)
            self.read_to_the_end()
        self.now = end
        return effects

    def read_to_the_end(self) -> None:
        if self.state.accounts[BANK].backfill.waiting:
            self.now += 1
            effects = self.tell(
                PageReported,
                account=BANK,
                subject="ledger",
                through="",
                more=False,
                asked_at=self.now - 1,
            )
            self._answer([each for each in effects if isinstance(each, QueryPayment)])

    def _answer(self, queries: list[QueryPayment]) -> None:
        for each in queries:
            if not self.mute and not self.state.settlement.legs[each.payment_id].due:
                self.now += 1
                self.tell_accepted(each.payment_id)

    def of(self, kind: type[E]) -> list[E]:
        """What was asked of this kind so far, and not looked at before."""
        found = [each for each in self.asked if isinstance(each, kind)]
        self.asked = [each for each in self.asked if not isinstance(each, kind)]
        return found

    def seen_by_customer(self, transfer_id: str) -> str:
        transfer = self.state.settlement.transfers[transfer_id]
        return transfers.view(self.state, transfer)[0]

    def has(self, customer: str, asset: str = "USD") -> int:
        return ledger.posted(self.state, customer, asset)

    def balance(self, name: str) -> int:
        return self.state.settlement.ledger.get(name, 0)

    def breaks(self) -> dict[str, str]:
        return {item.subject: item.cause for item in self.state.settlement.items.values()}


def pay(scheme: str, amount: int, to: str = "021000021/1234", **more: Any) -> LegWanted:
    return LegWanted(kind="out", asset="USD", amount=amount, scheme=scheme, beneficiary=to, **more)


def change(quote: str, amount: int, gives: int, **more: Any) -> LegWanted:
    """Dollars for euros by a quote."""
    return LegWanted(
        kind="exchange",
        asset="USD",
        amount=amount,
        buys="EUR",
        buys_amount=gives,
        quote=quote,
        **more,
    )


def pull(scheme: str, amount: int, **more: Any) -> LegWanted:
    return LegWanted(
        kind="in", asset="USD", amount=amount, scheme=scheme, beneficiary="021000021/99", **more
    )
