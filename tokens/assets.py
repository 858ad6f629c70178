"""The assets that are issued: `assets.yaml`, checked field by field.

An asset is parameters of the one contract. Who holds the roles is said when it is deployed, and not
here: the keys of one deployment are none of another's.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationError

from risk.written import NotYaml, Part, content, document
from tokens.calls import Parameters

ASSETS = Path(__file__).parent / "assets.yaml"


class BadAssets(ValueError):
    """No list of assets; the text names file, field, what was found and what would do."""


@dataclass(slots=True, frozen=True)
class Roles:
    """Who may do what in one deployment: all different."""

    admin: str
    pauser: str
    authorizers: tuple[str, ...]


def _short(name: str) -> str:
    if len(name.encode()) > 31:
        raise ValueError("a name has at most 31 bytes: it is part of what is signed")
    return name


class Asset(Part):
    """What the contract is told of one asset, and what a whole token is."""

    kind: Literal["real-world asset", "structured position", "access right"]
    name: Annotated[str, Field(min_length=1), AfterValidator(_short)]
    symbol: Annotated[str, Field(pattern="^[A-Z0-9]{2,11}$")]
    decimals: Annotated[int, Field(ge=0, le=18, strict=True)]
    threshold: Annotated[int, Field(ge=1, le=9, strict=True)]
    whole: Annotated[str, Field(min_length=1)]

    def deployed_by(self, roles: Roles) -> Parameters:
        """What creates its contract; enough authorizers must be there to meet the threshold."""
        if len(set(roles.authorizers)) < self.threshold:
            found = len(set(roles.authorizers))
            raise BadAssets(f"{self.symbol}: {self.threshold} must sign, and {found} can")
        return Parameters(
            name=self.name,
            symbol=self.symbol,
            decimals=self.decimals,
            admin=roles.admin,
            pauser=roles.pauser,
            authorizers=roles.authorizers,
            threshold=self.threshold,
        )


def load(path: Path = ASSETS) -> dict[str, Asset]:
    """The assets by name; `BadAssets` if the file is not as it should be."""
    try:
        told = document(content(path).decode())
    except (NotYaml, UnicodeDecodeError) as error:
        raise BadAssets(f"{path}: {error}") from error
    if not isinstance(told, dict) or not told:
        raise BadAssets(f"{path}: no assets; a name with its fields would do")
    try:
        return {name: Asset.model_validate(fields) for name, fields in told.items()}
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "asset"
        raise BadAssets(f"{path}: {field}: {first['msg']}; found {first['input']!r}") from error
