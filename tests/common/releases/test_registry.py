from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from common.errors import RefusedError, UserError
from common.evaluation.compare import Difference, paired_bootstrap
from common.releases import gate
from common.releases.promoting import promote_past
from common.releases.registry import Registry
from common.releases.release import Release, open_release, write_release


def _write(registry: Registry, content: str) -> Release:
    def fill(directory: Path) -> None:
        (directory / "model").mkdir()
        (directory / "model" / "weights").write_text(content, encoding="utf-8")

    return write_release(registry.releases, fill, {"application": "test", "after": {"f1": 0.5}})


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path, "test")


def test_a_release_is_read_back_with_its_manifest(registry: Registry) -> None:
    written = _write(registry, "a")
    opened = open_release(written.directory)
    assert opened.manifest == written.manifest
    assert opened.manifest["after"] == {"f1": 0.5}
    assert list(opened.manifest["files"]) == ["model/weights"]
    assert {"release_id", "created", "content", "libraries"} <= opened.manifest.keys()


def test_the_name_tells_the_content(registry: Registry) -> None:
    ids = [_write(registry, content).release_id for content in ("a", "b")]
    assert ids[0][-6:] != ids[1][-6:]
    assert [release.release_id for release in registry.all()] == sorted(ids)


def test_the_same_files_released_twice_in_a_second_are_two_releases(registry: Registry) -> None:
    written = [_write(registry, "a") for _ in range(3)]
    assert len({one.release_id for one in written}) == 3
    assert [open_release(one.directory).release_id for one in written] == [
        one.release_id for one in registry.all()
    ]
    assert len({one.manifest["content"] for one in written}) == 1


def test_writing_that_fails_leaves_nothing(registry: Registry) -> None:
    def fail(directory: Path) -> None:
        (directory / "half").write_text("half", encoding="utf-8")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_release(registry.releases, fail, {})
    assert registry.all() == []
    assert list(registry.releases.iterdir()) == []


@pytest.mark.parametrize("change", ["changed", "missing", "added", "manifest"])
def test_a_release_that_is_not_as_it_was_is_refused(registry: Registry, change: str) -> None:
    directory = _write(registry, "a").directory
    weights = directory / "model" / "weights"
    match change:
        case "changed":
            weights.write_text("b", encoding="utf-8")
        case "missing":
            weights.unlink()
        case "added":
            (directory / "model" / "more").write_text("x", encoding="utf-8")
        case "manifest":
            (directory / "manifest.json").write_text("[]", encoding="utf-8")
    with pytest.raises(UserError, match=r"cannot be opened|another format"):
        open_release(directory)


def test_promoting_and_rolling_back(registry: Registry) -> None:
    first, second = _write(registry, "a"), _write(registry, "b")
    assert registry.current_id() is None
    registry.promote(first.release_id)
    registry.promote(second.release_id)
    assert registry.open().release_id == second.release_id
    assert registry.rollback().release_id == first.release_id
    assert registry.current_id() == first.release_id
    with pytest.raises(UserError, match="no earlier release"):
        registry.rollback()


def test_a_release_that_does_not_exist_names_the_nearest(registry: Registry) -> None:
    release_id = _write(registry, "a").release_id
    with pytest.raises(UserError, match=f"Did you mean {release_id}"):
        registry.promote(release_id[:-1])
    for name in ("../test", ".", "nothing/.."):
        with pytest.raises(UserError, match="no release"):
            registry.open(name)


def test_a_reader_sees_one_release_or_the_other(registry: Registry) -> None:
    ids = {_write(registry, content).release_id for content in ("a", "b")}
    registry.promote(min(ids))
    seen: set[str | None] = set()
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            seen.add(registry.current_id())

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(100):
        for release_id in ids:
            registry.promote(release_id)
    stop.set()
    reader.join()
    assert seen == ids


def test_the_gate_passes_what_is_shown_to_be_no_worse() -> None:
    assert "No worse" in gate.check("right", Difference(0.9, 0.91, -0.01, 0.03, 1000))
    assert "No worse" in gate.check("right", Difference(0.9, 0.9, 0.0, 0.0, 9))


def test_the_gate_refuses_what_is_clearly_worse() -> None:
    worse = Difference(0.9, 0.8, -0.15, -0.05, 100)
    with pytest.raises(RefusedError, match=r"worse: right 90\.0% → 80\.0%") as caught:
        gate.check("right", worse)
    assert caught.value.exit_code == 3
    with pytest.raises(RefusedError):
        gate.check("right", worse, insisted=True)


