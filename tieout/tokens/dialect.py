"""A chain's dialect that also asks and reads for the tokens whose contracts stand on it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from core.effects import Effect
from core.events import Event
from rails.dialect import Dialect
from tokens.decoder import decode
from tokens.requests import request


def with_tokens(rail: Dialect, contracts: Mapping[str, str]) -> Dialect:
    """The rail's dialect, which says and reads what tokens want of the chain as well."""

    def asks(effect: Effect) -> Any:
        return request(effect, contracts) or rail.request(effect)

    def reads(frame: Any, decimals: Any) -> list[Event]:
        told = decode(frame, contracts)
        return told if told is not None else list(rail.decode(frame, decimals))

    return replace(rail, request=asks, decode=reads)
