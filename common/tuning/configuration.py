"""Settings from flag, environment, file and default, in this order."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from common.errors import UserError
from common.tuning.settings import Settings

ENVIRONMENT_PREFIX = "BIZLM_"


def read_settings(
    config: Path | None = None, pairs: Sequence[str] | None = None, **flags: Any
) -> Settings:
    """Settings of a run.

    Args:
        config: a TOML file of settings.
        pairs: `name=value`, as given to `--set`.
        flags: settings that have a flag of their own; None where it was not given.

    Raises:
        UserError: the file is missing or broken, an unknown name, or an impossible value.
    """
    values = _from_file(config) if config else {}
    values |= _from_environment()
    values |= {name: value for name, value in flags.items() if value is not None}
    values |= _from_pairs(pairs or ())
    try:
        return Settings(**values)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else ""
        raise UserError(f"setting {name}: {first['msg']} (given: {first['input']!r})") from None


def _from_file(config: Path) -> dict[str, Any]:
    try:
        values = tomllib.loads(config.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError("no such file", where=str(config)) from None
    except IsADirectoryError:
        raise UserError("a directory, where a file is wanted", where=str(config)) from None
    except ValueError as error:  # not TOML, or not UTF-8
        raise UserError(f"broken TOML: {error}", where=str(config)) from None
    _check_names(values, where=str(config))
    return values


def _from_environment() -> dict[str, Any]:
    names = Settings.model_fields
    found = {name: os.environ.get(f"{ENVIRONMENT_PREFIX}{name.upper()}") for name in names}
    return {name: value for name, value in found.items() if value is not None}


def _from_pairs(pairs: Sequence[str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for pair in pairs:
        name, separator, value = pair.partition("=")
        if not separator:
            raise UserError(f"--set {pair}: not of the form name=value")
        values[name] = None if value == "none" else value
    _check_names(values, where="--set")
    return values


def _check_names(values: Mapping[str, Any], *, where: str) -> None:
    for name in values:
        if name not in Settings.model_fields:
            near = difflib.get_close_matches(name, Settings.model_fields, n=1)
            known = ", ".join(near or Settings.model_fields)
            mend = f"Did you mean {near[0]}?" if near else f"Settings: {known}"
            raise UserError(f"there is no setting {name!r}", where=where, mend=mend)
