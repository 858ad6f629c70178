"""A simulated venue's drop copy: its own words for trades and undone trades, in FIX 4.4.

Beside the fields that the standard asks of an execution report stand three of the venue's own: 5001
is the leg of a hedged account, 5002 the profit that the trade realised, 5003 its exact value.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from venues.exchange import Trade

SOH = "\x01"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ZERO = Decimal(0)
ABSOLUTE = "3"
LEG = {"long": "L", "short": "S"}
STATUS = {"NEW": "0", "PARTIALLY_FILLED": "1", "FILLED": "2", "CANCELED": "4", "EXPIRED": "C"}


@dataclass(slots=True, frozen=True)
class Report:
    """One execution report, before it is sent."""

    fields: Mapping[str, str]

    def message(self, sender: str, sequence: int, sent_ms: int, again_ms: int = 0) -> bytes:
        """The bytes as sent, or as sent again (then `again_ms` says when)."""
        head = {"35": "8", "49": sender, "56": "TIEOUT", "34": str(sequence)}
        if again_ms:
            head |= {"43": "Y", "52": timestamp(again_ms), "122": timestamp(sent_ms)}
        else:
            head |= {"52": timestamp(sent_ms)}
        told = {**head, **self.fields}.items()
        inner = "".join(f"{tag}={value}{SOH}" for tag, value in told if value).encode()
        whole = b"8=FIX.4.4\x019=%d\x01%s" % (len(inner), inner)
        return whole + b"10=%03d\x01" % (sum(whole) % 256)


def undone(bust_id: str, ref_id: str, fields: Mapping[str, str]) -> Report:
    """ExecType H, trade cancel: `ref_id` did not happen."""
    return Report({"150": "H", "17": bust_id, "19": ref_id, **fields})


def made(exec_id: str, fields: Mapping[str, str]) -> Report:
    """ExecType F, trade."""
    return Report({"150": "F", "17": exec_id, **fields})


def of_trade(trade: Trade, of_order: Sequence[Trade], at_ms: int, *, apart: bool) -> dict[str, str]:
    """What is said of the trade itself, and of its order, of which `of_order` stand.

    A venue that keeps realised profit `apart` tells it in its ledger only.
    """
    ticket = trade.ticket
    filled = sum((each.quantity for each in of_order), ZERO)
    paid = sum((each.quantity * each.price for each in of_order), ZERO)
    return {
        "37": ticket.order_id,
        "11": ticket.client_id,
        "39": STATUS[ticket.status],
        "55": ticket.symbol,
        "54": "1" if trade.side == "buy" else "2",
        "38": f"{ticket.quantity:f}",
        "32": f"{trade.quantity:f}",
        "31": f"{trade.price:f}",
        "151": f"{max(ZERO, ticket.quantity - filled) if ticket.alive else ZERO:f}",
        "14": f"{filled:f}",
        "6": f"{paid / filled if filled else ZERO:f}",
        "60": timestamp(at_ms),
        "12": f"{trade.fee:f}",
        "13": ABSOLUTE,
        "479": trade.fee_asset,
        "5001": LEG.get(ticket.leg, ""),
        "5002": "" if apart else f"{trade.realised:f}",
        "5003": f"{trade.value:f}",
    }


def timestamp(at_ms: int) -> str:
    """A UTCTimestamp: YYYYMMDD-HH:MM:SS.sss."""
    at = EPOCH + timedelta(milliseconds=at_ms)
    return f"{at:%Y%m%d-%H:%M:%S}.{at_ms % 1000:03d}"
