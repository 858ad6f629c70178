"""`tieout tokens policy`: what is wrong with a file, what one policy changes of another."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tests.test_cli import tieout
from tests.test_limits import keygen
from tests.test_token_policy import ESTATE
from tieout.risk.approvals import OF_POLICIES
from tokens.policy import Policy, tightens
from tokens.policy_changes import changes

needs_ssh = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="no ssh-keygen")
TOLD: dict[str, Any] = yaml.safe_load(ESTATE.read_text())


def policy(**changed: Any) -> Policy:
    return Policy.model_validate(TOLD | changed)


def homes(**changed: Any) -> dict[str, Any]:
    """The jurisdictions, with some of them otherwise; None takes one away."""
    told = TOLD["jurisdictions"] | changed
    return {name: each for name, each in told.items() if each is not None}


def said(**changed: Any) -> list[tuple[str, str, str, str, bool]]:
    return [tuple(each) for each in changes(policy(), policy(**changed))]  # type: ignore[misc]


US = TOLD["jurisdictions"]["US"]
DE = TOLD["jurisdictions"]["DE"]


@pytest.mark.parametrize(
    ("changed", "wanted"),
    [
        ({"holder_max": 50_000}, ("tightened", "holder_max", "100000", "50000", True)),
        ({"holder_max": 200_000}, ("loosened", "holder_max", "100000", "200000", False)),
        ({"holder_max": None}, ("loosened", "holder_max", "100000", "none", False)),
        ({"holders_max": 9}, ("tightened", "holders_max", "99", "9", True)),
        ({"supply_max": 1_000_001}, ("loosened", "supply_max", "1000000", "1000001", False)),
        ({"lot_min": 200}, ("tightened", "lot_min", "100", "200", True)),
        ({"lot_min": 1}, ("loosened", "lot_min", "100", "1", False)),
        ({"owner": "board"}, ("reworded", "owner", "compliance", "board", False)),
        (
            {"window": TOLD["window"] | {"lasts_s": 288}},
            ("loosened", "window.lasts_s", "120", "288", False),
        ),
        (
            {"window": TOLD["window"] | {"head_age_s_max": 30}},
            ("tightened", "window.head_age_s_max", "60", "30", False),
        ),
        (
            {"jurisdictions": homes(US=US | {"accredited": False})},
            (
                "loosened",
                "jurisdictions.US.accredited",
                "the accredited",
                "anybody",
                False,
            ),
        ),
        (
            {"jurisdictions": homes(US=US | {"holds_max": 1})},
            ("tightened", "jurisdictions.US.holds_max", "400000", "1", True),
        ),
        (
            {"jurisdictions": homes(DE=DE | {"holds_max": 5})},
            ("tightened", "jurisdictions.DE.holds_max", "none", "5", True),
        ),
        (
            {"jurisdictions": homes(US=US | {"receives_from": ["US", "DE"]})},
            ("loosened", "jurisdictions.US.receives_from", "not yet", "DE", False),
        ),
        (
            {"jurisdictions": homes(DE=DE | {"receives_from": ["US"]})},
            ("tightened", "jurisdictions.DE.receives_from", "DE", "not any more", True),
        ),
        (
            {"jurisdictions": homes(FR={"receives_from": ["FR"], "holds_max": 7})},
            (
                "loosened",
                "jurisdictions.FR",
                "nobody there receives",
                "from FR, at most 7",
                False,
            ),
        ),
        (
            {"jurisdictions": homes(CH=None)},
            (
                "tightened",
                "jurisdictions.CH",
                "accredited only, from CH DE US",
                "nobody there receives",
                True,
            ),
        ),
    ],
)
def test_each_change_is_called_what_it_is(changed: dict[str, Any], wanted: tuple[Any, ...]) -> None:
    assert said(**changed) == [wanted]


def test_loosenings_come_first() -> None:
    kinds = [each[0] for each in said(holder_max=1, lot_min=1, owner="board")]
    assert kinds == ["loosened", "tightened", "reworded"]


bounds = st.none() | st.integers(1, 4)
places = st.fixed_dictionaries(
    {
        "receives_from": st.lists(st.sampled_from(["AA", "BB"]), min_size=1, unique=True),
        "accredited": st.booleans(),
        "holds_max": bounds,
    }
)
policies = st.builds(
    lambda holder, holders, supply, lot, aa, bb: policy(
        holder_max=holder,
        holders_max=holders,
        supply_max=supply,
        lot_min=lot,
        jurisdictions={"AA": aa, "BB": bb},
    ),
    *(bounds, bounds, bounds, st.integers(1, 3), places, places),
)


@given(policies, policies)
def test_what_voids_is_what_the_policy_says_tightens(before: Policy, after: Policy) -> None:
    """One voids exactly where `tightens` has a word; turned round, each loosening tightens."""
    found = changes(before, after)
    assert any(each.voids for each in found) == bool(tightens(before, after))
    loosened = [each for each in found if each.kind == "loosened"]
    assert bool(loosened) == bool(tightens(after, before))
    turned = [each for each in changes(after, before) if each.kind == "tightened"]
    assert {each.name for each in turned} == {each.name for each in loosened}


# --- the commands ---------------------------------------------------------------------------------


def write(path: Path, **changed: Any) -> Path:
    path.write_text(yaml.safe_dump(TOLD | changed))
    return path


def test_check_says_what_each_file_is_or_what_is_wrong_with_it(tmp_path: Path) -> None:
    good = write(tmp_path / "good.yaml")
    bad = write(tmp_path / "bad.yaml", lot_min=1.5)
    done = tieout("tokens", "policy", "check", str(good), str(bad), str(tmp_path / "none.yaml"))
    assert done.returncode == 2
    name = f"{good}: ESTATE version 1, owned by compliance: {policy().content_hash()}"
    assert done.stdout.splitlines() == [name]
    assert f"{bad}: lot_min: found 1.5: " in done.stderr
    assert f"{tmp_path / 'none.yaml'}: (whole): found nothing" in done.stderr
    done = tieout("tokens", "policy", "check", str(good), "--json")
    (row,) = json.loads(done.stdout)["files"]
    assert (done.returncode, row["content_hash"], row["wrong"]) == (0, policy().content_hash(), "")


def test_diff_lets_a_tightening_pass_and_says_what_it_voids(tmp_path: Path) -> None:
    old = write(tmp_path / "old.yaml")
    new = write(tmp_path / "new.yaml", version=2, holder_max=50_000)
    done = tieout("tokens", "policy", "diff", str(old), str(new))
    assert (done.returncode, done.stdout) == (
        0,
        "tightened holder_max: 100000 -> 50000 (voids what is outstanding)\n",
    )


@needs_ssh
def test_a_loosening_needs_an_approver_who_is_not_its_owner(tmp_path: Path) -> None:
    old = write(tmp_path / "old.yaml", owner="ann")
    new = write(tmp_path / "new.yaml", owner="ann", version=2, holder_max=200_000)
    lines = []
    for name in ("ann", "bob"):
        keygen("-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(tmp_path / name))
        lines.append(f"{name} {(tmp_path / f'{name}.pub').read_text()}")
    (tmp_path / "allowed_signers").write_text("".join(lines))

    def diff(*words: str) -> tuple[int, str]:
        done = tieout("tokens", "policy", "diff", str(old), str(new), *words)
        assert done.stdout.startswith("LOOSENED  holder_max: 100000 -> 200000\n")
        return done.returncode, done.stderr + done.stdout

    def sign(person: str, namespace: str) -> None:
        new.with_name("new.yaml.sig").unlink(missing_ok=True)
        keygen("-Y", "sign", "-q", "-f", str(tmp_path / person), "-n", namespace, str(new))

    assert diff()[0] == 1
    assert "nobody approved it" in diff()[1]
    sign("bob", "tieout-limits")  # over limits: another thing than a policy
    assert diff("--approver", "bob")[0] == 1
    sign("ann", OF_POLICIES)
    assert diff("--approver", "bob")[0] == 1
    assert "two people would do" in diff("--approver", "ann")[1]
    sign("bob", OF_POLICIES)
    status, text = diff("--approver", "bob")
    assert (status, "approved by bob, owned by ann" in text) == (0, True)
    new.write_text(new.read_text() + "\n")
    assert diff("--approver", "bob")[0] == 1


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"token": "OTHER", "version": 2}, "token: found OTHER; a policy of ESTATE would do"),
        ({"lot_min": 200}, "version: found 1, and another policy is version 1; 2 would do"),
    ],
)
def test_diff_is_between_two_versions_of_one_token(
    tmp_path: Path, changed: dict[str, Any], words: str
) -> None:
    old, new = write(tmp_path / "old.yaml"), write(tmp_path / "new.yaml", **changed)
    done = tieout("tokens", "policy", "diff", str(old), str(new))
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
