"""The drop copy: FIX 4.4 execution reports beside the venue's own stream, one decoder for all.

Venues' JSON tells no busts; a drop copy does: ExecType (150) H is a trade cancel and names the
execution it undoes in ExecRefID (19), F is a trade. Any venue's drop copy fits the same contract:
frames of channel "dropcopy" whose body is one FIX message, fields ended by SOH (shown as "|" by
people, accepted as such). A trade correct (G) is told as a cancel and a new trade by those venues
that we know; a bare G is quarantined.
"""

from collections.abc import Mapping

from core.events import Event, FillBusted, FillReported, Leg, Side
from core.frames import Frame
from core.money import ASSET_DECIMALS, parse, price, quantity
from core.reading import MS, Unreadable, quarantined
from venues.reading import value

SIDE: Mapping[str, Side] = {"1": "buy", "2": "sell"}
# PositionEffect is not used; the leg of a hedged account travels in a user-defined field, 5001,
# realised profit in 5002 and the trade's exact value in 5003.
LEG: Mapping[str, Leg] = {"": "net", "L": "long", "S": "short"}


def decode(frame: Frame, decimals: Mapping[str, int]) -> list[Event]:
    """The fill or the bust that one execution report tells."""
    try:
        told = fields(frame.body)
        if told.get("35") != "8":
            return quarantined(frame, f"drop copy: MsgType {told.get('35')!r} is not read")
        if told["150"] == "H":
            return [_bust(frame, told, decimals)]
        if told["150"] == "F":
            return [_fill(frame, told, decimals)]
        return quarantined(frame, f"drop copy: ExecType {told['150']!r} is not read")
    except (KeyError, ValueError) as error:
        return quarantined(frame, f"drop copy: {error!r}")


def fields(body: bytes) -> dict[str, str]:
    """Tag and value; checks BodyLength's neighbour, the CheckSum (10), over the bytes before it."""
    end = body.rfind(b"10=")
    if end < 0 or int(body[end + 3 : end + 6]) != sum(body[:end]) % 256:
        raise Unreadable("FIX checksum is missing or wrong")
    pairs = (part.partition("=") for part in body.decode().split("\x01") if part)
    return {tag: value for tag, _, value in pairs}


def _bust(frame: Frame, told: dict[str, str], decimals: Mapping[str, int]) -> Event:
    return FillBusted(
        received_at=frame.received_at,
        frame=frame.number,
        account=frame.account,
        instrument=told["55"],
        fill_id=told["19"],
        bust_id=told["17"],
        order_id=told["37"],
        client_order_id=told.get("11", ""),
        side=SIDE[told["54"]],
        leg=LEG[told.get("5001", "")],
        quantity=quantity(told["32"]),
        price=price(told["31"]),
        value=_value(told),
        fee=parse(told["12"], decimals.get(told["479"], ASSET_DECIMALS)),
        fee_asset=told["479"],
        realised=_realised(told),
        occurred_at=int(told["60"]) * MS,
    )


def _fill(frame: Frame, told: dict[str, str], decimals: Mapping[str, int]) -> Event:
    return FillReported(
        received_at=frame.received_at,
        frame=frame.number,
        account=frame.account,
        instrument=told["55"],
        fill_id=told["17"],
        order_id=told["37"],
        client_order_id=told.get("11", ""),
        side=SIDE[told["54"]],
        leg=LEG[told.get("5001", "")],
        quantity=quantity(told["32"]),
        price=price(told["31"]),
        value=_value(told),
        fee=parse(told["12"], decimals.get(told["479"], ASSET_DECIMALS)),
        fee_asset=told["479"],
        realised=_realised(told),
        cause="correction",
        occurred_at=int(told["60"]) * MS,
    )


def _value(told: dict[str, str]) -> int | None:
    return value(told["5003"]) if "5003" in told else None


def _realised(told: dict[str, str]) -> int | None:
    return value(told["5002"]) if "5002" in told else None