def test_where_too_few_records_tell_the_better_figure_wins() -> None:
    # Nine questions: the interval of the difference includes zero, and shows nothing.
    lower = paired_bootstrap([1, 1, 1, 1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 0, 0, 0, 1, 0])
    assert lower.low < 0 <= lower.high
    with pytest.raises(RefusedError, match=r"77\.8% → 55\.6%.*records would show it"):
        gate.check("right", lower)
    assert "as you asked" in gate.check("right", lower, insisted=True)
    higher = paired_bootstrap([1, 1, 1, 1, 0, 0, 0, 1, 0], [1, 1, 1, 1, 1, 1, 1, 0, 0])
    assert "on its figure" in gate.check("right", higher)


def test_the_gate_refuses_what_is_worse_for_a_group_however_good_it_is_on_the_whole() -> None:
    groups = [("zh",)] * 40 + [("en",)] * 400
    before = [1.0] * 30 + [0.0] * 10 + [0.0] * 100 + [1.0] * 300
    after = [0.0] * 30 + [0.0] * 10 + [1.0] * 400
    with pytest.raises(RefusedError, match=r"worse for zh \(75.0% → 0.0% of 40\)"):
        gate.check_groups(before, after, groups)
    gate.check_groups(before, [*before[:40], *after[40:]], groups)
    # Of many, a few that turned are a loss that the margin allows.
    gate.check_groups([1.0] * 2000, [0.0] * 20 + [1.0] * 1980, [("en",)] * 2000)


def test_how_much_a_group_may_lose_is_stated() -> None:
    before, after = [1.0] * 200, [0.0] * 20 + [1.0] * 180
    with pytest.raises(RefusedError, match=r"a group may lose 5\.0% of its figure") as caught:
        gate.check_groups(before, after, [("en",)] * 200, 0.05)
    assert "To promote it all the same" in str(caught.value.hint)
    with pytest.raises(RefusedError, match=r"Allow more \(train --max-group-loss\)"):
        gate.check_groups(before, after, [("en",)] * 200, 0.05, "train --max-group-loss")
    gate.check_groups(before, after, [("en",)] * 200, 0.1)


def test_as_many_records_as_the_gate_asks_for_show_it() -> None:
    margin = gate.MARGIN * 0.5
    random = np.random.default_rng(0)
    few = random.random((2, 400)) < 0.5
    needed = gate.records_to_show(paired_bootstrap(*few), margin)
    assert needed > 400
    # A candidate that is as good: the same figure, other records right.
    before = np.arange(needed) % 2
    shown = paired_bootstrap(before, before[random.permutation(needed)])
    assert shown.low == pytest.approx(-margin, abs=margin / 3)


def test_a_line_that_was_cut_off_hides_no_other_release_that_was_withdrawn(
    registry: Registry,
) -> None:
    old, new = _write(registry, "a").release_id, _write(registry, "b").release_id
    for name in (old, new):
        registry.promote(name)
    (registry.root / "withdrawn.jsonl").write_text('{"release_id": "x", "w', encoding="utf-8")
    registry.withdraw(new, "worse")
    assert registry.withdrawn() == {new: "worse"}


def test_a_candidate_is_held_to_whatever_serves_when_it_is_promoted(registry: Registry) -> None:
    first, better, candidate = (_write(registry, content) for content in "abc")
    registry.promote(first.release_id)
    held_to = []

    def hold(serving: Release) -> None:
        held_to.append(serving.release_id)
        if serving.release_id == better.release_id:
            raise RefusedError("worse")
        # Another process promotes while this one measures.
        registry.promote(better.release_id)

    with pytest.raises(RefusedError, match="worse"):
        promote_past(registry, candidate, hold)
    assert held_to == [first.release_id, better.release_id]
    assert registry.current_id() == better.release_id
    assert promote_past(registry, candidate, lambda _: None)
    assert (registry.current_id(), registry.previous_id()) == (
        candidate.release_id,
        better.release_id,
    )


def test_what_was_judged_against_none_gives_way_to_a_first_release(registry: Registry) -> None:
    first, other = (_write(registry, content).release_id for content in "ab")
    assert registry.promote_over(None, first)
    assert not registry.promote_over(None, other)
    assert registry.current_id() == first


def test_what_is_promoted_during_a_rollback_is_not_lost(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third = (_write(registry, content).release_id for content in "abc")
    for name in (first, second):
        registry.promote(name)
    opened = Registry.open
    other = threading.Thread(target=Registry(registry.root.parent, "test").promote, args=(third,))

    def slow(self: Registry, release_id: str | None = None) -> Release:
        if release_id == first:
            other.start()
            other.join(0.5)
        return opened(self, release_id)

    monkeypatch.setattr(Registry, "open", slow)
    registry.withdraw(second, "worse")
    other.join()
    assert (registry.current_id(), registry.previous_id()) == (third, first)
