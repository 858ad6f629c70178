"""The section of a report about issued tokens: what moved, what was refused, what nobody decided.

The rules of `tieout.report` hold. Every figure is the summary's.
"""

from collections.abc import Iterable

from tieout.outcome import Outcome
from tieout.page import Html, grid, join, row, tag, text
from tieout.words import count

REFUSED = "refused/"


class TokenSection:
    """Writes it from the summary alone."""

    def __init__(self, outcome: Outcome) -> None:
        self.figures = outcome.summary["tokens"]
        self.tokens = list(outcome.state.tokens)
        self.counts = outcome.summary["counts"]

    def html(self) -> Html:
        """All of it."""
        return join(
            tag("h2", text("Issued tokens")),
            tag("p", text(self._words())),
            grid([("requests that ended as", ""), ("times", "n")], self._ends()),
            grid([("refused for", ""), ("token", ""), ("times", "n")], self._refusals()),
        )

    def open_ends(self) -> list[Html]:
        """What is not as it should be, by name."""
        told = [tag("p", text(each)) for each in self.figures["detail"]]
        return [tag("h3", text("Tokens: what is not as it should be")), *told] if told else []

    def _words(self) -> str:
        told = self.figures
        words = f"{count(told['moved'], 'movement')} of {', '.join(self.tokens)} are final."
        if not told["orphans"]:
            return f"{words} Each is an authorization’s."
        orphans, lost = told["orphans"], told["value_lost"]
        return (
            f"{words} {count(orphans, 'orphan')}: value of {lost:,} moved that nobody decided;"
            f" the slowest was found {told['orphan_seconds_max']:.1f} s after its block, and"
            f" {told['orphans_missed']} never. {count(told['pauses'], 'pause')} asked for."
        )

    def _ends(self) -> list[Html]:
        ends = sorted(self.figures["requests"].items(), key=lambda each: (-each[1], each[0]))
        return [row([(name, ""), (f"{times:,}", "n")]) for name, times in ends]

    def _refusals(self) -> list[Html]:
        found = sorted(self._refused(), key=lambda each: (-each[2], each[:2]))
        return [
            row([(reason.replace("_", " "), ""), (token, ""), (f"{times:,}", "n")])
            for reason, token, times in found
        ]

    def _refused(self) -> Iterable[tuple[str, str, int]]:
        for name, times in self.counts.items():
            reason, _, token = name.removeprefix(REFUSED).partition("/")
            if name.startswith(REFUSED) and token in self.tokens:
                yield reason, token, times
