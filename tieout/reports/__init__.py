"""What a run was, told to people: a journal read once, its tables, pages, traces, and the terminal.

True here: every figure is the journal's, and no two faces tell different stories. What one subject
alone tells has its tables and plots by that subject: settlement, risk, tokens.
"""
