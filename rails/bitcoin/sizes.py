"""How large a transaction of ours is, and how little an output may hold.

Sizes are virtual: four units of weight are a byte, and what is witness counts a quarter. Each input
spends a P2WPKH output; its signature is reckoned at its longest, so that no fee falls short.
"""

from collections.abc import Sequence

OWN = 22  # the script of a P2WPKH output: what pays ourselves
RELAY = 1  # satoshis for each virtual byte: the least that nodes pass on by default
DUST_RELAY = 3  # and what an output must be worth, with what it costs to spend it
_INPUT = 32 + 4 + 1 + 4
_WITNESS = 1 + (1 + 72) + (1 + 33)
_SPENT_BY_WITNESS = 32 + 4 + 1 + 107 // 4 + 4
_SPENT_OTHERWISE = 32 + 4 + 1 + 107 + 4


def vsize(inputs: int, scripts: Sequence[int]) -> int:
    """The virtual size with so many inputs and with outputs to scripts of these lengths."""
    counts = _count(inputs) + _count(len(scripts))
    bare = 4 + counts + _INPUT * inputs + sum(map(_output, scripts)) + 4
    weight = 4 * bare + 2 + _WITNESS * inputs
    return -(-weight // 4)


def dust(script: bytes) -> int:
    """The least that an output to this script may hold for a node to pass it on."""
    spent = _SPENT_BY_WITNESS if _is_witness(script) else _SPENT_OTHERWISE
    return DUST_RELAY * (_output(len(script)) + spent)


def _is_witness(script: bytes) -> bool:
    version = script[0] == 0 or 0x51 <= script[0] <= 0x60
    return version and 4 <= len(script) <= 42 and script[1] == len(script) - 2


def _output(length: int) -> int:
    return 8 + _count(length) + length


def _count(number: int) -> int:
    return 1 if number < 0xFD else 3
