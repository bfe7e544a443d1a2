from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from databases import KINDS, empty
from sample import Demo

from apps.customer_service.knowledge.schema import Knowledge
from apps.customer_service.knowledge.store import KnowledgeStore
from common.storage.database import Database


@pytest.fixture(params=KINDS, scope="module")
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of an empty database, of either kind."""
    with empty(request.param, tmp_path_factory.mktemp("database")) as found:
        yield found


@pytest.fixture
def kept(url: str) -> Iterator[KnowledgeStore]:
    """A store without a history."""
    database = Database(url)
    store = KnowledgeStore(database)
    with database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM knowledge")
    yield store
    database.close()


@pytest.fixture
def now(kept: KnowledgeStore) -> Callable[[], Knowledge]:
    """The knowledge as it is at this moment, without a release."""
    return lambda: Knowledge({}, kept.edited())


@pytest.fixture
def copied(demo: Demo, tmp_path: Path) -> Path:
    """A store of this test's own, with the demo's release in it."""
    copy = tmp_path / "var"
    shutil.copytree(demo.store, copy, symlinks=True, ignore=shutil.ignore_patterns("*.sqlite*"))
    return copy
