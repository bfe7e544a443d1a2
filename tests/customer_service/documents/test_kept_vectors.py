"""A server that starts again over documents that it has read."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from sample import Demo, Run

from apps.customer_service.answers.answering import Answerer
from apps.customer_service.documents.quoting import Documents
from apps.customer_service.documents.reading import read_documents
from apps.customer_service.documents.release import with_documents
from apps.customer_service.knowledge import reading
from apps.customer_service.release import load_release
from apps.customer_service.server import build_app
from common.releases.registry import Registry

PAGE = "# Lockers\n\nThe lockers cost {price} a day. Bring your own padlock for them.\n"
OTHER = "# Library\n\nThe library lends books for three weeks. Late ones cost a penny a day.\n"


@pytest.fixture(scope="module")
def store(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = tmp_path_factory.mktemp("kept") / "var"
    shutil.copytree(demo.store, copy, symlinks=True, ignore=shutil.ignore_patterns("*.sqlite*"))
    return copy


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "handbook"
    made.mkdir()
    (made / "lockers.md").write_text(PAGE.format(price="two pounds"), encoding="utf-8")
    (made / "library.md").write_text(OTHER, encoding="utf-8")
    return made


@contextmanager
def _read_by_the_model() -> Iterator[list[str]]:
    read: list[str] = []
    understand = Answerer.understand

    def watched(self: Answerer, questions: Sequence[str]) -> object:
        read.extend(questions)
        return understand(self, questions)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Answerer, "understand", watched)
        yield read


@pytest.fixture
def start(store: Path, folder: Path) -> Callable[[], list[str]]:
    def started() -> list[str]:
        with _read_by_the_model() as read:
            build_app(
                Registry(store, "customer_service"),
                device="cpu",
                documents=[folder],
                database=store.parent / "kept.sqlite",
            )
        return read

    return started


def test_a_second_start_reads_nothing_and_a_changed_page_alone_is_read(
    start: Callable[[], list[str]], folder: Path
) -> None:
    assert any("padlock" in one for one in start())
    assert start() == []
    (folder / "lockers.md").write_text(PAGE.format(price="six pounds"), encoding="utf-8")
    read = start()
    assert any("six pounds" in one for one in read)
    assert not any("three weeks" in one for one in read)


def test_a_purge_deletes_the_vectors(start: Callable[[], list[str]], store: Path, run: Run) -> None:
    start()
    kept = store / "customer_service" / reading.VECTORS
    assert list(kept.rglob("*.npy"))
    assert run("feedback", "purge", "--text", "padlock", "--store", store).returncode == 0
    assert not list(kept.rglob("*.npy"))
    assert any("padlock" in one for one in start())


def test_a_purge_tells_which_vectors_it_could_not_delete(
    start: Callable[[], list[str]], store: Path, run: Run, tmp_path: Path
) -> None:
    kept = store / "customer_service" / reading.VECTORS
    shutil.rmtree(kept, ignore_errors=True)
    # A disk of its own: what a link leads to is not deleted.
    kept.symlink_to(tmp_path)
    try:
        start()
        done = run("feedback", "purge", "--text", "padlock", "--store", store)
        assert f"could not be deleted; delete them: {kept}" in done.stderr
        assert list(tmp_path.rglob("*.npy"))
    finally:
        kept.unlink()


def test_where_they_cannot_be_kept_it_serves_all_the_same(
    start: Callable[[], list[str]], store: Path
) -> None:
    kept = store / "customer_service" / reading.VECTORS
    shutil.rmtree(kept, ignore_errors=True)
    kept.write_text("in the way")
    try:
        assert any("padlock" in one for one in start())
    finally:
        kept.unlink()


def test_what_is_read_beyond_the_memory_is_not_forgotten_all_at_once(
    demo: Demo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MOST_IN_MEMORY", 3)
    release = Registry(demo.store, "customer_service").open()
    reader = reading.Reader(load_release(release, device="cpu"))
    with _read_by_the_model() as read:
        reader.vectors(["one", "two", "three", "four"])
        reader.vectors(["two", "three", "four"])
        assert read == ["one", "two", "three", "four"]
        reader.vectors(["five"])
        reader.vectors(["three", "four", "five"])
        assert read[4:] == ["five"]


def test_vectors_that_cannot_be_read_do_not_end_a_start(
    start: Callable[[], list[str]], store: Path
) -> None:
    start()
    keys = next((store / "customer_service" / reading.VECTORS).rglob("*.keys"))
    keys.unlink()
    keys.mkdir()
    try:
        assert any("padlock" in one for one in start())
    finally:
        keys.rmdir()


def test_of_two_threads_neither_takes_the_other_s_vectors_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reading, "MOST_IN_MEMORY", 1)
    others: list[threading.Thread] = []

    def understand(texts: Sequence[str]) -> list[SimpleNamespace]:
        if "second" in texts:
            others.append(threading.Thread(target=reader.vectors, args=(["third", "fourth"],)))
            others[0].start()
            # It waits for this one, or has deleted "first" by now.
            others[0].join(timeout=2)
        return [SimpleNamespace(vector=np.full(2, len(text), np.float32)) for text in texts]

    answerer: Any = SimpleNamespace(understand=understand)
    reader = reading.Reader(answerer)
    reader.vectors(["first"])
    assert reader.vectors(["first", "second"])[:, 0].tolist() == [5.0, 6.0]
    others[0].join()


def test_documents_are_quoted_within_the_promise_of_the_release(demo: Demo, folder: Path) -> None:
    answerer = load_release(Registry(demo.store, "customer_service").open(), device="cpu")
    found = with_documents(answerer, read_documents([folder])).documents
    assert isinstance(found, Documents)
    assert found.confidence.budget == 0.2, "as it was trained with --max-wrong 0.2"
