"""The verbs `keys`: who may use the server, and for what."""

from __future__ import annotations

import os
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from common.cli import Json, new_app, print_json
from common.console import say
from common.errors import UserError

if TYPE_CHECKING:
    from common.serving.keys.key import ApiKey
    from common.serving.keys.scopes import Scope

KeyFile = Annotated[
    Path, typer.Option("--file", "--api-key-file", help="The file that `serve` is given.")
]
Name = Annotated[str, typer.Argument(help="Who uses the key.")]


def add_key_verbs(app: typer.Typer) -> None:
    """Add `keys add`, `keys list` and `keys remove`."""
    keys = new_app("API keys of the server.")
    app.add_typer(keys, name="keys")

    @keys.command()
    def add(
        name: Name,
        file: KeyFile,
        scopes: Annotated[
            str | None,
            typer.Option(
                help="What it may do, e.g. ask,edit. ask: ask, and report what came of it; edit: "
                "what is answered, tickets and alerts; learn: corrections and releases; admin: "
                "read who did what. Default: ask."
            ),
        ] = None,
        until: Annotated[
            str | None, typer.Option(help="The last day on which it holds, e.g. 2027-06-30.")
        ] = None,
    ) -> None:
        """Make a key and show it, this once; the file keeps its hash."""
        from common.serving.keys.writing import add_key

        last = _last_day(until)
        sys.stdout.write(add_key(file, name, _parse(scopes), until=last) + os.linesep)

    @keys.command("list")
    def list_keys(file: KeyFile, as_json: Json = False) -> None:
        """Show the names, what they may do and until when; a key itself is not kept."""
        from common.serving.keys.reading import read_keys

        now = datetime.now(UTC)
        found = [_row(key, now) for key in read_keys(file)]
        if as_json:
            print_json({"keys": found})
            return
        for row in found:
            ends = f", until {row['valid_until']}" if row["valid_until"] else ""
            not_now = "" if row["is_valid"] else ", not valid now"
            typer.echo(f"{row['name']}: {','.join(row['scopes'])}{ends}{not_now}")

    @keys.command()
    def remove(name: Name, file: KeyFile) -> None:
        """Let a key in no more; servers that run see it at the next request."""
        from common.serving.keys.writing import remove_key

        remove_key(file, name)
        say(f"Removed: {name}")


def _row(key: ApiKey, now: datetime) -> dict[str, Any]:
    return {
        "name": key.name,
        "scopes": sorted(key.scopes),
        "valid_from": key.valid_from and key.valid_from.isoformat(),
        "valid_until": key.valid_until and key.valid_until.isoformat(),
        "is_valid": key.is_valid_at(now),
    }


def _parse(given: str | None) -> list[Scope] | None:
    from common.serving.keys.scopes import SCOPES

    if given is None:
        return None
    names = [name.strip() for name in given.split(",")]
    if unknown := [name for name in names if name not in SCOPES]:
        raise UserError(
            f"--scopes: there is no scope {unknown[0]!r}", hint=f"Of {', '.join(SCOPES)}."
        )
    return [scope for scope in SCOPES if scope in names]


def _last_day(given: str | None) -> date | None:
    if given is None:
        return None
    try:
        last = date.fromisoformat(given)
    except ValueError:
        raise UserError(f"--until {given}: not a day", hint="E.g. --until 2027-06-30") from None
    if last < datetime.now(UTC).date():
        raise UserError(f"--until {given}: it is over", hint="Give a day to come.")
    return last
