"""RSS and Atom from a real server on this machine."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from command_line import run_here
from publishing import NOON, Clock, Publisher, feed_of, item

from apps.finance_monitor.feeds.feed import Feed
from apps.finance_monitor.feeds.opening import open_feed
from apps.finance_monitor.feeds.sources.reading import read_sources
from apps.finance_monitor.feeds.sources.rss import RssSource
from apps.finance_monitor.feeds.sources.source import Answer, Entry
from apps.finance_monitor.feeds.sources.source_feed import SourceFeed, SourcesPosition, back_off
from apps.finance_monitor.feeds.sources.syndication import read_entries
from apps.finance_monitor.schema import FeedRecord, ScoredRecord
from common.errors import UserError


def _read(feed: Feed) -> list[FeedRecord]:
    return feed.read_batch(100, timeout=0.0).records


def test_items_of_several_feeds_come_in_the_order_of_their_dates(
    publisher: Publisher, address: str, clock: Clock
) -> None:
    publisher.rss(
        "/a",
        item("2", "Second", "Mon, 02 Mar 2026 10:00:00 GMT", "More &lt;b&gt;words&lt;/b&gt;"),
        item("1", "First", "Mon, 02 Mar 2026 09:00:00 +0100"),
    )
    publisher.documents["/b"] = """<?xml version="1.0"?>
      <feed xmlns="http://www.w3.org/2005/Atom"><title>B</title><entry><id>tag:b,1</id>
      <title>云岭银行上调利率</title><link href="https://b.example/1"/>
      <updated>2026-03-02T17:30:00+08:00</updated></entry></feed>""".encode()
    sources = [
        RssSource(url=f"{address}/a"),
        RssSource(url=f"{address}/b", name="B", language="zh"),
    ]
    records = _read(feed_of(sources, clock=clock))
    assert [one.headline for one in records] == ["First", "云岭银行上调利率", "Second"]
    assert [one.source for one in records] == ["127.0.0.1", "B", "127.0.0.1"]
    assert records[2].content == "Second\nMore words"
    assert records[1].url == "https://b.example/1"
    assert [f"{one.published_at:%H:%M}" for one in records] == ["08:00", "09:30", "10:00"]
    assert len({one.id for one in records}) == 3


def test_what_did_not_change_is_not_sent_again(
    publisher: Publisher, address: str, clock: Clock
) -> None:
    publisher.rss("/a", item("1", "First"))
    feed = feed_of([RssSource(url=f"{address}/a", every=60)], clock=clock)
    assert len(_read(feed)) == 1
    assert _read(feed) == []
    assert len(publisher.asked) == 1, "it is asked no more often than it was told to be"
    clock.now += 61
    assert _read(feed) == []
    publisher.rss("/a", item("2", "Second"), item("1", "First"))
    clock.now += 61
    assert [one.headline for one in _read(feed)] == ["Second"]
    assert [status for _, status in publisher.asked] == [200, 304, 200]


def test_a_restart_goes_on_where_the_last_batch_was_committed(
    publisher: Publisher, address: str, clock: Clock
) -> None:
    publisher.rss("/a", *(item(str(n), f"Item {n}") for n in range(5)))
    source = RssSource(url=f"{address}/a")
    batch = feed_of([source], clock=clock).read_batch(2, timeout=0.0)
    assert (len(batch.records), batch.backlog) == (2, 3)
    assert batch.position is not None
    kept = SourcesPosition.model_validate_json(batch.position.model_dump_json())
    again = feed_of([source], kept, clock=clock)
    rest = again.read_batch(100, timeout=0.0)
    assert [one.headline for one in rest.records] == ["Item 2", "Item 3", "Item 4"]
    assert rest.position is not None
    kept = SourcesPosition.model_validate_json(rest.position.model_dump_json())
    assert _read(feed_of([source], kept, clock=clock)) == []
    assert publisher.asked[-1][1] == 304


def test_an_edited_item_comes_once_more_under_another_id(
    publisher: Publisher, address: str, clock: Clock
) -> None:
    feed = feed_of([RssSource(url=f"{address}/a", every=60)], clock=clock)
    date = "Mon, 02 Mar 2026 08:00:00 GMT"
    publisher.rss("/a", item("1", "Acme profit rises", date))
    (first,) = _read(feed)
    publisher.rss("/a", item("1", " Acme  profit rises. ", "Mon, 02 Mar 2026 09:00:00 GMT"))
    clock.now += 61
    assert _read(feed) == [], "another date, and other spaces, are no edit"
    publisher.rss("/a", item("1", "CORRECTED: Acme profit falls", date))
    clock.now += 61
    (second,) = _read(feed)
    assert second.id.startswith(first.id)
    assert second.id != first.id
    assert second.published_at.timestamp() == clock.now, "known since its edit"


def test_dates_that_cannot_be_are_those_of_first_sight(
    publisher: Publisher, address: str, clock: Clock
) -> None:
    publisher.rss(
        "/a",
        item("none", "No date"),
        item("odd", "Odd date", "yesterday-ish"),
        item("ahead", "Ahead", "Tue, 03 Mar 2027 08:00:00 GMT"),
        item("epoch", "Broken clock", "Thu, 01 Jan 1970 00:00:00 GMT"),
    )
    records = _read(feed_of([RssSource(url=f"{address}/a")], clock=clock))
    assert {one.published_at.timestamp() for one in records} == {NOON}


def test_a_date_without_a_zone_is_read_in_that_of_the_source() -> None:
    dated = item("1", "t", "2026-03-02 17:30:00")
    document = f'<rss version="2.0"><channel><item>{dated}</item></channel></rss>'.encode()
    shanghai = ZoneInfo("Asia/Shanghai")
    hours = [
        (entry.published or 0) / 3600
        for zone in (None, shanghai)
        for entry in read_entries(document, zone)
    ]
    assert hours[0] - hours[1] == 8
    zoned = document.replace(b"17:30:00", b"17:30:00 +0000")
    assert read_entries(zoned, shanghai)[0].published == hours[0] * 3600


def _document(*items: str) -> bytes:
    shown = "".join(f"<item>{one}</item>" for one in items)
    return f'<rss version="2.0"><channel>{shown}</channel></rss>'.encode()


@pytest.mark.parametrize("half", ["&#55357;", "&#xD83D;"])
def test_half_a_character_in_one_item_stops_no_other(half: str) -> None:
    found = read_entries(_document(item("1", f"First {half}"), item("2", "Second &#9650;")))
    assert [entry.title for entry in found] == ["First \ufffd", "Second \u25b2"]


def test_a_date_that_no_calendar_has_in_one_item_stops_no_other() -> None:
    found = read_entries(_document(item("1", "A", "9999-12-31T23:59:59-12:00"), item("2", "B")))
    assert [(entry.title, entry.published) for entry in found] == [("A", None), ("B", None)]


def test_a_wait_that_is_no_number_ends_nothing(
    publisher: Publisher, address: str, clock: Clock
) -> None:
    publisher.status, publisher.headers = 503, {"Retry-After": "\u00b2"}
    feed = feed_of([RssSource(url=f"{address}/a", every=60)], clock=clock)
    assert feed.read_batch(10, timeout=0.0).outages == {"127.0.0.1": "answers 503"}


def test_an_outage_is_told_once_and_survived(
    publisher: Publisher, address: str, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    publisher.rss("/a", item("1", "First"))
    publisher.status = 503
    source = RssSource(url=f"{address}/a", every=60)
    feed = feed_of([source], clock=clock)
    for wait in (121, 241):
        assert feed.read_batch(10, timeout=0.0).outages == {"127.0.0.1": "answers 503"}
        clock.now += wait - 2
        assert _read(feed) == []
        clock.now += 2
    assert len(publisher.asked) == 2, "each time it is asked later"
    publisher.headers = {"Retry-After": "7200"}
    assert _read(feed) == []
    clock.now += 7199
    assert _read(feed) == []
    publisher.status = 200
    clock.now += 2
    assert [one.headline for one in _read(feed)] == ["First"]
    said = " ".join(capsys.readouterr().err.split())
    assert said.count("answers 503") == 1
    assert "answers again" in said
    assert feed.read_batch(10, timeout=0.0).outages == {}


def test_what_is_gone_is_not_asked_any_more(
    publisher: Publisher, address: str, clock: Clock
) -> None:
    publisher.status = 410
    feed = feed_of([RssSource(url=f"{address}/a")], clock=clock)
    assert feed.read_batch(10, timeout=0.0).ended
    clock.now += 10**6
    assert feed.read_batch(10, timeout=0.0).ended
    assert len(publisher.asked) == 1


@pytest.mark.parametrize("document", [b"<html><body>Sign in</body></html>", b"", b"\x00\xff\x01"])
def test_what_is_no_feed_is_told_and_stops_no_other(
    publisher: Publisher,
    address: str,
    clock: Clock,
    document: bytes,
    capsys: pytest.CaptureFixture[str],
) -> None:
    publisher.documents["/page"] = document
    publisher.rss("/a", item("1", "First"))
    sources = [RssSource(url=f"{address}/page"), RssSource(url=f"{address}/a")]
    feed = feed_of(sources, once=True, clock=clock)
    batch = feed.read_batch(10, timeout=0.0)
    assert [one.headline for one in batch.records] == ["First"]
    assert batch.ended
    assert "neither RSS nor Atom" in capsys.readouterr().err


def test_an_item_that_is_no_story_is_told_and_stops_no_other(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = [
        Entry(id=name, title=title, summary="", url=None, fingerprint=name, published=None)
        for name, title in (("1", "half a character: \ud83d"), ("2", "Second"))
    ]
    monkeypatch.setattr(RssSource, "ask", lambda *_: Answer(given))
    feed = feed_of([RssSource(url="http://a.example/", name="A", every=60)], clock=clock)
    batch = feed.read_batch(10, timeout=0.0)
    assert [one.headline for one in batch.records] == ["Second"]
    (rejected,) = batch.rejected
    assert (rejected.place, rejected.reason.partition(":")[0]) == ("A 1", "title")
    clock.now += 61
    assert feed.read_batch(10, timeout=0.0).rejected == []


def test_one_id_for_two_items_is_oneitem(publisher: Publisher, address: str, clock: Clock) -> None:
    publisher.rss("/a", item("1", "First"), item("1", "Another"))
    feed = feed_of([RssSource(url=f"{address}/a", every=60)], clock=clock)
    assert [one.headline for one in _read(feed)] == ["First"]
    publisher.rss("/a", item("1", "First"), item("1", "Another"), item("2", "Second"))
    clock.now += 61
    assert [one.headline for one in _read(feed)] == ["Second"], "and not an edit of the first"


def test_an_answer_that_names_a_file_opens_none(tmp_path: Path) -> None:
    secret = tmp_path / "secret.xml"
    secret.write_text(
        f'<rss version="2.0"><channel><item>{item("1", "Secret")}</item></channel></rss>',
        encoding="utf-8",
    )
    with pytest.raises(UserError, match="neither RSS nor Atom"):
        read_entries(str(secret).encode())


def test_a_long_outage_is_survived_however_rarely_it_is_asked() -> None:
    assert [back_off(60, failures) for failures in (1, 2, 5000)] == [120, 240, 3600]
    assert back_off(7200, 5000) == 7200, "no sooner than it is asked when it answers"


def test_a_document_without_end_is_cut_off(
    publisher: Publisher, address: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.finance_monitor.feeds.sources.fetching.LARGEST_BYTES", 1000)
    publisher.rss("/a", item("1", "x" * 2000))
    source = RssSource(url=f"{address}/a")
    feed = feed_of([source], clock=clock)
    assert _read(feed) == []
    assert "larger than" in str(feed.health[0].error)


def test_a_file_names_several(tmp_path: Path, address: str) -> None:
    file = tmp_path / "sources.toml"
    file.write_text(
        f'[[source]]\nurl = "{address}/a"\n'
        f'[[source]]\nurl = "{address}/b"\nevery = "10min"\ntimezone = "Asia/Shanghai"\n',
        encoding="utf-8",
    )
    first, second = read_sources(str(file))
    assert (first.every, second.every) == (300, 600)
    assert second.zone == ZoneInfo("Asia/Shanghai")
    assert isinstance(open_feed(str(file)), SourceFeed)
    with pytest.raises(UserError, match="holds no scores"):
        open_feed(str(file), record=ScoredRecord)


@pytest.mark.parametrize("command", [("watch",), ("serve", "--feed")])
def test_a_file_that_is_not_there_is_told_before_a_release_is_loaded(
    command: tuple[str, ...], tmp_path: Path
) -> None:
    nowhere = tmp_path / "nowhere.toml"
    done = run_here("finance_monitor", *command, nowhere, "--store", tmp_path)
    assert done.returncode == 2
    assert "nowhere.toml: no such file" in "".join(done.stderr.split("\n"))
    assert "Loading" not in done.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "source: Field required"),
        ('[[source]]\nurl = "ftp://x"', "source number 1 url: not an address of the web"),
        ('[[source]]\nurl = "http://x"\nevery = "1s"', "greater than or equal to 30"),
        ('[[source]]\nurl = "http://x"\nevery = "often"', "not a span of time"),
        ('[[source]]\nurl = "http://x"\ntimezone = "Mars"', "there is no such zone"),
        ('[[source]]\nurl = "http://x"\nurll = "y"', "urll"),
        ('[[source]]\nurl = "http://x"\n[[source]]\nurl = "http://x"', "appears twice"),
        ("[[source", "TOML"),
    ],
)
def test_a_mistake_in_the_file_is_told(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "sources.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=message):
        read_sources(str(file))


def test_a_position_of_before_there_were_other_kinds_is_gone_on_from(
    publisher: Publisher, address: str, clock: Clock
) -> None:
    publisher.rss("/a", item("1", "First"))
    feed = feed_of([RssSource(url=f"{address}/a")], clock=clock)
    seen = feed.read_batch(10, timeout=0.0).position
    assert isinstance(seen, SourcesPosition)
    (known,) = seen.known.values()
    before = {"etag": None, "modified": None, "seen": known.seen}
    kept = SourcesPosition.model_validate({"known": {f"{address}/a": before}})
    assert _read(feed_of([RssSource(url=f"{address}/a")], kept, clock=clock)) == []


def test_neither_a_password_nor_a_token_is_told_or_kept(
    publisher: Publisher, address: str, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    own = address.replace("://", "://ann:geheim@")
    publisher.rss("/a", item("1", "First"))
    sources = [RssSource(url=f"{own}/a"), RssSource(url=f"{own}/gone?token=t0ken")]
    batch = feed_of(sources, clock=clock).read_batch(10, timeout=0.0)
    assert [one.headline for one in batch.records] == ["First"]
    assert batch.position is not None
    kept = batch.records[0].model_dump_json() + batch.position.model_dump_json()
    told = capsys.readouterr().err
    assert "127.0.0.1 is asked again later" in told
    assert "geheim" not in told + kept
    assert "t0ken" not in told
