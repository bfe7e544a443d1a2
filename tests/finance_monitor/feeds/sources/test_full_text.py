"""The pages behind links, and where links may lead."""

from __future__ import annotations

import httpx
import pytest
from publishing import Clock, Publisher, feed_of, item

from apps.finance_monitor.feeds.sources.fetching import Web
from apps.finance_monitor.feeds.sources.reading import read_sources
from apps.finance_monitor.feeds.sources.rss import RssSource
from common.addresses import VARIABLE
from common.errors import UserError

SENTENCE = "Northgate Bank closed four of its branches on Monday and told nobody why it did so. "
PAGE = f"""<html><head><title>Northgate</title></head><body>
<nav><a href="/">Home</a> <a href="/login">Sign in</a></nav>
<article><h1>Northgate closes branches</h1>{f"<p>{SENTENCE * 4}</p>" * 4}</article>
<footer>All rights reserved</footer></body></html>"""


def test_the_text_of_the_page_stands_in_for_a_bare_link(
    publisher: Publisher, address: str, clock: Clock
) -> None:
    publisher.documents["/page"] = PAGE.encode()
    publisher.rss("/a", item("1", "", link=f"{address}/page"), item("2", "Only a title"))
    source = RssSource(url=f"{address}/a", full_text=True, allow_private=True)
    first, second = feed_of([source], clock=clock).read_batch(10, timeout=0.0).records
    assert first.content.count(SENTENCE.strip()) >= 4
    assert "Sign in" not in first.content
    assert "rights reserved" not in first.content
    assert second.content == "Only a title"
    # Who does not ask for it gets what the feed says.
    plain = RssSource(url=f"{address}/a")
    assert len(feed_of([plain], clock=clock).read_batch(10, timeout=0.0).records) == 1


def test_a_page_that_cannot_be_had_loses_no_story(
    publisher: Publisher, address: str, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    publisher.documents["/page"] = lambda _: 404
    publisher.rss(
        "/a", item("1", "", link=f"{address}/page"), item("2", "Title", link=f"{address}/page")
    )
    source = RssSource(url=f"{address}/a", full_text=True, allow_private=True, every=60)
    feed = feed_of([source], clock=clock)
    (second,) = feed.read_batch(10, timeout=0.0).records
    assert second.content == "Title"
    assert "2 pages could not be read" in capsys.readouterr().err
    publisher.documents["/page"] = PAGE.encode()
    clock.now += 61
    (found,) = feed.read_batch(10, timeout=0.0).records
    assert found.id.endswith("#1"), "tried once more, though the feed is as it was"


def test_a_link_into_a_private_network_is_not_followed(
    publisher: Publisher, address: str, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    publisher.documents["/page"] = PAGE.encode()
    publisher.rss("/a", item("1", "Title", link=f"{address}/page"))
    source = RssSource(url=f"{address}/a", full_text=True)
    (found,) = feed_of([source], clock=clock).read_batch(10, timeout=0.0).records
    assert found.content == "Title"
    assert [path for path, _ in publisher.asked] == ["/a"]
    assert "a private address" in " ".join(capsys.readouterr().err.split())


def test_a_redirect_leads_no_further_than_a_link(publisher: Publisher, address: str) -> None:
    publisher.documents["/there"] = b"found"
    publisher.moved = {
        "/same": "/there",
        "/other": address.replace("127.0.0.1", "localhost") + "/there",
        "/file": "file:///etc/passwd",
        "/round": "/round",
    }
    web = Web()
    assert web.get(f"{address}/same").content == b"found", "the same server may move its pages"
    with pytest.raises(httpx.ConnectError, match=r"localhost is .*, a private address"):
        web.get(f"{address}/other")
    assert web.get(f"{address}/other", allow_private=True).content == b"found"
    with pytest.raises(Exception, match="file"):
        web.get(f"{address}/file", allow_private=True)
    with pytest.raises(httpx.TooManyRedirects):
        web.get(f"{address}/round")


def test_a_name_is_connected_to_where_it_was_checked(
    publisher: Publisher, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that is public when it is checked and private a moment later is asked nowhere."""
    import socket

    answers = iter(["8.8.8.8", "127.0.0.1"])
    real, port = socket.getaddrinfo, int(address.rpartition(":")[2])

    def resolve(host: str, *more: object, **named: object) -> object:
        if host == "rebinding.example":
            return real(next(answers), *more, **named)  # type: ignore[arg-type]
        return real(host, *more, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    asked: list[str] = []
    monkeypatch.setattr(
        "httpcore.SyncBackend.connect_tcp",
        lambda _, host, *__, **___: asked.append(host) or (_ for _ in ()).throw(OSError("refused")),
    )
    with pytest.raises((httpx.HTTPError, OSError)):
        Web().get(f"http://rebinding.example:{port}/page", is_link=True)
    assert asked == ["8.8.8.8"]


def test_a_proxy_is_asked_for_no_private_address(
    publisher: Publisher, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", address)
    monkeypatch.setenv("http_proxy", address)
    publisher.documents["http://unknown.invalid/page"] = b"found"
    web = Web()
    assert web.get("http://unknown.invalid/page", is_link=True).content == b"found"
    with pytest.raises(httpx.ConnectError, match="a private address"):
        web.get("http://169.254.169.254/page", is_link=True)
    assert len(publisher.requests) == 1


def test_this_machine_is_asked_only_if_it_is_allowed_by_name(
    publisher: Publisher, address: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher.rss("/a", item("1", "Title"))
    publisher.moved = {"/away": f"{address}/a"}
    monkeypatch.delenv(VARIABLE)
    with pytest.raises(UserError, match="this machine"):
        read_sources(f"{address}/a")
    web = Web()
    for named in (address, address.replace("127.0.0.1", "localhost")):
        with pytest.raises(httpx.ConnectError, match="--allow-address"):
            web.get(f"{named}/a", allow_private=True)
    assert not publisher.requests
    monkeypatch.setenv(VARIABLE, "localhost")
    assert web.get(f"{address}/a").content
    assert read_sources(f"{address}/a")
