"""What a custodian says of our key and of the time, to a preflight: by two reads.

Rule 1. That a key administers the workspace is asked by a read that only such keys may make; where
it is answered, whoever has the key can make others. Whether it may pay, no read tells.
Rule 2. The time is that of the answer's own header, in whole seconds: it is known to half of one.
"""

from email.utils import parsedate_to_datetime

from core.frames import Headers
from rails.dialect import Request

SECOND = 1_000_000_000
GRAIN_NS = SECOND // 2
# https://developers.fireblocks.com/reference/getapiusers: of keys of administrators alone.
ADMINISTERS = Request("GET", "/v1/management/api_users")


def vault(number: str) -> Request:
    """A read that every key may make."""
    return Request("GET", f"/v1/vault/accounts/{number}")


def told_time(headers: Headers) -> int | None:
    """The middle of the second that it names, in nanoseconds UTC; None where it names none."""
    for name, text in headers:
        if name.lower() == "date":
            try:
                return int(parsedate_to_datetime(text).timestamp()) * SECOND + GRAIN_NS
            except ValueError:
                return None
    return None
