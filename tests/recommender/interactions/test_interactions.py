from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from apps.recommender.interactions.behaviors import Behaviors, InteractionRow
from apps.recommender.interactions.reading import _frame, _read_clean, read_interactions
from common.errors import UserError
from common.records.reader import read_records

LATEST = 4_000_000_000
HEADER = "user_id,item_id,behavior,timestamp,weight\n"
CLEAN = HEADER + (
    "1,a,Click,2026-01-01T00:00:00Z,\n"
    " 2 ,b,purchase,2026-01-01T08:00:00+08:00,2\n"
    "3,c,,1260759144,0.5\n"
    "4,d,share,2026-01-01 08:00:00.75+0800,1\n"
)


def _write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_columns_and_rows_read_the_same(tmp_path: Path) -> None:
    path = _write(tmp_path / "i.csv", CLEAN)
    by_columns = _read_clean(path, {}, LATEST, Behaviors())
    assert by_columns is not None
    assert by_columns.equals(_frame(read_records(path, InteractionRow).items))


def test_parquet_with_zoned_times_reads_as_csv(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "user": [1, 2],
            "item_id": ["a", "b"],
            "timestamp": pl.Series([0, 86400]).cast(pl.Datetime("ms", "Asia/Shanghai")),
        }
    )
    frame.write_parquet(tmp_path / "i.parquet")
    read = read_interactions(tmp_path / "i.parquet", mapping={"user_id": "user"}).frame
    assert read["user_id"].to_list() == ["1", "2"]
    assert read["behavior"].to_list() == [1, 1]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("1,a,click,2026-01-01T00:00:00,1", "timestamp: Input should have timezone info"),
        ("1,,click,1,1", "item_id"),
        ("1,a,stare,1,1", "--behavior stare=click"),
        ("1,a,click,1,-1", "weight"),
        ("1,a,click,1,nan", "weight"),
        ("1,a,click", "3 cells, but the header has 5"),
        ("1,a,click,soon,1", "timestamp"),
        ("1,a,click,2100-01-01T00:00:00Z,1", "timestamp: dated 2100-01-01 00:00 UTC"),
        ("1,a,click,4102444800,1", "timestamp: dated 2100-01-01 00:00 UTC, ahead of"),
        ("1,a,click,1767225600000000,1", "looks like microseconds"),
        ("1,a,click,1767225600000000000,1", "looks like nanoseconds"),
    ],
)
def test_a_bad_row_is_named_by_file_and_line(tmp_path: Path, row: str, message: str) -> None:
    path = _write(tmp_path / "i.csv", CLEAN + row + "\n")
    with pytest.raises(UserError) as caught:
        read_interactions(path)
    assert f"{path}:6: " in str(caught.value)
    assert message in str(caught.value)


def test_bad_rows_are_skipped_on_demand_and_kept_aside(tmp_path: Path) -> None:
    path = _write(tmp_path / "i.csv", CLEAN + "5,e,stare,1,1\n")
    read = read_interactions(path, on_bad_row="skip")
    assert len(read.frame) == 4
    assert "stare" in (tmp_path / "i.rejected.jsonl").read_text(encoding="utf-8")


def test_a_missing_column_is_named_with_the_map_that_mends_it(tmp_path: Path) -> None:
    path = _write(tmp_path / "i.csv", "user_ids,item_id,timestamp\n1,a,1\n")
    with pytest.raises(UserError, match="--map user_id=user_ids"):
        read_interactions(path)


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_columns_as_people_call_them_are_found_and_said(
    tmp_path: Path, suffix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = pl.DataFrame({"userId": ["1"], "SKU": ["a"], "时间": [1], "event": ["purchase"]})
    path = tmp_path / f"i.{suffix}"
    frame.write_csv(path, separator=";") if suffix == "csv" else frame.write_ndjson(path)
    read = read_interactions(path).frame
    assert read.select("user_id", "item_id", "time", "behavior").row(0) == ("1", "a", 1, 4)
    said = capsys.readouterr().err
    assert "user_id from 'userId'" in said
    assert "item_id from 'SKU'" in said
    assert suffix == "jsonl" or "separated by semicolons" in said


def test_milliseconds_are_no_seconds(tmp_path: Path) -> None:
    """By columns and by rows: 2026, not the year 57971."""
    rows = "1,a,click,1767225600000,1\n2,b,click,1767225600,1\n"
    path = _write(tmp_path / "i.csv", HEADER + rows)
    by_columns = _read_clean(path, {}, LATEST, Behaviors())
    assert by_columns is not None
    assert by_columns["time"].to_list() == [1767225600, 1767225600]
    assert by_columns.equals(_frame(read_records(path, InteractionRow).items))
    pl.DataFrame({"user_id": ["1"], "item_id": ["a"], "timestamp": [1767225600000]}).write_parquet(
        tmp_path / "i.parquet"
    )
    assert read_interactions(tmp_path / "i.parquet").frame["time"].to_list() == [1767225600]


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_one_wrong_clock_is_kept_apart(tmp_path: Path, suffix: str) -> None:
    rows = [{"user_id": str(n), "item_id": "a", "timestamp": 1_767_000_000 + n} for n in range(470)]
    rows[17]["timestamp"] = 4_102_444_800
    path = tmp_path / f"i.{suffix}"
    frame = pl.DataFrame(rows)
    frame.write_csv(path) if suffix == "csv" else frame.write_ndjson(path)
    with pytest.raises(UserError, match="1 of 470 rows are bad"):
        read_interactions(path)
    read = read_interactions(path, on_bad_row="skip")
    assert len(read.frame) == 469
    assert "2100" in (tmp_path / "i.rejected.jsonl").read_text(encoding="utf-8")


def test_in_a_past_a_row_far_beyond_the_others_is_a_wrong_clock(tmp_path: Path) -> None:
    times = [900_000_000 + 3600 * n for n in range(400)] + [1_500_000_000]
    rows = "".join(f"{n},a,click,{time},1\n" for n, time in enumerate(times))
    path = _write(tmp_path / "i.csv", HEADER + rows)
    assert len(read_interactions(path).frame) == 401
    with pytest.raises(UserError, match="far beyond nearly all other rows"):
        read_interactions(path, is_past=True)
    assert len(read_interactions(path, is_past=True, on_bad_row="skip").frame) == 400
