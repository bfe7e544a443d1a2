"""GDELT's files from a real server: in order, checked, and never too large."""

from __future__ import annotations

import hashlib
import io
import zipfile

import pytest
from publishing import Clock, Publisher, feed_of

from apps.finance_monitor.feeds.sources.gdelt import COLUMNS, GdeltSource
from apps.finance_monitor.feeds.sources.source_feed import SourcesPosition

LIST = "/gdeltv2/lastupdate.txt"


def _row(url: str, title: str, themes: str = "ECON_BANKRUPTCY;TAX", **more: str) -> str:
    row = [""] * COLUMNS
    row[0], row[1], row[3], row[4] = "id", more.get("time", "20260302113000"), "a.example", url
    row[7] = themes
    row[25] = more.get("translation", "")
    row[26] = f"<PAGE_LINKS>x</PAGE_LINKS><PAGE_TITLE>{title}</PAGE_TITLE>" if title else ""
    return "\t".join(row)


def _zip(*rows: str, names: tuple[str, ...] = ("a.gkg.csv",)) -> bytes:
    found = io.BytesIO()
    with zipfile.ZipFile(found, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, "\n".join(rows) + "\n")
    return found.getvalue()


def _damaged() -> bytes:
    """A zip whose one file begins with a block of no known kind."""
    content = bytearray(_zip("x", names=("a",)))
    content[30 + len("a")] = 0xFF
    return bytes(content)


class Gdelt:
    """Files by their time, and the list of the latest."""

    def __init__(self, publisher: Publisher, address: str) -> None:
        self.publisher, self.address = publisher, address

    def publish(self, time: str, content: bytes, digest: str = "", size: int = 0) -> None:
        path = f"/gdeltv2/{time}.gkg.csv.zip"
        self.publisher.documents[path] = content
        digest = digest or hashlib.md5(content).hexdigest()
        others = "".join(
            f"123 {digest} {self.address}/gdeltv2/{time}.{kind}.CSV.zip\n"
            for kind in ("export", "mentions")
        )
        line = f"{size or len(content)} {digest} {self.address}{path}\n"
        self.publisher.documents[LIST] = (others + line).encode()


@pytest.fixture
def gdelt(publisher: Publisher, address: str) -> Gdelt:
    return Gdelt(publisher, address)


def _source(gdelt: Gdelt, **more: object) -> GdeltSource:
    given = {"kind": "gdelt", "url": gdelt.address + LIST, "every": 60, **more}
    return GdeltSource.model_validate(given)


def test_articles_on_the_themes_have_title_language_and_time(gdelt: Gdelt, clock: Clock) -> None:
    chinese = "srclc:zho;eng:GT-ZHO 1.0"
    gdelt.publish(
        "20260302113000",
        _zip(
            _row("https://a.example/1", "Acme &amp; Co files for bankruptcy"),
            _row("https://a.example/2", "A film opens", themes="ARTS"),
            _row("https://a.example/3", "云岭银行上调利率", translation=chinese),
            _row("https://a.example/4", ""),
            "half\ta row",
            _row("https://a.example/5", "No time", time="at noon"),
        ),
    )
    batch = feed_of([_source(gdelt)], clock=clock).read_batch(10, timeout=0.0)
    first, second = batch.records
    assert (first.headline, first.language, first.id) == (
        *("Acme & Co files for bankruptcy", "en", "https://a.example/1"),
    )
    assert f"{first.published_at:%H:%M %Z}" == "11:30 UTC"
    assert (second.headline, second.language, second.source) == (
        *("云岭银行上调利率", "zh", "a.example"),
    )
    columns, time = (row.reason for row in batch.rejected)
    assert columns == "2 columns and not 27"
    assert "'at noon' does not match" in time
    everything = _source(gdelt, themes=[])
    assert len(feed_of([everything], clock=clock).read_batch(10, timeout=0.0).records) == 3


def test_an_old_file_that_is_broken_holds_up_none_after_it(gdelt: Gdelt, clock: Clock) -> None:
    gdelt.publish("20260302100000", _zip(_row("https://a.example/1", "One")))
    feed = feed_of([_source(gdelt)], clock=clock)
    assert len(feed.read_batch(10, timeout=0.0).records) == 1
    gdelt.publish("20260302101500", b"no zip")
    gdelt.publish("20260302103000", _zip(_row("https://a.example/3", "Three")))
    clock.now += 61
    batch = feed.read_batch(10, timeout=0.0)
    assert [one.headline for one in batch.records] == ["Three"]
    (rejected,) = batch.rejected
    assert rejected.place.endswith("2026-03-02 10:15")


def test_what_was_missed_is_caught_up_with_over_a_restart(
    gdelt: Gdelt, publisher: Publisher, clock: Clock
) -> None:
    gdelt.publish("20260302100000", _zip(_row("https://a.example/1", "One")))
    source = _source(gdelt)
    batch = feed_of([source], clock=clock).read_batch(10, timeout=0.0)
    assert batch.position is not None
    kept = SourcesPosition.model_validate_json(batch.position.model_dump_json())
    # 10:15 and 10:45 come meanwhile, 10:30 never does.
    for number, time in ((2, "20260302101500"), (3, "20260302104500")):
        rows = [_row(f"https://a.example/{number}-{n}", f"Title {number} {n}") for n in range(3)]
        gdelt.publish(time, _zip(*rows))
    publisher.documents["/gdeltv2/20260302103000.gkg.csv.zip"] = lambda _: 404
    feed = feed_of([source], kept, clock=clock)
    found = [one.id for _ in range(5) for one in feed.read_batch(2, timeout=0.0).records]
    assert found == [f"https://a.example/{n}-{m}" for n in (2, 3) for m in range(3)]
    asked = len(publisher.asked)
    clock.now += 61
    assert feed.read_batch(10, timeout=0.0).records == []
    assert publisher.asked[asked:] == [(LIST, 200)], "a file that was read is not asked for"


@pytest.mark.parametrize(
    ("content", "told", "message"),
    [
        (_zip("x"), {"size": 5}, "and not of 5"),
        (_zip("x"), {"digest": "0" * 32}, "MD5"),
        (b"no zip", {}, "no zip that can be read"),
        (_zip("x")[:-30], {}, "no zip that can be read"),
        (_damaged(), {}, "no zip that can be read"),
        (_zip("x", names=("a.csv", "b.csv")), {}, "a zip of 2 files"),
        (_zip("0" * 2_000_000), {}, "holds more than"),
    ],
)
def test_a_file_that_is_not_as_it_was_told_is_refused_and_tried_again(
    gdelt: Gdelt, clock: Clock, monkeypatch: pytest.MonkeyPatch,
    content: bytes, told: dict[str, object], message: str,
) -> None:  # fmt: skip
    monkeypatch.setattr("apps.finance_monitor.feeds.sources.gdelt.LARGEST_UNZIPPED", 1_000_000)
    gdelt.publish("20260302113000", content, **told)  # type: ignore[arg-type]
    feed = feed_of([_source(gdelt)], clock=clock)
    batch = feed.read_batch(10, timeout=0.0)
    assert batch.records == []
    assert message in str(batch.sources[0].error)
    gdelt.publish("20260302113000", _zip(_row("https://a.example/1", "One")))
    clock.now += 121
    assert len(feed.read_batch(10, timeout=0.0).records) == 1
