"""Verbs that change something are in the audit log, by whoever ran them."""

from __future__ import annotations

import getpass
import importlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from typer.testing import CliRunner

from common.cli import Store, new_app
from common.errors import UserError
from common.recorded_cli import CHANGES
from common.serving.auditing.audit_log_cli import add_audit_log_verb
from common.storage.audit_log import AuditLog, Change
from common.storage.database import DATABASE, Database


def serve(store: Path, release_id: str) -> None:
    """Let a release serve as the registry does."""
    release = store / "shop" / "releases" / release_id
    release.mkdir(parents=True, exist_ok=True)
    (store / "shop" / "current").unlink(missing_ok=True)
    (store / "shop" / "current").symlink_to(release)


@pytest.fixture
def app() -> typer.Typer:
    made, releases = new_app("Test.", application="shop"), new_app("Releases.")
    made.add_typer(releases, name="releases")
    add_audit_log_verb(made, "shop")

    @releases.command()
    def promote(release_id: str, store: Store = Path("var")) -> None:
        if release_id == "none":
            raise UserError("no such release")
        serve(store, release_id)

    @made.command()
    def learn(release_id: str, store: Store = Path("var")) -> None:
        serve(store, release_id)

    @releases.command()
    def prune(
        dry_run: Annotated[bool, typer.Option("--dry-run")] = False, store: Store = Path("var")
    ) -> None:
        pass

    @releases.command("list")
    def list_releases(store: Store = Path("var")) -> None:
        pass

    return made


def verbs_of(command: Any, before: tuple[str, ...] = ()) -> Iterator[tuple[str, set[str]]]:
    """The words of every verb, with the names of what it takes."""
    for name, one in command.commands.items():
        if hasattr(one, "commands"):
            yield from verbs_of(one, (*before, name))
        else:
            yield " ".join((*before, name)), {given.name for given in one.params}


def test_every_verb_that_is_named_is_there_and_says_to_what() -> None:
    found: dict[str, set[str]] = {}
    for application in ("customer_service", "finance_monitor", "recommender"):
        app = importlib.import_module(f"apps.{application}.cli").app
        assert app.info.name == application
        for words, takes in verbs_of(typer.main.get_command(app)):
            found[words] = found.get(words, set()) | takes
    for words, (_, named) in CHANGES.items():
        assert {"store", named} - {""} <= found[words], words


def test_a_verb_is_written_down_where_it_changed_something(
    app: typer.Typer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Where a terminal is narrow, columns are left out of a table.
    monkeypatch.delenv("COLUMNS", raising=False)

    def run(*words: str) -> str:
        return CliRunner().invoke(app, [*words, "--store", str(tmp_path)]).stdout

    run("releases", "list")
    run("releases", "prune", "--dry-run")
    run("releases", "promote", "none")
    assert not (tmp_path / DATABASE).exists()
    serve(tmp_path, "r1")
    run("releases", "promote", "r2")
    run("releases", "prune")
    run("learn", "r2")
    run("learn", "r3")
    first, second, third = AuditLog(Database(tmp_path / DATABASE), "shop").changes()
    assert first.who == f"command line: {getpass.getuser()}"
    assert (first.what, first.about, first.before, first.after) == (
        *("release.promoted", "r2"),
        *("r1", "r2"),
    )
    assert (second.what, second.about, second.after) == ("release.pruned", "", "")
    assert (third.what, third.before, third.after) == ("release.promoted", "r2", "r3")
    told = json.loads(run("audit-log", "--json", "--since", "1h"))["changes"]
    assert [one["what"] for one in told] == [first.what, second.what, third.what]
    assert "release.pruned" in run("audit-log", "--what", "release")
    assert json.loads(run("audit-log", "--json", "--since", "2999-01-01"))["changes"] == []


def test_ids_in_brackets_are_shown_as_they_are(app: typer.Typer, tmp_path: Path) -> None:
    log = AuditLog(Database(tmp_path / DATABASE), "shop")
    log.add(Change("shop", "knowledge.edited", "[/b]", "[red]", "fee[0]"))
    told = CliRunner().invoke(app, ["audit-log", "--store", str(tmp_path)])
    assert told.exception is None
    assert all(word in told.stdout for word in ("[/b]", "[red]", "fee[0]"))
