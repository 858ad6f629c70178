"""The figures of DESIGN §10, each as a ratio of contestants measured beside one another.

    python -m bench [--only NAME] [--quick]      prints a table, writes bench/results.json

Rule 1. No path exists for a bench alone: what is measured is what users run.
Rule 2. The ratio decides, and `held` is computed from it; an absolute figure is for orientation.
Rule 3. What cannot run here says so and why; not run is not held.
"""
