"""What several test files need: the samples of the outside world, where they are."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def samples_root() -> Path | None:
    """The folder of samples: TIEOUT_SAMPLES, else ../shared/samples beside the repository."""
    told = os.environ.get("TIEOUT_SAMPLES")
    root = Path(told) if told else ROOT.parent / "shared" / "samples"
    return root if (root / "venues" / "index.json").exists() else None


@pytest.fixture(scope="session")
def samples() -> Path:
    """The folder of samples; absent they are a counted skip, under CI a failure."""
    root = samples_root()
    if root is not None:
        return root
    text = "no samples: set TIEOUT_SAMPLES, or lay them at ../shared/samples"
    if os.environ.get("CI"):
        pytest.fail(text)
    pytest.skip(text)
