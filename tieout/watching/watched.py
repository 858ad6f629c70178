"""A deployment's node and who looks after it, wired as its file says."""

from pathlib import Path

from core.journal import Store
from tieout.deployment.file import Deployment, secret
from tieout.watching.alerts_cli import book_of
from tieout.watching.watcher import Watching


def watching_of(deployment: Deployment, folder: Path, store: Store) -> Watching:
    """Alerts stand beside the journal; what the file has no table of, is not done."""
    return Watching(
        deployment.name,
        store,
        alerts=deployment.alerts,
        metrics=deployment.metrics,
        log=deployment.logs,
        book=book_of(folder / deployment.local_name),
        secret=lambda reference: secret(reference, folder),
    )
