"""It trains on a table, answers the same from a release, is corrected, and goes back.

What every server and every release of bizlm promises is checked with bizlm's own suites; outside
its repository name their folder: PYTHONPATH=…/bizlm/tests.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest
import uvicorn

from apps.new.skeletons.classify.application import APPLICATION
from apps.new.skeletons.classify.cli import app
from common.applications.data import Sources, read_examples
from common.applications.own_cli import open_registry

TABLE = APPLICATION.card.with_name("example.csv")
# The upper layer of a small model: seconds.
QUICK = ["--set", "strategy=top-layers:1", "--set", "epochs=1", "--promote"]
EXAMPLE: Any = read_examples(APPLICATION, Sources((), [TABLE]))[0]
QUESTION = EXAMPLE.question.model_dump()


def run(*arguments: object) -> str:
    said = io.StringIO()
    with redirect_stdout(said):
        app([str(one) for one in arguments], standalone_mode=False)
    return said.getvalue()


def train(store: Path) -> None:
    backbone = os.environ.get("BIZLM_BACKBONE", "minilm")
    run("train", "--examples", TABLE, "--backbone", backbone, *QUICK, "--store", store)


@contextmanager
def serving(store: Path) -> Iterator[str]:
    from apps.new.skeletons.classify.server import build_app

    served = build_app(open_registry(store, APPLICATION), device="cpu")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(served, log_config=None, access_log=False))
        thread = Thread(target=server.run, args=([listener],))
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("store")
    train(made)
    return made


def test_a_correction_is_learned_and_taken_back(store: Path, tmp_path: Path) -> None:
    shutil.copytree(store, tmp_path / "store", symlinks=True)
    registry = open_registry(tmp_path / "store", APPLICATION)
    first = registry.open().release_id
    with serving(tmp_path / "store") as address:
        answer = httpx.post(f"{address}/v1/answers", json=QUESTION).json()
        said = {"answer_id": answer["id"], **EXAMPLE.said}
        assert httpx.post(f"{address}/v1/feedback", json=said).json()["counts_alone"]
    train(tmp_path / "store")
    assert registry.open().manifest["corrections"]["taken"] == 1
    second = registry.open().release_id
    run("releases", "rollback", "--store", tmp_path / "store")
    assert registry.open().release_id == first
    purge = ("feedback", "purge", "--text", EXAMPLE.text, "--json")
    assert json.loads(run(*purge, "--store", tmp_path / "store"))["releases"] == [second]


def test_it_measures_and_answers_as_it_is_served(store: Path) -> None:
    from apps.new.skeletons.classify.release import Model

    model = Model.load(open_registry(store, APPLICATION).open(), device="cpu")
    (answer,) = model.answer([EXAMPLE.question])
    with serving(store) as address:
        served: dict[str, Any] = httpx.post(f"{address}/v1/answers", json=QUESTION).json()
    assert served["release_id"] == answer.release_id
    assert served.keys() == answer.model_dump().keys()
    for name, value in type(answer).model_validate(served).given.items():
        same = pytest.approx(value, abs=1e-5) if isinstance(value, float) else value
        assert answer.given[name] == same
    assert "Right: " in run("evaluate", "--examples", TABLE, "--store", store)


def test_it_keeps_what_every_server_promises(store: Path) -> None:
    http = pytest.importorskip("http_contract", reason="bizlm/tests is not on PYTHONPATH")
    privacy = pytest.importorskip("privacy_contract")
    with privacy.everything_logged() as lines, serving(store) as address:
        assert {"/v1/answers", "/v1/feedback"} <= http.try_every_operation(address, examples=4)
        http.ask_what_balancers_and_browsers_ask(address, pages=())
        assert privacy.say_it_everywhere(address) > 20
    assert any("request" in line for line in lines)
    privacy.assert_silent(lines)


def test_its_release_is_what_every_release_is(store: Path, tmp_path: Path) -> None:
    contract = pytest.importorskip("release_contract", reason="bizlm/tests is not on PYTHONPATH")
    from apps.new.skeletons.classify.release import Model
    from common.models.prediction import predict

    release = open_registry(store, APPLICATION).open()
    model, texts = Model.load(release, device="cpu"), [EXAMPLE.text, "…"]
    vectors = predict(model.module, model.encoder, texts)["embedding"]
    contract.assert_opens_as_sentence_transformer(release.directory, texts, vectors)
    contract.assert_names_no_place(release.directory, store)
    run("releases", "card", "--out", tmp_path / "card.html", "--store", store)
    assert APPLICATION.name in (tmp_path / "card.html").read_text(encoding="utf-8")
