"""Where we trade: each venue's dialect, its truth model, and its two twins."""
