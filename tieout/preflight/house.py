"""The house's own checks: the journal, its room and its leadership, limits, and who is alerted."""

import os
import shutil
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from risk.limit_files import BadLimits
from tieout.deployment.file import Deployment, secret
from tieout.deployment.limits import NONE
from tieout.deployment.ways import Mode
from tieout.journals.deployed import Held, held, journal_of
from tieout.journals.sqlite_store import JournalBusy, JournalError
from tieout.journals.verify import verify
from tieout.preflight.checks import Check, green, no_matter, red
from tieout.risk import limits

# A journal grows by a few hundred bytes a fill, and a full disk closes the gate.
ROOM_BYTES = 256 * 1024**2
MIB = 1024**2
SHOWN = 3  # of failed tests; `tieout limits check` says all
# Sends a test alert and says what became of it.
Channel = Callable[[], Awaitable[Check]]


def of_house(deployment: Deployment, folder: Path, mode: Mode) -> list[Check]:
    """What needs neither a venue nor the journal's lock."""
    journal = journal_of(deployment, folder, mode)
    sound = _sound(journal) if isinstance(deployment.journal, str) else _of_server("journal sound")
    return [_room(journal), sound, _limits(deployment, mode)]


def _of_server(name: str) -> Check:
    return no_matter(name, "", "a server's journal is judged as it is opened, and by `verify URL`")


async def of_channels(deployment: Deployment, folder: Path, mode: Mode = "live") -> Check:
    """Every channel that the deployment names is told a test; where it names none, so it must say.

    Raises `NoSecret`.
    """
    name, spec = "alert channel", deployment.alerts
    if spec is None and mode == "live" and not deployment.unalerted:
        would_do = f"a table [alerts], or alerts = {NONE!r} in so many words, would do"
        return red(name, "", "the deployment names none: nobody would hear", would_do)
    if spec is None:
        return no_matter(name, "", "the deployment names none")
    from tieout.watching.alert_channels import tried

    told = await tried(spec, deployment.name, lambda each: secret(each, folder), time.time_ns)
    deaf = [f"{channel}: {why}" for channel, why in told.items() if why]
    if deaf:
        return red(name, "", "; ".join(deaf), "a channel that takes a test would do")
    return green(name, "", f"{', '.join(told)} took a test")


def _room(journal: Path) -> Check:
    place = journal.parent
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        return red("journal room", "", f"{place} cannot be written", "a folder of ours would do")
    if journal.exists() and not os.access(journal, os.R_OK | os.W_OK):
        return red("journal room", "", f"{journal} cannot be written", "a file of ours would do")
    free = shutil.disk_usage(place).free
    found = f"{free // MIB} MiB free at {place}"
    if free < ROOM_BYTES:
        return red("journal room", "", found, f"{ROOM_BYTES // MIB} MiB would do")
    return green("journal room", "", found)


def _sound(journal: Path) -> Check:
    if not journal.exists():
        return green("journal sound", "", f"no {journal.name} yet: a first start")
    try:
        verdict = verify(journal)
    except JournalError as error:
        return red("journal sound", "", str(error), "a journal that verifies would do")
    if verdict.status != "sound":
        return red("journal sound", "", f"{verdict}", "a backup that verifies would do")
    return green("journal sound", "", f"{journal.name} verifies")


async def opened(
    deployment: Deployment,
    folder: Path,
    mode: Mode,
    missing: Sequence[Check],
    stack: AsyncExitStack,
) -> tuple[Held | None, Check]:
    """The journal, open: a file's lock, or a server's lease, is the leadership."""
    name = "leadership"
    if any(each.name.startswith("journal") for each in missing):
        return None, red(name, "", "not tried: the journal is red", "a sound journal would do")
    try:
        journal = await held(deployment, folder, stack, mode)
    except JournalBusy as error:
        return None, red(name, "", str(error), "the other node ended would do")
    except JournalError as error:
        return None, red(name, "", str(error), "a journal that opens would do")
    what = "lock" if isinstance(deployment.journal, str) else "lease"
    return journal, green(name, "", f"the {what} of {deployment.local_name} is ours")


def _limits(deployment: Deployment, mode: Mode) -> Check:
    name, told = "limits", deployment.limits
    if mode != "live":
        return no_matter(name, "", f"nothing is sent in {mode}")
    if deployment.unlimited:
        return no_matter(name, "", f'the deployment says limits = "{NONE}"')
    if told is None:
        would_do = f'limits = {{file, rates}}, or limits = "{NONE}" in so many words, would do'
        return red(name, "", "the deployment names none", would_do)
    try:
        loaded = limits.load(Path(told.file))
        verdicts = limits.run_tests(loaded, time.time_ns())
    except BadLimits as error:
        return red(name, "", str(error), "files that `tieout limits check` takes would do")
    failed = [
        f"{each.case} (must be {each.wanted}, was {each.got})" for each in verdicts if not each.held
    ]
    untested = limits.untested(verdicts)
    if failed or untested:
        more = [f"and {len(failed) - SHOWN} more"] if len(failed) > SHOWN else []
        first = ", ".join([*failed[:SHOWN], *more]) or "-"
        found = f"failed: {first}; untested: {', '.join(untested) or '-'}"
        return red(name, "", found, "every test held, and one for each control, would do")
    return green(name, "", f"{told.file}: {len(verdicts)} tests held")
