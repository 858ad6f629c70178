"""What another interpreter runs: `worker.py SUBJECT STREAM ROUNDS`; prints nanoseconds as JSON."""

import sys
from pathlib import Path

import msgspec


def main(subject: str, file: str, rounds: str) -> None:
    """Measure and print."""
    # Last, so that the installed core comes before the source beside us, where one is installed.
    sys.path.append(str(Path(__file__).parent.parent))
    from bench import apply, simulated, stream

    subjects = {
        "apply": apply.times,
        "peer": apply.times_beside_the_peer,
        "simulated": simulated.times,
    }
    found = subjects[subject](stream.load(Path(file)), int(rounds))
    sys.stdout.write(msgspec.json.encode(found).decode() + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
