"""eth-account, which judges what we hash and sign, and nothing else of what it brings along.

True here: importing it leaves the interpreter as it was (`rails.depth`).
"""

from rails.depth import kept_depth

with kept_depth():
    from eth_account import Account
    from eth_account.messages import encode_typed_data

__all__ = ["Account", "encode_typed_data"]
