"""What venues say of themselves: read as documented, and as our served venues say it."""

from __future__ import annotations

import asyncio
import time
from decimal import Decimal
from typing import Any

import msgspec
import pytest

pytest.importorskip("ccxt.pro", reason="the extra `live` is not installed")
pytest.importorskip("trustme", reason="the extra `live` is not installed")

from core.effects import PlaceOrder
from core.money import price, quantity
from core.reading import STRANGE
from tests.live import KEY, Served
from tieout.node.dialects import DIALECTS
from tieout.preflight.inspections import INSPECTIONS
from tieout.wire.fronts import WAYS
from venues.inspecting import Listing, Modes, Rights
from venues.live import Live
from venues.served import Key

BINANCE = {
    "ipRestrict": False,
    "createTime": 1623840271000,
    "enableReading": True,
    "enableWithdrawals": False,
    "enableInternalTransfer": True,
    "enableMargin": False,
    "enableFutures": False,
    "permitsUniversalTransfer": True,
    "enableVanillaOptions": False,
    "enableFixApiTrade": False,
    "enableFixReadOnly": True,
    "enableSpotAndMarginTrading": False,
    "enablePortfolioMarginTrading": True,
}
MOVES = ("enableInternalTransfer", "permitsUniversalTransfer")
BYBIT = {"ContractTrade": ["Order"], "Wallet": ["AccountTransfer", "Withdraw"], "Spot": []}


def bybit(read_only: int) -> dict[str, Any]:
    return {"retCode": 0, "result": {"readOnly": read_only, "permissions": BYBIT}}


def okx(perm: str) -> dict[str, Any]:
    return {"code": "0", "data": [{"perm": perm}], "msg": ""}


DOCUMENTED: tuple[tuple[str, dict[str, Any], Rights], ...] = (
    (
        "binance_spot",
        BINANCE,
        Rights(True, False, ("enablePortfolioMarginTrading",), MOVES, False),
    ),
    (
        "binance_usdm",
        BINANCE | {"enableFutures": True, "enableWithdrawals": True},
        Rights(True, True, ("enableFutures", "enablePortfolioMarginTrading"), MOVES, True),
    ),
    (
        "bybit_inverse",
        bybit(0),
        Rights(True, True, ("ContractTrade.Order",), ("Wallet.AccountTransfer",), True),
    ),
    ("bybit_inverse", bybit(1), Rights(True, False, (), (), False)),
    ("okx_swap", okx("read_only"), Rights(True, False, (), (), False)),
    ("okx_swap", okx("read_only,trade,withdraw"), Rights(True, True, ("trade",), (), True)),
)


@pytest.mark.parametrize(("venue", "told", "rights"), DOCUMENTED)
def test_a_key_s_rights_are_read_as_documented(
    venue: str, told: dict[str, Any], rights: Rights
) -> None:
    assert INSPECTIONS[venue].told_rights(msgspec.json.encode(told)) == rights


@pytest.mark.parametrize(
    ("venue", "told"),
    [
        ("binance_spot", {"enableReading": True}),
        ("binance_spot", BINANCE | {"enableWithdrawals": "no"}),
        ("bybit_inverse", {"retCode": 10003, "retMsg": "API key is invalid.", "result": {}}),
        ("bybit_inverse", {"retCode": 0, "result": {"readOnly": 2, "permissions": {}}}),
        ("okx_swap", okx("read_only,everything")),
        ("okx_swap", okx("")),
        ("okx_swap", {"code": "50111", "data": [], "msg": "Invalid OK-ACCESS-KEY."}),
    ],
)
def test_a_right_that_is_not_told_is_no_answer(venue: str, told: dict[str, Any]) -> None:
    with pytest.raises(STRANGE):
        INSPECTIONS[venue].told_rights(msgspec.json.encode(told))


# --- over sockets ---------------------------------------------------------------------------------


async def _ask(live: Live, request: Any) -> tuple[int, bytes]:
    came: asyncio.Future[tuple[int, bytes]] = asyncio.get_running_loop().create_future()
    live.send(request, lambda status, body, headers=(): came.set_result((status, body)))
    return await came


async def says(venue: str, rights: tuple[str, ...], margin: str) -> None:
    served, inspection = await Served.start(venue, 1), INSPECTIONS[venue]
    key = Key(KEY.name, KEY.secret, KEY.passphrase, rights)
    served.door.key = key  # type: ignore[attr-defined]  # every door has one
    spec = served.world.sites[venue].spec
    served.world.sites[venue].venue.exchange.margin = margin  # type: ignore[assignment]  # one of two
    symbols = tuple(each.symbol for each in spec.instruments)
    async with served.session() as client:
        live = Live(served.exchange(client), WAYS[venue], client, time.time_ns)

        async def bodies(requests: Any) -> list[bytes]:
            return [(await _ask(live, each))[1] for each in requests]

        told = inspection.told_rights((await _ask(live, inspection.rights))[1])
        assert (told.trades_here, told.withdraws) == ("trade" in rights, "withdraw" in rights)
        at = inspection.told_time((await _ask(live, inspection.time))[1])
        assert abs(at - time.time_ns()) < 1_000_000_000
        if inspection.modes(symbols):
            hedged = "hedged" if DIALECTS[venue].hedged else "net"
            modes = inspection.told_modes(await bodies(inspection.modes(symbols)))
            held_apart = venue == "okx_swap"  # there margin is an order's; nothing is held yet
            assert modes == Modes(hedged, "cross" if held_apart else margin)  # type: ignore[arg-type]  # of the two
        listed = inspection.told_listings(await bodies(inspection.listings(symbols)))
        first = spec.instruments[0]
        assert next(each for each in listed if each.symbol == first.symbol) == Listing(
            first.symbol,
            first.base,
            first.quote,
            first.settle or first.quote,
            first.tick,
            first.lot,
            Decimal(first.multiplier) if venue == "okx_swap" else None,
            True,
        )
        refused = "trade" not in rights
        assert (not await places(live, venue, first.symbol)) == refused
        await live.close()
    await served.server.stop()


async def places(live: Live, venue: str, symbol: str) -> bool:
    """Whether an order comes to be, at a price that nothing is traded at."""
    effect = PlaceOrder(
        account=f"{venue}/main",
        instrument=symbol,
        client_order_id="tie1x1",
        side="buy",
        leg="long" if DIALECTS[venue].hedged else "net",
        quantity=quantity("1"),
        price=price("0.001") if venue == "binance_spot" else price("10"),
        kind="limit",
        expires_at=time.time_ns() + 2_000_000_000,
    )
    status, body = await _ask(live, DIALECTS[venue].request(effect))
    told = msgspec.json.decode(body)
    return status == 200 and told.get("retCode", 0) == 0 and told.get("code", "0") == "0"


@pytest.mark.parametrize(
    ("rights", "margin"),
    [
        (("read", "trade"), "cross"),
        (("read",), "isolated"),
        (("read", "trade", "withdraw"), "cross"),
    ],
)
@pytest.mark.parametrize("venue", INSPECTIONS)
def test_a_served_venue_says_what_its_key_may_do_and_holds_to_it(
    venue: str, rights: tuple[str, ...], margin: str
) -> None:
    asyncio.run(asyncio.wait_for(says(venue, rights, margin), 30))
