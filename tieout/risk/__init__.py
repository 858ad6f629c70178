"""Risk at the roof: limits from files to the journal, the cold engine, and what became of both.

True here: nothing is decided; the top folder `risk` does that. `tieout limits` begins here.
"""
