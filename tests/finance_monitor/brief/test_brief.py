"""The brief of a day: what it holds, how it is written, and to whom it goes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from command_line import run_here
from news import quiet_then_surge, story, towards
from receiving import an_alert, receiving

from apps.finance_monitor.brief.day import Brief, Day, brief_of
from apps.finance_monitor.brief.page import to_html, to_text
from apps.finance_monitor.schema import ScoredRecord, TargetScore
from apps.finance_monitor.state.opening import store_path
from apps.finance_monitor.store import Store
from apps.finance_monitor.surges.budget import parse_budget
from apps.finance_monitor.surges.keys import keys_for
from apps.finance_monitor.watch.follow import Watch
from apps.finance_monitor.watch.monitor import Rules
from apps.finance_monitor.watchlists.watchlist import Watchlist

HOSTILE = "<script>alert(1)</script> shares plunge & burn"
SURGE_DAY = date(2026, 3, 12)
UTC_DAY = Day(SURGE_DAY, ZoneInfo("UTC"))
LISTS = [
    Watchlist(name="Alba desk", companies=["Alba"], notify=["console"]),
    Watchlist(name="Trials", words=["drug trial"]),
]


def _stories() -> list[ScoredRecord]:
    stories = [one.model_copy(update={"source": "wire"}) for one in quiet_then_surge()]
    # At weekends the blog rests.
    for hour in (one for one in range(0, 240, 6) if one // 24 not in {5, 6}):
        quiet = story(f"m{hour}", hour + 0.5, "neutral", topics=("macro",))
        stories.append(quiet.model_copy(update={"source": "blog"}))
    good = story("good", 243, "positive", topics=(), text="Drug trial succeeds beyond all hopes")
    worst = story("worst", 244, entities=("Alba",), text=HOSTILE).model_copy(
        update={"url": "javascript:alert(1)", "source": "press"}
    )
    worst.sentiment.probabilities["negative"] = 0.99
    return sorted([*stories, good, worst], key=lambda one: (one.published_at, one.id))


def _fill(store: Store) -> Store:
    rules = Rules(parse_budget("1 per 30d"))
    watch = Watch(store, rules, None, topics=("credit", "macro"), retention=None)
    watch.monitor._add_keys(keys_for((), ("Alba",)))
    watch.replay((story, None) for story in _stories())
    return store


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    opened = _fill(Store(None))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def brief(store: Store) -> Brief:
    return brief_of(store, UTC_DAY, LISTS)


def test_it_tells_the_alerts_of_the_day_the_explained_ones_last(brief: Brief) -> None:
    first, *others = brief.alerts
    assert (first.alert.key, first.muted_by) == ("company/Alba", None)
    assert all(case.muted_by for case in others)


def test_a_day_without_alerts_has_none(store: Store) -> None:
    assert brief_of(store, UTC_DAY.before(3)).alerts == []


def test_an_alert_that_goes_on_is_one_of_each_day() -> None:
    opened = Store(None)
    with opened.transaction():
        opened.write_alert(an_alert(), None)
    monday = Day(date(2026, 3, 2), ZoneInfo("UTC"))
    found = [len(brief_of(opened, monday.before(-days)).alerts) for days in (-1, 0, 1, 2)]
    assert found == [0, 1, 1, 1]


def test_topics_that_rose_and_fell_are_told_against_days_of_their_kind(brief: Brief) -> None:
    assert [(move.topic, move.stories) for move in brief.fell] == [("macro", 0)]
    (rose,) = brief.rose
    assert (rose.topic, rose.usual) == ("credit", pytest.approx(64, abs=2))
    assert rose.days[-1] == (rose.stories, rose.negative)


def test_who_usually_writes_and_did_not_was_silent(store: Store, brief: Brief) -> None:
    assert [(one.source, one.usual) for one in brief.silent] == [("blog", 4.0)]
    assert brief_of(store, UTC_DAY.before(3)).silent == []


def test_each_watchlist_has_its_worst_and_its_best(brief: Brief) -> None:
    desk, trials = brief.extremes
    assert desk.worst
    assert (desk.worst.headline, desk.best) == (HOSTILE, None)
    assert trials.best
    assert (trials.best.headline[:10], trials.worst) == ("Drug trial", None)


def test_a_lists_worst_and_best_are_so_for_its_own_companies() -> None:
    split = story("split", 12, "positive", entities=("Alba", "Borel"), text="Borel overtakes Alba")
    split.targets = towards(Alba="negative", Borel="positive")
    lists = [Watchlist(name=name, companies=[name]) for name in ("Alba", "Borel")]
    opened = Store(None)
    with opened.transaction():
        opened.add_stories([(1, split, None)], [])
    day = Day(date(2026, 3, 2), ZoneInfo("UTC"))
    alba, borel = brief_of(opened, day, lists).extremes
    own = brief_of(opened, day, lists, lists[0])
    opened.close()
    assert (alba.worst and alba.worst.headline, alba.best) == ("Borel overtakes Alba", None)
    assert (borel.best and borel.best.headline, borel.worst) == ("Borel overtakes Alba", None)
    assert (own.negative, own.positive) == (1, 0)


def test_of_a_list_the_worst_is_one_that_is_known_to_be() -> None:
    older = story("older", 12, "positive", entities=("Alba", "Borel"), text="Borel overtakes Alba")
    older.targets = [TargetScore(entity="Alba", sentiment="negative")]
    known = story("known", 13, entities=("Alba",), text="Alba is sued")
    known.sentiment.probabilities["negative"] = 0.5
    opened = Store(None)
    with opened.transaction():
        opened.add_stories([(1, older, None), (2, known, None)], [])
    desk = Watchlist(name="Alba", companies=["Alba"])
    [alba] = brief_of(opened, Day(date(2026, 3, 2), ZoneInfo("UTC")), [desk]).extremes
    opened.close()
    assert alba.worst and alba.worst.headline == "Alba is sued"


def test_a_list_gets_its_own_alerts_and_stories_alone(store: Store) -> None:
    own = brief_of(store, UTC_DAY, LISTS, LISTS[1])
    assert (own.alerts, own.stories, own.watchlist) == ([], 1, "Trials")


def test_a_day_is_that_of_its_zone() -> None:
    shanghai = Day(SURGE_DAY, ZoneInfo("Asia/Shanghai"))
    assert UTC_DAY.start - shanghai.start == 8 * 3600
    spring = Day(date(2026, 3, 29), ZoneInfo("Europe/London"))
    assert spring.end - spring.start == 23 * 3600


@pytest.mark.parametrize(("language", "said"), [("en", "Topics that moved"), ("zh", "主题升降")])
def test_the_page_stands_alone_and_trusts_no_text(brief: Brief, language: str, said: str) -> None:
    page = to_html(brief, "zh" if language == "zh" else "en")
    assert said in page
    assert "<svg" in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; shares plunge &amp; burn" in page
    for foreign in ("<script", "javascript:", "<link", "src=", "@import"):
        assert foreign not in page


def test_the_text_names_what_fires_moved_and_was_silent(brief: Brief) -> None:
    title, text = to_text(brief, "en")
    assert title == "News brief, 2026-03-12"
    assert "- Alba: " in text
    assert "fell: Economy" in text
    assert "Silent sources: blog" in text


def test_it_is_written_and_sent_from_the_command_line(tmp_path: Path) -> None:
    path = store_path(tmp_path / "var" / "finance_monitor")
    _fill(Store(path)).close()
    out = tmp_path / "brief.html"
    with receiving() as receiver:
        done = run_here(
            "finance_monitor", "brief", "--day", "2026-03-12", "--out", out, "--language", "zh",
            "--send", "--notify", receiver.url.replace("http://", "json://"),
            "--store", tmp_path / "var", "--json",
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["not_sent"] == []
    ((_, body),) = receiver.got
    sent = json.loads(body)
    assert sent["title"] == "舆情日报, 2026-03-12"
    assert [one["filename"] for one in sent["attachments"]] == ["brief.html"]
    assert "负面消息" in out.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--day", "yesterday"], "no date"),
        (["--day", "9999-12-31"], "no date"),
        (["--out", "."], "a directory"),
        (["--timezone", "Mars"], "no such zone"),
        (["--send"], "to nobody"),
        (["--send", "--notify", "https://example.com/hook"], "to nobody"),
        (["--watchlist", "desk"], "no watchlist"),
        ([], "no monitor has run here"),
    ],
)
def test_a_mistake_is_told(tmp_path: Path, more: list[str], said: str) -> None:
    out = tmp_path / "brief.html"
    done = run_here("finance_monitor", "brief", "--out", out, "--store", tmp_path, *more)
    assert (done.returncode, said in done.stderr) == (2, True), done.stderr
    assert not out.exists()
