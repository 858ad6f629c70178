"""The gate's answers: small integers, and what each says to people.

True here: 0 passes and nothing else does. A number keeps its meaning, for journals hold it.
The rule books that a control serves: SEC 15c3-5, MiFID II RTS 6, and the FIA's guide to automated
trading risk controls.
"""

from typing import Final, NamedTuple

PASSED: Final = 0
GATE_FAILED: Final = 1
UNKNOWN_ROUTE: Final = 2
BAD_SIDE: Final = 3
BAD_QUANTITY: Final = 4
BAD_PRICE: Final = 5
BAD_TIME: Final = 6
KILLED: Final = 7
KILL_REDUCES: Final = 8
LEASE_OVER: Final = 9
STRATEGY_DISABLED: Final = 10
STRATEGY_REDUCES: Final = 11
RESTRICTED: Final = 12
REFERENCE_MISSING: Final = 13
REFERENCE_STALE: Final = 14
PRICE_LOW: Final = 15
PRICE_HIGH: Final = 16
ORDER_QUANTITY: Final = 17
ORDER_NOTIONAL: Final = 18
ACCOUNT_RATE: Final = 19
STRATEGY_RATE: Final = 20
DUPLICATE: Final = 21
REPEATED: Final = 22
STRATEGY_POSITION: Final = 23
ACCOUNT_POSITION: Final = 24
WOULD_FLIP: Final = 25
PARENT_MISSING: Final = 26
PARENT_QUANTITY: Final = 27
PARENT_CHILDREN: Final = 28
SELF_MATCH: Final = 29
PASSIVE_BREACH: Final = 30
STRATEGY_NET: Final = 31
STRATEGY_GROSS: Final = 32
ACCOUNT_NET: Final = 33
ACCOUNT_GROSS: Final = 34
ASSET_NET: Final = 35
CONCENTRATION: Final = 36
FIRM_NET: Final = 37
FIRM_GROSS: Final = 38
MARGIN: Final = 39
CREDIT: Final = 40
NO_SLOT: Final = 41
UNKNOWN_ORDER: Final = 42
AMENDMENT_PENDING: Final = 43


class Code(NamedTuple):
    """One answer: its number and name, the control that gives it, whom that serves, the way out."""

    number: int
    name: str
    control: str
    rules: str
    passes: str


SEC = "SEC 15c3-5"
RTS = "RTS 6"
FIA = "FIA"
ALL = f"{SEC}, {RTS}, {FIA}"
OURS = "DESIGN §7"
SMALLER = "a smaller order"

TABLE: Final = tuple(
    Code(*row)
    for row in (
        (GATE_FAILED, "GATE_FAILED", "fail closed", OURS, "nothing, until the fault is found"),
        (UNKNOWN_ROUTE, "UNKNOWN_ROUTE", "known routes only", ALL, "a route that limits name"),
        (BAD_SIDE, "BAD_SIDE", "well-formed order", RTS, "side, kind and flag as the words say"),
        (BAD_QUANTITY, "BAD_QUANTITY", "well-formed order", RTS, "a whole number of lots above 0"),
        (BAD_PRICE, "BAD_PRICE", "well-formed order", RTS, "a positive price; a market order none"),
        (BAD_TIME, "BAD_TIME", "well-formed order", RTS, "a time of ours"),
        (KILLED, "KILLED", "kill switch", ALL, "nothing, until people open the gate"),
        (KILL_REDUCES, "KILL_REDUCES", "kill switch", ALL, "a reduction"),
        (LEASE_OVER, "LEASE_OVER", "lease", OURS, "nothing, until a new lease"),
        (STRATEGY_DISABLED, "STRATEGY_DISABLED", "strategy state", RTS, "nothing, until enabled"),
        (STRATEGY_REDUCES, "STRATEGY_REDUCES", "strategy state", RTS, "a reduction"),
        (RESTRICTED, "RESTRICTED", "restricted list", SEC, "another instrument"),
        (REFERENCE_MISSING, "REFERENCE_MISSING", "price collar", ALL, "nothing, until priced"),
        (REFERENCE_STALE, "REFERENCE_STALE", "price collar", ALL, "nothing, until priced anew"),
        (PRICE_LOW, "PRICE_LOW", "price collar", ALL, "a price within the collar"),
        (PRICE_HIGH, "PRICE_HIGH", "price collar", ALL, "a price within the collar"),
        (ORDER_QUANTITY, "ORDER_QUANTITY", "maximum order quantity", ALL, SMALLER),
        (ORDER_NOTIONAL, "ORDER_NOTIONAL", "maximum order value", ALL, SMALLER),
        (ACCOUNT_RATE, "ACCOUNT_RATE", "message rate", RTS, "the same order, later"),
        (STRATEGY_RATE, "STRATEGY_RATE", "message rate", RTS, "the same order, later"),
        (DUPLICATE, "DUPLICATE", "duplicate order", SEC, "another order, or later"),
        (REPEATED, "REPEATED", "repeated execution throttle", RTS, "nothing in this window"),
        (STRATEGY_POSITION, "STRATEGY_POSITION", "position limit", ALL, SMALLER),
        (ACCOUNT_POSITION, "ACCOUNT_POSITION", "position limit", ALL, SMALLER),
        (WOULD_FLIP, "WOULD_FLIP", "reduce-only", OURS, "at most what is held and not yet offered"),
        (
            PARENT_MISSING,
            "PARENT_MISSING",
            "child against parent",
            FIA,
            "a child of an open parent",
        ),
        (PARENT_QUANTITY, "PARENT_QUANTITY", "child against parent", FIA, SMALLER),
        (PARENT_CHILDREN, "PARENT_CHILDREN", "child against parent", FIA, "no more children"),
        (SELF_MATCH, "SELF_MATCH", "self-match prevention", FIA, "a price that meets none of ours"),
        (PASSIVE_BREACH, "PASSIVE_BREACH", "passive breach", OURS, "a reduction"),
        (STRATEGY_NET, "STRATEGY_NET", "net limit of the strategy", ALL, SMALLER),
        (STRATEGY_GROSS, "STRATEGY_GROSS", "gross limit of the strategy", ALL, SMALLER),
        (ACCOUNT_NET, "ACCOUNT_NET", "net limit of the account", ALL, SMALLER),
        (ACCOUNT_GROSS, "ACCOUNT_GROSS", "gross limit of the account", ALL, SMALLER),
        (ASSET_NET, "ASSET_NET", "net limit of the asset", ALL, SMALLER),
        (CONCENTRATION, "CONCENTRATION", "concentration in one asset", FIA, SMALLER),
        (FIRM_NET, "FIRM_NET", "net limit of the firm", ALL, SMALLER),
        (FIRM_GROSS, "FIRM_GROSS", "gross limit of the firm", ALL, SMALLER),
        (MARGIN, "MARGIN", "margin by tier, worst fees, borrow", FIA, SMALLER),
        (CREDIT, "CREDIT", "credit", SEC, SMALLER),
        (NO_SLOT, "NO_SLOT", "open orders at once", RTS, "the same order, when one has ended"),
        (UNKNOWN_ORDER, "UNKNOWN_ORDER", "known orders only", OURS, "an order that is open"),
        (
            AMENDMENT_PENDING,
            "AMENDMENT_PENDING",
            "one amendment at a time",
            OURS,
            "an answer first",
        ),
    )
)

NAMES: Final = {code.number: code for code in TABLE}
