"""One file, four worlds: what is no deployment is refused by its field, and none tells a secret."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest
from click.testing import CliRunner
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked

from scenarios.bounds import LIMITS
from tests.deploying import written
from tieout.cli import main
from tieout.deployment.file import NoSecret, load, secret
from tieout.deployment.scenario import scenario_of
from tieout.deployment.unread import unread
from tieout.exits import BAD_INPUT, HELD
from tieout.runs import run

pytest.importorskip("ccxt.pro", reason="the extra `live` is not installed")
pytest.importorskip("trustme", reason="the extra `live` is not installed")

from tieout.deployment.ways import Mode

MODES: tuple[Mode, ...] = ("paper", "shadow", "live")
HEAD = "name='a'\njournal='j'\n"
ACCOUNT = "[[accounts]]\nvenue='okx_swap'\nkeys={key='env:A', secret='file:b'}\n"
WIRE = "[wire]\nport=1\nca='none.pem'\n"
ADDRESS = "0x" + 20 * "AB"
CHAIN = f"[[chain]]\nname='eth'\nchain_id=1\nnodes=['env:A', 'env:B']\naddress='{ADDRESS}'\n"
ALERTS = "[alerts]\n[[alerts.channels]]\nname='desk'\n"
SIM, PAPER, SHADOW = ("live", "--mode", "sim"), ("live", "--mode", "paper"), ("live",)
PREFLIGHT, LIVE = ("preflight",), ("live", "--mode", "live")
# The command, the file, and what it says: the field, what was found, what would do.
BAD = (
    (SIM, HEAD + 2 * ACCOUNT, ("accounts", "stands twice", "a name for each would do")),
    (
        SIM,
        HEAD + ACCOUNT + ACCOUNT.replace("venue=", "name='b'\nvenue=").replace("env:A", "env:B"),
        ("okx_swap stands twice under venues", "each dialect may stand once"),
    ),
    (
        SIM,
        HEAD + "limits={file='no.yaml', rates={USDT='1'}}\n" + ACCOUNT,
        ("limits.file: found '", "no.yaml': no file of limits; a reviewed file beside"),
    ),
    (
        SIM,
        HEAD + ACCOUNT + "wallets={USDT='-1'}\n",
        ("accounts.0.wallets.USDT: found '-1'", "greater"),
    ),
    ((*SIM, "--seconds", "0"), HEAD + ACCOUNT, ("--seconds", "0 is not in the range")),
    (PAPER, HEAD + WIRE + ACCOUNT, ("wire.ca: found 'none.pem'", "`tieout wire` writes would do")),
    (
        PAPER,
        HEAD + ACCOUNT + "pace=0\n",
        ("accounts.0.pace: found 0", "greater than or equal to 1"),
    ),
    (PAPER, HEAD + ACCOUNT + "wallet={}\n", ("accounts.0: unknown field wallet", "there are")),
    (PAPER, "name='a'\njournal='x/j'\n" + ACCOUNT, ("x; one of ours would do",)),
    ((*PAPER, "--seed", "3"), HEAD + ACCOUNT, ("--seed: found 3", "only in sim")),
    ((*PAPER, "--out", "x"), HEAD + ACCOUNT, ("--out: found x", "only in sim")),
    (PREFLIGHT, "journal='j'\n" + ACCOUNT, ("name: ", "Field required")),
    (
        PREFLIGHT,
        HEAD + "limits='few'\n" + ACCOUNT,
        ("limits: found 'few'", "a table, or 'none', would do"),
    ),
    (
        PREFLIGHT,
        HEAD + "standing='keep'\n" + ACCOUNT,
        ("standing: found 'keep'", "'adopt' or 'refuse'"),
    ),
    (
        PREFLIGHT,
        HEAD + ACCOUNT + "margin='crossed'\n",
        ("margins.okx_swap/main: found 'crossed'", "'cross' or 'isolated'"),
    ),
    (PREFLIGHT, HEAD + ACCOUNT.replace("env:A", "sesame"), ("keys.okx_swap/main.key", "would do")),
    (SHADOW, HEAD + ACCOUNT, ("env:A", "no such variable")),
    (
        LIVE,
        HEAD + ACCOUNT.replace("env:A", "file:open"),
        ("file:open", "chmod 600 would do"),
    ),
    (LIVE, HEAD + ACCOUNT.replace("env:A", "keyring:x/y"), ("keyring:x/y", "keyring")),
    (
        LIVE,
        HEAD + ACCOUNT.replace("env:A", "file:gone"),
        ("file:gone", "cannot be read"),
    ),
    (SHADOW, HEAD + ACCOUNT.replace("key='env:A', ", ""), ("keys.okx_swap/main.key", "required")),
    (
        SHADOW,
        HEAD + ACCOUNT + ACCOUNT.replace("venue=", "name='two'\nvenue="),
        ("accounts: a key stands there twice", "one account for each would do"),
    ),
    (
        SHADOW,
        HEAD + CHAIN + CHAIN.replace("eth", "two").replace("AB", "ab"),
        ("chain: an address stands there twice",),
    ),
    (
        SHADOW,
        "name='a'\njournal='postgresql://u:sesame@h/books'\n" + ACCOUNT,
        ("journal: a server's is a table",),
    ),
    (
        SHADOW,
        HEAD + ACCOUNT + ALERTS + "webhook='//h/sesame'\nsecret='env:B'\n",
        ("alerts.channels.0.webhook: ",),
    ),
    (
        SHADOW,
        HEAD + ACCOUNT + ALERTS + "webhook='https://h/'\nsecret='keyring:one'\n",
        ("alerts.channels.0.secret: ", "keyring:SERVICE/NAME would do"),
    ),
    (SHADOW, HEAD + CHAIN.replace(ADDRESS, "0xsesame"), ("chain.0.address: ",)),
    (
        SHADOW,
        HEAD + "unlimited=true\n" + ACCOUNT,
        ("unknown field unlimited", "limits and alerts = 'none'"),
    ),
    (SHADOW, HEAD + "limitss='none'\n" + ACCOUNT, ("field limitss; there are name, journal, acc",)),
    (
        LIVE,
        HEAD + ACCOUNT + "[[strategies]]\nkind='maker'\nname='mm'\naccounts=['okx/main']\n",
        ("mm: found account 'okx/main'; one of ['okx_swap/main'] would do",),
    ),
    (
        LIVE,
        HEAD + ACCOUNT + CHAIN + "keystore='k'\npassword='env:C'\n",
        (
            "bad.toml: keys.okx_swap/main.key: env:A: ",
            "bad.toml: keys.okx_swap/main.secret: file:b: cannot be read",
            "bad.toml: chain.0.nodes.1: env:B: ",
            "bad.toml: chain.0.password: env:C: the environment has no such variable",
        ),
    ),
    (LIVE, HEAD + ACCOUNT.replace("env:A", "file:empty"), ("file:empty: the file is empty",)),
)


@pytest.mark.parametrize(("words", "text", "said"), BAD)
def test_what_is_wrong_is_said_by_its_field_in_every_world(
    words: tuple[str, ...],
    text: str,
    said: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("A", raising=False)
    path = tmp_path / "bad.toml"
    path.write_text(text)
    (tmp_path / "open").write_text("sesame")
    (tmp_path / "open").chmod(0o644)
    (tmp_path / "empty").touch(0o600)
    done = CliRunner().invoke(main, [words[0], str(path), *words[1:]])
    assert done.exit_code == BAD_INPUT, done.output
    for each in said:
        assert each in done.output, done.output
    assert "Traceback" not in done.output
    assert "sesame" not in done.output


# --- sim ------------------------------------------------------------------------------------------


def test_the_very_file_runs_on_simulated_venues_without_a_key(tmp_path: Path) -> None:
    path = written(tmp_path, "okx_swap", account='wallets = {USDT = "54321"}')
    for name in ("key", "secret", "passphrase"):
        (tmp_path / name).unlink()
    words = ["live", str(path), "--mode", "sim", "--seconds", "12", "--json", "--out"]
    done = CliRunner().invoke(main, [*words, str(tmp_path / "out"), "--seed", "3"])
    assert done.exit_code == HELD, done.output
    summary = json.loads(done.output)
    assert (summary["scenario"], summary["seed"]) == ("desk", 3)
    assert summary["counts"]["fills_booked/okx_swap/main"] > 0, "its strategy traded"
    journal = (tmp_path / "out" / "journal.db").read_bytes()
    assert b"5432100000000" in journal, "it began with the wallets of the file"
    again = run(scenario_of(load(path), path, 12), 3)
    assert again.summary["digest"] == summary["digest"]


def test_its_limits_hold_in_the_simulated_world(tmp_path: Path) -> None:
    shutil.copy(LIMITS / "house.yaml", tmp_path / "mine.yaml")
    limits = 'limits = {file = "mine.yaml", rates = {USDT = "1"}, amounts = {order_quantity = 0}, '
    limits += 'enabled = ["tk"], enabled_by = "anna"}'
    path = written(tmp_path, "okx_swap", limits=limits)
    done = CliRunner().invoke(
        main, ["live", str(path), "--mode", "sim", "--seconds", "8", "--json"]
    )
    assert done.exit_code == HELD, done.output
    summary = json.loads(done.output)
    assert summary["counts"]["refused/ORDER_QUANTITY"] > 0
    assert "fills_booked/okx_swap/main" not in summary["counts"]


# --- secrets --------------------------------------------------------------------------------------


def test_a_mode_asks_for_the_secrets_that_it_needs(tmp_path: Path) -> None:
    """Nothing is signed on a chain in shadow; paper has no account, and alerts like the others."""
    path = tmp_path / "desk.toml"
    chain = CHAIN + "keystore='k'\npassword='env:C'\n"
    alerts = ALERTS + "webhook='https://h/'\nsecret='env:D'\n"
    path.write_text(HEAD + ACCOUNT + chain + alerts)
    missing = {
        mode: [line.partition(": ")[0] for line in unread(load(path), tmp_path, mode)]
        for mode in MODES
    }
    keys = ["keys.okx_swap/main.key", "keys.okx_swap/main.secret"]
    nodes = ["chain.0.nodes.0", "chain.0.nodes.1"]
    assert missing["paper"] == ["alerts.channels.0.secret"]
    assert missing["shadow"] == [*keys, *nodes, *missing["paper"]]
    assert missing["live"] == [*keys, *nodes, "chain.0.password", *missing["paper"]]


class Ring(KeyringBackend):
    """One secret, or a keyring that fails and says too much."""

    priority = 1
    fails = False

    def get_password(self, service: str, username: str) -> str | None:
        if self.fails:
            raise KeyringLocked("sesame was not opened")
        return {("tieout", "okx"): "sesame"}.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        raise NotImplementedError


@pytest.fixture
def ring() -> Iterator[Ring]:
    before = keyring.get_keyring()
    keyring.set_keyring(ring := Ring())
    yield ring
    keyring.set_keyring(before)


def test_a_secret_lies_in_the_keyring(ring: Ring, tmp_path: Path) -> None:
    assert secret("keyring:tieout/okx", tmp_path) == "sesame"
    with pytest.raises(NoSecret, match="keyring:tieout/bybit: the keyring has nothing"):
        secret("keyring:tieout/bybit", tmp_path)
    ring.fails = True
    with pytest.raises(NoSecret, match="keyring:tieout/okx: no keyring gave it") as raised:
        secret("keyring:tieout/okx", tmp_path)
    assert "sesame" not in str(raised.value)
    assert raised.value.__suppress_context__


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o666, 0o610])
def test_a_file_that_others_may_open_is_refused(mode: int, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sesame")
    (tmp_path / "key").chmod(mode)
    with pytest.raises(NoSecret, match="chmod 600 would do"):
        secret("file:key", tmp_path)
    (tmp_path / "key").chmod(0o600)
    assert secret("file:key", tmp_path) == "sesame"
