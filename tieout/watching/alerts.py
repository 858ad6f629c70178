"""The alerts of a node that lives: found, kept in their book, told to people, escalated.

    state, vitals ──→ rules ─┐                      ┌─→ webhook
    journal (RaiseAlert) ────┼─→ book ─→ notices ───┤
    whoever calls `alert` ───┘     ↑                └─→ e-mail
                              acknowledged

Rule 1. Only what is durable is told: a journal's alert by the number of its record, and after a
restart from the record on up to which the book has looked.
Rule 2. A person hears of one thing once, of its end once, and further up once for each level that
passes without anybody who acknowledged it. What repeats meanwhile is counted.
Rule 3. Where the book cannot be written the alert goes out all the same, by one in memory.
Rule 4. Nothing here keeps the node waiting, and nothing here ends it.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import apsw

from core.effects import RaiseAlert
from core.journal import Record, Store, decode_effect
from tieout.watching.alert_book import Alert, Book, Notice
from tieout.watching.alert_channels import Channel, NotTold
from tieout.watching.alert_rules import Condition, Rule, Severity
from tieout.watching.logs import Say, nobody
from tieout.watching.watch_files import AlertsSpec

SECOND = 1_000_000_000
# A condition that is gone for a shorter while is the same one when it is back.
QUIET_NS = 10 * SECOND
# What was said and is not said again in so long is over, once somebody acknowledged it.
SAID_NS = 3600 * SECOND
# A channel that has had something to tell for so long does not work.
UNTOLD_NS = 60 * SECOND
POSITION_EVERY_NS = 30 * SECOND
SAID = "said/"
NOTICED = "notice"
# So often a book that could not be written is tried again.
AGAIN_NS = 15 * SECOND


class Desk:
    """Who sees to a node's alerts. It takes no part in what the node decides."""

    def __init__(
        self,
        node: str,
        spec: AlertsSpec,
        book: Book,
        channels: Mapping[str, Channel],
        clock: Callable[[], int] = time.time_ns,
        say: Say = nobody,
    ) -> None:
        self.node, self.spec, self.book = node, spec, book
        self._channels, self._clock, self._say = channels, clock, say
        self._unwritable: Book | None = None
        self._tried_at = 0
        self._gone: dict[str, int] = {}
        self._since: dict[str, int] = {}
        self._position = book.position
        self._position_kept_at = 0
        self._telling: set[asyncio.Task[None]] = set()
        self._under_way: dict[int, None] = {}

    # --- what there is ----------------------------------------------------------------------------

    def catch_up(self, store: Store) -> None:
        """What the journal asked to be told and nobody has looked at yet: a restart's first act.

        A journal that is shorter than the book knows was cut: it goes on from its end.
        """
        self._position = min(self._position, store.last()[0])
        for record in store.records(self._position):
            self.take(record)

    def take(self, record: Record) -> None:
        """A record that is durable."""
        if record.name == "RaiseAlert":
            told = decode_effect(record.body)
            assert isinstance(told, RaiseAlert)
            what = _said(told.subject, told.severity, told.text)
            self._write(lambda: self._raise(what, record.number))
        self._position = record.number

    def alert(self, kind: str, severity: Severity, words: str) -> None:
        """Something happened of which a person should hear: of the same once."""
        self._write(lambda: self._raise(_said(kind, severity, words)))

    def look(self, stands: Sequence[tuple[Rule, Condition]]) -> None:
        """What stands now is raised, what stands no more is over, what nobody sees to escalates."""
        now = self._clock()
        before, self._since = self._since, {}
        due: list[Condition] = []
        for rule, condition in stands:
            since = self._since[condition.key] = before.get(condition.key, now)
            if now - since >= rule.stands_ns:
                due.append(condition)
        mute = self._mute(now)
        keys = dict.fromkeys([*self._since, *(each.key for each in mute)])
        self._write(lambda: self._judge([*due, *mute], keys, now))
        self._keep_position(now)
        self._try_file_again(now)

    def _mute(self, now: int) -> list[Condition]:
        """Channels that tell nobody: the others do."""
        return [
            Condition(
                f"channel/{name}", "critical", "", name, "this channel of alerts takes nothing"
            )
            for name, since in self.book.untold()
            if now - since >= UNTOLD_NS
        ]

    # --- the book ---------------------------------------------------------------------------------

    def _judge(self, due: list[Condition], stands: Mapping[str, None], now: int) -> None:
        """`due` stood for long enough; what `stands` at all is not over."""
        for condition in due:
            if self.book.open_of(condition.key) is None:
                self._raise(condition)
        for alert in self.book.standing():
            if not self._is_over(alert, stands, now):
                self._escalate(alert, now)
                continue
            self._gone.pop(alert.key, None)
            # Of what was only said, nothing has ended.
            told = () if alert.key.startswith(SAID) else self.book.told_of(alert.id)
            self.book.end(alert, now, told)
            self._say("info", "alert over", alert=alert.id, severity=alert.severity)

    def _raise(self, what: Condition, position: int = 0) -> None:
        owner = what.owner or self.spec.owner
        owned = what._replace(owner=owner)
        told = self.spec.at(0, what.severity)
        alert = self.book.raise_(owned, self._clock(), told, position)
        if alert.times == 1:
            self._say("warning", "alert raised", alert=alert.id, severity=what.severity)

    def _is_over(self, alert: Alert, stands: Mapping[str, None], now: int) -> bool:
        if alert.key.startswith(SAID):
            seen = alert.status == "acknowledged" or alert.severity == NOTICED
            return seen and now - alert.last_at >= SAID_NS
        if alert.key in stands:
            self._gone.pop(alert.key, None)
            return False
        return now - self._gone.setdefault(alert.key, now) >= QUIET_NS

    def _escalate(self, alert: Alert, now: int) -> None:
        if alert.status != "raised" or alert.severity == NOTICED:
            return
        since = alert.escalated_at or alert.raised_at
        if alert.level < self.spec.levels and now - since >= self.spec.escalate_after_s * SECOND:
            level = alert.level + 1
            self.book.escalate(alert, level, now, self.spec.at(level, alert.severity))
            self._say("warning", "alert escalated", alert=alert.id, escalation=level)

    def _keep_position(self, now: int) -> None:
        """Now and then: what lies after it is only looked at once more, under the same keys."""
        if self._position != self.book.position and (
            now - self._position_kept_at >= POSITION_EVERY_NS
        ):
            self._position_kept_at = now
            self._write(lambda: setattr(self.book, "position", self._position))

    def _write(self, act: Callable[[], None]) -> None:
        """Do it in the book; where that takes nothing any more, in one in memory from now on."""
        try:
            act()
        except apsw.Error as error:
            if self._unwritable is not None:
                raise
            self._say("error", "alert book failed", error=type(error).__name__)
            self._unwritable, self.book = self.book, self.book.copy()
            self._tried_at = self._clock()
            act()

    def _try_file_again(self, now: int) -> None:
        """What happened meanwhile is in the file again, as soon as that takes it."""
        file = self._unwritable
        if file is None or now - self._tried_at < AGAIN_NS:
            return
        self._tried_at = now
        try:
            self.book.copy_to(file)
        except apsw.Error:
            return
        self._unwritable, self.book = None, file
        self._say("info", "alert book written again")

    # --- telling ----------------------------------------------------------------------------------

    def tell(self) -> None:
        """Begin to tell what is due; a channel that hangs holds up no other."""
        for notice in self.book.due(self._clock()):
            if notice.id not in self._under_way:
                self._under_way[notice.id] = None
                task = asyncio.get_running_loop().create_task(self._tell(notice))
                self._telling.add(task)
                task.add_done_callback(self._telling.discard)

    async def _tell(self, notice: Notice) -> None:
        try:
            alert = self.book.alert(notice.alert)
            assert alert is not None, "a notice is of an alert"
            channel = self._channels.get(notice.channel)
            if channel is None:
                raise NotTold("no such channel any more")
            await channel.tell(name_of(self.node, alert, notice), words(self.node, alert, notice))
        except NotTold:
            self._say("warning", "alert not told", alert=notice.alert, channel=notice.channel)
            self._write(lambda: self.book.failed(notice, self._clock()))
        else:
            self._write(lambda: self.book.told(notice, self._clock()))
        finally:
            self._under_way.pop(notice.id, None)

    async def quiet(self) -> None:
        """Until nobody is being told anything."""
        while self._telling:
            await asyncio.wait(list(self._telling))

    async def beat(self, told: Callable[[], Mapping[str, Any]], name: str, every_s: float) -> None:
        """Tell a channel that the node lives, for as long as it does; a beat is never repeated."""
        while True:
            beat = {"change": "heartbeat", **told()}
            try:
                await self._channels[name].tell(f"{self.node}/heartbeat/{beat['at']}", beat)
            except NotTold:
                self._say("warning", "heartbeat not told", channel=name)
            await asyncio.sleep(every_s)


def _said(kind: str, severity: Severity, words: str) -> Condition:
    """What was said: the same words of the same are one."""
    return Condition(f"{SAID}{severity}/{kind}/{words}", severity, "", kind, words)


def name_of(node: str, alert: Alert, notice: Notice) -> str:
    """What a notice is known by: of one change of an alert, always the same."""
    level = f"/{alert.level}" if notice.change == "escalated" else ""
    return f"{node}/{alert.id}/{notice.change}{level}/{alert.raised_at}"


def words(node: str, alert: Alert, notice: Notice) -> dict[str, Any]:
    """What people are told."""
    return {
        "node": node,
        "alert": alert.id,
        "change": notice.change,
        "severity": alert.severity,
        "owner": alert.owner,
        "subject": alert.subject,
        "text": alert.text,
        "raised_at": alert.raised_at,
        "times": alert.times,
        "level": alert.level,
        "acknowledged_by": alert.acknowledged_by,
    }
