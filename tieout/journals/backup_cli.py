"""`tieout backup` and `tieout accept-cut`: a journal's copy, and a copy that becomes the journal.

0 it was done; 1 the journal is damaged; 2 bad input; 3 the environment lacks something.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from tieout.exits import BAD_INPUT, FAILED, LACKING, fail


@contextmanager
def refusals() -> Iterator[None]:
    """What a user got wrong is a message and a status, never a traceback."""
    from tieout.journals.sqlite_store import JournalDamaged, JournalError

    try:
        yield
    except JournalDamaged as error:
        fail(FAILED, str(error))
    except (JournalError, OSError) as error:
        fail(BAD_INPUT, str(error))
    except ModuleNotFoundError as error:
        fail(LACKING, f"{error.name} is not installed; `tieout doctor` says what is")


@click.command()
@click.argument("journal")
@click.argument("copy", type=click.Path(path_type=Path))
def backup(journal: str, copy: Path) -> None:
    """Copy a JOURNAL, file or URL, to the new file COPY, while its node writes; and prove it."""
    with refusals():
        from tieout.journals.backup import back_up

        click.echo(str(back_up(journal, copy)))


@click.command("accept-cut")
@click.argument("journal")
@click.option(
    "--anchor",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A node's, of a journal at a URL.",
)
@click.option(
    "--boots",
    type=click.IntRange(1),
    help="Where no anchor is left: more than the node can have begun since the copy.",
)
def accept_cut(journal: str, anchor: Path | None, boots: int | None) -> None:
    """Take a JOURNAL as it is, though its anchor says that it once held more.

    For an old copy that is put back. Its node, the next time that it begins, says how much was
    lost, and lets only exits pass until every account was read back.
    """
    with refusals():
        from tieout.journals.backup import accept
        from tieout.journals.verify import is_url

        if is_url(journal) != (anchor is not None):
            fail(BAD_INPUT, "--anchor: of a journal at a URL, NAME.anchor; of a file none would do")
        epoch = accept(journal, anchor, boots)
    click.echo(f"accepted; the next boot is above epoch {epoch}")
