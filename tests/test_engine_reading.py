"""From the books to the engine: nothing is lost, nothing counts twice, and an audit would tell."""

import pytest

from core.money import ASSET_DECIMALS, PRICE_ONE, QUANTITY_ONE, TEN_TO
from core.state import Account, Listing, Order, Reference, State
from risk.audit import audit
from risk.engine import Engine, Halted
from risk.reading import OPEN, read, tell_prices
from risk.records import Records
from tieout.runs import run


@pytest.fixture(scope="module", params=["storm_venues", "storm_rails"])
def state(request: pytest.FixtureRequest) -> State:
    return run(request.param, 3, short=True).state


def test_every_unit_of_every_holding_is_in_exactly_one_cell(state: State) -> None:
    """What the cells of an account hold of a subject is what the books hold of it."""
    records, held = read(state), dict.fromkeys(state.holdings, 0)
    dust = dict.fromkeys(held, 0)
    for each in records.held:
        listing = _listing(state, each.account, each.instrument)
        if listing is not None and listing.kind != "spot":
            names = [f"{each.account}/{each.instrument}/{leg}" for leg in ("net", "long", "short")]
            name = next(name for name in names if name in held)
        else:
            asset = listing.base if listing else each.instrument.removesuffix("/cash")
            name = f"{each.account}/{asset}/cash"
            dust[name] += 1
        held[name] += each.quantity
    for name, amount in state.holdings.items():
        account, _, rest = name.rpartition("/")[0].rpartition("/")
        if name.endswith("/cash"):
            scale = TEN_TO[state.decimals.get(rest, ASSET_DECIMALS)]
            exact, rest_of = divmod(amount * QUANTITY_ONE, scale)
            assert exact - dust[name] <= held[name] <= exact, name
            assert held[name] == exact or rest_of or dust[name] > 1
        else:
            legs = [f"{account}/{rest}/{leg}" for leg in ("net", "long", "short")]
            assert sum(held[leg] for leg in legs if leg in held) == sum(
                state.holdings.get(leg, 0) for leg in legs
            ), name


def _listing(state: State, account: str, instrument: str) -> Listing | None:
    return state.accounts[account].listings.get(instrument)


def test_the_audit_finds_one_unit(state: State) -> None:
    """An engine loaded from the books passes; one unit off in any column, and it halts for good."""
    for column in ("position", "buys", "sells"):
        engine = Engine(1)
        engine.load(read(state))
        audit(engine, read(state))
        getattr(engine, column)[len(engine.cells) // 2] += 1
        with pytest.raises(Halted, match="the books say"):
            audit(engine, read(state))
        with pytest.raises(Halted):
            engine.cycle(1)


def test_the_audit_finds_a_cell_that_one_side_lacks(state: State) -> None:
    engine = Engine(1)
    engine.load(read(state))
    with pytest.raises(Halted):
        audit(engine, Records())


def small_state() -> State:
    """One spot account with an order in every status."""
    account = Account("v/a", **_quiet())
    account.listings["XY"] = Listing("XY", "spot", "X", "Y", "Y", QUANTITY_ONE, 1)
    state = State(accounts={"v/a": account}, decimals={"X": 18})
    state.figures["s/v/a/XY/trade/X"] = 5 * 10**10 + 1
    state.figures["s/v/a/XY/trade/Y"] = -7
    statuses = (*OPEN, "refused", "filled", "cancelled", "expired", "rejected")
    for number, status in enumerate(statuses):
        state.orders[str(number)] = Order(
            *(str(number), "s", "", "v/a", "XY", "buy", "net", 100, PRICE_ONE, "limit", False),
            status=status,  # type: ignore[arg-type]
            requested_at=0,
            filled=40 if status == "partially_filled" else 0,
        )
        if status in OPEN:
            account.working[str(number)] = None
    return state


def _quiet() -> dict[str, object]:
    return {
        "tells": "fills",
        "statements": (),
        **dict.fromkeys(("statement_period_ns", "backfill_period_ns", "settle_ns"), 0),
        **dict.fromkeys(("silence_ns_max", "clock_error_ns", "request_validity_ns"), 0),
        "latency_ns_max": 0,
        "bracketed": False,
        "hedged": False,
        "ledger": False,
    }


def test_orders_that_may_still_be_filled_count_with_their_leaves() -> None:
    """Requested, in flight, unknown, acknowledged: all of it; partially filled: what is left."""
    leaves = [order.leaves for order in read(small_state()).working if order.leaves > 1]
    assert leaves == [100, 100, 100, 100, 60]


def test_what_a_quantity_cannot_hold_counts_as_one_that_may_be_bought() -> None:
    engine = Engine(1)
    engine.load(read(small_state()))
    cell = engine.cells["s", "v/a", "XY"]
    assert (engine.position[cell], engine.buys[cell]) == (5, 461)
    assert engine.position[engine.cells["s", "v/a", "Y/cash"]] == -7


def test_a_price_is_as_old_as_the_older_of_reference_and_rate() -> None:
    """In euros, with a rate that is a day old: stale, although the reference is fresh."""
    state = small_state()
    state.accounts["v/a"].references["XY"] = Reference(2 * PRICE_ONE, 1000)
    for age, stale in ((100, True), (1000, False)):
        engine = Engine(age)
        engine.load(read(state))
        tell_prices(engine, state, {"Y": Reference(PRICE_ONE, 10)}, 0)
        engine.cycle(1000)
        found = engine.exposure(("strategy", "s"))
        assert found.stale is stale
        assert found.long == -(-466 * 2 * 10**6 // QUANTITY_ONE)


def test_without_a_rate_nothing_is_priced() -> None:
    state = small_state()
    state.accounts["v/a"].references["XY"] = Reference(2 * PRICE_ONE, 1000)
    engine = Engine(1000)
    engine.load(read(state))
    tell_prices(engine, state, {"Z": Reference(PRICE_ONE, 1000)}, 0)
    engine.cycle(1000)
    assert engine.exposure(("listing", "v/a", "XY")).stale
