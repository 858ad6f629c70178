"""The command line: what it prints, what it exits with, and that it never shows a traceback."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SMALL = """\
name: small
claim: a small world holds
duration_s: 20
heal_s: 10
venues: [binance_spot]
strategies:
  - {kind: maker, name: mm}
  - {kind: taker, name: tk}
"""
# Coinbase names a product BASE-QUOTE, and its decoder reads the quote there.
FOO = """
  - dialect: coinbase
    wallets: {BTC: "1", USD: "1000"}
    instruments: [{symbol: FOO, base: BTC, quote: USD, tick: "1", lot: "1", price: "100"}]"""


def tieout(*words: str, seconds_max: float = 120) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "tieout", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds_max,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with everything written."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "small.yaml").write_text(SMALL)
    done = tieout("run", str(folder / "small.yaml"), "--seed", "3", "--out", str(folder / "out"))
    assert done.returncode == 0, done.stderr
    return folder / "out"


def test_a_run_writes_all_that_it_promises(out: Path) -> None:
    """summary, plan, journal, report and one table per subject."""
    names = {path.name for path in out.iterdir()}
    tables = "fills orders positions breaks transfers postings exposures refusals authorizations"
    assert {"summary.json", "plan.json", "journal.db", "report.html"} <= names
    assert {f"{name}.parquet" for name in tables.split()} <= names


def test_a_summary_has_every_field_of_the_design(out: Path) -> None:
    """DESIGN §12 lists them."""
    summary = json.loads((out / "summary.json").read_text())
    fields = """scenario seed digest simulated_seconds events claims faults drift open_breaks
        silent_differences limit_breaches passive_breaches wrongly_settled
        detection_bound_ns"""
    assert set(fields.split()) <= set(summary)
    assert {"injected", "found", "missed", "false_alarms", "seconds_to_find"} <= set(
        summary["drift"]
    )
    assert {"claim", "held", "figure"} <= set(summary["claims"][0])


def test_replay_prints_the_digest_of_the_run(out: Path) -> None:
    """The journal alone gives the run's digest."""
    digest = json.loads((out / "summary.json").read_text())["digest"]
    assert tieout("replay", str(out / "journal.db")).stdout.split() == [digest]


def test_a_stored_plan_replays_the_run(out: Path) -> None:
    """The plan is what is kept: with it the same seed gives the same digest."""
    digest = json.loads((out / "summary.json").read_text())["digest"]
    scenario = out.parent / "small.yaml"
    done = tieout("run", str(scenario), "--seed", "3", "--plan", str(out / "plan.json"), "--json")
    assert json.loads(done.stdout)["digest"] == digest


def test_json_is_one_object_and_nothing_else(out: Path) -> None:
    """`--json` feeds programs."""
    done = tieout("run", str(out.parent / "small.yaml"), "--json")
    assert json.loads(done.stdout)["scenario"] == "small"


def test_a_failed_claim_is_status_1(tmp_path: Path) -> None:
    """A claim that does not hold is said, and the status says it, too."""
    path = tmp_path / "s.yaml"
    claim = "claims:\n  - {claim: impossible, figure: events, at_most: 1}\n"
    path.write_text(SMALL + claim)
    done = tieout("run", str(path))
    assert done.returncode == 1
    assert "impossible" in done.stdout


