"""What we tell banks: ISO 20022 initiations, queries and recalls, and NACHA files, as exact bytes.

Rule 1. Pure functions: the ids and the moment come in as arguments, so the same instruction is the
same bytes whenever it is built again.
Rule 2. What a format cannot say is refused with `CannotSay`. Names and words are written in the
scheme's letters and cut at its length; ids, amounts and accounts never are.
"""
