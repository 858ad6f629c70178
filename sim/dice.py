"""Named streams of integer dice, all from one seed.

True here: what a stream rolls depends on the seed, on its own name and on how often it was asked,
and on nothing else: adding a component never changes another's dice. No float takes part in a roll,
and every roll is the same on any machine and Python (golden vectors in `tests/test_dice.py`).

Word number n of a stream is word n % 8 of blake2b(key + n // 8), key = blake2b("seed/name"): one
hash buys eight words, which in plain Python is cheaper than eight rounds of splitmix64.
"""

from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b
from struct import Struct
from typing import Final, TypeVar

T = TypeVar("T")


class Dice:
    """All the dice of one world."""

    __slots__ = ("_streams", "seed")

    def __init__(self, seed: int) -> None:
        if type(seed) is not int:
            raise TypeError(f"a seed is an int, not {seed!r}")
        self.seed = seed
        self._streams: dict[str, Stream] = {}

    def stream(self, name: str) -> "Stream":
        """The stream of that name, where it stands: a component rebuilt after a crash rolls on."""
        stream = self._streams.get(name)
        if stream is None:
            stream = self._streams[name] = Stream(self.seed, name)
        return stream


class Stream:
    """One component's dice. Each roll takes one word, so that no answer shifts the rolls after it.

    (Two exceptions, neither felt: a rejected word, once in 2**64 / n rolls of `below(n)`, and
    ranges beyond 64 bits, which take as many words as they need.)
    """

    __slots__ = ("_block", "_key", "_words", "name")

    def __init__(self, seed: int, name: str) -> None:
        self.name = name
        self._key = blake2b(f"{seed}/{name}".encode(), digest_size=32).digest()
        self._block = 0
        self._words: list[int] = []

    def word(self) -> int:
        """The next 64 bits."""
        words = self._words
        if not words:
            block = self._block.to_bytes(8, "little")
            words.extend(_EIGHT_WORDS.unpack(blake2b(self._key + block).digest()))
            words.reverse()
            self._block += 1
        return words.pop()

    def below(self, n: int) -> int:
        """One of 0 .. n - 1, without bias."""
        if n < 1:
            raise ValueError(f"nothing is below {n}")
        if n > _WORDS:
            return self._below_wide(n)
        product = self.word() * n
        # Lemire: the first 2**64 % n low halves would make some answers one word too frequent.
        if product & _MASK < n:
            surplus = _WORDS % n
            while product & _MASK < surplus:
                product = self.word() * n
        return product >> 64

    def between(self, lo: int, hi: int) -> int:
        """One of lo .. hi, both ends included, without bias."""
        return lo + self.below(hi - lo + 1)

    def chance(self, numerator: int, denominator: int) -> bool:
        """True numerator times in denominator. A chance of 0 rolls too: it may be turned up."""
        if not 0 <= numerator <= denominator:
            raise ValueError(f"{numerator} in {denominator} is not a chance")
        return self.below(denominator) < numerator

    def one_in(self, n: int) -> bool:
        """As `chance(1, n)`, for what is asked most often of all: whether a fault strikes."""
        if n < 1:
            raise ValueError(f"nothing is one in {n}")
        words = self._words  # as `word` does it
        product = (words.pop() if words else self.word()) * n
        low = product & _MASK
        if low < n:  # the word may have to be rejected: it is put back, and `below` looks at it
            self._words.append(product // n)
            return self.below(n) == 0
        return product == low

    def pick(self, sequence: Sequence[T]) -> T:
        """One of them, each as likely."""
        return sequence[self.below(len(sequence))]

    def table(self, quantiles: Sequence[int]) -> int:
        """A value from a distribution given by its evenly spaced quantiles, minimum to maximum.

        Between two quantiles it is uniform, rounded down: `table((0, 10, 1000))` is below 10 half
        of the time and never 1000.
        """
        product = self.word() * (len(quantiles) - 1)
        return _interpolate(quantiles, product >> 64, product & _MASK, 64)

    def exponential(self, mean: int) -> int:
        """A waiting time with that mean, rounded; the largest, once in 2**64, is 44 means."""
        if mean < 0:
            raise ValueError(f"a mean of {mean} is negative")
        return (_minus_log2(self.word()) * mean * _LN2 + _HALF_SQUARED) >> 64

    def latency(self, median: int, p99: int) -> int:
        """A log-normal delay: half are below `median`, one in a hundred is above `p99`.

        The normal underneath is cut at 6.3 sigma, so none exceeds median * (p99 / median) ** 2.8.
        """
        word = self.word()
        # The lowest bit is the sign. It stays in the magnitude too, where it weighs nothing.
        rarity = min(_minus_log2(word), _RAREST)
        normal = _interpolate(_NORMAL, rarity >> 30, rarity & _MASK_30, 30)
        if word & 1:
            normal = -normal
        return _times_exp2(median, (normal * _octaves_per_sigma(median, p99)) >> 32)

    def _below_wide(self, n: int) -> int:
        bits = (n - 1).bit_length()
        words = -(-bits // 64)
        while True:
            drawn = 0
            for _ in range(words):
                drawn = drawn << 64 | self.word()
            drawn >>= words * 64 - bits
            if drawn < n:
                return drawn


def _interpolate(table: Sequence[int], index: int, fraction: int, bits: int) -> int:
    """Between two neighbours of a table, `fraction` / 2**bits of the way, rounded down."""
    low = table[index]
    return low + (((table[index + 1] - low) * fraction) >> bits)


def _minus_log2(word: int) -> int:
    """-log2(word / 2**64) in units of 2**-32; a word of 0 counts as 1."""
    length = word.bit_length() or 1
    mantissa = (word or 1) << (64 - length)
    # As `_interpolate` does it, here and below: each message's delay asks for all three.
    index = (mantissa >> 57) & 63
    low = _MINUS_LOG2[index]
    slope = (_MINUS_LOG2[index + 1] - low) * (mantissa & _MASK_57)
    return ((64 - length) << 32) + low + (slope >> 57)


def _times_exp2(value: int, exponent: int) -> int:
    """value * 2**exponent, rounded; the exponent comes in units of 2**-32."""
    fraction = exponent & _MASK_32
    low = _EXP2[fraction >> 26]
    slope = (_EXP2[(fraction >> 26) + 1] - low) * (fraction & _MASK_26)
    scaled = value * (low + (slope >> 26))
    shift = 32 - (exponent >> 32)
    return scaled << -shift if shift <= 0 else (scaled + (1 << (shift - 1))) >> shift


@lru_cache(maxsize=1024, typed=True)  # else a float could pass as the int it equals
def _octaves_per_sigma(median: int, p99: int) -> int:
    """log2(p99 / median) / (the normal's 99 % quantile), in units of 2**-32."""
    if type(median) is not int or type(p99) is not int:
        raise TypeError(f"a latency is a whole number, not {median!r} or {p99!r}")
    if not 1 <= median <= p99 < _WORDS:
        raise ValueError(f"a latency needs 1 <= median <= p99 < 2**64, not {median} and {p99}")
    return ((_minus_log2(median) - _minus_log2(p99)) << 32) // _NORMAL_99


_EIGHT_WORDS: Final = Struct("<8Q")
_WORDS: Final = 1 << 64
_MASK: Final = _WORDS - 1
_MASK_57: Final = (1 << 57) - 1
_MASK_32: Final = (1 << 32) - 1
_MASK_26: Final = (1 << 26) - 1
_MASK_30: Final = (1 << 30) - 1
_RAREST: Final = (1 << 37) - 1  # just below 32 octaves, where _NORMAL ends
_HALF_SQUARED: Final = 1 << 63

# Tables in units of 2**-32, computed once with CPython's `math` and `statistics.NormalDist`,
# rounded to the nearest and kept as ints, because libm may differ between machines. A test computes
# them again. Interpolation errs by at most 5e-5 in the first two and 2e-3 in the last.
_LN2: Final = 2977044472  # log(2)
_NORMAL_99: Final = 9991588038  # NormalDist().inv_cdf(0.99)

# fmt: off
# -log2(1/2 + i/128)
_MINUS_LOG2: Final = (
    4294967296, 4198898271, 4104296005, 4011116384, 3919317253, 3828858303, 3739700966, 3651808315,
    3565144972, 3479677024, 3395371941, 3312198504, 3230126734, 3149127829, 3069174100, 2990238917,
    2912296657, 2835322648, 2759293130, 2684185204, 2609976796, 2536646614, 2464174115, 2392539467,
    2321723519, 2251707768, 2182474333, 2114005923, 2046285817, 1979297835, 1913026315, 1847456095,
    1782572486, 1718361258, 1654808619, 1591901195, 1529626018, 1467970504, 1406922443, 1346469983,
    1286601614, 1227306156, 1168572750, 1110390838, 1052750162, 995640744, 939052880, 882977131,
    827404309, 772325476, 717731924, 663615178, 609966981, 556779290, 504044265, 451754267,
    399901847, 348479742, 297480870, 246898320, 196725349, 146955378, 97581986, 48598900, 0,
)

# 2 ** (i/64)
_EXP2: Final = (
    4294967296, 4341736423, 4389014833, 4436808071, 4485121744, 4533961517, 4583333121, 4633242347,
    4683695048, 4734697143, 4786254615, 4838373510, 4891059943, 4944320094, 4998160210, 5052586606,
    5107605667, 5163223846, 5219447668, 5276283726, 5333738689, 5391819295, 5450532358, 5509884764,
    5569883475, 5630535530, 5691848042, 5753828203, 5816483285, 5879820635, 5943847684, 6008571941,
    6074001000, 6140142534, 6207004303, 6274594148, 6342919999, 6411989869, 6481811861, 6552394164,
    6623745059, 6695872913, 6768786189, 6842493438, 6917003306, 6992324534, 7068465956, 7145436504,
    7223245206, 7301901189, 7381413680, 7461792005, 7543045592, 7625183973, 7708216783, 7792153760,
    7877004752, 7962779710, 8049488696, 8137141881, 8225749546, 8315322086, 8405870007, 8497403930,
    8589934592,
)

# The size a normal exceeds with probability 2 ** -(i/4): -NormalDist().inv_cdf(2 ** -(i/4) / 2)
_NORMAL: Final = (
    0, 862201755, 1613810747, 2285681903, 2896911419, 3460214185, 3984522429, 4476374145,
    4940712968, 5381376912, 5801411452, 6203278036, 6588997566, 6960251896, 7318457364, 7664819189,
    8000372452, 8326013466, 8642524151, 8950591204, 9250821371, 9543753724, 9829869646, 10109601004,
    10383336911, 10651429350, 10914197893, 11171933677, 11424902783, 11673349118, 11917496891,
    12157552738, 12393707577, 12626138208, 12855008720, 13080471715, 13302669398, 13521734525,
    13737791256, 13950955899, 14161337588, 14369038877, 14574156276, 14776780738, 14976998085,
    15174889408, 15370531415, 15563996756, 15755354311, 15944669459, 16132004318, 16317417967,
    16500966648, 16682703950, 16862680982, 17040946528, 17217547189, 17392527521, 17565930153,
    17737795903, 17908163882, 18077071592, 18244555015, 18410648700, 18575385838, 18738798338,
    18900916891, 19061771037, 19221389223, 19379798855, 19537026358, 19693097215, 19848036019,
    20001866514, 20154611635, 20306293545, 20456933673, 20606552744, 20755170813, 20902807295,
    21049480992, 21195210119, 21340012330, 21483904744, 21626903961, 21769026091, 21910286769,
    22050701176, 22190284056, 22329049737, 22467012139, 22604184801, 22740580886, 22876213201,
    23011094205, 23145236028, 23278650481, 23411349064, 23543342981, 23674643151, 23805260213,
    23935204544, 24064486259, 24193115226, 24321101074, 24448453198, 24575180769, 24701292740,
    24826797855, 24951704655, 25076021484, 25199756494, 25322917655, 25445512756, 25567549414,
    25689035078, 25809977034, 25930382411, 26050258183, 26169611177, 26288448075, 26406775420,
    26524599617, 26641926941, 26758763538, 26875115429, 26990988514, 27106388575, 27221321279,
)
# fmt: on