@pytest.mark.parametrize(
    ("text", "place", "would_do"),
    [
        ("name: [", "not YAML", ""),
        ("- 1", "found list", "a mapping of fields would do"),
        (SMALL + "colour: red\n", "colour", "there are name, claim"),
        (SMALL.replace("20", "-1"), "duration_s", "greater than"),
        (SMALL + "faults:\n  - {kind: meteor}\n", "faults.0.kind", "lost_frame"),
        (SMALL + "faults:\n  - {kind: bust}\n", "faults.0", "every_s"),
        (
            SMALL + "faults:\n  - {kind: bust, from_s: 9, to_s: 3, every_s: 1}\n",
            "faults.0",
            "after",
        ),
        (SMALL + "faults:\n  - {kind: lost_frame, where: mars}\n", "mars", "binance_spot"),
        (SMALL.replace("binance_spot", "mtgox"), "venues.0.dialect", "okx_swap"),
        (SMALL.replace("maker", "hodler"), "strategies.0.kind", "taker"),
        (SMALL.replace("mm}", "mm, options: {lots: many}}"), "strategies.0.lots", "integer"),
        (SMALL.replace("mm}", "mm, options: {lotz: 3}}"), "lotz", "lots_max"),
        (SMALL.replace("mm}", "m/m}"), "strategies.0.name", "pattern"),
        (SMALL.replace("mm}", "unattributed}"), "strategies.0.name", "another name would do"),
        (SMALL.replace("mm}", "adjustment}"), "strategies.0.name", "another name would do"),
        (SMALL.replace("mm}", "kill_switch}"), "strategies.0.name", "another name would do"),
        (SMALL.replace("name: mm", "name: tk"), "wrong.yaml: two strategies", "would do"),
        (SMALL.replace("duration_s: 20", "duration_s: {a: 1}"), "found a mapping", "Decimal"),
        (
            SMALL.replace("[binance_spot]", FOO),
            "venues.0: instruments.0.symbol: found 'FOO'",
            "BTC-USD would do",
        ),
        (
            SMALL.replace("[binance_spot]", "[{dialect: binance_spot, latency_ms: 99}]"),
            "venues.0",
            "at least latency_ms",
        ),
        (
            SMALL.replace("[binance_spot]", "[{dialect: binance_spot, wallets: {XRP: '1e-9'}}]"),
            "venues.0.wallets.XRP",
            "8 decimal places",
        ),
        (SMALL + "claims:\n  - {claim: x, figure: events}\n", "claims.0", "at_most"),
        ("", "found an empty file", "a mapping of fields would do"),
    ],
)
def test_a_wrong_scenario_is_refused(tmp_path: Path, text: str, place: str, would_do: str) -> None:
    """Status 2, and the message names the file, the field, what was found and what would do."""
    path = tmp_path / "wrong.yaml"
    path.write_text(text)
    done = tieout("run", str(path))
    assert done.returncode == 2
    assert str(path) in done.stderr
    assert place in done.stderr
    assert would_do in done.stderr


def test_an_unknown_scenario_is_refused() -> None:
    """With the nearest name, and where the names stand: a line, not all eighty of them."""
    done = tieout("run", "lost_frames")
    assert done.returncode == 2
    assert "did you mean lost_frame?" in done.stderr
    assert "a name that `tieout list` shows, would do" in done.stderr
    assert len(done.stderr) < 160


def test_a_folder_is_no_scenario(tmp_path: Path) -> None:
    """It is there, so that "no scenario" would send people looking for a slip in its name."""
    done = tieout("run", str(tmp_path))
    assert done.returncode == 2
    assert done.stderr.startswith(f"tieout: {tmp_path}: a folder; a file of a scenario")


@pytest.mark.parametrize("seed", ["abc", "-1", "1.5", "²"])
def test_a_wrong_seed_is_refused(seed: str) -> None:
    done = tieout("run", "lost_frame", "--seed", seed)
    assert done.returncode == 2
    assert f"found '{seed}'; a whole number from 0 on would do" in done.stderr


def test_a_world_without_strategies_says_so(tmp_path: Path) -> None:
    """On stderr: it is allowed, and its claims hold by themselves."""
    path = tmp_path / "idle.yaml"
    path.write_text(SMALL[: SMALL.index("strategies")])
    done = tieout("run", str(path), "--json")
    assert "no strategies: nothing of ours will trade" in done.stderr
    assert json.loads(done.stdout)["scenario"] == "small"
    assert "no strategies" not in tieout("run", "lost_frame", "--short").stderr


@pytest.mark.parametrize("command", [("run",), ("campaign", "--seeds", "0:2")])
@pytest.mark.parametrize("place", ["/proc/x", "file", "file/below"])
def test_where_nothing_can_be_written_is_refused_before_the_work(
    command: tuple[str, ...], place: str, tmp_path: Path
) -> None:
    """Whoever asks, root too: storm_venues at full length would take longer than this may."""
    (tmp_path / "file").write_text("")
    out = tmp_path / place
    done = tieout(*command, "storm_venues", "--out", str(out), seconds_max=5)
    assert done.returncode == 2
    assert done.stderr.startswith("tieout: ")
    assert str(out if place == "/proc/x" else tmp_path / "file") in done.stderr
    assert "would do" in done.stderr


def test_a_plan_is_run_by_the_scenario_and_seed_that_it_was_drawn_for(out: Path) -> None:
    """Its seed is the default; another seed and another scenario are status 2."""
    plan, scenario = str(out / "plan.json"), str(out.parent / "small.yaml")
    done = tieout("run", scenario, "--plan", plan, "--json")
    assert json.loads(done.stdout)["digest"] == summary_of(out)["digest"]
    for words, told in (
        (("run", scenario, "--seed", "8"), "seed: found 3, and the run's is 8; seed 3, or none"),
        (("run", "lost_frame"), "scenario: found 'small', and the run is of 'lost_frame'"),
    ):
        done = tieout(*words, "--plan", plan)
        assert done.returncode == 2
        assert told in done.stderr
        assert plan in done.stderr


