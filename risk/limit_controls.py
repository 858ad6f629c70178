"""What a limit may bound: for each control its scope, its units, its netting, which way is looser.

`codes` are the gate's refusals that the limit stands behind; a control with none is the cold
engine's. Whatever the gate checks without a limit stands in `risk/codes.py` alone.
"""

from typing import Literal, NamedTuple

from risk import codes

Unit = Literal[
    "contracts",
    "base",
    "quote",
    "reporting",
    "basis_points",
    "milliseconds",
    "messages",
    "executions",
]
Netting = Literal["none", "net", "gross"]
DIMENSIONS = ("strategy", "account", "instrument", "asset")
ROUTE = ("strategy", "account", "instrument")
HOLDING = ("account", "instrument")
QUANTITY: tuple[Unit, ...] = ("contracts", "base")
VALUE: tuple[Unit, ...] = ("reporting",)


class Control(NamedTuple):
    """One kind of limit. `windowed`: so many in a `window_ms`. `more_is_looser` but for spans."""

    scope: tuple[str, ...]
    units: tuple[Unit, ...]
    netting: Netting
    codes: tuple[int, ...]
    windowed: bool = False
    more_is_looser: bool = True
    rules: str = ""


CONTROLS: dict[str, Control] = {
    "ORDER_QUANTITY": Control(ROUTE, QUANTITY, "none", (codes.ORDER_QUANTITY,)),
    "ORDER_NOTIONAL": Control(ROUTE, ("quote", "reporting"), "none", (codes.ORDER_NOTIONAL,)),
    "PRICE_COLLAR": Control(
        HOLDING, ("basis_points",), "none", (codes.PRICE_LOW, codes.PRICE_HIGH)
    ),
    "REFERENCE_AGE": Control(HOLDING, ("milliseconds",), "none", (codes.REFERENCE_STALE,)),
    "ACCOUNT_RATE": Control(("account",), ("messages",), "none", (codes.ACCOUNT_RATE,), True),
    "STRATEGY_RATE": Control(("strategy",), ("messages",), "none", (codes.STRATEGY_RATE,), True),
    "DUPLICATE": Control(
        ROUTE, ("milliseconds",), "none", (codes.DUPLICATE,), more_is_looser=False
    ),
    "REPEATED": Control(ROUTE, ("executions",), "none", (codes.REPEATED,), windowed=True),
    "STRATEGY_POSITION": Control(ROUTE, QUANTITY, "net", (codes.STRATEGY_POSITION,)),
    "ACCOUNT_POSITION": Control(HOLDING, QUANTITY, "net", (codes.ACCOUNT_POSITION,)),
    "STRATEGY_NET": Control(("strategy",), VALUE, "net", (codes.STRATEGY_NET,)),
    "STRATEGY_GROSS": Control(("strategy",), VALUE, "gross", (codes.STRATEGY_GROSS,)),
    "ACCOUNT_NET": Control(("account",), VALUE, "net", (codes.ACCOUNT_NET,)),
    "ACCOUNT_GROSS": Control(("account",), VALUE, "gross", (codes.ACCOUNT_GROSS,)),
    "ASSET_NET": Control(("asset",), VALUE, "net", (codes.ASSET_NET,)),
    "CONCENTRATION": Control(("asset",), VALUE, "gross", (codes.CONCENTRATION,)),
    "FIRM_NET": Control((), VALUE, "net", (codes.FIRM_NET,)),
    "FIRM_GROSS": Control((), VALUE, "gross", (codes.FIRM_GROSS,)),
    "CREDIT": Control(("account",), VALUE, "gross", (codes.CREDIT,)),
    "STRATEGY_LOSS": Control(("strategy",), VALUE, "none", (), rules="RTS 6, FIA"),
    "STRATEGY_DRAWDOWN": Control(("strategy",), VALUE, "none", (), rules="RTS 6, FIA"),
    "FIRM_TURNOVER": Control((), VALUE, "none", (), windowed=True, rules="RTS 6, FIA"),
    "FIRM_STRESS": Control((), VALUE, "none", (), rules="SEC 15c3-5, FIA"),
}
