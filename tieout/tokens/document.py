"""The document of tokens: an authorization's life from its table, what the control plane and the
signers promise from their modules, roles and reasons, and what is private where.

`tieout.docs` writes it into docs/tokens.md.
"""

from collections.abc import Iterator

from core import authorizations
from core.token_state import AuthorizationStatus
from tieout.docs_words import rules, source

# status: what it means for whoever waits for it
MEANS: dict[AuthorizationStatus, str] = {
    "requested": "the vault is asked what the facts about people say",
    "refused": "not permitted; nothing of it was reserved",
    "reserved": "its value is held and signers are asked: from here on it counts as signed",
    "signed": "enough have signed: its holder may use it",
    "declined": "too few would sign; what did sign may be out, so it stays reserved",
    "mined": "a block has it, which may give way",
    "final": "it happened for good",
    "expired": "a final block is later than its window: it never happens",
    "revoked": "a final block says that it is void: it never happens",
}
# what: where it stands, and who can read it there
PRIVATE: tuple[tuple[str, str, str], ...] = (
    (
        "who somebody is, where, what is known of them",
        "the vault, sealed under a key of the person's own",
        "whoever has that key; destroyed, nobody",
    ),
    (
        "whose address it is",
        "the judge's own table",
        "the vault's keepers",
    ),
    (
        "that a decision looked at certain facts",
        "the journal: commitments, salted",
        "tells nothing without the vault's key",
    ),
    (
        "that some holders are bound together (a jurisdiction)",
        "the journal: an opaque mark, keyed",
        "tells nothing without the judge's secret, but where its bound stands beside it and the"
        " policy has that bound for one jurisdiction alone",
    ),
    (
        "that two addresses are one person's",
        "the journal: an opaque mark, keyed",
        "whoever reads the journal sees that they are, and not whose",
    ),
    (
        "which fact about a person refused a movement",
        "the journal: the rule's name",
        "issuer and compliance; to all others the API says `not_eligible`",
    ),
    (
        "how much of a holding is locked up",
        "the journal: a number of units",
        "whoever reads the journal; the API says no number, but refuses (`locked`) whoever asks for"
        " too much, so that who may ask for a holder's transfers can find it out",
    ),
    (
        "who asked for what, and holds how much",
        "the journal, the API by role; holdings on the chain, too",
        "see the roles; the chain shows addresses and values to all",
    ),
    (
        "what was found in a request that is none",
        "nowhere",
        "field and reason alone are journaled",
    ),
)


def tokens() -> str:
    """All of it."""
    # Imported here: it is what enters by HTTP, and the other documents need none of it.
    from tokens.http.bodies import REASONS
    from tokens.http.callers import MAY, Act
    from tokens.http.views import ABOUT_PEOPLE, NOT_ELIGIBLE

    acts: dict[Act, None] = dict.fromkeys(act for may in MAY.values() for act in may)
    parts = [
        "# Tokens\n",
        "## The life of an authorization\n",
        rules(source("core", "authorizations")),
        *_picture(),
        "## The control plane over HTTP\n",
        rules(source("tokens/http", "app")),
        "The document of its routes is at `/openapi.json`. Every answer where nothing is done has"
        " one shape, `application/problem+json`, with a word for programs in `reason`.\n",
        "### What a request says\n",
        rules(source("tokens/http", "bodies")),
        "| reason | what would do |",
        "|---|---|",
        *(f"| `{reason}` | {words} |" for reason, words in REASONS.items()),
        "",
        "### Who may ask what\n",
        rules(source("tokens/http", "callers")),
        f"| role | {' | '.join(acts)} |",
        "|---|" + "---|" * len(acts),
        *(
            f"| {role} | " + " | ".join("yes" if act in may else "" for act in acts) + " |"
            for role, may in MAY.items()
        ),
        "",
        "`own` are a caller's own requests, `all` everybody's, `register` is who holds what,"
        f" `reasons` which fact about a person refused: {', '.join(ABOUT_PEOPLE)}. To others each"
        f" of these is `{NOT_ELIGIBLE}`.\n",
        "## Signers, and what each asks of its own node\n",
        rules(source("tokens/signers", "verifying")),
        rules(source("tokens/signers", "live")),
        "One suite runs register, signers and holders on the simulated chain and on anvil, a real"
        " node: `tests/test_token_conformance.py`. Where anvil is not as geth is stands in"
        " `DEVIATES` of `tests/nodes.py`, and a test holds it to each line of that table.\n",
        "## What is private where\n",
        "| what | where it stands | who can read it there |",
        "|---|---|---|",
        *(f"| {' | '.join(row)} |" for row in PRIVATE),
        "",
    ]
    return "\n".join(parts)


def _picture() -> Iterator[str]:
    ended = [status for status in MEANS if status not in authorizations.NEXT]
    yield "```mermaid\nstateDiagram-v2\n    direction LR\n    [*] --> requested"
    for was, moves in authorizations.NEXT.items():
        yield from (f"    {was} --> {to}" for to in moves)
    yield from (f"    {status} --> [*]" for status in ended)
    yield "    classDef open fill:#e3f1f5,stroke:#2b7a8c,color:#1c2733"
    yield "    classDef over fill:#f2f4f6,stroke:#64717f,color:#1c2733"
    yield f"    class {','.join(authorizations.OPEN)} open"
    yield f"    class {','.join(ended)} over"
    yield "```\n"
    yield "Blue: it may have been signed, and its value is reserved. Grey: it is over.\n"
    yield "| status | means | may become |"
    yield "|---|---|---|"
    for status, words in MEANS.items():
        then = ", ".join(authorizations.NEXT.get(status, ())) or "nothing: it ends here"
        yield f"| {status} | {words} | {then} |"
    yield ""
