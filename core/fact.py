"""What every event carries. The events themselves stand in `core.events` and `core.rail_events`."""

from msgspec import Struct


class Fact(Struct, frozen=True, kw_only=True, gc=False, tag=True, omit_defaults=True):
    """`received_at` by our clock; `frame` is the journal's number of the bytes that told it, or 0.

    This module is never compiled: mypyc drops `frozen` and `tag`.
    """

    received_at: int
    frame: int = 0
