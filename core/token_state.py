"""What the core remembers of issued tokens: what is final, and what may still happen to it.

Addresses are in lower case; "" stands for nobody: a mint comes from nobody, a burn goes to nobody.
A *group* is an opaque mark of a holder that limits may bound together (a jurisdiction, as a rule):
which one it is, only the vault can say. Values are whole base units of the token.

This module is never compiled.
"""

from msgspec import Struct, field

NOBODY = ""


class Movement(Struct, frozen=True, gc=False):
    """Value that may move, once, as one step."""

    sender: str
    receiver: str
    value: int


class Limits(Struct, frozen=True):
    """What a policy bounds of the whole: -1 bounds nothing. `groups` are those with a bound."""

    holder_max: int = -1
    holders_max: int = -1
    supply_max: int = -1
    groups: dict[str, int] = {}


class Reserved(Struct):
    """The final state of one token, and the movements that may still happen, by authorization.

    `incoming`, `outgoing`, `arriving` (by group), `newcomers` (addresses that hold nothing yet,
    with the movements to them) and `minting` are sums over `open`. Who is `short` could not pay for
    all that is open of it: while there is one, sums do not say what can happen.
    """

    balances: dict[str, int] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)
    locked: dict[str, int] = field(default_factory=dict)
    totals: dict[str, int] = field(default_factory=dict)
    supply: int = 0
    open: dict[str, Movement] = field(default_factory=dict)
    incoming: dict[str, int] = field(default_factory=dict)
    outgoing: dict[str, int] = field(default_factory=dict)
    arriving: dict[str, int] = field(default_factory=dict)
    newcomers: dict[str, int] = field(default_factory=dict)
    minting: int = 0
    short: dict[str, None] = field(default_factory=dict)
