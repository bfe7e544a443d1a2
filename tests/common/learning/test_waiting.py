"""`learn --after 2` waits for two corrections, and for no more."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from common.learning import learn_cli
from common.learning.candidates.releasing import Learned
from common.learning.schema import Feedback
from common.learning.store import FeedbackStore
from common.storage.database import Database


def test_it_waits_until_there_are_so_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = Database(tmp_path / "bizlm.sqlite")
    store = FeedbackStore(database, "any")
    slept = []

    def add_one(seconds: float) -> None:
        slept.append(seconds)
        text = f"text {len(slept)}"
        store.add([Feedback(at=1.0, source="x", kind="correction", text=text)])

    monkeypatch.setattr(learn_cli.time, "sleep", add_one)
    learn_cli._wait_for(lambda: len(store.feedback()), 2, None)
    assert len(slept) == 2
    learn_cli._wait_for(lambda: len(store.feedback()), None, timedelta(0))
    assert len(slept) == 2
    database.close()


def test_it_goes_on_after_the_database_was_away(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    tried: list[int] = []
    monkeypatch.setattr(learn_cli.time, "sleep", slept.append)

    def once() -> Learned:
        tried.append(len(tried))
        if len(tried) == 1:
            raise OperationalError("select", {}, Exception("gone"))
        raise KeyboardInterrupt

    options: dict[str, Any] = {"every": None, "after": 2, "as_json": True}
    with pytest.raises(KeyboardInterrupt):
        learn_cli.run_learning(once, lambda: 2, lambda: None, **options)
    # The same corrections are taken, and nothing is asked of it in between.
    assert (tried, slept) == ([0, 1], [learn_cli.LOOK_SECONDS])
