"""A bank's-eye view of the core with a token beside it: the vault allows, a key signs, and blocks
and finality come by hand. A share of FUND costs ten cents."""

from typing import Any

from core import subscriptions
from core.effects import Effect
from core.events import Event
from core.rail_events import LegWanted
from core.settlement_state import Leg
from core.state import State
from core.token_effects import (
    FetchTokenBlock,
    JudgeAuthorization,
    SignAuthorization,
    TellCaller,
)
from core.token_events import (
    AuthorizationJudged,
    AuthorizationSigned,
    OfferingPublished,
    TokenBlockReported,
    TokenHeadReported,
    TokenLog,
    WalletAdmitted,
)
from core.token_state import Authorization, Offering, Token
from tests import openings
from tests.openings import ACCOUNT as CHAIN
from tests.settling import DAY, SECOND, T0, Books

FUND = "FUND"
PRICE = 10
ALICE, BOB, EVE = ("0x" + letter * 40 for letter in "abe")
WINDOW_S = 20 * 86_400


def subscribe(shares: int, wallet: str = ALICE, **more: Any) -> LegWanted:
    return _of_fund("mint", shares, wallet, **more)


def redeem(shares: int, wallet: str = ALICE, **more: Any) -> LegWanted:
    return _of_fund("burn", shares, wallet, **more)


def _of_fund(kind: Any, shares: int, wallet: str, **more: Any) -> LegWanted:
    told = {"amount": PRICE * shares, "buys_amount": shares, "buys": FUND, **more}
    return LegWanted(kind=kind, asset="USD", beneficiary=wallet, **told)


class Issuer(Books):
    """Alice and Bob have wallets of their own."""

    def __init__(self, **opening: int) -> None:
        super().__init__(**opening)
        self.blocks = [("h0", "", 100, T0 // SECOND)]
        self.logs: dict[str, tuple[TokenLog, ...]] = {}
        lazy = {"statement_period_ns": DAY, "backfill_period_ns": DAY}
        self.take(openings.chain_account(self.now, tells="lines", **lazy))
        alone = {"signers": ("s1",), "threshold": 1}
        self.take(openings.published(self.now, "h0", token=FUND, poll_ns=DAY, **alone))
        long = {"window_s": WINDOW_S, "head_age_s_max": 2 * 86_400}
        self.take(openings.policy(self.now, 1, token=FUND, **long))
        self.offer()
        for customer, wallet in (("alice", ALICE), ("bob", BOB)):
            self.tell(WalletAdmitted, token=FUND, customer=customer, address=wallet)
        self.asked.clear()

    def offer(self, price: int = PRICE) -> list[Effect]:
        return self.tell(OfferingPublished, token=FUND, asset="USD", price=price)

    @property
    def token(self) -> Token:
        return self.state.tokens[FUND]

    @property
    def offering(self) -> Offering:
        assert self.token.offering is not None
        return self.token.offering

    @property
    def standing(self) -> int:
        return subscriptions.standing(self.state, self.offering)

    def wait(self, ns: int) -> list[Effect]:
        """Only the bank is looked at: nodes are asked every few seconds, and nothing would come."""
        for name in list(self.state.alarms):
            if CHAIN in name or FUND in name:
                del self.state.alarms[name]
        return super().wait(ns)

    def permission(self, leg: Leg) -> Authorization:
        return self.token.authorizations[self.token.requests[f" {leg.payment_id}"]]

    def judge(self, refusal: str = "") -> None:
        for each in self.of(JudgeAuthorization):
            self.tell(
                AuthorizationJudged,
                token=FUND,
                authorization_id=each.authorization_id,
                valid_after=each.valid_after,
                valid_before=each.valid_before,
                policy_version=each.policy_version,
                refusal=refusal,
                decision_hash=f"decision of {each.authorization_id}",
                lane=1000 + each.place,
            )

    def permit(self) -> list[TellCaller]:
        """All that is asked for is judged and signed; what its user heard."""
        self.judge()
        for each in self.of(SignAuthorization):
            self.tell(
                AuthorizationSigned,
                token=FUND,
                authorization_id=each.authorization_id,
                signer=each.signer,
                signature="0x01",
            )
        return self.of(TellCaller)

    def block(
        self,
        name: str,
        *of: Leg,
        on: str = "",
        seconds: int = 12,
        logs: tuple[TokenLog, ...] = (),
    ) -> None:
        """A new head, in which these were used."""
        parent = next(each for each in self.blocks if each[0] == (on or self.blocks[-1][0]))
        self.blocks.append((name, parent[0], parent[2] + 1, parent[3] + seconds))
        used = tuple(moved(self.permission(leg), n) for n, leg in enumerate(of))
        self.logs[name] = used + logs
        self.now = max(self.now, self.blocks[-1][3] * SECOND)
        self._chain(TokenHeadReported, name)
        while self.token.wanted:
            self._block(self.token.wanted)

    def _chain(self, fact: type[Event], name: str) -> None:
        number = next(each[2] for each in self.blocks if each[0] == name)
        self.tell(fact, account=CHAIN, source="a", token=FUND, number=number, block_hash=name)

    def _block(self, name: str, source: str = "a") -> None:
        block = next(each for each in self.blocks if each[0] == name)
        self.tell(
            TokenBlockReported,
            account=CHAIN,
            source=source,
            token=FUND,
            number=block[2],
            block_hash=name,
            parent_hash=block[1],
            timestamp=block[3],
            logs=self.logs.get(name, ()),
        )

    def finalize(self, name: str) -> None:
        number = next(each[2] for each in self.blocks if each[0] == name)
        for head in openings.final_heads(self.now, number, name):
            self.take(head)
        for each in iter(lambda: self.of(FetchTokenBlock), []):
            for fetch in each:
                if any(fetch.block_hash == known[0] for known in self.blocks):
                    self._block(fetch.block_hash, fetch.source)

    def subscribed(self, shares: int, customer: str = "alice", wallet: str = ALICE) -> Leg:
        """A subscription from what the customer has, final."""
        (leg,) = self.request(f"s{len(self.blocks)}", subscribe(shares, wallet), customer=customer)
        self.permit()
        name = f"h{len(self.blocks)}"
        self.block(name, leg)
        self.finalize(name)
        return leg


def moved(wanted: Authorization, index: int = 0) -> TokenLog:
    return TokenLog(
        "moved",
        index,
        f"tx of {wanted.name}",
        sender=wanted.sender,
        receiver=wanted.receiver,
        value=wanted.value,
        nonce=wanted.nonce,
        decision_hash=wanted.decision_hash,
    )


__all__ = ["ALICE", "BOB", "EVE", "FUND", "Issuer", "State", "moved", "redeem", "subscribe"]
