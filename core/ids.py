"""Ids that we choose: at most 32 alphanumerics, never chosen twice.

A client order id holds the node, its boot epoch and the position of the order within that boot, so
that after a crash a node can tell its own orders from strangers', even those its journal lost.
"""

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def base36(number: int) -> str:
    """Lower-case base 36."""
    text = ""
    while True:
        number, digit = divmod(number, 36)
        text = _DIGITS[digit] + text
        if not number:
            return text


def client_order_id(node: str, epoch: int, position: int) -> str:
    """`node` + 3 digits of epoch + 7 of position, base 36; `node` is at most 12 alphanumerics."""
    return f"{node}{base36(epoch):0>3}{base36(position):0>7}"


def is_ours(node: str, client_order_id: str) -> bool:
    """Whether some boot of `node` chose this id."""
    return client_order_id.startswith(node) and len(client_order_id) == len(node) + 10


def payment_id(node: str, epoch: int, position: int) -> str:
    """As a client order id, with a "p" between, so that the two can never be the same."""
    return f"{node}p{base36(epoch):0>3}{base36(position):0>7}"
