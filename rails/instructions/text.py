"""Text that every bank can read: letters, lengths, amounts and times.

The letters are the basic Latin set that SEPA agreed on (EPC217-08). Others are written with those:
accents go, Greek and Cyrillic are transcribed, and what has no spelling becomes a full stop.
"""

import re
import unicodedata
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from rails.instructions.party import CannotSay

LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/-?:().,'+ ")
NAMELESS = "NOTPROVIDED"
DIGITS_MAX = 18
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SPELT = (
    "ß ss, æ ae, œ oe, ø o, đ d, ð d, þ th, ł l, ħ h, ı i, ŋ n, & +, _ -, – -, — -, ’ ', ‘ ', ` ',"
    "α a, β v, γ g, δ d, ε e, ζ z, η i, θ th, ι i, κ k, λ l, μ m, ν n, ξ x, ο o, π p, ρ r, σ s,"
    "ς s, τ t, υ y, φ f, χ ch, ψ ps, ω o,"
    "а a, б b, в v, г g, д d, е e, ж zh, з z, и i, к k, л l, м m, н n, о o, п p, р r, с s, т t,"
    "у u, ф f, х h, ц ts, ч ch, ш sh, щ sht, ъ a, ы y, ь y, э e, ю yu, я ya"
)
_SMALL = dict(each.split() for each in _SPELT.split(","))
_ALL = {**_SMALL, **{a.upper(): b.capitalize() for a, b in _SMALL.items() if a.upper() != a}}
_TABLE = str.maketrans({a: b for a, b in _ALL.items() if len(a) == 1} | {"ẞ": "SS"})


def latin(text: str) -> str:
    """The text in letters that every bank accepts; words apart by one space."""
    bare = unicodedata.normalize("NFKD", text.translate(_TABLE))
    known = "".join(each for each in bare if not unicodedata.combining(each)).translate(_TABLE)
    spaced = " ".join(known.split())
    return "".join(each if each in LETTERS else "." for each in spaced)


def words(text: str, limit: int) -> str:
    """Free text, cut at its limit; "" if nothing of it can be read."""
    told = latin(text)[:limit].strip()
    return told if any(each.isalnum() for each in told) else ""


def name(text: str, limit: int = 70) -> str:
    """A party's name; the standard's own word where there is none."""
    return words(text, limit) or NAMELESS


def identifier(text: str, limit: int = 35) -> str:
    """An id, as it is: letters, digits and hyphens. Never cut, for another would be another."""
    if not re.fullmatch(r"[A-Za-z0-9-]+", text, re.ASCII) or len(text) > limit:
        raise CannotSay(f"id {text!r}: 1 to {limit} letters, digits and hyphens would do")
    return text


def amount(units: int, decimals: int) -> str:
    """Whole units as a decimal with all its places, exactly; positive, and 18 digits at most."""
    if not 0 < units < 10**DIGITS_MAX or not 0 <= decimals <= 5:
        raise CannotSay(f"an amount of {units} units at {decimals} decimals")
    if decimals == 0:
        return str(units)
    return f"{units:0{decimals + 1}}"[:-decimals] + "." + f"{units:0{decimals}}"[-decimals:]


def moment(at: int) -> str:
    """An ISO 20022 date and time, in UTC and whole seconds."""
    return (_EPOCH + timedelta(seconds=at // 10**9)).strftime("%Y-%m-%dT%H:%M:%SZ")


def local(at: int, zone: str) -> datetime:
    """A moment by the clock of a place."""
    return (_EPOCH + timedelta(microseconds=at // 1000)).astimezone(ZoneInfo(zone))


def day(at: int, zone: str) -> str:
    """The local day of a moment."""
    return local(at, zone).date().isoformat()
