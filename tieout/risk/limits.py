"""`tieout limits`: limit files from the disk, their tests, their approvals, their changes.

NAME.yaml holds the limits, NAME.tests.yaml what they must refuse, NAME.yaml.sig the approver's
signature; `allowed_signers` beside them says whose key is whose. A loosening without a proven
approval is a failure; without any change there is nothing to approve.
"""

from pathlib import Path
from typing import NamedTuple

from risk import codes
from risk.limit_changes import Change, changes
from risk.limit_controls import CONTROLS
from risk.limit_files import BadLimits, LimitFile, content_hash, parse
from risk.limit_tests import Verdict, controls_of, verdicts
from risk.limit_tests import parse as parse_tests
from risk.written import content
from tieout.risk import approvals

SIGNERS = "allowed_signers"


class Loaded(NamedTuple):
    """A limit file, its bytes, and the hash that a load of it journals."""

    path: Path
    limits: LimitFile
    content_hash: str
    content: bytes


class Row(NamedTuple):
    """One control of the inventory: the rule it serves, its limits, its last test and result."""

    control: str
    answer: str
    rules: str
    where: str
    limits: tuple[str, ...]
    test: str
    result: str


def load(path: Path) -> Loaded:
    """Read a limit file; raises `BadLimits`."""
    told = _read(path, "a file of limits")
    return Loaded(path, parse(_text(told, path), str(path)), content_hash([told]), told)


def run_tests(loaded: Loaded, at_ns: int) -> list[Verdict]:
    """Every case of the test file beside it; there must be one, for untested limits are guesses."""
    path = loaded.path.with_suffix(".tests.yaml")
    text = _text(_read(path, "a file of orders that these limits must refuse"), path)
    return verdicts(loaded.limits, parse_tests(text, str(path)), at_ns)


def untested(found: list[Verdict]) -> list[str]:
    """Controls of the gate whose refusal no case asks for."""
    asked = [name for verdict in found for name in controls_of(verdict.wanted)]
    return [name for name, each in CONTROLS.items() if each.codes and name not in asked]


def approve(loaded: Loaded, signers: Path | None) -> None:
    """Prove the approval of the bytes that were loaded; raises `NotApproved` or `NoTool`."""
    path, limits = loaded.path, loaded.limits
    signers = signers or path.with_name(SIGNERS)
    approvals.verify(path, loaded.content, signers, limits.author, limits.approver)


def differences(old: Loaded, new: Loaded, at_ns: int) -> list[Change]:
    """What a change of files changes, the loosenings first."""
    order = ("loosened", "tightened", "reworded")
    return sorted(
        changes(old.limits, new.limits, at_ns), key=lambda change: order.index(change.kind)
    )


def inventory(loaded: Loaded, found: list[Verdict]) -> list[Row]:
    """Every answer that the gate can give, and every limit of the cold engine's."""
    rows = [_gate_row(code, loaded.limits, found) for code in codes.TABLE]
    for name, control in CONTROLS.items():
        if not control.codes:
            names = tuple(each.name for each in loaded.limits.limits if each.control == name)
            rows.append(Row(name.lower(), name, control.rules, "engine", names, "", "not run"))
    return rows


def _gate_row(code: codes.Code, limits: LimitFile, found: list[Verdict]) -> Row:
    behind = controls_of(code.name)
    names = tuple(each.name for each in limits.limits if each.control in behind)
    if code.number == codes.RESTRICTED:
        names = tuple(each.instrument for each in limits.restricted)
    asked = [verdict for verdict in found if verdict.wanted == code.name]
    last = asked[-1] if asked else None
    result = "not run" if last is None else "held" if last.held else f"failed: {last.got}"
    test = "" if last is None else last.case
    return Row(code.control, code.name, code.rules, "gate", names, test, result)


def _read(path: Path, would_do: str) -> bytes:
    try:
        return content(path)
    except OSError as error:
        found = error.strerror or str(error)
        raise BadLimits(f"{path}: (whole): found nothing ({found}); {would_do} would do") from error


def _text(told: bytes, path: Path) -> str:
    try:
        return told.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadLimits(f"{path}: (whole): found bytes that are no UTF-8; text would do") from error
