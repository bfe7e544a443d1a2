"""Who gets in, and may do what."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from threading import Event

import httpx
import pytest
from fastapi import FastAPI, HTTPException, Request
from typer.testing import CliRunner, Result

from common.cli import new_app as new_typer
from common.errors import UserError
from common.serving.keys.key import ApiKey
from common.serving.keys.keys_cli import add_key_verbs
from common.serving.keys.live import ApiKeys
from common.serving.keys.scopes import NEEDS, SCOPES
from common.serving.keys.writing import add_key, remove_key
from common.serving.speakers import Speakers

SECRET = "s" * 40
Ask = Callable[..., httpx.Response]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys"


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def test_a_new_key_is_known_by_its_name_and_kept_only_as_a_hash(path: Path) -> None:
    key = add_key(path, "shop", ["edit", "ask"], until=date(2999, 1, 31))
    other = add_key(path, "office.2")
    keys = ApiKeys.load(path)
    shop, office = known(keys, key), known(keys, other)
    assert (shop.name, shop.scopes) == ("shop", {"ask", "edit"})
    assert shop.valid_until == datetime(2999, 2, 1, tzinfo=UTC)
    assert (office.name, office.scopes, office.valid_until) == ("office.2", {"ask"}, None)
    assert keys.check(key + "x") is None
    assert keys.check("") is None
    assert re.fullmatch(r"bizlm_[A-Za-z0-9_-]{43}", key)
    assert path.read_text().splitlines()[:3] == [
        "[shop]", f'hash = "{sha256(key.encode()).hexdigest()}"', 'scopes = ["ask", "edit"]'
    ]  # fmt: skip
    assert path.stat().st_mode & 0o777 == 0o600


def known(keys: ApiKeys, key: str) -> ApiKey:
    keys.refresh()
    found = keys.check(key)
    assert found
    return found


def test_an_older_file_goes_on_with_keys_that_may_do_all(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path.write_text(f"# the shop's tablets\nold {'0' * 64}")
    key = add_key(path, "new")
    lines = path.read_text().splitlines()
    assert lines[:2] == ["# the shop's tablets", f"old {'0' * 64}"]
    found = known(ApiKeys.load(path), key)
    assert (found.name, found.scopes, found.is_scoped) == ("new", set(SCOPES), False)
    assert "have no scopes" in caplog.text
    with pytest.raises(UserError, match="have no scopes"):
        add_key(path, "scoped", ["ask"])


def test_a_value_written_by_hand_is_a_key(path: Path) -> None:
    path.write_text(f'[shop]\nvalue = "{SECRET}"\nscopes = ["admin"]\n')
    assert known(ApiKeys.load(path), SECRET).scopes == {"admin"}


def test_a_key_holds_from_its_first_day_to_the_end_of_its_last(path: Path) -> None:
    today = datetime.now(UTC).date()

    def holds(first: date, last: date) -> bool:
        path.write_text(
            f'[shop]\nvalue = "{SECRET}"\nscopes = ["ask"]\n'
            f"valid_from = {first}\nvalid_until = {last}\n"
        )
        return ApiKeys.load(path).check(SECRET) is not None

    def day(days: int) -> date:
        return today + timedelta(days=days)

    assert holds(day(-1), day(1))
    assert not holds(day(2), day(3))
    assert not holds(day(-3), day(-2))


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


def test_a_key_is_taken_out_and_the_rest_is_kept(path: Path) -> None:
    gone, kept = add_key(path, "a.gone"), add_key(path, "kept")
    path.write_text("# ours\n" + path.read_text())
    keys = ApiKeys.load(path)
    remove_key(path, "a.gone")
    keys.refresh()
    assert (keys.check(gone), known(keys, kept).name) == (None, "kept")
    assert path.read_text().startswith("# ours\n[kept]")
    with pytest.raises(UserError, match=r"no key named 'a\.gone'"):
        remove_key(path, "a.gone")
    with pytest.raises(UserError, match="last key"):
        remove_key(path, "kept")


@pytest.mark.parametrize(
    "written",
    [
        'by-hand = {{ hash = "{0}", scopes = ["ask"] }}\n',
        '[ by-hand ]\nhash = "{0}"\nscopes = ["ask"]\n',
    ],
)
def test_a_key_that_is_not_taken_out_is_not_said_to_be(path: Path, written: str) -> None:
    path.write_text(written.format("0" * 64))
    add_key(path, "another")
    before = path.read_text()
    with pytest.raises(UserError, match="by hand"):
        remove_key(path, "by-hand")
    assert path.read_text() == before


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "keys: no API key"),
        ("# only a comment\n\n", "keys: no API key"),
        (f"a {'0' * 64}\nb 123\n", "keys:2: not 'name sha256hex'"),
        (f"a {'0' * 64} more\n", "keys:1: not 'name sha256hex'"),
        (f"a {'0' * 64}\na {'1' * 64}\n", "keys:2: the name 'a' appears twice"),
        (f"a {'0' * 64}\nb {'0' * 64}\n", "keys: two names have the same key"),
        ('[a]\nscopes = ["ask"\n', "keys:"),
        ('[a]\nscopes = ["ask"]\n', "keys: [a]: give either hash or value"),
        (f'[a]\nhash = "{"0" * 64}"\nscopes = []\n', "keys: [a]: scopes: "),
        (f'[a]\nhash = "{"0" * 64}"\nscopes = ["all"]\n', "keys: [a]: scopes.0: "),
        ("name = 'bizlm_secret'\n", "keys: name: not a table"),
    ],
)
def test_a_malformed_file_is_told_with_its_place(path: Path, text: str, told: str) -> None:
    path.write_text(text)
    with pytest.raises(UserError) as error:
        ApiKeys.load(path)
    assert told in str(error.value)


@pytest.mark.parametrize(
    "text",
    ["shop bizlm_secret\n", "[shop]\nhash = 'bizlm_secret'\n", "[shop]\nvalue = 'secret'\n"],
)
def test_a_key_put_into_the_file_by_mistake_is_not_shown(path: Path, text: str) -> None:
    path.write_text(text)
    with pytest.raises(UserError) as error:
        ApiKeys.load(path)
    assert "secret" not in str(error.value)


def test_a_missing_file_is_told(path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        ApiKeys.load(path)


def test_a_file_that_went_bad_leaves_the_keys_as_they_were_and_says_so_once(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    key = add_key(path, "shop")
    good = path.read_text()
    keys = ApiKeys.load(path)
    for spoil in (lambda: path.write_text("nonsense\n"), path.unlink):
        caplog.clear()
        spoil()
        assert known(keys, key).name == known(keys, key).name == "shop"
        assert keys.trouble
        assert len(caplog.records) == 1
    path.write_text(good)
    new = add_key(path, "new")
    assert (known(keys, new).name, keys.trouble) == ("new", None)


@pytest.fixture
def key(path: Path) -> str:
    return add_key(path, "shop", ["ask"])


@pytest.fixture
def app(new_app: Callable[..., FastAPI], path: Path, key: str, tmp_path: Path) -> FastAPI:
    web = tmp_path / "web"
    web.mkdir()
    for name in ("index.html", "page.js"):
        (web / name).write_text("")
    app = new_app(
        api_keys=ApiKeys.load(path),
        web=web,
        needs={**NEEDS, "GET /name": "ask", "POST /name": "edit", "GET /name/{rest:path}": "admin"},
    )

    @app.get("/name")
    @app.post("/name")
    @app.get("/name/{rest:path}")
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


def test_what_a_key_lacks_is_named(app: FastAPI, ask: Ask, key: str) -> None:
    for method, asked, lacking in (
        ("POST", "/name", "edit"),
        ("GET", "/name/any/thing", "admin"),
        ("HEAD", "/name/any/thing", "admin"),
    ):
        refused = ask(app, method, asked, headers=bearer(key), json={})
        assert refused.status_code == 403
        if method != "HEAD":
            assert refused.headers["content-type"] == "application/problem+json"
            assert refused.json()["scope"] == lacking
            assert f"lacks the scope {lacking!r}" in refused.json()["detail"]
    assert ask(app, "DELETE", "/name", headers=bearer(key)).status_code == 405
    assert ask(app, "GET", "/nowhere", headers=bearer(key)).status_code == 404


def test_a_page_learns_what_its_key_may_do(
    app: FastAPI, new_app: Callable[..., FastAPI], ask: Ask, key: str
) -> None:
    told = ask(app, "GET", "/v1/access", headers=bearer(key)).json()
    assert told == {"needs_key": False, "name": "shop", "scopes": ["ask"]}
    nobody = {"needs_key": True, "name": None, "scopes": []}
    assert ask(app, "GET", "/v1/access").json() == nobody
    assert ask(app, "GET", "/v1/access", headers=bearer("wrong")).json() == nobody
    assert ask(new_app(), "GET", "/v1/access").json()["scopes"] == list(SCOPES)


def test_a_broken_file_is_told_to_probes(app: FastAPI, ask: Ask, key: str, path: Path) -> None:
    path.write_text("nonsense\n")
    assert ask(app, "GET", "/name", headers=bearer(key)).status_code == 200
    reasons = ask(app, "GET", "/readyz").json()["reasons"]
    assert reasons == {"refused_keys": "not 'name sha256hex'"}


def test_the_file_is_looked_at_once_in_a_while_and_by_one_request(
    app: FastAPI,
    ask: Ask,
    key: str,
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    eventually: Callable[[Callable[[], bool]], None],
) -> None:
    looks, hangs = [], Event()

    def version(of: Path) -> tuple[int, int, int]:
        looks.append(of)
        hangs.wait(60)
        return (0, 0, len(looks))

    def status() -> int:
        return ask(app, "GET", "/name", headers=bearer(key)).status_code

    monkeypatch.setattr("common.serving.keys.live._version", version)
    with ThreadPoolExecutor() as threads:
        waits = threads.submit(status)
        eventually(lambda: bool(looks))
        # Others go by the keys as they were.
        assert status() == 200 and not waits.done()
        hangs.set()
        assert waits.result() == 200
    assert status() == 200
    assert len(looks) == 1
    monkeypatch.setattr("common.serving.keys.live.LOOK_SECONDS", 0.0)
    path.write_text(f"other {'0' * 64}\n")
    assert status() == 401
    assert len(looks) == 2


def test_a_route_of_which_nobody_says_who_may_ask_it_does_not_start(
    new_app: Callable[..., FastAPI],
) -> None:
    async def start(app: FastAPI) -> None:
        async with app.router.lifespan_context(app):
            pass

    app = new_app(needs=NEEDS)
    asyncio.run(start(app))
    app.add_api_route("/v1/secrets", lambda: "", methods=["GET"])
    with pytest.raises(RuntimeError, match="GET /v1/secrets"):
        asyncio.run(start(app))


def request_of(key: ApiKey | None) -> Request:
    state = {"api_key": key, "api_key_name": key.name} if key else {}
    return Request({"type": "http", "headers": [], "client": ("10.0.0.1", 1), "state": state})


def test_whose_key_may_edit_is_trusted_and_other_scopes_open_their_own_routes(
    tmp_path: Path,
) -> None:
    speakers = Speakers(tmp_path, ["older"], has_keys=True)
    editor = ApiKey("editor", "", frozenset({"ask", "edit"}))
    learner = ApiKey("learner", "", frozenset({"learn"}))
    older = ApiKey("older", "", frozenset(SCOPES), is_scoped=False)
    other = ApiKey("other", "", frozenset(SCOPES), is_scoped=False)
    trusted = [speakers.of(request_of(key)).trusted for key in (editor, learner, older, other)]
    assert trusted == [True, False, True, False]
    for key in (editor, learner, older):
        speakers.require_trust(request_of(key))
    for refused in (other, None):
        with pytest.raises(HTTPException):
            speakers.require_trust(request_of(refused))


def test_keys_are_added_listed_and_removed_on_the_command_line(path: Path) -> None:
    app = new_typer("test")
    add_key_verbs(app)
    app.callback()(lambda: None)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["keys", *arguments, "--file", str(path)])

    key = run("add", "shop", "--scopes", "ask,learn", "--until", "2999-01-31").stdout.strip()
    run("add", "office", "--scopes", "admin")
    assert known(ApiKeys.load(path), key).name == "shop"
    listed = json.loads(run("list", "--json").stdout)["keys"]
    assert [(row["name"], row["scopes"]) for row in listed] == [
        ("shop", ["ask", "learn"]),
        ("office", ["admin"]),
    ]
    assert "shop: ask,learn, until 2999-02-01" in run("list").stdout
    assert key not in path.read_text() and key not in run("list").output
    run("remove", "office")
    assert [row["name"] for row in json.loads(run("list", "--json").stdout)["keys"]] == ["shop"]
    for wrong in (["add", "x", "--scopes", "all"], ["add", "x", "--until", "2001-01-01"]):
        assert isinstance(run(*wrong).exception, UserError)