def summary_of(out: Path) -> dict[str, str]:
    told: dict[str, str] = json.loads((out / "summary.json").read_text())
    return told


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ("{}", "found dict"),
        ("[]", "found no trade"),
        ("[[1, 2]]", "row 0"),
        ('[[1, "1", null, "hold", 1.0, 1.0, 1.0]]', "row 0"),
        ('[[1, "1", null, "buy", -1.0, 1.0, 1.0]]', "row 0"),
        ('[[2, "1", null, "buy", 1.0, 1.0, 1.0], [1, "2", null, "buy", 1.0, 1.0, 1.0]]', "row 1"),
        ("not json", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ('[[1, "1", null, "buy", 1e400, 1.0, 1.0]]', "row 0: price: found 1E+400"),
        ('[[1, "1", null, "buy", 1.0, 1e400, 1.0]]', "row 0: amount: found 1E+400"),
        ('[[1, "1", null, "buy", 1e-400, 1.0, 1.0]]', "row 0: price: found 1E-400"),
        ('[[1, "1", null, "buy", 1e99999999999999999999, 1.0, 1.0]]', "would do"),
    ],
)
def test_a_wrong_market_is_refused(tmp_path: Path, content: str, place: str) -> None:
    """Status 2, with the row."""
    path = tmp_path / "market.json"
    path.write_text(content)
    done = tieout("run", "lost_frame", "--market", str(path))
    assert done.returncode == 2
    assert place in done.stderr


def test_a_market_that_drives_no_venue_is_refused(tmp_path: Path) -> None:
    """Else the run would take its length from the file, and nothing else: every claim holds."""
    path = tmp_path / "market.json"
    path.write_text('[[1, "1", null, "buy", 1.0, 1.0, 1.0]]')
    done = tieout("run", "storm_rails", "--short", "--market", str(path))
    assert done.returncode == 2
    assert f"{path}: storm_rails has no venue" in done.stderr
    assert "would do" in done.stderr


def test_a_missing_market_is_refused() -> None:
    """Status 2."""
    assert tieout("run", "lost_frame", "--market", "no/such.json").returncode == 2


