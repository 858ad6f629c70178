"""The house itself: what it is built from, and what may not lie about in it."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
PACKAGES = PROJECT["tool"]["importlinter"]["root_packages"]
NAMED_BY_THE_USER = [
    "ccxt",
    "hypothesis",
    "jupyter",
    "matplotlib",
    "numpy",
    "pandas",
    "pydantic",
    "pytest",
    "simpy",
    "web3",
]


def declared() -> set[str]:
    """Every distribution that pyproject names, in the base or in an extra."""
    project = PROJECT["project"]
    sets = [project["dependencies"], *project["optional-dependencies"].values()]
    return {re.split(r"[^\w.-]", line)[0].lower() for lines in sets for line in lines}


def requirements(lock: Path) -> list[str]:
    """The requirements of a lock, each with its hashes on one line, without comments."""
    lines = [line for line in lock.read_text().splitlines() if not line.strip().startswith("#")]
    return "\n".join(lines).replace("\\\n", " ").splitlines()


def tracked() -> list[Path]:
    """What git keeps or would keep: everything that .gitignore does not name."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    names = subprocess.run(listing, cwd=ROOT, capture_output=True, check=True, text=True).stdout
    return [path for name in names.split("\0") if name and (path := ROOT / name).is_file()]


@pytest.mark.parametrize("name", NAMED_BY_THE_USER)
def test_the_project_stands_on_what_the_user_named(name: str) -> None:
    """Each of the ten packages that the user named is a declared dependency."""
    assert name in declared()


def test_there_is_a_lock_for_every_set() -> None:
    """One lock per set, and no uv.lock, which would write a registry's host into the house."""
    named = "api base bench build dask kms live nats next node notebooks peers pkcs11 postgres"
    assert [lock.stem for lock in LOCKS] == [*named.split(), "test", "tokens"]
    assert not (ROOT / "uv.lock").exists()


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_a_lock_pins_by_version_and_by_hash(lock: Path) -> None:
    """Every requirement of a lock is one exact version with its hashes."""
    lines = requirements(lock)
    assert lines
    for line in lines:
        assert re.match(r"[\w.-]+(\[[\w,]+\])?==\S+ ", line), line
        assert "--hash=sha256:" in line, line


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_a_lock_names_no_host_and_no_machine(lock: Path) -> None:
    """A lock holds no URL, no absolute path and no option that points to a registry."""
    text = lock.read_text()
    assert "://" not in text
    assert not re.search(r"(?:^|\s)/\w", text)
    assert not re.search(r"^\s*--?(?!hash=)\w", text, re.MULTILINE)


def test_the_locks_agree() -> None:
    """No two locks pin different versions of one package, so that any of them install together.

    But for `next`, which is another version of what `bench` pins, in an environment of its own.
    """
    pins: dict[str, list[set[str]]] = {}
    for lock in (each for each in LOCKS if each.stem != "next"):
        versions: dict[str, set[str]] = {}
        for line in requirements(lock):
            name, pin = line.split()[0].split("==")
            versions.setdefault(name, set()).add(pin)
        for name, pinned in versions.items():
            pins.setdefault(name, []).append(pinned)
    # A lock may pin a package twice, for two versions of Python; then it lists all there are.
    assert {name: p for name, p in pins.items() if set.union(*p) != max(p, key=len)} == {}


def test_the_lock_covers_what_is_declared() -> None:
    """Whoever adds a dependency runs `make lock`: each declared name is pinned somewhere."""
    pinned = {line.split("==")[0].split("[")[0] for lock in LOCKS for line in requirements(lock)}
    assert declared() <= pinned


def test_the_readme_says_of_each_dependency_why_it_and_not_its_rival() -> None:
    """A row of three cells, none of them empty, for each that is declared."""
    table = (ROOT / "README.md").read_text().partition("## Dependencies")[2]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("| ")]
    assert all(len(row) == 3 and min(map(len, row)) > 1 for row in rows), rows
    named = {name for row in rows for name in re.findall(r"[\w.-]+", row[0].lower())}
    assert declared() <= named, declared() - named


@pytest.mark.parametrize("package", [*PACKAGES, "tests", "bench", "notebooks"])
def test_each_package_says_what_is_true_and_where_to_start(package: str) -> None:
    text = (ROOT / package / "README.md").read_text()
    assert "True here" in text
    assert re.search(r"^(Where to start|To start)", text, re.MULTILINE), package


def test_the_makefile_stays_a_table_of_contents() -> None:
    """One Makefile, under 60 lines."""
    assert len((ROOT / "Makefile").read_text().splitlines()) < 60


@pytest.mark.parametrize("package", PACKAGES)
def test_no_compiled_module_lies_beside_its_source(package: str) -> None:
    """A stray .so would be imported instead of the source one reads."""
    assert not [*(ROOT / package).rglob("*.so"), *(ROOT / package).rglob("*.pyd")]


def test_no_file_is_large() -> None:
    """No file that git keeps is over 512 KiB: history is for ever."""
    assert not [path for path in tracked() if path.stat().st_size > 512 * 1024]


@pytest.mark.parametrize("package", PACKAGES)
def test_a_wheel_has_the_tables_that_the_code_reads(package: str) -> None:
    """What lies beside the code, neither Python nor prose, goes with it wherever it goes."""
    shipped = PROJECT["tool"]["setuptools"]["package-data"].get(package, [])
    beside = [
        p for p in tracked() if p.suffix in (".yaml", ".json") and ROOT / package in p.parents
    ]
    left = [p for p in beside if not any(p in (ROOT / package).glob(each) for each in shipped)]
    assert not left


@pytest.mark.parametrize(
    "module", ["sim.oracle", "sim.truth", "venues.simulated", "venues.live", "rails.evm.read_only"]
)
def test_no_contract_sleeps_past_its_module(module: str) -> None:
    """Where a module with an import contract of its own exists, that contract is in force."""
    path = ROOT / module.replace(".", "/")
    if path.is_dir() or path.with_suffix(".py").exists():
        contracts = PROJECT["tool"]["importlinter"]["contracts"]
        assert any(module in contract.get("source_modules", []) for contract in contracts)


def test_a_folder_of_samples_that_is_none_is_no_reason_to_skip(tmp_path: Path) -> None:
    """Who says where the samples are means to read them; a slip would hide a hundred tests."""
    (tmp_path / "samples" / "venues").mkdir(parents=True)
    (tmp_path / "samples" / "venues" / "index.json").write_text("[]")
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
    environment = {name: value for name, value in os.environ.items() if name != "CI"}
    done = subprocess.run(
        [*command, "tests/test_samples.py"],
        cwd=ROOT,
        env={**environment, "TIEOUT_SAMPLES": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout
    wanted = f"{tmp_path / 'samples'} would do"
    assert f"TIEOUT_SAMPLES={tmp_path}: it has no venues/index.json; {wanted}" in done.stdout
