"""`learn` and `feedback` of the recommender, on the sample shop."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import polars as pl
import pytest
from command_line import run_here
from trained_shop import SAMPLES, succeed

from apps.recommender.data import Sources, read_dataset
from apps.recommender.interactions.timeline import split_later
from apps.recommender.learning.drift import watched
from apps.recommender.learning.store import EventStore
from common.learning.watching.drift import FEWEST
from common.releases.expectations import load_expectations
from common.releases.registry import Registry
from common.storage.database import Database

LATER = "2026-06-15"


@pytest.fixture
def kept(store: Path, tmp_path: Path) -> Path:
    """A store of its own with the release in it."""
    shutil.copytree(store, tmp_path / "var", symlinks=True)
    return tmp_path / "var"


@pytest.fixture
def week(tmp_path: Path) -> Path:
    """Events that no file of the release holds: the last two weeks, once more a day later."""
    rows = pl.read_csv(SAMPLES / "interactions.csv", infer_schema=False)
    time = pl.col("timestamp").str.to_datetime(time_zone="UTC")
    later = rows.filter(time >= pl.lit(LATER).str.to_datetime(time_zone="UTC"))
    moved = (time + pl.duration(days=14)).dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    path = tmp_path / "week.csv"
    later.with_columns(moved.alias("timestamp")).write_csv(path)
    return path


def test_without_anything_new_there_is_nothing_to_learn(
    data: tuple[object, ...], kept: Path
) -> None:
    done = succeed("learn", *data, "--store", kept)
    assert "nothing new to learn" in done.stdout
    assert len(Registry(kept, "recommender").all()) == 1


@pytest.mark.slow
def test_the_second_stage_learns_each_time_and_the_towers_once_a_week(
    data: tuple[object, ...], kept: Path, week: Path
) -> None:
    registry = Registry(kept, "recommender")
    first = registry.open()
    added = succeed("feedback", "import", week, "--store", kept)
    assert "were there already" in added.stderr
    again = succeed("feedback", "import", week, "--store", kept)
    assert "0 events added" in again.stderr

    learn = ("learn", *data, "--device", "cpu", "--store", kept, "--json")
    stays = json.loads(run_here("recommender", *learn, "--towers", "keep").stdout)
    candidate, was = registry.open(stays["release_id"]).manifest, first.manifest
    assert candidate["parent"] == first.release_id
    assert candidate["data"]["counts"]["events"] > was["data"]["counts"]["events"]
    # The towers are the same, and the windows go on from where they ended.
    for name in ("heads.safetensors", "model/model.safetensors"):
        assert candidate["files"][name] == was["files"][name]
    assert candidate["files"]["ranker.json"] != was["files"]["ranker.json"]
    assert candidate["data"]["begins"]["ranker"] == was["data"]["begins"]["ranker"]
    assert candidate["data"]["begins"]["test"] > was["data"]["begins"]["test"]
    assert candidate["towers"] == was["towers"]
    assert stays["comparison"]["figure"] == "ndcg@10"
    asked = candidate["data"]["counts"]["test_users"]
    assert stays["comparison"]["golden"]["records"] == asked
    # What is expected of the release, its candidate is held to as well, and keeps it.
    met = {kind: one["after"] for kind, one in stays["comparison"]["expectations"].items()}
    assert met == {"direction": 0, "minimum functionality": 1}
    assert load_expectations(registry.open(stays["release_id"])) is not None
    page = registry.releases / stays["release_id"] / "report.html"
    assert "what came last" in page.read_text(encoding="utf-8")
    assert stays["cost"]["timing"]["records"] > 0

    # Made of the same once more, it is the same release with the same verdict.
    count = len(registry.all())
    same = run_here("recommender", *learn, "--towers", "keep")
    assert json.loads(same.stdout)["release_id"] == stays["release_id"]
    assert same.returncode == (0 if stays["passed"] else 3)
    assert len(registry.all()) == count

    # Asked to, the towers learn on, refused or not.
    run_here("recommender", *learn, "--towers", "learn")
    due = registry.all()[-1].manifest
    assert due["files"]["heads.safetensors"] != was["files"]["heads.safetensors"]
    assert due["towers"]["known"] == due["data"]["ends"]
    assert "<h2>Learning</h2>" in registry.all()[-1].report.read_text(encoding="utf-8")
    # By rule they do too, for a week has passed; where that is no better, they stay.
    ruled = run_here("recommender", *learn)
    assert "The towers learn on" in ruled.stderr
    candidate = registry.all()[-1].manifest
    stayed = "they stay" in ruled.stderr
    assert (candidate["towers"] == was["towers"]) == stayed
    # What was read is in no file any more.
    assert not list((kept / "recommender").glob(".reading-*"))


def test_groups_that_are_not_known_are_refused(data: tuple[object, ...], kept: Path) -> None:
    done = run_here("recommender", "learn", *data, "--by", "items,weather", "--store", kept)
    assert done.returncode == 2
    assert "history, language, items" in done.stderr


def test_a_purged_user_is_in_no_file(data: tuple[object, ...], kept: Path, week: Path) -> None:
    succeed("feedback", "import", week, "--store", kept)
    whole = json.loads(succeed("feedback", "list", "--store", kept, "--json").stdout)
    user = whole["events"][-1]["user_id"]
    left = kept / "recommender" / ".reading-killed"
    left.mkdir()
    (left / "reported.parquet").write_text(user, encoding="utf-8")
    gone = json.loads(
        succeed("feedback", "purge", "--subject", user, "--store", kept, "--json").stdout
    )
    assert gone["events"] > 0
    assert not left.exists()
    files = [p for p in kept.rglob("*") if p.is_file() and "releases" not in p.parts]
    assert not any(f"{user}".encode() in path.read_bytes() for path in files)
    assert succeed("feedback", "list", "--user", user, "--store", kept).returncode == 0


def test_drift_is_looked_for_beside_what_the_release_was_measured_on(
    data: tuple[object, ...], kept: Path
) -> None:
    registry = Registry(kept, "recommender")
    dataset = read_dataset(Sources([Path(str(data[1]))], [SAMPLES / "items.jsonl"]))
    database = Database(kept / "bizlm.sqlite")
    store = EventStore(database, "recommender")
    found = watched(registry, store, str(registry.current_id()), dataset)
    assert {"new users", "behaviour", "popularity"} <= found.baseline.keys()
    assert min(map(len, found.baseline.values())) >= FEWEST
    assert list(found.new()) == []
    database.close()


def test_later_events_are_divided_into_thirds(data: tuple[object, ...]) -> None:
    dataset = read_dataset(Sources([Path(str(data[1]))], [SAMPLES / "items.jsonl"]))
    events = dataset.events
    begins = int(sorted(events.time.tolist())[len(events) // 2])
    timeline = split_later(events, dataset.catalogue, begins)
    assert timeline.towers.time.max() < begins
    windows = (timeline.ranker, timeline.calibration, timeline.test)
    sizes = [len(one.known) - len(one.past) for one in windows]
    assert sum(sizes) + len(timeline.towers) == len(events)
    assert max(sizes) - min(sizes) <= 3
