"""Nothing that the world sends raises beyond its reader, however deep it is nested."""

import msgspec
import pytest

from core.effects import Effect, FetchStatement
from core.events import Event, FrameQuarantined, OrderReported, RequestFailed
from core.frames import Channel, Frame
from core.rail_effects import FetchHead
from core.reading import Unreadable, sound
from rails.bitcoin.decoder import decode as decode_bitcoin
from rails.evm.decoder import decode as decode_evm
from tests import chains, test_bitcoin_rail
from tieout.node.dialects import READERS

DEEP = b"[" * 100_000
READ = FetchStatement(account="a", kind="balances")


def frame(account: str, channel: Channel, about: Effect | None) -> Frame:
    return Frame(
        number=1,
        account=account,
        channel=channel,
        received_at=5,
        body=DEEP,
        status=200,
        about=about,
        asked_at=4,
    )


@pytest.mark.parametrize("dialect", sorted(READERS))
def test_a_venue_that_nests_without_end(dialect: str) -> None:
    (pushed,) = READERS[dialect](frame("a", "stream", None), {})
    (answered,) = READERS[dialect](frame("a", "rest", READ), {})
    assert isinstance(pushed, FrameQuarantined)
    assert isinstance(answered, RequestFailed)


def test_a_node_that_nests_without_end() -> None:
    (pushed,) = decode_evm(frame("chain/hot", "stream", None), chains.WALLETS)
    assert isinstance(pushed, FrameQuarantined)
    for told in (head_of("chain/hot"), head_of("bitcoin/hot")):
        (answered,) = told
        assert isinstance(answered, RequestFailed)


def head_of(account: str) -> list[Event]:
    asked = frame(account, "rest", FetchHead(account=account, source="a"))
    if account == "chain/hot":
        return decode_evm(asked, chains.WALLETS)
    return decode_bitcoin(asked, test_bitcoin_rail.WALLETS)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"order_id": 7}, "order_id is 7"),
        ({"quantity": True}, "quantity is True"),
        ({"side": ["buy"]}, r"side is \['buy'\]"),
    ],
)
def test_a_field_of_another_type_is_named_however_often_its_like_was_told(
    wrong: dict[str, object], reason: str
) -> None:
    told = OrderReported(received_at=1, account="a/b", client_order_id="c", status="filled")
    assert sound([told, told]) == [told, told]
    for _ in range(2):
        with pytest.raises(Unreadable, match=f"^{reason}$"):
            sound([told, msgspec.structs.replace(told, **wrong)])
