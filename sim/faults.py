"""Faults: what can go wrong, where and how; a plan says when, how often and how strongly.

A plan is drawn once and stored, so that it can be replayed and shrunk although seeds rot. Neither
end of a wire and no line of core knows of it: the sites that ask `strikes` are the wire, the
simulated counterparties, the disk and the driver's own crash.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from sim.dice import Dice, Stream

Site = Literal[
    "stream",
    "request",
    "statement",
    "venue",
    "node",
    "bank",
    "custodian",
    "chain",
    "public",
    "engine",
    "gate",
    "token",
    "treasury",
]

# kind: (site, what its strength means, what it does)
KINDS: Mapping[str, tuple[Site, str, str]] = {
    "lost_frame": ("stream", "", "a frame is lost on a healthy stream"),
    "duplicate_frame": ("stream", "ms until the copy", "a frame comes twice"),
    "reorder_frame": ("stream", "ms of delay", "a frame is overtaken by later ones"),
    "late_frame": ("stream", "ms of delay", "the stream stalls: this frame and all behind it"),
    "poison_frame": ("stream", "", "a frame of garbage comes before the real one"),
    "disconnect": ("stream", "ms until it can be opened again", "the stream is cut"),
    "disconnect_replay": ("stream", "frames told again", "cut; the last frames come again after"),
    "half_open": ("stream", "ms of silence", "the socket stays open and says nothing"),
    "key_expired": ("stream", "", "the stream's key ends: it goes silent after telling so"),
    "request_lost": ("request", "", "a request times out before the venue saw it"),
    "answer_lost": ("request", "", "a request times out after the venue applied it"),
    "slow_request": ("request", "ms of delay", "latency spike"),
    "rate_limited": ("request", "ms to wait", "429, nothing applied"),
    "server_error": ("request", "", "5xx before the venue applied it"),
    "server_error_after": ("request", "", "5xx after the venue applied it"),
    "truncated_answer": ("request", "", "the body is cut after the venue applied it"),
    "html_answer": ("request", "", "200 with an HTML page after the venue applied it"),
    "stale_statement": ("statement", "ms of age", "a statement of some time ago"),
    "wild_statement": ("statement", "reads in a row", "a statement that is absurdly wrong"),
    "empty_statement": ("statement", "reads in a row", "a statement with nothing in it"),
    "hand_trade": ("venue", "lots", "somebody trades by hand on the account"),
    "hand_trade_untold": ("venue", "lots", "the same, and the stream does not tell"),
    "bust": ("venue", "ms until it is told", "a fill is undone; the drop copy tells later"),
    "correction": ("venue", "ms until it is told", "a fill's price is corrected"),
    "liquidation": ("venue", "lots", "a forced liquidation of part of the position"),
    "adl": ("venue", "lots", "auto-deleveraging closes part of the position"),
    "funding": ("venue", "", "a funding settlement"),
    "transfer": ("venue", "units", "cash is moved in or out by hand"),
    "unlisted_credit": ("venue", "units", "the venue credits cash and lists it nowhere"),
    "fill_after_cancel": ("venue", "", "a cancel is acknowledged, then a fill is told"),
    "fill_after_reject": ("venue", "", "an order is rejected, then fills"),
    "mode_change": ("venue", "ms", "the position mode is changed under us, and back"),
    "multiplier_change": ("venue", "ms of notice", "a contract's size changes, legs are restated"),
    "payment_rejected": ("bank", "", "a payment is refused before it settles, definitely"),
    "rejected_but_booked": ("bank", "", "a refused payment is booked, and taken back later"),
    "payment_unanswered": ("bank", "ms", "no answer to a payment: done or not, only a query tells"),
    "id_forgotten": ("bank", "", "an id is not known again: told once more it is another payment"),
    "payment_denied": ("bank", "ms", "who asks soon is told that there is no such payment"),
    "refusal_muted": ("bank", "ms", "a refusal is told to nobody, and not to those who ask"),
    "payment_late": ("bank", "ms", "a payment settles so much later than its rail's rule"),
    "payment_held": ("bank", "ms", "a payment waits for documents or screening"),
    "payment_returned": ("bank", "", "a settled payment comes back at a legal time"),
    "return_dishonoured": ("bank", "", "a return was not in order and is undone"),
    "recalled": ("bank", "", "a credit that we received is asked back"),
    "deposit_reversed": ("bank", "", "a credit that came is taken back by the bank, days later"),
    "change_notified": ("bank", "", "the beneficiary's details are corrected"),
    "fee_deducted": ("bank", "units", "the payment arrives, or is booked, less a fee"),
    "fee_excessive": ("bank", "units", "more is deducted than is allowed, and given back later"),
    "amount_told_wrong": ("bank", "units", "a status tells another amount, corrected later"),
    "amount_wrong": ("bank", "units", "a line is booked with another amount, corrected later"),
    "lines_batched": ("bank", "", "payments of one file are booked as one line"),
    "batch_wrong": ("bank", "units", "a batch is booked with a wrong sum, corrected later"),
    "line_alike": ("bank", "", "a stranger's line is of the amount of a payment that waits"),
    "lines_identical": ("bank", "", "two credits alike in everything but their place"),
    "credit_unreferenced": ("bank", "units", "money comes that says nothing of its purpose"),
    "debit_unannounced": ("bank", "units", "the bank takes a charge that nobody asked for"),
    "interest_credited": ("bank", "units", "the bank credits what our balance earned"),
    "confirmation_outage": ("bank", "ms", "nothing is told of payments, whatever happens to them"),
    "statement_gap": ("bank", "", "a statement is never delivered, unless asked for"),
    "statement_untied": ("bank", "ms until it is put right", "a statement leaves out an entry"),
    "document_unreadable": ("bank", "ms until it is mended", "a page of the record is cut off"),
    "line_twice": ("bank", "", "a payment is booked twice, and nobody takes that back"),
    "return_unnamed": ("bank", "", "a payment comes back and nothing says which"),
    "notice_twice": ("bank", "ms until the copy", "a notice or webhook comes again"),
    "notice_disorder": ("bank", "ms", "a notice or webhook is overtaken by later ones"),
    "completed_but_failed": ("custodian", "", "COMPLETED, while the third party failed to credit"),
    "approval_hangs": ("custodian", "ms", "a payment waits for somebody's approval"),
    "custody_replaced": ("custodian", "", "the transaction is replaced and its status goes back"),
    "custody_failed": ("custodian", "", "a payment fails after it was accepted"),
    "webhook_forged": ("custodian", "", "a webhook comes whose signature is not theirs"),
    "tx_underpriced": ("chain", "ms", "the fee market rises above what waits in the mempool"),
    "tx_dropped": ("chain", "", "the mempool forgets a transaction"),
    "tx_reverted": ("chain", "", "mined, and reverted: the fee is paid and nothing moved"),
    "tx_unfunded": ("chain", "ms", "a node sees no funds of ours for a while, and takes nothing"),
    "tx_invalid": ("chain", "", "no node ever takes the bytes of a payment"),
    "reorg": ("chain", "blocks", "the newest blocks give way to others"),
    "finality_lost": ("chain", "ms", "blocks go on and none becomes final"),
    "deposit": ("chain", "units", "value comes to an address of ours"),
    "deposit_vanishes": ("chain", "units", "a deposit is seen, and gone after a reorganisation"),
    "deposit_strange": ("chain", "units", "dust, another asset, or value without a log"),
    "nonce_taken": ("chain", "units", "somebody else signs with our key, under our nonce"),
    "node_lags": ("chain", "ms", "a node answers as of some time ago"),
    "node_lies": (
        "chain",
        "",
        "a node tells of a head, a final block, an end or logs that are not",
    ),
    "nodes_split": ("chain", "ms", "a node follows another chain, and calls its blocks final"),
    "answer_outlived": ("chain", "ms", "a block gives way while an answer tells of it as final"),
    "crash": ("node", "ms until it is up again", "the node is killed between two steps"),
    "crash_torn_tail": ("node", "ms until up", "killed in a commit: the group is whole or gone"),
    "contradiction": ("stream", "", "a fill is told again under its id, at another price"),
    "crash_cut_tail": ("node", "groups lost", "killed, and the journal's last groups are gone"),
    "public_lost_frame": ("public", "", "a frame of market data is lost"),
    "public_duplicate_frame": ("public", "ms until the copy", "a frame of market data comes twice"),
    "public_reorder_frame": ("public", "ms of delay", "a frame of market data is overtaken"),
    "public_late_frame": ("public", "ms of delay", "the stream of market data stalls"),
    "public_poison_frame": ("public", "", "garbage on the stream of market data"),
    "public_disconnect": ("public", "ms until it can be opened again", "market data is cut off"),
    "public_half_open": ("public", "ms of silence", "market data falls silent, the socket is open"),
    "public_absurd": ("public", "per cent of it", "a frame of market data tells an absurd price"),
    "engine_stalled": ("engine", "ms", "the cold engine does nothing for a while"),
    "engine_slow": ("engine", "ms of delay", "a cycle of the cold engine takes so much longer"),
    "engine_crash": ("engine", "ms until it is up again", "it is killed, and counts anew"),
    "engine_parted": ("engine", "ms", "nothing passes between the node and the cold engine"),
    "word_late": ("engine", "ms of delay", "what the engine says comes late"),
    "word_lost": ("engine", "", "what the engine says is lost"),
    "word_twice": ("engine", "ms until the copy", "what the engine says comes twice"),
    "word_overtaken": ("engine", "ms of delay", "what it says is overtaken by what it says later"),
    "word_of_before": ("engine", "", "what it said in the life before is told again"),
    "gate_crash": ("gate", "ms until it is up again", "a gate is killed with its orders open"),
    "gate_parted": ("gate", "ms", "nothing passes between a gate and the node"),
    "lease_late": ("gate", "ms of delay", "a message between gate and node comes late"),
    "lease_lost": ("gate", "", "a message between gate and node is lost"),
    "lease_twice": ("gate", "ms until the copy", "a message between gate and node comes twice"),
    "lease_of_before": ("gate", "", "a grant of the epoch before is told again"),
    "use_late": ("token", "ms", "a permission is used after its window"),
    "use_never": ("token", "", "a permission is not used at all"),
    "use_twice": ("token", "", "a permission is used, and once more"),
    "use_held": ("token", "ms", "a permission is held back before it is used"),
    "use_stuck": ("token", "ms", "the crowd outbids what uses a permission"),
    "signer_slow": ("token", "ms of delay", "a signer takes its time"),
    "signer_declines": ("token", "", "a signer would not sign"),
    "signer_out": ("token", "ms", "a signer answers nothing for a while"),
    "vault_slow": ("token", "ms of delay", "the vault takes its time to judge"),
    "revocation_races": ("token", "", "a permission is revoked as its holder hears of it"),
    "epoch_races": ("token", "", "an epoch is raised by hand as a holder hears of a permission"),
    "epoch_raised": ("token", "", "the admin voids all that is permitted, by hand"),
    "paused_by_hand": ("token", "", "the pauser stops all movement for a while"),
    "policy_tightened": ("token", "", "the policy allows less from now on"),
    "policy_loosened": ("token", "", "the policy allows more from now on"),
    "facts_changed": ("token", "", "somebody moves, is sanctioned, is unfit, or fit again"),
    "authorization_forged": ("token", "", "stolen keys permit it, and the holder acts: an orphan"),
    "keys_stolen": ("token", "", "stolen keys permit it, and the holder does not act"),
    "facts_race": ("token", "ms of delay", "facts change as the vault is about to answer"),
    "price_jump": ("venue", "per cent", "the market jumps: a shock to whoever holds something"),
    "credit_stuck": ("treasury", "ms", "cash between two accounts comes so much later"),
    "answer_late": ("request", "ms of delay", "an answer is long on its way, and tells of before"),
    "bust_overtakes": ("venue", "ms until it is told", "a fill is undone before it was told"),
    "exit_undone": (
        "venue",
        "ms until it is told",
        "a fill that closed is undone, told much later",
    ),
    "crash_cut_boot": ("node", "ms after it", "killed after a boot that its journal has lost then"),
    "order_overtaken": ("gate", "ms of delay", "a gate's reports are here before its order"),
    "sender_moves": ("token", "", "a holder moves elsewhere while a permission of his is open"),
    "tx_reorged_out": (
        "chain",
        "blocks above it",
        "a payment's block gives way, and no mempool takes the payment back",
    ),
    "reversed_twice": ("bank", "", "a credit that came is taken back twice, by two lines"),
}

# What happens only where there are limits; elsewhere nothing of it is ever drawn.
OF_RISK: tuple[Site, ...] = ("engine", "gate")
# Where the cold engine is; a gate is where its name says.
ENGINE = "engine"

# What a venue or keeper has no way to do, or no channel that would ever tell of it.
UNABLE: Mapping[str, tuple[str, ...]] = {
    "bitcoin": (
        "tx_reverted",
        "finality_lost",
        "nonce_taken",
        "nodes_split",
        "answer_outlived",
        "tx_unfunded",
        "tx_invalid",
    ),
    "bank_us": ("return_unnamed",),
    "binance_spot": (
        "exit_undone",
        "liquidation",
        "adl",
        "funding",
        "mode_change",
        "multiplier_change",
    ),
    "binance_usdm": ("mode_change", "multiplier_change"),
    "bybit_inverse": ("mode_change", "multiplier_change"),
    "coinbase": (
        "bust",
        "bust_overtakes",
        "exit_undone",
        "contradiction",
        "correction",
        "liquidation",
        "adl",
        "funding",
        "transfer",
        "mode_change",
        "multiplier_change",
    ),
    "bank_eu": ("return_dishonoured", "change_notified", "id_forgotten"),
    "bank_gb": (
        "return_dishonoured",
        "return_unnamed",
        "change_notified",
        "lines_batched",
        "batch_wrong",
    ),
    "custodian": (
        "rejected_but_booked",
        "payment_unanswered",
        "id_forgotten",
        "payment_denied",
        "refusal_muted",
        "payment_held",
        "payment_returned",
        "return_dishonoured",
        "recalled",
        "deposit_reversed",
        "reversed_twice",
        "change_notified",
        "fee_deducted",
        "fee_excessive",
        "amount_told_wrong",
        "amount_wrong",
        "lines_batched",
        "batch_wrong",
        "line_alike",
        "lines_identical",
        "debit_unannounced",
        "interest_credited",
        "statement_gap",
        "statement_untied",
        "document_unreadable",
        "line_twice",
        "return_unnamed",
    ),
}

# Which of the sites of their own each kind of keeper has.
OF_KEEPERS: Mapping[str, tuple[Site, ...]] = {
    "bank": ("bank",),
    "custodian": ("bank", "custodian"),
    "evm": ("chain",),
    "bitcoin": ("chain",),
}


# Of what happens at a venue: with a request, or with a trade.
WITH_ANOTHER = ("fill_after_cancel", "fill_after_reject", "bust_overtakes", "exit_undone")


def happens_by_itself(kind: str) -> bool:
    """Whether a fault is drawn in time; others wait for what they can strike."""
    return (KINDS[kind][0] == "venue" and kind not in WITH_ANOTHER) or kind == "key_expired"


def impossible(kind: str, where: str) -> str:
    """Why a fault of the kind can never strike there; "" where it can."""
    site = KINDS[kind][0]
    if site == "node" and where not in ("", "node"):
        return f"{kind} happens to our node: where would be node"
    if where == "node" and site != "node":
        return f"{kind} happens at a venue, not to our node"
    if kind in UNABLE.get(where, ()):
        return f"{kind} cannot happen at {where}, or nothing would tell of it"
    return ""


@dataclass(slots=True, frozen=True)
class Fault:
    """One line of a plan: active from `start_ns` to `end_ns` at `where` (a venue, "" for all).

    Within the window it strikes one opportunity in `one_in`; faults of a venue or of the node are
    opportunities of their own, drawn every `every_ns`.

    A line that is **materialised** has `strikes` instead of dice: of the opportunities of its
    window at its place, counted from 0, just these. `line` is its number in the plan that it came
    from, which names its dice; of -1 it is where it stands.
    """

    kind: str
    where: str = ""
    start_ns: int = 0
    end_ns: int = 2**63 - 1
    one_in: int = 1
    strength: int = 0
    every_ns: int = 0
    times_max: int = 2**31
    line: int = -1
    strikes: tuple[int, ...] | None = None


class Strike(NamedTuple):
    """A line of the plan struck: when since the start of the run, where, and at which of the
    opportunities that it had there."""

    at_ns: int
    line: int
    kind: str
    where: str
    ordinal: int


class _Place:
    """A line of the plan at one place: how many opportunities it had there so far."""

    __slots__ = ("asked", "awaited", "chosen", "fault", "line", "stream")

    def __init__(self, fault: Fault, line: int, stream: Stream) -> None:
        self.fault, self.line, self.stream = fault, line, stream
        self.chosen = None if fault.strikes is None else frozenset(fault.strikes)
        self.asked, self.awaited = 0, False


class Faults:
    """A plan in force: says whether a fault strikes here and now, and counts."""

    def __init__(self, plan: list[Fault], dice: Dice, clock: Callable[[], int]) -> None:
        """Times of the plan count from the start of the run; `clock` tells them."""
        self.plan = plan
        self.counts: dict[str, int] = {}
        self._dice = dice
        self._clock = clock
        self._by_site: dict[tuple[str, str], list[_Place]] = {}
        self._places: dict[tuple[int, str], _Place] = {}
        self._lines = {id(f): n if f.line < 0 else f.line for n, f in enumerate(plan)}
        self._struck: dict[int, int] = {}
        self.struck: list[Strike] = []
        self.healed = False

    @property
    def asked(self) -> dict[tuple[int, str], int]:
        """How many opportunities each line of the plan had at each place where it had, or awaits,
        any."""
        places = [place for place in self._places.items() if place[1].asked or place[1].awaited]
        return {(each.line, where): each.asked for (_, where), each in places}

    def strikes(self, kind: str, where: str) -> Fault | None:
        """The fault that strikes this opportunity, counted; None mostly.

        What is said of no place in particular spares those that are unable to have it.
        """
        if self.healed:
            return None
        active = self._by_site.get((kind, where))
        if active is None:
            active = self._by_site[kind, where] = self._places_of(kind, where)
        if not active:
            return None
        now = self._clock()
        struck = None
        for place in active:
            fault = place.fault
            if fault.start_ns <= now < fault.end_ns:
                place.asked += 1
                if struck is None and self._hits(place):
                    struck = fault
                    self._note(place, where)
                    self.count(kind)
        return struck

    def _places_of(self, kind: str, where: str) -> list[_Place]:
        able = kind not in UNABLE.get(where, ())
        there = [f for f in self.plan if able and f.kind == kind and f.where in ("", where)]
        return [self._place(fault, where) for fault in there]

    def awaits(self, fault: Fault, where: str) -> int:
        """What happens by itself will come to this place: the number of its line."""
        place = self._place(fault, where)
        place.awaited = True
        return place.line

    def comes(self, fault: Fault, where: str) -> bool:
        """The time of what happens by itself has come: whether it does. Whoever it strikes counts
        it, if it takes effect."""
        place = self._place(fault, where)
        place.asked += 1
        if place.chosen is not None and place.asked - 1 not in place.chosen:
            return False
        self._note(place, where)
        return True

    def _line(self, fault: Fault) -> int:
        """Its number; what joins a plan in force has the next one."""
        return self._lines.setdefault(id(fault), len(self._lines))

    def _place(self, fault: Fault, where: str) -> _Place:
        place = self._places.get((id(fault), where))
        if place is None:
            stream = self._dice.stream(f"fault/{fault.kind}/{where}")
            place = _Place(fault, self._line(fault), stream)
            self._places[id(fault), where] = place
        return place

    def _note(self, place: _Place, where: str) -> None:
        self._struck[place.line] = self._struck.get(place.line, 0) + 1
        kind, ordinal = place.fault.kind, place.asked - 1
        self.struck.append(Strike(self._clock(), place.line, kind, where, ordinal))

    def _hits(self, place: _Place) -> bool:
        if self._struck.get(place.line, 0) >= place.fault.times_max:
            return False
        if place.chosen is not None:
            return place.asked - 1 in place.chosen
        return place.fault.one_in == 1 or self._rolls(place)

    def _rolls(self, place: _Place) -> bool:
        return place.stream.one_in(place.fault.one_in)

    def stands(self, fault: Fault) -> bool:
        """Whether it strikes each opportunity, now as well: an outage, not an accident."""
        left = self._struck.get(self._line(fault), 0) < fault.times_max
        window = fault.start_ns <= self._clock() < fault.end_ns
        return fault.one_in == 1 and left and window and not self.healed

    def count(self, kind: str) -> None:
        """A fault of this kind took effect."""
        self.counts[kind] = self.counts.get(kind, 0) + 1

    def heal(self) -> None:
        """No fault strikes any more."""
        self.healed = True
