"""What a gate decided is decided again: right tickets stand, and each way to be wrong is seen."""

from __future__ import annotations

import pytest

from core.events import OrderRequested
from core.risk_effects import GrantLease, TellGate
from core.risk_events import Amount, LeaseRequested, Ticket, TicketVoided, Use
from risk.decisions import KEPT_MAX, Decisions
from tests.facts import MS, PERP
from tests.leasing import HEARTBEAT, LOT, TTL, Leasing
from tests.planting import plant
from tieout.journals.replay import replay

LINE = "firm/long"


def wish(ticket: Ticket) -> OrderRequested:
    return OrderRequested(
        received_at=0,
        strategy="a",
        reference="1",
        account=PERP,
        instrument="BTC-PERP",
        side="buy",
        quantity=LOT,
        kind="market",
        ticket=ticket,
    )


def told(decisions: Decisions, sequence: int, *, at: int, budget: int) -> None:
    """The gate asked at a moment of its own clock, and was lent a ceiling."""
    decisions.told(
        LeaseRequested(
            received_at=0, gate="a", epoch=9, request=sequence, applied=0, usage=(), now=at
        )
    )
    decisions.caused(
        GrantLease(
            gate="a",
            epoch=9,
            sequence=sequence,
            request=sequence,
            as_of=0,
            heartbeat_ns=HEARTBEAT,
            ttl_ns=TTL,
            budgets=(Amount(LINE, budget),),
        )
    )


def lent(budget: int = 1000) -> Decisions:
    """A life that is told from its beginning, with one grant that was asked for at 1 s."""
    decisions = Decisions()
    decisions.caused(TellGate(gate="a", boot=1, epoch=9))
    told(decisions, 1, at=1000 * MS, budget=budget)
    return decisions


def ticket(sequence: int, amount: int, at_ms: int, *, lease: int = 1, epoch: int = 9) -> Ticket:
    return Ticket("a", epoch, sequence, (Use(LINE, amount),), lease, 0, at_ms * MS)


@pytest.mark.parametrize(
    ("at_ms", "most"),
    [(1000, 1000), (1099, 1000), (1100, 500), (1200, 250), (1300, 100), (1399, 100)],
)
def test_a_ticket_stands_up_to_what_was_open_at_its_age_and_no_further(
    at_ms: int, most: int
) -> None:
    assert lent().told(wish(ticket(1, most, at_ms))) == ""
    assert f"{most} was open" in lent().told(wish(ticket(1, most + 1, at_ms)))


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (ticket(1, 1, 1400), "0 was open"),
        (ticket(1, 1, 999), "0 was open"),
        (ticket(1, 1, 1000, lease=2), "on grant 2, and 1 was the last"),
        (ticket(1, 1, 1000, lease=0), "on grant 0"),
        (Ticket("a", 9, 1, (Use("firm/short", 1),), 1, 0, 1000 * MS), "0 was open"),
    ],
    ids=["its lease had ended", "before it was asked for", "of a grant to come", "of none", "line"],
)
def test_what_no_lease_covers_is_wrong(wrong: Ticket, why: str) -> None:
    assert why in lent().told(wish(wrong))


def test_what_was_spent_before_counts_and_tightens_only_what_the_grant_left() -> None:
    decisions = lent()
    assert decisions.told(wish(ticket(1, 400, 1050))) == ""
    assert "100 was open" in decisions.told(wish(ticket(2, 101, 1150)))
    decisions = lent()
    assert decisions.told(wish(ticket(1, 400, 1050))) == ""
    told(decisions, 2, at=1200 * MS, budget=1400)
    assert decisions.told(wish(ticket(2, 1000, 1210, lease=2))) == ""
    assert "0 was open" in decisions.told(wish(ticket(3, 1, 1210, lease=2)))


def test_a_ticket_that_overtook_another_counts_when_its_turn_comes() -> None:
    decisions = lent()
    assert decisions.told(wish(ticket(2, 600, 1020))) == ""
    assert decisions.told(wish(ticket(1, 400, 1010))) == ""
    assert "0 was open" in decisions.told(wish(ticket(3, 1, 1030)))


def test_a_ticket_that_was_given_up_is_spent_and_an_echo_is_no_second_one() -> None:
    decisions = lent()
    lost = ticket(1, 1000, 1010)
    assert decisions.told(TicketVoided(received_at=0, ticket=lost)) == ""
    assert decisions.told(wish(lost)) == ""
    assert "0 was open" in decisions.told(wish(ticket(2, 1, 1020)))


def test_a_life_of_which_the_beginning_was_not_seen_is_not_judged() -> None:
    decisions = Decisions()
    told(decisions, 1, at=0, budget=0)
    assert decisions.told(wish(ticket(1, 9, 1000))) == ""
    restarted = Decisions([9])
    restarted.caused(TellGate(gate="a", boot=1, epoch=9))  # told again to a gate that asked twice
    told(restarted, 5, at=0, budget=0)
    assert restarted.told(wish(ticket(17, 9, 1000, lease=4))) == ""
    over = lent()
    over.caused(TellGate(gate="a", ended=9))
    assert over.told(wish(ticket(1, 9999, 1000))) == ""


def test_a_long_life_is_remembered_for_as_long_as_a_lease_could_live() -> None:
    decisions = lent()
    for sequence in range(2, 300):
        told(decisions, sequence, at=sequence * 1000 * MS, budget=1000)
    (life,) = decisions._lives.values()
    assert len(life.grants) == len(life.asked) == KEPT_MAX
    assert decisions.told(wish(ticket(1, 5000, 1000))) == "", "nobody remembers"
    assert "open" in decisions.told(wish(ticket(2, 5000, 299_000, lease=299)))


def test_a_replay_shows_what_a_gate_should_not_have_let_pass(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A gate that does not tighten: the node took its order, and the replay says so."""

    def run() -> Leasing:
        world = Leasing()
        for wants in (0, 6):
            world.heartbeat("a", wants)
            world.exchange()
        world.wait(2 * HEARTBEAT)
        return world

    world = run()
    assert not world.order("a", "buy", 6)
    assert replay(world.store).differences == ()
    plant(
        monkeypatch,
        "risk.lease_holder:LeaseHolder._left",
        "tightened(budget, self._at_grant.get(line, 0), share)",
        "budget",
    )
    world = run()
    assert world.order("a", "buy", 6)
    world.exchange()
    found = [str(each) for each in replay(world.store).differences]
    assert len(found) == 1
    assert "ticket 1 of a takes 6 of firm/long" in found[0]
