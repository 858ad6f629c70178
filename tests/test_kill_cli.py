"""`tieout kill` at the command line: what it asks, what it prints, what it exits with.

It is a drill here: a world of simulated venues whose node has just died.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.planting import plant
from tests.test_kill_switch import DEPLOYMENT
from tieout.cli import main
from tieout.journals.verify import verify

ACCOUNTS = ("okx_swap/main", "binance_usdm/main", "bybit_inverse/main", "binance_spot/main")


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "deployment.yaml"
    path.write_text(DEPLOYMENT)
    return str(path)


def pulled(*words: str, typed: str = "") -> Result:
    done = CliRunner().invoke(main, ["kill", *words], input=typed)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


def test_a_drill_leaves_nothing_and_says_how_it_went(file: str) -> None:
    done = pulled(file, "--drill", "--seed", "3", "--yes")
    assert done.exit_code == 0
    assert [line.split()[:2] for line in done.stdout.splitlines()[:4]] == [
        [account, "done"] for account in ACCOUNTS
    ]
    assert done.stdout.endswith("verified; by the venues' truth left: nothing\n")
    stages = [line.split()[3] for line in done.stderr.splitlines() if ACCOUNTS[0] in line]
    assert list(dict.fromkeys(stages)) == ["confirming", "flattening", "verifying", "done"]


def test_one_object_and_nothing_else(file: str) -> None:
    done = pulled(file, "--drill", "--seed", "3", "--yes", "--json")
    told = json.loads(done.stdout)
    assert done.stderr == ""
    assert told["held"] is True
    assert len(told["before"]["open"]) > 4
    assert len(told["before"]["held"]) > 1
    assert told["after"] == {"open": [], "held": []}
    assert told["accounts"].keys() == set(ACCOUNTS)


def test_the_name_of_each_account_is_typed(file: str) -> None:
    assert pulled(file, "--drill", typed="\n".join(ACCOUNTS) + "\n").exit_code == 0


@pytest.mark.parametrize("typed", ["", "y\n" * 4, "yes\n" * 4, "okx_swap/main\n" * 4])
def test_whoever_types_anything_else_has_sent_nothing(
    file: str, typed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tieout.operating.kill.kill", lambda *_, **__: pytest.fail("it was pulled"))
    done = pulled(file, "--drill", typed=typed)
    assert done.exit_code == 2
    assert "would do, or --yes; nothing was sent" in done.stderr
    assert done.stdout == ""


FORGETFUL = DEPLOYMENT.partition("    contracts:")[0]


def test_what_is_left_is_said_by_name_and_fails(file: str) -> None:
    """A contract that the file forgets stays held: its owner learns it in the drill."""
    Path(file).write_text(FORGETFUL)
    done = pulled(file, "--drill", "--seed", "3", "--yes", "--seconds-max", "60")
    assert done.exit_code == 1
    assert "NOT VERIFIED; by the venues' truth left: okx_swap/main/" in done.stdout
    assert "flattening after 10 rounds on okx_swap/main" in done.stdout


def test_nothing_left_is_no_success_while_it_is_not_verified(file: str) -> None:
    """After three seconds a request may still be on its way."""
    done = pulled(file, "--drill", "--seed", "3", "--yes", "--seconds-max", "3")
    assert done.exit_code == 1
    assert "NOT VERIFIED; by the venues' truth left: nothing" in done.stdout


BUGS = {
    "open": (
        DEPLOYMENT,
        "_on_open_orders",
        "if event.client_order_ids or killing.orders:",
        "if False:",
    ),
    "held": (
        FORGETFUL,
        "_on_positions",
        "for row in event.rows if row.amount}",
        "for row in event.rows if _closable(state, kill, account, row)}",
    ),
}


@pytest.mark.parametrize("left", BUGS)
def test_the_venues_truth_has_the_last_word(
    left: str, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A procedure that looks away says done; the drill does not believe it."""
    text, function, old, new = BUGS[left]
    Path(file).write_text(text)
    plant(monkeypatch, f"core.kill:{function}", old, new)
    done = pulled(file, "--drill", "--seed", "3", "--yes", "--seconds-max", "60", "--json")
    told = json.loads(done.stdout)
    assert {each["stage"] for each in told["accounts"].values()} == {"done"}
    assert told["after"][left]
    assert (told["held"], done.exit_code) == (False, 1)


def test_positions_may_be_left_alone(file: str) -> None:
    done = pulled(file, "--drill", "--seed", "3", "--yes", "--flatten", "nothing", "--json")
    told = json.loads(done.stdout)
    assert done.exit_code == 0
    assert told["after"]["open"] == []
    assert len(told["after"]["held"]) > 1


def test_the_evidence_is_a_journal_of_its_own(file: str, tmp_path: Path) -> None:
    evidence = tmp_path / "evidence.db"
    words = (file, "--drill", "--seed", "3", "--yes", "--evidence", str(evidence))
    assert pulled(*words).exit_code == 0
    assert verify(evidence).status == "sound"
    again = pulled(*words)
    assert again.exit_code == 2
    assert "exists already" in again.stderr


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("key: OKX_KEY", "key: okx", "accounts.0.key: found 'okx'"),
        ("symbol: BTCUSDT", "symbol: XBTUSDT", "accounts.1.contracts.0.symbol: found 'XBTUSDT'"),
        ("okx_swap/main", "kraken/main", "found 'kraken/main'"),
        ("accounts:", "accounts: [", "would do"),
    ],
)
def test_a_bad_file_is_refused_by_field(file: str, old: str, new: str, told: str) -> None:
    Path(file).write_text(DEPLOYMENT.replace(old, new))
    done = pulled(file, "--drill", "--yes")
    assert done.exit_code == 2
    assert told in done.stderr
    assert file in done.stderr
    assert "would do" in done.stderr


def test_without_a_drill_it_says_that_no_venue_can_be_reached(
    file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It never seems to have worked: the sockets come with the live driver."""
    done = pulled(file, "--yes")
    assert done.exit_code == 3
    assert "not set in the environment: OKX_KEY" in done.stderr
    for venue in ("OKX", "BINANCE", "BYBIT"):
        monkeypatch.setenv(f"{venue}_KEY", "x")
        monkeypatch.setenv(f"{venue}_SECRET", "x")
    done = pulled(file, "--yes")
    assert done.exit_code == 3
    assert "no venue can be reached from here" in done.stderr
    assert done.stdout == ""


def test_a_deployment_without_a_venue_is_said_to_have_nothing_to_kill(tmp_path: Path) -> None:
    """What is under way on rails is not taken back by a kill: nobody is left to think so."""
    path = tmp_path / "rails.toml"
    path.write_text(
        "name='a'\njournal='j'\n[[custodian]]\nname='c'\nkey='env:A'\nsecret='env:B'\n"
        "assets=['USDC']\n"
    )
    done = CliRunner().invoke(main, ["kill", str(path), "--yes"])
    assert done.exit_code == 2, done.output
    assert "it has no account at a venue" in done.output
