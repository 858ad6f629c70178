"""Every *must hold* line of every issue at full size: held, failed or not run; not run is not held.

    python -m tieout.prove [--part N] [--only WORD] [--resume]

Each line is a command that anyone can run by hand; it holds when it exits 0. Results go to
bench/proofs.json with commit, seconds and date; `--resume` leaves out what was held at this commit.
"""

import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import click

ROOT = Path(__file__).parent.parent
PROOFS = ROOT / "bench" / "proofs.json"
MARKET = "../shared/data/market/binance_xrp_eth_trades.json.gz"


class Proof(NamedTuple):
    """One line: which part it belongs to, what must hold, and the command that shows it.

    Where the path that it `needs` is not there, it is not run: `python tests/pythons.py` makes the
    other Pythons, `make compiled` the compiled build.
    """

    part: int
    claim: str
    command: tuple[str, ...]
    needs: str = ""


def tieout(*words: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "tieout", *words)


def pytest(*words: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "pytest", "-q", *words)


PROVEN = (
    Proof(
        1,
        "200 seeds of storm_venues: truth to the unit, nothing silent, found in time",
        tieout("campaign", "storm_venues", "--seeds", "0:200", "--jobs", "2"),
    ),
    Proof(
        1,
        "every scenario of the catalogue holds its claims",
        tieout("campaign", "all", "--seeds", "0:3", "--jobs", "2"),
    ),
    Proof(
        1,
        "59 recorded hours drive five venues under all faults, within 50 seconds",
        ("timeout", "50", *tieout("run", "storm_venues", "--market", MARKET, "--seed", "7")),
        needs=MARKET,
    ),
    Proof(
        1,
        "one plan, one digest: hash seeds, Pythons 3.11 to 3.13, replay",
        pytest("tests/test_determinism.py"),
        needs=".venv-3.13/bin/python",
    ),
    Proof(
        1,
        "one plan, one digest: plain and compiled",
        pytest("tests/test_compiled.py"),
        needs=".venv-compiled/bin/python",
    ),
    Proof(
        1,
        "the sum of a trace is the figure, each fill with its frame",
        pytest("tests/test_trace.py"),
    ),
    Proof(
        1,
        "100 kills, torn and unsynced bytes: nothing acknowledged lost, nothing doubled",
        pytest("tests/test_kill.py", "tests/test_journal_crash.py", "tests/test_law.py"),
    ),
    Proof(1, "each planted bug fails a named claim", pytest("tests/test_planted_bugs.py")),
    Proof(
        1,
        "real payloads: read as written by hand, or quarantined",
        pytest("tests/test_samples.py", "tests/test_shapes.py"),
    ),
    Proof(1, "bad input: a status and a place, never a traceback", pytest("tests/test_cli.py")),
    Proof(
        2,
        "500 seeds of storm_rails: nothing wrongly settled, nothing lost, all fired 50 times",
        tieout("campaign", "storm_rails", "--seeds", "0:500", "--jobs", "2", "--at-least", "50"),
    ),
    Proof(
        2,
        "every scenario of rails holds its claims over 20 seeds",
        pytest("tests/rail_scenarios.py"),
    ),
    Proof(
        2,
        "each planted bug of settlement fails a named claim",
        pytest("tests/test_planted_settlement.py"),
    ),
    Proof(
        2,
        "any order of facts: the ledger holds, limits hold, nothing is instructed twice",
        pytest("tests/test_settlement_machine.py"),
    ),
    Proof(
        2,
        "every sample of a rail: entries, sums and facts as written by hand",
        pytest("tests/test_messages.py", "tests/test_message_rules.py"),
    ),
    Proof(
        2,
        "bad input of a customer is refused with its reason, and nothing is lost",
        pytest("tests/test_transfers.py", "tests/test_beneficiaries.py", "tests/test_custodian.py"),
    ),
    Proof(
        3,
        "the gate answers as its plain model, each code 1,000 times, each bound at -1, 0 and +1",
        ("env", "TIEOUT_FULL=1", *pytest("tests/test_gate.py", "-k", "plain_model")),
    ),
    Proof(
        3,
        "the gate: planted exceptions, bad words, known faults (V29), refusals in figures",
        pytest("tests/test_gate.py", "tests/test_limit_gate.py"),
    ),
    Proof(
        3,
        "the gate answers the same plain and compiled",
        ("env", "TIEOUT_FULL=1", *pytest("tests/test_gate.py", "-k", "compiled")),
        needs=".venv-compiled/bin/python",
    ),
)


@click.command()
@click.option("--part", type=int, default=0, help="Only the lines of this part.")
@click.option("--only", default="", help="Only lines whose claim has this word.")
@click.option("--resume", is_flag=True, help="Leave out what was held at this commit.")
def main(part: int, only: str, resume: bool) -> None:  # noqa: FBT001  # click hands flags over so
    """Run the proofs, one line each."""
    commit = _git("rev-parse", "--short", "HEAD")
    if _git("status", "--porcelain"):
        commit += "+changes"
    results = json.loads(PROOFS.read_text()) if PROOFS.exists() else {}
    failed = False
    for proof in PROVEN:
        if part not in (0, proof.part) or only not in proof.claim:
            continue
        known = results.get(proof.claim, {})
        if not (resume and known.get("status") == "held" and known.get("commit") == commit):
            results[proof.claim] = known = _run(proof, commit)
            PROOFS.parent.mkdir(exist_ok=True)
            PROOFS.write_text(json.dumps(results, indent=2) + "\n")
        failed = failed or known["status"] != "held"
        click.echo(f"{known['status']:<8} part {proof.part}: {proof.claim} ({known['seconds']} s)")
    sys.exit(1 if failed else 0)


def _run(proof: Proof, commit: str) -> dict[str, object]:
    shown = " ".join("python" if word == sys.executable else word for word in proof.command)
    status, seconds = "not run", 0.0
    click.echo(f"         {shown}", err=True)
    if not proof.needs or (ROOT / proof.needs).exists():
        started = time.perf_counter()
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(  # noqa: S603  # our own commands, from the table above
            proof.command, cwd=ROOT, env=environment, stdout=sys.stderr, check=False
        )
        seconds = round(time.perf_counter() - started, 1)
        status = "held" if done.returncode == 0 else "failed"
    return {
        "part": proof.part,
        "status": status,
        "command": shown,
        "seconds": seconds,
        "commit": commit,
        "date": datetime.now(UTC).date().isoformat(),
    }


def _git(*words: str) -> str:
    done = subprocess.run(  # noqa: S603  # git, with words of ours
        ("git", *words),  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip()


if __name__ == "__main__":
    main()
