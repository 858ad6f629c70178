"""The commands of `tieout tokens`: policies as reviewed files, checked and compared.

0 all held; 1 a loosening is not approved; 2 bad input; 3 no `ssh-keygen` where an approval must be
proven.
"""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tieout.exits import BAD_INPUT, FAILED, HELD, LACKING, fail
from tieout.limits_cli import AS_JSON, FILE

if TYPE_CHECKING:
    from tokens.policy import Policy

APPROVER = click.option("--approver", metavar="NAME", help="Who approved what NEW loosens.")
SIGNERS = click.option("--signers", type=FILE, help="By default allowed_signers beside NEW.")


@click.group()
def tokens() -> None:
    """Issued tokens: their policies."""


@tokens.group()
def policy() -> None:
    """Policies as reviewed files: check them, compare them."""


@policy.command()
@click.argument("files", type=FILE, nargs=-1, required=True)
@AS_JSON
def check(files: tuple[Path, ...], as_json: bool) -> None:  # noqa: FBT001  # click hands flags over so
    """Validate FILES of policies: each that is one with its hash, each other with what would do."""
    read = [(path, _read(path)) for path in files]
    found = [(path, told, why) for path, (told, _, why) in read]
    wrong = [why for _, _, why in found if why]
    if as_json:
        rows = [_row(path, told, why) for path, told, why in found]
        click.echo(json.dumps({"files": rows}, indent=2))
    else:
        for path, told, _ in found:
            if told is not None:
                name = f"{told.token} version {told.version}"
                click.echo(f"{path}: {name}, owned by {told.owner}: {told.content_hash()}")
        for why in wrong:
            click.echo(f"tieout: {why}", err=True)
    sys.exit(BAD_INPUT if wrong else HELD)


def _row(path: Path, told: "Policy | None", why: str) -> dict[str, object]:
    if told is None:
        return {"file": str(path), "wrong": why}
    about = {"token": told.token, "version": told.version, "owner": told.owner}
    return {"file": str(path), **about, "content_hash": told.content_hash(), "wrong": ""}


@policy.command()
@click.argument("old", type=FILE)
@click.argument("new", type=FILE)
@APPROVER
@SIGNERS
@AS_JSON
def diff(
    old: Path,
    new: Path,
    approver: str | None,
    signers: Path | None,
    as_json: bool,  # noqa: FBT001  # click hands flags over so
) -> None:
    """What NEW changes of OLD. A loosening needs the signature of somebody who is not NEW's owner.

    What tightens voids all that is outstanding, by a new epoch, where the line says so.
    """
    from tokens.policy_changes import changes

    (before, _), (after, told) = _one(old), _one(new)
    _follows(new, before, after)
    found = changes(before, after)
    loosened = sum(change.kind == "loosened" for change in found)
    why = _not_approved(new, told, after, approver, signers) if loosened else ""
    if as_json:
        rows = [change._asdict() for change in found]
        shown = {"changes": rows, "loosened": loosened, "not_approved": why}
        click.echo(json.dumps(shown, indent=2))
    else:
        for change in found:
            kind = change.kind.upper() if change.kind == "loosened" else change.kind
            voids = " (voids what is outstanding)" if change.voids else ""
            click.echo(f"{kind:<9} {change.name}: {change.before} -> {change.after}{voids}")
        if loosened and not why:
            click.echo(f"approved by {approver}, owned by {after.owner}")
    if why:
        fail(FAILED, f"{loosened} loosened and not approved: {why}")
    sys.exit(HELD)


def _read(path: Path) -> "tuple[Policy | None, bytes, str]":
    """A policy with the bytes that held it, or why the file holds none."""
    from risk.written import content
    from tokens.policy import BadPolicy, parse_policy

    told = b""
    try:
        told = content(path)
        return parse_policy(told, str(path)), told, ""
    except BadPolicy as error:
        return None, told, str(error)
    except OSError as error:
        found = error.strerror or str(error)
        return None, told, f"{path}: (whole): found nothing ({found}); a policy would do"


def _one(path: Path) -> "tuple[Policy, bytes]":
    policy, told, why = _read(path)
    if policy is None:
        fail(BAD_INPUT, why)
    return policy, told


def _follows(new: Path, before: "Policy", after: "Policy") -> None:
    """One token's, and the later version second: what is published goes by it."""
    if after.token != before.token:
        fail(BAD_INPUT, f"{new}: token: found {after.token}; a policy of {before.token} would do")
    same = after.content_hash() == before.content_hash()
    if after.version <= before.version and not same:
        found = f"found {after.version}, and another policy is version {before.version}"
        fail(BAD_INPUT, f"{new}: version: {found}; {before.version + 1} would do")


def _not_approved(
    path: Path, told: bytes, after: "Policy", approver: str | None, signers: Path | None
) -> str:
    """Why there is no approval; "" where it is proven. Ends the program where none can be."""
    from tieout import approvals
    from tieout.limits import SIGNERS as BESIDE

    if approver is None:
        return f"{path}: nobody approved it; --approver NAME, with NAME's signature, would do"
    try:
        beside = signers or path.with_name(BESIDE)
        approvals.verify(path, told, beside, after.owner, approver, approvals.OF_POLICIES)
    except approvals.NotApproved as error:
        return str(error)
    except approvals.NoTool as error:
        fail(LACKING, str(error))
    return ""
