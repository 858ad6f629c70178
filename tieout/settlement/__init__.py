"""Settlement at the roof: keepers and customers in simulation, and what a journal tells.

True here: nothing is decided; `core` does that, and `rails` speaks to keepers. Their live ways are
`tieout/deployment/`.
"""
