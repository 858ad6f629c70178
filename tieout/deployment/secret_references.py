"""Where a secret lies, as a file of ours says it: by reference, and never the secret itself."""

from typing import Annotated

from pydantic import Field

REFERENCE = r"^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+|keyring:[^/]+/.+)$"
WOULD_DO = "env:NAME, file:PATH or keyring:SERVICE/NAME would do"

Reference = Annotated[str, Field(pattern=REFERENCE)]
