"""The document of leases, standings and the kill switch, drawn from their tables.

`tieout.docs` writes it into docs/risk_lifecycles.md.
"""

from collections.abc import Iterator, Mapping

from core import kill, leases, strategies
from risk import lease_holder, tightening
from tieout.docs_words import rules, source


def lifecycles() -> str:
    """Every table of risk as a picture and in words."""
    parts = [
        "# Leases, standings and the kill switch\n",
        "## A lease, as its gate holds it\n",
        rules(source("risk", "lease_holder")),
        *_picture(_holder_moves()),
        "Only `open` and `tightened` spend. What a trigger does not move stays as it is.\n",
        "### How it tightens\n",
        rules(source("risk", "tightening")),
        *_curve(),
        "## An epoch of a gate, as the node holds it\n",
        rules(source("core", "leases")),
        *_picture((was, to, "") for was, moves in leases.MOVES.items() for to in moves),
        "## A strategy's standing\n",
        rules(source("core", "strategies")),
        *_picture(_standings()),
        "## The kill switch\n",
        rules(source("core", "kill")),
        *_picture((was, to, "") for was, row in kill.PROCEDURE.items() for to in row.then),
        "| stage | what it does | what ends it |",
        "|---|---|---|",
        *(f"| {stage} | {row.does} | {row.ends} |" for stage, row in kill.PROCEDURE.items()),
        "",
    ]
    return "\n".join(parts)


def _holder_moves() -> Iterator[tuple[str, str, str]]:
    for was, moves in lease_holder.MOVES.items():
        for trigger, to in moves.items():
            yield was, to, trigger.replace("_", " ")


def _standings() -> Iterator[tuple[str, str, str]]:
    for was, moves in strategies.BY_A_PERSON.items():
        yield from ((was, to, "a person") for to in moves)
    for was, moves in strategies.BY_ITSELF.items():
        yield from ((was, to, "loss, refusals, stale data, a kill") for to in moves)


def _curve() -> Iterator[str]:
    yield "| age, in heartbeats | of what was left unspent, may be spent |"
    yield "|---|---|"
    ends: Mapping[int, str] = dict(
        zip(
            [since for since, _ in tightening.CURVE],
            [*(str(since) for since, _ in tightening.CURVE[1:]), "the end of the lease"],
            strict=True,
        )
    )
    for since, share in tightening.CURVE:
        yield f"| from {since} to {ends[since]} | {share} ‰ |"
    yield "| from the end of the lease on | nothing |"
    yield ""


def _picture(moves: Iterator[tuple[str, str, str]]) -> Iterator[str]:
    yield "```mermaid\nstateDiagram-v2\n    direction LR"
    for was, to, why in moves:
        yield f"    {was} --> {to}" + (f" : {why}" if why else "")
    yield "```\n"
