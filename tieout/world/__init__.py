"""The simulated world around a node: venues, their wires, a recorded market, where it lives.

True here: `tieout/simulation.py` builds it and moves its clock. Whoever stands here carries and
never judges; faults live in the wires. Keepers of money are in `tieout/settlement/`, whoever is
around a token in `tieout/issuing/`.
"""
