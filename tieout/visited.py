"""Which moves of core's lifecycles a run took, and which a campaign should have taken.

True here: each lifecycle is the table that core itself moves by, so a move that core learns is
expected from then on. What a run took core told as it took it (`core.state.note_move`): nothing is
guessed from states. A move that stands in no table is an error, never a number among others.

`tieout.ci_campaign` runs what must see all that is expected, and says what was missed.
"""

from collections.abc import Mapping

from scenarios.lifecycles import moves

# Why no campaign is expected to see it.
UNSEEN: dict[str, str] = {}


def expected() -> dict[str, str]:
    """Every move of every table: "", or the reason why no campaign is expected to see it."""
    return {move: UNSEEN.get(move, "") for move in moves()}


def visited(counted: Mapping[str, int]) -> dict[str, int]:
    """What was counted in a run, in the order of the tables; all of it stands in one."""
    known = moves()
    strange = [move for move in counted if move not in known]
    assert not strange, f"moves that stand in no table: {', '.join(strange)}"
    return {move: counted[move] for move in known if move in counted}
