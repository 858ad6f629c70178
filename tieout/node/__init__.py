"""What a node has around it: a loop, connectors, what opens its books, what strategies see.

True here: nothing is decided; `core` does that. What simulation and live share stands here, beside
what only a live node (`tieout/live.py`) needs. How an account is reached: `tieout/deployment/`.
"""
