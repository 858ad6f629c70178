"""Real host names on loopback: an authority of our own, and how clients get there.

A venue's client picks error tables and paths by the venue's host name, so that the name is kept and
only where it leads is changed: each name goes to loopback, and a name that nobody serves goes
nowhere, so that nothing can leave the machine.
"""

import socket
import ssl
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import trustme
from aiohttp import ClientSession, TCPConnector
from aiohttp.abc import AbstractResolver, ResolveResult


class Authority:
    """Issues for the names it is given, and is trusted by who asks it."""

    def __init__(self, hosts: Iterable[str]) -> None:
        self._authority = trustme.CA(organization_name="Tieout wire, for tests on one machine")
        self._issued = self._authority.issue_cert(*hosts)

    def server(self) -> ssl.SSLContext:
        """For who serves these names."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._issued.configure_cert(context)
        return context

    def client(self) -> ssl.SSLContext:
        """For who trusts this authority and no other."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._authority.configure_trust(context)
        return context

    def save(self, file: Path) -> None:
        """The authority's certificate as PEM, for clients in other processes."""
        self._authority.cert_pem.write_to_path(str(file))


class Loopback(AbstractResolver):
    """Every name in `hosts` is at that port of this machine; any other is nowhere."""

    def __init__(self, hosts: Iterable[str], port: int) -> None:
        self._hosts, self._port = frozenset(hosts), port

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        if host not in self._hosts:
            raise OSError(f"{host}: not served here, and nothing leaves this machine")
        return [
            ResolveResult(
                hostname=host,
                host="127.0.0.1",
                port=self._port,
                family=socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
        ]

    async def close(self) -> None:
        """It holds nothing."""


def session(hosts: Iterable[str], port: int, tls: ssl.SSLContext, **settings: Any) -> ClientSession:
    """For a client of these venues, ccxt's `session` for one; `settings` are aiohttp's."""
    connector = TCPConnector(resolver=Loopback(hosts, port), ssl=tls)
    return ClientSession(connector=connector, **settings)
