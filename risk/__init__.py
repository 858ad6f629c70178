"""How much we dare: limits, exposure, leases and the hot gate."""
