"""What every effect is. The effects themselves stand in `core.effects` and `core.rail_effects`."""

from msgspec import Struct


class Wish(Struct, frozen=True, kw_only=True, gc=False, tag=True, omit_defaults=True):
    """A request to the world. This module is never compiled: mypyc drops `frozen` and `tag`."""
