"""What a strategy says is held against what core knows, before it reaches a node.

True here: whoever wrote a strategy hears of its mistakes by its name, with what was found and what
would do. A wish of the right shape that nobody can fulfil is none of them: the gate or the venue
answers it, as it does live.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from traceback import walk_tb
from typing import get_args

from msgspec import ValidationError, convert
from msgspec.structs import asdict

from core.strategy import SeesBars, Strategy, Wish


class BadStrategy(ValueError):
    """A strategy raised, is none, said what is no wish, or would never end; the text says which."""


@contextmanager
def asked(strategy: str) -> Iterator[None]:
    """What a strategy raises while it is asked is said to be its own."""
    try:
        yield
    except (Exception, SystemExit) as error:
        *_, last = walk_tb(error.__traceback__)
        frame, line = last
        where = f"{Path(frame.f_code.co_filename).name}:{line}"
        raise BadStrategy(
            f"strategy {strategy}: raised {type(error).__name__}: {error} ({where})"
        ) from error


def checked(name: str, made: object) -> Strategy:
    """What a `make` returned, if it can be asked; raises `BadStrategy`."""
    for each in ("on_tick", "on_order", "on_position"):
        if not callable(getattr(made, each, None)):
            raise BadStrategy(
                f"strategy {name}: found {type(made).__name__} without {each};"
                " a core.strategy.Strategy would do"
            )
    strategy: Strategy = made  # type: ignore[assignment]  # it was looked at just now
    if getattr(strategy, "name", None) != name:
        raise BadStrategy(
            f"strategy {name}: found the name {getattr(strategy, 'name', None)!r};"
            " the one that `make` is given would do"
        )
    if isinstance(strategy, SeesBars):
        length: object = strategy.bar_ns
        if not isinstance(length, int) or length <= 0:
            raise BadStrategy(
                f"strategy {name}: bar_ns: found {length!r}; whole nanoseconds over 0 would do"
            )
    return strategy


def whole(name: str, told: object) -> list[Wish]:
    """What a strategy returned, if it is a list of its own wishes; raises `BadStrategy`."""
    if not isinstance(told, list | tuple):
        raise BadStrategy(
            f"strategy {name}: returned {type(told).__name__}; a list of wishes would do,"
            " empty where there is none"
        )
    return [_whole(name, each) for each in told]


def _whole(name: str, wish: object) -> Wish:
    if not isinstance(wish, get_args(Wish)):
        kinds = ", ".join(each.__name__ for each in get_args(Wish))
        raise BadStrategy(f"strategy {name}: wished for {wish!r:.80}; one of {kinds} would do")
    try:
        told: Wish = convert(asdict(wish), type(wish))
    except ValidationError as error:
        raise BadStrategy(
            f"strategy {name}: wished for {type(wish).__name__}: {error};"
            " what core.events says of it would do"
        ) from error
    if told.strategy != name:
        raise BadStrategy(
            f"strategy {name}: wished for as {told.strategy!r}; its own name would do"
        )
    return told
