"""`demo`: a first release within a minute, the fine-tuned one behind it."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from sample import Demo

from apps.customer_service.demo import cli, samples
from apps.customer_service.demo.beside import fine_tuning
from common.releases.registry import Registry
from common.tuning.settings_cli import SettingOptions

APPLICATION = "customer_service"
Asked = list[dict[str, object]]


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


def test_a_demo_that_was_killed_goes_on_where_it_stopped(asked: Asked, tmp_path: Path) -> None:
    cli.demo(store=tmp_path)
    assert asked[0]["resume"] is True
    assert asked[0]["store"] == tmp_path
    assert asked[0]["questions"]
    given = asked[0]["given"]
    assert isinstance(given, SettingOptions)
    assert "strategy=top-layers:6" in (given.settings or ())


def test_a_first_release_is_fine_tuned_further(asked: Asked, first: Path) -> None:
    registry = Registry(first, APPLICATION)
    assert samples.serves_first_release(registry)
    cli.demo(store=first)
    assert len(asked) == 1


def test_so_is_what_it_learned_meanwhile(first: Path) -> None:
    registry = Registry(first, APPLICATION)
    parent = registry.open()
    learned = first / APPLICATION / "releases" / "2030-01-01T000000-abcdef"
    shutil.copytree(parent.directory, learned)
    manifest = json.loads((learned / "manifest.json").read_text(encoding="utf-8"))
    del manifest["data"]
    manifest |= {"release_id": learned.name, "parent": parent.release_id}
    (learned / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    registry.promote(learned.name)
    assert samples.serves_first_release(registry)


def test_a_release_of_other_data_or_settings_stays(
    asked: Asked, first: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as of_others:
        of_others.setattr(samples, "files", lambda _: [Path(__file__)])
        cli.demo(store=first)
    monkeypatch.setitem(samples.FIRST_SETTINGS, "strategy", "full")
    cli.demo(store=first)
    assert not asked


def test_what_fails_beside_the_server_says_so_and_the_server_goes_on(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    eventually: Callable[[Callable[[], bool]], None],
) -> None:
    (tmp_path / APPLICATION).mkdir()
    monkeypatch.setattr(sys, "executable", "/bin/false")
    said = ""

    def is_told() -> bool:
        nonlocal said
        said += capsys.readouterr().err
        return "exit code 1" in said

    with fine_tuning(tmp_path):
        eventually(is_told)
    assert "demo.log" in said


def test_what_runs_beside_the_server_ends_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / APPLICATION).mkdir()
    waits = tmp_path / "waits"
    waits.write_text("#!/bin/sh\nexec sleep 600\n", encoding="utf-8")
    waits.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(waits))
    with fine_tuning(tmp_path):
        pass
    assert "exit code" not in capsys.readouterr().err