@pytest.mark.parametrize("name", ["m.parquet", "m.json.gz"])
def test_a_market_of_another_format_is_told_which_would_do(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(b"GIF89a" if name == "m.parquet" else b"\x1f\x8b\x08" + bytes(40))
    done = tieout("run", "lost_frame", "--market", str(path))
    assert done.returncode == 2
    assert ".parquet, .json or .json.gz would do" in done.stderr


def test_journals_that_are_none_or_damaged(out: Path, tmp_path: Path) -> None:
    """verify: 2 where there is no journal, 1 where it is not what was written, with the place."""
    assert tieout("verify", str(out / "journal.db")).returncode == 0
    assert tieout("verify", str(tmp_path / "none.db")).returncode == 2
    (tmp_path / "text.db").write_text("not a journal")
    assert tieout("verify", str(tmp_path / "text.db")).returncode == 2
    flipped = tmp_path / "flipped.db"
    flipped.write_bytes((out / "journal.db").read_bytes())
    connection = sqlite3.connect(flipped)
    connection.execute("UPDATE records SET body = replace(body, '0', '1') WHERE number = 9")
    connection.commit()
    connection.close()
    done = tieout("verify", str(flipped))
    assert done.returncode == 1
    assert "9" in done.stdout
    assert tieout("replay", str(flipped)).returncode == 1
    assert tieout("replay", str(tmp_path / "none.db")).returncode == 2


TRACED = ("trace", "balance", "binance_spot/main/XRP/cash", "--journal")


@pytest.mark.parametrize("command", [("verify",), ("replay",), TRACED], ids=lambda c: c[0])
@pytest.mark.parametrize("what", ["text", "empty", "sqlite", "none", "folder"])
def test_what_is_no_journal_is_status_2(
    command: tuple[str, ...], what: str, tmp_path: Path
) -> None:
    """Named once, on stderr, with what would do."""
    path = tmp_path / "x.db"
    if what == "sqlite":
        connection = sqlite3.connect(path)
        connection.execute("CREATE TABLE mine(x)")
        connection.close()
    elif what == "folder":
        path.mkdir()
    elif what != "none":
        path.write_text("not a journal" if what == "text" else "")
    done = tieout(*command, str(path))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("x.db") == 1
    assert "journal.db of `tieout run SCENARIO --out DIR` would do" in done.stderr


@pytest.mark.parametrize("command", [("verify",), ("replay",), TRACED], ids=lambda c: c[0])
def test_a_cut_tail_is_status_1(command: tuple[str, ...], out: Path, tmp_path: Path) -> None:
    """The anchor says how far it reached: no figure is told from a journal that lacks its end."""
    path = tmp_path / "cut.db"
    path.write_bytes((out / "journal.db").read_bytes())
    (tmp_path / "cut.db.anchor").write_bytes((out / "journal.db.anchor").read_bytes())
    assert tieout(*command, str(path)).returncode == 0
    connection = sqlite3.connect(path)
    ((last,),) = connection.execute("SELECT last FROM groups ORDER BY last DESC LIMIT 1 OFFSET 1")
    connection.execute("DELETE FROM records WHERE number > ?", (last,))
    connection.execute("DELETE FROM groups WHERE last > ?", (last,))
    connection.commit()
    connection.close()
    done = tieout(*command, str(path))
    assert done.returncode == 1
    assert "cut: the anchor says record" in done.stdout + done.stderr
    assert str(path) in done.stdout + done.stderr


def test_verify_prints_one_object(out: Path) -> None:
    told = json.loads(tieout("verify", str(out / "journal.db"), "--json").stdout)
    assert (told["status"], told["findings"], told["anchored"]) == ("sound", [], True)


def test_a_replay_says_where_the_journal_ended_before_until(out: Path) -> None:
    """On stderr, with the last record; the digest is still printed."""
    journal = str(out / "journal.db")
    last = json.loads(tieout("verify", journal, "--json").stdout)["last"]
    done = tieout("replay", journal, "--until", str(last + 1))
    assert f"ends at record {last}, before {last + 1}" in done.stderr
    assert done.stdout.split() == [summary_of(out)["digest"]]
    assert "ends at" not in tieout("replay", journal, "--until", str(last)).stderr


def test_trace_names_what_is_near(out: Path) -> None:
    """An unknown key is status 2 and lists known ones; a known one ends with its sum."""
    journal = str(out / "journal.db")
    done = tieout("trace", "balance", "binance_spot/main/XPR/cash", "--journal", journal)
    assert done.returncode == 2
    assert "XRP" in done.stderr
    done = tieout("trace", "balance", "binance_spot/main/XRP/cash", "--journal", journal)
    assert done.returncode == 0
    assert "their sum is the figure" in done.stdout


def test_seeds_are_a_to_b() -> None:
    """A is in, B is not; anything else is status 2."""
    assert tieout("campaign", "lost_frame", "--seeds", "3").returncode == 2
    done = tieout("campaign", "lost_frame", "--seeds", "3:5", "--short", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["runs"] == 2
    done = tieout("campaign", "lost_frame", "--seeds", "0:99999999999999999")
    assert (done.returncode, "1,000,000 seeds at most would do" in done.stderr) == (2, True)


def test_the_catalogue_is_listed_with_its_claims() -> None:
    """At least twenty scenarios, one claim each, and V1 to V25 are covered."""
    rows = json.loads(tieout("list", "--json").stdout)["scenarios"]
    covered = {row for each in rows for row in each["covers"]}
    assert len(rows) >= 20
    assert {f"V{number}" for number in range(1, 26)} <= covered


def test_doctor_finds_the_base_installed() -> None:
    """Status 0 with the base set installed."""
    done = tieout("doctor")
    assert done.returncode == 0
    assert "simpy" in done.stdout
    rows = json.loads(tieout("doctor", "--json").stdout)["rows"]
    assert "simpy" in [row["what"] for row in rows if row["ok"]]


def test_prose_stays_whole_in_a_pipe_and_no_account_is_cut() -> None:
    """A pipe has no width, and tables fold at 80 columns: nothing ends in an ellipsis."""
    done = tieout("demo")
    assert done.returncode == 0
    assert "…" not in done.stdout
    told = r"XRP cash [+-]\d+ at binance_spot/main: bust, found after \d\.\d\d s\n"
    assert re.search(told, done.stdout)
    (drift,) = [line for line in done.stdout.splitlines() if line.startswith("Drift:")]
    assert re.search(r" max \d\.\d\d$", drift)
    assert "only one that told a fact does" in done.stdout
    (claim,) = [line for line in done.stdout.splitlines() if line.startswith("Every difference")]
    assert claim.endswith("open break.")
    path = "scenarios/catalogue/lost_frame.yaml"
    assert max(map(len, tieout("run", path, "--short").stdout.splitlines())) > 100


# --- what no file and no seed should be ----------------------------------------------------------


@pytest.mark.parametrize("command", [("run", "lost_frame", "--seed"), ("campaign", "x", "--seeds")])
def test_a_seed_of_thousands_of_digits_is_refused(command: tuple[str, ...]) -> None:
    """Python itself reads no such number."""
    seed = "9" * 5000
    done = tieout(*command, f"{seed}:{seed}" if command[0] == "campaign" else seed)
    assert done.returncode == 2
    assert len(done.stderr) < 1000


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("faults: " + "[" * 3000, "not YAML: nested too deep"),
        ("faults: " + "{a: " * 3000, "not YAML: nested too deep"),
        ("? [a, b]\n: 1", "line 9: found a list or a mapping as a key; a plain word would do"),
        ("short_s: 2020-13-45", "line 9: found '2020-13-45': month must be in 1..12"),
        ("short_s: " + "9" * 5000, "line 9: found '99999"),
    ],
)
def test_yaml_that_is_none_is_refused(line: str, told: str, tmp_path: Path) -> None:
    """Wherever it trips whoever reads it: in the parser, among the keys, in a date or a number."""
    path = tmp_path / "wrong.yaml"
    path.write_text(SMALL + line + "\n")
    done = tieout("run", str(path))
    assert done.returncode == 2
    assert told in done.stderr
    assert str(path) in done.stderr


