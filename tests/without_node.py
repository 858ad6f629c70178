"""The README's two commands on a machine without Node: `python tests/without_node.py`.

They run in a clone of what is committed, with all of PATH but Node's own programs. What comes by
npm must be there after `test`: else its tests were skipped. Other targets of `make` may be named.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
OF_NODE = ("node", "nodejs", "npm", "npx", "corepack")
SAMPLES = ROOT.parent / "shared" / "samples"


def path_without_node(folder: Path) -> str:
    """PATH; a folder that has a program of Node's gives way to one of links to all the others."""
    kept = []
    for number, told in enumerate(os.environ["PATH"].split(os.pathsep)):
        place = Path(told)
        if not any((place / name).exists() for name in OF_NODE):
            kept.append(told)
            continue
        others = folder / f"path{number}"
        others.mkdir()
        for program in place.iterdir():
            if program.name not in OF_NODE:
                (others / program.name).symlink_to(program)
        kept.append(str(others))
    return os.pathsep.join(kept)


def main(targets: list[str]) -> None:
    with tempfile.TemporaryDirectory(prefix="tieout-without-node-") as made:
        folder = Path(made)
        clone = folder / "tieout"
        subprocess.run(("git", "clone", "--quiet", str(ROOT), str(clone)), check=True)
        environment = {**os.environ, "PATH": path_without_node(folder)}
        for name in ("PYTHONPATH", "TIEOUT_ANVIL", "VIRTUAL_ENV"):
            environment.pop(name, None)
        if SAMPLES.exists():
            environment.setdefault("TIEOUT_SAMPLES", str(SAMPLES))
        assert shutil.which("node", path=environment["PATH"]) is None, "node is still there"
        for target in targets:
            if subprocess.run(("make", target), cwd=clone, env=environment, check=False).returncode:
                sys.exit(f"make {target} fails without node")
        if targets != ["demo"] and not (clone / ".venv/.servers").exists():
            sys.exit("what comes by npm did not come: its tests were skipped")


if __name__ == "__main__":
    main(sys.argv[1:] or ["demo", "test"])
