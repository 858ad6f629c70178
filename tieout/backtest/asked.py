"""What a command line asks for, as a scenario: a strategy, market files, and what goes without
saying.

    [VENUE:]BASE/QUOTE=FILE     one market; without the first part the file's name says what it is

Whatever was taken for granted is listed, and printed beside the result.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np

from core.money import PRICE_DECIMALS, QUANTITY_DECIMALS, price, quantity, show
from scenarios.model import DIALECTS, BadScenario, Scenario, check
from scenarios.model import load as load_scenario
from tieout.backtest.data import Recorded, load
from tieout.backtest.frames import last_prices
from tieout.backtest.funding_file import rates
from tieout.backtest.rows import Told
from tieout.backtest.run import Paid, Tapes
from tieout.bad_input import BadMarket
from tieout.node.dialects import MODELS
from venues.recorded.funding import Funding
from venues.recorded.merged import merged
from venues.recorded.tape import Tape

QUOTES: Final = ("USDT", "USDC", "FDUSD", "USD", "EUR", "BTC", "ETH")
PERPETUAL: Final = ("PERP", "SWAP", "FUTURES")
UNKNOWN: Final = ("COIN", "USD")
WALLET: Final = Decimal(1_000_000)
SPOT, LINEAR = "binance_spot", "binance_usdm"
MARKET: Final = re.compile(
    r"(?:(?P<venue>[a-z0-9_]+):)?(?P<base>[^/=:]+)/(?P<quote>[^/=:]+)=(?P<file>.+)"
)
# Where a quantity of 1 is not one coin, nor one of quote: it differs from instrument to instrument.
COUNTS_CONTRACTS: Final = ("okx_swap",)
WOULD_DO: Final = "[VENUE:]BASE/QUOTE=FILE, or a FILE, would do"


@dataclass(slots=True)
class Asked:
    """A backtest as it was asked for; `assumed` is what nobody said."""

    scenario: Scenario
    tapes: Tapes
    assumed: tuple[str, ...]
    rates: Paid = field(default_factory=dict)


@dataclass(slots=True)
class Market:
    """One market file, and what it is a market of."""

    venue: str
    base: str
    quote: str
    path: Path
    assumed: list[str] = field(default_factory=list)

    @property
    def cash(self) -> str:
        """What it is paid in: of an inverse contract the coin itself."""
        return self.base if MODELS[self.venue] == "inverse" else self.quote

    @property
    def held(self) -> tuple[str, ...]:
        """What a wallet there holds of it."""
        return (self.quote, self.base) if MODELS[self.venue] == "spot" else (self.cash,)

    @property
    def symbol(self) -> str:
        """As its venue would write it."""
        between = "-" if self.venue == "coinbase" else ""
        return f"{self.base}{between}{self.quote}"


def asked(
    strategy: str,
    options: Mapping[str, str],
    markets: Sequence[str],
    *,
    funds: Mapping[str, Decimal],
    models: Mapping[str, Any],
    told: Told,
) -> Asked:
    """Read the files and make the scenario; raises BadMarket or BadScenario."""
    if not markets:
        raise BadMarket(f"no --market: found none; {WOULD_DO}")
    read = [(market, load(market.path, told)) for market in map(_market, markets)]
    assumed = [line for market, recorded in read for line in _said(market, recorded)]
    venues: dict[str, dict[str, Any]] = {}
    tapes: dict[tuple[str, str], Tape] = {}
    for asset in funds:
        if not any(asset in market.held for market, _ in read):
            known = ", ".join(dict.fromkeys(each for market, _ in read for each in market.held))
            raise BadMarket(f"--fund {asset}: no market is paid in it; {known} would do")
    for market, recorded in read:
        if (f"{market.venue}/main", market.symbol) in tapes:
            twice = f"--market {market.path}: {market.symbol} at {market.venue} stands there twice"
            raise BadMarket(f"{twice}; each market once would do")
        venue = venues.setdefault(market.venue, _venue(market.venue, models))
        venue["instruments"].append(_instrument(market, recorded.tape, models))
        venue["wallets"] |= {market.cash: funds.get(market.cash, WALLET)}
        if MODELS[market.venue] == "spot" and market.base in funds:
            venue["wallets"][market.base] = funds[market.base]
        tapes[f"{market.venue}/main", market.symbol] = recorded.tape
    for market, _ in read:
        if market.cash not in funds:
            assumed.append(
                f"{market.venue}: {WALLET:,} {market.cash} to begin with, however little of it is"
                " used: returns on equity go by it (--fund)"
            )
    seconds = max(int(tape.at[-1] - tape.at[0]) for tape in tapes.values()) // 10**9 + 1
    scenario = check(
        {
            "name": "backtest",
            "claim": f"{strategy} over {len(read)} recorded market(s)",
            "duration_s": min(seconds, 10_000_000),
            "venues": list(venues.values()),
            "strategies": [
                {
                    "kind": strategy,
                    "name": Path(strategy).stem,
                    "options": dict(options),
                }
            ],
        },
        "tieout backtest",
    )
    return Asked(scenario, tapes, tuple(dict.fromkeys(assumed)))


def told_by(path: Path, told: Told) -> Asked:
    """A scenario's file, whose instruments say where their markets lie, beside it."""
    scenario = load_scenario(path)
    tapes: dict[tuple[str, str], Tape] = {}
    assumed: list[str] = []
    paid: dict[tuple[str, str], Funding] = {}
    for venue in scenario.venues:
        for number, each in enumerate(venue.instruments):
            where = f"{path}: venues.{venue.dialect}.instruments.{number}.recorded"
            if venue.dialect in COUNTS_CONTRACTS and "multiplier" not in each.model_fields_set:
                terms = f"{path}: venues.{venue.dialect}.instruments.{number}.multiplier"
                raise BadScenario(f"{terms}: found nothing; how many coins a contract is would do")
            if each.recorded is None:
                raise BadScenario(f"{where}: found nothing; {{file: MARKET}} would do")
            market = Market(venue.dialect, each.base, each.quote, path.parent / each.recorded.file)
            kind = each.recorded.kind or None
            tick, lot = price(str(each.tick)), quantity(str(each.lot))
            recorded = load(market.path, replace(told, kind=kind, tick=tick, lot=lot))
            assumed += _said(market, recorded)
            place = venue.account, each.symbol
            tapes[place] = recorded.tape
            if each.recorded.trades:
                if recorded.tape.kind != "depth":
                    found = f"{where}.trades: found beside {recorded.tape.kind}"
                    raise BadScenario(f"{found}; beside depth it would do")
                beside = replace(told, kind="trades", tick=tick, lot=lot)
                trades = load(path.parent / each.recorded.trades, beside)
                assumed.append(str(trades.source))
                tapes[place] = merged(recorded.tape, trades.tape)
            if each.recorded.funding:
                paid[place] = rates(path.parent / each.recorded.funding)
    return Asked(scenario, tapes, tuple(dict.fromkeys(assumed)), paid)


