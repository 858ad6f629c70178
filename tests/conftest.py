"""What several test files need: the samples of the outside world, and a place for their tables."""

import gc
import os
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# Runs make many things and hardly a cycle: to look for one as often as Python does costs 5 %.
gc.set_threshold(100_000, 50, 100)
COLUMNS = ("samples", "verbatim", "expected by hand", "quarantined", "dismissed", "events")


INDEX = Path("venues", "index.json")


def flaw_of(told: str) -> str:
    """What is wrong with the folder that TIEOUT_SAMPLES names; "" where nothing is."""
    root = Path(told)
    if (root / INDEX).exists():
        return ""
    near = [each for each in (root / "samples", root.parent) if (each / INDEX).exists()]
    would_do = str(near[0]) if near else "a folder of samples, or the variable unset,"
    found = "there is no such folder" if not root.is_dir() else f"it has no {INDEX}"
    return f"TIEOUT_SAMPLES={told}: {found}; {would_do} would do"


@pytest.fixture(scope="session")
def samples() -> Path:
    """The folder of samples: TIEOUT_SAMPLES, else ../shared/samples beside the repository.

    Absent they are a counted skip, under CI a failure; a variable that is wrong always is one.
    """
    told = os.environ.get("TIEOUT_SAMPLES")
    if told and (flaw := flaw_of(told)):
        pytest.fail(flaw)
    root = Path(told) if told else ROOT.parent / "shared" / "samples"
    if (root / INDEX).exists():
        return root
    text = "no samples: set TIEOUT_SAMPLES, or lay them at ../shared/samples"
    if os.environ.get("CI"):
        pytest.fail(text)
    pytest.skip(text)


@pytest.fixture(scope="session")
def market(samples: Path) -> Path:
    """The folder of recorded markets, which lies beside the samples."""
    folder = samples.parent / "data" / "market"
    if folder.is_dir():
        return folder
    text = f"no recorded markets: {folder} would do"
    if os.environ.get("CI"):
        pytest.fail(text)
    pytest.skip(text)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """At the end: what was read of the samples, and what is said without one to compare.

    Tests record both as properties, which reach this process from every worker.
    """
    counts: dict[str, Counter[str]] = {}
    messages: list[tuple[str, int, str, int, int, str]] = []
    unsampled: list[str] = []
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", "") != "call":
                continue
            for name, value in report.user_properties:
                if name == "samples":
                    dialect, what, how_many = value
                    counts.setdefault(dialect, Counter())[what] += how_many
                elif name == "message":
                    messages.append(value)
                elif name == "unsampled":
                    unsampled.append(value)
    if counts:
        terminalreporter.section("samples read by each dialect")
        terminalreporter.line(" " * 16 + "".join(column.rjust(18) for column in COLUMNS))
        for dialect, told in sorted(counts.items()):
            figures = "".join(str(told[column]).rjust(18) for column in COLUMNS)
            terminalreporter.line(dialect.ljust(16) + figures)
    if messages:
        terminalreporter.section("messages of banks: samples read")
        terminalreporter.line(f"{'':58}{'lines':>6}{'ties':>5}{'else':>5}  signed sum, or the rule")
        for name, lines, sums, ties, other, broken in sorted(messages):
            told = broken or sums
            terminalreporter.line(f"{name[:57]:58}{lines:6}{ties:5}{other - ties:5}  {told}")
    if unsampled:
        terminalreporter.section("simulated frames without a sample")
        for line in sorted(unsampled):
            terminalreporter.line(line)
