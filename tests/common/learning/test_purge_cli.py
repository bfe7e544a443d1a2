"""What somebody wants gone is gone from the disk, while a server has the database open."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import databases
import pytest
import typer
from typer.testing import CliRunner

from common.errors import UserError
from common.learning.purge_cli import add_purge_verb
from common.learning.schema import Prediction
from common.learning.store import FeedbackStore
from common.records.personal import prepare
from common.storage.audit_log import AuditLog, Change
from common.storage.database import DATABASE, Database

SECRET = "my zeppelin LZ 129"
verbs = typer.Typer()
add_purge_verb(verbs, "shop", lambda store, text, whole: [], {}, None)


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Database]:
    """The database, which another process has open."""
    database = Database(tmp_path / DATABASE)
    another = sqlite3.connect(tmp_path / DATABASE)
    another.execute("SELECT count(*) FROM leases").fetchall()
    said = {"source": "s", "release_id": "r", "text": SECRET, "decision": "answer", "given": {}}
    FeedbackStore(database, "shop").add([Prediction.model_validate({"id": "a", "at": 1.0, **said})])
    assert SECRET.encode() in databases.content(tmp_path)
    yield database
    another.close()
    database.close()


def purge(*chosen: str, store: Path) -> None:
    done = CliRunner().invoke(verbs, [*chosen, "--store", str(store)])
    assert done.exit_code == 0, done.output


def test_no_byte_of_what_is_old_is_left(serving: Database, tmp_path: Path) -> None:
    purge("--older-than", "30d", store=tmp_path)
    assert SECRET.encode() not in databases.content(tmp_path)


def test_no_byte_of_a_text_is_left_in_the_audit_log_either(
    serving: Database, tmp_path: Path
) -> None:
    log = AuditLog(serving, "shop")
    log.add(Change(who="me", what="faq.changed", about=SECRET))
    purge("--text", SECRET, store=tmp_path)
    assert [change.about for change in log.changes()] == ["purged"]
    assert SECRET.encode() not in databases.content(tmp_path)


@pytest.mark.parametrize("option", ["--text", "--subject"])
@pytest.mark.parametrize("nothing", ["", "  ", "\u3000"])
def test_nothing_named_deletes_nothing(
    serving: Database, tmp_path: Path, option: str, nothing: str
) -> None:
    done = CliRunner().invoke(verbs, [option, nothing, "--store", str(tmp_path)])
    assert isinstance(done.exception, UserError)
    assert FeedbackStore(serving, "shop").prediction("a")


def test_a_text_is_found_as_the_customer_wrote_it(serving: Database, tmp_path: Path) -> None:
    written = "我的卡丟了，怎麼辦？"
    said = {"source": "s", "release_id": "r", "decision": "answer", "given": {}}
    row = {"id": "b", "at": 1.0, "text": prepare(f"急！{written}谢谢"), **said}
    FeedbackStore(serving, "shop").add([Prediction.model_validate(row)])
    purge("--text", written, store=tmp_path)
    assert FeedbackStore(serving, "shop").prediction("b") is None
    assert FeedbackStore(serving, "shop").prediction("a")
