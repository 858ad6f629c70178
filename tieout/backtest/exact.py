"""Columns of a file as whole numbers: prices, quantities, moments and sides, none of it rounded.

Rule 1. A decimal is read by its text, at as few decimals as all of its column fit.
Rule 2. A float is the decimal that it stands for: the shortest whose float lies within two units of
its last place, for arithmetic of whoever wrote the file may have moved it by as much.
Rule 3. What does not fit is refused with its row.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal, DecimalException
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from core.money import TEN_TO
from tieout.backtest.formats import SIDES, TRUTHS, is_number
from venues.recorded.tape import Column

# The sizes of a moment that is counted in seconds, in ms, in µs and in ns: from 1973 to 2262.
UNITS: Final = ((10**8, 10**9), (10**11, 10**6), (10**14, 10**3), (10**17, 1))
ZONED: Final = r"\d:?\d\d.*(?P<zone>Z|[+-]\d\d:?\d\d)$"
FLOAT_MAX: Final = 2.0**53
NUMBER_MAX, POWER_MAX = Decimal("1e18"), 30
NO_NUMBER: Final = "none"


class Misfit(ValueError):
    """A cell that will not do: its row, counted from 0, what was found and what would do."""

    def __init__(self, row: int, words: str) -> None:
        super().__init__(words)
        self.row = row


class TooFine(Misfit):
    """It is a number, with more decimals than there may be."""


class Whole(NamedTuple):
    """A column of decimals: `values` count `10 ** -places`."""

    values: Column
    places: int

    def at(self, places: int) -> Column:
        """The same, counted more finely."""
        factor = TEN_TO[places - self.places]
        large = np.abs(self.values) > np.iinfo(np.int64).max // factor
        if large.any():
            raise Misfit(int(np.argmax(large)), "found more than 64 bits hold; less would do")
        return self.values * factor


def decimals(column: Any, places_max: int) -> Whole:
    """The column at the fewest decimals that hold it exactly, at most `places_max`."""
    _all_there(column)
    if pa.types.is_float64(column.type):
        return _floats(column, places_max)
    texts = _texts(column)
    plain = _spelled_out(texts)
    for places in _places(plain, places_max):
        try:
            return Whole(_int64(pc.cast(plain, pa.decimal128(38, places))), places)
        except pa.ArrowInvalid:
            continue
    row = first_failing(plain, lambda part: pc.cast(part, pa.decimal128(38, places_max)))
    raise _wrong(row, texts[row].as_py(), places_max)


def truncated(column: Any, places: int) -> Whole:
    """The column at that many decimals, what is finer cut off."""
    if pa.types.is_float64(column.type):
        return Whole(np.floor(column.to_numpy() * TEN_TO[places]).astype(np.int64), places)
    plain = _spelled_out(_texts(column))
    cut = pc.replace_substring_regex(plain, rf"(\.\d{{{places}}})\d+$", r"\1")
    return decimals(cut, places)


def _spelled_out(texts: Any) -> Any:
    """The same without powers of ten: of `1e-305201000` Arrow's own reader would die."""
    if not pc.any(pc.match_substring(texts, "e", ignore_case=True)).as_py():
        return texts
    return pa.array([_without_power(text) for text in texts.to_pylist()], pa.string())


def _without_power(text: str) -> str:
    if "e" not in text.lower():
        return text
    try:
        told = Decimal(text)
    except DecimalException:
        return NO_NUMBER
    return f"{told:f}" if abs(told.adjusted()) < POWER_MAX else NO_NUMBER


def _places(texts: Any, most: int) -> range:
    """How many decimals to try: as many as there are digits behind the point, if not too many."""
    trimmed = pc.utf8_rtrim(texts, "0")
    point = pc.find_substring(trimmed, ".").to_numpy()
    behind = np.where(point < 0, 0, pc.binary_length(trimmed).to_numpy() - point - 1)
    needed = int(behind.max(initial=0))
    return range(needed, min(needed, most) + 1)


