"""`demo`: a first release within a minute, the fine-tuned one behind it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sample import Demo

from apps.customer_service.demo import cli, fine_tuning, samples
from apps.customer_service.demo.beside import fine_tuning as beside
from common.errors import RefusedError, UserError
from common.files import exclusive_lock
from common.learning.options_cli import open_store
from common.learning.schema import Feedback
from common.releases.registry import Registry
from common.tuning.settings_cli import SettingOptions

APPLICATION = "customer_service"
FIRST, FINE_TUNED = "head", "top-layers:6"
Asked = list[dict[str, Any]]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """What `train` was asked for."""
    found: Asked = []
    monkeypatch.setattr(cli, "train", lambda **given: found.append(given))
    return found


@pytest.fixture
def first(demo: Demo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store whose release is of the sample data, by the first settings."""
    made_of = {"faqs": demo.faqs, "questions": demo.questions, "test": demo.test}
    monkeypatch.setattr(samples, "files", lambda name: [made_of[name]])
    return Path(shutil.copytree(demo.store, tmp_path / "var", symlinks=True))


def add_release(store: Path, name: str, *, without: str = "", **changed: object) -> str:
    """A further release like the one that serves, but for its manifest."""
    registry = Registry(store, APPLICATION)
    made = Path(shutil.copytree(registry.open().directory, registry.releases / name))
    manifest = json.loads((made / "manifest.json").read_text(encoding="utf-8"))
    manifest.pop(without, None)
    manifest |= {"release_id": name, **changed}
    (made / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return name


def learned_meanwhile(store: Path) -> str:
    """What a first release learned, serving."""
    registry = Registry(store, APPLICATION)
    parent = registry.current_id()
    name = add_release(store, "2030-01-01T000000-abcdef", without="data", parent=parent)
    registry.promote(name)
    return name


def fine_tuned(store: Path, right: float, monkeypatch: pytest.MonkeyPatch) -> str:
    """What fine-tuning makes, without its minutes."""
    name = add_release(
        store, "2030-01-02T000000-abcdef", settings={"strategy": FINE_TUNED}, parent=None
    )
    made = SimpleNamespace(
        release=Registry(store, APPLICATION).open(name), after={"right_first": right}
    )
    monkeypatch.setattr(fine_tuning, "train", lambda *_, **__: made)
    return name


def test_a_demo_that_was_killed_goes_on_where_it_stopped(asked: Asked, tmp_path: Path) -> None:
    cli.demo(store=tmp_path)
    assert asked[0]["run"].resume
    assert asked[0]["store"] == tmp_path
    assert asked[0]["files"].questions
    given = asked[0]["given"]
    assert isinstance(given, SettingOptions)
    assert f"strategy={FINE_TUNED}" in (given.settings or [])


def test_own_replies_need_a_server_that_says_them(asked: Asked, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--replies: nothing is served"):
        cli.demo(store=tmp_path, replies=tmp_path / "own.toml")
    assert not asked


def test_the_fine_tuned_release_serves_in_place_of_the_first(
    first: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = Registry(first, APPLICATION)
    assert samples.awaits_fine_tuning(registry)
    name = fine_tuned(first, 1.0, monkeypatch)
    fine_tuning.fine_tune(first)
    assert registry.current_id() == name
    assert not samples.awaits_fine_tuning(registry)


def test_what_the_first_learned_is_learned_again(
    first: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learned = learned_meanwhile(first)
    with open_store(first, None, APPLICATION) as kept:
        row = Feedback(
            at=1.0, source="somebody", kind="correction", text="where is it", wanted={"faq_id": "x"}
        )
        kept.add([row])
        kept.mark_learned([row.id], learned)
    began: list[list[str]] = []
    monkeypatch.setattr(subprocess, "run", lambda command, **_: began.append(command))
    fine_tuned(first, 1.0, monkeypatch)
    fine_tuning.fine_tune(first)
    with open_store(first, None, APPLICATION) as kept:
        assert [one.status for one in kept.feedback(kind="correction")] == ["new"]
    assert began[0][3:5] == ["learn", "--promote"]


def test_a_release_of_other_data_that_was_promoted_meanwhile_stays(
    first: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fine_tuned(first, 1.0, monkeypatch)
    own = add_release(first, "2030-01-03T000000-abcdef", data={"sha256": {"mine.csv": "f00"}})
    registry = Registry(first, APPLICATION)
    registry.promote(own)
    with pytest.raises(RefusedError, match="of other data"):
        fine_tuning.fine_tune(first)
    assert registry.current_id() == own


def test_what_is_worse_does_not_serve_and_is_not_made_again(
    first: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = Registry(first, APPLICATION)
    before = registry.current_id()
    fine_tuned(first, 0.0, monkeypatch)
    with pytest.raises(RefusedError, match=r"right FAQ first for 0\.0%"):
        fine_tuning.fine_tune(first)
    assert registry.current_id() == before
    assert not samples.awaits_fine_tuning(registry)


def test_what_it_learned_meanwhile_is_fine_tuned_over_though_its_parents_are_gone(
    first: Path,
) -> None:
    registry = Registry(first, APPLICATION)
    learned_meanwhile(first)
    assert samples.awaits_fine_tuning(registry)
    add_release(first, "2030-01-04T000000-abcdef", without="data", parent="pruned")
    registry.promote("2030-01-04T000000-abcdef")
    assert not samples.awaits_fine_tuning(registry)


def test_a_release_of_other_data_stays(
    asked: Asked, first: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(samples, "files", lambda _: [Path(__file__)])
    cli.demo(store=first)
    assert not asked


def test_two_do_not_train_in_one_folder(tmp_path: Path) -> None:
    with exclusive_lock(tmp_path / APPLICATION / "demo.lock"), pytest.raises(UserError):
        cli.demo(store=tmp_path)


def test_what_fails_beside_the_server_says_so_and_the_server_goes_on(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    eventually: Callable[[Callable[[], bool]], None],
    served: Callable[..., Any],
) -> None:
    (tmp_path / APPLICATION).mkdir()
    monkeypatch.setattr(sys, "executable", "/bin/false")
    said = ""

    def is_told() -> bool:
        nonlocal said
        said += capsys.readouterr().err
        return "exit code 1" in said

    app = FastAPI()
    app.get("/healthz")(lambda: "ok")
    with served(app) as address, beside(tmp_path, "127.0.0.1", httpx.URL(address).port or 0):
        eventually(is_told)
    assert "demo.log" in said


ENDS_WITH_STDIN = """
import time
from apps.customer_service.demo.beside import end_with_stdin
end_with_stdin()
print("runs", flush=True)
time.sleep(600)
"""


def test_what_runs_beside_the_server_ends_however_that_ends() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", ENDS_WITH_STDIN],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"runs\n"
    process.communicate(timeout=30)
    assert process.returncode == -15
