"""Which outpoints a payment spends, and what comes back: the wallet's part before the signer's.

Rule 1. What is chosen once is kept: a replacement spends the outpoints of what it replaces, so that
at most one of them can ever be mined.
Rule 2. The same effect over the same outpoints gives the same choice.
"""

from collections.abc import Iterable

from msgspec.structs import replace

from core.rail_effects import SignTransaction

DUST = 294  # of an output to a witness program of version 0


class NoFunds(ValueError):
    """The wallet's spendable outpoints do not suffice; the text says what there is."""


def funded(effect: SignTransaction, unspent: Iterable[str]) -> SignTransaction:
    """The effect with its outpoints ("txid:vout:value") and its change.

    The largest come first: fewest inputs. Change that nobody would relay is left to the fee.
    """
    wanted = effect.amount + effect.fee_max
    chosen = list(effect.spends)
    if not chosen:
        free = [point for point in unspent if point not in effect.avoid]
        for point in sorted(free, key=lambda point: (-value(point), point)):
            if sum(map(value, chosen)) >= wanted:
                break
            chosen.append(point)
    total = sum(map(value, chosen))
    if total < wanted:
        raise NoFunds(f"{total} satoshis are free to spend, {wanted} are wanted")
    change = total - wanted
    if change < DUST:
        # The signer is told the whole fee: what is too little to come back is part of it.
        return replace(effect, spends=tuple(chosen), change=0, fee_max=effect.fee_max + change)
    return replace(effect, spends=tuple(chosen), change=change)


def value(point: str) -> int:
    """The satoshis of an outpoint written "txid:vout:value"."""
    return int(point.rpartition(":")[2])
