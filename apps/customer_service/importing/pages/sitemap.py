"""A sitemap beside saved pages says where each was saved from."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from selectolax.lexbor import LexborHTMLParser

from common.records.encodings import read_text

SITEMAP = "sitemap.xml"


def addresses(sitemap: Path) -> list[str]:
    """The addresses in a sitemap. It is read as HTML, which knows no entities of its own."""
    nodes = LexborHTMLParser(read_text(sitemap)).css("loc")
    found = (node.text(deep=True).strip() for node in nodes)
    return [url for url in found if url.startswith(("https://", "http://"))]


def addresses_of(files: Iterable[Path], folder: Path, urls: Iterable[str]) -> dict[Path, str]:
    """The address of each file that has one: the one whose path ends as the file's does.

    `returns.html` and `returns/index.html` are both `…/returns`. Where two addresses end alike,
    the one that agrees further is taken, and neither where they agree as far.
    """
    by_last: dict[str, list[tuple[tuple[str, ...], str]]] = {}
    for url in urls:
        path = unquote(urlsplit(url).path)
        parts = _parts(PurePosixPath(path))
        by_last.setdefault(parts[-1] if parts else "", []).append((parts, url))
    found = {}
    for file in files:
        parts = _parts(PurePosixPath(file.relative_to(folder).as_posix()))
        near = by_last.get(parts[-1] if parts else "", [])
        ranked = sorted(((_agreeing(parts, other), url) for other, url in near), reverse=True)
        if ranked and (len(ranked) == 1 or ranked[0][0] > ranked[1][0]):
            found[file] = ranked[0][1]
    return found


def _parts(path: PurePosixPath) -> tuple[str, ...]:
    parts = [part.lower() for part in path.with_suffix("").parts if part != "/"]
    return tuple(parts[:-1] if parts and parts[-1] == "index" else parts)


def _agreeing(a: tuple[str, ...], b: tuple[str, ...]) -> tuple[int, int]:
    """How many parts are the same, from the last one on; then the nearer length."""
    same = 0
    for x, y in zip(reversed(a), reversed(b), strict=False):
        if x != y:
            break
        same += 1
    return same, -abs(len(a) - len(b))
