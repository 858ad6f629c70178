"""Issued tokens at the roof: the control plane as a process, and what a journal tells of a token.

True here: nothing is permitted here; the top folder `tokens` does that. `tieout tokens` begins
here; what is around a token in simulation stands in `tieout/issuing/`.
"""
