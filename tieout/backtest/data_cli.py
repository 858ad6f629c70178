"""The commands of `tieout data`: check, fetch.

check: 0 nothing is wrong; 1 something looks odd, and a person judges; 2 a file cannot be run on.
fetch: 0 it is there, whole; 1 it is there, and something looks odd; 2 bad input; 3 no ccxt, or the
exchange could not be reached: what came is kept for --resume.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn, TypeVar

import click

from tieout.asked import known_zone
from tieout.exits import BAD_INPUT, FAILED, HELD, LACKING, fail, give_up

if TYPE_CHECKING:
    from tieout.backtest.data import Source
    from tieout.backtest.rows import Told

Command = TypeVar("Command", bound=Callable[..., Any])
FILE = click.Path(path_type=Path)
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print one object and nothing else.")
TOLD = (
    click.option(
        "--kind",
        type=click.Choice(["trades", "quotes", "depth", "bars"]),
        help="What the files hold; by default their columns say.",
    ),
    click.option(
        "--zone",
        default="",
        callback=known_zone,
        help="Of times without one, as Europe/London; else UTC.",
    ),
    click.option(
        "--bar-time",
        type=click.Choice(["open", "close"]),
        help="What a bar's time is, where its column does not say.",
    ),
    click.option("--bar-seconds", type=click.IntRange(1), help="How long bars are; else they say."),
    click.option(
        "--volume",
        type=click.Choice(["base", "quote"]),
        default="base",
        show_default=True,
        help="The asset that bars' volumes count.",
    ),
)


def told_options(command: Command) -> Command:
    """The options that say what is known of market files beside what stands in them."""
    for option in reversed(TOLD):
        command = option(command)
    return command


def told_of(options: dict[str, Any]) -> "Told":
    """What these options say; takes them out of `options`."""
    from tieout.backtest.rows import Told

    seconds = options.pop("bar_seconds")
    names = ("kind", "zone", "bar_time", "volume")
    said = {name: options.pop(name) for name in names}
    return Told(**said, bar_ns=seconds * 10**9 if seconds else None)


@click.group()
def data() -> None:
    """Recorded markets: check files before anything runs on them, fetch new ones."""


@data.command()
@click.argument("files", type=FILE, nargs=-1, required=True)
@told_options
@AS_JSON
def check(files: tuple[Path, ...], as_json: bool, **options: Any) -> None:  # noqa: FBT001
    """Read FILES as a backtest would, and say what is wrong with each, with its place.

    Gaps, disorder, what is told twice, absurd prices; and whatever the file did not say and was
    taken for granted. `docs/data.md` says what files there may be.
    """
    told = told_of(options)
    _show([_checked(file, told) for file in files], as_json=as_json)


def _show(checked: "Sequence[Checked]", *, as_json: bool) -> NoReturn:
    """Print what was found of each, and end with the status of the worst."""
    if as_json:
        click.echo(json.dumps({"files": [each.as_dict() for each in checked]}, indent=2))
    else:
        click.echo("\n".join(line for each in checked for line in each.lines()))
    sys.exit(max(each.status for each in checked))


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found of one file: what it is, or why it cannot be read."""

    file: Path
    source: "Source | None"
    unreadable: str = ""

    @property
    def status(self) -> int:
        """The exit status that this file alone would give."""
        if self.source is None or any(each.refuses for each in self.source.findings):
            return BAD_INPUT
        return FAILED if self.source.findings else HELD

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        if self.source is None:
            return {"file": self.file.name, "verdict": "refused", "unreadable": self.unreadable}
        return self.source.as_dict() | {"verdict": VERDICTS[self.status]}

    def lines(self) -> list[str]:
        """For people: what it is, what was assumed, what is wrong."""
        if self.source is None:
            return [self.unreadable, "  refused"]
        lines = [str(self.source)]
        lines += [f"  assumed: {each}" for each in self.source.assumed]
        for each in self.source.findings:
            lines.append(f"  {'REFUSED' if each.refuses else 'odd'}: {each.code}: {each}")
        return [*lines, f"  {VERDICTS[self.status]}"]


VERDICTS = {HELD: "nothing is wrong", FAILED: "odd, and to be judged", BAD_INPUT: "refused"}


def _checked(file: Path, told: "Told | None" = None) -> Checked:
    from tieout.backtest.data import NOTHING_TOLD, examined
    from tieout.bad_input import BadMarket

    try:
        return Checked(file, examined(file, told or NOTHING_TOLD)[1])
    except BadMarket as error:
        return Checked(file, None, str(error))


# --- fetch ---------------------------------------------------------------------------------------


def moment_ms(context: click.Context, option: click.Parameter, text: str | None) -> int | None:
    """A moment of UTC, or with a zone of its own, in ms; nothing where nothing was said."""
    if text is None:
        return None
    try:
        told = datetime.fromisoformat(text)
    except ValueError:
        found = f"found {text!r}; a date or moment would do, as 2022-01-31 or 2022-01-31T12:00Z"
        raise click.BadParameter(found) from None
    return int((told if told.tzinfo else told.replace(tzinfo=UTC)).timestamp()) * 1000


@data.command()
@click.argument("exchange")
@click.argument("symbol")
@click.option("--kind", type=click.Choice(["bars", "trades"]), default="bars", show_default=True)
@click.option("--timeframe", default="1m", show_default=True, help="Of bars, as ccxt names it.")
@click.option("--since", callback=moment_ms, required=True, metavar="TIME", help="UTC by default.")
@click.option("--until", callback=moment_ms, metavar="TIME", help="Before then; else until now.")
@click.option("--out", type=FILE, required=True, help="A new file: .csv, .csv.gz or .parquet.")
@click.option("--resume", is_flag=True, help="Go on with a fetch that ended early.")
@AS_JSON
def fetch(
    exchange: str,
    symbol: str,
    kind: Literal["bars", "trades"],
    timeframe: str,
    since: int,
    until: int | None,
    out: Path,
    resume: bool,  # noqa: FBT001  # click hands flags over so
    as_json: bool,  # noqa: FBT001
) -> None:
    """Fetch the SYMBOL's bars or trades from an EXCHANGE through ccxt, and check what came.

    Names are ccxt's: `tieout data fetch binance BTC/USDT --since 2024-01-01 --out btc.parquet`.
    """
    from tieout.cli import progress

    with _refusals(), progress(f"{exchange} {symbol}", shown=not as_json) as tell:
        from tieout.backtest import fetch as fetching

        client = fetching.client(exchange)
        last = client.milliseconds() if until is None else until
        wanted = fetching.Wanted(exchange, symbol, kind, timeframe, since, last)
        fetching.fetch(client, wanted, out, resume=resume, sleep=time.sleep, progress=tell)
    _show([_checked(out)], as_json=as_json)


@contextmanager
def _refusals() -> Iterator[None]:
    """What a user or an exchange got wrong is a message and a status, never a traceback."""
    from tieout.backtest.fetch import Unreachable
    from tieout.bad_input import BadMarket

    try:
        yield
    except BadMarket as error:
        fail(BAD_INPUT, str(error))
    except Unreachable as error:
        fail(LACKING, f"{error}; what came is kept: --resume goes on")
    except OSError as error:
        fail(BAD_INPUT, f"--out: {error.filename}: {error.strerror}; a new file's path would do")
    except ModuleNotFoundError as error:
        fail(LACKING, f"{error.name} is not installed; the extra `live` has it")
    except KeyboardInterrupt:
        give_up("interrupted; what came is kept: --resume goes on")
