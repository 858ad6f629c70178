"""A campaign on disk: what was done survives any end, and what goes on is what would have been."""

import errno
import json
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests import planted_seeds as planted
from tests.test_cli import SMALL, tieout
from tieout.bad_input import BadLedger
from tieout.campaigns.campaign import WHOLE, Campaign, campaign, merge
from tieout.campaigns.ledger import SEEDS, Account, Ledger, read
from tieout.campaigns.seed import Run, SeedResult, Task, ended
from tieout.cli import main
from tieout.reports.files import CannotSave

NAME = "lost_frame"
TIMES = (
    *("wall_seconds", "cpu_seconds", "simulated_per_wall_second"),
    *("records_per_cpu_second", "inputs_per_cpu_second"),
)


class Stop(BaseException):
    """What ends a campaign as an interrupt does."""


def stops_at(seed: int, run: Run = planted.sound) -> Run:
    def stopping(task: Task) -> SeedResult:
        if task.seed == seed:
            raise Stop
        return run(task)

    return stopping


def ran(out: Path, seeds: range = range(44), **named: Any) -> Campaign:
    return campaign(NAME, seeds, **{"out": out, "run": planted.sound, **named})


def timeless(folder: Path) -> str:
    """campaign.json but for its times."""
    told = json.loads((folder / WHOLE).read_text())
    for each in (told, *told["failed"]):
        for name in TIMES:
            each.pop(name, None)
    return json.dumps(told, indent=2)


def results(folder: Path) -> list[dict[str, Any]]:
    _, account = read(folder)
    return [{**asdict(each), "cpu_seconds": 0} for _, each in sorted(account.results.items())]


# --- resumed -------------------------------------------------------------------------------------


def test_what_is_resumed_is_what_would_have_been_in_one_go(tmp_path: Path) -> None:
    """Byte for byte but for the times; what had ended is not run again, what was running is."""
    ran(tmp_path / "whole", range(120))
    part = tmp_path / "part"
    with pytest.raises(Stop):
        ran(part, range(120), run=stops_at(40))
    assert not (part / WHOLE).exists()
    told: list[str] = []
    seen: list[int] = []

    def noting(task: Task) -> SeedResult:
        seen.append(task.seed)
        return planted.sound(task)

    ran(part, range(120), run=noting, resume=True, told=told.append)
    assert told == [
        f"{part}: resumed: 40 of 120 runs had ended; was running, and is run again: {NAME} seed 40"
    ]
    assert (min(seen), seen.count(40), seen.count(57)) == (40, 1, 2)
    assert timeless(part) == timeless(tmp_path / "whole")
    assert results(part) == results(tmp_path / "whole")


def test_a_second_run_that_was_not_made_is_made_up_for(tmp_path: Path) -> None:
    """The first one's digest is in the ledger: another one's is held against it."""
    calls: list[int] = []

    def stops_at_the_second(task: Task) -> SeedResult:
        calls.append(task.seed)
        if task.again:
            raise Stop
        return planted.sound(task)

    with pytest.raises(Stop):
        ran(tmp_path, range(30), run=stops_at_the_second)
    assert calls[-2:] == [0, 0]
    done = ran(tmp_path, range(30), run=planted.of_a_clock, resume=True)
    assert [each.seed for each in done.failures if "two runs" in each.failed[-1]] == [0, 19]


def test_nor_by_a_process_with_the_hash_seed_of_the_first(tmp_path: Path) -> None:
    """Workers of a second session are others than those of the first, who are numbered alike."""
    named: dict[str, Any] = {"run": planted.of_an_order_of_hashes, "out": tmp_path, "jobs": 1}
    assert campaign(NAME, [19], **named, stop_after=None, seconds_max=0.0).stopped
    done = campaign(NAME, [19], **named, resume=True)
    assert done.twice == 1
    assert "two runs, two digests" in done.failures[0].failed[-1]


