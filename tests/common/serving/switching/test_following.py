"""Machines whose servers follow one place: a promotion anywhere reaches all."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from object_store import BUCKET, ObjectStore, needs_moto, object_store

from common.errors import UserError
from common.releases.registry import Registry
from common.releases.release import Release, write_release
from common.releases.remote import following as remote_following
from common.releases.remote.following import Follower, begin_following
from common.releases.remote.place import Place
from common.releases.remote.pointer import read_pointer
from common.releases.remote.publishing import let_serve, publish, roll_back
from common.serving.switching import following
from common.serving.switching.following import Following
from common.serving.switching.following_cli import find_release
from common.serving.switching.live import LiveRelease

Wait = Callable[[Callable[[], bool]], None]
Ask = Callable[..., httpx.Response]


def _write(registry: Registry, content: str) -> str:
    def fill(directory: Path) -> None:
        (directory / "words.txt").write_text(content, encoding="utf-8")

    return write_release(registry.releases, fill, {"application": "test"}).release_id


@pytest.fixture
def shared(tmp_path: Path) -> str:
    """A place where one release serves, which the machine `first` has."""
    registry, url = Registry(tmp_path / "first", "test"), str(tmp_path / "shared")
    registry.promote(_write(registry, "one"))
    release = registry.open()
    publish(Place(url), "test", release)
    let_serve(Place(url), "test", release.release_id)
    return url


@pytest.fixture
def machines(tmp_path: Path, shared: str) -> list[Registry]:
    """Three, of which two begin empty."""
    found = [Registry(tmp_path / name, "test") for name in ("first", "second", "third")]
    for registry in found:
        begin_following(registry, shared)
    return found


@pytest.fixture
def followed(
    machines: list[Registry], shared: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[list[Registry]]:
    """As they are while their servers follow."""
    monkeypatch.setattr(following, "POLL_SECONDS", (0.02, 0.06))
    running = [Following(registry, shared) for registry in machines]
    for one in running:
        one.start()
    yield machines
    for one in running:
        one.stop()


def test_an_empty_machine_begins_with_what_serves(machines: list[Registry]) -> None:
    assert len({registry.current_id() for registry in machines} - {None}) == 1
    assert all(registry.open() for registry in machines)


def test_a_promotion_anywhere_reaches_all(followed: list[Registry], eventually: Wait) -> None:
    for number, registry in enumerate(followed):
        name = _write(registry, f"new {number}")
        registry.promote(name)
        eventually(lambda name=name: {one.current_id() for one in followed} == {name})
    assert all(len(registry.all()) == 4 for registry in followed)


def test_a_rollback_anywhere_reaches_all(
    followed: list[Registry], shared: str, eventually: Wait
) -> None:
    first = followed[0].current_id()
    second = _write(followed[0], "two")
    followed[0].promote(second)
    eventually(lambda: {one.current_id() for one in followed} == {second})
    followed[1].rollback()
    eventually(lambda: {one.current_id() for one in followed} == {first})
    # Nobody goes on to the release that was taken back.
    eventually(lambda: [one.previous_id() for one in followed] == [None] * 3)
    with pytest.raises(UserError, match="no earlier release"):
        roll_back(Place(shared), "test")


def test_what_was_published_last_wins(machines: list[Registry], shared: str) -> None:
    ours, theirs = (_write(machines[at], f"{at}") for at in (0, 1))
    machines[0].promote(ours)
    machines[1].promote(theirs)
    for at in (0, 1, 0):
        Follower(machines[at], shared).step()
    assert [one.current_id() for one in machines[:2]] == [ours, ours]


def test_a_server_switches_as_by_a_promotion_here(
    followed: list[Registry], shared: str, eventually: Wait
) -> None:
    live = LiveRelease(followed[2], lambda release: (release.directory / "words.txt").read_text())
    live.start()
    other = followed[0]
    name = _write(other, "two")
    publish(Place(shared), "test", other.open(name))
    let_serve(Place(shared), "test", name)
    eventually(lambda: live.current == "two")
    live.stop()


@needs_moto
def test_while_the_store_is_down_what_serves_goes_on(
    tmp_path: Path,
    eventually: Wait,
    new_app: Callable[..., FastAPI],
    ask: Ask,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(following, "POLL_SECONDS", (0.02, 0.06))
    monkeypatch.setattr(following, "MOST_SECONDS", 0.1)
    url, registry = f"s3://{BUCKET}/releases", Registry(tmp_path / "here", "test")
    caplog.set_level(logging.INFO)
    with object_store() as store:
        registry.promote(_write(registry, "one"))
        _publish(registry, url)
        follow = Following(registry, url)
        app = new_app()
        app.state.follow(follow)

        def reasons() -> dict[str, str]:
            return ask(app, "GET", "/readyz").json()["reasons"]

        def metric() -> str:
            found = ask(app, "GET", "/metrics").text.splitlines()
            return next(line for line in found if line.startswith("bizlm_releases_unfollowed"))

        follow.start()
        eventually(lambda: registry.root.joinpath("followed.json").exists())
        assert (reasons(), metric()) == ({}, "bizlm_releases_unfollowed 0.0")
        before = registry.current_id()
        store.stop()
        eventually(lambda: "does not answer" in reasons().get("releases_from", ""))
        assert metric() == "bizlm_releases_unfollowed 1.0"
        assert ask(app, "GET", "/readyz").status_code == 200
        assert registry.current_id() == before
        _begin_again(store, registry, url)
        eventually(lambda: reasons() == {})
        follow.stop()
    told = [one.message for one in caplog.records if one.name == following.__name__]
    assert [one.partition(":")[0] for one in told] == [
        "releases cannot be followed, what serves goes on",
        "releases are followed again",
    ]


def _publish(registry: Registry, url: str) -> None:
    publish(Place(url), "test", registry.open())
    let_serve(Place(url), "test", registry.open().release_id)


def _begin_again(store: ObjectStore, registry: Registry, url: str) -> None:
    # The server keeps nothing: what was published is brought there once more.
    store.start()
    _publish(registry, url)


def test_damage_there_is_told_and_not_served(
    followed: list[Registry], shared: str, tmp_path: Path, eventually: Wait
) -> None:
    other = Registry(tmp_path / "other", "test")
    name = _write(other, "two")
    publish(Place(shared), "test", other.open(name))
    words = tmp_path / "shared" / "test" / "releases" / name / "words.txt"
    words.write_text("twO", encoding="utf-8")
    before = followed[0].current_id()
    let_serve(Place(shared), "test", name)
    follow = Following(Registry(tmp_path / "fourth", "test"), shared)
    follow.start()
    eventually(lambda: "was changed" in (follow.trouble or ""))
    assert {one.current_id() for one in followed} == {before}
    words.write_text("two", encoding="utf-8")
    let_serve(Place(shared), "test", name)
    eventually(lambda: {one.current_id() for one in followed} == {name})
    follow.stop()


def test_what_is_damaged_is_left_alone_until_something_is_published(
    machines: list[Registry], shared: str, tmp_path: Path
) -> None:
    name = _write(machines[0], "two")
    publish(Place(shared), "test", machines[0].open(name))
    let_serve(Place(shared), "test", name)
    words = tmp_path / "shared" / "test" / "releases" / name / "words.txt"
    words.write_text("twO", encoding="utf-8")
    follower = Follower(machines[1], shared)
    with pytest.raises(UserError, match="was changed"):
        follower.step()
    words.unlink()
    with pytest.raises(UserError, match="was changed"):
        follower.step()
    publish(Place(shared), "test", machines[0].open(name))
    let_serve(Place(shared), "test", name)
    follower.step()
    assert machines[1].current_id() == name


def test_a_decision_during_an_upload_is_newer(
    machines: list[Registry], shared: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = machines[0].current_id()
    for content in ("two", "three"):
        machines[0].promote(_write(machines[0], content))
        before = machines[0].current_id()
        if content == "two":
            Follower(machines[0], shared).step()

    def meanwhile(place: Place, application: str, release: Release) -> int:
        copied = publish(place, application, release)
        roll_back(place, application)
        return copied

    monkeypatch.setattr(remote_following, "publish", meanwhile)
    assert machines[0].current_id() == before
    for _ in range(2):
        Follower(machines[0], shared).step()
    assert machines[0].current_id() == first
    found = read_pointer(Place(shared), "test")
    assert found and found.release_id == first


@pytest.mark.parametrize("damage", ["missing", "changed"])
def test_a_server_begins_with_a_whole_release(
    damage: str, machines: list[Registry], shared: str
) -> None:
    directory = machines[1].open().directory
    if damage == "missing":
        shutil.rmtree(directory)
    else:
        (directory / "words.txt").write_text("onE", encoding="utf-8")
    begin_following(machines[1], shared)
    assert machines[1].open().directory == directory


def test_each_worker_tells_of_the_trouble(
    machines: list[Registry], shared: str, monkeypatch: pytest.MonkeyPatch, eventually: Wait
) -> None:
    monkeypatch.setattr(following, "POLL_SECONDS", (0.02, 0.06))
    workers = [Following(machines[1], shared) for _ in range(2)]
    workers[0].start()
    shared_path = Path(shared)
    shared_path.rename(f"{shared}-away")
    told = "no release was published there yet"
    eventually(lambda: all(told in str(one.reasons) for one in workers))
    Path(f"{shared}-away").rename(shared)
    eventually(lambda: all(one.reasons == {} for one in workers))
    workers[0].stop()


def test_of_several_processes_one_follows(machines: list[Registry], shared: str) -> None:
    one, other = Follower(machines[0], shared), Follower(machines[0], shared)
    assert one.follows()
    assert not other.follows()
    one.leave()
    assert other.follows()
    other.leave()


def test_without_the_store_what_is_here_serves(
    machines: list[Registry], shared: str, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(shared)
    begin_following(machines[1], shared)
    assert "no release was published there yet" in capsys.readouterr().err


def test_with_nothing_anywhere_no_server_begins(tmp_path: Path) -> None:
    registry = Registry(tmp_path / "here", "test")
    with pytest.raises(UserError, match="no release was published there yet"):
        find_release(registry, str(tmp_path / "shared"))
    with pytest.raises(UserError, match="there is no release yet"):
        find_release(registry, None)
    with pytest.raises(UserError, match="always the same one serves"):
        find_release(registry, str(tmp_path / "shared"), "one")


def test_another_place_is_followed_anew(machines: list[Registry], shared: str) -> None:
    registry = machines[0]
    registry.promote(_write(registry, "two"))
    Path(shared).rename(f"{shared}-2")
    Follower(registry, f"{shared}-2").step()
    found = read_pointer(Place(f"{shared}-2"), "test")
    assert found and registry.current_id() == found.release_id
