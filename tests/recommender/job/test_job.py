from __future__ import annotations

import fcntl
import hashlib
import json
import subprocess
import sys
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import made_up_scores
import polars as pl
import psutil
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up_scores import PLACES, MadeUpScore, make_vectors, plan

from apps.recommender.job.batch import check_directory, run_job
from apps.recommender.job.executor import StoppedError
from apps.recommender.job.manifest import Journal
from apps.recommender.job.run import name_of
from apps.recommender.job.shards import SCHEMA, ShardFile, split_users
from common.errors import UserError
from common.files import directory_hashes, file_sha256

USERS, SHARDS = 95, 10


@pytest.fixture(scope="module")
def vectors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_vectors(tmp_path_factory.mktemp("inputs") / "vectors.npy", USERS)


@pytest.fixture(scope="module")
def undisturbed(vectors: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    run_job(plan(out, vectors), MadeUpScore(vectors))
    return out


@pytest.fixture
def stopped(vectors: Path, tmp_path: Path) -> Path:
    """A directory that a run has left after two shards of ten."""
    out = tmp_path / "stopped"
    with pytest.raises(RuntimeError, match="of all things"):
        run_job(plan(out, vectors), MadeUpScore(vectors, trouble="bug"))
    return out


def test_the_directory_holds_rows_manifest_and_success(undisturbed: Path) -> None:
    manifest = undisturbed / "_manifest.json"
    assert (undisturbed / "_SUCCESS").read_text().strip() == file_sha256(manifest)
    names = {path.name for path in undisturbed.iterdir()}
    assert names == {"_SUCCESS", "_manifest.json", *(f"shard={n:05d}" for n in range(SHARDS))}
    told = json.loads(manifest.read_text())
    assert told["rows"] == USERS * PLACES
    for entry in told["shards"]:
        file = undisturbed / f"shard={entry['shard']:05d}" / "part-0.parquet"
        assert hashlib.sha256(file.read_bytes()).hexdigest() == entry["sha256"]
        assert pq.read_metadata(file).num_rows == entry["rows"]
        assert pq.read_schema(file).equals(SCHEMA)


def test_other_libraries_read_it(undisturbed: Path) -> None:
    rows = pl.read_parquet(undisturbed / "shard=*" / "part-0.parquet", hive_partitioning=True)
    assert rows.height == USERS * PLACES
    assert rows["user_id"].n_unique() == USERS
    assert rows["shard"].unique().sort().to_list() == list(range(SHARDS))
    assert rows["scored_at"].unique().to_list() == [made_up_scores.SCORED_AT]


@pytest.mark.parametrize("after", [-1, 0, 4, 10])
def test_kill_nine_and_the_same_command_give_the_same_bytes(
    undisturbed: Path, vectors: Path, tmp_path: Path, after: int
) -> None:
    out = tmp_path / "out"
    command = [sys.executable, made_up_scores.__file__, str(out), str(vectors), "0.1"]
    process = psutil.Popen(command, stderr=subprocess.DEVNULL)
    while _journal_lines(out) < after + 1 and process.poll() is None:
        time.sleep(0.001)
    workers = process.children(recursive=True)
    process.kill()
    process.wait()
    assert not psutil.wait_procs(workers, timeout=30)[1], "a worker outlives its parent"
    subprocess.run(command, check=True, capture_output=True)
    assert directory_hashes(out) == directory_hashes(undisturbed)


def _journal_lines(out: Path) -> int:
    journal = out / "_journal.jsonl"
    return journal.read_text().count("\n") if journal.exists() else 0


def test_a_run_goes_on_after_its_last_finished_shard(
    stopped: Path, undisturbed: Path, vectors: Path
) -> None:
    # As after a power cut: a line and a file cut off, and a name that was never given.
    with (stopped / "_journal.jsonl").open("a") as journal:
        journal.write('{"shard": 2, "us\x00\n{"shard"')
    (stopped / "._journal.jsonl.7.tmp").write_text("half")
    (stopped / "_temporary").mkdir(exist_ok=True)
    (stopped / "_temporary" / "00002-7.parquet").write_text("half")
    first = stopped / "shard=00000" / "part-0.parquet"
    written = first.stat().st_mtime_ns
    outcome = run_job(plan(stopped, vectors), MadeUpScore(vectors))
    assert (outcome.kept, outcome.shards, outcome.users_scored) == (2, SHARDS, USERS - 20)
    assert first.stat().st_mtime_ns == written
    assert directory_hashes(stopped) == directory_hashes(undisturbed)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"run"', b'"ruk"'),
        (b'"rows"', b'"rowz"'),
        (b'"rows": 5', b'"rows": 4'),
        (b'"bytes"', b"5"),
    ],
)
def test_a_journal_that_was_damaged_changes_no_byte(
    stopped: Path, undisturbed: Path, vectors: Path, old: bytes, new: bytes
) -> None:
    journal = stopped / "_journal.jsonl"
    damaged = journal.read_bytes().replace(old, new)
    assert damaged != journal.read_bytes()
    journal.write_bytes(damaged)
    run_job(plan(stopped, vectors), MadeUpScore(vectors))
    assert directory_hashes(stopped) == directory_hashes(undisturbed)


