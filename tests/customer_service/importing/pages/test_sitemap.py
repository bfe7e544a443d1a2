from __future__ import annotations

from pathlib import Path

from apps.customer_service.importing.pages.sitemap import addresses, addresses_of
from apps.customer_service.importing.sources import find_sources

SITEMAP = """<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>
<urlset><url><loc>https://shop.example/help/returns</loc></url>
<url><loc>https://shop.example/help/cards/lost</loc></url>
<url><loc>https://shop.example/business/lost</loc></url>
<url><loc>javascript:alert(1)</loc></url><url><loc>&b;</loc></url></urlset>"""


def test_saved_pages_get_the_address_they_were_saved_from(tmp_path: Path) -> None:
    (tmp_path / "returns").mkdir()
    (tmp_path / "cards").mkdir()
    (tmp_path / "sitemap.xml").write_text(SITEMAP, encoding="utf-8")
    for name in ("returns/index.html", "cards/lost.html", "lost.html", "other.html"):
        (tmp_path / name).write_text("<h1>Why?</h1><p>Because of it.</p>", encoding="utf-8")
    found, rejected = find_sources([tmp_path], None, {})
    assert {source.path.relative_to(tmp_path).as_posix(): source.url for source in found} == {
        "returns/index.html": "https://shop.example/help/returns",
        "cards/lost.html": "https://shop.example/help/cards/lost",
        # Two addresses end like that, and the shorter one is nearer.
        "lost.html": "https://shop.example/business/lost",
        "other.html": None,
    }
    assert not rejected


def test_of_two_addresses_that_fit_alike_neither_is_taken() -> None:
    urls = ["https://shop.example/a/lost", "https://shop.example/b/lost"]
    assert not addresses_of([Path("/p/lost.html")], Path("/p"), urls)


def test_entities_of_a_sitemap_are_not_followed(tmp_path: Path) -> None:
    path = tmp_path / "sitemap.xml"
    laughs = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 30))
    path.write_text(
        f'<!DOCTYPE x [<!ENTITY a0 "ha">{laughs}]><urlset><url><loc>https://s.example/&a29;</loc>'
        "</url></urlset>",
        encoding="utf-8",
    )
    assert addresses(path) == ["https://s.example/&a29;"]
