"""`sources.toml`, with every kind of source."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from apps.finance_monitor.feeds.sources.reading import KINDS, read_sources
from common.errors import UserError

ROOT = Path(__file__).parents[4]


@pytest.mark.parametrize("language", ["", ".zh-CN"])
def test_the_examples_of_the_guide_can_be_read(language: str, tmp_path: Path) -> None:
    guide = (ROOT / "docs" / f"finance_monitor{language}.md").read_text(encoding="utf-8")
    examples = [one for one in re.findall(r"```toml\n(.*?)```", guide, re.S) if "[[source]]" in one]
    file = tmp_path / "sources.toml"
    file.write_text("\n".join(examples), encoding="utf-8")
    found = read_sources(str(file))
    assert {one.kind for one in found} == set(KINDS)
    assert len({one.key for one in found}) == len(found)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('kind = "gopher"', "number 1: kind: there are rss, gdelt"),
        ('kind = "edgar"', "source number 1 user_agent: Field required"),
        ('kind = "edgar"\nuser_agent = "me"', "user_agent: the SEC asks for a name"),
        ('kind = "mailbox"\nserver = "a"\nuser = "b"\npassword = "c"', "password: Extra inputs"),
        ('kind = "cninfo"\nfull_text = true', "full_text: Extra inputs"),
        ('kind = "cninfo"\nmarket = "nyse"', "market: Input should be 'szse'"),
        ('kind = "gdelt"\nurl = "lastupdate.txt"', "url: not an address of the web"),
    ],
)
def test_a_mistake_in_a_source_is_told(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "sources.toml"
    file.write_text(f"[[source]]\n{text}\n", encoding="utf-8")
    with pytest.raises(UserError, match=message):
        read_sources(str(file))
