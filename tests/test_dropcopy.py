"""The drop copy speaks FIX 4.4: what a venue sends is what the standard says, and so is it read."""

import pytest

from core.events import FillBusted, FillReported, FrameQuarantined
from core.frames import Frame
from core.money import price, quantity
from scenarios.model import check
from sim.memory_store import MemoryStore
from tieout.runs import run
from venues import dropcopy
from venues.execution_report import timestamp

# Fields as a venue's FIX guide prints them: a trade cancel, its times in UTC with milliseconds.
CANCEL = (
    "35=8|49=VENUE|56=US|34=17|52=20231114-22:13:21.502|37=41|11=tie1|17=B9|19=9|150=H|39=1|55=XRPETH"
    "|54=1|38=8|32=5|31=0.00141|151=3|14=0|6=0|60=20231114-22:13:21.488|12=0.00000705|13=3|479=ETH"
)
AT_NS = 1_700_000_001_488_000_000


def message(text: str, *, length: int | None = None, checksum: int | None = None) -> bytes:
    """The bytes of a message that people write with bars."""
    inner = (text + "|").replace("|", "\x01").encode()
    whole = b"8=FIX.4.4\x019=%d\x01" % (len(inner) if length is None else length) + inner
    return whole + b"10=%03d\x01" % (sum(whole) % 256 if checksum is None else checksum)


def read(body: bytes) -> object:
    frame = Frame(number=4, account="v/main", channel="dropcopy", received_at=AT_NS, body=body)
    (event,) = dropcopy.decode(frame, {})
    return event


def test_a_trade_cancel_is_a_bust() -> None:
    event = read(message(CANCEL))
    assert isinstance(event, FillBusted)
    assert (event.fill_id, event.bust_id, event.order_id, event.side) == ("9", "B9", "41", "buy")
    assert (event.quantity, event.price) == (quantity("5"), price("0.00141"))
    assert (event.fee, event.fee_asset) == (705, "ETH")
    assert event.occurred_at == AT_NS


def test_a_trade_is_a_fill() -> None:
    event = read(message(CANCEL.replace("150=H", "150=F").replace("|19=9", "")))
    assert isinstance(event, FillReported)
    assert (event.fill_id, event.occurred_at, event.cause) == ("B9", AT_NS, "correction")


@pytest.mark.parametrize(
    ("told", "ns"),
    [
        ("20231114-22:13:21", 1_700_000_001_000_000_000),
        ("20231114-22:13:21.488", 1_700_000_001_488_000_000),
        ("20231114-22:13:21.488123", 1_700_000_001_488_123_000),
        ("20231114-22:13:21.488123456", 1_700_000_001_488_123_456),
        ("19700101-00:00:00", 0),
        ("20240229-23:59:59.999", 1_709_251_199_999_000_000),
        ("20161231-23:59:60", 1_483_228_800_000_000_000),
    ],
)
def test_a_moment_is_read_exactly(told: str, ns: int) -> None:
    """Days and leap seconds included; the figures are those of `date -u -d ... +%s`."""
    assert dropcopy.moment(told) == ns


@pytest.mark.parametrize(
    "body",
    [
        b"",
        CANCEL.encode(),
        message(CANCEL).replace(b"\x01", b"|"),
        message(CANCEL, length=9),
        message(CANCEL, checksum=0),
        message(CANCEL)[:-1],
        message(CANCEL) + b"\x01",
        message(CANCEL).replace(b"FIX.4.4", b"FIX.4.2"),
        message(CANCEL.replace("60=20231114-22:13:21.488", "60=1700000001488")),
        message(CANCEL.replace("60=20231114-22:13:21.488", "60=20231314-22:13:21.488")),
        message(CANCEL.replace("60=20231114-22:13:21.488", "60=20231114-25:13:21.488")),
        message(CANCEL.replace("60=20231114-22:13:21.488", "60=20231114-22:13:21.48")),
        message(CANCEL.replace("13=3", "13=2")),
        message(CANCEL.replace("150=H", "150=G")),
        message(CANCEL.replace("35=8", "35=j")),
    ],
)
def test_what_is_no_such_message_is_quarantined(body: bytes) -> None:
    """Bars are what people see, not what is sent; a time in milliseconds since 1970 is none."""
    assert isinstance(read(body), FrameQuarantined)


def test_a_simulated_venue_tells_the_time_as_the_standard_does() -> None:
    assert timestamp(1_700_000_001_488) == "20231114-22:13:21.488"
    assert timestamp(0) == "19700101-00:00:00.000"


# What FIX 4.4 asks of every message, and of an execution report.
HEADER = ["8", "9", "35", "49", "56", "34", "52", "10"]
REQUIRED = ["37", "17", "150", "39", "55", "54", "151", "14", "6"]


def test_a_simulated_drop_copy_says_all_that_an_execution_report_must() -> None:
    """Numbered from 1 on; sent again after a crash under its number, and said to be."""
    fields = {
        "name": "x",
        "claim": "x",
        "duration_s": 30,
        "heal_s": 10,
        "venues": ["binance_spot"],
        "strategies": [{"kind": "taker", "name": "tk", "options": {"one_in": 1}}],
        "faults": [
            {"kind": "correction", "every_s": 3, "strength": 500},
            {"kind": "crash", "from_s": 20, "one_in": 50, "strength": 500, "times_max": 1},
        ],
    }
    outcome = run(check(fields, "x"), sampled=False)
    assert outcome.held
    store = outcome.store
    assert isinstance(store, MemoryStore)
    bodies = [record.body for record in store.records() if record.name == "dropcopy"]
    told = [dict(f.split("=", 1) for f in b.decode().split("\x01")[:-1]) for b in bodies]
    assert len(told) > 6
    for each in told:
        assert [tag for tag in (*HEADER, *REQUIRED) if not each.get(tag)] == []
        assert list(each)[:3] == ["8", "9", "35"]
        dropcopy.moment(each["52"])
        whole, filled, left = (float(each[tag]) for tag in ("38", "14", "151"))
        assert filled + left <= whole
    first = [int(each["34"]) for each in told if "43" not in each]
    again = [int(each["34"]) for each in told if "43" in each]
    assert first == list(range(1, len(first) + 1))
    assert again
    assert again == list(range(1, len(again) + 1))
