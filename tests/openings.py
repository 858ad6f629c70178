"""What the books of a token begin with, for tests: the account of its chain, its terms, its heads.

Two nodes tell of the account's chain, "a" and "b"; what both call final, and say the same of, is.
"""

from typing import Any

from core.events import AccountOpened, Event
from core.rail_events import BlockReported, HeadReported
from core.token_events import PolicyPublished, TokenPublished

SECOND = 1_000_000_000
ACCOUNT = "chain/hot"
NAME = "ESTATE"
CONTRACT = "0x" + "e" * 40


def chain_account(at: int, **other: Any) -> AccountOpened:
    """The account by which the chain is followed."""
    given: dict[str, Any] = {
        "account": ACCOUNT,
        "tells": "statements",
        "statements": ("balances",),
        "statement_period_ns": 60 * SECOND,
        "backfill_period_ns": 60 * SECOND,
        "settle_ns": SECOND,
        "silence_ns_max": 0,
        "ledger": True,
        "chain": "evm",
        "sources": ("a", "b"),
    }
    return AccountOpened(received_at=at, **given | other)


def published(at: int, block_hash: str, **other: Any) -> TokenPublished:
    """The token, whose register begins with that block: number 100, of this very second."""
    given: dict[str, Any] = {
        "token": NAME,
        "contract": CONTRACT,
        "signers": ("s1", "s2"),
        "threshold": 2,
        "admin": "admin",
        "block_number": 100,
        "timestamp": at // SECOND,
    }
    told = given | other
    return TokenPublished(received_at=at, account=ACCOUNT, block_hash=block_hash, **told)


def policy(at: int, version: int, **other: Any) -> PolicyPublished:
    """Windows of two minutes, and no bound but what is given."""
    given: dict[str, Any] = {"token": NAME, "window_s": 120, "skew_s": 12, "head_age_s_max": 60}
    content = f"policy{version}"
    told = given | other
    return PolicyPublished(received_at=at, version=version, content_hash=content, **told)


def final_heads(at: int, number: int, block_hash: str) -> list[Event]:
    """Both nodes call the block of that number final, and the second says that it has it."""
    heads = [
        HeadReported(
            received_at=at,
            account=ACCOUNT,
            source=source,
            number=number + 64,
            block_hash="top",
            finalized=number,
            finalized_hash=block_hash,
        )
        for source in ("a", "b")
    ]
    agreed = BlockReported(
        received_at=at, account=ACCOUNT, source="b", number=number, block_hash=block_hash
    )
    return [*heads, agreed]
