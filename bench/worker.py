"""What another interpreter runs: `worker.py SUBJECT STREAM ROUNDS`; prints figures as JSON.

A subject is a function of a module of the bench: "apply.times".
"""

import sys
from importlib import import_module
from pathlib import Path

import msgspec


def main(subject: str, file: str, rounds: str) -> None:
    """Measure and print."""
    # Last, so that the installed core comes before the source beside us, where one is installed.
    sys.path.append(str(Path(__file__).parent.parent))
    from bench import stream

    module, _, function = subject.partition(".")
    measure = getattr(import_module(f"bench.{module}"), function)
    found = measure(stream.load(Path(file)), int(rounds))
    sys.stdout.write(msgspec.json.encode(found).decode() + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
