"""How to measure: contestants side by side in one process, in chunks, the best of each chunk.

A chunk's minimum over the rounds is the time that it takes undisturbed; their sum is the time of
the whole. Other programs on the machine lengthen a chunk here and there, never all rounds of it.
"""

import gc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from time import perf_counter_ns
from typing import TypeVar

T = TypeVar("T")
Chunk = Callable[[], object]
CHUNK_CALLS = 200


def race(contestants: Mapping[str, Callable[[], Iterable[Chunk]]], rounds: int) -> dict[str, float]:
    """The nanoseconds each contestant takes for all its chunks.

    Each round asks every contestant for fresh chunks (untimed, as is what a generator does between
    two of them), then runs them by turns: the first of each, the second of each, and so on; the
    turns' order changes from chunk to chunk and from round to round.
    """
    best: dict[str, list[int]] = {name: [] for name in contestants}
    with no_collector():
        for number in range(rounds):
            lanes = {name: iter(make()) for name, make in contestants.items()}
            place = 0
            while lanes:
                for name in sorted(lanes, reverse=(number + place) % 2 == 1):
                    chunk = next(lanes[name], None)
                    if chunk is None:
                        del lanes[name]
                    else:
                        _time(best[name], place, chunk)
                place += 1
    return {name: float(sum(times)) for name, times in best.items()}


def _time(best: list[int], place: int, chunk: Chunk) -> None:
    begun = perf_counter_ns()
    chunk()
    taken = perf_counter_ns() - begun
    if place == len(best):
        best.append(taken)
    elif taken < best[place]:
        best[place] = taken


def chunks_of(function: Callable[[T], object], items: Sequence[T]) -> list[Chunk]:
    """The items cut into chunks; a chunk calls `function` with each of its items."""

    def chunk(part: Sequence[T]) -> Chunk:
        def run() -> None:
            for item in part:
                function(item)

        return run

    return [chunk(items[i : i + CHUNK_CALLS]) for i in range(0, len(items), CHUNK_CALLS)]


@contextmanager
def no_collector() -> Iterator[None]:
    """The garbage collector off, and what lives so far out of its sight."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()
