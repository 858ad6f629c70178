"""`tieout compare`: why a live session earned other than its simulation.

0 the parts are the whole difference; 1 a residual is left; 2 bad input.
"""

import json
import sys
from pathlib import Path

import click

from tieout.asked import Amount
from tieout.exits import BAD_INPUT, FAILED, HELD, fail


@click.command()
@click.argument("live", type=click.Path(path_type=Path))
@click.argument("sim", type=click.Path(path_type=Path))
@click.option("--strategy", default="", metavar="NAME", help="By default the only one.")
@click.option(
    "--within",
    type=Amount(min=0),
    default=1.0,
    show_default=True,
    help="Seconds by which two orders' decisions may lie apart and be a pair.",
)
@click.option("--page", type=click.Path(path_type=Path), help="Write the page with plots there.")
@click.option("--json", "as_json", is_flag=True, help="Print one object, no more.")
def compare(
    live: Path,
    sim: Path,
    strategy: str,
    within: float,
    page: Path | None,
    as_json: bool,  # noqa: FBT001  # click hands flags over so
) -> None:
    """Attribute the difference in profit between two journals of a strategy's session.

    LIVE and SIM are journals (journal.db). The parts are missed fills, latency, decisions, price,
    fees, orders that only one sent, and other; they sum to the difference, to the unit.
    """
    from tieout.cli import refusals, show
    from tieout.reports.compare import compare as made
    from tieout.reports.session import BadSession, Session, session_in

    def session(path: Path) -> Session:
        try:
            return session_in(path, strategy)
        except BadSession as error:
            fail(BAD_INPUT, f"{path}: {error}")

    with refusals():
        compared = made(session(live), session(sim), within_ns=int(within * 1e9))
        if page is not None:
            from tieout.reports.compare_page import page_of

            try:
                page.write_text(page_of(compared), encoding="utf-8")
            except OSError as error:
                fail(BAD_INPUT, f"--page: {page}: {error.strerror}; a new file's path would do")
    if as_json:
        print(json.dumps(compared.as_dict(), indent=2))
    else:
        show(compared, as_json=False, tables=True)
    sys.exit(HELD if compared.whole else FAILED)