def moments(column: Any, unit_ns: int) -> tuple[Column, bool]:
    """The column in ns, and whether it said of which zone: if not, they are of a clock on the wall.

    Numbers count `unit_ns` since the epoch of UTC; where that is 0, their size says what they are.
    """
    _all_there(column)
    if pa.types.is_date(column.type):
        column = pc.cast(column, pa.timestamp("s"))
    if pa.types.is_timestamp(column.type):
        return _typed(column), bool(column.type.tz)
    if not pa.types.is_string(column.type) or is_number(column[0].as_py()):
        return _epochs(decimals(column, 9), unit_ns), True
    return _written(pc.utf8_trim_whitespace(column))


def in_zone(at: Column, zone: str) -> Column:
    """Moments of a clock on the wall of that zone; an hour that it shows twice is refused."""
    if not is_zone(zone):
        raise Misfit(0, f"found no zone {zone!r}; UTC would do")
    wall = pa.array(at).cast(pa.timestamp("ns"))
    try:
        return _ns(pc.assume_timezone(wall, zone))
    except pa.ArrowInvalid as error:
        row = first_failing(wall, lambda part: pc.assume_timezone(part, zone))
        shown = wall[row].as_py()
        raise Misfit(row, f"{shown} stands twice or never in {zone}; UTC would do") from error


def is_zone(text: str) -> bool:
    """Whether a clock on the wall can be read in it: UTC, +01:00, Europe/London."""
    noon = pa.array([12 * 3600], pa.timestamp("s"))
    try:
        pc.assume_timezone(noon, text)
    except pa.ArrowInvalid:
        return False
    return True


def sides(column: Any) -> Column:
    """1 for the words of purchases and bids, -1 for those of sales and asks."""
    return _by_word(column, SIDES, "buy or sell would do")


def truths(column: Any) -> Column:
    """1 for the words of yes, 0 for those of no."""
    return _by_word(column, TRUTHS, "true or false would do")


def codes(column: Any) -> Column:
    """Ids that are whole numbers are those numbers; others are counted as they first appear."""
    _all_there(column)
    texts = _texts(column)
    try:
        ids = pc.cast(texts, pa.int64())
    except pa.ArrowInvalid:
        ids = texts.dictionary_encode().indices
    return np.asarray(ids.to_numpy(), dtype=np.int64)


def first_failing(column: Any, does: Callable[[Any], object]) -> int:
    """The first row that cannot be in a part that works, by halving."""
    least, most = 0, len(column) - 1
    while least < most:
        middle = (least + most) // 2
        try:
            does(column[least : middle + 1])
            least = middle + 1
        except pa.ArrowInvalid:
            most = middle
    return least


def _all_there(column: Any) -> None:
    if column.null_count:
        row = int(np.argmax(pc.is_null(column).to_numpy(zero_copy_only=False)))
        raise Misfit(row, "found nothing; a value in every row would do")


