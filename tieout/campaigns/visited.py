"""Which moves of core's lifecycles a run took, and which a campaign should have taken.

True here: each lifecycle is the table that core itself moves by, so a move that core learns is
expected from then on. What a run took core told as it took it (`core.state.note_move`): nothing is
guessed from states. A move that stands in no table is an error, never a number among others.

`tieout.ci_campaign` runs what must see all that is expected, and says what was missed.
"""

from collections.abc import Mapping

from scenarios.lifecycles import moves

# Why no campaign is expected to see it.
SCREENED_TWICE = "needs a hit of screening after a part was sent; who screens here speaks once"
UNSEEN: dict[str, str] = {
    "order/expired>filled": "what a simulated venue calls expired did not fill, and stays so",
    "leg/requested>refused": "a request that is refused keeps no leg: its transfer alone is told",
    "told/nothing>failed": "what could fail an exchange at once is asked before: it is refused",
    "told/completed_returnable>completed_returnable": (
        "needs several debits in one transfer, of which the longest to come back ends first"
    ),
    "cash/asked>arrived": "needs a debit that is read in the record only after its credit came",
    "told/cancelled>failed": SCREENED_TWICE,
    "told/cancelled>returned": SCREENED_TWICE,
    "item/none>screening_hit": SCREENED_TWICE,
    "item/screening_hit>closed": SCREENED_TWICE,
    "item/none>illegal_return": "a simulated bank gives back within its rules; tests tell others",
    "item/illegal_return>closed": "a simulated bank gives back within its rules; tests tell others",
    "item/none>conflict": "a simulated keeper tells an id in one content; tests tell it in two",
    "item/conflict>closed": "a simulated keeper tells an id in one content; tests tell it in two",
    "item/none>register": "simulated nodes agree on no register that the contract does not have",
    "item/register>closed": "simulated nodes agree on no register that the contract does not have",
    "their_recall/told>accepted": "needs a recall of what people had sent back before it came",
    "authorization/reserved>mined": "needs a signature to be used before we heard of it",
    "authorization/declined>mined": "needs a signature to be used before we heard of it",
    "authorization/reserved>revoked": "needs a signer that is silent until an epoch is final",
    "authorization/mined>revoked": "a block that gives way is undone before the other is final",
}


def expected() -> dict[str, str]:
    """Every move of every table: "", or the reason why no campaign is expected to see it."""
    return {move: UNSEEN.get(move, "") for move in moves()}


def visited(counted: Mapping[str, int]) -> dict[str, int]:
    """What was counted in a run, in the order of the tables."""
    return {move: counted[move] for move in moves() if move in counted}


def unlisted(counted: Mapping[str, int]) -> dict[str, int]:
    """What was counted and stands in no table: a run claims that there is none."""
    known = moves()
    return {move: times for move, times in counted.items() if move not in known}
