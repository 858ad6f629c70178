"""Who looks after a node that lives: alerts and who hears of them, metrics, logs, heartbeats.

True here: it reads the node's state and changes none of it.
"""
