"""What another interpreter runs: `worker.py RUNNER …`, one backtester once; prints JSON.

A runner is a module beside this one with a function `run`.
"""

import argparse
import json
import sys
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def main() -> None:
    """Run it as asked, and tell."""
    # Last, so that an installed core comes before the source beside us.
    sys.path.append(str(ROOT))
    from bench.backtests.month import month
    from bench.backtests.told import Told, digest

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runner")
    parser.add_argument("--market", type=Path, required=True)
    parser.add_argument("--bars", type=int, required=True)
    parser.add_argument("--strategy", choices=("noop", "orders", "limits"), required=True)
    asked = parser.parse_args()
    bars = month(asked.market, asked.bars)
    run = import_module(f"bench.backtests.{asked.runner}").run
    engine, callbacks, fills, took = run(bars, asked.strategy)
    told = Told(engine, len(bars.at), callbacks, len(fills), digest(fills), fills[:2], took)
    sys.stdout.write("\n" + json.dumps(told._asdict()) + "\n")


if __name__ == "__main__":
    main()
