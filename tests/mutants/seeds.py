"""Short seeds of a scenario, in whatever tree this runs: what of each failed, a line of JSON each.

    python seeds.py SCENARIO [faults|none]/FIRST:END ...

Within a range it stops at the first seed that fails. A seed that raises, or that computes for
longer than any sound one does, has failed; its claim is then what it raised, or that it ends.
"""

import json
import signal
import sys
import time
from types import FrameType

# A sound seed takes a few seconds; ten times that is no slow machine, for it is computing time.
SEED_CPU_SECONDS_MAX = 60
ENDLESS = "a seed ends"


class Endless(BaseException):
    """The seed computes on and on."""


def _ring(number: int, frame: FrameType | None) -> None:
    raise Endless


def failing(scenario: str, seed: int, plan: list[object] | None) -> dict[str, str]:
    """The claims that do not hold, with their figures."""
    from scenarios.model import find
    from scenarios.thinning import claims_of_less
    from tieout.runs import run

    world = find(scenario)
    if plan is not None:  # without faults nothing of what they bring is due
        world = world.model_copy(update={"claims": claims_of_less(world.claims)})
    signal.setitimer(signal.ITIMER_VIRTUAL, SEED_CPU_SECONDS_MAX)
    try:
        outcome = run(world, seed, short=True, plan=plan, sampled=False)  # type: ignore[arg-type]
    except Endless:
        return {ENDLESS: f"not within {SEED_CPU_SECONDS_MAX} CPU-seconds"}
    except Exception as error:  # noqa: BLE001  # a seed that raises is a finding
        return {f"it raises {type(error).__name__}": str(error)[:200]}
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    return {each.claim: each.figure for each in outcome.claims if not each.held}


def main(scenario: str, *ranges: str) -> None:
    signal.signal(signal.SIGVTALRM, _ring)
    for text in ranges:
        policy, _, seeds = text.partition("/")
        first, _, end = seeds.partition(":")
        for seed in range(int(first), int(end)):
            started = time.process_time()
            failed = failing(scenario, seed, [] if policy == "none" else None)
            cpu = round(time.process_time() - started, 2)
            said = {"policy": policy, "seed": seed, "failed": failed, "cpu_seconds": cpu}
            print(json.dumps(said), flush=True)
            if failed:
                break


if __name__ == "__main__":
    main(*sys.argv[1:])
