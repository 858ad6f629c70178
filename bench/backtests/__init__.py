"""One run of a backtester over the recorded month, ours and each peer's: a runner file apiece."""