def _texts(column: Any) -> Any:
    if pa.types.is_boolean(column.type):
        raise Misfit(0, f"found {column[0]}; a number would do")
    try:
        texts = column if pa.types.is_string(column.type) else pc.cast(column, pa.string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise Misfit(0, f"found {column.type}; a number would do") from error
    return pc.utf8_trim_whitespace(texts)


def _int64(exact: Any) -> Column:
    """The low halves of 128 bits, where the high ones hold nothing but their sign."""
    halves = np.frombuffer(exact.buffers()[1], dtype=np.int64).reshape(-1, 2)
    halves = halves[exact.offset : exact.offset + len(exact)]
    large = halves[:, 1] != halves[:, 0] >> 63
    if large.any():
        row = int(np.argmax(large))
        raise Misfit(row, f"found {exact[row]!s:.40}; less than 64 bits hold would do")
    return halves[:, 0].copy()


def _floats(column: Any, places_max: int) -> Whole:
    told = column.to_numpy()
    for places in range(places_max + 1):
        units, fits = _rounded(told, places)
        if fits.all():
            return Whole(units.astype(np.int64), places)
    row = int(np.argmin(fits))
    raise _wrong(row, repr(float(told[row])), places_max)


def _rounded(told: Any, places: int) -> tuple[Any, Any]:
    """Whole units of `10 ** -places`, and which of them are what was told."""
    with np.errstate(invalid="ignore", over="ignore"):
        units = np.rint(told * 10.0**places)
        near = np.abs(units / 10.0**places - told) <= 2 * np.spacing(np.abs(told))
        return units, near & (np.abs(units) < FLOAT_MAX)


def _wrong(row: int, text: str, places_max: int) -> Misfit:
    try:
        found = Decimal(text)
    except DecimalException:
        return Misfit(row, f"found {text!r:.40}; a number would do")
    if not found.is_finite():
        return Misfit(row, f"found {found}; a number would do")
    if found.copy_abs() > NUMBER_MAX:
        return Misfit(row, f"found {found!s:.40}; less than {NUMBER_MAX} would do")
    return TooFine(row, f"found {found!s:.40}; at most {places_max} decimals would do")


def _epochs(told: Whole, unit_ns: int) -> Column:
    whole = np.abs(told.values) // TEN_TO[told.places]
    if not unit_ns:
        unit_ns = _unit_of(whole)
    finest = TEN_TO[told.places]
    if unit_ns % finest:
        raise Misfit(0, f"found {told.places} decimals of {unit_ns} ns; whole ns would do")
    return Whole(told.values, 0).at(0) * (unit_ns // finest)


def _unit_of(whole: Column) -> int:
    floors = np.array([least for least, _ in UNITS], dtype=np.int64)
    bands = np.searchsorted(floors, whole, side="right") - 1
    strange = (bands < 0) | (bands != bands[0])
    if strange.any():
        row = int(np.argmax(strange))
        what = "s, ms, µs or ns since 1970, the same in every row,"
        raise Misfit(row, f"found {whole[row]} and {whole[0]} in the first row; {what} would do")
    return UNITS[int(bands[0])][1]


def _written(texts: Any) -> tuple[Column, bool]:
    texts = pc.replace_substring_regex(texts, r"\s*(UTC|GMT|z)$", "Z")
    texts = pc.replace_substring_regex(texts, r"\s+([+-]\d\d:?\d\d)$", r"\1")
    zones = pc.struct_field(pc.extract_regex(texts, ZONED), "zone")
    zones = pc.fill_null(zones, "")
    zones = pc.replace_substring_regex(zones, r"^[+-]00:?00$", "Z")
    first = zones[0].as_py()
    other = pc.not_equal(zones, first).to_numpy(zero_copy_only=False)
    if other.any():
        row = int(np.argmax(other))
        found = f"found {texts[row]}, and {texts[0]} in the first row"
        raise Misfit(row, f"{found}: mixed time zones; one for the whole file, best UTC, would do")
    kind = pa.timestamp("ns", "UTC") if first else pa.timestamp("ns")
    try:
        return _ns(pc.cast(texts, kind)), bool(first)
    except pa.ArrowInvalid as error:
        row = first_failing(texts, lambda part: pc.cast(part, kind))
        found = f"found {texts[row].as_py()!r:.40}"
        raise Misfit(row, f"{found}; 2022-01-31T23:59:00Z would do") from error


def _typed(column: Any) -> Column:
    kind = pa.timestamp("ns", column.type.tz)
    try:
        return _ns(pc.cast(column, kind))
    except pa.ArrowInvalid as error:
        row = first_failing(column, lambda part: pc.cast(part, kind))
        raise Misfit(row, "found a moment beyond 1677 to 2262; one within would do") from error


def _ns(moments: Any) -> Column:
    ns: Column = moments.cast(pa.int64()).to_numpy(zero_copy_only=False).astype(np.int64)
    return ns


def _by_word(column: Any, words: Mapping[str, int], would_do: str) -> Column:
    _all_there(column)
    if pa.types.is_boolean(column.type):
        column = pc.cast(column, pa.string())
    told = pc.utf8_lower(_texts(column)).dictionary_encode()
    found = [each.as_py() for each in told.dictionary]
    codes = told.indices.to_numpy()
    for code, word in enumerate(found):
        if word not in words:
            raise Misfit(int(np.argmax(codes == code)), f"found {word!r:.40}; {would_do}")
    meanings = np.array([words[word] for word in found], dtype=np.int64)
    return np.asarray(meanings[codes])
