"""A deployment: its file, what each part of it says, and the ways to the accounts that it names.

True here: what people wrote is checked field by field before anything is begun, and a secret is
named, never held. `tieout live` begins here, in each of its four worlds.
"""
