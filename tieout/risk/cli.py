"""The commands of `tieout limits`: check, diff, inventory.

0 all held; 1 a test failed, or a loosening is not approved; 2 bad input; 3 no `ssh-keygen` where an
approval must be proven.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from time import time_ns
from typing import TYPE_CHECKING

import click

from tieout.exits import BAD_INPUT, FAILED, HELD, LACKING, fail

if TYPE_CHECKING:
    from tieout.risk.limits import Loaded

FILE = click.Path(path_type=Path)


@contextmanager
def refusals() -> Iterator[None]:
    """What a user got wrong is a message and a status, never a traceback."""
    from risk.limit_files import BadLimits
    from tieout.risk.approvals import NotApproved, NoTool

    try:
        yield
    except BadLimits as error:
        fail(BAD_INPUT, str(error))
    except NotApproved as error:
        fail(FAILED, str(error))
    except NoTool as error:
        fail(LACKING, str(error))


def moment(context: click.Context, option: click.Parameter, text: str | None) -> int:
    """A moment with its zone, as nanoseconds; by default now."""
    if text is None:
        return time_ns()
    would_do = f"found {text!r}; a moment with its zone would do, as 2026-03-01T00:00:00Z"
    try:
        told = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(would_do) from None
    if told.tzinfo is None:
        raise click.BadParameter(would_do)
    return int(told.timestamp()) * 10**9


AT = click.option("--at", "at_ns", callback=moment, metavar="TIME", help="By default now.")
SIGNERS = click.option("--signers", type=FILE, help="By default allowed_signers beside the file.")
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print one object and nothing else.")


@click.group()
def limits() -> None:
    """Limits as reviewed files: check them, compare them, list what they control."""


@limits.command()
@click.argument("file", type=FILE)
@AT
@SIGNERS
@click.option("--approved", is_flag=True, help="Ask for the approver's signature, too.")
@AS_JSON
def check(
    file: Path,
    at_ns: int,
    signers: Path | None,
    approved: bool,  # noqa: FBT001  # click hands flags over so
    as_json: bool,  # noqa: FBT001
) -> None:
    """Validate a FILE of limits and ask the gate every order of its tests."""
    with refusals():
        from tieout.risk import limits as files

        loaded = files.load(file)
        found = files.run_tests(loaded, at_ns)
        untested = files.untested(found)
        if approved:
            files.approve(loaded, signers)
    failed = [verdict for verdict in found if not verdict.held]
    expired = [o.limit for o in loaded.limits.overrides if o.until_ns <= at_ns]
    if as_json:
        rows = [verdict._asdict() | {"held": verdict.held} for verdict in found]
        told = {"file": str(file), "content_hash": loaded.content_hash, "tests": rows}
        click.echo(json.dumps(told | {"untested": untested, "expired": expired}, indent=2))
    else:
        for verdict in failed:
            click.echo(f"failed  {verdict.case}: must be {verdict.wanted}, was {verdict.got}")
        for name in untested:
            click.echo(f"failed  no test asks for a refusal by {name}")
        for name in expired:
            click.echo(f"expired the override of {name}: its limit stands as it is written")
        click.echo(f"{len(found) - len(failed)} of {len(found)} tests held")
        click.echo(loaded.content_hash)
    sys.exit(FAILED if failed or untested else HELD)


@limits.command()
@click.argument("old", type=FILE)
@click.argument("new", type=FILE)
@AT
@SIGNERS
@AS_JSON
def diff(
    old: Path,
    new: Path,
    at_ns: int,
    signers: Path | None,
    as_json: bool,  # noqa: FBT001  # click hands flags over so
) -> None:
    """What NEW changes of OLD. A loosening needs the signature of NEW's approver."""
    with refusals():
        from tieout.risk import limits as files

        before, after = files.load(old), files.load(new)
        found = files.differences(before, after, at_ns)
    loosened = [change for change in found if change.kind == "loosened"]
    why = _not_approved(after, signers) if loosened else ""
    if as_json:
        rows = [change._asdict() for change in found]
        told = {"changes": rows, "loosened": len(loosened), "not_approved": why}
        click.echo(json.dumps(told, indent=2))
    else:
        for change in found:
            kind = change.kind.upper() if change.kind == "loosened" else change.kind
            click.echo(f"{kind:<9} {change.name}: {change.before} -> {change.after}")
        if loosened and not why:
            click.echo(f"approved by {after.limits.approver}, written by {after.limits.author}")
    if why:
        fail(FAILED, f"{len(loosened)} loosened and not approved: {why}")
    sys.exit(HELD)


def _not_approved(loaded: "Loaded", signers: Path | None) -> str:
    """Why there is no approval; "" where it is proven. Ends the program where none can be."""
    from tieout.risk import limits as files
    from tieout.risk.approvals import NotApproved, NoTool

    try:
        files.approve(loaded, signers)
    except NotApproved as error:
        return str(error)
    except NoTool as error:
        fail(LACKING, str(error))
    return ""


@limits.command()
@click.argument("file", type=FILE)
@AT
@AS_JSON
def inventory(file: Path, at_ns: int, as_json: bool) -> None:  # noqa: FBT001
    """Every control: the rules it serves, its limits in FILE, its last test and the result."""
    with refusals():
        from tieout.risk import limits as files

        loaded = files.load(file)
        rows = files.inventory(loaded, files.run_tests(loaded, at_ns))
    if as_json:
        told = {
            "file": str(file),
            "content_hash": loaded.content_hash,
            "tested_at": datetime.fromtimestamp(time_ns() // 10**9, UTC).isoformat(),
            "controls": [row._asdict() for row in rows],
        }
        click.echo(json.dumps(told, indent=2))
    else:
        for row in rows:
            tested = f"{row.test}: {row.result}" if row.test else row.result
            names = ", ".join(row.limits) or "-"
            click.echo(f"{row.answer:<19} {row.control:<33} {row.rules:<23} {names:<18} {tested}")
    sys.exit(FAILED if any(row.result.startswith("failed") for row in rows) else HELD)
