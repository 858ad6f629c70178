"""softhsm2, a PKCS#11 token in software, unpacked without root: `python tests/softhsm.py`.

It is Debian's own package, fetched and checked by apt, laid into `.venv-softhsm` and installed
nowhere. TIEOUT_SOFTHSM names another folder with `softhsm2-util` and `libsofthsm2.so` somewhere
below it.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
PLACE = Path(os.environ.get("TIEOUT_SOFTHSM", ROOT / ".venv-softhsm"))
PACKAGES = ("softhsm2", "libsofthsm2")


def found(name: str) -> Path | None:
    """The file of that name below the place, if it is there."""
    return next((path for path in sorted(PLACE.rglob(name)) if path.is_file()), None)


def make() -> None:
    """Fetch and unpack it; `CalledProcessError` or `OSError` where the machine cannot."""
    drafts = PLACE.with_name(f"{PLACE.name}-{os.getpid()}")
    lists = drafts / "lists"
    lists.mkdir(parents=True)
    try:
        if subprocess.run(["apt-get", "download", *PACKAGES], cwd=drafts, check=False).returncode:
            # The machine's own lists know nothing, and to renew them takes root; these do not.
            own = ["apt-get", "-o", f"Dir::State::lists={lists}", "-o", f"Dir::Cache={drafts}"]
            subprocess.run([*own, "update", "--quiet"], check=True)
            subprocess.run([*own, "download", *PACKAGES], cwd=drafts, check=True)
        for package in drafts.glob("*.deb"):
            subprocess.run(["dpkg-deb", "--extract", str(package), str(PLACE)], check=True)
    finally:
        shutil.rmtree(drafts)


if __name__ == "__main__" and not (found("softhsm2-util") and found("libsofthsm2.so")):
    try:
        make()
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"no softhsm2: {error}")
