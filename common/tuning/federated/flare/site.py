"""What a site says of itself, where the coordinator's job cannot: which files are learned from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from common.errors import UserError
from common.files import read_toml

FILE = "bizlm.toml"


def options_of(directory: Path, party: str) -> list[str]:
    """The options that `join` and `contribute` get, of the party's table in the site's file.

    Args:
        directory: of the site's own configuration: NVFlare's `local`.

    Raises:
        UserError: there is no such file, or no such table in it, or one that holds tables.
    """
    path = directory / FILE
    tables = read_toml(path)
    table = tables.get(party)
    if not isinstance(table, dict):
        raise UserError(
            f"no table [{party}]",
            where=str(path),
            hint=f'[{party}] with the options of join, as in: questions = "questions.csv"',
        )
    return [word for name, value in table.items() for word in _words(name, value, path)]


def _words(name: str, value: object, path: Path) -> Iterator[str]:
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, dict | list):
            raise UserError(
                f"{name}: a {'table' if isinstance(one, dict) else 'list in a list'} is no option",
                where=str(path),
                hint=f'Give a text, a number, true, or a list of texts: {name} = "questions.csv"',
            )
        if one is False:
            continue
        yield f"--{name.replace('_', '-')}"
        if one is not True:
            yield str(one)
