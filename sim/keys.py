"""Private keys of a simulated world: from the dice, so that a seed is a wallet too."""

from sim.dice import Dice

ORDER = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141


def secret(dice: Dice, owner: str) -> bytes:
    """The private key of this owner ("chain/hot") in this world, for secp256k1."""
    return dice.stream(f"keys/{owner}").between(1, ORDER - 1).to_bytes(32)
