"""Files tied out: exports of exchanges with one another, and a bank's files with a journal.

True here: it is offline and changes nothing; no difference is without its size and its place.
"""