def test_a_line_that_was_cut_short_was_never_written(tmp_path: Path) -> None:
    """As when the machine went down; the seed is run again."""
    ran(tmp_path, range(10))
    path = tmp_path / SEEDS
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-2]) + lines[-2][:30])
    done = ran(tmp_path, range(10), resume=True)
    assert len(done.results) == 10
    assert [json.loads(line) for line in path.read_text().splitlines()]


def test_the_wall_time_is_that_of_all_sessions(tmp_path: Path) -> None:
    with pytest.raises(Stop):
        ran(tmp_path, range(20), run=stops_at(10, planted.waits))
    before = read(tmp_path)[1].wall_seconds
    assert before > 0.2
    assert ran(tmp_path, range(20), run=planted.waits, resume=True).wall_seconds > before + 0.2


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"seeds": range(45)}, "begun with seeds 0:44, not 0:45"),
        ({"short": True}, "begun with form full, not short"),
        ({"shard": (1, 2)}, "begun with shard 1/1, not 1/2"),
    ],
)
def test_the_ledger_of_another_campaign_is_not_gone_on_with(
    other: dict[str, Any], said: str, tmp_path: Path
) -> None:
    with pytest.raises(Stop):
        ran(tmp_path, run=stops_at(40))
    before = (tmp_path / SEEDS).read_bytes()
    with pytest.raises(BadLedger, match=said):
        ran(tmp_path, resume=True, **other)
    assert (tmp_path / SEEDS).read_bytes() == before


def test_nor_that_of_another_scenario_or_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a scenario's file, its content counts: what was changed is another scenario."""
    path = tmp_path / "small.yaml"
    path.write_text(SMALL)
    out = tmp_path / "out"
    campaign(str(path), range(3), out=out, run=planted.sound)
    with pytest.raises(BadLedger, match=f"begun with scenario .*small.yaml, not {NAME}"):
        ran(out, range(3), resume=True)
    path.write_text(SMALL.replace("duration_s: 20", "duration_s: 21"))
    with pytest.raises(BadLedger, match=r"begun with content of its scenario [0-9a-f]{12}, not"):
        campaign(str(path), range(3), out=out, run=planted.sound, resume=True)
    path.write_text(SMALL)
    monkeypatch.setattr("tieout.campaigns.campaign.code_version", lambda: "another")
    with pytest.raises(BadLedger, match=r"begun with code .*, not another; what it was begun"):
        campaign(str(path), range(3), out=out, run=planted.sound, resume=True)


def test_what_could_be_resumed_is_not_begun_anew_by_accident(tmp_path: Path) -> None:
    """A night's work is not lost to a word left out, nor to one too many."""
    with pytest.raises(Stop):
        ran(tmp_path, run=stops_at(40))
    before = (tmp_path / SEEDS).read_bytes()
    with pytest.raises(BadLedger, match="40 runs of this very campaign, which did not end"):
        ran(tmp_path)
    with pytest.raises(BadLedger, match=r"did not end, begun with seeds 0:44, not 5:6; another f"):
        ran(tmp_path, range(5, 6))
    assert (tmp_path / SEEDS).read_bytes() == before


def test_what_ended_is_written_over_with_a_word(tmp_path: Path) -> None:
    told: list[str] = []
    ran(tmp_path, range(10), told=told.append)
    assert not told
    assert len(ran(tmp_path, range(50), told=told.append).results) == 50
    assert told == [f"{tmp_path}: written over: 10 runs, 1 failed, of a campaign that had ended"]


def test_a_ledger_that_never_had_a_whole_line_has_nothing(tmp_path: Path) -> None:
    (tmp_path / SEEDS).write_text('{"campaign": {"schema"')
    assert len(ran(tmp_path, range(3)).results) == 3
    (tmp_path / SEEDS).write_text('{"campaign": {"schema"')
    assert len(ran(tmp_path, range(3), resume=True).results) == 3


