from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from common.errors import UserError
from common.files import (
    append_whole,
    directory_hashes,
    exclusive_lock,
    read_json,
    write_atomically,
    write_json,
)


def test_a_write_that_fails_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "folder" / "file.json"
    write_json(path, {"a": "旧"})

    def fail(_: int) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, "new")
    assert read_json(path) == {"a": "旧"}
    assert [found.name for found in path.parent.iterdir()] == ["file.json"]


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "no such file"), (b'{\n"a": }', "file.json:2: not JSON"), (b"\xff", "not UTF-8")],
)
def test_what_is_not_json_is_told(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "file.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        read_json(path)
    assert message in str(caught.value)


def test_hashes_name_every_file(tmp_path: Path) -> None:
    write_atomically(tmp_path / "b" / "c", "1")
    write_atomically(tmp_path / "a", "2")
    before = directory_hashes(tmp_path)
    assert list(before) == ["a", "b/c"]
    write_atomically(tmp_path / "a", "3")
    assert directory_hashes(tmp_path)["b/c"] == before["b/c"]
    assert directory_hashes(tmp_path)["a"] != before["a"]


def test_a_lock_holds_between_processes_and_goes_with_them(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    code = (
        "import sys; from pathlib import Path; from common.files import exclusive_lock\n"
        "with exclusive_lock(Path(sys.argv[1])):\n"
        "    print('held', flush=True); sys.stdin.readline()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(UserError, match="another process"), exclusive_lock(path):
        pass
    holder.kill()
    holder.wait()
    with exclusive_lock(path):
        pass


FULL_DISK = """
import resource, sys
from pathlib import Path
from common.files import append_whole
resource.setrlimit(resource.RLIMIT_FSIZE, (20, resource.RLIM_INFINITY))
try:
    append_whole(Path(sys.argv[1]), b"one of the lines that do not fit\\n")
except OSError:
    sys.exit(7)
"""


def test_lines_that_do_not_fit_leave_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "rows"
    append_whole(path, b"before\n")
    # The first bytes are written, and then there is no more space.
    assert subprocess.run([sys.executable, "-c", FULL_DISK, path], check=False).returncode == 7
    append_whole(path, b"after\n")
    assert path.read_bytes() == b"before\nafter\n"


def test_a_line_that_was_cut_off_spoils_no_other(tmp_path: Path) -> None:
    path = tmp_path / "rows"
    path.write_bytes(b"before\ncut o")
    append_whole(path, b"after\n")
    assert path.read_bytes() == b"before\ncut o\nafter\n"
