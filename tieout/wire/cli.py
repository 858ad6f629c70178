"""`tieout wire`: a simulated venue over real sockets, for whoever writes a client of it.

0 it was ended; 2 bad input; 3 the environment lacks something.
"""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import click

from tieout.exits import ASKED_TO_END, BAD_INPUT, LACKING, fail

KEY, SECRET, PASSPHRASE = "tieout-wire-key", "tieout-wire-secret", "tieout-wire-passphrase"
READS, TRADES = ("read",), ("read", "trade")


@contextmanager
def refusals() -> Iterator[None]:
    """What a user got wrong is a message and a status, never a traceback."""
    from scenarios.model import BadScenario

    try:
        yield
    except BadScenario as error:
        fail(BAD_INPUT, str(error))
    except OSError as error:
        fail(BAD_INPUT, f"cannot serve: {error.strerror or error}; another --port would do")
    except ModuleNotFoundError as error:
        fail(LACKING, f"{error.name} is not installed; the extra `live` has it")


@click.command()
@click.argument("venue")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="0: a free one.")
@click.option("--seed", type=click.IntRange(0, 10**18 - 1), default=0, help="Of crowd and faults.")
@click.option(
    "--faults", type=click.IntRange(0), default=0, help="Each kind strikes one time in N."
)
@click.option(
    "--ca",
    type=click.Path(path_type=Path),
    default=Path("tieout-wire-ca.pem"),
    show_default=True,
    help="Where the certificate to be trusted is written.",
)
@click.option("--seconds", type=click.IntRange(1), help="By default until it is interrupted.")
@click.option("--read-only", is_flag=True, help="The key may read, and nothing else.")
@click.option("--webhooks", default="", help="Of a custodian: the URL that it tells of itself.")
@click.option("--folder", type=click.Path(path_type=Path), help="Of a bank: where its files are.")
def wire(
    venue: str,
    port: int,
    seed: int,
    faults: int,
    ca: Path,
    seconds: int | None,
    read_only: bool,  # noqa: FBT001  # click hands flags over so
    webhooks: str,
    folder: Path | None,
) -> None:
    """Serve a simulated VENUE on loopback, in its own protocol, at its own host names.

    HTTPS and WebSocket with signatures checked and every fault of the wire on real sockets. A
    client keeps the venue's URLs: it resolves the venue's hosts to this machine and trusts the
    certificate (`tieout.wire.tls.session` does both for aiohttp, and so for ccxt). One line of
    JSON says where it is; when it ends, another says what struck, and what is truly held.

    A VENUE may be a keeper of money: `custodian`, by HTTPS at localhost, or `bank_us`, `bank_eu`
    or `bank_gb`, by files in a folder.
    """
    with refusals(), suppress(KeyboardInterrupt):
        from tieout.wire.keepers import KEEPERS

        if venue in KEEPERS:
            _keep(venue, port, seed, faults, ca, seconds, webhooks, folder)
            return
        asyncio.run(_serve(venue, port, seed, faults, ca, seconds, READS if read_only else TRADES))


def _keep(
    keeper: str,
    port: int,
    seed: int,
    faults: int,
    ca: Path,
    seconds: int | None,
    webhooks: str,
    folder: Path | None,
) -> None:
    from tieout.wire.keepers import serve_bank, serve_custodian

    if keeper == "custodian":
        asyncio.run(serve_custodian(port, seed, faults, ca, webhooks, seconds))
    elif folder is None:
        fail(BAD_INPUT, f"--folder: found nothing; a folder for the files of {keeper} would do")
    else:
        asyncio.run(serve_bank(keeper, seed, faults, folder, seconds))


async def _serve(
    venue: str,
    port: int,
    seed: int,
    faults: int,
    ca: Path,
    seconds: int | None,
    rights: tuple[str, ...],
) -> None:
    from tieout.wire.fronts import FRONTS
    from tieout.wire.keepers import KEEPERS
    from tieout.wire.server import WireServer
    from tieout.wire.tls import Authority
    from tieout.wire.world import WireWorld, rough, scenario_of
    from venues.served import Key

    if venue not in FRONTS:
        known = ", ".join((*sorted(FRONTS), *KEEPERS))
        fail(BAD_INPUT, f"found {venue!r}: no venue that is served; {known} would do")
    door = FRONTS[venue](Key(KEY, SECRET, PASSPHRASE, rights))
    authority = Authority(door.hosts)
    authority.save(ca)
    world = WireWorld(scenario_of(venue), seed, rough(faults) if faults else ())
    server = WireServer(world, {venue: door})
    await server.start(port, authority.server())
    said = {"venue": venue, "port": server.port, "hosts": door.hosts, "ca": str(ca)}
    keys = {"key": KEY, "secret": SECRET, "passphrase": PASSPHRASE}
    print(json.dumps({**said, **keys}), flush=True)
    ended = asyncio.Event()
    for number in ASKED_TO_END:
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    with suppress(TimeoutError):
        await asyncio.wait_for(server.unless_broken(ended.wait()), seconds)
    await server.stop()
    truth = {name: str(amount) for name, amount in world.truth().items()}
    print(json.dumps({"faults": world.struck(), "truth": truth}), flush=True)
