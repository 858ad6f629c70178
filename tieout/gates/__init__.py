"""Strategies in processes of their own, a gate beside each, and what they and the node tell.

True here: who decides is `risk.lease_holder`, in simulation, beside a node of its own and live
alike. Orders go over a socket, leases and prices over a stream; what those lose is said again.
"""
