"""How deep a program may nest stays the interpreter's own, whatever is imported.

True here: eth-account, and web3 which brings it, bring py_ecc, and that lets every program nest a
hundred thousand deep, which the stack does not bear: a hostile answer that nests without end then
kills the process. Our readers count on the interpreter's own depth to refuse it, so whoever imports
one of these does so within `kept_depth`.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def kept_depth() -> Iterator[None]:
    """What is imported within leaves the recursion limit as it was, also where it fails."""
    depth = sys.getrecursionlimit()
    try:
        yield
    finally:
        sys.setrecursionlimit(depth)
