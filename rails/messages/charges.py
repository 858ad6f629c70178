"""What ISO's messages about payments say in the same way: an amount, and what was taken of it."""

from decimal import Decimal

from rails.messages.context import Context, amount, units
from rails.messages.tree import Node


def money(node: Node, *paths: str) -> tuple[Decimal, str] | None:
    """The first amount told under these paths, and its currency; None if none is told."""
    for path in paths:
        found = node.first(path)
        if found is not None:
            return amount(found.text), found.attributes.get("Ccy", "")
    return None


def charges(node: Node, currency: str, context: Context) -> int:
    """What was taken on the way, in the payment's own currency."""
    taken = [money(charge, "Amt") for charge in node.all("ChrgsInf")]
    return sum(units(each[0], currency, context) for each in taken if each and each[1] == currency)
