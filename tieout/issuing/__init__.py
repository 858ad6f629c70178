"""All that is around an issued token in simulation: keys, holders, callers, signers, thieves.

True here: whoever is here answers the node or the chain, and decides nothing for either. What is
the same around a live token stands in `tieout/tokens/`.
"""
