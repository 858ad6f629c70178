"""What the claims of a run rest on: the truth beside our books, and how we behaved meanwhile.

True here: nothing takes part in a run. What is found is a figure that `tieout.runs` claims; a new
one has its file here, or by its subject in `tieout/settlement/`, `tieout/risk/`, `tieout/tokens/`.
"""
