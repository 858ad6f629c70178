"""Customers who ask: what is told again with another body is as wrong as it was."""

from __future__ import annotations

from typing import Any, cast

import pytest

from scenarios.customers import Customers
from scenarios.rails import CustomersSpec, FlowSpec, LegSpec
from sim.dice import Dice

FLOW = FlowSpec(
    flow="out", legs=(LegSpec(kind="out", asset="USDC", scheme="evm_usdc"),), amount_max=50
)


@pytest.mark.parametrize("how", ["zero", "dust", "negative"])
def test_what_must_be_refused_is_wrong_however_often_it_is_told(how: Any) -> None:
    """A crash may lose the first telling: then another body is the first that is heard."""
    spec = CustomersSpec(flows=(FLOW,), wrong_one_in=1, wrong_kinds=(how,), again_one_in=2)
    dice = Dice(1).stream("customers")
    customers = Customers(spec, {}, {"USDC": 6}, dice, cast("Any", None))
    told = [customers.next(0) for _ in range(100)]
    bodies: dict[str, list[Any]] = {}
    for request in told:
        bodies.setdefault(request.transfer_id, []).append(request.legs)
    assert any(len(set(each)) > 1 for each in bodies.values()), "with another body"
    assert all(legs[0].amount <= 0 for each in bodies.values() for legs in each)
