"""What a deployment of the control plane may say, and what is said of one that is none."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from tieout.tokens.cli import tokens
from tieout.tokens.deployment import BadDeployment, read_deployment
from tokens.people import read_people

HASH = "0x" + "ab" * 32


def key(letter: str) -> dict[str, str]:
    return {
        "address": "0x" + letter * 40,
        "keystore": f"{letter}.json",
        "password_file": f"{letter}.txt",
        "memory": f"{letter}.db",
        "node": "http://127.0.0.1:1",
    }


def whole() -> dict[str, Any]:
    return {
        "node": "plane-1",
        "listen": "127.0.0.1:0",
        "callers": "callers.yaml",
        "people": "people.yaml",
        "vault": "vault",
        "chain": {"chain_id": 1, "nodes": ["http://127.0.0.1:1", "http://127.0.0.1:2"]},
        "tokens": [
            {
                "token": "ESTATE",
                "contract": "0x" + "e" * 40,
                "policy": "estate.yaml",
                "first_block": {"number": 1, "hash": HASH, "timestamp": 1},
                "threshold": 1,
                "signers": [key("a")],
                "admin": key("b"),
            }
        ],
    }


PEOPLE = """people:
- {person: ann, addresses: ["0x%s"], jurisdiction: US, kyc: approved, kyc_until: 2000000000}
""" % ("c" * 40)
CALLERS = f"""callers:
- {{name: desk, role: issuer, tokens: [ESTATE], key_sha256: ["{"a" * 64}"]}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    policy = Path(__file__).parent.parent / "tokens/policies/estate.yaml"
    (tmp_path / "estate.yaml").write_text(policy.read_text())
    (tmp_path / "people.yaml").write_text(PEOPLE)
    (tmp_path / "callers.yaml").write_text(CALLERS)
    (tmp_path / "plane.yaml").write_text(yaml.safe_dump(whole()))
    return tmp_path


def changed(told: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    place: Any = told
    *way, last = path.split(".")
    for name in way:
        place = place[int(name) if name.isdigit() else name]
    place[int(last) if last.isdigit() else last] = value
    return told


def test_a_whole_one_is_read(folder: Path) -> None:
    found = read_deployment(folder / "plane.yaml")
    assert found.policies["ESTATE"].version == 1
    assert found.people.owners() == {"0x" + "c" * 40: "ann"}
    assert [field for field, _ in found.signers()] == ["tokens.0.signers.0", "tokens.0.admin"]


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("listen", "0.0.0.0:80", "listen: found '0.0.0.0:80': Value error, an address of loop"),
        ("listen", "127.0.0.1:99999", "listen: found"),
        ("listen", "localhost", "listen: found 'localhost'"),
        ("nodde", 1, "unknown field nodde; there are node, listen"),
        ("chain.nodes", ["http://127.0.0.1:1"], "chain.nodes: found"),
        ("chain.nodes.1", "ftp://there", "chain.nodes.1: found 'ftp://there'"),
        ("chain.chain_id", "1", "chain.chain_id: found '1'"),
        ("tokens.0.contract", "0x12", "tokens.0.contract: found '0x12'"),
        ("tokens.0.threshold", 2, "threshold 2 of 1; fewer would do"),
        ("tokens.0.admin", key("a"), "has two roles; a key of its own for each would do"),
        ("tokens.0.first_block.hash", "0x1", "tokens.0.first_block.hash: found '0x1'"),
        ("tokens.0.signers.0.memory", "b.db", "memory b.db is two signers'"),
        ("policy", "x", "unknown field policy"),
        ("tokens.0.policy", "none.yaml", "none.yaml: No such file or directory, and"),
        ("callers", "people.yaml", "people.yaml: the document: found"),
        ("people", "callers.yaml", "callers.yaml: the document: found"),
        ("tokens.0.token", "OTHER", "tokens.0.policy: found the policy of ESTATE; one of OTHER"),
    ],
)
def test_what_is_wrong_names_file_field_what_was_found_and_what_would_do(
    folder: Path, path: str, value: Any, words: str
) -> None:
    (folder / "plane.yaml").write_text(yaml.safe_dump(changed(whole(), path, value)))
    with pytest.raises(BadDeployment) as error:
        read_deployment(folder / "plane.yaml")
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ("", "the whole: found None"),
        ("[" * 5000, "nested too deep"),
        ("node: a\nnode: b", "the key 'node' stands twice"),
    ],
)
def test_no_document_is_said_to_be_none(folder: Path, told: str, words: str) -> None:
    (folder / "plane.yaml").write_text(told)
    with pytest.raises(BadDeployment, match=r"plane\.yaml") as error:
        read_deployment(folder / "plane.yaml")
    assert words in str(error.value)


def test_no_two_people_have_an_address(tmp_path: Path) -> None:
    line = PEOPLE.splitlines()[1]
    (tmp_path / "people.yaml").write_text(PEOPLE + line.replace("ann", "bea"))
    with pytest.raises(ValueError, match=r"address 0xc+ stands twice; once would do"):
        read_people(tmp_path / "people.yaml")


def serve(folder: Path) -> tuple[int, str]:
    words = ["serve", str(folder / "plane.yaml"), "--journal", str(folder / "journal.db")]
    done = CliRunner().invoke(tokens, words)
    return done.exit_code, done.stderr


def test_the_command_ends_with_2_before_anything_is_journaled(folder: Path) -> None:
    """No vault, then no keystore, then a wrong password: each is said with its field."""
    status, said = serve(folder)
    assert (status, "plane.yaml: vault: " in said, "tieout tokens init" in said) == (2, True, True)
    done = CliRunner().invoke(tokens, ["init", str(folder / "plane.yaml")])
    assert (done.exit_code, len(done.stdout.splitlines())) == (0, 3)
    again = CliRunner().invoke(tokens, ["init", str(folder / "plane.yaml")])
    assert (again.exit_code, again.stdout) == (0, "")
    status, said = serve(folder)
    assert (status, "tokens.0.signers.0.password_file: " in said) == (2, True)
    (folder / "a.txt").write_text("x")
    status, said = serve(folder)
    assert (status, "tokens.0.signers.0.keystore: " in said) == (2, True)
    assert not (folder / "journal.db").exists()
    done = CliRunner().invoke(tokens, ["serve", "none.yaml", "--journal", "j.db"])
    assert (done.exit_code, "none.yaml: No such file" in done.stderr) == (2, True)
