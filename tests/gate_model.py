"""The gate once more: plain, slow and obviously right. Imports nothing of ours.

Every sum is taken anew over all positions and open orders, with the order in question and without.
A world is told as dictionaries of whole numbers (see tests/gate_worlds.py).
"""

import copy
from fractions import Fraction
from math import ceil
from typing import Any

World = dict[str, Any]
NEVER = 1 << 60  # what is needed where no tier is told


def up(numerator: int, denominator: int) -> int:
    return ceil(Fraction(numerator, denominator))


class Model:
    def __init__(self, world: World) -> None:
        self.world = copy.deepcopy(world)
        self.orders: dict[int, dict[str, int]] = {}
        for each in (*self.world["accounts"], *self.world["strategies"]):
            each["busy"] = 0
        for account in self.world["accounts"]:
            account.update(charged=0, unsettled=0)
        for holding in self.world["holdings"]:
            holding.update(reference=0, at=0, disputed=0)
        for way in self.world["routes"]:
            way.update(position=0, last=None, last_at=0, fills=0, fills_at=0)
        for parent in self.world["parents"]:
            parent.update(open=0, total=0, most=0, children=0, filled=0)

    # --- what things are worth

    def collar(self, holding: dict[str, Any]) -> tuple[int, int]:
        width = holding["reference"] * holding["collar_bp"] // 10_000
        return max(1, holding["reference"] - width), holding["reference"] + width

    def unit(self, holding: dict[str, Any]) -> int:
        high = self.collar(holding)[1]
        if holding["reference"] <= 0:
            return 0
        return up(high * holding["num"], holding["den"]) + holding["flat"]

    def left(self, order: dict[str, int]) -> int:
        return max(0, max(order["total"], order["asked"]) - order["filled"])

    def sides(self, routes: list[int], more: tuple[int, int, int] | None) -> tuple[int, int, int]:
        """Position, all that is open to buy, all that is open to sell."""
        position = sum(self.world["routes"][route]["position"] for route in routes)
        opened = [
            (order["route"], order["side"], self.left(order)) for order in self.orders.values()
        ]
        if more is not None:
            opened.append(more)
        open_on = [sum(n for r, s, n in opened if r in routes and s == side) for side in (0, 1)]
        return position, open_on[0], open_on[1]

    def of_holding(self, number: int) -> list[int]:
        return [n for n, way in enumerate(self.world["routes"]) if way["holding"] == number]

    def sums(
        self, scope: tuple[str, int], more: tuple[int, int, int] | None
    ) -> tuple[int, int, int]:
        """Long, short and gross value of a scope."""
        kind, number = scope
        long = short = gross = 0
        for place, holding in enumerate(self.world["holdings"]):
            routes = self.of_holding(place)
            if kind == "strategy":
                routes = [r for r in routes if self.world["routes"][r]["strategy"] == number]
            elif kind != "firm" and holding[kind] != number:
                continue
            for group in [[r] for r in routes] if kind == "strategy" else [routes]:
                position, buys, sells = self.sides(group, more)
                unit = self.unit(holding)
                long += (position + buys) * unit
                short += (sells - position) * unit
                gross += max(position + buys, sells - position) * unit
        return long, short, gross

    def margin(self, account: int, more: tuple[int, int, int] | None) -> int:
        total = self.world["accounts"][account]["charged"]
        for place, holding in enumerate(self.world["holdings"]):
            if holding["account"] == account:
                total += self.need(holding, self.sides(self.of_holding(place), more))
        return total

    def need(self, holding: dict[str, Any], sides: tuple[int, int, int]) -> int:
        position, buys, sells = sides
        unit = self.unit(holding)
        worst = max(position + buys, sells - position)
        if worst == 0:
            return 0
        if unit == 0:
            return NEVER
        fees = (buys + sells) * up(unit * holding["fee_ppm"], 1_000_000)
        borrowed = max(0, sells - position) * up(unit * holding["borrow_ppm"], 1_000_000)
        for value_max, rate_bp, deduction in holding["tiers"]:
            if worst * unit <= value_max:
                return worst * up(unit * rate_bp, 10_000) - deduction + fees + borrowed
        return NEVER

    def credit(self, account: int) -> int:
        held = [
            order["credit"]
            for order in self.orders.values()
            if self.account_of(order["route"]) == account
        ]
        return sum(held) + self.world["accounts"][account]["unsettled"]

    def account_of(self, route: int) -> int:
        number: int = self.world["holdings"][self.world["routes"][route]["holding"]]["account"]
        return number

    def room(self, route: int, side: int) -> int:
        way = self.world["routes"][route]
        holding = self.world["holdings"][way["holding"]]
        rooms = []
        for routes in ([route], self.of_holding(way["holding"])):
            position, buys, sells = self.sides(routes, None)
            rooms.append(position - sells if side == 1 else -position - buys)
        theirs = position + holding["disputed"]
        rooms.append(theirs - sells if side == 1 else -theirs - buys)
        return min(rooms)

    # --- the answer

    def judge(
        self, route: Any, side: Any, quantity: Any, price: Any, kind: Any, flag: Any, parent: Any,
        now: Any,
    ) -> str:  # fmt: skip
        def whole(told: Any) -> bool:
            return type(told) is int

        if not whole(route):
            return "UNKNOWN_ROUTE"
        if not (whole(side) and whole(kind) and type(flag) in (int, bool)):
            return "BAD_SIDE"
        for word, name in ((quantity, "BAD_QUANTITY"), (price, "BAD_PRICE"), (parent, "PARENT_MISSING"), (now, "BAD_TIME")):  # fmt: skip  # noqa: E501
            if not whole(word):
                return name
        if not 0 <= route < len(self.world["routes"]):
            return "UNKNOWN_ROUTE"
        if side not in (0, 1) or kind not in (0, 1) or flag not in (0, 1):
            return "BAD_SIDE"
        if not 1 <= quantity <= 2**40:
            return "BAD_QUANTITY"
        if not 0 <= price <= 2**61 or (kind == 1) != (price == 0):
            return "BAD_PRICE"
        if not 1 <= now < 2**62:
            return "BAD_TIME"
        if not -1 <= parent < len(self.world["parents"]):
            return "PARENT_MISSING"
        way = self.world["routes"][route]
        low, high = self.collar(self.world["holdings"][way["holding"]])
        worst = price if kind == 0 else (high, low)[side]
        answer = self.own(route, side, quantity, quantity, worst, flag, now)
        if answer:
            return answer
        if way["last"] == (side, quantity, worst) and now - way["last_at"] < way["duplicate_ns"]:
            return "DUPLICATE"
        if parent == -1 and self.world["strategies"][way["strategy"]]["needs_parent"]:
            return "PARENT_MISSING"
        if parent >= 0:
            if not self.world["parents"][parent]["open"]:
                return "PARENT_MISSING"
            if self.world["parents"][parent]["children"] >= self.world["parents"][parent]["most"]:
                return "PARENT_CHILDREN"
        answer = self.shared(route, side, quantity, worst, parent)
        if answer:
            return answer
        return "NO_SLOT" if len(self.orders) >= self.world["slots"] else ""

    def judge_amendment(self, handle: int, total: Any, price: Any, now: int) -> str:
        if handle not in self.orders:
            return "UNKNOWN_ORDER"
        order = self.orders[handle]
        if type(total) is not int or not 1 <= total <= 2**40:
            return "BAD_QUANTITY"
        if type(price) is not int or not 1 <= price <= 2**61:
            return "BAD_PRICE"
        if total <= order["filled"]:
            return "BAD_QUANTITY"
        if order["asked"]:
            return "AMENDMENT_PENDING"
        size = total - order["filled"]
        extra = max(0, size - self.left(order))
        answer = self.own(order["route"], order["side"], size, extra, price, order["flag"], now)
        return answer or self.shared(order["route"], order["side"], extra, price, order["parent"])

    def own(
        self, route: int, side: int, size: int, extra: int, worst: int, flag: int, now: int
    ) -> str:
        firm = self.world["firm"]
        way = self.world["routes"][route]
        holding = self.world["holdings"][way["holding"]]
        strategy = self.world["strategies"][way["strategy"]]
        account = self.world["accounts"][holding["account"]]
        low, high = self.collar(holding)
        more = (route, side, extra)
        reduces = extra <= self.room(route, side)

        def side_of(routes: list[int]) -> int:
            position, buys, sells = self.sides(routes, more)
            return position + buys if side == 0 else sells - position

        held = side_of(self.of_holding(way["holding"]))
        fills = way["fills"] >= way["fills_max"]
        tests = (
            ("KILLED", firm["state"] == 0),
            ("KILL_REDUCES", firm["state"] == 1 and not reduces),
            ("LEASE_OVER", now > firm["open_until"]),
            ("STRATEGY_DISABLED", strategy["state"] == 0),
            ("STRATEGY_REDUCES", strategy["state"] == 1 and not reduces),
            ("RESTRICTED", holding["restricted"]),
            ("REFERENCE_MISSING", self.unit(holding) == 0),
            ("REFERENCE_STALE", not 0 <= now - holding["at"] <= holding["age_max"]),
            ("PRICE_LOW", worst < low),
            ("PRICE_HIGH", worst > high),
            ("ORDER_QUANTITY", size > way["quantity_max"]),
            ("ORDER_NOTIONAL", size * self.unit(holding) > way["notional_max"]),
            ("STRATEGY_POSITION", side_of([route]) > way["position_max"]),
            ("ACCOUNT_POSITION", held > holding["position_max"]),
            ("WOULD_FLIP", flag and not reduces),
            ("REPEATED", fills and now - way["fills_at"] < way["fills_ns"]),
            ("ACCOUNT_RATE", account["busy"] - now > account["orders_ns"]),
            ("STRATEGY_RATE", strategy["busy"] - now > strategy["orders_ns"]),
        )  # fmt: skip
        return next((name for name, fails in tests if fails), "")

    def shared(self, route: int, side: int, extra: int, worst: int, parent: int) -> str:
        way = self.world["routes"][route]
        place = way["holding"]
        holding = self.world["holdings"][place]
        account = self.world["accounts"][holding["account"]]
        more = (route, side, extra)
        reduces = extra <= self.room(route, side)
        if parent >= 0:
            children = [o for o in self.orders.values() if o["parent"] == parent]
            told = self.world["parents"][parent]
            if told["filled"] + sum(map(self.left, children)) + extra > told["total"]:
                return "PARENT_QUANTITY"
        for order in self.orders.values():
            theirs = self.world["holdings"][self.world["routes"][order["route"]]["holding"]]
            if theirs["book"] == holding["book"] and order["side"] != side and self.left(order):
                prices = [order["price"], order["asked_price"] or order["price"]]
                first = max(prices) if order["side"] == 0 else min(prices)
                if (worst >= first) if side == 0 else (worst <= first):
                    return "SELF_MATCH"
        strategy = self.world["strategies"][way["strategy"]]
        asset = self.world["assets"][holding["asset"]]
        for scope, net, gross, limits in (
            (("strategy", way["strategy"]), "STRATEGY_NET", "STRATEGY_GROSS", strategy),
            (("account", holding["account"]), "ACCOUNT_NET", "ACCOUNT_GROSS", account),
            (("asset", holding["asset"]), "ASSET_NET", "CONCENTRATION", asset),
            (("firm", 0), "FIRM_NET", "FIRM_GROSS", self.world["firm"]),
        ):  # fmt: skip
            bounds = (limits["long_max"], limits["short_max"], limits["gross_max"])
            before, after = self.sums(scope, None), self.sums(scope, more)
            if not reduces and any(b > m for b, m in zip(before, bounds, strict=True)):
                return "PASSIVE_BREACH"
            if after[side] > before[side] and after[side] > bounds[side]:
                return net
            if after[2] > before[2] and after[2] > bounds[2]:
                return gross
        if not reduces and self.margin(holding["account"], more) > account["collateral"]:
            return "MARGIN"
        if self.credit(holding["account"]) + extra * self.unit(holding) > account["credit_max"]:
            return "CREDIT"
        return ""

    # --- what happens

    def message(self, route: int, now: int) -> None:
        way = self.world["routes"][route]
        account = self.world["accounts"][self.account_of(route)]
        for rate in (account, self.world["strategies"][way["strategy"]]):
            rate["busy"] = max(rate["busy"], now) + rate["interval"]

    def placed(
        self, handle: int, route: int, side: int, quantity: int, price: int, flag: int, parent: int,
        now: int,
    ) -> None:  # fmt: skip
        way = self.world["routes"][route]
        holding = self.world["holdings"][way["holding"]]
        worst = price or self.collar(holding)[1 - side]
        self.orders[handle] = {
            "route": route, "side": side, "total": quantity, "asked": 0, "filled": 0,
            "price": worst, "asked_price": 0, "flag": flag, "parent": parent,
            "credit": quantity * self.unit(holding),
        }  # fmt: skip
        way["last"], way["last_at"] = (side, quantity, worst), now
        if parent >= 0:
            self.world["parents"][parent]["children"] += 1
        self.message(route, now)

    def amendment_sent(self, handle: int, total: int, price: int, now: int) -> None:
        order = self.orders[handle]
        extra = max(0, total - order["filled"] - self.left(order))
        order["credit"] += extra * self.unit(self.holding_of(order["route"]))
        order["asked"], order["asked_price"] = total, price
        self.message(order["route"], now)

    def amended(self, handle: int, total: int, price: int) -> None:
        order = self.orders[handle]
        was, left = self.left(order), max(0, total - order["filled"])
        unit = self.unit(self.holding_of(order["route"]))
        order["credit"] = up(order["credit"] * left, was) if was else left * unit
        order.update(total=total, asked=0, price=price, asked_price=0)

    def holding_of(self, route: int) -> dict[str, Any]:
        holding: dict[str, Any] = self.world["holdings"][self.world["routes"][route]["holding"]]
        return holding

    def filled(self, handle: int, lots: int, now: int) -> None:
        order = self.orders[handle]
        way = self.world["routes"][order["route"]]
        holding = self.holding_of(order["route"])
        account = self.world["accounts"][holding["account"]]
        left = self.left(order)
        kept = up(order["credit"] * max(0, left - lots), left) if left else 0
        account["unsettled"] += order["credit"] - kept + max(0, lots - left) * self.unit(holding)
        account["charged"] += lots * up(self.unit(holding) * holding["fee_ppm"], 1_000_000)
        order["credit"] = kept
        order["filled"] += lots
        way["position"] += lots if order["side"] == 0 else -lots
        if now - way["fills_at"] >= way["fills_ns"]:
            way["fills"], way["fills_at"] = 0, now
        way["fills"] += 1
        if order["parent"] >= 0:
            self.world["parents"][order["parent"]]["filled"] += lots
