"""Backtests: strategies against recorded markets, through the gate, books and reconciler of live."""
