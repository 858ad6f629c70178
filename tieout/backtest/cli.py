"""`tieout backtest`: a strategy against recorded markets, through gate, books and reconciler.

0 it ran, and nothing is open; 1 a break is open; 2 bad input; 3 the environment lacks something.
"""

import json
import sys
from contextlib import redirect_stdout
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Literal

import click
from click.core import ParameterSource

from tieout.asked import known_zone, seed_range
from tieout.exits import FAILED, HELD

FREE = {"maker_rate": "0", "taker_rate": "0", "latency_ms": 1, "models": {}}
AT_ONCE = {"entry": {"ns": 0}, "reply": {"ns": 0}}


def _pairs(context: click.Context, option: click.Parameter, texts: tuple[str, ...]) -> Any:
    """NAME=VALUE, each name once."""
    pairs: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise click.BadParameter(f"found {text!r}; NAME=VALUE would do")
        if name in pairs:
            raise click.BadParameter(f"found {name} twice; each name once would do")
        pairs[name] = value
    return pairs


def _amounts(context: click.Context, option: click.Parameter, texts: tuple[str, ...]) -> Any:
    """ASSET=AMOUNT."""
    pairs = _pairs(context, option, texts)
    try:
        return {asset: Decimal(text) for asset, text in pairs.items()}
    except InvalidOperation as error:
        raise click.BadParameter("an amount is a decimal number: USDT=10000 would do") from error


def _refuse_what_it_says(context: click.Context) -> None:
    """A scenario's file says these itself: what is said beside it would be said in vain."""
    for name in ("markets", "options", "funds", "latency_ms", "ideal"):
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            option = next(each.opts[0] for each in context.command.params if each.name == name)
            raise click.UsageError(f"found {option}; the scenario's file, alone, would do")


@click.command()
@click.argument("strategy")
@click.option(
    "--market",
    "markets",
    multiple=True,
    metavar="[VENUE:]BASE/QUOTE=FILE",
    help="A recorded market, more than once for more; a FILE alone is told by its name.",
)
@click.option(
    "--set",
    "options",
    multiple=True,
    callback=_pairs,
    metavar="NAME=VALUE",
    help="An option of the strategy.",
)
@click.option(
    "--fund",
    "funds",
    multiple=True,
    callback=_amounts,
    metavar="ASSET=AMOUNT",
    help="What each venue's wallet begins with.  [default: 1,000,000 of the quote]",
)
@click.option(
    "--latency-ms",
    type=click.IntRange(1, 60_000),
    default=12,
    show_default=True,
    help="One way between us and a venue.",
)
@click.option("--ideal", is_flag=True, help="No latency and no fee: what nobody will ever get.")
@click.option(
    "--zone",
    default="",
    callback=known_zone,
    help="Of times in the files that have none: UTC, +01:00.",
)
@click.option("--bar-time", type=click.Choice(["open", "close"]), help="What a bar's time is.")
@click.option("--volume", type=click.Choice(["base", "quote"]), default="base", help="Of bars.")
@click.option("--seed", type=click.IntRange(min=0), default=0, metavar="N", help="Of the dice.")
@click.option("--fire", is_flag=True, help="With outages, disorder, stuck deposits: what is left.")
@click.option("--seeds", callback=seed_range, default="0:3", show_default=True, metavar="A:B")
@click.option("--jobs", type=click.IntRange(min=1), default=1, help="Processes, under fire.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for tables and report.")
@click.option("--json", "as_json", is_flag=True, help="Print one object, no more.")
def backtest(
    strategy: str,
    markets: tuple[str, ...],
    options: dict[str, str],
    funds: dict[str, Decimal],
    latency_ms: int,
    ideal: bool,  # noqa: FBT001  # click hands flags over so
    zone: str,
    bar_time: Literal["open", "close"] | None,
    volume: Literal["base", "quote"],
    seed: int,
    fire: bool,  # noqa: FBT001
    seeds: range,
    jobs: int,
    out: Path | None,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Run STRATEGY over recorded markets, by the gate, books and reconciler that run live.

    STRATEGY is a kind of the house (arbitrage, maker, momentum, taker, …), a .py file of yours with
    a `make(name, options)`, or a scenario's .yaml file, which says markets and models itself.

    \b
    tieout backtest momentum --market btc_perp_1m.csv.gz
    tieout backtest maker --market binance_spot:XRP/ETH=trades.json.gz --set lots=3
    """
    from tieout.cli import progress, refusals

    with refusals(), progress(strategy, shown=not as_json) as tell:
        from tieout.backtest.asked import asked, told_by
        from tieout.backtest.rows import Told
        from tieout.backtest.run import run

        files = Told(zone=zone, bar_time=bar_time, volume=volume)
        models: dict[str, Any] = {"latency_ms": latency_ms, "latency_ms_p99": latency_ms}
        if ideal:
            models = FREE | {"models": AT_ONCE}
        if strategy.endswith((".yaml", ".yml")):
            _refuse_what_it_says(click.get_current_context())
            wanted = told_by(Path(strategy), files)
        else:
            wanted = asked(strategy, options, markets, funds=funds, models=models, told=files)
        if fire:
            from tieout.backtest.fire_cli import burnt

            sys.exit(burnt(wanted, seeds, jobs, out, tell, as_json=as_json))
        with redirect_stdout(sys.stderr):  # what a strategy prints is no result
            outcome = run(
                wanted.scenario,
                wanted.tapes,
                seed,
                rates=wanted.rates,
                assumptions=wanted.assumed,
                progress=tell,
            )
        if out is not None:
            from tieout.backtest.files import save

            save(outcome, out)
    if as_json:
        click.echo(json.dumps(outcome.summary(), indent=2))
    else:
        from tieout.backtest.console import show

        show(outcome, out)
    sys.exit(FAILED if outcome.counts["open_breaks"] else HELD)
