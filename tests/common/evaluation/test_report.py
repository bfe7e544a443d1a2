from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

from common.evaluation.report import (
    Section,
    confusion_picture,
    curves_picture,
    reliability_picture,
    risk_coverage_picture,
    write_report,
)

EVIL = '<script>alert("x")</script><img src=x onerror=alert(1)>'


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.addresses += [v or "" for n, v in attrs if n in {"src", "href", "xlink:href"}]


def _read(path: Path) -> _Tags:
    tags = _Tags()
    tags.feed(path.read_text(encoding="utf-8"))
    return tags


def test_no_text_becomes_markup_and_nothing_comes_from_elsewhere(tmp_path: Path) -> None:
    pictures = [
        curves_picture([{"step": 1, "loss": 2.0}, {"step": 1, "eval_f1": 0.5}], "f1"),
        reliability_picture([{"stated": 0.5, "observed": 0.4, "records": 3}]),
        risk_coverage_picture([0.5, 1.0], [0.0, 0.1], budget=0.05, answered=0.5),
        confusion_picture([[3, 1], [0, 4]], [EVIL, "b"]),
    ]
    sections = [Section(EVIL, EVIL, [[EVIL, "b"], ["c", EVIL]], picture) for picture in pictures]
    write_report(tmp_path / "report.html", EVIL, sections)
    tags = _read(tmp_path / "report.html")
    assert "script" not in tags.names
    assert "img" not in tags.names
    assert tags.names.count("svg") == 4
    assert all(re.match(r"#|data:", address) for address in tags.addresses)


def test_a_picture_of_nothing_is_left_out() -> None:
    assert curves_picture([], "f1") == ""
    assert confusion_picture([[0, 0], [0, 0]], ["a", "b"]) == ""
