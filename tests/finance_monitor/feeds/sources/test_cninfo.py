"""Announcements as cninfo lists them, from a real server."""

from __future__ import annotations

import json
from datetime import datetime
from urllib.parse import parse_qs

from publishing import Asked, Clock, Publisher, feed_of

from apps.finance_monitor.feeds.sources.cninfo import BEIJING, CninfoSource
from apps.finance_monitor.feeds.sources.source_feed import SourcesPosition

QUERY = "/new/hisAnnouncement/query"


def _announced(number: int, time: str, title: str = "关于立案的公告") -> dict[str, object]:
    when = datetime.fromisoformat(time).replace(tzinfo=BEIJING)
    return {
        "announcementId": str(number),
        "secCode": "600001",
        "secName": "云岭银行",
        "announcementTitle": title,
        "announcementTime": int(when.timestamp() * 1000),
        "adjunctUrl": f"finalpage/2026-03-02/{number}.PDF",
    }


class Register:
    """Announcements, a page for each question."""

    def __init__(self) -> None:
        self.rows: list[dict[str, object]] = []
        self.forms: list[dict[str, str]] = []

    def __call__(self, asked: Asked) -> bytes:
        form = {name: values[0] for name, values in parse_qs(asked.body.decode()).items()}
        self.forms.append(form)
        begin = 30 * (int(form["pageNum"]) - 1)
        rows = self.rows[begin : begin + 30]
        has_more = begin + 30 < len(self.rows)
        answer = {"announcements": rows or None, "hasMore": has_more, "totalAnnouncement": 1}
        return json.dumps(answer).encode()


def test_all_pages_are_read_in_beijing_time_and_nothing_twice(
    publisher: Publisher, address: str, clock: Clock
) -> None:
    register = Register()
    register.rows = [_announced(n, "2026-03-02 18:30") for n in range(64)]
    # 12:00 UTC is 20:00 in Beijing: one that is dated the next day, and two that name a day alone.
    register.rows += [_announced(100, "2026-03-03"), _announced(101, "2026-03-02")]
    register.rows += [_announced(102, "2026-03-01", "<em>业绩</em>预告\ud83d")]
    publisher.documents[QUERY] = register
    source = CninfoSource(kind="cninfo", site=address, words="公告")
    batch = feed_of([source], clock=clock).read_batch(1000, timeout=0.0)
    by_id = {one.id.rpartition("/")[2]: one for one in batch.records}
    assert len(by_id) == len(batch.records) == 67
    assert by_id["0"].content == "云岭银行：关于立案的公告"
    assert by_id["102"].content == "云岭银行：业绩预告?"
    assert f"{by_id['0'].published_at:%d %H:%M}" == "02 10:30"
    assert by_id["100"].published_at.timestamp() == clock.now
    assert by_id["101"].published_at.timestamp() == clock.now
    assert f"{by_id['102'].published_at:%d %H:%M}" == "28 16:00"
    assert [form["pageNum"] for form in register.forms] == ["1", "2", "3"]
    assert register.forms[0]["seDate"] == "2026-03-01~2026-03-03"
    assert (register.forms[0]["column"], register.forms[0]["searchkey"]) == ("szse", "公告")
    assert batch.position is not None
    kept = SourcesPosition.model_validate_json(batch.position.model_dump_json())
    register.rows.insert(40, _announced(200, "2026-03-02 19:00"))
    clock.now += 3 * 24 * 3600
    again = feed_of([source], kept, clock=clock).read_batch(1000, timeout=0.0)
    assert [one.id.rpartition("/")[2] for one in again.records] == ["200"]
    assert register.forms[-1]["seDate"] == "2026-03-01~2026-03-06", "what was missed is asked for"


def test_something_else_than_a_list_is_told(
    publisher: Publisher, address: str, clock: Clock
) -> None:
    publisher.documents[QUERY] = b"<html>busy</html>"
    feed = feed_of([CninfoSource(kind="cninfo", site=address)], clock=clock)
    assert "no list of announcements" in str(feed.read_batch(10, timeout=0.0).sources[0].error)
