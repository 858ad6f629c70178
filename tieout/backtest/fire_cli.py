"""`tieout backtest … --fire`: every family of faults at every strength, seed by seed; the table.

0 every claim held in every run; 1 one did not.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import click

from tieout.backtest.asked import Asked
from tieout.backtest.fire import Fire, FireResult, burn, families_of, set_up, tasks_of
from tieout.campaigns.seed import Engine, here
from tieout.campaigns.workers import workers
from tieout.exits import FAILED, HELD


def burnt(
    wanted: Asked,
    seeds: Sequence[int],
    jobs: int,
    out: Path | None,
    tell: Callable[[float], None],
    *,
    as_json: bool,
) -> int:
    """Run it all, show what is left of the profit, and return the exit status."""
    scenario = set_up(wanted.scenario, wanted.tapes)
    fire = Fire(scenario, wanted.tapes, dict(wanted.rates))
    tasks = tasks_of(families_of(scenario), seeds)
    engine: Engine = here if jobs == 1 else workers(jobs)
    results: list[FireResult] = []
    for result in burn(fire, tasks, engine):
        results.append(result)
        tell(len(results) / len(tasks))
    results.sort(key=lambda each: tasks.index((each.scenario, each.seed, False, False)))  # type: ignore[arg-type]  # a Task
    _show(scenario.strategies[0].name, results, out, as_json=as_json)
    return HELD if all(each.held for each in results) else FAILED


def _show(name: str, results: Sequence[FireResult], out: Path | None, *, as_json: bool) -> None:
    from tieout.backtest.fire_page import save, summary
    from tieout.backtest.fire_view import table
    from tieout.reports.paper import Paper

    coin = next((each.coin for each in results if each.coin), "")
    if out is not None:
        save(name, results, coin, out)
    if as_json:
        click.echo(json.dumps(summary(results, coin), indent=2))
        return
    console = Paper()
    console.print(table(results, coin))
    for each in results:
        if not each.held:
            console.print(f"{each.scenario}, seed {each.seed}: {'; '.join(each.failed)}")
