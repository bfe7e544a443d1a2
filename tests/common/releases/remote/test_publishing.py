"""Releases at a place that all machines reach, in a directory and in a real S3 server."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from common.errors import UserError
from common.releases.registry import Registry
from common.releases.release import MANIFEST, Release, open_release, write_release
from common.releases.remote import fetching
from common.releases.remote.fetching import fetch, is_below
from common.releases.remote.place import Place, StoppedError, UnreachableError
from common.releases.remote.pointer import read_pointer, write_pointer
from common.releases.remote.publishing import let_serve, publish, roll_back

Write = Callable[[Registry, str], Release]
Machine = Callable[[str], Registry]
ROOT = Path(__file__).parents[4]


def test_a_release_arrives_as_it_was(url: str, machine: Machine, write: Write) -> None:
    place, release = Place(url), write(machine("here"), "one")
    assert publish(place, "test", release) > 100_000
    let_serve(place, "test", release.release_id)
    pointer = read_pointer(place, "test")
    assert pointer and pointer.release_id == release.release_id
    fetched = fetch(place, machine("there"), "test", release.release_id, pointer.manifest)
    assert open_release(fetched).manifest == release.manifest
    assert publish(place, "test", release) == 0


def test_nothing_is_there_before_the_manifest(url: str, machine: Machine, write: Write) -> None:
    place, release = Place(url), write(machine("here"), "one")
    for name in release.manifest["files"]:
        place.put(f"test/releases/{release.release_id}/{name}", release.directory / name)
    with pytest.raises(UserError, match="was not published"):
        let_serve(place, "test", release.release_id)
    with pytest.raises(UserError, match="was not published"):
        fetch(place, machine("there"), "test", release.release_id, None)
    assert publish(place, "test", release) == 0
    assert fetch(place, machine("there"), "test", release.release_id, None).is_dir()


def test_an_upload_that_was_cut_off_is_gone_on_with(
    url: str, machine: Machine, write: Write
) -> None:
    place, release = Place(url), write(machine("here"), "one")
    place.write(f"test/releases/{release.release_id}/model/weights", b"w" * 70)
    publish(place, "test", release)
    assert fetch(place, machine("there"), "test", release.release_id, None).is_dir()


def test_what_was_deleted_there_is_brought_again(url: str, machine: Machine, write: Write) -> None:
    place, release = Place(url), write(machine("here"), "one")
    publish(place, "test", release)
    place.write(f"test/releases/{release.release_id}/words.txt", b"")
    assert publish(place, "test", release) == len("one")
    assert fetch(place, machine("there"), "test", release.release_id, None).is_dir()


def test_nothing_is_copied_where_there_is_no_room(
    url: str, machine: Machine, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, release, there = Place(url), write(machine("here"), "one"), machine("there")
    publish(place, "test", release)
    usage = shutil.disk_usage(there.root.parent.parent)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=100_000))
    with pytest.raises(UserError, match="no room for a release"):
        fetch(place, there, "test", release.release_id, None)
    assert there.all() == []


def test_one_can_roll_back_there(url: str, machine: Machine, write: Write) -> None:
    place, here = Place(url), machine("here")
    names = []
    for content in ("one", "two", "three"):
        names.append(write(here, content).release_id)
        publish(place, "test", here.open(names[-1]))
        let_serve(place, "test", names[-1])
    assert roll_back(place, "test").release_id == names[1]
    assert roll_back(place, "test").release_id == names[0]
    with pytest.raises(UserError, match="no earlier release"):
        roll_back(place, "test")


@pytest.mark.parametrize(
    "name", ["../out", "/etc/passwd", "model/../../out", "a\\..\\b", "a//b", "", ".", "a\nb"]
)
def test_no_path_leads_outside(name: str, url: str, machine: Machine, write: Write) -> None:
    assert not is_below(name)
    place, release, there = Place(url), write(machine("here"), "one"), machine("there")
    files = {name: release.manifest["files"]["words.txt"]}
    content = hashlib.sha256(json.dumps(files).encode()).hexdigest()
    release_id = f"evil-{content[:6]}"
    manifest = release.manifest | {"files": files, "release_id": release_id}
    place.write(f"test/releases/{release_id}/{MANIFEST}", json.dumps(manifest).encode())
    with pytest.raises(UserError, match="it names a file"):
        fetch(place, there, "test", release_id, None)
    assert there.all() == []


def test_a_name_that_is_a_path_is_refused(url: str, machine: Machine) -> None:
    with pytest.raises(UserError, match="no name of a release"):
        fetch(Place(url), machine("there"), "test", "../../x", None)
    Place(url).write("test/current", b'{"release_id": "../x", "manifest": "0", "at": "now"}')
    with pytest.raises(UserError, match="is damaged"):
        read_pointer(Place(url), "test")


@pytest.mark.parametrize("damage", ["words.txt", MANIFEST])
def test_what_was_changed_there_is_not_taken(
    damage: str, url: str, machine: Machine, write: Write
) -> None:
    place, release, there = Place(url), write(machine("here"), "one"), machine("there")
    publish(place, "test", release)
    pointer = let_serve(place, "test", release.release_id)
    name = f"test/releases/{release.release_id}/{damage}"
    place.write(name, (place.read(name) or b"").replace(b"e", b"E", 1))
    with pytest.raises(UserError, match=r"was changed|another one than was published"):
        fetch(place, there, "test", release.release_id, pointer.manifest)
    assert there.all() == []
    assert not list(there.releases.glob(f"{fetching.FETCHING}*"))


def test_a_damaged_copy_here_is_fetched_again(url: str, machine: Machine, write: Write) -> None:
    place, release, there = Place(url), write(machine("here"), "one"), machine("there")
    publish(place, "test", release)
    fetched = fetch(place, there, "test", release.release_id, None)
    (fetched / "words.txt").write_text("other", encoding="utf-8")
    fetch(place, there, "test", release.release_id, None)
    assert open_release(fetched).manifest == release.manifest


def test_what_another_release_here_has_is_not_copied_again(
    url: str, machine: Machine, write: Write
) -> None:
    place, here, there = Place(url), machine("here"), machine("there")
    first, second = write(here, "one"), write(here, "two")
    for one in (first, second):
        publish(place, "test", one)
        fetch(place, there, "test", one.release_id, None)
    weights = [there.releases / one.release_id / "model" / "weights" for one in (first, second)]
    assert weights[0].samefile(weights[1])


def test_a_transfer_ends_when_the_process_does(url: str, machine: Machine, write: Write) -> None:
    release = write(machine("here"), "one")
    publish(Place(url), "test", release)
    stopping = threading.Event()
    stopping.set()
    there = machine("there")
    with pytest.raises(StoppedError):
        fetch(Place(url, stopping), there, "test", release.release_id, None)
    assert there.all() == []


# Copies slowly, so that it can be killed in the middle; says when it has begun.
SLOW = """
import sys, time
from common.releases.registry import Registry
from common.releases.remote.fetching import fetch
from common.releases.remote.place import Place
from common.releases.remote.publishing import let_serve, publish

