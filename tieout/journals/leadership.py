"""Leadership: of the nodes that share a journal on a server, the one that may write and act.

    take → [each commit renews, and `kept` while there is none] → give up, or lost

Rule 1. The fencing token only grows. A take-over makes a new one, every commit group carries one,
and the server itself refuses a group under any but the newest (`FENCE`): what a dead leader sent
and the network still holds is never written later.
Rule 2. A lease ends by the server's clock. Who holds it counts from before it asked, by a clock
that goes on while a process is stopped, and believes in a tenth less (`good`). So of any two nodes
one at most takes its lease to be good; it is asked again right before a request is written.
Rule 3. Only the end of a lease makes room for another node; a broken connection does not, for who
lost it may live.

What no lease can stop is a request that was found good, was signed, and lay in a process that was
stopped meanwhile. There the venue refuses it: it is void after the account's request validity,
which the venue counts (`venues/dialect.py`), and a new leader believes that an order is nowhere
only once that is over (`core.trading.grace_ns`). A request that cannot expire has no such end.
"""

import asyncio
import os
import socket
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from psycopg import Connection, Error, errors

from tieout.journals.sqlite_store import JournalFailed

LEASE_S = 5.0
# A commit renews; without one it is done three times in a lease.
RENEWED_PER_LEASE = 3
BELIEVED = 0.9
REFUSED = "TIE01"  # as `FENCE` says it

TABLE = """CREATE TABLE leadership(
  one boolean PRIMARY KEY CHECK (one), -- there is one row
  token bigint NOT NULL, -- grows with each take-over and each new connection of who leads
  holder text NOT NULL, -- the life of a node that leads or led last
  lease interval NOT NULL,
  until timestamptz NOT NULL, -- when its lease ends or ended, by this server's clock
  backend integer NOT NULL, -- of its connection: the server's process,
  began timestamptz NOT NULL -- and when that began
)"""
FIRST = """INSERT INTO leadership VALUES(true, 0, '', '0', to_timestamp(0), 0, to_timestamp(0))"""
# Who is told of a group listens to a channel named like the schema that the journal lies in.
FENCE = """
CREATE FUNCTION fence() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  UPDATE leadership SET until = clock_timestamp() + lease WHERE token = NEW.token;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'another node leads' USING ERRCODE = 'TIE01';
  END IF;
  PERFORM pg_notify('tieout ' || TG_TABLE_SCHEMA, NEW.last::text);
  RETURN NEW;
END $$;
CREATE TRIGGER fence BEFORE INSERT OR UPDATE ON groups FOR EACH ROW EXECUTE FUNCTION fence()"""

# A backend that hangs in the middle of a group would hold its locks for as long as it hangs.
_END_LAST = """
SELECT pg_terminate_backend(a.pid) FROM leadership l JOIN pg_stat_activity a
ON a.pid = l.backend AND a.backend_start = l.began
WHERE (l.until <= clock_timestamp() OR l.holder = %(holder)s) AND a.pid <> pg_backend_pid()"""
_TAKE = """
UPDATE leadership SET token = token + 1, holder = %(holder)s, lease = make_interval(secs => %(s)s),
  until = clock_timestamp() + make_interval(secs => %(s)s), backend = pg_backend_pid(),
  began = (SELECT backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid())
WHERE holder = %(holder)s OR until <= clock_timestamp() RETURNING token"""
_RESUME = _TAKE.replace(" OR until <= clock_timestamp()", "")
_RENEW = "UPDATE leadership SET until = clock_timestamp() + lease WHERE token = %s"
_GIVE_UP = "UPDATE leadership SET until = clock_timestamp() WHERE token = %s"
_REST = "SELECT holder, extract(epoch FROM until - clock_timestamp())::float FROM leadership"

_Connection = Connection[tuple[Any, ...]]


class LeadershipLost(JournalFailed):
    """Another node leads, or might: nothing more is written, and nothing is done."""


def since_boot() -> float:
    """Seconds by a clock that a stopped process and a sleeping machine do not stop."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime(clock)


class Leadership:
    """One life's part in it. The connection is lent for each question."""

    def __init__(self, lease_s: float, clock: Callable[[], float] = since_boot) -> None:
        self.lease_s, self._clock = lease_s, clock
        self.holder = f"{socket.gethostname()} {os.getpid()} {os.urandom(8).hex()}"
        self.token = 0
        self._until = float("-inf")

    def good(self) -> bool:
        """Whether this node may act now."""
        return self._clock() < self._until

    def take(self, connection: _Connection) -> bool:
        """Lead, if nobody does; asking again where the answer was lost does no harm."""
        return self._asked_for(connection, _TAKE)

    def resume(self, connection: _Connection) -> None:
        """Lead on by this connection: what the last one sent and nobody answered is void."""
        if not self._asked_for(connection, _RESUME):
            raise self.lost()

    def renew(self, connection: _Connection) -> None:
        """Lead for another lease from now on."""
        with self.renewing():
            if connection.execute(_RENEW, (self.token,)).rowcount == 0:
                raise self.lost()

    @contextmanager
    def renewing(self) -> Iterator[None]:
        """Around a commit, which renews the lease if it succeeds."""
        asked_at = self._clock()
        yield
        self._renewed(asked_at)

    def give_up(self, connection: _Connection) -> None:
        """Make room for another at once; nothing may be under way any more."""
        self._until = float("-inf")
        with connection.transaction():
            connection.execute(_GIVE_UP, (self.token,))
            connection.execute("SELECT pg_notify('tieout ' || current_schema(), '')")

    def lost(self) -> LeadershipLost:
        """For ever: a life that was deposed does not lead again."""
        self._until, self.token = float("-inf"), -1
        return LeadershipLost(f"{self.holder} leads no more: another node took over")

    def _renewed(self, asked_at: float) -> None:
        self._until = asked_at + self.lease_s * BELIEVED

    def _asked_for(self, connection: _Connection, query: str) -> bool:
        if self.token < 0:
            raise self.lost()
        asked_at, told = self._clock(), {"holder": self.holder, "s": self.lease_s}
        try:
            with connection.transaction():
                connection.execute("SET LOCAL lock_timeout = '1s'")
                connection.execute(_END_LAST, told)
                row = connection.execute(query, told).fetchone()
        except errors.LockNotAvailable:
            return False
        if row is not None:
            self.token = row[0]
            self._renewed(asked_at)
        return row is not None


def rest(connection: _Connection) -> tuple[str, float]:
    """Who leads or led last, and for how many seconds that lease is still good."""
    row = connection.execute(_REST).fetchone()
    assert row is not None, "the table has its row"
    holder, seconds = row
    return holder, seconds


def is_refusal(error: Error) -> bool:
    """Whether the server refused a group for its token."""
    return error.sqlstate == REFUSED


class Leads(Protocol):
    """A journal whose writer leads for as long as it renews."""

    @property
    def leadership(self) -> Leadership: ...

    def renew(self) -> None: ...


def kept(store: Leads) -> Callable[[], Awaitable[None]]:
    """Renew from now on; what it returns ends with `LeadershipLost`, or where it is cancelled.

    From now on: a node adopts what stands at its venues before it lives, and that takes a while.
    """
    keeping = asyncio.create_task(_keep(store))

    async def until_lost() -> None:
        await keeping

    return until_lost


async def _keep(store: Leads) -> None:
    while True:
        await asyncio.sleep(store.leadership.lease_s / RENEWED_PER_LEASE)
        store.renew()
