"""One plan, one digest: the seeds of a campaign under every build that is here, compared.

    python -m tieout.determinism SCENARIO [--seeds A:B] [--short] [--with pythons|compiled]

A build is an interpreter, a hash seed and a number of workers: this Python thrice, each other that
`python tests/pythons.py` made an environment of, and the compiled build of `make compiled`. The
first is the yardstick. One that is not here is said to be left out; named by --with it must be,
unless it is one for which nobody makes an embedded EVM that the scenario takes. One that is here
and ends without an answer broke. What is compared of a seed is its digest and how it was judged.

Exit status: 0 all are equal; 1 some differ, and the first difference of the first such seed is
shown, or a build broke; 2 bad input; 3 a build that was asked for is not here.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from hashlib import sha256
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

import click

from core.journal import Record
from sim import machine
from tieout.campaigns.campaign import campaign, runs_here, runs_here_in_short
from tieout.campaigns.seed import SeedResult
from tieout.cli import refusals
from tieout.exits import FAILED, HELD, LACKING
from tieout.journals.sqlite_store import read_records
from tieout.journals.verify import opened

ROOT = Path(__file__).parent.parent
PACKAGES = ("core", "sim", "venues", "rails", "risk", "tokens", "scenarios", "tieout")
VERSIONS = ("3.11", "3.12", "3.13")
WITHOUT_EVM = ("3.13",)  # pyrevm has no wheel for it
SHOWN = 160  # characters to either side of where two records part

# What runs in a build: the digests of all seeds, or one seed's journal and its last state.
DIGESTS = """
import sys
from tieout.determinism import tell
if __name__ == "__main__":
    tell(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5] == "short")
"""
JOURNAL = """
import sys
from tieout.determinism import write
write(sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4] == "short")
"""


class Build(NamedTuple):
    """What a campaign is run by."""

    name: str
    python: Path
    hash_seed: str = "random"
    jobs: int = 1
    compiled: bool = False


class Told(NamedTuple):
    """What a build said: by seed its digest; or why it is not here, or by what it ended."""

    digests: dict[int, str]
    lacking: str = ""
    broke: str = ""


class Parted(NamedTuple):
    """Where two runs of one plan are first different."""

    where: str
    first: str
    second: str


def builds() -> list[Build]:
    """Every build that may be here; whether it is, `digests_of` says."""
    mine, this = Path(sys.executable), "{}.{}".format(*sys.version_info)
    found = [
        Build(f"Python {this}, hash seed 0, 1 worker", mine, "0"),
        Build(f"Python {this}, hash seed 1, 2 workers", mine, "1", 2),
        Build(f"Python {this}, hash seed random, 1 worker", mine),
    ]
    others = [version for version in VERSIONS if version != this]
    found += [Build(f"Python {v}", ROOT / f".venv-{v}" / "bin" / "python") for v in others]
    told = os.environ.get("TIEOUT_COMPILED_PYTHON")
    compiled = Path(told) if told else ROOT / ".venv-compiled" / "bin" / "python"
    return [*found, Build("compiled", compiled, compiled=True)]


def digests_of(build: Build, scenario: str, seeds: range, *, short: bool) -> Told:
    """Run the seeds in that build, in processes of its own."""
    if not build.python.exists():
        made_by = "make compiled" if build.compiled else "python tests/pythons.py"
        return Told({}, f"not here: `{made_by}` makes it")
    form = "short" if short else "full"
    words = (scenario, str(seeds.start), str(seeds.stop), str(build.jobs), form)
    done = _run(build, DIGESTS, *words)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it ended without a word"])[-1]
        return Told({}, broke=last)
    told = json.loads(done.stdout)
    lacking = told["lacking"] or _not_compiled(build, Path(told["step"]))
    return Told({} if lacking else {int(s): d for s, d in told["digests"].items()}, lacking)


def _not_compiled(build: Build, step: Path) -> str:
    if not build.compiled:
        return ""
    if step.suffix == ".py":
        return "its core is not compiled"
    here, there = _sources(ROOT), _sources(step.parent.parent)
    return "" if here == there else "of another source: `make compiled`"


def _sources(root: Path) -> dict[str, bytes]:
    found = [path for name in PACKAGES for path in (root / name).rglob("*.py")]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in found}


def _run(build: Build, program: str, *words: str) -> subprocess.CompletedProcess[str]:
    """A compiled build is imported from where it is installed, every other from here."""
    left_out = ("PYTHONPATH", "PYTHONSAFEPATH")
    environment = {name: value for name, value in os.environ.items() if name not in left_out}
    environment |= {"PYTHONHASHSEED": build.hash_seed, "PYTHONDONTWRITEBYTECODE": "1"}
    if build.compiled:
        environment["PYTHONSAFEPATH"] = "1"
    command = [str(build.python), "-c", program, *words]
    return subprocess.run(  # noqa: S603  # an interpreter of ours, with a program of ours
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


# --- what runs in a build ------------------------------------------------------------------------


def tell(name: str, first: int, end: int, jobs: int, short: bool) -> None:  # noqa: FBT001
    """Print the digest of each seed, as JSON."""
    import core.step

    told: dict[str, object] = {"step": core.step.__file__, "lacking": "", "digests": {}}
    if runs_here_in_short(name) if short else runs_here(name):
        # One worker is this process: others choose their hash seeds themselves.
        many = jobs if jobs > 1 else None
        results = campaign(name, range(first, end), jobs=many, short=short).results
        told["digests"] = {result.seed: _result(result) for result in results}
    else:
        told["lacking"] = machine.NONE
    print(json.dumps(told))


def _result(result: SeedResult) -> str:
    """The digest is of what core did; what follows it, of all that was counted and claimed."""
    if not result.digest:
        return f"raised {result.error}"
    judged = sha256(json.dumps(result.given()).encode()).hexdigest()
    return f"{result.digest} {judged[:16]}"


def write(name: str, seed: int, folder: str, short: bool) -> None:  # noqa: FBT001
    """Write a seed's journal and its last state into the folder."""
    from core.journal import encode_state
    from tieout.reports.files import save_journal
    from tieout.runs import run

    outcome = run(name, seed, short=short, sampled=False)
    save_journal(outcome.store, Path(folder) / "journal.db")
    (Path(folder) / "state.json").write_bytes(encode_state(outcome.state))


