"""The secrets that a deployment needs in a mode and that cannot be read: all at once, by field.

True here: who has to put six of them right is told of six, and of none what it is.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel

from tieout.deployment.file import SECRETIVE, Deployment, NoSecret, secret
from tieout.deployment.secret_references import REFERENCE

if TYPE_CHECKING:
    from tieout.deployment.ways import Mode

IN_FIELDS = SECRETIVE | {"passphrase"}


def check_secrets(deployment: Deployment, path: Path, mode: "Mode") -> None:
    """Raises `NoSecret` with a line for each; `path` is the deployment's file."""
    if lines := list(unread(deployment, path.parent, mode)):
        raise NoSecret("\n".join(f"{path}: {each}" for each in lines))


def unread(deployment: Deployment, folder: Path, mode: "Mode") -> Iterator[str]:
    """Of each that cannot be read its field, where it should be, and why it is not."""
    for where, reference in references(deployment):
        if _needed(where, mode):
            try:
                secret(reference, folder)
            except NoSecret as error:
                yield f"{where}: {error}"


def references(told: object, where: str = "") -> Iterator[tuple[str, str]]:
    """Each field that refers to a secret, with the reference."""
    if isinstance(told, BaseModel):
        for name in type(told).model_fields:
            yield from references(getattr(told, name), f"{where}.{name}".lstrip("."))
    elif isinstance(told, dict):
        for name, each in told.items():
            yield from references(each, f"{where}.{name}")
    elif isinstance(told, tuple):
        for number, each in enumerate(told):
            yield from references(each, f"{where}.{number}")
    elif isinstance(told, str) and IN_FIELDS & set(where.split(".")) and re.match(REFERENCE, told):
        yield where, told


def _needed(where: str, mode: "Mode") -> bool:
    """Paper asks nobody for an account; what signs on a chain is opened only to be used."""
    if mode == "paper":
        return where.startswith("alerts.")
    return mode != "shadow" or not re.match(r"chain\.\d+\.password", where)
