from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Literal

import pytest
from pydantic import BaseModel

from common.errors import UserError
from common.learning.labelling.correcting import Files, apply_corrections


class News(BaseModel):
    text: str
    sentiment: Literal["positive", "negative"] | None = None
    topics: list[str] | None = None


ROWS = [
    {"headline": "Sales fall, badly", "sentiment": "positive", "desk": "7"},
    {"headline": "Sales rise", "sentiment": "positive", "desk": "8"},
    {"headline": "???", "sentiment": "negative", "desk": "9"},
]
MAPPING = {"text": "headline"}


def _write(path: Path, rows: list[dict[str, str]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def _correction(line: int, label: str, **more: str) -> dict[str, str]:
    row = ROWS[line - 2]
    return {
        "place": f"news.csv:{line}",
        "field": "sentiment",
        "text": row["headline"],
        "given": row["sentiment"],
        "likely": "negative",
        "label": label,
        **more,
    }


def _files(tmp_path: Path) -> Files[News]:
    path = _write(tmp_path / "news.csv", ROWS)
    return Files([path], News, lambda one: one.text, MAPPING)


def _read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def test_an_edited_label_goes_back_into_the_users_own_table(tmp_path: Path) -> None:
    files = _files(tmp_path)
    edited = [_correction(2, "negative"), _correction(3, "positive"), _correction(4, "")]
    corrections = _write(tmp_path / "suspects.csv", edited)
    done = apply_corrections(files, corrections, tmp_path / "corrected.csv")
    assert (done.changed, done.removed, done.records) == (1, 1, 2)
    rows = _read(tmp_path / "corrected.csv")
    assert rows == [{**ROWS[0], "sentiment": "negative"}, ROWS[1]]
    assert _read(files.paths[0])[0] == ROWS[0]


def test_an_untouched_table_changes_nothing(tmp_path: Path) -> None:
    corrections = _write(tmp_path / "suspects.csv", [_correction(2, "positive")])
    done = apply_corrections(_files(tmp_path), corrections, tmp_path / "corrected.csv")
    assert (done.changed, done.removed) == (0, 0)
    assert _read(tmp_path / "corrected.csv") == ROWS


def test_a_list_stays_a_list(tmp_path: Path) -> None:
    news = tmp_path / "news.jsonl"
    news.write_text(json.dumps({"text": "Rates up", "topics": ["rates"]}) + "\n", encoding="utf-8")
    row = {"place": "news.jsonl:1", "field": "topics", "text": "rates up", "given": "rates"}
    corrections = _write(tmp_path / "suspects.csv", [{**row, "label": "rates|economy"}])
    files = Files([news], News, lambda one: one.text)
    apply_corrections(files, corrections, tmp_path / "corrected.jsonl")
    (corrected,) = (tmp_path / "corrected.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(corrected) == {"text": "Rates up", "topics": ["rates", "economy"]}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (_correction(2, "negative", text="Something else"), "another text stands at news.csv:2"),
        (_correction(2, "negative", place="news.csv:99"), "there is no record news.csv:99"),
        (_correction(2, "so so"), r"suspects\.csv:2: sentiment"),
        (_correction(2, "negative", field="mood"), "no column for 'mood'"),
    ],
)
def test_a_correction_that_cannot_be_is_named(
    tmp_path: Path, row: dict[str, str], message: str
) -> None:
    corrections = _write(tmp_path / "suspects.csv", [row])
    with pytest.raises(UserError, match=message):
        apply_corrections(_files(tmp_path), corrections, tmp_path / "corrected.csv")
    assert not (tmp_path / "corrected.csv").exists()


def test_files_with_other_columns_are_corrected_one_at_a_time(tmp_path: Path) -> None:
    files = _files(tmp_path)
    other = _write(tmp_path / "more.csv", [{"headline": "Sales", "feeling": "positive"}])
    corrections = _write(tmp_path / "suspects.csv", [_correction(2, "negative")])
    both = Files([*files.paths, other], News, files.text_of, MAPPING)
    with pytest.raises(UserError, match="one file at a time"):
        apply_corrections(both, corrections, tmp_path / "corrected.csv")
