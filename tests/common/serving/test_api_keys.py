"""Who gets in."""

from __future__ import annotations

import re
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI, Request

from common.errors import UserError
from common.serving.api_keys import ApiKeys, add_key

Ask = Callable[..., httpx.Response]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys"


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def test_a_new_key_is_known_by_its_name_and_kept_only_as_a_hash(path: Path) -> None:
    key = add_key(path, "shop")
    other = add_key(path, "office")
    keys = ApiKeys.load(path)
    assert (keys.check(key), keys.check(other)) == ("shop", "office")
    assert keys.check(key + "x") is None
    assert keys.check("") is None
    assert re.fullmatch(r"bizlm_[A-Za-z0-9_-]{43}", key)
    assert path.read_text().splitlines()[0] == f"shop {sha256(key.encode()).hexdigest()}"
    assert path.stat().st_mode & 0o777 == 0o600


def test_adding_keeps_what_stands_in_the_file(path: Path) -> None:
    path.write_text("# the shop's tablets\n" + f"old {'0' * 64}")
    add_key(path, "new")
    lines = path.read_text().splitlines()
    assert lines[:2] == ["# the shop's tablets", f"old {'0' * 64}"]
    assert lines[2].startswith("new ")


def test_a_name_is_given_once(path: Path) -> None:
    add_key(path, "shop")
    before = path.read_text()
    with pytest.raises(UserError, match="a key named 'shop'"):
        add_key(path, "shop")
    assert path.read_text() == before


@pytest.mark.parametrize("name", ["", "two words", "#comment", "line\nbreak", "x" * 65])
def test_an_unfit_name_is_refused(path: Path, name: str) -> None:
    with pytest.raises(UserError, match="not a name"):
        add_key(path, name)
    assert not path.exists()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "keys: no API key"),
        ("# only a comment\n\n", "keys: no API key"),
        (f"a {'0' * 64}\nb 123\n", "keys:2: not 'name sha256hex'"),
        (f"a {'0' * 64} more\n", "keys:1: not 'name sha256hex'"),
        (f"a {'0' * 64}\na {'1' * 64}\n", "keys:2: the name 'a' appears twice"),
    ],
)
def test_a_malformed_file_is_told_with_its_line(path: Path, text: str, told: str) -> None:
    path.write_text(text)
    with pytest.raises(UserError) as error:
        ApiKeys.load(path)
    assert told in str(error.value)


def test_a_key_put_into_the_file_by_mistake_is_not_shown(path: Path) -> None:
    path.write_text("shop bizlm_secret\n")
    with pytest.raises(UserError) as error:
        ApiKeys.load(path)
    assert "secret" not in str(error.value)


def test_a_missing_file_is_told(path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        ApiKeys.load(path)


def test_a_revoked_key_stops_working_and_a_new_one_starts(path: Path) -> None:
    revoked, kept = add_key(path, "revoked"), add_key(path, "kept")
    keys = ApiKeys.load(path)
    assert keys.check(revoked) == "revoked"
    path.write_text(path.read_text().splitlines(keepends=True)[1])
    assert (keys.check(revoked), keys.check(kept)) == (None, "kept")
    assert keys.check(add_key(path, "new")) == "new"


def test_a_file_that_went_bad_lets_nobody_in_until_it_is_mended(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    key = add_key(path, "shop")
    good = path.read_text()
    keys = ApiKeys.load(path)
    path.write_text("nonsense\n")
    assert keys.check(key) is None
    assert "keys:1" in caplog.text
    path.unlink()
    assert keys.check(key) is None
    path.write_text(good)
    assert keys.check(key) == "shop"


@pytest.fixture
def key(path: Path) -> str:
    return add_key(path, "shop")


@pytest.fixture
def app(new_app: Callable[..., FastAPI], path: Path, key: str, tmp_path: Path) -> FastAPI:
    web = tmp_path / "web"
    web.mkdir()
    for name in ("index.html", "page.js"):
        (web / name).write_text("")
    app = new_app(api_keys=ApiKeys.load(path), web=web)

    @app.get("/name")
    async def name(request: Request) -> str:
        return str(request.state.api_key_name)

    return app


@pytest.mark.parametrize(
    "path_asked", ["/name", "/metrics", "/openapi.json", "/nowhere", "/web/page.js/"]
)
def test_without_a_key_there_is_no_answer(app: FastAPI, ask: Ask, path_asked: str) -> None:
    response = ask(app, "GET", path_asked)
    assert response.status_code == 401
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    "path_asked",
    ["/healthz", "/readyz", "/", "/web/page.js", "/web/shared/page.css", "/web/shared/api.js"],
)
def test_probes_and_the_page_are_open(app: FastAPI, ask: Ask, path_asked: str) -> None:
    assert ask(app, "GET", path_asked).status_code == 200


def test_both_ways_to_send_a_key_tell_its_name(app: FastAPI, ask: Ask, key: str) -> None:
    for headers in (bearer(key), {"authorization": f"bearer {key}"}, {"X-API-Key": key}):
        assert ask(app, "GET", "/name", headers=headers).json() == "shop"
    assert ask(app, "GET", "/metrics", headers=bearer(key)).status_code == 200


def test_a_wrong_key_is_refused_either_way(app: FastAPI, ask: Ask, key: str) -> None:
    wrong = key[:-1]
    basic = {"Authorization": f"Basic {key}"}
    for headers in (bearer(wrong), {"X-API-Key": wrong}, basic, {"X-API-Key": "é".encode()}):
        assert ask(app, "GET", "/name", headers=headers).status_code == 401
