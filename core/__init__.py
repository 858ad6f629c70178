"""Every decision Tieout makes, and nothing else: no clock, no dice, no I/O, no task, no global.

Start reading at `step.py`; the words it uses are in `events.py` and `effects.py`.
"""
