"""What the market shows, from whoever listens to it to strategies in processes of their own: NATS.

True here: nothing is kept and nothing is acknowledged. A quote that was lost is followed by a newer
one, and each says when it was heard, so that whoever reads an old one knows. A trade that was lost
is missed.
"""

from collections.abc import Callable

import msgspec
from nats.aio.client import Client
from nats.aio.msg import Msg

from core.strategy import PublicTrade, Quote

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[tuple[Quote, ...]] = msgspec.msgpack.Decoder(tuple[Quote, ...])
_trades: msgspec.msgpack.Decoder[tuple[PublicTrade, ...]] = msgspec.msgpack.Decoder(
    tuple[PublicTrade, ...]
)


def _subject(deployment: str) -> str:
    return f"{deployment}.quotes"


def _trades_subject(deployment: str) -> str:
    return f"{deployment}.trades"


async def show(
    client: Client,
    deployment: str,
    quotes: tuple[Quote, ...],
    trades: tuple[PublicTrade, ...] = (),
) -> None:
    """All that is quoted now, and what was traded since it was shown last, to whoever listens."""
    await client.publish(_subject(deployment), _encoder.encode(quotes))
    if trades:
        await client.publish(_trades_subject(deployment), _encoder.encode(trades))


class Seen:
    """The quotes that were shown last; of some accounts, where any are named."""

    def __init__(self, accounts: tuple[str, ...] = ()) -> None:
        self._accounts = accounts
        self._quotes: tuple[Quote, ...] = ()

    async def listen(self, client: Client, deployment: str) -> None:
        """See what is shown from now on."""
        await client.subscribe(_subject(deployment), cb=self._see)

    def __call__(self) -> tuple[Quote, ...]:
        return self._quotes

    async def _see(self, message: Msg) -> None:
        shown = _decoder.decode(message.data)
        accounts = self._accounts
        self._quotes = tuple(each for each in shown if not accounts or each.account in accounts)


async def hear_trades(
    client: Client, deployment: str, on_trade: Callable[[PublicTrade], None]
) -> None:
    """Hear each trade that is shown from now on."""

    async def told(message: Msg) -> None:
        for each in _trades.decode(message.data):
            on_trade(each)

    await client.subscribe(_trades_subject(deployment), cb=told)
