"""What only the owner of a release can say of it."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from common.errors import UserError, reason_of
from common.files import read_toml
from common.rules.places import line_of, near


class About(BaseModel):
    """Plain sentences, all optional."""

    model_config = ConfigDict(extra="forbid", strict=True, str_strip_whitespace=True)

    owner: str = ""
    contact: str = ""
    purpose: str = ""
    affected: str = ""
    source_of_data: str = ""
    legal_ground: str = ""
    licence: str = ""
    retention: str = ""
    approved_by: str = ""
    known_issues: str = ""


def read_about(path: Path) -> About:
    """Read a TOML file of them.

    Raises:
        UserError: not TOML, a key that there is not, or a value that is no text.
    """
    found = read_toml(path)
    for name in found:
        if name not in About.model_fields:
            hint = near(name, About.model_fields)
            raise UserError(f"there is no {name!r}", where=line_of(path, name), hint=hint)
    try:
        return About.model_validate(found)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        raise UserError(f"{name}: {reason_of(first)}", where=line_of(path, name)) from None