# --- where two builds part -----------------------------------------------------------------------


def parting(pair: Sequence[Build], scenario: str, seed: int, *, short: bool) -> Parted:
    """The first difference between the runs of one seed in two builds."""
    with tempfile.TemporaryDirectory() as folder:
        places = [Path(folder) / str(number) for number in range(len(pair))]
        for build, place in zip(pair, places, strict=True):
            place.mkdir()
            form = "short" if short else "full"
            done = _run(build, JOURNAL, scenario, str(seed), str(place), form)
            if done.returncode:
                raised = done.stderr.strip().splitlines()[-1]
                return Parted(f"{build.name} raised", raised, "")
        return first_difference(*places)


def first_difference(first: Path, second: Path) -> Parted:
    """Of two folders of `write`: the first record that differs, else where the last states do."""
    with opened(first / "journal.db") as one, opened(second / "journal.db") as other:
        chains = [
            [tuple(row) for row in each.execute("SELECT last, chain FROM groups ORDER BY last")]
            for each in (one, other)
        ]
        equal = groups_equal(*chains)
        after = int(chains[0][equal - 1][0]) if equal else 0
        for mine, theirs in zip_longest(read_records(one, after), read_records(other, after)):
            if mine != theirs:
                return _parted(mine, theirs)
    states = [(folder / "state.json").read_text() for folder in (first, second)]
    if states[0] == states[1]:
        return Parted("journals and last states are equal: they were judged differently", "", "")
    where = "the journals are equal, the last states differ"
    return Parted(where, *_around(*states))


def groups_equal(first: Sequence[object], second: Sequence[object]) -> int:
    """How many commit groups at the beginning are equal. Each one's hash covers all before it, so
    that of a group which is equal nothing before needs to be looked at."""
    low, high = 0, min(len(first), len(second))
    while low < high:
        middle = (low + high + 1) // 2
        if first[middle - 1] == second[middle - 1]:
            low = middle
        else:
            high = middle - 1
    return low


