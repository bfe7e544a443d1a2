"""The weights of a base are kept once, for all releases that need them and no longer."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.errors import UserError
from common.releases.pruning import prune
from common.releases.registry import Registry
from common.releases.release import Release, write_release

WEIGHTS = b"b" * 100_000


def _write(registry: Registry, content: str) -> Release:
    def fill(directory: Path) -> None:
        base = directory / "model" / "base"
        base.mkdir(parents=True)
        (base / "model.safetensors").write_bytes(WEIGHTS)
        (directory / "content").write_text(content, encoding="utf-8")

    return write_release(registry.releases, fill, {"application": "test"})


def _base(release: Release) -> Path:
    return release.directory / "model" / "base" / "model.safetensors"


def test_releases_of_all_applications_share_it(tmp_path: Path) -> None:
    releases = [_write(Registry(tmp_path, name), name) for name in ("one", "other")]
    (kept,) = (tmp_path / "bases").iterdir()
    assert all(_base(release).samefile(kept) for release in releases)
    assert kept.stat().st_nlink == 3
    assert Registry(tmp_path, "one").open(releases[0].release_id)


def test_it_goes_with_the_last_release_that_needs_it(tmp_path: Path) -> None:
    one, other = Registry(tmp_path, "one"), Registry(tmp_path, "other")
    _write(one, "first")
    last = _write(other, "second")
    assert prune(one, 0).freed < len(WEIGHTS)
    assert other.open(last.release_id)
    assert prune(other, 0, dry_run=True).freed >= len(WEIGHTS)
    assert _base(last).exists()
    # Whoever opened a release keeps it, until nobody holds it any more.
    assert prune(other, 0).freed >= len(WEIGHTS)
    assert not list((tmp_path / "bases").iterdir())


def test_a_kept_base_that_was_changed_is_not_passed_on(tmp_path: Path) -> None:
    registry = Registry(tmp_path, "one")
    first = _write(registry, "first")
    _base(first).write_bytes(b"x" * len(WEIGHTS))
    with pytest.raises(UserError, match=r"base/model\.safetensors was changed"):
        registry.open(first.release_id)
    second = _write(registry, "second")
    assert registry.open(second.release_id)
    assert not _base(first).samefile(_base(second))
