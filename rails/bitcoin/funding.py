"""Which outpoints a payment spends, what it pays to be mined, and what comes back: what the wallet
does before the signer.

Rule 1. What is chosen once is kept: a replacement spends the outpoints of what it replaces, so that
at most one of them can ever be mined.
Rule 2. The fee is the effect's rate for each virtual byte of what these inputs and outputs make,
and never above its `fee_max`.
Rule 3. The same effect over the same outpoints gives the same choice.
"""

from collections.abc import Iterable

from msgspec.structs import replace

from core.rail_effects import SignTransaction
from rails.bitcoin.address import script_of
from rails.bitcoin.sizes import OWN, dust, vsize

OWN_DUST = dust(bytes([0, OWN - 2]) + bytes(OWN - 2))


class NoFunds(ValueError):
    """The wallet's spendable outpoints do not suffice; the text says what there is."""


def funded(effect: SignTransaction, unspent: Iterable[str], prefix: str = "bc") -> SignTransaction:
    """The effect with its outpoints ("txid:vout:value"), its whole fee and its change.

    The largest come first: fewest inputs. Change that nobody would relay is left to the fee.
    Raises `NoFunds`, or `BadAddress` where the beneficiary is none.
    """
    paid = len(script_of(effect.beneficiary, prefix))
    chosen = list(effect.spends)
    if not chosen:
        free = [point for point in unspent if point not in effect.avoid]
        for point in sorted(free, key=lambda point: (-value(point), point)):
            if sum(map(value, chosen)) >= effect.amount + _fee(effect, len(chosen), paid):
                break
            chosen.append(point)
    spare = sum(map(value, chosen)) - effect.amount
    least = _fee(effect, len(chosen), paid)
    if not chosen or spare < least:
        there, wanted = spare + effect.amount, effect.amount + least
        raise NoFunds(f"{there} satoshis are free to spend, {wanted} are wanted")
    change = spare - _fee(effect, len(chosen), paid, OWN)
    change = change if change >= OWN_DUST else 0
    fee = spare - change
    if fee > effect.fee_max:
        raise NoFunds(f"a fee of {fee} is wanted, {effect.fee_max} is the most that we pay")
    return replace(effect, spends=tuple(chosen), change=change, fee_max=fee)


def _fee(effect: SignTransaction, inputs: int, *scripts: int) -> int:
    return effect.rate * vsize(inputs, scripts)


def value(point: str) -> int:
    """The satoshis of an outpoint written "txid:vout:value"."""
    return int(point.rpartition(":")[2])
