"""Backtests: strategies against recorded markets, by the gate, books and reconciler of live."""
