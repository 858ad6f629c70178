"""What gates beside strategies decided, decided again from what the journal has of them.

Rule. A ticket stands if the grant that it names, by its age at the ticket's own `now`, left room
for it after all tickets before it. Both times are of the gate's clock, and the earlier one was told
before the grant was made; so a gate cannot say afterwards that its lease was younger.

A ticket that is still on its way is not counted yet, so less may count as spent than was: what is
found is wrong for certain. Lives of which the beginning was not seen are not judged.
"""

from collections.abc import Iterable

from msgspec import Struct, field

from core.effects import Effect
from core.events import Event, OrderRequested
from core.risk_effects import GrantLease, TellGate
from core.risk_events import LeaseRequested, Ticket, TicketVoided
from risk.tightening import permille, tightened

# Grants and requests that are remembered: many times as many as a lease can live for.
KEPT_MAX = 64


class Life(Struct, gc=False):
    """One epoch of a gate.

    The tickets up to `through` are summed in `spent`, as `at_lease` is all before the first one on
    the grant `lease`; those that came before their turn wait in `early`.
    """

    asked: dict[int, int] = field(default_factory=dict)
    grants: dict[int, GrantLease] = field(default_factory=dict)
    granted: int = 0
    through: int = 0
    lease: int = 0
    spent: dict[str, int] = field(default_factory=dict)
    at_lease: dict[str, int] = field(default_factory=dict)
    early: dict[int, Ticket] = field(default_factory=dict)


class Decisions:
    """The lives of gates, as far as they were told from their beginning.

    `living` are epochs that began before: only a replay of the whole journal can judge them.
    """

    def __init__(self, living: Iterable[int] = ()) -> None:
        self._lives: dict[int, Life] = {}
        self._unseen = dict.fromkeys(living)

    def caused(self, effect: Effect) -> None:
        """Take in what the node told a gate."""
        match effect:
            case TellGate(ended=0) if effect.epoch not in self._unseen:
                self._lives.setdefault(effect.epoch, Life())
            case TellGate() if effect.ended:
                self._lives.pop(effect.ended, None)
            case GrantLease() if effect.epoch in self._lives:
                life = self._lives[effect.epoch]
                life.grants[effect.sequence], life.granted = effect, effect.sequence
                _keep(life.grants)
            case _:
                pass

    def told(self, event: Event) -> str:
        """Take in what a gate told; says what is wrong with a ticket, "" mostly."""
        match event:
            case LeaseRequested() if event.epoch in self._lives:
                life = self._lives[event.epoch]
                life.asked.setdefault(event.request, event.now)
                _keep(life.asked)
            case OrderRequested(ticket=Ticket() as ticket) | TicketVoided(ticket=ticket):
                found = self._lives.get(ticket.epoch)
                if found is not None and not _is_echo(found, ticket):
                    wrong = _wrong(found, ticket)
                    _count(found, ticket)
                    return wrong
            case _:
                pass
        return ""


def _is_echo(life: Life, ticket: Ticket) -> bool:
    return ticket.sequence <= life.through or ticket.sequence in life.early


def _wrong(life: Life, ticket: Ticket) -> str:
    name = f"ticket {ticket.sequence} of {ticket.gate}"
    if not 0 < ticket.lease <= life.granted:
        return f"{name} is on grant {ticket.lease}, and {life.granted} was the last"
    grant = life.grants.get(ticket.lease)
    asked = life.asked.get(grant.request) if grant is not None else None
    if grant is None or asked is None:
        return ""  # it came so late that nobody remembers
    share = permille(ticket.now - asked, grant.heartbeat_ns, grant.ttl_ns)
    for use in ticket.uses:
        left = _left(life, ticket, grant, use.line, share)
        if use.amount > left:
            return f"{name} takes {use.amount} of {use.line}, and {left} was open"
    return ""


def _left(life: Life, ticket: Ticket, grant: GrantLease, line: str, share: int) -> int:
    """What was open of a line when the ticket was made, by the tickets that are known."""
    budgets = [each.amount for each in grant.budgets if each.line == line]
    if share == 0 or not budgets:
        return 0
    before = [each for each in life.early.values() if each.sequence < ticket.sequence]
    older = [each for each in before if each.lease < ticket.lease]
    summed = life.at_lease if life.lease == ticket.lease else life.spent
    at_grant = summed.get(line, 0) + _taken(older, line)
    spent = life.spent.get(line, 0) + _taken(before, line)
    return tightened(budgets[0], at_grant, share) - spent


def _taken(tickets: list[Ticket], line: str) -> int:
    return sum(use.amount for each in tickets for use in each.uses if use.line == line)


def _count(life: Life, ticket: Ticket) -> None:
    """Sum what is in turn; what a gap holds back waits for whoever fills it, or gives it up."""
    life.early[ticket.sequence] = ticket
    while life.through + 1 in life.early:
        life.through += 1
        turn = life.early.pop(life.through)
        if turn.lease != life.lease:
            life.lease, life.at_lease = turn.lease, dict(life.spent)
        for use in turn.uses:
            life.spent[use.line] = life.spent.get(use.line, 0) + use.amount


def _keep(known: dict[int, GrantLease] | dict[int, int]) -> None:
    while len(known) > KEPT_MAX:
        del known[next(iter(known))]
