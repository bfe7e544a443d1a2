"""`learn --after 2` waits for two corrections, and for no more."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from common.learning import learn_cli
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
