"""What banks send us: bytes of any format they speak, read into core's events.

`read(body, context)` never raises. What breaks a rule of its own standard is quarantined with that
rule, and a message that tells nothing where it should tell something is quarantined too: an empty
parse is an alarm.
"""

from rails.messages.context import Context, Unreadable
from rails.messages.inbound import read

__all__ = ["Context", "Unreadable", "read"]
