"""An answer of a venue as people read it: its status, and the venue's own code and word.

True here: no URL and no header is in it, for both bear signatures.
"""

import contextlib
from typing import Any

import msgspec

NAMES = ("code", "retCode", "msg", "retMsg", "message")


def words_of(status: int, body: bytes, otherwise: str = "") -> str:
    """The status with the body's code and word, or with `otherwise` where it has none; of no answer
    (status 0) why there is none."""
    if status == 0:
        return body.decode(errors="replace")
    words: list[Any] = [f"status {status}"]
    with contextlib.suppress(msgspec.DecodeError):
        found = msgspec.json.decode(body)
        if isinstance(found, dict):
            words += [found[name] for name in NAMES if found.get(name) not in (None, "", 0, "0")]
    told = " ".join(map(str, words))
    return f"{told}, {otherwise}" if otherwise and len(words) == 1 else told
