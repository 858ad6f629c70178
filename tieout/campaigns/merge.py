"""Shards of a campaign, each in a folder of its own, as one: all of them, each once, one code."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tieout.bad_input import BadLedger
from tieout.campaigns.ledger import SEEDS, Account, Header, Ledger, read
from tieout.campaigns.seed import CANARY, Begun, Done, Key, SeedResult, Task


def merged(folders: Sequence[Path]) -> tuple[Header, Account, list[Path]]:
    """What the shards say together, of the whole campaign; and their ledgers in their order."""
    shards: dict[int, tuple[Path, Header, Account]] = {}
    for folder in folders:
        header, account = read(folder)
        _refuse(folder, header, account, shards)
        shards[header.shard[0]] = folder, header, account
    _, first, _ = next(iter(shards.values()))
    missing = [f"{n}/{first.shard[1]}" for n in range(1, first.shard[1] + 1) if n not in shards]
    if missing:
        would_do = "the folders of all shards would do"
        raise BadLedger(f"shard {', '.join(missing)} is missing; {would_do}")
    ledgers = [shards[number][0] / SEEDS for number in sorted(shards)]
    whole = _together([account for _, _, account in shards.values()])
    return replace(first, shard=(1, 1)), whole, ledgers


def _refuse(
    folder: Path,
    header: Header,
    account: Account,
    shards: dict[int, tuple[Path, Header, Account]],
) -> None:
    """What is not one more shard of the campaign that the others are of."""
    path, (number, of) = folder / SEEDS, header.shard
    if not account.ended:
        done = f"{len(account.results)} runs, and did not end"
        raise BadLedger(f"{path}: has {done}; `tieout campaign ... --resume` would do")
    if number in shards:
        twice = f"shard {number}/{of}, and so is {shards[number][0]}"
        raise BadLedger(f"{path}: is {twice}; each shard once would do")
    for other, theirs, _ in shards.values():
        if theirs.shard[1] != of:
            parts = f"is shard {number}/{of}, and {other} is {theirs.shard[0]}/{theirs.shard[1]}"
            raise BadLedger(f"{path}: {parts}; shards of one campaign would do")
        said = replace(theirs, shard=(number, theirs.shard[1])).difference(header)
        if said:
            would_do = f"a shard of the campaign of {other} would do"
            raise BadLedger(f"{path}: begun with {said}; {would_do}")


def _together(accounts: Sequence[Account]) -> Account:
    """They ran side by side, and took as long as the longest."""
    whole = Account(ended=True, wall_seconds=max(each.wall_seconds for each in accounts))
    for account in accounts:
        whole.again |= account.again
        whole.changed = whole.changed or account.changed
        for key, result in account.results.items():
            if key in whole.results and _as_it_should(result):
                continue  # each shard has the canary's, and one that is wrong is what counts
            whole.results[key] = result
    return whole


def _as_it_should(result: SeedResult) -> bool:
    from tieout.campaigns import canary

    assert result.scenario == CANARY, "another seed is in one shard only"
    return result.held != canary.sings(result.seed)


def refuse_gaps(
    account: Account, tasks: Sequence[Task], work: Sequence[Key], ledgers: Sequence[Path]
) -> None:
    """A seed of the whole that its shard does not have, before anything of the whole is written.

    The campaign itself says of a canary that it did not run.
    """
    places = {key: ledgers[number % len(ledgers)] for number, key in enumerate(work)}
    for task in account.gaps(tasks, work):
        would_do = "that shard, run whole, would do"
        raise BadLedger(f"{places[task.key]}: has no result of {task}; {would_do}")


def copy_to(ledger: Ledger, account: Account, tasks: Sequence[Task]) -> None:
    """Write down what was done, in the order of the tasks, as if it had been done now."""
    for task in tasks:
        known = account.again if task.again else account.results
        if task.key in known:
            ledger.take(Begun(task))
            ledger.take(Done(task, known[task.key]), account.wall_seconds)
    if account.changed:
        ledger.write({"changed": account.changed})
    ledger.write({"ended": {}})
