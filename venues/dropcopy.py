"""The drop copy: FIX 4.4 execution reports beside the venue's own stream, one decoder for all.

Venues' JSON tells no busts; a drop copy does: ExecType (150) H is a trade cancel and names the
execution it undoes in ExecRefID (19), F is a trade. Any venue's drop copy fits the same contract:
frames of channel "dropcopy" whose body is one FIX message, each field ended by SOH. A trade correct
(G) is told as a cancel and a new trade by those venues that we know; a bare G is quarantined.
"""

import re
from collections.abc import Mapping
from datetime import date

from core.events import Event, FillBusted, FillReported, Leg, Side
from core.frames import Frame
from core.money import ASSET_DECIMALS, parse, price, quantity
from core.reading import SECOND, Unreadable, quarantined
from venues.reading import value

SOH = "\x01"
MESSAGE = re.compile(rb"(8=FIX\.4\.4\x019=([0-9]{1,6})\x01(35=.*\x01))10=([0-9]{3})\x01", re.DOTALL)
# Whole seconds, or with milliseconds; some venues tell micro- or nanoseconds, as later FIX allows.
TIMESTAMP = re.compile(
    r"([0-9]{4})([0-9]{2})([0-9]{2})-([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9]|60)"
    r"(?:\.([0-9]{3}|[0-9]{6}|[0-9]{9}))?"
)
EPOCH = date(1970, 1, 1).toordinal()
ABSOLUTE = "3"
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
    """Tag and value, of a message that is whole: its BodyLength (9) and CheckSum (10) are right."""
    whole = MESSAGE.fullmatch(body)
    if whole is None:
        raise Unreadable("no FIX 4.4 message, or not whole")
    if int(whole[2]) != len(whole[3]):
        raise Unreadable("BodyLength is wrong")
    if int(whole[4]) != sum(whole[1]) % 256:
        raise Unreadable("CheckSum is wrong")
    pairs = (part.partition("=") for part in whole[3].decode().split(SOH) if part)
    return {tag: value for tag, _, value in pairs}


def moment(text: str) -> int:
    """A UTCTimestamp as nanoseconds; its 60th second, which a leap second is, is the next one's."""
    told = TIMESTAMP.fullmatch(text)
    if told is None:
        raise Unreadable(f"{text!r} is no UTCTimestamp")
    year, month, day, hour, minute, second = map(int, told.groups()[:6])
    days = date(year, month, day).toordinal() - EPOCH
    seconds = ((days * 24 + hour) * 60 + minute) * 60 + second
    return seconds * SECOND + int((told[7] or "0").ljust(9, "0"))


def _fee(told: dict[str, str], decimals: Mapping[str, int]) -> int:
    """Commission (12) as an amount of its currency (479); one that is a rate is not read."""
    if told.get("13", ABSOLUTE) != ABSOLUTE:
        raise Unreadable(f"CommType {told['13']!r} is not read")
    return parse(told["12"], decimals.get(told["479"], ASSET_DECIMALS))


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
        fee=_fee(told, decimals),
        fee_asset=told["479"],
        realised=_realised(told),
        occurred_at=moment(told["60"]),
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
        fee=_fee(told, decimals),
        fee_asset=told["479"],
        realised=_realised(told),
        cause="correction",
        occurred_at=moment(told["60"]),
    )


def _value(told: dict[str, str]) -> int | None:
    return value(told["5003"]) if "5003" in told else None


def _realised(told: dict[str, str]) -> int | None:
    return value(told["5002"]) if "5002" in told else None
