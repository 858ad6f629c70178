"""Recorded markets, and what they would have done to orders of ours: pure, no clock, no dice."""
