"""Slither over the token's contract, by hand: `python -m tests.slither` prints what it finds.

It wants node, and slither-analyzer in an environment of its own: no lock has it, no test runs it.
What it finds is answered in docs/slither.md.
"""

import os
import sys
import tempfile
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


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        found = findings(Path(made))
        os.chdir(solidity.ROOT)
    for each in sorted(found, key=lambda each: str(each["check"])):
        print(f"{each['check']} ({each['impact']}): {each['description']}")
    print(f"{len(found)} findings", file=sys.stderr)
