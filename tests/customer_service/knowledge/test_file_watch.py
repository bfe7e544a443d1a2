"""A file that is the truth, also for a release that is promoted while it is watched."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from apps.customer_service.knowledge.schema import Edit, Knowledge
from apps.customer_service.knowledge.serving import watching
from apps.customer_service.knowledge.serving.watching import FileWatch
from apps.customer_service.schema import Faq


class Live:
    """What serves: a release, and what was edited since."""

    def __init__(self, *released: Faq) -> None:
        self.release_id = "first"
        self.knowledge = Knowledge({faq.id: faq for faq in released})

    def promote(self, release_id: str, *released: Faq) -> None:
        self.release_id = release_id
        self.knowledge = Knowledge({faq.id: faq for faq in released}, self.knowledge.edited)

    def write(
        self, edit: Callable[[Knowledge], Sequence[Edit]], **_: object
    ) -> tuple[int, Sequence[Edit]]:
        edits = edit(self.knowledge)
        self.knowledge = self.knowledge.after([*edits])
        return 1, edits


def _faq(name: str) -> Faq:
    return Faq(id=name, question=f"What of {name}?", answer=f"All of {name}.", language="en")


def test_what_another_release_holds_beside_the_file_is_removed(tmp_path: Path) -> None:
    table = tmp_path / "faqs.csv"
    table.write_text("id,question,answer\na,What of a?,All of a.\n", encoding="utf-8")
    live: Any = Live(_faq("a"), _faq("b"))
    watch = FileWatch(live, table)
    watch.look()
    watch.look()
    assert [*live.knowledge.live] == ["a"]
    live.promote("second", _faq("a"), _faq("c"))
    watch.look()
    assert [*live.knowledge.live] == ["a"]


def test_a_table_that_could_not_be_opened_for_a_moment_is_read_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tmp_path / "faqs.csv"
    table.write_text("id,question,answer\na,What of a?,All of a.\n", encoding="utf-8")
    live: Any = Live()
    watch = FileWatch(live, table)

    def refuses(path: Path) -> str:
        raise PermissionError(13, "Permission denied", str(path))

    with monkeypatch.context() as outage:
        outage.setattr(watching, "file_sha256", refuses)
        watch.look()
        watch.look()
        assert watch.trouble
    watch.look()
    assert [*live.knowledge.live] == ["a"]
    assert watch.trouble is None
