"""`tieout wire` of a keeper of money: a custodian by TLS, or a bank at a folder, by our clock.

True here: nobody of ours lives there. Its world is run up to the machine's time before it begins,
with nothing in it, so that tokens, webhooks and value dates are those of now; one that cannot keep
up falls behind. People outside pay in now and then.
"""

import asyncio
import json
import os
import time
from collections.abc import Coroutine
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from rails.custodian.served import Gateway
from scenarios.model import check
from sim.world import EPOCH_NS
from tieout.exits import ASKED_TO_END
from tieout.settlement.banks import PLACES
from tieout.wire.bank import BankDesk
from tieout.wire.custodian import CustodianServer
from tieout.wire.desk import STEP_S, DeskWorld
from tieout.wire.tls import Authority
from tieout.wire.world import LONG_NS, STEP_NS_MAX, rough

SECOND = 1_000_000_000
KEY, HOST = "tieout-wire-key", "localhost"
KEEPERS = ("custodian", *PLACES)
OUTSIDERS_S = 30


def world_of(keeper: str, seed: int, faults: int) -> DeskWorld:
    """The keeper with our account there, as of now; of faults each kind strikes one time in so
    many."""
    told = {
        "name": f"wire_{keeper}",
        "claim": "a keeper of money over real sockets",
        "duration_s": LONG_NS // SECOND,
        "settling": {
            "rails": [{"name": keeper, "outsiders_every_s": OUTSIDERS_S}],
            "customers": {"every_s": LONG_NS // SECOND, "flows": [_NOTHING]},
        },
    }
    now = time.time_ns()
    world = DeskWorld(
        check(told, f"tieout wire {keeper}"),
        seed,
        rough(faults) if faults else (),
        duration_ns=now - EPOCH_NS + LONG_NS,
    )
    world.simulation.world.run(now)
    return world


# What a customer would ask for; nobody of ours is there who could be asked.
_NOTHING = {"flow": "out", "legs": [{"kind": "out", "asset": "USDC", "scheme": "custodian"}]}


async def serve_custodian(
    port: int, seed: int, faults: int, ca: Path, webhooks: str, seconds: int | None
) -> None:
    """Until it is ended; OSError where the port is taken."""
    world, private = world_of("custodian", seed, faults), rsa.generate_private_key(65537, 2048)
    authority, secret = Authority([HOST]), ca.with_name(f"{ca.stem}-key.pem")
    authority.save(ca)
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with os.fdopen(os.open(secret, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(pem)
    gateway = Gateway(KEY, private.public_key(), time.time)
    server = CustodianServer(world, world.site("custodian"), gateway)
    await server.start(port, authority.server())
    url = f"https://{HOST}:{server.port}"
    files = {"secret": str(secret), "ca": str(ca), "jwks": f"{url}/.well-known/jwks.json"}
    _say({"keeper": "custodian", "url": url, "key": KEY, **files})
    world.simulation.begin()
    if webhooks:
        server.tell(webhooks)
    await _until_ended(world, server.stop(), seconds)


async def serve_bank(
    keeper: str, seed: int, faults: int, folder: Path, seconds: int | None
) -> None:
    """Until it is ended, at a folder whose parts it makes."""
    world = world_of(keeper, seed, faults)
    site, ours = world.site(keeper), PLACES[keeper].ours
    desk = BankDesk(world, site, folder)
    world.simulation.begin()
    balance = world.truth()[f"{site.spec.account}/{ours.asset}/cash"]
    as_of = datetime.fromtimestamp(world.now() // SECOND, UTC).isoformat()
    names = {"holder": ours.name, "asset": ours.asset, "number": ours.number, "iban": ours.iban}
    stood = {"balance": str(balance), "as_of": as_of}
    _say({"keeper": keeper, "folder": str(folder), **names, **stood})
    desk.start()
    await _until_ended(world, desk.stop(), seconds)


async def _until_ended(
    world: DeskWorld, stop: Coroutine[Any, Any, None], seconds: int | None
) -> None:
    ended = asyncio.Event()
    for number in ASKED_TO_END:
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    pacing, ending = asyncio.create_task(_pace(world)), asyncio.create_task(ended.wait())
    both = (pacing, ending)
    await asyncio.wait(both, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    if pacing.done():
        pacing.result()
    for each in both:
        each.cancel()
    with suppress(asyncio.CancelledError):
        await stop
    truth = {name: str(amount) for name, amount in world.truth().items()}
    faults = dict(sorted(world.simulation.faults.counts.items()))
    _say({"faults": faults, "truth": truth})


async def _pace(world: DeskWorld) -> None:
    """Time passes there as it does here; a machine that slept is not followed in one step."""
    while True:
        now, due = world.now(), time.time_ns()
        if due > now:
            world.simulation.world.run(min(due, now + STEP_NS_MAX))
        await asyncio.sleep(STEP_S)


def _say(told: dict[str, Any]) -> None:
    print(json.dumps(told), flush=True)
