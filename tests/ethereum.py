"""eth-account, which judges what we hash and sign, and nothing else of what it brings along.

True here: importing it leaves the interpreter as it was. It brings py_ecc, which lets every program
nest a hundred times deeper than the interpreter's stack can bear: a hostile answer that nests
without end then kills the process instead of being refused.
"""

import sys

_DEPTH = sys.getrecursionlimit()

from eth_account import Account  # noqa: E402
from eth_account.messages import encode_typed_data  # noqa: E402

sys.setrecursionlimit(_DEPTH)

__all__ = ["Account", "encode_typed_data"]