def test_a_killed_finish_is_finished(undisturbed: Path, vectors: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run_job(plan(out, vectors), MadeUpScore(vectors))
    (out / "_SUCCESS").unlink()
    assert run_job(plan(out, vectors), MadeUpScore(vectors)).kept == SHARDS
    assert directory_hashes(out) == directory_hashes(undisturbed)


@pytest.mark.parametrize("damage", ["missing", "changed", "longer"])
def test_a_damaged_shard_is_scored_again(
    undisturbed: Path, vectors: Path, tmp_path: Path, damage: str
) -> None:
    out = tmp_path / "out"
    run_job(plan(out, vectors), MadeUpScore(vectors))
    file = out / "shard=00003" / "part-0.parquet"
    content = file.read_bytes()
    if damage == "missing":
        file.unlink()
    else:
        file.write_bytes(content[:-1] + b"?" if damage == "changed" else content + b"?")
    assert run_job(plan(out, vectors), MadeUpScore(vectors)).kept == SHARDS - 1
    assert directory_hashes(out) == directory_hashes(undisturbed)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"settings": {"k": 50}}, "settings.k: 5 there, 50 now"),
        ({"model_id": "another"}, "model_id: made up there, another now"),
        ({"inputs": {"vectors": "0" * 64}}, "inputs.vectors: "),
        ({"scored_at": made_up_scores.SCORED_AT + timedelta(days=1)}, "scored_at: "),
        ({"shard_size": 20}, "shard_size: 10 there, 20 now"),
    ],
)
@pytest.mark.parametrize("state", ["stopped", "finished"])
def test_another_run_is_refused(
    stopped: Path, vectors: Path, change: dict[str, Any], told: str, state: str
) -> None:
    if state == "finished":
        run_job(plan(stopped, vectors), MadeUpScore(vectors))
    before = directory_hashes(stopped)
    other = replace(plan(stopped, vectors), **change)
    with pytest.raises(UserError, match="holds another run"):
        check_directory(other)
    with pytest.raises(UserError) as caught:
        run_job(other, MadeUpScore(vectors))
    assert told in str(caught.value)
    assert caught.value.exit_code == 2
    assert directory_hashes(stopped).items() - before.items() <= {
        ("_lock", hashlib.sha256().hexdigest())
    }


def test_a_directory_of_something_else_is_left_alone(vectors: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("only copy")
    with pytest.raises(UserError, match=r"is not empty: thesis\.txt"):
        run_job(plan(tmp_path, vectors), MadeUpScore(vectors))
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_two_runs_at_once_are_refused(vectors: Path, stopped: Path) -> None:
    with (stopped / "_lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(UserError, match="another process"):
            run_job(plan(stopped, vectors), MadeUpScore(vectors))


def test_a_full_disk_stops_with_a_message_and_nothing_half_written(
    undisturbed: Path, vectors: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    with pytest.raises(StoppedError, match="No space left on device") as caught:
        run_job(plan(out, vectors), MadeUpScore(vectors, trouble="disk full"))
    assert caught.value.exit_code == 3
    assert "run the same command" in str(caught.value)
    whole = directory_hashes(undisturbed)
    found = {name: sha for name, sha in directory_hashes(out).items() if "parquet" in name}
    assert found
    assert found.items() <= whole.items()
    run_job(plan(out, vectors), MadeUpScore(vectors))
    assert directory_hashes(out) == whole


def test_a_directory_that_cannot_be_made_is_told(vectors: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoppedError, match="Not a directory") as caught:
        run_job(plan(tmp_path / "file" / "out", vectors), MadeUpScore(vectors))
    assert caught.value.exit_code == 3


def test_an_interrupted_run_says_how_to_go_on(
    undisturbed: Path, vectors: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add, out = Journal.add, tmp_path / "out"

    def interrupt(journal: Journal, written: ShardFile) -> None:
        add(journal, written)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(StoppedError) as caught:
        patch.setattr(Journal, "add", interrupt)
        run_job(plan(out, vectors), MadeUpScore(vectors))
    assert caught.value.exit_code == 130
    assert "Run the same command" in str(caught.value)
    assert run_job(plan(out, vectors), MadeUpScore(vectors)).kept == 1
    assert directory_hashes(out) == directory_hashes(undisturbed)


@given(st.integers(0, 500), st.integers(1, 60))
def test_every_user_is_in_one_shard(users: int, size: int) -> None:
    shards = split_users(users, size)
    assert [u for s in shards for u in range(s.start, s.stop)] == list(range(users))
    assert [shard.number for shard in shards] == list(range(len(shards)))
    assert all(0 < len(shard) <= size for shard in shards)


def test_two_runs_of_the_same_into_two_directories_share_nothing_that_either_deletes(
    vectors: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = (name_of(plan(tmp_path / name, vectors)) for name in ("one", "other"))
    assert one != other
    monkeypatch.chdir(tmp_path)
    assert name_of(plan(Path("one"), vectors)) == one, "who goes on finds it"
