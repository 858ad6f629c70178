"""How a live node calls people: a kind, how bad it is, and words; who delivers it is another's."""

import logging
from collections.abc import Callable
from typing import Literal

Severity = Literal["notice", "warning", "critical"]
Alert = Callable[[str, Severity, str], None]
_LEVELS = {"notice": logging.INFO, "warning": logging.WARNING, "critical": logging.CRITICAL}


def logged(kind: str, severity: Severity, words: str) -> None:
    """An alert where nobody delivers any."""
    logging.getLogger("tieout").log(_LEVELS[severity], "%s: %s", kind, words)
