"""The campaign of CI: a fixed set of runs that sees every fault kind and nearly every move of core.

    python -m tieout.ci_campaign [--jobs N] [--json]

prints what was visited, lifecycle by lifecycle, what was not and why, and which kinds of fault
struck. It exits with 1 if a claim failed, or if anything was missed that has no reason to be.

True here: the set is data. Storms are run with seeds that draw every fault; beside them stand the
scenarios of the catalogue that bring about what storms bring about too seldom for a short campaign.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from sim.faults import KINDS
from tieout.campaigns.ledger import Account
from tieout.campaigns.seed import Done, SeedResult, here, run_seed, tasks_of, twice_of
from tieout.campaigns.visited import expected
from tieout.campaigns.workers import workers

# scenario: its seeds, all in the short form
RUNS: dict[str, tuple[int, ...]] = {
    "storm_venues": (1, 7, 10, 17, 37),
    "storm_rails": (7, 17, 27, 47, 57, 87, 97, 117),
    "storm_risk": (7, 17, 37, 41, 87, 97, 99),
    "storm_tokens": (5, 7, 17, 43, 47, 57, 97),
    "storm": (7,),
    "asked_back_both_ways": (0,),
    "cash_between_venues": (0,),
    "storm_between_venues": (7,),
    "coins_arrive": (0,),
    "cold_path_stalls": (0,),
    "custodian_completed_but_failed": (0,),
    "demo": (0,),
    "denied_and_unreadable": (0,),
    "exchanged_at_once": (0,),
    "holes_in_the_record": (0,),
    "kill_drill": (0,),
    "kill_fences_gates": (0, 1),
    "kill_meets_a_hand": (1, 4, 7),
    "late_truth_out_of_order": (0,),
    "leases_given_back": (0, 1),
    "over_and_put_away": (0,),
    "people_decide_who_trades": (0,),
    "policy_changed_three_times": (0,),
    "reopened_by_two": (0,),
    "returns_undone": (1, 2),
    "somebody_else_signs": (0,),
    "stale_prices": (0,),
    "undone_at_the_end": (0, 2),
}
# Fault kinds that no campaign is expected to see strike, and why.
UNSTRUCK: dict[str, str] = {}


class Seen(NamedTuple):
    """What one run, or all of them, saw."""

    moves: dict[str, int]
    faults: dict[str, int]
    failed: list[str]


def see(result: SeedResult) -> Seen:
    """Of one run what it took and what struck; which of its claims failed, or how it ended."""
    whys = [result.error] if result.error else result.failed
    failed = [f"{result.scenario} seed {result.seed}: {each}" for each in whys]
    return Seen(result.visited, result.faults, failed)


def see_all(pairs: Sequence[tuple[str, int]], jobs: int) -> Seen:
    """All runs together, in the short form; in this process, or in so many others. One that raises,
    hangs or dies there is what failed, and the others are seen; some run twice, and must agree."""
    engine = here if jobs == 1 else workers(jobs)
    tasks = tasks_of(pairs, True, (), twice_of(pairs))
    account = Account()
    for event in engine(tasks, run_seed):
        if isinstance(event, Done):
            kept = account.again if event.task.again else account.results
            kept[event.task.key] = event.result
    seen = together([see(account.result(key)) for key in account.results])
    seen.failed.extend(f"{each}: nothing is known of it" for each in account.gaps(tasks, pairs))
    return seen


def together(seen: Sequence[Seen]) -> Seen:
    """The sums, and every claim that failed."""
    moves, faults = Counter[str](), Counter[str]()
    for each in seen:
        moves.update(each.moves)
        faults.update(each.faults)
    failed = [claim for each in seen for claim in each.failed]
    return Seen(dict(moves), dict(faults), failed)


def missed(seen: Seen) -> list[str]:
    """What should have been seen and was not."""
    moves = [move for move, reason in expected().items() if not reason and move not in seen.moves]
    kinds = [kind for kind in KINDS if kind not in UNSTRUCK and not seen.faults.get(kind)]
    return [*moves, *(f"fault {kind}" for kind in kinds)]


def report(seen: Seen) -> Iterator[str]:
    """A line for each lifecycle and for the faults, then what was not seen, with its reason."""
    every = expected()
    lifecycles = Counter(move.partition("/")[0] for move in every)
    there = Counter(move.partition("/")[0] for move in seen.moves)
    for name, moves in lifecycles.items():
        yield f"{name:14} {there[name]:3} of {moves:3} moves"
    struck = sum(1 for kind in KINDS if seen.faults.get(kind))
    share = 100 * len(seen.moves) / len(every)
    yield f"{'all':14} {len(seen.moves):3} of {len(every):3} moves, {share:.1f} %"
    yield f"{'faults':14} {struck:3} of {len(KINDS):3} kinds struck"
    reasons: Mapping[str, str] = every | {f"fault {kind}": why for kind, why in UNSTRUCK.items()}
    for name in reasons:
        if name not in seen.moves and reasons[name]:
            yield f"not seen: {name}: {reasons[name]}"
    yield from (f"MISSED: {name}" for name in missed(seen))
    yield from (f"FAILED: {claim}" for claim in seen.failed)


def main(arguments: list[str]) -> int:
    """Run it; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tieout.ci_campaign")
    parser.add_argument("--jobs", type=int, default=1, help="processes (1)")
    parser.add_argument("--json", action="store_true", help="print one object")
    told = parser.parse_args(arguments)
    pairs = [(name, seed) for name, seeds in RUNS.items() for seed in seeds]
    seen = see_all(pairs, told.jobs)
    if told.json:
        print(json.dumps({**seen._asdict(), "missed": missed(seen)}))
    else:
        print("\n".join(report(seen)))
    return 1 if seen.failed or missed(seen) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
