"""Every *must hold* line of every issue at full size: held, failed or not run; not run is not held.

    python -m tieout.prove [--part N] [--only WORD] [--resume]

Each line is a command that anyone can run by hand; it holds when it exits 0. A line of tests holds
when none was skipped either: it is else not run, and says which. Results go to bench/proofs.json
with commit, seconds and date; `--resume` leaves out what was held at this commit.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

import click

from tieout.campaigns.campaign import WHOLE
from tieout.campaigns.code_version import code_version

ROOT = Path(__file__).parent.parent
PROOFS = ROOT / "bench" / "proofs.json"
MARKET = "../shared/data/market/binance_xrp_eth_trades.json.gz"
# Stands for a folder of its own, which is gone when the line is over.
OUT = "DIR"
# Stands for a folder of this code's, which stays: a campaign that was interrupted goes on there.
KEPT = "KEPT"
KEPT_AT = ROOT / "out" / "proofs"
COMPILED = ".venv-compiled/bin/"
SLITHER = ".venv-slither/bin/python"
PEERS = ".venv-peers/bin/python"


class Proof(NamedTuple):
    """One line: which part it belongs to, what must hold, and the command that shows it.

    Where the path that it `needs` is not there, it is not run: `python tests/pythons.py` makes the
    other Pythons, `make compiled` the compiled build; docs/slither.md says how Slither comes. Tests
    may skip for the reasons `but_for`.
    """

    part: int
    claim: str
    command: tuple[str, ...]
    needs: str = ""
    but_for: tuple[str, ...] = ()


def tieout(*words: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "tieout", *words)


def pytest(*words: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "pytest", "-q", *words)


def same(scenario: str, builds: str) -> tuple[str, ...]:
    """The same digests in each of those builds."""
    command = (sys.executable, "-m", "tieout.determinism", scenario)
    return (*command, "--seeds", "0:10", "--short", "--with", builds)


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
        "12,477 recorded trades, each gap in their 59 hours cut to 100 ms at most (943 s in all),"
        " drive five venues under all faults, within 50 seconds",
        (
            *("timeout", "50"),
            *tieout("run", "storm_venues", "--market", MARKET, "--seed", "7", "--out", OUT),
        ),
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
        needs=f"{COMPILED}python",
    ),
    Proof(
        1,
        "the whole suite on the compiled build",
        (
            *("env", "PYTHONSAFEPATH=1", f"{COMPILED}pytest", "-o", "pythonpath=", "-n", "2"),
            *("--ignore", "tests/test_notebooks.py"),
        ),
        needs=f"{COMPILED}pytest",
        but_for=("is compiled: ", "this is the compiled environment"),
    ),
    Proof(
        1,
        "the sum of a trace is the figure, each fill with its frame",
        pytest("tests/test_trace.py"),
    ),
    Proof(
        1,
        "100 kills, torn and unsynced bytes: nothing acknowledged lost, nothing doubled",
        (
            *("env", "TIEOUT_FULL=1"),
            *pytest("tests/test_kill.py", "tests/test_journal_crash.py", "tests/test_law.py"),
        ),
    ),
    Proof(
        1,
        "any flipped bit of a closed journal is damage; over 20,000 transfers and 12,000 orders the"
        " state does not grow and forgets nothing; connections end by their age, weather and kills"
        " over five seeds",
        (
            *("env", "TIEOUT_FULL=1"),
            *pytest(
                "tests/test_verify.py",
                "tests/test_memory.py",
                "tests/test_settlement_memory.py",
                "tests/test_simulated_live.py",
            ),
        ),
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
        "1,000 seeds of storm_risk: no order of ours takes an exposure over a hard limit",
        tieout("campaign", "storm_risk", "--seeds", "0:1000", "--jobs", "2", "--short"),
    ),
    Proof(
        3,
        "a silent engine tightens within a heartbeat and closes at expiry, never later",
        tieout("campaign", "cold_path_stalls", "--seeds", "0:50", "--jobs", "2"),
    ),
    Proof(
        3,
        "three gates never spend one limit twice",
        tieout("campaign", "three_gates_one_limit", "--seeds", "0:50", "--jobs", "2"),
    ),
    Proof(
        3,
        "gates in processes: the same claims over socket and stream; kills, redelivery, a wipe",
        pytest("tests/test_gate_process.py", "tests/test_gate_decisions.py"),
    ),
    Proof(
        3,
        "planted bugs of risk each fail a named claim",
        pytest("tests/test_planted_risk.py"),
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
        needs=f"{COMPILED}python",
    ),
    Proof(
        4,
        "500 seeds of storm_tokens: nothing against the policy in force, the register is the"
        " chain's, each fault and each refusal fired 50 times",
        tieout("campaign", "storm_tokens", "--seeds", "0:500", "--jobs", "2", "--at-least", "50"),
    ),
    Proof(
        4,
        "for up to eight outstanding, decisions equal brute force both ways",
        pytest("tests/test_reservations.py"),
    ),
    Proof(
        4,
        "every scenario of tokens holds its claims, the code of the contract unchanged in all",
        ("env", "TIEOUT_FULL=1", *pytest("tests/test_token_scenarios.py")),
    ),
    Proof(
        4,
        "planted bugs of tokens each fail a named claim",
        pytest("tests/test_planted_tokens.py"),
    ),
    Proof(
        4,
        "with every authorizer's key stolen nothing leaves a holder who did not act",
        pytest("tests/test_token.py", "-k", "all_authorizers_together or takes_what_names_it"),
    ),
    Proof(
        4,
        "stolen keys and a holder who acts: the orphan is found, signing closes, a pause is asked",
        tieout("campaign", "signer_stolen", "--seeds", "0:50", "--jobs", "2"),
    ),
    Proof(
        4,
        "nothing private is in calldata, logs or storage, plain or hashed",
        pytest("tests/test_token_privacy.py"),
    ),
    Proof(
        4,
        "the token refuses replay, tampering, malleated signatures, closed windows, wrong lanes,"
        " reentrancy and self-transfer, on the embedded EVM and on a real node",
        pytest("tests/test_token.py"),
    ),
    Proof(
        4,
        "register, signers and holders on the simulated chain and on a real node: stuck, replaced,"
        " dropped, expired, cancelled, forked; after each block the register is the contract's",
        pytest(
            "tests/test_token_conformance.py",
            "tests/test_evm_conformance.py",
            "tests/test_live_node.py",
        ),
    ),
    Proof(
        4,
        "each case of OpenZeppelin's ERC-20, kept or inverted; supply and balances under anything",
        pytest("tests/test_token_erc20.py", "tests/test_token_machine.py"),
    ),
    Proof(
        4,
        "planted bugs of the contract are each seen",
        pytest("tests/contract_mutants.py"),
    ),
    Proof(
        4,
        "Slither's findings are each answered in docs/slither.md",
        (SLITHER, "-m", "tests.slither"),
        needs=SLITHER,
    ),
    Proof(
        4,
        "EIP-712 digests are the official example's, Wycheproof gives no wrong accept, keystores"
        " open",
        pytest(
            "tests/test_typed.py",
            "tests/test_calls.py",
            "tests/test_token_signatures.py",
            "tests/test_signing.py",
        ),
    ),
    Proof(
        4,
        "keys in a keystore, in softhsm2, in a KMS: low s, and the backend's own address",
        pytest("tests/test_token_backends.py", "tests/test_verifying_signer.py"),
    ),
    Proof(
        4,
        "gas on a real node is within its bars, and the README shows it",
        pytest("tests/test_token_gas.py"),
    ),
    Proof(
        4,
        "4,000 authorizations per CPU-second with 1,000 outstanding",
        (sys.executable, "-m", "bench", "--only", "tokens", "--must-hold"),
    ),
    Proof(
        4,
        "the committed bytecode is built anew, byte for byte",
        pytest("tests/test_artifacts.py"),
    ),
    Proof(
        4,
        "the README's two commands do everything without Node",
        (sys.executable, "tests/without_node.py"),
    ),
    Proof(
        4,
        "bad input to the control plane: a 4xx with its reason, journaled, and nothing is signed",
        pytest("tests/test_token_api.py"),
    ),
    Proof(
        5,
        "hazards planted in core are each caught: a clock, dice, a set, a float, hash, ...",
        pytest(
            *("tests/test_planted_hazards.py", "tests/test_seal.py", "tests/test_core_is_pure.py"),
            "tests/test_core_remembers_nothing.py",
        ),
    ),
    Proof(
        5,
        "one digest over hash seeds, workers and Pythons 3.11 to 3.13: 10 seeds of storm",
        same("storm", "pythons"),
        needs=".venv-3.13/bin/python",
    ),
    Proof(
        5,
        "one digest over hash seeds, workers and Pythons 3.11 and 3.12: 10 seeds of storm_tokens",
        same("storm_tokens", "pythons"),
        needs=".venv-3.12/bin/python",
    ),
    Proof(
        5,
        "one digest, plain and compiled: 10 seeds of storm",
        same("storm", "compiled"),
        needs=f"{COMPILED}python",
    ),
    Proof(
        5,
        "a small run holds with its node killed at every append, commit and effect, and twice;"
        " orders, leases and payments at 200 points each",
        ("env", "TIEOUT_FULL=1", *pytest("tests/test_crashes.py")),
    ),
    Proof(
        5,
        "lost_frame holds with its node killed at every point of six seconds",
        tieout("crashes", "lost_frame", "--seconds", "6", "--jobs", "2"),
    ),
    Proof(
        5,
        "issued_and_moved holds with its node killed at 400 of its points",
        tieout("crashes", "issued_and_moved", "--sample", "400", "--jobs", "2"),
    ),
    Proof(
        5,
        "storm_venues holds with its node killed once more, at 200 of its points",
        tieout("crashes", "storm_venues", "--short", "--sample", "200", "--jobs", "2"),
    ),
    Proof(
        5,
        "two nodes over one journal, two gates over one lease: one is refused, or one is fenced",
        pytest("tests/test_double_start.py"),
    ),
    Proof(
        5,
        "orders, transfers, leases and permissions in any order of facts, ten times as many; what"
        " fails is exported and fails again",
        (
            *("env", "TIEOUT_FULL=1"),
            *pytest(
                "tests/test_order_machine.py",
                "tests/test_settlement_machine.py",
                "tests/test_leases.py",
                "tests/test_permission_machine.py",
                "tests/test_token_machine.py",
                "tests/test_exported.py",
            ),
        ),
    ),
    Proof(
        5,
        "a campaign that was killed, sharded, or run on Dask is the one in one go, and reports",
        pytest(
            "tests/test_campaign.py",
            "tests/test_campaign_dask.py",
            "tests/test_campaign_figures.py",
            "tests/test_campaign_ledger.py",
            "tests/test_campaign_workers.py",
        ),
    ),
    Proof(
        5,
        "two processes run 1.8 times the seeds of one, and what an engine costs a seed",
        (sys.executable, "-m", "bench", "--only", "campaign", "--must-hold"),
    ),
    Proof(
        5,
        "25,000 core inputs per CPU-second through the full simulated path",
        (sys.executable, "-m", "bench", "--only", "simulated", "--must-hold"),
    ),
    Proof(
        5,
        "nine tenths of core's transitions and every fault kind are visited by the CI campaign",
        (sys.executable, "-m", "tieout.ci_campaign"),
    ),
    Proof(
        5,
        "every planted bug is seen, and the same storms without one hold",
        (sys.executable, "-m", "tests.mutants"),
    ),
    Proof(
        5,
        "twenty bugs by people who had read no claim: what sees each, in at most fifty seeds",
        (sys.executable, "-m", "tests.mutants", "--blind"),
    ),
    Proof(
        5,
        "ten planted bugs: what fails shrinks to at most 3 families and a tenth of the events, and"
        " fails again from its one command in a fresh clone",
        (sys.executable, "-m", "tests.shrinking"),
    ),
    Proof(
        5,
        "10,000 seeds of storm, short: no false alarm",
        tieout(
            *("campaign", "storm", "--seeds", "0:10000", "--short", "--jobs", "2"),
            *("--out", KEPT, "--resume"),
        ),
    ),
    Proof(
        6,
        "four venues over real sockets, 5,000 fills and 20 of each fault at each: our books are"
        " theirs, beside a trader who believes ccxt",
        (sys.executable, "-m", "tests.live_proof"),
    ),
    Proof(
        6,
        "sixty lives of a live node under load ended by SIGKILL at five points: nothing is lost or"
        " doubled, and every unknown outcome is resolved",
        (sys.executable, "-m", "tests.live_kills"),
    ),
    Proof(
        6,
        "from the socket to durable and applied in 2.5 times ccxt's watch_my_trades, 3.5 without",
        (sys.executable, "-m", "bench", "--only", "live", "--must-hold"),
    ),
    Proof(
        6,
        "one node is frozen between its check and the socket write and resumed after the take-over;"
        " the venue refuses the stale request",
        ("env", "TIEOUT_FULL=1", *pytest("tests/test_leadership.py")),
    ),
    Proof(
        6,
        "the journal on PostgreSQL, its server killed under load, and a standby that takes over",
        ("env", "TIEOUT_FULL=1", *pytest("tests/test_postgres_store.py", "tests/test_standby.py")),
    ),
    Proof(
        6,
        "a shadow that calls ccxt's create_order, eth_sendRawTransaction and an SFTP put gets"
        " nothing out, by what came to the socket",
        pytest(
            *("tests/test_live.py", "tests/test_live_evm.py", "tests/test_live_bank.py"),
            *("-k", "shadow or where_we_only_read"),
        ),
    ),
    Proof(
        6,
        "what stood on an account before is adopted or refused, as configured",
        ("env", "TIEOUT_FULL=1", *pytest("tests/test_adopting.py", "tests/test_preflight.py")),
    ),
    Proof(
        6,
        "planted secrets appear nowhere",
        pytest("tests/test_secrets.py", "tests/test_logs.py", "tests/test_children.py"),
    ),
    Proof(
        6,
        "a full disk, an overfull queue, a wrong clock, a revoked key, maintenance: entries close,"
        " cancels go out, people are told, and all goes on; tieout kill over sockets",
        ("env", "TIEOUT_FULL=1", *pytest("tests/test_live_troubles.py", "tests/test_kill_live.py")),
    ),
    Proof(
        6,
        "the runbook's commands do what it says",
        pytest("tests/test_runbook.py"),
    ),
    Proof(
        6,
        "payments by a real node of a chain, by a custodian's SDK and by a bank's files",
        (
            *("env", "TIEOUT_FULL=1"),
            *pytest(
                *("tests/test_live_evm.py", "tests/test_live_custodian.py"),
                "tests/test_live_bank.py",
            ),
        ),
    ),
    Proof(
        7,
        "what comes later, replaced or cut, changes nothing before; without latency and fees every"
        " fill and the profit are plain arithmetic; every statement agrees",
        pytest("tests/test_backtest.py"),
    ),
    Proof(
        7,
        "each model alone against numbers by hand, and against a market that shares no code",
        pytest(
            "tests/test_recorded_book.py",
            "tests/test_recorded_exchange.py",
            "tests/test_recorded_models.py",
            "tests/test_recorded_properties.py",
            "tests/test_recorded_spec.py",
            "tests/test_recorded_wired.py",
        ),
    ),
    Proof(
        7,
        "one recorded book, the same orders: filled as hftbacktest does, or it is known why not",
        (sys.executable, "-m", "bench.book_fills"),
        needs=PEERS,
    ),
    Proof(
        7,
        "a month of minutes many times over, at 20 times backtrader and 3 times NautilusTrader",
        (sys.executable, "-m", "bench", "--only", "backtest", "--must-hold"),
        needs=PEERS,
    ),
    Proof(
        7,
        "under fire: without faults the same fills, with them the law, and what is left is told",
        pytest("tests/test_fire.py"),
    ),
    Proof(
        7,
        "all notebooks, twice with the same output",
        pytest("tests/test_notebooks.py"),
    ),
    Proof(
        7,
        "tie finds each planted break in exports of three venues, and none in clean ones",
        pytest("tests/test_tie_files.py", "tests/test_tie_simulated.py"),
    ),
    Proof(
        7,
        "bad data is refused with the place and what would do",
        pytest("tests/test_market_files.py", "tests/test_market_check.py"),
    ),
)


@click.command()
@click.option("--part", type=int, default=0, help="Only the lines of this part.")
@click.option("--only", default="", help="Only lines whose claim has this word.")
@click.option("--resume", is_flag=True, help="Leave out what was held at this commit.")
def main(part: int, only: str, resume: bool) -> None:  # noqa: FBT001  # click hands flags over so
    """Run the proofs, one line each."""
    commit = _git("rev-parse", "--short", "HEAD")
    if _git("status", "--porcelain", "--", ".", ":!bench/proofs.json"):
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
    status, seconds, skipped = "not run", 0.0, list[str]()
    kept = KEPT_AT / code_version()
    click.echo(f"         {shown}", err=True)
    if not proof.needs or (ROOT / proof.needs).exists():
        started = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            status, skipped = _prove(proof, {OUT: Path(folder) / OUT, KEPT: kept})
        seconds = round(time.perf_counter() - started, 1)
    result: dict[str, object] = {
        "part": proof.part,
        "status": status,
        "command": shown,
        "seconds": seconds,
        "commit": commit,
        "date": datetime.now(UTC).date().isoformat(),
    }
    if skipped:
        click.echo("\n".join(f"         skipped: {each}" for each in skipped), err=True)
        result["skipped"] = skipped
    if KEPT in proof.command and (kept / WHOLE).exists():
        result["campaign"] = _alarms(json.loads((kept / WHOLE).read_text()))
    return result


def _alarms(told: dict[str, Any]) -> dict[str, object]:
    """What a campaign without a bug says: that false alarms are as rare as that, never that there
    are none. Of n seeds without one the bound at 95 % is 3/n (Hanley and Lippman-Hand, 1983)."""
    figures = {
        each: told[each] for each in ("runs", "held", "twice", "wall_seconds", "code", "digest")
    }
    sound = told["runs"] and told["runs"] == told["held"]
    return {**figures, "alarms_a_seed_below": 3 / told["runs"] if sound else None}


def _prove(proof: Proof, places: dict[str, Path]) -> tuple[str, list[str]]:
    """How it stands with the line, and what of it was skipped without a reason of its own."""
    command = [str(places.get(word, word)) for word in proof.command]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    if proof.command[:2] == ("env", "PYTHONSAFEPATH=1"):
        del environment["PYTHONPATH"]  # it would lead to the plain source
    report = places[OUT].parent / "tests.xml"
    if any(word.endswith("pytest") for word in command):
        command.append(f"--junitxml={report}")
    done = subprocess.run(  # noqa: S603  # our own commands, from the table above
        command, cwd=ROOT, env=environment, stdout=sys.stderr, check=False
    )
    skipped = _skipped(report, proof.but_for) if report.exists() else []
    if done.returncode:
        return "failed", skipped
    return "not run" if skipped else "held", skipped


def _skipped(report: Path, but_for: tuple[str, ...]) -> list[str]:
    """The tests that were skipped, and why."""
    found = []
    for case in ElementTree.parse(report).iter("testcase"):  # noqa: S314  # pytest wrote it for us
        for skip in case.iter("skipped"):
            reason = skip.get("message", "")
            if not any(each in reason for each in but_for):
                found.append(f"{case.get('classname')}::{case.get('name')}: {reason}")
    return found


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
