"""Journals: where they rest, who writes them, how they are copied, verified and lived again.

True here: a journal has one writer, which only ever adds to it. Twins, held by one suite:
`sqlite_store` on this machine, `postgres_store` on a server.
"""