def _market(text: str) -> Market:
    found = MARKET.fullmatch(text)
    if found is None:
        return _named(Path(text))
    venue = found["venue"]
    if venue is not None and venue not in DIALECTS:
        raise BadMarket(f"--market {text}: no venue {venue!r}; {', '.join(DIALECTS)} would do")
    if venue in COUNTS_CONTRACTS:
        raise BadMarket(
            f"--market {text}: {venue} trades contracts of so many coins each, which no file of a"
            " market tells; a scenario's, whose instrument has a `multiplier`, would do"
        )
    return Market(venue or SPOT, found["base"], found["quote"], Path(found["file"]))


def _named(path: Path) -> Market:
    """What the file's name says: `xrp_eth`, `btcusdt`, `btc_perp`."""
    words = re.split(r"[^A-Z0-9]+", path.name.split(".")[0].upper())
    perpetual = any(word in PERPETUAL for word in words)
    base, quote = _pair(words)
    market = Market(LINEAR if perpetual else SPOT, base, quote, path)
    kind = "a perpetual" if perpetual else "spot"
    market.assumed.append(
        f"{path.name}: {base}/{quote}, {kind}, at {market.venue}, by its name (--market {WOULD_DO})"
    )
    return market


def _pair(words: Sequence[str]) -> tuple[str, str]:
    for word in words:
        for quote in QUOTES:
            if word.endswith(quote) and word != quote:
                return word.removesuffix(quote), quote
    for base, quote in pairwise(words):
        if quote in QUOTES:
            return base, quote
        if quote in PERPETUAL and base:
            return base, "USD"
    return UNKNOWN


def _said(market: Market, recorded: Recorded) -> list[str]:
    source = recorded.source
    warned = [f"{source.file}: {finding}" for finding in source.findings]
    return [str(source), *market.assumed, *source.assumed, *warned]


def _venue(dialect: str, models: Mapping[str, Any]) -> dict[str, Any]:
    names = ("models", "latency_ms", "latency_ms_p99")
    about = {key: value for key, value in models.items() if key in names}
    return {"dialect": dialect, "instruments": [], "wallets": {}, **about}


def _first_price(tape: Tape) -> int:
    """In ticks; 0 where the first moment shows none."""
    return next((ticks for _, ticks in last_prices(tape, np.zeros(1, dtype=np.int64))), 0)


def _instrument(market: Market, tape: Tape, models: Mapping[str, Any]) -> dict[str, Any]:
    tick = Decimal(show(tape.tick, PRICE_DECIMALS))
    rates = {key: value for key, value in models.items() if key in ("maker_rate", "taker_rate")}
    return {
        "symbol": market.symbol,
        "base": market.base,
        "quote": market.quote,
        "settle": "" if market.cash == market.quote else market.cash,
        "tick": tick,
        "lot": Decimal(show(tape.lot, QUANTITY_DECIMALS)),
        "price": max(_first_price(tape), 10) * tick,
        "recorded": {"file": str(market.path)},
        **rates,
    }
