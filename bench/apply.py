"""State apply: the node's own `step` over recorded fills and reports, the full fold.

Dedup, order, postings, what the strategy hears. The builds and the peer run side by side in one
process of the interpreter that has them.
"""

from bench import nautilus
from bench.interpreters import ask, compiled_python, peers_python
from bench.lanes import Books, builds
from bench.measure import race
from bench.rows import Row, not_run
from bench.stream import Stream

PEER = "NautilusTrader's engine"


def rows(stream: Stream, rounds: int) -> list[Row]:
    """Measure in each interpreter that has a contestant."""
    here = times(stream, rounds)
    events, fills = len(stream.told), len(stream.fills())
    found = [
        Row("apply, plain source", events / here["plain"] * 1e9, "events/s"),
        Row("apply, plain source, a fill", here["plain fills"] / fills, "ns"),
        _duplicates("plain", here, fills),
    ]
    python, why = compiled_python()
    if python is None:
        found.append(not_run("apply, compiled", "events/s", "plain source", ">= 2", why))
        found.append(not_run("duplicates, compiled", "ns", "a fill applied", ">= 3", why))
    else:
        there = ask(python, "apply.times", stream, rounds)
        rate, ratio = events / there["compiled"] * 1e9, there["plain"] / there["compiled"]
        found.append(Row("apply, compiled", rate, "events/s", ratio, "plain source", ">= 2"))
        found.append(_duplicates("compiled", there, fills))
    return found + _beside_the_peer(stream, rounds)


def _duplicates(build: str, took: dict[str, float], fills: int) -> Row:
    again = took[f"{build} again"]
    ratio = took[f"{build} fills"] / again
    name = f"duplicates, {build}"
    return Row(name, again / fills, "ns", ratio, "a fill applied", ">= 3")


def _beside_the_peer(stream: Stream, rounds: int) -> list[Row]:
    name = "apply, a fill, beside the peer"
    python, why = peers_python()
    if python is None:
        return [not_run(name, "ns", PEER, ">= 15", why)]
    took = ask(python, "apply.times_beside_the_peer", stream, max(3, rounds // 3))
    build = "compiled" if "compiled fills" in took else "plain"
    fills, theirs = len(stream.fills()), took["peer"]
    ours, whole = took[f"{build} fills"], took[f"{build} executions"]
    return [
        Row(f"{name} ({build})", ours / fills, "ns", theirs / ours, PEER, ">= 15"),
        Row(
            f"apply, a fill and its report ({build})",
            whole / fills,
            "ns",
            theirs / whole,
            f"{PEER}, the fill alone",
        ),
    ]


# --- in the interpreter that has the contestants -------------------------------------------------


def times(stream: Stream, rounds: int) -> dict[str, float]:
    """Nanoseconds for the whole stream, for its fills, and for its fills told again."""
    books, fills = Books(stream), stream.fills()
    contestants = {}
    for build, step in builds().items():
        contestants[build] = books.lane(step, stream.told)
        contestants[f"{build} fills"] = books.lane(step, fills)
        contestants[f"{build} again"] = books.lane(step, fills, before=fills)
    return race(contestants, rounds)


def times_beside_the_peer(stream: Stream, rounds: int) -> dict[str, float]:
    """Nanoseconds for the fills, alone and with their reports; the peer's for its fills."""
    books, fills, executions = Books(stream), stream.fills(), stream.executions()
    contestants = {"peer": lambda: nautilus.chunks(fills)}
    for build, step in builds().items():
        contestants[f"{build} fills"] = books.lane(step, fills)
        contestants[f"{build} executions"] = books.lane(step, executions)
    return race(contestants, rounds)
