"""What a seed of each storm costs: its run and its judgement, short and full, in CPU-seconds.

The figure is the mean of some seeds, each run once: seeds differ, and a campaign pays for all of
them. What the first run of a storm loads (the engine's arrays, an EVM) is loaded before.
"""

from importlib.util import find_spec
from time import process_time

from bench.rows import Row, not_run
from tieout.runs import run

STORMS = ("storm", "storm_venues", "storm_rails", "storm_risk", "storm_tokens")
# By the form, what DESIGN allows it, and how many seeds are run of it.
FORMS = {"short": ("<= 1", 6), "full": ("<= 10", 2)}


def rows(*, quick: bool = False) -> list[Row]:
    """Of each storm both forms; for a quick look one seed of the short."""
    forms = {"short": ("<= 1", 1)} if quick else FORMS
    return [
        _row(name, form, target, seeds)
        for form, (target, seeds) in forms.items()
        for name in STORMS
    ]


def _row(name: str, form: str, target: str, seeds: int) -> Row:
    what, unit = f"{name}, {form}", "CPU-seconds a seed"
    if name == "storm_tokens" and find_spec("pyrevm") is None:
        return not_run(what, unit, "", target, "the extra `tokens` is not installed")
    run(name, seeds, short=True, sampled=False)
    begun = process_time()
    for seed in range(seeds):
        run(name, seed, short=form == "short", sampled=False)
    return Row(what, (process_time() - begun) / seeds, unit, target=target)
