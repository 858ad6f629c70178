"""The documents that are drawn from the code say what the code says now."""

from pathlib import Path
from typing import get_args

import pytest

from core.authorizations import NEXT, OPEN
from core.effects import Effect
from core.events import Event
from core.kill import PROCEDURE
from core.leases import MOVES as EPOCH_MOVES
from core.orders import MOVES, TAKEN_BACK
from core.strategies import BY_A_PERSON
from core.token_state import AuthorizationStatus
from rails import schemes
from risk.lease_holder import MOVES as HOLDER_MOVES
from risk.tightening import CURVE
from tieout import docs
from tieout.risk import document as risk_document
from tieout.runs import run
from tieout.tokens import document as token_document
from tokens.http.bodies import REASONS
from tokens.http.callers import MAY
from tokens.http.views import ABOUT_PEOPLE

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("name", docs.documents())
def test_a_generated_document_is_fresh(name: str) -> None:
    """After a change of events, effects or orders: `python -m tieout.docs`."""
    written = (ROOT / "docs" / name).read_text(encoding="utf-8")
    assert written == docs.documents()[name], "run `python -m tieout.docs`"


def test_the_catalogue_has_every_event_and_effect_with_its_words() -> None:
    text = docs.catalogue()
    for each in (*get_args(Event), *get_args(Effect)):
        assert f"# {each.__name__}\n" in text
        assert (each.__doc__ or "?").splitlines()[0] in text
    assert docs.handlers().keys() == {each.__name__ for each in get_args(Event)}


def test_the_picture_has_every_move_and_no_other() -> None:
    drawn = {
        tuple(line.partition(": ")[0].split(" --> "))
        for line in map(str.strip, docs.lifecycle().splitlines())
        if " --> " in line and "[*]" not in line
    }
    assert drawn == {(status, to) for status, moves in MOVES.items() for to in moves} | {TAKEN_BACK}


def test_the_pictures_of_risk_have_every_move_of_their_tables() -> None:
    text = risk_document.lifecycles()
    moves = [(was, to) for was, row in PROCEDURE.items() for to in row.then]
    moves += [(was, to) for was, told in HOLDER_MOVES.items() for to in told.values()]
    moves += [(was, to) for was, told in EPOCH_MOVES.items() for to in told]
    moves += [(was, to) for was, told in BY_A_PERSON.items() for to in told]
    for was, to in moves:
        assert f"    {was} --> {to}" in text
    for since, share in CURVE:
        assert f"| from {since} to " in text
        assert f"| {share} ‰ |" in text
    for row in PROCEDURE.values():
        assert f"| {row.does} | {row.ends} |" in text


def test_the_life_of_an_authorization_has_every_move_and_no_other() -> None:
    """With every status, what it means, and which of them hold value."""
    text = token_document.tokens()
    drawn = {
        tuple(line.split(" --> "))
        for line in map(str.strip, text.splitlines())
        if " --> " in line and "[*]" not in line
    }
    assert drawn == {(status, to) for status, moves in NEXT.items() for to in moves}
    assert token_document.MEANS.keys() == set(get_args(AuthorizationStatus))
    for status, words in token_document.MEANS.items():
        assert f"| {status} | {words} | " in text
        assert (f"    {status} --> [*]" in text) == (status not in NEXT)
    assert f"    class {','.join(OPEN)} open" in text


def test_the_control_planes_words_are_its_tables() -> None:
    text = token_document.tokens()
    for reason, words in REASONS.items():
        assert f"| `{reason}` | {words} |" in text
    head, *rows = (line for line in text.splitlines() if line.startswith(("| role |", *_roles())))
    acts = head.strip("| ").split(" | ")[1:]
    told = {
        cells[0]: {act for act, cell in zip(acts, cells[1:], strict=True) if cell == "yes"}
        for cells in ([cell.strip() for cell in row[1:-1].split("|")] for row in rows)
    }
    assert told == {role: set(may) for role, may in MAY.items()}
    assert ", ".join(ABOUT_PEOPLE) in text


def _roles() -> tuple[str, ...]:
    return tuple(f"| {role} |" for role in MAY)


def test_the_rails_have_every_scheme_with_its_windows_and_spans() -> None:
    """And each figure as the table has it."""
    text = docs.rails()
    for name, row in schemes.load().items():
        assert f"(#{name})" in text
        part = text.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
        for words in (row.evidence, row.retries, row.duplicates, row.note, *row.cites):
            assert words in part
        for words in (*row.unchecked, ", ".join(row.settled_codes)):
            assert words in part
        for each in (*row.returns, *row.consents, *row.recalls):
            assert " ".join(each.codes) in part
    assert "10:30 → 13:00, 14:45 → 17:00, 16:45 → 18:00" in text
    assert "60 calendar days, then 1 banking day, until 08:30: R05 R07" in text
    assert "| an answer is due | 10 s after sending; then we ask every 30 s, at most 40" in text


def test_check_says_what_is_stale_and_writing_mends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(docs, "DOCS", tmp_path / "docs")
    assert docs.main(["--check"]) == 1
    assert "docs/events.md is stale" in capsys.readouterr().out
    assert docs.main([]) == 0
    assert docs.main(["--check"]) == 0
    (tmp_path / "docs" / "events.md").write_text("old")
    assert docs.main(["--check"]) == 1
    assert docs.main(["--nonsense"]) == 2


def test_the_readme_shows_the_digest_that_its_commands_give() -> None:
    """The tour's output is real: the run and the replay print what stands there."""
    digest = run("lost_frame", 7, sampled=False).summary["digest"]
    assert (ROOT / "README.md").read_text(encoding="utf-8").count(digest) == 2