copy = Place._copy
def slow(self, source, target):
    target.write(source.read(1000))
    print("begun", flush=True)
    time.sleep(60)
Place._copy = slow
verb, url, store, release_id = sys.argv[1:]
registry = __import__("pathlib").Path(store)
registry = Registry(registry, "test")
if verb == "push":
    publish(Place(url), "test", registry.open(release_id))
    let_serve(Place(url), "test", release_id)
else:
    fetch(Place(url), registry, "test", release_id, None)
"""


def _killed_in_the_middle(*arguments: object) -> None:
    command = [sys.executable, "-c", SLOW, *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout and process.stdout.readline() == "begun\n"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


def test_a_killed_upload_is_never_served(url: str, machine: Machine, write: Write) -> None:
    here, place = machine("here"), Place(url)
    first, second = write(here, "one"), write(here, "two")
    publish(place, "test", first)
    pointer = let_serve(place, "test", first.release_id)
    _killed_in_the_middle("push", url, here.root.parent, second.release_id)
    assert read_pointer(place, "test") == pointer
    with pytest.raises(UserError, match="was not published"):
        fetch(place, machine("there"), "test", second.release_id, None)
    publish(place, "test", second)
    assert fetch(place, machine("there"), "test", second.release_id, None).is_dir()


def test_a_killed_download_leaves_no_release(url: str, machine: Machine, write: Write) -> None:
    here, there, place = machine("here"), machine("there"), Place(url)
    release = write(here, "one")
    publish(place, "test", release)
    _killed_in_the_middle("pull", url, there.root.parent, release.release_id)
    assert there.all() == []
    assert fetch(place, there, "test", release.release_id, None).is_dir()
    assert [one.release_id for one in there.all()] == [release.release_id]


def test_readers_of_the_pointer_never_see_half(url: str, machine: Machine, write: Write) -> None:
    place, here = Place(url), machine("here")
    releases = [write(here, content).release_id for content in ("one", "two")]
    for name in releases:
        publish(place, "test", here.open(name))
    pointer = let_serve(place, "test", releases[0])
    until, seen = time.monotonic() + 1, set()

    def switch() -> None:
        number = 0
        while time.monotonic() < until:
            number += 1
            changed: Any = {"release_id": releases[number % 2], "before": ("x",) * (number % 20)}
            write_pointer(place, "test", pointer.model_copy(update=changed))

    thread = threading.Thread(target=switch)
    thread.start()
    while time.monotonic() < until:
        found = read_pointer(place, "test")
        assert found
        seen.add(found.release_id)
    thread.join()
    assert seen == {*releases}


def test_addresses_that_do_not_serve_are_refused() -> None:
    with pytest.raises(UserError, match="credentials do not belong") as refused:
        Place("s3://somebody:secret@bucket/x")
    assert "secret" not in str(refused.value).lower().replace("aws_secret_access_key", "")
    with pytest.raises(UserError, match="credentials do not belong"):
        Place("s3://bucket/x?endpoint_override=http%3A//somebody%3Asecret%40host")
    for url in ("ftp://bucket/x", "s3://", "s3:///x", "s3://bucket//x", "s3://?region=x", ""):
        with pytest.raises(UserError, match="no address of a store"):
            Place(url)


def test_a_place_that_is_not_there_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(UnreachableError, match="does not answer"):
        Place(str(tmp_path / "file")).write("test/current", b"1")


def test_a_base_is_shared_after_it_was_fetched(url: str, machine: Machine) -> None:
    here, there, place = machine("here"), machine("there"), Place(url)

    def fill(directory: Path) -> None:
        (directory / "model" / "base").mkdir(parents=True)
        (directory / "model" / "base" / "model.safetensors").write_bytes(b"b" * 1000)

    release = write_release(here.releases, fill, {"application": "test"})
    publish(place, "test", release)
    fetched = fetch(place, there, "test", release.release_id, None)
    assert (fetched / "model" / "base" / "model.safetensors").stat().st_nlink == 2
