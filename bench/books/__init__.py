"""One recorded order book, tried with the same orders by hftbacktest and by our own model."""
