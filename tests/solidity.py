"""solc-js at development time: `python -m tests.solidity` compiles anew what is committed.

Beside each source lie its compiler input (settings, and every source by its Keccak-256: others'
text stays in their package) and its artifacts. `test_artifacts.py` rebuilds both, byte for byte.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from rails.keys import keccak256

ROOT = Path(__file__).parent.parent
PACKAGES = ROOT / "tests/servers/node_modules"
COMPILER = PACKAGES / "solc"
TOKEN = ROOT / "tokens/contracts/AuthorizedToken.sol"
UNITS = (TOKEN, *sorted((ROOT / "tests/contracts").glob("*.sol")))
SETTINGS = {
    "evmVersion": "cancun",
    "optimizer": {"enabled": True, "runs": 1_000_000},
    "outputSelection": {
        "*": {"*": ["abi", "evm.bytecode.object", "evm.deployedBytecode", "storageLayout"]}
    },
    "viaIR": True,
}
IMPORT = re.compile(r'^import [^;]*?"([^"]+)";', re.MULTILINE)


def node() -> str | None:
    """The program `node`: the machine's, or the one that `make test` brought."""
    return shutil.which("node") or shutil.which("node", path=str(Path(sys.executable).parent))


def sources(unit: Path, text: str | None = None) -> dict[str, str]:
    """The unit (with that text, if one is given) and all that it imports, by name, in order."""
    found: dict[str, str] = {}
    waiting = {unit.name: text if text is not None else unit.read_text()}
    while waiting:
        name, content = waiting.popitem()
        found[name] = content
        for told in IMPORT.findall(content):
            path = os.path.normpath(os.path.join(os.path.dirname(name), told))  # noqa: PTH118, PTH120
            other = path if told.startswith(".") else told
            if other not in found:
                waiting[other] = (PACKAGES / other).read_text()
    return dict(sorted(found.items()))


def pinned(contents: dict[str, str]) -> dict[str, Any]:
    """The compiler's input, its sources told by hash."""
    hashes = {name: "0x" + keccak256(text.encode()).hex() for name, text in contents.items()}
    told = {name: {"keccak256": hashed} for name, hashed in hashes.items()}
    return {"language": "Solidity", "settings": SETTINGS, "sources": told}


def output(asked: dict[str, Any], contents: dict[str, str]) -> dict[str, Any]:
    """What solc-js makes of the input; it checks each content against the input's hash."""
    whole = {
        **asked,
        "sources": {
            name: {**told, "content": contents[name]} for name, told in asked["sources"].items()
        },
    }
    program = node()
    assert program, "no node"
    script = (
        f"const solc = require({json.dumps(str(COMPILER))});"
        "let asked = ''; process.stdin.on('data', part => asked += part);"
        "process.stdin.on('end', () => process.stdout.write(solc.compile(asked)));"
    )
    done = subprocess.run(
        [program, "-e", script], input=json.dumps(whole), capture_output=True, text=True, check=True
    )
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def complaints(told: dict[str, Any]) -> list[str]:
    """What the compiler says against it, warnings too."""
    return [each["formattedMessage"] for each in told.get("errors", [])]


def artifacts(unit: Path, told: dict[str, Any]) -> dict[str, Any]:
    """Of each contract in the unit: what is deployed, called and stored."""
    kept = {}
    for name, contract in told["contracts"][unit.name].items():
        if not contract["evm"]["bytecode"]["object"]:
            continue
        deployed = contract["evm"]["deployedBytecode"]
        kept[name] = {
            "abi": contract["abi"],
            "bytecode": contract["evm"]["bytecode"]["object"],
            "deployedBytecode": deployed["object"],
            "immutableReferences": deployed["immutableReferences"],
            "storageLayout": contract["storageLayout"],
        }
    return kept


def rebuilt(unit: Path) -> dict[Path, str]:
    """The texts of the two files beside the unit."""
    contents = sources(unit)
    asked = pinned(contents)
    told = output(asked, contents)
    assert not complaints(told), "\n".join(complaints(told))
    return {
        unit.with_suffix(".input.json"): json.dumps(asked, indent=1) + "\n",
        unit.with_suffix(".json"): json.dumps(artifacts(unit, told), indent=1) + "\n",
    }


if __name__ == "__main__":
    for each in UNITS:
        for path, text in rebuilt(each).items():
            path.write_text(text)
