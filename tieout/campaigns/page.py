"""campaign.html: what held, what failed and how to see it, what was seen and what never was.

It stands alone, as a report does: pictures are drawn in it, nothing is loaded. Text goes in through
`text`, which escapes.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from math import log10
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

from sim.faults import KINDS
from tieout.campaigns.cover import NEVER_SHOWN, Pairs
from tieout.campaigns.ledger import FAILURES, TWICE, Header, place_of, read
from tieout.campaigns.seed import CANARY, SeedResult
from tieout.failures.failure import FAILURE, REPORT, WHY, commands_for
from tieout.reports.page import Html, gap, grid, join, page, row, tag, text
from tieout.reports.words import count

if TYPE_CHECKING:
    from tieout.campaigns.campaign import Campaign

FAILURES_SHOWN = 50
# The ways in which a run may fail, as they are counted.
BROKE, RAISED, UNENDED = "broke a claim", "raised", "did not end"
UNLIKE = "did not give the same twice"
WAYS = (BROKE, RAISED, UNENDED, UNLIKE)
LINKED = ("why", "timeline")  # of what is told of a failure: the page has links there
BARS_MAX = 16  # in one column
# The heat map: a cell's side, and how much room names have.
CELL, NAMES = 11, 148
SHADES = ("#e3f0f2", "#b9dbe1", "#86bfca", "#4b9bab", "#1f6b7c")
NEVER, CANNOT = "#f0c36d", "#f5f8fa"
# Seconds to find: the first bin is below the first of these.
BINS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3600.0, 14400.0, 86400.0)
STYLE = """<style>
.verdict.part { background:#fdf6e6; border-color:#f0c36d }
.verdict.part b { color:#7a5a10 }
.bars { display:grid; grid-template-columns:max-content minmax(60px,1fr) max-content; gap:2px 12px;
  font-size:.84rem; align-items:center; margin:1em 0 }
.bars i { display:block; height:10px; border-radius:2px; background:var(--accent); min-width:1px }
.bars .n { text-align:right; font-variant-numeric:tabular-nums; color:var(--soft) }
.bars .never { color:var(--bad) }
.bars .none { color:var(--soft) }
.tiles { display:flex; flex-wrap:wrap }
.tiles div { flex:1 1 180px }
.failures { table-layout:fixed }
.failures th:first-child { width:19% } .failures th:nth-child(2) { width:31% }
.failures td { overflow-wrap:anywhere }
.failures td > div + div { margin-top:5px }
.typed { display:grid; grid-template-columns:7.2em minmax(0,1fr); gap:8px }
.typed span { color:var(--soft); font-size:.8rem }
@media (max-width:640px) { .failures thead { display:none }
  .failures tr { display:block; padding:8px 0; border-bottom:1px solid var(--line) }
  .failures td { display:block; border:0; padding:3px 0 } }
.heat svg { display:block; max-width:none }
</style>"""


def page_of(campaign: "Campaign", folder: Path) -> str:
    """The whole document, of a campaign that the folder keeps."""
    header = read(folder)[0]
    summary = campaign.summary()
    body = join(
        Html(STYLE),
        _head(header, summary, campaign.failures, held=campaign.held),
        _tiles(summary),
        _failed(campaign.failures, folder),
        _wrong(summary["wrong"]),
        _bars("Faults that struck", "So often in all runs together.", summary["faults"]),
        _bars("What was refused", "By our gates, policies and rules.", summary["refusals"]),
        _pairs(campaign.pairs()),
        _transitions(summary),
        _seconds(campaign.results),
        _foot(header, summary),
    )
    return page(f"Campaign: {header.scenario}", body)


def _head(
    header: Header, summary: Mapping[str, Any], failures: Sequence[SeedResult], *, held: bool
) -> Html:
    form = "short form" if header.short else "full form"
    part = "" if header.shard == (1, 1) else f", shard {header.shard[0]} of {header.shard[1]}"
    early = f" It ended early: {summary['stopped']}." if summary["stopped"] else ""
    left = summary["asked"] - summary["runs"]
    runs = f"{summary['runs']} of {summary['asked']} runs were made"
    runs += f", {left} were not." if left else "."
    if not held:
        why = _how_many(failures) if failures else "Not all was seen or reported"
        look, word, said = "failed", "Failed.", f" {why}. {runs}{early}"
    elif not summary["asked"]:
        look, word, said = "part", "Nothing ran.", " Its part of the seeds is empty."
    elif left:
        look, word, said = "part", "Not all ran.", f" What did held every claim. {runs}{early}"
    else:
        look, word, said = "", "Held.", f" Every claim, in every run. {runs}{early}"
    return join(
        tag("p", text("Tieout · campaign"), "kicker"),
        tag("h1", text(header.scenario)),
        tag("p", text(f"Seeds {header.seeds}, {form}{part}"), "lead"),
        tag("div", join(tag("b", text(word)), text(said)), f"verdict {look}".rstrip()),
    )


def _tiles(summary: Mapping[str, Any]) -> Html:
    drift, pairs = summary["drift"], summary["pairs"]
    taken = sum(times > 0 for times in summary["visited"].values())
    known = taken + len(summary["unvisited"])
    tiles = [
        (f"{summary['held']:,}", f"of {summary['runs']:,} runs held every claim"),
        (f"{sum(summary['faults'].values()):,}", "faults struck"),
        (f"{drift['found']:,}", f"of {drift['injected']:,} hidden differences were found"),
        (f"{drift['seconds_to_find']['p99']:.1f} s", "until one was found (p99)"),
        *([(f"{pairs['share']:.0%}", f"of {pairs['can_be']:,} pairs of faults, together")]
          if pairs["can_be"] else []),
        *([(f"{taken / known:.0%}", f"of {known} transitions of core were taken")]
          if known else []),
        (f"{summary['simulated_per_wall_second']:,.0f}", "simulated seconds in a real one"),
        (f"{summary['inputs_per_cpu_second']:,}", "inputs of core a CPU-second"),
    ]  # fmt: skip
    return tag(
        "div",
        join(
            *(
                tag("div", join(tag("span", text(big), "big"), tag("span", text(small))))
                for big, small in tiles
            )
        ),
        "tiles",
    )


def _how(failed: SeedResult) -> str:
    """In which way a run failed: only what came to its end was held against claims."""
    if failed.error:
        return UNENDED if failed.lost else RAISED
    broke = [each for each in failed.failed if not each.startswith(TWICE)]
    return BROKE if broke or not failed.failed else UNLIKE


def _how_many(failures: Sequence[SeedResult]) -> str:
    """So many in each way."""
    counts = Counter(map(_how, failures))
    (first, times), *rest = [(how, counts[how]) for how in WAYS if how in counts]
    return ", ".join([f"{count(times, 'run')} {first}", *(f"{n} {how}" for how, n in rest)])


def _failed(failures: Sequence[SeedResult], folder: Path) -> Html:
    """Each with how it failed and what to type; the first have a report."""
    if not failures:
        return Html("")
    rows = [_failure(each, folder) for each in failures[:FAILURES_SHOWN]]
    if len(failures) > FAILURES_SHOWN:
        rows.append(gap(3, f"{len(failures) - FAILURES_SHOWN} more, in campaign.json"))
    heads = [("run", ""), ("how it failed", ""), ("what to type", "")]
    return join(tag("h2", text("What failed")), grid(heads, rows, "failures"))


def _failure(failed: SeedResult, folder: Path) -> Html:
    """A reason a line, and a command a line."""
    place = f"{FAILURES}/{place_of(failed.scenario, failed.seed)}"
    shown = _linked(f"{failed.scenario} seed {failed.seed}", place, folder)
    typed = [
        tag("div", join(tag("span", text(what)), tag("code", text(told))), "typed")
        for what, told in next_of(failed, folder).items()
        if what not in LINKED
    ]
    reasons = (tag("div", text(each)) for each in _reasons(failed))
    cells = (tag("td", each) for each in (shown, join(*reasons), join(*typed)))
    return tag("tr", join(*cells))


def _reasons(failed: SeedResult) -> list[str]:
    if not failed.error:
        return failed.failed
    how = _how(failed)
    return [f"{how}: {failed.why}" if failed.lost else f"{how} {failed.why}"]


def next_of(failed: SeedResult, folder: Path | None) -> dict[str, str]:
    """What to type of a failing run, and what to read where the folder has its report, or why there
    is none. Where nobody tried, the replay writes what is made small or kept; of what broke no
    claim and raised nothing there is nothing to make small."""
    kept = folder and folder / FAILURES / place_of(failed.scenario, failed.seed)
    if kept and (kept / FAILURE).exists():
        return {"why": str(kept / WHY), **commands_for(kept)}
    if kept and (kept / WHY).exists():
        return {"why": str(kept / WHY), "replay": failed.command}
    alone = failed.lost or failed.scenario == CANARY or not failed.command
    if alone or _how(failed) == UNLIKE:
        return {"replay": failed.command}
    place = kept or Path(FAILURES) / place_of(failed.scenario, failed.seed)
    then = commands_for(place)
    return {
        "first replay": f"{failed.command} --out {quote(str(place))}",
        "then shrink" + (", if it left a plan" if failed.error else ""): then["shrink"],
        "or keep": then["keep"],
    }


def _linked(name: str, place: str, folder: Path) -> Html:
    """The name, with links to a failure's report and to why it failed, where these are there."""
    run = _link(folder, f"{place}/{REPORT}", name) or text(name)
    why = _link(folder, f"{place}/{WHY}", "why")
    return Html(f"{run} · {why}" if why else run)


def _link(folder: Path, path: str, word: str) -> Html:
    """Empty where there is no such file."""
    if not (folder / path).exists():
        return Html("")
    return Html(f'<a href="{escape(path, quote=True)}">{escape(word)}</a>')


def _wrong(told: Sequence[str]) -> Html:
    """What no claim says and a campaign does not hold with."""
    if not told:
        return Html("")
    items = join(*(tag("li", text(each)) for each in told))
    return tag(
        "div", join(tag("h2", text("Wrong, though no claim says so")), tag("ul", items)), "alarm"
    )


def _bars(title: str, note: str, counts: Mapping[str, int]) -> Html:
    """A bar for each, the longest first; what never happened is in the list, too."""
    if not counts:
        return Html("")
    ordered = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    longest = max(1, ordered[0][1])
    return join(
        tag("h2", text(title)),
        tag("p", text(note, " Bars are logarithmic."), "note"),
        _columns([(name, times, _logarithmic(times, longest)) for name, times in ordered]),
    )


def _columns(bars: Sequence[tuple[str, int, float]]) -> Html:
    """Side by side, where they are many."""
    if len(bars) <= BARS_MAX:
        return _drawn(bars, "never")
    half = (len(bars) + 1) // 2
    return tag("div", join(_drawn(bars[:half], "never"), _drawn(bars[half:], "never")), "pair")


def _drawn(bars: Iterable[tuple[str, int, float]], empty: str) -> Html:
    """Name, number and length of each, from 0 to 1; the class of a name that has nothing."""
    parts = []
    for name, number, length in bars:
        told = KINDS[name][2] if name in KINDS else ""
        look = "" if number else f' class="{empty}"'
        parts.append(
            f'<span{look} title="{escape(told, quote=True)}">{escape(name.replace("_", " "))}'
            f'</span><i style="width:{length:.1%}"></i><span class="n">{number:,}</span>'
        )
    return tag("div", Html("\n".join(parts)), "bars")


def _logarithmic(number: int, longest: int) -> float:
    return log10(1 + number) / log10(1 + longest)


# --- pairs ---------------------------------------------------------------------------------------


def _pairs(pairs: Pairs) -> Html:
    """How often each two kinds struck in one run."""
    if not pairs.runs:
        return Html("")
    never = pairs.never()
    words = f"{pairs.seen} of {len(pairs.runs)} pairs of kinds struck in one run."
    key = "".join(
        f'<span><i style="background:{colour}"></i>{name}</span>'
        for colour, name in (
            (SHADES[0], "in few runs"),
            (SHADES[-1], "in many"),
            (NEVER, "never, and could have"),
            (CANNOT, "cannot"),
        )
    )
    told = ", ".join(f"{one} with {other}" for one, other in never[:NEVER_SHOWN])
    besides = f" and {len(never) - NEVER_SHOWN} more" if len(never) > NEVER_SHOWN else ""
    return join(
        tag("h2", text("Faults together")),
        tag("p", text(words)),
        tag("div", Html(key), "key"),
        tag("div", _heat_map(pairs), "plot heat"),
        tag("p", text(f"Never seen: {told}{besides}." if told else ""), "note"),
    )


def _heat_map(pairs: Pairs) -> Html:
    """Half a square: kinds down and across, those seen most often first."""
    kinds = sorted(pairs.alone, key=lambda kind: (-pairs.alone[kind], kind))
    most = max(1, *pairs.runs.values())
    parts = []
    for down, one in enumerate(kinds):
        y = down * CELL
        parts.append(f'<text x="{NAMES - 6}" y="{y + CELL - 2}" text-anchor="end">{one}</text>')
        for across, other in enumerate(kinds[:down]):
            pair = (one, other) if one < other else (other, one)
            runs = pairs.runs.get(pair)
            colour = CANNOT if runs is None else _shade(runs, most)
            title = "cannot" if runs is None else count(runs, "run")
            parts.append(
                f'<rect x="{NAMES + across * CELL}" y="{y}" width="{CELL - 1}" height="{CELL - 1}"'
                f' fill="{colour}"><title>{pair[0]} with {pair[1]}: {title}</title></rect>'
            )
        x = NAMES + down * CELL
        parts.append(
            f'<text transform="translate({x + 3},{y + CELL - 3}) rotate(-40)">{one}</text>'
        )
    side, above, beside = len(kinds) * CELL, NAMES // 3, NAMES * 2 // 3
    width = NAMES + side + beside
    return Html(
        f'<svg viewBox="0 {-above} {width} {side + above}" width="{width}" font-size="8"'
        f' fill="#1c2733" role="img" aria-label="pairs of faults">{"".join(parts)}</svg>'
    )


def _shade(runs: int, most: int) -> str:
    if not runs:
        return NEVER
    return SHADES[min(len(SHADES) - 1, int(_logarithmic(runs, most) * len(SHADES)))]


# --- transitions, seconds, throughput ------------------------------------------------------------


def _transitions(summary: Mapping[str, Any]) -> Html:
    """What core's lifecycles went through, and what no run took, with the reason."""
    visited, unvisited = summary["visited"], summary["unvisited"]
    if not visited and not unvisited:
        return Html("")
    rows = [row([(name, ""), ("never", "n"), (why, "")]) for name, why in unvisited.items()]
    rows += [
        row([(name, ""), (f"{times:,}", "n"), ("", "")])
        for name, times in sorted(visited.items(), key=lambda each: (each[1], each[0]))
    ]
    heads = [("transition", ""), ("times", "n"), ("why none is expected", "")]
    return join(
        tag("h2", text("Transitions of core")),
        tag("p", text("The rarest first. A reason says why no campaign has to see one."), "note"),
        Html(f"<details><summary>all {len(rows)}</summary>{grid(heads, rows)}</details>"),
    )


def _seconds(results: Sequence[SeedResult]) -> Html:
    """How long hidden differences stayed hidden."""
    seconds = [each for result in results for each in result.seconds]
    if not seconds:
        return Html("")
    bins = dict.fromkeys([f"below {bound:g} s" for bound in BINS] + ["longer"], 0)
    for each in seconds:
        name = next((f"below {bound:g} s" for bound in BINS if each < bound), "longer")
        bins[name] += 1
    names = list(bins)
    last = max(number for number, name in enumerate(names) if bins[name])
    most = max(bins.values())
    return join(
        tag("h2", text("Seconds to find")),
        tag(
            "p", text(f"Of {count(len(seconds), 'difference')} that a message hid from us."), "note"
        ),
        _drawn(((name, bins[name], bins[name] / most) for name in names[: last + 1]), "none"),
    )


def _foot(header: Header, summary: Mapping[str, Any]) -> Html:
    facts = {
        "code": header.code,
        "digest": summary["digest"][:16],
        "run twice": count(summary["twice"], "seed"),
        "canary": _canary(summary["canary"]),
        "wall time": f"{summary['wall_seconds']:,.0f} s",
        "CPU time": f"{summary['cpu_seconds']:,.0f} s",
        "simulated": f"{summary['simulated_seconds']:,.0f} s",
        "records a CPU-second": f"{summary['records_per_cpu_second']:,}",
    }
    shown = (tag("div", join(tag("dt", text(k)), tag("dd", text(v)))) for k, v in facts.items())
    return tag("footer", tag("dl", join(*shown), "facts"))


def _canary(canary: Mapping[str, Any]) -> str:
    if not canary["due"]:
        return "none: fewer than a hundred runs"
    left_out = "did not run: it ended before"
    return canary["missed"] or (
        "fails on purpose, and was reported" if canary["heard"] else left_out
    )
