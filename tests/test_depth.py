"""Whatever is imported, what nests without end is refused and kills nobody."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from rails.depth import kept_depth
from tests.test_house import PACKAGES, ROOT

DEEPENS = re.compile(r"^( *)(?:from|import) (?:web3|eth_account|eth_keys|py_ecc)\b", re.MULTILINE)
BY_A_PROGRAM = """
import sys
before = sys.getrecursionlimit()
{how}
assert sys.getrecursionlimit() {so} before, sys.getrecursionlimit()
from core.frames import Frame
from core.token_effects import FetchTokenHead
from tokens.decoder import decode
from tokens.http.bodies import NotJson, read_object
for hostile in (b"[" * 200_000, b'{{"a":' * 200_000, b'[{{"id":0,"result":' + b"[" * 200_000):
    about = FetchTokenHead(account="chain/a", source="a", token="T")
    (told,) = decode(Frame(number=1, account="chain/a", channel="rest", received_at=1,
                           body=hostile, about=about), {{"T": "0x"}})
    assert type(told).__name__ == "RequestFailed", told
    try:
        read_object(hostile)
    except NotJson:
        continue
    raise SystemExit("it was read")
print("refused")
"""
IMPORT = "import py_ecc.bn128, eth_account"
KEPT = f"from rails.depth import kept_depth\nwith kept_depth():\n    {IMPORT}"


def program(how: str, so: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", BY_A_PROGRAM.format(how=how, so=so)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT)


def test_after_such_an_import_what_nests_without_end_is_refused() -> None:
    """By the readers of nodes' answers and of callers' bodies, in a program of its own."""
    done = program(KEPT, "==")
    assert (done.returncode, done.stdout) == (0, "refused\n"), done.stderr


def test_without_care_such_an_import_does_deepen() -> None:
    """If one day it does not, this care is not needed any more."""
    done = program(IMPORT + "\nassert sys.getrecursionlimit() > 10 * before, 'it does not'", ">")
    assert "it does not" not in done.stderr


def test_an_import_that_fails_leaves_it_too() -> None:
    before = sys.getrecursionlimit()
    with pytest.raises(ImportError):
        _fails_to_import()
    assert sys.getrecursionlimit() == before


def _fails_to_import() -> None:
    with kept_depth():
        sys.setrecursionlimit(sys.getrecursionlimit() + 1)
        raise ImportError


@pytest.mark.parametrize("package", [*PACKAGES, "tests", "bench"])
def test_nobody_imports_what_deepens_without_care(package: str) -> None:
    """Each such import stands within `with kept_depth():`, and so never at the left edge."""
    careless = [
        f"{path.relative_to(ROOT)}: {found.group().strip()}"
        for path in sorted((ROOT / package).rglob("*.py"))
        for found in DEEPENS.finditer(path.read_text())
        if not _is_within(path, found)
    ]
    assert careless == []


def _is_within(path: Path, found: re.Match[str]) -> bool:
    """The nearest line above that is indented less opens the block."""
    above = path.read_text()[: found.start()].splitlines()
    indent = len(found.group(1))
    opening = next(
        (each for each in reversed(above) if each and len(each) - len(each.lstrip()) < indent), ""
    )
    return opening.strip() == "with kept_depth():"