def test_what_was_ended_runs_again_where_it_may_take_longer(tmp_path: Path) -> None:
    """A machine that was too slow for the limit, and a seed that is too slow for none."""

    def slow(task: Task) -> SeedResult:
        return ended(task, 8.0) if task.seed == 3 else planted.sound(task)

    def again(seconds_max: float) -> tuple[list[str], list[int]]:
        told, seen = list[str](), list[int]()

        def noting(task: Task) -> SeedResult:
            seen.append(task.seed)
            return planted.sound(task)

        named: dict[str, Any] = {"run": noting, "resume": True, "told": told.append}
        ran(tmp_path, range(5), seed_seconds_max=seconds_max, **named)
        return told[1:], seen

    done = ran(tmp_path, range(5), run=slow)
    said = "ran longer than 8 s, and was ended; --seed-timeout gives it more"
    assert [each.why for each in done.failures] == [said]
    assert again(8.0) == ([], [])
    assert again(500.0) == ([f"{NAME} seed 3: was ended; runs again, for 500 s at most"], [3])
    assert again(900.0) == ([], [])
    assert not read(tmp_path)[1].result((NAME, 3)).lost


def test_a_ledger_and_a_page_that_find_no_room_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The verdict is known, and is told; what is half written is taken for nothing."""
    room = os.strerror(errno.ENOSPC)

    def full(path: Path, text: str) -> None:
        path.write_bytes(text.encode()[:9])
        raise OSError(errno.ENOSPC, room, str(path))

    with monkeypatch.context() as patch:
        patch.setattr("tieout.reports.files._write", full)
        done = ran(tmp_path, range(3))
    assert done.held
    assert done.unsaved.startswith(f"{tmp_path / WHOLE}: {room}")
    assert not (tmp_path / WHOLE).exists()
    assert not ran(tmp_path, range(3), resume=True).unsaved
    full_disk = Path("/dev/full").open("w")  # noqa: SIM115  # to close it fails as well
    nowhere = Ledger(tmp_path / SEEDS, full_disk, Account())
    with pytest.raises(CannotSave, match=f"{room}; with room for it, --resume goes on"):
        nowhere.write({"ended": {}})
    with suppress(OSError):
        full_disk.close()


def test_where_there_is_nothing_to_resume_it_begins(tmp_path: Path) -> None:
    told: list[str] = []
    assert len(ran(tmp_path, range(3), resume=True, told=told.append).results) == 3
    assert told == [f"{tmp_path}: no campaign to resume: begun anew"]


def test_two_campaigns_do_not_write_one_ledger(tmp_path: Path) -> None:
    def another(task: Task) -> SeedResult:
        with pytest.raises(BadLedger, match="a campaign writes it now"):
            ran(tmp_path, range(3), resume=True)
        return planted.sound(task)

    assert ran(tmp_path, range(1), run=another).held


def test_a_damaged_ledger_is_refused_with_its_line(tmp_path: Path) -> None:
    ran(tmp_path, range(3))
    lines = (tmp_path / SEEDS).read_bytes().splitlines()
    words = ["campaign", NAME, "--seeds", "0:3", "--out", str(tmp_path), "--resume"]
    for bad, shown in ((b"{]", "'{]'"), (b'{"\xff": 1}', """'{"\ufffd": 1}'""")):
        (tmp_path / SEEDS).write_bytes(b"\n".join([*lines[:2], bad, *lines[3:]]) + b"\n")
        said = CliRunner().invoke(main, words)
        assert said.exit_code == 2
        assert f"{tmp_path / SEEDS}: line 3: found {shown}" in said.stderr


def test_a_folder_where_a_page_belongs_is_said(tmp_path: Path) -> None:
    (tmp_path / WHOLE).mkdir()
    words = ["campaign", NAME, "--seeds", "0:1", "--short", "--out", str(tmp_path)]
    said = CliRunner().invoke(main, words)
    assert (said.exit_code, f"tieout: {tmp_path / WHOLE}: " in said.stderr) == (2, True)


def test_resume_is_of_a_folder() -> None:
    said = CliRunner().invoke(main, ["campaign", NAME, "--seeds", "0:3", "--resume"])
    assert (said.exit_code, "--resume needs the --out" in said.stderr) == (2, True)


# --- shards --------------------------------------------------------------------------------------


def sharded(folder: Path, number: int, of: int, **named: Any) -> Path:
    ran(folder / str(number), shard=(number, of), **named)
    return folder / str(number)


def test_shards_merged_are_the_campaign_in_one_go(tmp_path: Path) -> None:
    """Byte for byte but for the times; each shard has a canary of its own."""
    whole = ran(tmp_path / "whole", range(120))
    shards = [sharded(tmp_path, number, 3, seeds=range(120)) for number in (1, 2, 3)]
    assert [len(json.loads((each / WHOLE).read_text())["failed"]) for each in shards] == [6, 6, 5]
    merged = merge([shards[1], shards[2], shards[0]], tmp_path / "merged")
    assert timeless(tmp_path / "merged") == timeless(tmp_path / "whole")
    assert results(tmp_path / "merged") == results(tmp_path / "whole")
    assert merged.digest() == whole.digest()
    assert merged.canary_due
    assert not merged.canary_missed()
    assert merged.twice == whole.twice == 7


@pytest.mark.parametrize("of", [1, 2, 3])
def test_shards_agree_which_of_few_runs_twice(of: int, tmp_path: Path) -> None:
    """Of 0:15 none does by its number: it is the first of the whole campaign, and of no part."""
    seeds = range(15)
    shards = [sharded(tmp_path, n + 1, of, seeds=seeds) for n in range(of)]
    again = [key for each in shards for key in read(each)[1].again]
    assert again == [(NAME, 0)]
    assert merge(shards, tmp_path / "whole").twice == 1


def test_a_shard_is_in_no_other(tmp_path: Path) -> None:
    seeds = [[each.seed for each in ran(tmp_path, shard=(n, 7)).results] for n in range(1, 8)]
    assert sorted(seed for part in seeds for seed in part) == list(range(44))


def test_a_canary_unheard_in_one_shard_is_unheard_in_all(tmp_path: Path) -> None:
    seeds = {"seeds": range(120)}
    unheard = sharded(tmp_path, 2, 2, **seeds, run=planted.canary_unheard)
    shards = [sharded(tmp_path, 1, 2, **seeds), unheard]
    for order in (shards, shards[::-1]):
        merged = merge(order, tmp_path / "merged")
        assert "canary seed 100 has to fail" in merged.canary_missed()


Spoil = Callable[[Path], list[Path]]


def _one_missing(folder: Path) -> list[Path]:
    return [sharded(folder, 1, 3), sharded(folder, 3, 3)]


def _one_twice(folder: Path) -> list[Path]:
    first = sharded(folder, 1, 2)
    shutil.copytree(first, folder / "copy")
    return [first, folder / "copy", sharded(folder, 2, 2)]


def _unfinished(folder: Path) -> list[Path]:
    with pytest.raises(Stop):
        sharded(folder, 1, 2, run=stops_at(40))
    return [folder / "1", sharded(folder, 2, 2)]


def _of_other_seeds(folder: Path) -> list[Path]:
    return [sharded(folder, 1, 2), sharded(folder, 2, 2, seeds=range(90))]


def _of_other_parts(folder: Path) -> list[Path]:
    return [sharded(folder, 1, 2), sharded(folder, 2, 3)]


def _of_other_code(folder: Path) -> list[Path]:
    shards = [sharded(folder, 1, 2), sharded(folder, 2, 2)]
    _replace_code(shards[1])
    return shards


def _all_of_other_code(folder: Path) -> list[Path]:
    shards = _of_other_code(folder)
    _replace_code(shards[0])
    return shards


def _replace_code(folder: Path) -> None:
    lines = (folder / SEEDS).read_text().splitlines()
    header = json.loads(lines[0])
    header["campaign"]["code"] = "another"
    (folder / SEEDS).write_text("\n".join([json.dumps(header), *lines[1:]]) + "\n")


def _one_seed_short(folder: Path) -> list[Path]:
    shards = [sharded(folder, 1, 2), sharded(folder, 2, 2)]
    lines = (shards[0] / SEEDS).read_text().splitlines()
    kept = [line for line in lines if f'{{"task": {{"scenario": "{NAME}", "seed": 4,' not in line]
    assert len(kept) == len(lines) - 1
    (shards[0] / SEEDS).write_text("\n".join(kept) + "\n")
    return shards


def _no_campaign(folder: Path) -> list[Path]:
    return [folder]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_one_missing, "shard 2/3 is missing; the folders of all shards would do"),
        (_one_twice, "copy/seeds.jsonl: is shard 1/2, and so is"),
        (_unfinished, "1/seeds.jsonl: has 20 runs, and did not end"),
        (_of_other_seeds, "2/seeds.jsonl: begun with seeds 0:90, not 0:44"),
        (_of_other_parts, "2/seeds.jsonl: is shard 2/3, and "),
        (_of_other_code, "begun with code another, not"),
        (_all_of_other_code, "begun with code another, not"),
        (_one_seed_short, f"1/seeds.jsonl: has no result of {NAME} seed 4; that shard"),
        (_no_campaign, "seeds.jsonl: No such file or directory; the folder of"),
    ],
)
def test_gaps_overlaps_and_other_code_are_refused(spoil: Spoil, said: str, tmp_path: Path) -> None:
    """Status 2 in the terminal: nothing that is not whole passes for a campaign."""
    folders = spoil(tmp_path)
    with pytest.raises(BadLedger) as refused:
        merge(folders, tmp_path / "merged")
    assert said in str(refused.value)
    assert not (tmp_path / "merged" / WHOLE).exists()


def test_what_is_refused_leaves_no_part_of_a_whole(tmp_path: Path) -> None:
    """Which the next merge would take for a campaign that did not end."""
    out = tmp_path / "whole"
    with pytest.raises(BadLedger):
        merge(_one_seed_short(tmp_path), out)
    assert not out.exists()


def test_nor_does_what_ends_it_midway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shards = [sharded(tmp_path, 1, 2), sharded(tmp_path, 2, 2)]
    write, written = Ledger.write, list[dict[str, Any]]()

    def full(ledger: Ledger, entry: dict[str, Any]) -> None:
        write(ledger, entry)
        written.append(entry)
        if len(written) == 9:
            raise CannotSave("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "write", full)
        with pytest.raises(CannotSave):
            merge(shards, tmp_path / "whole")
    assert len(merge(shards, tmp_path / "whole").results) == 44


def test_no_shard_is_written_over_by_the_whole(tmp_path: Path) -> None:
    """A merge that is refused midway, or killed, would take it along."""
    shards = _one_seed_short(tmp_path)
    before = (shards[0] / SEEDS).read_bytes()
    with pytest.raises(BadLedger, match="is a shard; another folder would do"):
        merge(shards, tmp_path / "2" / ".." / "1")
    assert (shards[0] / SEEDS).read_bytes() == before


def test_the_commands_of_shards(tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text(SMALL)
    words = ["campaign", str(tmp_path / "small.yaml"), "--seeds", "0:5", "--json"]
    folders = [str(tmp_path / name) for name in ("a", "b")]
    for number, folder in enumerate(folders, 1):
        done = tieout(*words, "--shard", f"{number}/2", "--out", folder)
        assert done.returncode == 0, done.stderr
    done = tieout("merge", *folders, "--out", str(tmp_path / "merged"), "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["runs"] == 5
    said = CliRunner().invoke(main, ["merge", folders[0], "--out", str(tmp_path / "x")])
    assert (said.exit_code, said.stderr.startswith("tieout: shard 2/2 is missing")) == (2, True)
    for wrong in ("0/2", "3/2", "2", "a/b"):
        said = CliRunner().invoke(main, [*words, "--shard", wrong])
        assert (said.exit_code, "I/N with I from 1 to N would do" in said.stderr) == (2, True)
