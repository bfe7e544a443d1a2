"""Feedback that nothing could keep is not acknowledged, and none is asked for that cannot be."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from fastapi import HTTPException
from pydantic import ValidationError

from common.learning.schema import Feedback
from common.learning.store import FeedbackStore
from common.releases.registry import Registry
from common.serving.learning.feedback import Decision, FeedbackCollector, collect_feedback


def down(*_: object) -> None:
    raise OSError("no space left on device")


def said(collector: FeedbackCollector, identity: str) -> None:
    row = Feedback(id=identity, at=1.0, source="s", kind="bad", text="t")
    asyncio.run(collector.add(row))


def test_it_is_refused_where_neither_the_database_nor_the_file_takes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    collector = collect_feedback(Registry(tmp_path, "shop"), "shop")
    with monkeypatch.context() as broken:
        broken.setattr(FeedbackStore, "add", down)
        said(collector, "waits")
        broken.setattr("common.learning.spool.append_whole", down)
        with pytest.raises(HTTPException) as refused:
            said(collector, "lost")
    assert refused.value.status_code == 503
    said(collector, "written")
    collector.writer.start()
    collector.writer.stop()
    assert {row.id for row in collector.store.feedback()} == {"waits", "written"}


def test_an_id_that_no_database_holds_is_refused() -> None:
    with pytest.raises(ValidationError, match="pattern"):
        Decision(ids=["a", "a\x00b"], status="new")
