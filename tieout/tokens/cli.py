"""The commands of `tieout tokens`: the control plane, and policies as reviewed files.

0 all held, or it was ended by SIGTERM; 1 a loosening is not approved, or the journal is damaged;
2 bad input; 3 the environment lacks something, as `ssh-keygen` where an approval must be proven.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tieout.exits import BAD_INPUT, FAILED, HELD, LACKING, fail
from tieout.risk.cli import AS_JSON, FILE

if TYPE_CHECKING:
    from tokens.policy import Policy

APPROVER = click.option("--approver", metavar="NAME", help="Who approved what NEW loosens.")
SIGNERS = click.option("--signers", type=FILE, help="By default allowed_signers beside NEW.")


@click.group()
def tokens() -> None:
    """Issued tokens: their control plane, their policies."""


@tokens.command()
@click.argument("deployment", type=FILE)
@click.option("--journal", type=FILE, required=True, help="Made if it is not there.")
def serve(deployment: Path, journal: Path) -> None:
    """Serve the control plane of DEPLOYMENT over HTTP, on loopback, until SIGTERM.

    Requests become events of a node that journals them; answers are what its books say. Killed and
    started again it goes on from there. DEPLOYMENT is a file; its paths are from its own folder:

    \b
        node: plane-1
        listen: 127.0.0.1:8080
        callers: callers.yaml        # who may ask what; hashes of keys
        people: people.yaml          # what is known of whom, and whose address is whose
        vault: vault                 # made by `tieout tokens init`
        chain:
          chain_id: 1
          nodes: ["http://127.0.0.1:8545", "http://127.0.0.1:8546"]
        tokens:
        - token: ESTATE
          contract: "0x..."
          policy: estate.yaml
          first_block: {number: 100, hash: "0x...", timestamp: 1700000000}
          threshold: 1
          signers:
          - {address: "0x...", keystore: s1.json, password_file: s1.txt, memory: s1.db,
             node: "http://127.0.0.1:8547"}
          admin: {address: "0x...", keystore: a.json, password_file: a.txt, memory: a.db,
             node: "http://127.0.0.1:8548"}
    """
    with _refusals():
        from tieout.tokens.deployment import read_deployment
        from tieout.tokens.serving import run

        run(read_deployment(deployment), journal, _say)
    sys.exit(HELD)


@tokens.command()
@click.argument("deployment", type=FILE)
def init(deployment: Path) -> None:
    """Make the vault and the signers' memories of DEPLOYMENT, where there are none yet.

    What is there is left as it is: a memory that was lost must not be replaced by an empty one
    before a final block is 300 s later than the last signature.
    """
    with _refusals():
        from tieout.tokens.deployment import read_deployment
        from tieout.tokens.serving import make_missing

        made = make_missing(read_deployment(deployment))
    for path in made:
        click.echo(path)
    sys.exit(HELD)


def _say(text: str) -> None:
    click.echo(f"tieout: {text}", err=True)


@contextmanager
def _refusals() -> Iterator[None]:
    """What a user got wrong is a message and a status, never a traceback."""
    from tieout.journals.sqlite_store import JournalDamaged, JournalError
    from tieout.tokens.deployment import BadDeployment

    try:
        yield
    except BadDeployment as error:
        fail(BAD_INPUT, str(error))
    except JournalDamaged as error:
        fail(FAILED, str(error))
    except JournalError as error:
        fail(BAD_INPUT, str(error))
    except ModuleNotFoundError as error:
        fail(LACKING, f"{error.name} is not installed; `tieout doctor` says what is")


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
    from tieout.risk import approvals
    from tieout.risk.limits import SIGNERS as BESIDE

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
