"""`tieout tie`: which of its two ways a command means, and what it leaves behind.

Rule. A journal among the files, or named beside them, means a bank's; without one they are exports.
"""

import json
from collections.abc import Callable, Mapping
from datetime import tzinfo
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from tieout.bad_input import BadFile
from tieout.tie.cells import zone_of
from tieout.tie.listings import Pairs

SQLITE = b"SQLite format 3\0"


class Wanted(NamedTuple):
    """What the user said beside the files."""

    journal: Path | None
    numbers: Mapping[str, str]
    from_zero: bool
    zone: str | None
    pairs: tuple[str, ...]
    out: Path | None


class Shown(Protocol):
    def as_dict(self) -> dict[str, Any]: ...


class Outcome(NamedTuple):
    """What is to be shown, and whether nothing differs."""

    shown: Shown
    held: bool


def tie_any(files: tuple[Path, ...], wanted: Wanted, progress: Callable[[float], None]) -> Outcome:
    """Tie the files one way or the other; raises `BadFile`, and `JournalError` of a journal."""
    if wanted.journal is not None:
        return _with_journal(wanted.journal, files, wanted)
    if _is_journal(files[0]) or wanted.numbers:
        if len(files) < 2:
            raise BadFile(f"{files[0]}: a journal alone ties nothing; a bank's file with it would")
        return _with_journal(files[0], files[1:], wanted)
    return _one_another(files, wanted, progress)


def _is_journal(path: Path) -> bool:
    try:
        with path.open("rb") as opened:
            return opened.read(len(SQLITE)) == SQLITE
    except OSError:
        return False


def _with_journal(journal: Path, files: tuple[Path, ...], wanted: Wanted) -> Outcome:
    from tieout.tie.bank_files import tie_files

    if wanted.from_zero or wanted.zone or wanted.pairs or wanted.out:
        raise BadFile(f"{journal}: --from-zero, --zone, --pair and --out are for exports alone")
    reconciled = tie_files(journal, files, wanted.numbers)
    return Outcome(reconciled, not reconciled.differences)


def _one_another(
    files: tuple[Path, ...], wanted: Wanted, progress: Callable[[float], None]
) -> Outcome:
    from tieout.tie.books import books_of
    from tieout.tie.tied import tied

    books = books_of(
        files,
        begins="zero" if wanted.from_zero else "stated",
        zone=_zone(wanted.zone),
        pairs=_pairs(wanted.pairs),
        progress=progress,
    )
    outcome = tied(books)
    if wanted.out is not None:
        from tieout.reports.files import save_journal
        from tieout.tie.page import page_of

        wanted.out.mkdir(parents=True, exist_ok=True)
        save_journal(books.store, wanted.out / "journal.db")
        (wanted.out / "report.html").write_text(page_of(outcome, files), encoding="utf-8")
        text = json.dumps(outcome.as_dict(), indent=2)
        (wanted.out / "tied.json").write_text(text + "\n", encoding="utf-8")
    return Outcome(outcome, not outcome.breaks)


def _zone(name: str | None) -> tzinfo | None:
    if name is None:
        return None
    zone = zone_of(name)
    if zone is None:
        raise BadFile(f"--zone: found {name!r}; UTC, UTC+8 or Asia/Tokyo would do")
    return zone


def _pairs(texts: tuple[str, ...]) -> Pairs:
    pairs: dict[str, tuple[str, str]] = {}
    for text in texts:
        symbol, _, coins = text.partition("=")
        base, _, quote = coins.partition("-")
        if not (symbol and base and quote):
            would_do = "SYMBOL=BASE-QUOTE would do, as in BTCUSDT=BTC-USDT"
            raise BadFile(f"--pair: found {text!r}; {would_do}")
        pairs[symbol] = (base, quote)
    return pairs
