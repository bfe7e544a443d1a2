"""`train --from`: new texts and new labels on what a release learned."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from command_line import Finished, run_here

from apps.finance_monitor.continual.continuing import continue_from
from apps.finance_monitor.data import Dataset, Example
from apps.finance_monitor.learning.lessons import load_lessons
from apps.finance_monitor.release import load_release
from common.errors import RefusedError
from common.records.audit import Audit
from common.records.splits import Splits
from common.releases.gate import check_forgetting
from common.releases.registry import Registry
from common.tuning.continual.forgetting import Forgetting
from common.tuning.settings import Settings

NAMES = ("Alba", "Borel", "Cinder", "Dorset", "Elmar", "Fenwick", "Gault", "Holm")
OTHERS = ("Ivo", "Jura", "Kolm", "Lund", "Mora", "Nord", "Orb", "Pell", "Quist", "Ravn")
OLD = {
    "credit": ("misses its payment", "repays a loan", "defaults on bonds"),
    "jobs": ("cuts staff", "hires workers", "opens a plant"),
}
NEW = {"weather": ("hit by storms", "flooded by rain", "lacks snow")}
NEWER = {"courts": ("is sued", "wins its appeal", "settles a case")}
QUICK = ("--set", "epochs=8", "--set", "learning_rate=2e-3", "--set", "tracking=none")


def _write(path: Path, phrases: Mapping[str, Sequence[str]], names: Sequence[str] = NAMES) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "topics"])
        for topic, some in phrases.items():
            writer.writerows([f"{name} {phrase}", topic] for name in names for phrase in some)
    return path


@pytest.fixture(scope="module")
def store(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store whose release tells credit from jobs."""
    folder = tmp_path_factory.mktemp("old")
    news = _write(folder / "old.csv", OLD)
    done = run_here(
        "finance_monitor", "train", "--news", news, "--backbone", tiny_model, *QUICK,
        "--store", folder / "var",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder / "var"


def _registry(store: Path) -> Registry:
    return Registry(store, "finance_monitor")


def _further(store: Path, news: Path, *extra: object, parent: str | None = None) -> Finished:
    found = parent or _registry(store).current_id()
    return run_here(
        "finance_monitor", "train", "--from", found, "--news", news, *QUICK, *extra,
        "--store", store, "--json",
    )  # fmt: skip


def _accuracy(store: Path, release_id: str, phrases: Mapping[str, Sequence[str]]) -> float:
    classifier = load_release(_registry(store).open(release_id))
    right = 0
    for topic, some in phrases.items():
        for reading in classifier.read([f"{name} {one}" for one in some for name in NAMES]):
            assert reading.topics is not None
            right += classifier.topics[int(reading.topics.argmax())] == topic
    return right / sum(len(some) * len(NAMES) for some in phrases.values())


def test_new_topics_join_and_the_old_ones_stay(store: Path, tmp_path: Path) -> None:
    first = str(_registry(store).current_id())
    done = _further(store, _write(tmp_path / "new.csv", NEW), "--no-promote")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    shown = told["topics"]
    assert shown["old"]["after"] >= 0.8
    assert shown["new"]["before"] == 0
    assert shown["new"]["after"] > 0.8
    assert shown["forgetting"] == pytest.approx(shown["old"]["before"] - shown["old"]["after"])
    release = _registry(store).open(told["release_id"])
    assert release.manifest["topics"] == ["credit", "jobs", "weather"]
    assert release.manifest["trained_from"] == [first]
    assert "What it knew, and what is new" in release.report.read_text(encoding="utf-8")
    assert _accuracy(store, told["release_id"], OLD | NEW) > 0.8

    done = _further(
        store, _write(tmp_path / "newer.csv", NEWER), "--no-promote", parent=release.release_id
    )
    assert done.returncode == 0, done.stderr
    third = _registry(store).open(json.loads(done.stdout)["release_id"])
    assert third.manifest["trained_from"] == [first, release.release_id]
    assert third.manifest["topics"] == ["courts", "credit", "jobs", "weather"]
    assert third.manifest["continual"]["topics"]["old"]["records"] > shown["old"]["records"]


@pytest.mark.parametrize("mechanism", ["nearest-mean", "klda"])
def test_the_encoder_stays_where_heads_alone_are_fitted(
    store: Path, tmp_path: Path, mechanism: str
) -> None:
    news = _write(tmp_path / "new.csv", NEW)
    features = ("--set", "klda_features=64") if mechanism == "klda" else ()
    done = _further(store, news, "--set", f"continual={mechanism}", *features, "--no-promote")
    assert done.returncode == 0, done.stderr
    made = _registry(store).open(json.loads(done.stdout)["release_id"])
    old, new = load_release(_registry(store).open()), load_release(made)
    weights = dict(old.backbone.network.named_parameters())
    for name, parameter in new.backbone.network.named_parameters():
        assert parameter.equal(weights[name])
    assert _accuracy(store, made.release_id, OLD | NEW) > 0.6


def test_a_release_that_forgets_too_much_does_not_serve(store: Path, tmp_path: Path) -> None:
    serving = _registry(store).current_id()
    other = {"weather": OLD["credit"], "courts": OLD["jobs"]}
    done = _further(
        store, _write(tmp_path / "new.csv", other, OTHERS), "--max-forgetting", "0.02",
        "--set", "continual=replay", "--set", "exemplars=1",
    )  # fmt: skip
    assert done.returncode == 3
    assert "the candidate forgets" in done.stderr
    assert _registry(store).current_id() == serving
    assert "may lose 2.0%" in done.stderr


def test_new_texts_that_releases_are_measured_on_are_not_learned(
    store: Path, tmp_path: Path
) -> None:
    lessons = json.loads((_registry(store).open().directory / "lessons.json").read_text())
    measured = [row[0] for row in lessons["validation"]]
    news = _write(tmp_path / "new.csv", NEW)
    with news.open("a", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([text, "weather"] for text in measured[:2])
    done = _further(store, news, "--set", "continual=nearest-mean", "--no-promote")
    assert done.returncode == 0, done.stderr
    assert "new texts are left out" in done.stderr
    made = _registry(store).open(json.loads(done.stdout)["release_id"])
    kept = json.loads((made.directory / "lessons.json").read_text())
    assert not {row[0] for row in kept["train"]} & {*measured}


def test_a_text_labelled_anew_under_its_ticker_is_learned_once(store: Path) -> None:
    registry = _registry(store)
    serving = registry.open()
    old = next(one for one in load_lessons(serving).train if "Alba" in one.text)
    new = Dataset(
        splits=Splits(
            [Example(old.text.replace("Alba", "$ALB"), topics=("weather",))],
            [Example("Alba lacks snow", topics=("weather",))],
            [],
        ),
        audit=Audit([]),
        hashes={},
        tickers={"ALB": "Alba"},
    )
    begun = continue_from(registry, serving.release_id, new, Settings(exemplars=100), "auto")
    learned = [one.topics for one in begun.dataset.splits.train if one.text == old.text]
    assert learned == [("weather",)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--from", "nowhere"), "no release 'nowhere'"),
        (("--from", "SERVING", "--backbone", "minilm"), "goes on with it"),
        (("--max-forgetting", "0.1"), "none is named"),
        (("--set", "continual=replay"), "none is named"),
        (("--set", "exemplars=5"), "none is named"),
        (("--from", "SERVING", "--unlabelled", "NEWS"), "--unlabelled starts again"),
        (("--from", "SERVING", "--set", "contrastive_epochs=1"), "would start anew"),
    ],
)
def test_what_does_not_go_together_is_told(
    store: Path, tmp_path: Path, options: Sequence[str], message: str
) -> None:
    news = _write(tmp_path / "new.csv", NEW)
    places = {"SERVING": str(_registry(store).current_id()), "NEWS": str(news)}
    given = [places.get(one, one) for one in options]
    done = run_here("finance_monitor", "train", "--news", news, *given, "--store", store)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_texts_may_have_several_topics_from_now_on(store: Path, tmp_path: Path) -> None:
    news = tmp_path / "new.jsonl"
    rows = [{"text": f"{name} is hit", "topics": ["weather", "jobs"]} for name in NAMES]
    news.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    done = _further(store, news, "--no-promote")
    assert done.returncode == 0, done.stderr
    made = load_release(_registry(store).open(json.loads(done.stdout)["release_id"]))
    assert "topic_logits" in made.module.independent_logits


@pytest.mark.parametrize(
    "command",
    [(name, "tune", "--search", "epochs=1,2") for name in ("customer_service", "finance_monitor")],
)
def test_where_nothing_is_trained_further_its_settings_are_refused(command: Sequence[str]) -> None:
    done = run_here(*command, "--set", "continual=replay")
    assert done.returncode == 2
    assert "train --from" in done.stderr


def test_no_figure_hides_what_another_loses() -> None:
    kept = Forgetting.of("sentiment", [True, False, None], [True, True, None], old=2)
    lost = Forgetting.of("topics", [True, True, False], [True, False, True], old=2)
    assert (kept.lost, lost.lost) == (-0.5, 0.5)
    assert (lost.old_records, lost.new_records, kept.new_records) == (2, 1, 0)
    check_forgetting([kept, lost], 0.5)
    with pytest.raises(RefusedError, match=r"Topics: right of 2 old records 100.0% → 50.0%"):
        check_forgetting([kept, lost], 0.4)
