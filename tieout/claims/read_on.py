"""What failed to be read is asked for again, by the journal: a page of a record, within its wait.

A round that ends at a failed page is begun anew by its schedule, so that books come right in the
end; until then nobody knows what happened, and nothing tells that nobody asks.
"""

from core.events import PageReported, RequestFailed
from core.journal import Record, Store, decode_event
from tieout.claims.asked_again import Subject, record_asked

# It is asked for again at once, or when its venue allows it; what a node has to do first is in it.
WAIT_NS = 5_000_000_000
ABOUT = "fills:"


def rounds_dropped(store: Store) -> list[str]:
    """Records of venues and banks whose reading was under way, failed, and was not gone on with: as
    often as that was so. A node that begins reads anew, and a chain's record is its blocks."""
    under_way: dict[Subject, None] = {}
    due: dict[Subject, int] = {}
    found: list[str] = []
    for record in store.records():
        if (asked := record_asked(record)) is not None:
            under_way[asked] = None
            due.pop(asked, None)
        elif record.name == "NodeStarted":
            under_way.clear()
            due.clear()
        elif record.name == "PageReported":
            _note_page(record, under_way, due)
        elif record.name == "RequestFailed":
            _note_failed(record, under_way, due)
        for subject in [each for each, at in due.items() if at < record.at]:
            del due[subject]
            found.append("{} {}".format(*subject))
    return found


def _note_page(record: Record, under_way: dict[Subject, None], due: dict[Subject, int]) -> None:
    event = decode_event(record.body)
    assert isinstance(event, PageReported)
    due.pop((event.account, event.subject), None)
    if not event.more:
        under_way.pop((event.account, event.subject), None)


def _note_failed(record: Record, under_way: dict[Subject, None], due: dict[Subject, int]) -> None:
    event = decode_event(record.body)
    assert isinstance(event, RequestFailed)
    subject = event.account, event.about.removeprefix(ABOUT)
    if event.about.startswith(ABOUT) and subject in under_way:
        due[subject] = record.at + event.retry_after_ns + WAIT_NS
