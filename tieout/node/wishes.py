"""What a strategy says is held against what core knows, before it reaches a node.

True here: whoever wrote a strategy hears of its mistakes by its name, with what was found and what
would do, and in the same words wherever it runs. A wish of the right shape that nobody can fulfil
is none of them: the gate or the venue answers it, as it does live.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from traceback import walk_tb
from types import NoneType
from typing import Any, Final, Literal, ParamSpec, get_args, get_origin, get_type_hints

from msgspec import ValidationError, convert
from msgspec.structs import asdict, astuple

from core.events import Leg, OrderKind, OrderRequested, Side
from core.strategy import SeesBars, Strategy, Wish
from scenarios import strategies

P = ParamSpec("P")
KINDS: Final[tuple[type[Wish], ...]] = get_args(Wish)
WOULD_DO: Final = f"one of {', '.join(each.__name__ for each in KINDS)} would do"
WORDS: Final = frozenset(product(get_args(Side), get_args(OrderKind), get_args(Leg)))


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


def answered(
    strategy: str, hear: Callable[P, object], *told: P.args, **named: P.kwargs
) -> list[Wish]:
    """What a strategy wishes for as it hears that; raises `BadStrategy`."""
    with asked(strategy):
        said = hear(*told, **named)
    return whole(strategy, said)


def made(kind: str, name: str, options: Mapping[str, object]) -> Strategy:
    """A strategy of that kind or file, which can be asked; raises `BadStrategy`."""
    with asked(name):
        found = strategies.make(kind, name, options)
    return _checked(name, found)


def _checked(name: str, made: object) -> Strategy:
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
    if not isinstance(wish, KINDS):
        raise BadStrategy(f"strategy {name}: wished for {wish!r:.80}; {WOULD_DO}")
    try:
        told: Wish = wish if _is_plain(wish) else convert(asdict(wish), type(wish))
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


def _is_plain(wish: Wish) -> bool:
    """Whether there is no doubt of any field, so that none needs to be converted: as is usual."""
    if tuple(map(type, astuple(wish))) != PLAIN.get(type(wish)):
        return False
    return not isinstance(wish, OrderRequested) or (wish.side, wish.kind, wish.leg) in WORDS


def _plain(kind: type[Wish]) -> tuple[type, ...]:
    """Of which type each field is where it is plain: a word, a number, or nothing if it may be."""
    hints: dict[str, Any] = get_type_hints(kind)
    told = [hints[field] for field in kind.__struct_fields__]
    found = [NoneType if NoneType in get_args(each) else each for each in told]
    return tuple(str if get_origin(each) is Literal else each for each in found)


PLAIN: Final = {kind: _plain(kind) for kind in KINDS}
