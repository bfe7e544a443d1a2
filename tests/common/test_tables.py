"""A table cuts nothing: what must be copied stays whole, the rest is folded or gives way."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.table import Table

from common import console
from common.console import show_table
from common.records.audit import Audit, Finding
from common.releases.listing import releases_table
from common.releases.release import Release

LONG_ID = "2026-11-26T191145-9f3a2c"
FIGURES = ("right_first", "intent_accuracy", "answered")


@pytest.fixture(autouse=True)
def fresh_console() -> None:
    console.results.cache_clear()


def _releases() -> Table:
    manifest = {
        "release_id": LONG_ID,
        "base_model": "sentence-transformers/paraphrase-multilingual-mpnet-base-v2",
        "languages": ["en", "other", "zh"],
        "after": dict.fromkeys(FIGURES, 0.75),
    }
    return releases_table([Release(Path("x"), manifest)], LONG_ID, FIGURES)


def _audit() -> Table:
    place = "quarterly-export-of-the-help-centre.csv:1234"
    return Audit(
        [Finding("warning", "leak", "test texts that are also in train", 3, [place])]
    ).table()


def _alerts() -> Table:
    table = Table("id", "since", "on", "who")
    table.columns[0].no_wrap = True
    table.add_row("a1b2c3d4e5f60718", f"{datetime.now(UTC):%d %b %H:%M}", "北港银行" * 6, "u" * 40)
    return table


@pytest.mark.parametrize("width", [200, 80, 60, 40])
@pytest.mark.parametrize("make", [_releases, _audit, _alerts])
def test_ids_stay_whole_and_nothing_is_cut(
    make: object, width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    table: Table = make()  # type: ignore[operator]
    whole = [str(cell) for column in table.columns if column.no_wrap for cell in column.cells]
    show_table(table)
    shown = capsys.readouterr().out
    assert "…" not in shown
    for cell in whole:
        assert cell in shown


def test_what_has_no_room_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    show_table(_releases())
    shown = capsys.readouterr().out
    assert "Columns left out:" in shown
    assert "base model" in shown
    assert "75.0%" in shown


def test_a_pipe_gets_everything_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    show_table(_releases())
    shown = capsys.readouterr().out
    assert "sentence-transformers/paraphrase-multilingual-mpnet-base-v2" in shown
    assert "No room for" not in shown
