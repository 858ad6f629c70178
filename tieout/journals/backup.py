"""A copy of a journal, of one moment, while a node writes it; and a copy taken for the journal.

Rule 1. A copy is proven before it is called one: what `verify` would not pass is no backup.
Rule 2. An old copy that is put back is not written again until a person accepts that it was cut;
the node then boots above every epoch that it had, hears how much it lost, and lets only exits pass
until each account was read back (`core.cut`).
"""

from contextlib import closing
from pathlib import Path

import apsw

from tieout.journals.sqlite_store import (
    Anchor,
    AnchorFile,
    JournalDamaged,
    JournalError,
    NotAJournal,
    accept_cut,
    anchor_path,
    open_for_reading,
    parse_anchor,
    read_last,
    read_meta,
)
from tieout.journals.verify import Verdict, is_url, verify


def back_up(journal: str, copy: Path) -> Verdict:
    """Copy a file's journal, or a server's, with an anchor of its own; raises `JournalError`."""
    if copy.exists() or anchor_path(copy).exists():
        raise NotAJournal(f"{copy}: it is there already; a new name would do")
    if is_url(journal):
        from tieout.journals.postgres_copy import copy_of

        copy_of(journal, copy)
    else:
        _copy_file(Path(journal), copy)
    _anchor(copy)
    verdict = verify(copy)
    if verdict.status != "sound":
        raise JournalDamaged(f"{verdict}; it is no backup")
    return verdict


def _copy_file(journal: Path, copy: Path) -> None:
    """Page by page, by SQLite, which begins again where somebody wrote meanwhile."""
    with (
        closing(open_for_reading(journal)) as source,
        closing(apsw.Connection(str(copy))) as target,
        target.backup("main", source, "main") as pages,
    ):
        pages.step()  # all of them at once: one moment


def _anchor(copy: Path) -> None:
    with closing(open_for_reading(copy)) as connection:
        last, chain = read_last(connection)
        epoch = int(read_meta(connection).get("epoch", "0"))
    anchor = AnchorFile(copy)
    anchor.write(Anchor(last, chain, epoch))
    anchor.sync()
    anchor.close()


def accept(journal: str, anchor: Path | None, boots: int | None) -> int:
    """The journal as it is, by a person; returns the epoch above which its node boots.

    Raises `JournalError` where no anchor is left and nobody says how often the node began since.
    """
    beside = anchor_path(Path(journal)) if anchor is None else anchor
    if not is_url(journal) and not Path(journal).exists():
        raise NotAJournal(f"{journal}: there is nothing")
    if boots is None and parse_anchor(beside) is None:
        found = f"{beside}: there is no anchor, which knows how often the node began"
        raise JournalError(f"{found}; --boots N, more than it can have since the copy, would do")
    if not is_url(journal):
        return accept_cut(journal, boots=boots or 0)
    from tieout.journals.postgres_store import accept_cut as accept_cut_there

    return accept_cut_there(journal, beside.with_suffix(""), boots=boots or 0)