def _parted(mine: Record | None, theirs: Record | None) -> Parted:
    known = mine or theirs
    assert known is not None, "two that are not equal are not both missing"
    where = f"record {known.number} ({known.kind} {known.name}, caused by {known.cause})"
    return Parted(where, *_around(*(_text(each) for each in (mine, theirs))))


def _text(record: Record | None) -> str:
    if record is None:
        return "no record"
    told = (record.kind, record.name, record.head.decode(), record.body.decode(errors="replace"))
    return " ".join(part for part in told if part)


def _around(first: str, second: str) -> tuple[str, str]:
    """Both texts, near the place where they part."""
    length = min(len(first), len(second))
    place = next((n for n in range(length) if first[n] != second[n]), length)
    start = max(0, place - SHOWN)
    return first[start : place + SHOWN], second[start : place + SHOWN]


# --- the command ---------------------------------------------------------------------------------


def lines(told: Sequence[tuple[Build, Told]]) -> Iterator[str]:
    """A table: a line for each build, its digests as one, and the seeds in which it differs."""
    expected = told[0][1].digests
    for build, each in told:
        if each.lacking or each.broke:
            why = f"left out: {each.lacking}" if each.lacking else f"BROKE: {each.broke}"
            yield f"{build.name:<40}  {why}"
            continue
        text = "".join(f"{seed} {digest}\n" for seed, digest in sorted(each.digests.items()))
        differ = differing(expected, each.digests)
        names = ", ".join(map(str, differ[:10])) + (", …" if len(differ) > 10 else "")
        verdict = f"differs in seeds {names}" if differ else "equal"
        yield f"{build.name:<40}  {sha256(text.encode()).hexdigest()[:16]}  {verdict}"


def differing(expected: dict[int, str], digests: dict[int, str]) -> list[int]:
    return [seed for seed in sorted(expected) if expected[seed] != digests.get(seed)]


@click.command()
@click.argument("scenario")
@click.option("--seeds", default="0:5", metavar="A:B", help="A is in, B is not.")
@click.option("--short", is_flag=True, help="The short form of the scenario.")
@click.option("--with", "must", type=click.Choice(("pythons", "compiled")), multiple=True)
def main(scenario: str, seeds: str, short: bool, must: tuple[str, ...]) -> None:  # noqa: FBT001
    """Run the seeds of a SCENARIO in every build, and compare their digests."""
    first, _, end = seeds.partition(":")
    if not (first.isdecimal() and end.isdecimal() and int(first) < int(end)):
        raise click.BadParameter(f"found {seeds!r}; 0:5 would do", param_hint="--seeds")
    with refusals():
        from scenarios.model import find

        find(scenario)
        name = str(Path(scenario).resolve()) if Path(scenario).is_file() else scenario
        wanted = range(int(first), int(end))
        told = [(each, digests_of(each, name, wanted, short=short)) for each in builds()]
        click.echo("\n".join(lines(told)))
        sys.exit(_verdict(told, name, short=short, must=must))


def _verdict(
    told: Sequence[tuple[Build, Told]], name: str, *, short: bool, must: tuple[str, ...]
) -> int:
    """The exit status; shows where the first that differs does."""
    yardstick, expected = told[0]
    if expected.lacking:
        return LACKING
    if any(each.broke for _, each in told):
        return FAILED
    for build, each in told:
        for seed in [] if each.lacking else differing(expected.digests, each.digests)[:1]:
            parted = parting((yardstick, build), name, seed, short=short)
            click.echo(f"seed {seed}: {parted.where}")
            click.echo(f"  {yardstick.name}: {parted.first}\n  {build.name}: {parted.second}")
            return FAILED
    missing = [build for build, each in told if each.lacking and not _excused(build, each)]
    return LACKING if any(_kind(build) in must for build in missing) else HELD


def _excused(build: Build, told: Told) -> bool:
    return told.lacking == machine.NONE and build.name in (f"Python {v}" for v in WITHOUT_EVM)


def _kind(build: Build) -> str:
    return "compiled" if build.compiled else "pythons"


if __name__ == "__main__":
    main()
