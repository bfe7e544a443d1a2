"""Old releases go; nothing that is needed, and nothing half."""

from __future__ import annotations

import os
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from common.cli import new_app
from common.errors import UserError
from common.releases.pruning import prune
from common.releases.registry import Registry
from common.releases.release import Release, write_release
from common.releases.releases_cli import add_release_verbs

WEIGHTS = b"w" * 100_000


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path, "test")


def write(registry: Registry, number: int, shared: Path | None = None, **more: Any) -> Release:
    def fill(directory: Path) -> None:
        if shared is None:
            (directory / "weights").write_bytes(WEIGHTS)
        else:
            os.link(shared / "weights", directory / "weights")
        (directory / "content").write_text(f"{number:03}", encoding="utf-8")

    made = write_release(registry.releases, fill, {"application": "test", **more})
    # Releases of one second are in no order of time.
    name = f"2026-01-01T000000-{number:06}"
    manifest = made.directory / "manifest.json"
    text = manifest.read_text(encoding="utf-8").replace(made.release_id, name)
    manifest.write_text(text, encoding="utf-8")
    made.directory.rename(registry.releases / name)
    return registry.open(name)


def ids(registry: Registry) -> list[int]:
    return [int(release.release_id[-6:]) for release in registry.all()]


def make(registry: Registry, count: int) -> list[str]:
    return [write(registry, number).release_id for number in range(count)]


def test_the_newest_stay_and_what_serves_and_served_before(registry: Registry) -> None:
    names = make(registry, 8)
    for number in (3, 1, 0):
        registry.promote(names[number])
    plan = prune(registry, 2, dry_run=True)
    assert ids(registry) == list(range(8))
    found = prune(registry, 2)
    assert found == plan
    assert ids(registry) == [0, 1, 6, 7]
    assert found.release_ids == [names[number] for number in (2, 3, 4, 5)]
    assert registry.current_id() == names[0]
    assert registry.rollback().release_id == names[1]
    # The one before that is gone, and so are the traces of it.
    with pytest.raises(UserError, match="no earlier release"):
        registry.rollback()


def test_what_the_serving_release_learned_from_stays(registry: Registry) -> None:
    names = make(registry, 4)
    learned = write(registry, 5, parent=names[1], learned={}).release_id
    del names[2:]
    registry.promote(learned)
    make_more = [write(registry, number).release_id for number in (6, 7)]
    prune(registry, 1)
    assert ids(registry) == [1, 5, 7]
    assert make_more[1].endswith("7")


def test_those_that_learned_may_go_alone(registry: Registry) -> None:
    make(registry, 3)
    for number in range(3, 7):
        write(registry, number, learned={})
    prune(registry, 2, learned_only=True)
    assert ids(registry) == [0, 1, 2, 5, 6]


def test_what_is_open_stays_until_it_is_not(registry: Registry) -> None:
    names = make(registry, 3)
    reader = registry.open(names[0])
    found = prune(registry, 1)
    assert found.in_use == [names[0]]
    assert (reader.directory / "content").read_text(encoding="utf-8") == "000"
    del reader
    assert prune(registry, 1).release_ids == [names[0]]
    with pytest.raises(UserError, match="no release"):
        registry.open(names[0])


def test_room_that_others_share_is_not_freed(registry: Registry) -> None:
    first = write(registry, 0).directory
    for number in (1, 2):
        write(registry, number, first)
    write(registry, 3)
    assert prune(registry, 3, dry_run=True).freed < len(WEIGHTS)
    assert prune(registry, 2, dry_run=True).freed < len(WEIGHTS)
    assert prune(registry, 1).freed >= len(WEIGHTS)


def test_what_a_killed_run_left_is_no_release_and_goes(registry: Registry) -> None:
    make(registry, 2)
    left = registry.releases / ".pruned-2026-01-01T000000-000000"
    shutil.copytree(registry.all()[0].directory, left)
    (left / "weights").unlink()
    assert ids(registry) == [0, 1]
    prune(registry, 5)
    assert not left.exists()


def test_nothing_is_pruned_from_under_a_promotion(registry: Registry) -> None:
    names = make(registry, 30)
    registry.promote(names[0])
    stop = threading.Event()

    def promote() -> None:
        while not stop.is_set():
            for name in names:
                with suppress(UserError):
                    registry.promote(name)

    promoting = threading.Thread(target=promote)
    promoting.start()
    for keep in range(29, 0, -1):
        prune(registry, keep)
        # What serves is there, whole.
        assert registry.open().release_id in names
    stop.set()
    promoting.join()


def test_several_may_prune_at_once(registry: Registry) -> None:
    names = make(registry, 40)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda keep: prune(registry, keep), [20, 10, 5, 2] * 3))
    assert ids(registry) == [38, 39]
    gone = [name for one in found for name in one.release_ids]
    # Each by one of them; what another was about to delete is not in use for ever.
    assert sorted(gone) == names[:38]
    assert not list(registry.releases.glob(".*"))


def test_the_verb_says_what_went(registry: Registry, capsys: pytest.CaptureFixture[str]) -> None:
    names = make(registry, 3)
    app = new_app("Test.")
    add_release_verbs(app, "test", (), Path("card.toml"))
    store = str(registry.root.parent)
    arguments = ["releases", "prune", "--keep", "1", "--store", store]
    app([*arguments, "--dry-run"], standalone_mode=False)
    assert len(registry.all()) == 3
    assert f"Would go: {names[0]}" in capsys.readouterr().out
    app(arguments, standalone_mode=False)
    said = capsys.readouterr()
    assert f"Gone: {names[0]}" in said.out
    assert "0.2 MB" in said.err
    assert len(registry.all()) == 1
