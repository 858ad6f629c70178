"""Random worlds for the gate, each tight in one control, and the play of gate against model.

`python gate_worlds.py SEED EPISODES` prints how often each code was hit, and a digest of all that
was answered and counted; so the compiled build plays the same from its own environment.
"""

import json
import random
import sys
from collections import Counter
from hashlib import sha256
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # last on the path: an installed build of the gate comes first
    sys.path.append(str(Path(__file__).parent.parent))

from risk import codes, snapshot
from risk.counters import Scope, Tier
from risk.gate import Gate
from tests.gate_model import Model, World

START = 1_000_000
STEPS = 250
LOOSE = 10**15
STARS = (
    *[code.name for code in codes.TABLE if code.name not in ("GATE_FAILED", "UNKNOWN_ORDER")],
    "MARGIN", "PASSIVE_BREACH", "NO_SLOT", "DUPLICATE", "REPEATED",
)  # fmt: skip


def draw(dice: random.Random, star: str) -> World:
    """A world in which this control is near, and the others now and then."""

    def bound(name: str, tight: int) -> int:
        near = star == name or dice.random() < 0.03
        return tight if near else LOOSE

    def values(net: str, gross: str, scale: int) -> World:
        return {
            "long_max": bound(net, dice.randrange(8, 30) * scale),
            "short_max": bound(net, dice.randrange(8, 30) * scale),
            "gross_max": bound(gross, dice.randrange(8, 30) * scale),
        }

    def pace(name: str) -> World:
        return {
            "interval": 40 if star == name else 10,
            "orders_ns": bound(name, dice.randrange(0, 40)),
        }

    scale = dice.choice((1000, 333))
    starred = {"KILLED": 0, "KILL_REDUCES": 1, "STRATEGY_DISABLED": 0, "STRATEGY_REDUCES": 1}
    return {
        "slots": 3 if star == "NO_SLOT" else 14,
        "firm": {
            "state": starred[star] if star in ("KILLED", "KILL_REDUCES") else 2,
            "open_until": START + (500 if star == "LEASE_OVER" else 10**9),
            **values("FIRM_NET", "FIRM_GROSS", scale * 2),
        },
        "accounts": [
            {
                "collateral": bound("MARGIN", dice.randrange(4, 30) * scale),
                "credit_max": bound("CREDIT", dice.randrange(40, 90) * scale),
                **pace("ACCOUNT_RATE"),
                **values("ACCOUNT_NET", "ACCOUNT_GROSS", scale),
            }
            for _ in range(2)
        ],
        "assets": [values("ASSET_NET", "CONCENTRATION", scale) for _ in range(2)],
        "strategies": [
            {
                "state": starred[star] if star in ("STRATEGY_DISABLED", "STRATEGY_REDUCES") else 2,
                "needs_parent": int(star == "PARENT_MISSING" or dice.random() < 0.03),
                **pace("STRATEGY_RATE"),
                **values("STRATEGY_NET", "STRATEGY_GROSS", scale),
            }
            for _ in range(2)
        ],
        "books": 2,
        "holdings": [
            {
                "account": number % 2,
                "asset": number // 2,
                "book": dice.randrange(2),
                "restricted": int(star == "RESTRICTED" and dice.random() < 0.5),
                "position_max": bound("ACCOUNT_POSITION", dice.randrange(15, 50)),
                "collar_bp": dice.choice((100, 333, 2500)),
                "age_max": bound("REFERENCE_STALE", 150),
                "num": 1,
                "den": 1 if scale == 1000 else 3,
                "flat": dice.choice((0, 0, 7)),
                "fee_ppm": dice.choice((0, 700, 5000)),
                "borrow_ppm": dice.choice((0, 1300)),
                "tiers": [(10 * scale, 1000, 0), (25 * scale, 2500, 15 * scale // 10), (LOOSE if dice.random() < 0.9 else 60 * scale, 5000, 775 * scale // 100)],  # noqa: E501
            }
            for number in range(3)
        ],
        "routes": [
            {
                "strategy": number % 2,
                "holding": number % 3,
                "quantity_max": bound("ORDER_QUANTITY", dice.randrange(5, 15)),
                "notional_max": bound("ORDER_NOTIONAL", dice.randrange(5, 15) * scale + dice.randrange(99)),  # noqa: E501
                "position_max": bound("STRATEGY_POSITION", dice.randrange(10, 40)),
                "duplicate_ns": 600 if star == "DUPLICATE" else dice.choice((0, 5)),
                "fills_max": dice.randrange(1, 4) if star == "REPEATED" else 1000,
                "fills_ns": 2000 if star == "REPEATED" else dice.choice((50, 200)),
            }
            for number in range(5)
        ],
        "parents": [{} for _ in range(2)],
    }  # fmt: skip


def bounded(scope: Scope, told: World) -> None:
    scope.long_max, scope.short_max = told["long_max"], told["short_max"]
    scope.gross_max = told["gross_max"]


def build(world: World) -> Gate:
    """The gate with that world's limits."""
    gate = Gate(world["slots"], len(world["parents"]))
    gate.firm.state, gate.firm.open_until = world["firm"]["state"], world["firm"]["open_until"]
    bounded(gate.firm.scope, world["firm"])
    for told in world["assets"]:
        bounded(gate.add_asset(), told)
    for told in world["accounts"]:
        account = gate.add_account()
        bounded(account.scope, told)
        account.collateral, account.credit_max = told["collateral"], told["credit_max"]
        account.rate.interval, account.rate.orders_ns = told["interval"], told["orders_ns"]
    for told in world["strategies"]:
        strategy = gate.add_strategy()
        bounded(strategy.scope, told)
        strategy.state, strategy.needs_parent = told["state"], told["needs_parent"]
        strategy.rate.interval, strategy.rate.orders_ns = told["interval"], told["orders_ns"]
    for _ in range(world["books"]):
        gate.add_book()
    for told in world["holdings"]:
        holding = gate.add_holding(
            gate.accounts[told["account"]], gate.assets[told["asset"]], gate.books[told["book"]]
        )
        holding.tiers = [Tier(*tier) for tier in told["tiers"]]
        holding.restricted, holding.position_max = told["restricted"], told["position_max"]
        holding.collar_bp, holding.reference_age_max = told["collar_bp"], told["age_max"]
        holding.value_num, holding.value_den = told["num"], told["den"]
        holding.value_flat = told["flat"]
        holding.fee_ppm, holding.borrow_ppm = told["fee_ppm"], told["borrow_ppm"]
    for told in world["routes"]:
        way = gate.add_route(gate.strategies[told["strategy"]], gate.holdings[told["holding"]])
        way.quantity_max, way.notional_max = told["quantity_max"], told["notional_max"]
        way.position_max, way.duplicate_ns = told["position_max"], told["duplicate_ns"]
        way.executions_max, way.executions_ns = told["fills_max"], told["fills_ns"]
    return gate


class Play:
    """One world, the gate and the model in step; any difference is an assertion."""

    def __init__(self, seed: str, star: str) -> None:
        self.dice = random.Random(seed)  # noqa: S311  # the dice of a test
        self.star = star
        self.world = draw(self.dice, star)
        self.gate = build(self.world)
        self.model = Model(self.world)
        self.now = START
        self.hits: Counter[str] = Counter()
        self.edges: Counter[tuple[str, int]] = Counter()
        self.answers: list[int] = []
        for number in range(len(self.world["holdings"])):
            if star != "REFERENCE_MISSING" or self.dice.random() < 0.5:
                self.price(number)
        for number in range(len(self.world["parents"])):
            self.open_parent(number)

    def run(self, steps: int) -> None:
        moves = (
            (60, self.order), (12, self.fill), (12, self.release), (7, self.amend),
            (5, self.amended), (2, self.cancel), (2, self.outside), (2, self.reprice),
            (2, self.dispute), (2, self.switch), (2, self.pay), (2, self.parents),
        )  # fmt: skip
        weights = [weight for weight, _ in moves]
        for step in range(steps):
            if step % 10 == 0:
                self.compare()
            self.now += self.dice.choice((0, 1, 5, 20))
            self.dice.choices([move for _, move in moves], weights)[0]()
        self.compare()

    # --- orders

    def order(self) -> None:
        words = self.wish()
        if self.dice.random() < 0.35:
            words[2] = self.near_the_edge(words)
        if self.dice.random() < (0.5 if self.star in WORDS else 0.02):
            self.spoil(words)
        expected = self.model.judge(*words)
        code = self.gate.order(*words)
        self.answer(code, expected)
        if code == codes.PASSED:
            route, side, quantity, price, _, flag, parent, now = words
            self.model.placed(self.gate.taken, route, side, quantity, price, flag, parent, now)

    def wish(self) -> list[Any]:
        dice, model = self.dice, self.model
        route, side = dice.randrange(5), dice.randrange(2)
        way = model.world["routes"][route]
        holding = model.world["holdings"][way["holding"]]
        low, high = model.collar(holding)
        price = dice.randint(low, max(low, high))
        if self.star == "SELF_MATCH" or dice.random() < 0.1:
            edges = [order["price"] for order in model.orders.values()] or [price]
            step = dice.randint(-1, 1)
            price = dice.choice(edges) + step
            self.edges["SELF_MATCH", step] += 1
        elif self.star in ("PRICE_LOW", "PRICE_HIGH") or dice.random() < 0.05:
            name, edge = dice.choice((("PRICE_LOW", low), ("PRICE_HIGH", high)))
            step = dice.randint(-1, 1)
            price = edge + step
            self.edges[name, step] += 1
        elif self.star != "SELF_MATCH" and dice.random() < 0.8:  # apart, so that they do not meet
            price = max(low, 1000 - 3) if side == 0 else min(max(low, high), 1000 + 3)
        kind = int(dice.random() < 0.1)
        flag = int(dice.random() < (0.5 if self.star == "WOULD_FLIP" else 0.05))
        parent = dice.choice((-1, 0, 1)) if self.star.startswith("PARENT") else -1
        self.pick_time(way, holding)
        words = [
            route,
            side,
            dice.randint(1, 20),
            0 if kind else price,
            kind,
            flag,
            parent,
            self.now,
        ]
        if self.star == "DUPLICATE" and way["last"] is not None and dice.random() < 0.7:
            words[1], words[2], words[3], words[4] = *way["last"], 0
        return words

    def pick_time(self, way: World, holding: World) -> None:
        """Often at a moment at which an answer changes, or one to its side."""
        if self.dice.random() < (0.25 if self.star == "REPEATED" else 0.5):
            world = self.model.world
            account = world["accounts"][holding["account"]]
            strategy = world["strategies"][way["strategy"]]
            edges = {
                "LEASE_OVER": world["firm"]["open_until"],
                "REFERENCE_STALE": holding["at"] + holding["age_max"],
                "DUPLICATE": way["last_at"] + way["duplicate_ns"],
                "REPEATED": way["fills_at"] + way["fills_ns"],
                "ACCOUNT_RATE": account["busy"] - account["orders_ns"],
                "STRATEGY_RATE": strategy["busy"] - strategy["orders_ns"],
            }
            step = self.dice.randint(-1, 1)
            edge = edges.get(self.star, 0) + step
            if self.now < edge < self.now + 2500:
                self.now = edge
                self.edges[self.star, step] += 1

    def near_the_edge(self, words: list[Any]) -> int:
        """The largest quantity that passes, by the model; or one more or less."""
        passes, fails = 0, 128
        while fails - passes > 1:
            middle = (passes + fails) // 2
            if self.model.judge(*words[:2], middle, *words[3:]) in ("", "DUPLICATE"):
                passes = middle
            else:
                fails = middle
        step = self.dice.randint(-1, 1)
        if passes:
            self.edges[self.model.judge(*words[:2], fails, *words[3:]), step] += 1
        return max(1, passes + step)

    def spoil(self, words: list[Any]) -> None:
        place, told = self.dice.choice(SPOILT)
        if self.star not in WORDS or WORDS[self.star] == place or self.dice.random() < 0.2:
            words[place] = told

    def some_order(self) -> int:
        handles = list(self.model.orders)
        return self.dice.choice(handles) if handles else 10**6

    def amend(self) -> None:
        handle = self.some_order()
        if self.dice.random() < 0.1:
            handle += self.dice.choice((-1, 1, 14, 1000))
        order = self.model.orders.get(handle)
        total = self.dice.randint(0, 30)
        price = (order["price"] if order else 1000) + self.dice.randint(-2, 2)
        expected = self.model.judge_amendment(handle, total, price, self.now)
        code = self.gate.amend(handle, total, price, self.now)
        self.answer(code, expected)
        if code == codes.PASSED:
            self.model.amendment_sent(handle, total, price, self.now)

    def amended(self) -> None:
        """Taken, refused, or told otherwise."""
        handle = self.some_order()
        order = self.model.orders.get(handle)
        if order is None:
            assert self.gate.amended(handle, 1, 1) == codes.UNKNOWN_ORDER
            return
        old, new = (order["total"], order["price"]), (order["asked"], order["asked_price"])
        total, price = self.dice.choice((old, new if order["asked"] else old, (7, 1001)))
        assert self.gate.amended(handle, total, price) == codes.PASSED
        self.model.amended(handle, total, price)

    def fill(self) -> None:
        handle = self.some_order()
        lots = self.dice.randint(1, 12)
        code = self.gate.fill(handle, lots, self.now)
        if handle not in self.model.orders:
            assert code == codes.UNKNOWN_ORDER
            return
        assert code == codes.PASSED
        self.model.filled(handle, lots, self.now)

    def release(self) -> None:
        handle = self.some_order()
        code = self.gate.release(handle)
        assert code == (codes.PASSED if handle in self.model.orders else codes.UNKNOWN_ORDER)
        self.model.orders.pop(handle, None)
        assert self.gate.release(handle) == codes.UNKNOWN_ORDER

    def cancel(self) -> None:
        handle = self.some_order()
        if handle in self.model.orders:
            assert self.gate.cancel_sent(handle, self.now) == codes.PASSED
            self.model.message(self.model.orders[handle]["route"], self.now)

    # --- the world

    def outside(self) -> None:
        route, lots = self.dice.randrange(5), self.dice.randint(-9, 9)
        self.gate.outside(route, lots)
        self.model.world["routes"][route]["position"] += lots

    def reprice(self) -> None:
        self.price(self.dice.randrange(3))

    def price(self, number: int) -> None:
        price = self.dice.randint(950, 1050)
        self.gate.priced(number, price, self.now)
        self.model.world["holdings"][number].update(reference=price, at=self.now)

    def dispute(self) -> None:
        number, difference = self.dice.randrange(3), self.dice.choice((0, 0, 3, -3, -30))
        self.gate.disputed(number, difference)
        self.model.world["holdings"][number]["disputed"] = difference

    def switch(self) -> None:
        number, state = self.dice.randrange(2), self.dice.choice((0, 1, 2, 2))
        if self.star in ("STRATEGY_DISABLED", "STRATEGY_REDUCES"):
            self.gate.strategies[number].state = state
            self.model.world["strategies"][number]["state"] = state
        if self.star in ("KILLED", "KILL_REDUCES"):
            self.gate.firm.state = self.model.world["firm"]["state"] = state
        if self.star == "LEASE_OVER":
            until = self.now + self.dice.randrange(300)
            self.gate.firm.open_until = self.model.world["firm"]["open_until"] = until
        if self.star == "PASSIVE_BREACH":
            limit = self.dice.choice((0, 5000, 20_000, LOOSE))
            self.gate.firm.scope.gross_max = self.model.world["firm"]["gross_max"] = limit

    def pay(self) -> None:
        number = self.dice.randrange(2)
        account = self.model.world["accounts"][number]
        value = self.dice.randint(0, account["unsettled"])
        self.gate.settled(number, value)
        account["unsettled"] -= value
        if self.dice.random() < 0.3:
            self.gate.collateral(number, account["collateral"])
            account["charged"] = 0

    def parents(self) -> None:
        number = self.dice.randrange(2)
        if self.dice.random() < 0.7:
            self.open_parent(number)
        else:
            self.gate.close_parent(number)
            self.model.world["parents"][number]["open"] = 0

    def open_parent(self, number: int) -> None:
        total = self.dice.randint(10, 60)
        most = self.dice.randint(1, 3) if self.star == "PARENT_CHILDREN" else 1000
        children = [o for o in self.model.orders.values() if o["parent"] == number]
        busy = sum(map(self.model.left, children)) > 0
        code = self.gate.open_parent(number, total, most)
        assert code == (codes.PARENT_MISSING if busy else codes.PASSED)
        if not busy:
            fresh = {"open": 1, "total": total, "most": most, "children": 0, "filled": 0}
            self.model.world["parents"][number].update(fresh)

    # --- the comparison

    def answer(self, code: int, expected: str) -> None:
        name = codes.NAMES[code].name if code else ""
        assert name == expected, (self.star, self.now, name, expected)
        self.hits[name] += 1
        self.answers.append(code)

    def compare(self) -> None:
        """Every sum of the gate is what the model finds anew."""
        gate, model = self.gate, self.model
        scopes = [(("firm", 0), gate.firm.scope)]
        scopes += [(("account", n), each.scope) for n, each in enumerate(gate.accounts)]
        scopes += [(("asset", n), each) for n, each in enumerate(gate.assets)]
        scopes += [(("strategy", n), each.scope) for n, each in enumerate(gate.strategies)]
        for key, scope in scopes:
            assert (scope.long, scope.short, scope.gross) == model.sums(key, None), key
        for number, account in enumerate(gate.accounts):
            assert account.margin + account.charged == model.margin(number, None)
            assert account.credit_open + account.unsettled == model.credit(number)
            assert account.rate.busy_until == model.world["accounts"][number]["busy"]
        for number, way in enumerate(gate.routes):
            buys, sells = way.long - way.position, way.short + way.position
            assert (way.position, buys, sells) == model.sides([number], None)
        for handle, order in model.orders.items():
            assert gate.is_open(handle)
            assert gate.slots[handle % len(gate.slots)].left() == model.left(order)


# By which word a code is provoked: route, side, quantity, price, kind, flag, parent, now.
WORDS = {
    "UNKNOWN_ROUTE": 0, "BAD_SIDE": 1, "BAD_QUANTITY": 2, "BAD_PRICE": 3, "PARENT_MISSING": 6,
    "BAD_TIME": 7,
}  # fmt: skip
NAN = float("nan")
SPOILT: tuple[tuple[int, Any], ...] = (
    *[(0, told) for told in (-1, 5, 10**30, None, "0", 0.0, True)],
    *[(1, told) for told in (-1, 2, 10**30, None, "buy", NAN, True)],
    *[(2, told) for told in (0, -1, 2**40 + 1, 10**30, None, "1 lot", "1", 1.0, NAN, True)],
    *[(3, told) for told in (-1, 2**61 + 1, 10**30, None, "1000", NAN, float("inf"), True)],
    *[(4, told) for told in (2, -1, None, NAN, True)],
    *[(5, told) for told in (2, -1, None, NAN)],
    *[(6, told) for told in (-2, 2, 10**30, None, NAN, True)],
    *[(7, told) for told in (0, -1, 2**62, 10**30, None, NAN, True)],
)


def play(seed: int, episodes: int) -> tuple[Counter[str], Counter[tuple[str, int]], str]:
    """So many worlds, star by star; how often each code and edge was hit, and the digest."""
    hits: Counter[str] = Counter()
    edges: Counter[tuple[str, int]] = Counter()
    digest = sha256()
    for number in range(episodes):
        one = Play(f"{seed}/{number}", STARS[number % len(STARS)])
        one.run(STEPS)
        hits += one.hits
        edges += one.edges
        digest.update(json.dumps([one.answers, snapshot.dump(one.gate)]).encode())
    return hits, edges, digest.hexdigest()


if __name__ == "__main__":
    import risk.gate

    hits, edges, digest = play(int(sys.argv[1]), int(sys.argv[2]))
    told = {f"{name} {step:+d}": number for (name, step), number in sorted(edges.items())}
    print(json.dumps({"file": risk.gate.__file__, "digest": digest, "hits": hits, "edges": told}))
