"""Banks: their messages, and a simulated one."""
