"""A world that misbehaves: time, dice, wire, disk, market, and the oracle that judges."""
