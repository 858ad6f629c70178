"""Slither over the token's contract: `python -m tests.slither` prints what it finds.

It wants node, and slither-analyzer in an environment of its own: no lock has it, no test runs it.
What it finds is answered in docs/slither.md; it exits 1 where a finding has no answer there, an
answer no finding, or their number is another.
"""

import os
import re
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from tests import solidity
from tests.solidity import PACKAGES, TOKEN

# What Slither takes for the compiler: the solc-js that everything else uses.
SHIM = """#!{node}
const solc = require({compiler!r});
if (process.argv.includes('--version')) {{
  console.log('Version: ' + solc.version().replace('.Emscripten.clang', ''));
}} else {{
  let asked = '';
  process.stdin.on('data', part => asked += part);
  process.stdin.on('end', () => process.stdout.write(solc.compile(asked)));
}}
"""
ANSWERS = solidity.ROOT / "docs/slither.md"
TIMES = {"": 1, "twice": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8}
WANTED = ["abi", "metadata", "devdoc", "userdoc", "evm.bytecode", "evm.deployedBytecode"]


def findings(folder: Path) -> list[dict[str, Any]]:
    """Everything that any detector says of our own source."""
    from crytic_compile import CryticCompile
    from crytic_compile.platform.solc_standard_json import SolcStandardJson
    from slither import Slither
    from slither.__main__ import get_detectors_and_printers

    contents = solidity.sources(TOKEN)
    asked = solidity.pinned(contents)
    asked["sources"] = {name: {"content": text} for name, text in contents.items()}
    selection = {"*": {"*": WANTED, "": ["ast"]}}
    asked["settings"] = asked["settings"] | {"outputSelection": selection}
    shim = folder / "solc"
    shim.write_text(SHIM.format(node=solidity.node(), compiler=str(solidity.COMPILER)))
    shim.chmod(0o755)
    # It looks for the sources beside it, as the compiler named them.
    (folder / TOKEN.name).write_text(TOKEN.read_text())
    (folder / "@openzeppelin").symlink_to(PACKAGES / "@openzeppelin")
    os.chdir(folder)
    judge = Slither(CryticCompile(SolcStandardJson(asked), solc=str(shim)))
    for detector in get_detectors_and_printers()[0]:
        judge.register_detector(detector)
    told = [each for results in judge.run_detectors() for each in results]
    return [each for each in told if f"{TOKEN.name}#" in each["description"]]


def unanswered(told: list[str], document: str) -> list[str]:
    """What is amiss between the detectors that found something and the document's table."""
    rows = re.findall(r"^\| ([a-z][a-z0-9-]*) \(\w+\)(?:, (\w+) times)? \|", document, re.MULTILINE)
    answered = {name: TIMES[times] for name, times in rows}
    found = Counter(told)
    return [
        f"{name}: found {found[name]} times, answered {answered.get(name, 0)}"
        for name in sorted({*found, *answered})
        if found[name] != answered.get(name, 0)
    ]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        found = findings(Path(made))
        os.chdir(solidity.ROOT)
    for each in sorted(found, key=lambda each: str(each["check"])):
        print(f"{each['check']} ({each['impact']}): {each['description']}")
    print(f"{len(found)} findings", file=sys.stderr)
    amiss = unanswered([str(each["check"]) for each in found], ANSWERS.read_text())
    sys.exit("\n".join(amiss) or None)
