"""The price of a place in a block: a crowd of other transactions, modelled as one moving level.

The base fee of a block is a function of its number: a line between levels drawn for every hundredth
block, so that asking costs nothing and it never moves by more than an eighth from one block to the
next. A *surge* lifts it, at that pace, above what waits.
"""

from dataclasses import dataclass, field

from sim.dice import Stream

SPAN = 100  # blocks between two drawn levels
SWING = 3  # a level is within median / 3 and median * 3: an eighth a block is never exceeded
GWEI = 10**9


@dataclass(slots=True, frozen=True)
class Surge:
    """From block `first` it rises to `level`; after block `last` it falls again."""

    first: int
    last: int
    level: int


@dataclass(slots=True)
class FeeMarket:
    """One chain's level of prices, in the chain's units (wei of gas, satoshis of a kilobyte)."""

    seed: int
    name: str
    median: int = 12 * GWEI
    p99: int = 60 * GWEI
    surges: list[Surge] = field(default_factory=list)
    _levels: dict[int, int] = field(default_factory=dict)

    def base(self, number: int) -> int:
        """The base fee of the block of this number."""
        fee = self._crowd(number)
        for surge in self.surges:
            if surge.first <= number:
                fee = max(fee, self._surging(surge, number))
        return fee

    def tip_min(self, number: int) -> int:
        """What the crowd tips: who tips less waits."""
        return self.base(number) // 50

    def surge(self, first: int, last: int, level: int) -> None:
        """The crowd comes: the base fee climbs to `level` and stays there to block `last`."""
        self.surges.append(Surge(first, last, level))

    def _crowd(self, number: int) -> int:
        span, place = divmod(number, SPAN)
        low, high = self._level(span), self._level(span + 1)
        return low + (high - low) * place // SPAN

    def _level(self, span: int) -> int:
        level = self._levels.get(span)
        if level is None:
            drawn = Stream(self.seed, f"chain/{self.name}/fees/{span}").latency(
                self.median, self.p99
            )
            level = min(max(drawn, self.median // SWING), self.median * SWING)
            self._levels[span] = level
        return level

    def _surging(self, surge: Surge, number: int) -> int:
        start = self._crowd(surge.first)
        rising = min(number, surge.last) - surge.first
        # Beyond 200 blocks it has grown by ten powers of ten: nothing is higher.
        peak = min(surge.level, start * 9 ** min(rising, 200) // 8 ** min(rising, 200))
        falling = min(max(0, number - surge.last), 400)
        return int(peak * 7**falling // 8**falling)
