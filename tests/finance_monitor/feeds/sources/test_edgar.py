"""Filings as the SEC lists them, from a real server."""

from __future__ import annotations

import json

import pytest
from publishing import NOON, Asked, Clock, Publisher, feed_of
from pydantic import ValidationError

from apps.finance_monitor.feeds.sources.edgar import EdgarSource
from apps.finance_monitor.feeds.sources.fetching import Web
from apps.finance_monitor.feeds.sources.source import iso
from apps.finance_monitor.feeds.sources.source_feed import SourcesPosition

WHO = "Example Ltd news@example.com"


def _source(address: str, **more: object) -> EdgarSource:
    given = {"kind": "edgar", "user_agent": WHO, "site": address, "data": address, "every": 60}
    return EdgarSource.model_validate(given | more)


def _filing(number: int, minutes: float, form: str = "8-K") -> str:
    return f"""<entry><title>{form} - ACME {number} CORP (0000000{number}) (Filer)</title>
      <link rel="alternate" type="text/html" href="https://www.sec.gov/{number}-index.htm"/>
      <summary type="html">&lt;b&gt;Filed:&lt;/b&gt; 2026-03-02 &lt;b&gt;AccNo:&lt;/b&gt; {number}
      &lt;b&gt;Size:&lt;/b&gt; 1 MB&lt;br&gt;Item 1.03: Bankruptcy or Receivership</summary>
      <updated>{iso(NOON - 60 * minutes).isoformat()}</updated>
      <category scheme="https://www.sec.gov/" label="form type" term="{form}"/>
      <id>urn:tag:sec.gov,2008:accession-number={number}</id></entry>"""


def _current(filings: list[str]) -> object:
    def answer(asked: Asked) -> bytes:
        start = int(asked.path.partition("start=")[2].partition("&")[0])
        entries = "".join(filings[start : start + 100])
        return f"""<?xml version="1.0" encoding="ISO-8859-1" ?>
          <feed xmlns="http://www.w3.org/2005/Atom"><title>Latest</title>{entries}</feed>""".encode()

    return answer


def test_current_filings_are_read_page_by_page_until_what_is_known(
    publisher: Publisher, address: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns: list[tuple[str, float]] = []
    monkeypatch.setattr(Web, "wait_turn", lambda _, *turn: turns.append(turn))
    filings = [_filing(n, n, "8-K12B" if n % 50 == 0 else "8-K") for n in range(1, 251)]
    publisher.documents["/cgi-bin/browse-edgar"] = _current(filings)  # type: ignore[assignment]
    feed = feed_of([_source(address)], clock=clock)
    batch = feed.read_batch(1000, timeout=0.0)
    assert len(batch.records) == 245, "another form that begins alike is left out"
    assert batch.records[-1].content == (
        "8-K - ACME 1 CORP (00000001) (Filer)\nItem 1.03: Bankruptcy or Receivership"
    )
    assert {one.headers["User-Agent"] for one in publisher.requests} == {WHO}
    assert len(publisher.requests) == 3
    assert turns == [("edgar", 0.11)] * 3, "ten a second at most"
    filings[:0] = [_filing(n, 0) for n in range(900, 905)]
    clock.now += 61
    assert len(feed.read_batch(1000, timeout=0.0).records) == 5
    assert len(publisher.requests) == 4


def test_filings_of_companies_come_once_with_the_names_of_their_items(
    publisher: Publisher, address: str, clock: Clock
) -> None:
    recent = {
        "accessionNumber": ["0000320193-26-000011", "0000320193-26-000010", "0000320193-25-000001"],
        "filingDate": ["2026-03-02", "2026-03-02", "2025-01-02"],
        "acceptanceDateTime": [
            *("2026-03-02T11:30:00.000Z", "2026-03-02T11:00:00.000Z", "2025-01-02T11:00:00.000Z"),
        ],
        "form": ["8-K/A", "4", "8-K"],
        "items": ["2.02,9.01", "", "8.01"],
        "primaryDocument": ["acme8k.htm", "form4.xml", "old.htm"],
        "primaryDocDescription": ["8-K", "FORM 4", "8-K"],
    }
    company = {"cik": "320193", "name": "Acme Inc.", "filings": {"recent": recent, "files": []}}
    path = "/submissions/CIK0000320193.json"
    publisher.documents[path] = json.dumps(company).encode()
    publisher.documents["/Archives/edgar/data/320193/000032019326000011/acme8k.htm"] = b""
    source = _source(address, companies=[320193], full_text=True, allow_private=True)
    batch = feed_of([source], clock=clock).read_batch(10, timeout=0.0)
    (found,) = batch.records
    assert found.content == (
        "Acme Inc.: 8-K/A, Results of Operations and Financial Condition; "
        "Financial Statements and Exhibits"
    )
    assert found.url == f"{address}/Archives/edgar/data/320193/000032019326000011/acme8k.htm"
    assert found.published_at.timestamp() == NOON - 1800
    assert len(publisher.requests) == 2
    assert {one.headers["User-Agent"] for one in publisher.requests} == {WHO}
    assert batch.position is not None
    kept = SourcesPosition.model_validate_json(batch.position.model_dump_json())
    clock.now += 10 * 24 * 3600
    assert feed_of([source], kept, clock=clock).read_batch(10, timeout=0.0).records == []
    recent["form"][1] = "8-K"
    publisher.documents[path] = json.dumps(company).encode()
    clock.now += 61
    again = feed_of([source], kept, clock=clock).read_batch(10, timeout=0.0).records
    assert [one.id[-6:] for one in again] == ["000010"], "listed late, and after a long silence"


def test_something_else_than_filings_is_told(
    publisher: Publisher, address: str, clock: Clock
) -> None:
    publisher.documents["/submissions/CIK0000000001.json"] = b'{"name": "Acme"}'
    feed = feed_of([_source(address, companies=[1])], clock=clock)
    assert "CIK 1: no list of filings" in str(feed.read_batch(10, timeout=0.0).sources[0].error)


@pytest.mark.parametrize("who", ["", "news@example.com", "Example Ltd"])
def test_who_asks_names_themselves(who: str) -> None:
    with pytest.raises(ValidationError, match="a name and a mail address"):
        _source("https://www.sec.gov", user_agent=who)
