"""What one site may write at another."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.errors import UserError
from common.tuning.federated.flare.messages import FILES, read_files, write_files
from common.tuning.federated.flare.site import FILE, options_of


def test_files_arrive_as_they_were_sent(tmp_path: Path) -> None:
    (tmp_path / "joint" / "model").mkdir(parents=True)
    (tmp_path / "joint" / "model" / "config.json").write_bytes(b"{}")
    (tmp_path / "joint" / "report.json").write_bytes(b"\x00\xff")
    sent = read_files(tmp_path, "joint/**/*")
    write_files({FILES: sent}, tmp_path / "there", "joint/*")
    assert read_files(tmp_path / "there", "**/*") == sent


@pytest.mark.parametrize(
    "name",
    [
        *("contributions/south.json", "joint/x", "../contributions/north.json", "/etc/north.json"),
        *("contributions/north.d/../south.json", "contributions/north.\\..\\south.json"),
    ],
)
def test_nobody_writes_where_anothers_files_lie(tmp_path: Path, name: str) -> None:
    files = {"contributions/north.json": b"mine", name: b"not mine"}
    with pytest.raises(UserError, match="was due"):
        write_files({FILES: files}, tmp_path, "contributions/north.*")
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize(
    "message", [{}, {FILES: {}}, {FILES: {"contributions/north.json": "text"}}]
)
def test_a_message_without_bytes_is_refused(tmp_path: Path, message: dict[str, object]) -> None:
    with pytest.raises(UserError, match="was due"):
        write_files(message, tmp_path, "contributions/north.*")


def test_a_site_says_which_files_it_learns_from(tmp_path: Path) -> None:
    said = '[north]\nquestions = ["a.csv", "b.csv"]\non_bad_row = "skip"\nstore = "var"\n'
    (tmp_path / FILE).write_text(said)
    assert options_of(tmp_path, "north") == [
        *("--questions", "a.csv", "--questions", "b.csv"),
        *("--on-bad-row", "skip", "--store", "var"),
    ]
    with pytest.raises(UserError, match=r"no table \[south\]"):
        options_of(tmp_path, "south")


def test_what_a_site_switches_off_is_left_out_and_a_table_is_no_option(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("[north]\nresume = false\nprivately = true\n")
    assert options_of(tmp_path, "north") == ["--privately"]
    (tmp_path / FILE).write_text('[north.map]\ntext = "question"\n')
    with pytest.raises(UserError, match="map: a table is no option"):
        options_of(tmp_path, "north")