def test_a_market_price_that_is_a_truth_value_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.json").write_text('[[1, "1", null, "buy", true, 1.0, 1.0]]')
    done = tieout("run", "lost_frame", "--market", str(tmp_path / "m.json"))
    assert done.returncode == 2
    assert "row 0: price: found 'true'; a number would do" in done.stderr


PIPED: dict[str, tuple[str, ...]] = {
    "scenario": ("run",),
    "market": ("run", "lost_frame", "--market"),
    "plan": ("run", "lost_frame", "--plan"),
    "journal": ("verify",),
    "replayed": ("replay",),
    "traced": ("trace", "balance", "x", "--journal"),
    "limits": ("limits", "check"),
    "deployment": ("kill", "--drill", "--yes"),
}


@pytest.mark.parametrize("what", PIPED)
def test_nobody_waits_for_a_pipe(what: str, tmp_path: Path) -> None:
    """A pipe into which nobody writes would be waited for for ever."""
    pipe = tmp_path / "pipe.yaml"
    os.mkfifo(pipe)
    done = tieout(*PIPED[what], str(pipe), seconds_max=20)
    assert done.returncode == 2
    assert "a pipe or a device, not a" in done.stderr


def started(*words: str) -> subprocess.Popen[bytes]:
    """It hears ^C even where we ourselves do not: a shell's background jobs ignore SIGINT."""
    return subprocess.Popen(
        [sys.executable, "-m", "tieout", *words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


@pytest.mark.parametrize("words", [("list",), ("run", "lost_frame", "--short")])
def test_results_that_nobody_reads_are_no_failed_claim(words: tuple[str, ...]) -> None:
    """`tieout list | head -1`: 141, as if SIGPIPE had ended it; nothing is complained of."""
    process = started(*words)
    assert process.stdout is not None
    process.stdout.close()
    assert process.wait(timeout=60) == 141
    assert process.stderr is not None
    assert process.stderr.read() == b""


@pytest.mark.parametrize("words", [("list",), ("run", "lost_frame", "--short"), ("doctor",)])
def test_results_that_cannot_be_written_are_status_3(words: tuple[str, ...]) -> None:
    """A full disk."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "tieout", *words],
            cwd=ROOT,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=120,
        )
    assert done.returncode == 3
    assert done.stderr == "tieout: the results cannot be written: No space left on device\n"


@pytest.mark.parametrize("seconds", [0.2, 0.4, 0.8, 1.6])
def test_an_interrupt_is_status_130_from_the_start(seconds: float) -> None:
    """Whatever is being imported at that moment."""
    process = started("run", "storm_venues")
    time.sleep(seconds)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 130
    assert process.stderr is not None
    assert process.stderr.read() == b"tieout: interrupted\n"
