"""The server and its page, with a release, as its users meet them."""

from __future__ import annotations

import json
import socket
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import browser, needs_browser, seeing, waiting
from monitor_serving import copy_release, serving
from monitoring import names_asked_for, names_told
from news import BAD, FLAT, GOOD, at, quiet_then_surge, record, story
from processes import wait_for
from receiving import receiving

from apps.finance_monitor.watch.running import Options
from apps.finance_monitor.watch.service import MonitorService
from common.models.prediction import predict
from common.releases.registry import Registry

ROOT = Path(__file__).parents[2]
HOSTILE = (
    "Alba <script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
)


@pytest.fixture(scope="module")
def store(release: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of its own with that release."""
    return copy_release(release, tmp_path_factory.mktemp("monitor") / "var")


@pytest.fixture(scope="module")
def address(store: Path) -> Iterator[str]:
    """With a webhook that takes nothing."""
    with receiving() as receiver:
        receiver.refusal = (b"", 400)
        more = ("--entities", str(_entities(store)), "--notify", receiver.url)
        more += ("--watchlists", str(_watchlists(store)), "--relations", str(_relations(store)))
        with serving(store, *more) as served:
            yield served


def _entities(store: Path) -> Path:
    path = store / "entities.csv"
    path.write_text("name,aliases\nAlba,Alba AG\n云岭银行,云岭\nCinder,\n", encoding="utf-8")
    return path


def _relations(store: Path) -> Path:
    path = store / "relations.csv"
    path.write_text("company,relation,other\nAlba,supplier,Cinder\n", encoding="utf-8")
    return path


def _watchlists(store: Path) -> Path:
    path = store / "watchlists.toml"
    path.write_text(
        '[[watchlist]]\nname = "银行"\ncompanies = ["云岭"]\nnotify = ["mailto://a:b@c.de"]\n'
        '[[watchlist]]\nname = "Alba"\ncompanies = ["Alba AG"]\nwords = ["a large order"]\n',
        encoding="utf-8",
    )
    return path


def _ask(address: str, path: str, body: object | None = None) -> tuple[int, Any]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        address + path, data, {"Content-Type": "application/json"} if data else {}
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as reply:
            content = reply.read()
            status = reply.status
    except urllib.error.HTTPError as error:
        content, status = error.read(), error.code
    return status, json.loads(content) if content[:1] in b"[{" else content.decode()


def _record(identity: str, hours: float, text: str) -> dict[str, str]:
    return {"id": identity, "published_at": at(hours).isoformat(), "text": text}


def _news() -> list[dict[str, str]]:
    """Five days of mixed news, then one bad morning for Alba, then a calm day."""
    found = []
    for hour in range(24 * 7):
        for i, phrase in enumerate((GOOD[hour % 4], FLAT[hour % 4])):
            found.append(_record(f"q{hour}-{i}", hour + i / 3, f"House {hour}x{i} {phrase}"))
        if hour % 4 == 0:
            found.append(_record(f"b{hour}", hour + 0.9, f"House {hour}y {BAD[hour % 3]}"))
    for i in range(24):
        when = 24 * 5 + i / 8
        text = f"Alba {BAD[i % 4]} in town {i * 7919} says witness {chr(97 + i) * 9}"
        found.append(_record(f"s{i}", when, text))
    found.append(_record("hostile", 24 * 7 + 0.5, HOSTILE))
    return sorted(found, key=lambda one: one["published_at"])


@pytest.fixture(scope="module")
def fed(address: str) -> str:
    news = _news()
    for start in range(0, len(news), 200):
        status, reply = _ask(address, "/v1/records", {"records": news[start : start + 200]})
        assert (status, reply) == (202, {"accepted": len(news[start : start + 200])})
    wait_for(lambda: _ask(address, "/v1/status")[1]["tally"].get("records") == len(news))
    return address


def test_scoring_labels_and_finds_companies(address: str) -> None:
    status, reply = _ask(
        address,
        "/v1/score",
        {
            "records": [
                _record("1", 1, "Alba AG warns of heavy losses"),
                _record("2", 1, "云岭上涨"),
            ]
        },
    )
    assert status == 200
    first, second = reply["records"]
    assert first["sentiment"]["label"] == "negative"
    assert abs(sum(first["sentiment"]["probabilities"].values()) - 1) < 1e-3
    assert first["topics"][0]["name"] == "credit"
    assert (first["entities"], second["entities"]) == (["Alba"], ["云岭银行"])


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/score", {"records": []}, 422),
        ("/v1/score", {"records": [{"id": "x", "text": "t"}]}, 422),
        ("/v1/records", {"records": [_record("x", 1, " ")]}, 422),
        ("/v1/alerts/nothing/acknowledge", {"by": "Mei"}, 404),
        ("/v1/silences", {"key": "Alba", "by": "Mei", "hours": -1}, 422),
    ],
)
def test_wrong_requests_are_told_what_is_wrong(
    address: str, path: str, body: object, status: int
) -> None:
    found, reply = _ask(address, path, body)
    assert found == status
    assert reply["title"]


def test_posted_news_raises_an_alert_with_its_evidence(fed: str) -> None:
    _, reply = _ask(fed, "/v1/alerts")
    ours = [one for one in reply["alerts"] if one["alert"]["key"] == "company/Alba"]
    assert len(ours) == 1
    alert = ours[0]["alert"]
    assert alert["starts_at"] == at(24 * 5).isoformat().replace("+00:00", "Z")
    # Four wordings, each of them about six towns.
    assert [line["outlets"] for line in alert["evidence"]] == [6, 6, 6, 6]
    assert all(story["headline"].startswith("Alba") for story in alert["evidence"])
    _, trends = _ask(fed, "/v1/trends?hours=200&key=Alba")
    (trend,) = trends["keys"]
    assert sum(window["negative"] for window in trend["windows"]) >= 12
    assert len(trend["windows"]) == len(trends["starts"])


def test_a_record_posted_twice_counts_once(fed: str) -> None:
    _, before = _ask(fed, "/v1/status")
    _ask(fed, "/v1/records", {"records": _news()[-3:]})
    repeated = before["tally"]["repeated"] + 3
    wait_for(lambda: _ask(fed, "/v1/status")[1]["tally"]["repeated"] == repeated)
    assert _ask(fed, "/v1/status")[1]["tally"]["records"] == before["tally"]["records"]


def test_people_work_on_alerts_over_http(fed: str) -> None:
    _, reply = _ask(fed, "/v1/alerts")
    identity = reply["alerts"][0]["alert"]["alert_id"]
    status, case = _ask(fed, f"/v1/alerts/{identity}/acknowledge", {"by": "Mei"})
    assert (status, case["acknowledged_by"]) == (200, "Mei")
    status, case = _ask(fed, f"/v1/alerts/{identity}/resolve", {"by": "Jun"})
    assert (status, case["closed_by"]) == (200, "Jun")
    for verdict in ("real", "false_alarm"):
        said = {"by": "Mei", "verdict": verdict, "reason": "two copies of one story"}
        status, case = _ask(fed, f"/v1/alerts/{identity}/verdict", said)
        assert (status, case["verdict"], case["verdict_by"]) == (200, verdict, "Mei")
        assert case["verdict_reason"] == "two copies of one story"
    assert _ask(fed, "/v1/alerts")[1]["verdicts"] == {"real": 0, "false_alarm": 1}
    refused = {"by": "Mei", "verdict": "perhaps"}
    assert _ask(fed, f"/v1/alerts/{identity}/verdict", refused)[0] == 422


def test_metrics_tell_what_the_watch_does(fed: str) -> None:
    _, metrics = _ask(fed, "/metrics")
    for name in ("records_total", "late_total", "duplicates_total", "lag", "drift"):
        assert f"bizlm_monitor_{name}" in metrics


def test_dashboard_and_alerts_ask_for_what_a_watch_tells(fed: str) -> None:
    asked = {name for name in names_asked_for() if name.startswith("bizlm_monitor_")}
    assert asked
    assert asked <= names_told(_ask(fed, "/metrics")[1])


def test_changes_are_pushed(fed: str) -> None:
    with urllib.request.urlopen(f"{fed}/v1/events", timeout=30) as stream:
        lines = [stream.readline().decode() for _ in range(2)]
        assert lines[0] == "event: changed\n"
        version = json.loads(lines[1].removeprefix("data: "))["version"]
        stream.readline()
        _ask(fed, "/v1/records", {"records": [_record("pushed", 24 * 7 + 0.6, "Borel rallies")]})
        assert stream.readline() == b"event: changed\n"
        assert json.loads(stream.readline().decode().removeprefix("data: "))["version"] > version


def test_a_restart_goes_on_where_it_was(store: Path, tmp_path: Path) -> None:
    copied = copy_release(store, tmp_path / "var")
    for expected, identity in ((1, "a"), (2, "b")):
        with serving(copied) as served:
            _ask(served, "/v1/records", {"records": [_record(identity, 1, f"Borel {identity}")]})

            def is_read(served: str = served, expected: int = expected) -> bool:
                return bool(_ask(served, "/v1/status")[1]["tally"].get("records") == expected)

            wait_for(is_read)


def test_stories_are_searched_and_a_watchlist_narrows_what_is_shown(fed: str) -> None:
    def ids(query: str) -> set[str]:
        status, found = _ask(fed, f"/v1/stories?limit=200&{query}")
        assert status == 200
        return {story["id"] for story in found}

    assert ids("company=alba%20ag&q=witness%20aaa") == {"s0"}
    assert ids("from=2026-03-08&to=2026-03-08&sentiment=negative") >= {"b144", "b148"}
    assert all(one.startswith(("s", "hostile")) for one in ids("company=Alba"))
    assert ids("watchlist=Alba&q=large%20order")
    lists = _ask(fed, "/v1/watchlists")[1]
    assert [(one["name"], one["companies"]) for one in lists] == [
        ("银行", ["云岭银行"]),
        ("Alba", ["Alba"]),
    ]
    assert "mailto" not in json.dumps(lists)
    name = urllib.parse.quote("银行")
    assert _ask(fed, f"/v1/alerts?watchlist={name}")[1]["alerts"] == []
    assert _ask(fed, "/v1/alerts?watchlist=Alba")[1]["alerts"]
    (trend,) = _ask(fed, "/v1/trends?watchlist=Alba&hours=200")[1]["keys"]
    assert trend["key"] == "company/Alba"
    assert _ask(fed, "/v1/stories?watchlist=nobody")[0] == 404
    assert _ask(fed, "/v1/stories?from=soon")[0] == 422


def test_a_broken_file_of_what_is_watched_is_told(store: Path, fed: str) -> None:
    path = store / "watchlists.toml"
    path.write_text('[[watchlist]]\nname = "Alba"\ncompanies = ["Albo"]\n', encoding="utf-8")
    wait_for(lambda: "refused_setup" in _ask(fed, "/readyz")[1]["reasons"])
    status, told = _ask(fed, "/readyz")
    assert (status, "Did you mean Alba" in told["reasons"]["refused_setup"]) == (200, True)
    assert len(_ask(fed, "/v1/watchlists")[1]) == 2
    _watchlists(store)
    wait_for(lambda: "refused_setup" not in _ask(fed, "/readyz")[1]["reasons"])
    assert _ask(fed, "/v1/status")[1]["refused_setup"] is None


@needs_browser
def test_the_page_searches_and_shows_one_watchlist(fed: str, tmp_path: Path) -> None:
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.select import Select

    with browser(tmp_path) as driver:
        see = seeing(driver, 20)
        driver.get(fed)
        see("#stories li", "House")
        driver.find_element(By.ID, "search-q").send_keys("witness aaaaaaaaa")
        see("#stories li", "witness aaaaaaaaa")
        wait_for(lambda: len(driver.find_elements(By.CSS_SELECTOR, "#stories > li")) == 1)
        Select(see("#watchlist")).select_by_visible_text("银行")
        see("#stories li", "No story matches.")
        assert "Alba" not in driver.find_element(By.ID, "past").text


@needs_browser
def test_the_page_shows_trends_and_alerts_and_lets_people_act(fed: str, tmp_path: Path) -> None:
    from selenium.common.exceptions import NoSuchElementException
    from selenium.webdriver.common.by import By

    with browser(tmp_path) as driver:
        wait = waiting(driver, 20, NoSuchElementException)
        wait_for(lambda: _ask(fed, "/v1/alerts")[1]["set_aside"])
        driver.get(fed)
        wait.until(lambda d: "stories" in d.find_element(By.ID, "status").text)
        wait.until(lambda d: d.find_elements(By.CSS_SELECTOR, "#trends svg path.negative"))
        for trend in driver.find_elements(By.CSS_SELECTOR, "#trends .trend"):
            scale = [s.text for s in trend.find_elements(By.CSS_SELECTOR, ".axis span")]
            top = int(scale[0].replace(",", ""))
            assert scale == [f"{top:,}", f"{top // 2:,}", "0"]
            assert top >= 4
        page = driver.find_element(By.TAG_NAME, "main")
        assert "Alba" in driver.find_element(By.ID, "trends").text
        assert "<script>" in page.text
        assert "refused it for good: HTTP 400" in page.text
        assert driver.title == "News monitor"
        driver.find_element(By.ID, "language").click()
        assert driver.title == "舆情监测"
        assert "正在告警" in page.text
        assert "拒收，不再重发：HTTP 400" in page.text

        # A new surge appears without a reload, and is acknowledged by name.
        surge = [
            _record(f"n{i}", 24 * 7 + 2 + i / 30, f"Alba {BAD[i % 4]} at site {i * 104729}")
            for i in range(24)
        ]
        after = _record("tick", 24 * 7 + 4.3, "Borel opens an office")
        _ask(fed, "/v1/records", {"records": [*surge, after]})
        card = wait.until(
            lambda d: d.find_element(By.CSS_SELECTOR, "#firing .alert[data-key='company/Alba']")
        )
        # Nothing was ever written about its customer, whose trend says all the same that it is hit.
        hit = "#trends .trend[data-key='company/Cinder']"
        wait.until(lambda d: "间接：Alba" in d.find_element(By.CSS_SELECTOR, hit).text)
        card.find_element(By.CSS_SELECTOR, "button.main").click()
        name = wait.until(lambda d: d.find_element(By.ID, "ask-input"))
        name.send_keys("Mei")
        driver.find_element(By.CSS_SELECTOR, "#ask button.main").click()
        wait.until(lambda d: "Mei" in d.find_element(By.ID, "firing").text)
        _dismiss_the_alert_and_correct_a_story(driver, wait, fed)
        severe = [entry for entry in driver.get_log("browser") if entry["level"] == "SEVERE"]
        assert not severe


def _dismiss_the_alert_and_correct_a_story(driver: Any, wait: Any, fed: str) -> None:
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.select import Select

    card = driver.find_element(By.CSS_SELECTOR, "#firing .alert[data-key='company/Alba']")
    next(b for b in card.find_elements(By.TAG_NAME, "button") if b.text == "误报").click()
    wait.until(lambda d: d.find_element(By.ID, "ask-input")).send_keys("同一条消息")
    driver.find_element(By.CSS_SELECTOR, "#ask button.main").click()
    wait.until(lambda d: "误报 2 次" in d.find_element(By.ID, "verdicts").text)

    story = driver.find_element(By.CSS_SELECTOR, "#stories li")
    seen = story.find_element(By.CSS_SELECTOR, "select.sentiment").get_attribute("data-label")
    right = "positive" if seen != "positive" else "negative"
    Select(story.find_element(By.CSS_SELECTOR, "select.sentiment")).select_by_value(right)
    wait.until(lambda d: "已记录" in d.find_element(By.ID, "status").text)
    wait.until(lambda d: d.find_elements(By.CSS_SELECTOR, "#stories select[data-corrected]"))
    rows = _ask(fed, "/v1/feedback?kind=correction")[1]["rows"]
    assert rows[-1]["wanted"] == {"sentiment": right}


def test_the_inbox_does_not_grow_for_ever_and_loses_nothing(
    release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.finance_monitor.watch.service.INBOX_BYTES", 1000)
    registry = Registry(copy_release(release, tmp_path / "var"), "finance_monitor")
    service = MonitorService(registry, Options())
    service.start()
    for i in range(40):
        service.post([record(f"r{i}", 1 + i / 60, f"Alba opens office number {i * 7919}")])
        if i % 10 == 9:
            wait_for(lambda read=i + 1: service.watch.monitor.tally["records"] == read)
    service.stop()
    inbox = registry.root / "inbox.jsonl"
    assert inbox.with_name("inbox.jsonl.1").exists()
    assert inbox.stat().st_size < 3000


def test_one_thread_reads_for_the_feed_and_for_those_who_ask(
    release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_in: list[threading.Thread] = []

    def predicting(*arguments: Any, **known: Any) -> Any:
        read_in.append(threading.current_thread())
        return predict(*arguments, **known)

    monkeypatch.setattr("apps.finance_monitor.stories.network.predict", predicting)
    registry = Registry(copy_release(release, tmp_path / "var"), "finance_monitor")
    service = MonitorService(registry, Options())
    service.start()
    service.post([record("r", 1, "Alba opens an office")])
    wait_for(lambda: service.watch.monitor.tally["records"] == 1)
    service.live.current.read(["Alba closes an office"])
    service.stop()
    assert len(read_in) == 2
    assert len(set(read_in)) == 1
    assert read_in[0] is not threading.current_thread()
    assert not read_in[0].is_alive()


def test_a_scored_feed_is_shown_and_explained_without_scoring_it_again(
    release: Path, tmp_path: Path
) -> None:
    feed = tmp_path / "scored.jsonl"
    stories = [
        one.model_copy(update={"text": f"Alba {BAD[i % 4]}, {one.text}"})
        for i, one in enumerate([*quiet_then_surge(days=4), story("end", 24 * 6 + 2, "neutral")])
    ]
    feed.write_text("".join(one.model_dump_json() + "\n" for one in stories), encoding="utf-8")
    store = copy_release(release, tmp_path / "var")
    with serving(store, "--feed", str(feed), "--scored") as served:
        wait_for(lambda: _ask(served, "/v1/status")[1]["tally"].get("records") == len(stories))
        _, reply = _ask(served, "/v1/alerts")
        (ours,) = [one for one in reply["alerts"] if one["alert"]["key"] == "company/Alba"]
        assert {one["release_id"] for one in _ask(served, "/v1/stories")[1]} == {"r1"}
        assert any(evidence["words"] for evidence in ours["alert"]["evidence"])
        assert _ask(served, "/v1/records", {"records": [_record("x", 1, "Alba")]})[0] == 409


@pytest.fixture(scope="module")
def silent(release: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server whose only source does not answer."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{free.getsockname()[1]}/rss"
    copied = copy_release(release, tmp_path_factory.mktemp("silent") / "var")
    with serving(copied, "--feed", nobody) as served:
        wait_for(lambda: "127.0.0.1" in _ask(served, "/v1/status")[1]["outages"])
        yield served


def test_a_source_that_is_silent_is_told(silent: str) -> None:
    (told,) = _ask(silent, "/v1/status")[1]["sources"]
    assert (told["name"], told["kind"], told["heard_at"]) == ("127.0.0.1", "rss", None)
    assert told["error"] == told["last_error"]
    assert told["next_try"] > told["failed_at"]
    figures = _ask(silent, "/metrics")[1]
    assert 'bizlm_monitor_source_down{source="127.0.0.1"} 1.0' in figures
    assert 'bizlm_monitor_source_items{source="127.0.0.1"} 0.0' in figures
    assert 'source_next_try_timestamp_seconds{source="127.0.0.1"}' in figures
    assert "source_heard_timestamp_seconds{" not in figures


@needs_browser
def test_the_page_shows_how_sources_do(silent: str, tmp_path: Path) -> None:
    from selenium.webdriver.common.by import By

    with browser(tmp_path) as driver:
        driver.get(silent)
        waiting(driver, 20).until(lambda d: d.find_element(By.ID, "sources").is_displayed())
        driver.find_element(By.CSS_SELECTOR, "#sources summary").click()
        row = driver.find_element(By.CSS_SELECTOR, "#sources tbody tr[data-state=trouble]").text
        assert "127.0.0.1" in row
        assert "never" in row
