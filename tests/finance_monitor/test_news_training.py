"""Fine-tuning sentiment, topics and targets, from the command line to a release."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from command_line import run_apart, run_here
from release_contract import assert_names_no_place

from apps.finance_monitor import classifying
from apps.finance_monitor.schema import FeedRecord
from common.releases.registry import Registry

GOOD = ("profit jumps", "shares rally", "wins a large order", "beats forecasts", "raises dividend")
BAD = ("shares plunge", "warns of losses", "misses its payment", "cuts jobs", "is sued for fraud")
FLAT = ("holds its meeting", "opens an office", "names a chairman", "files its report", "moves")
NAMES = ("Alba", "Borel", "Cinder", "Dorset", "Elmar", "Fenwick")


@pytest.fixture(scope="module")
def news(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("news") / "news.csv"
    rows = []
    for label, phrases in (("Bullish", GOOD), ("负面", BAD), ("neutral", FLAT)):
        for name in NAMES:
            for phrase in phrases:
                topic = "credit" if "payment" in phrase or "dividend" in phrase else "company"
                target = json.dumps([{"entity": name, "sentiment": label}])
                rows.append([f"{name} {phrase}", label, topic, target])
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["title", "label", "topics", "targets"])
        writer.writerows(rows)
    return path


@pytest.fixture(scope="module")
def store(news: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("finance") / "var"
    done = run_here("finance_monitor",
        "train", "--news", news, "--map", "sentiment=label", "--backbone", "minilm",
        "--set", "strategy=top-layers:2", "--set", "epochs=3", "--store", made, "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    trained = json.loads(done.stdout)
    assert trained["promoted"]
    assert trained["after"]["sentiment_f1"] > max(0.8, trained["before"]["sentiment_f1"] - 0.01)
    return made


def test_evaluate_repeats_the_figures_in_a_fresh_process(news: Path, store: Path) -> None:
    arguments = ("--news", news, "--map", "sentiment=label", "--store", store, "--json")
    first, second = (
        json.loads(run("finance_monitor", "evaluate", *arguments).stdout)
        for run in (run_here, run_apart)
    )
    assert first == second
    figures = first["figures"]["all"]
    assert {"sentiment_f1", "topic_f1", "target_accuracy", "calibration_error"} <= figures.keys()
    assert figures["sentiment_f1"] > 0.9


def test_the_report_shows_what_was_gained_and_what_is_taken_for_what(store: Path) -> None:
    release = Registry(store, "finance_monitor").open()
    text = (release.directory / "report.html").read_text(encoding="utf-8")
    assert "What is taken for what" in text
    assert text.count("<svg") == 3


def test_a_feed_record_is_scored_and_the_word_that_made_it_negative_is_named(store: Path) -> None:
    classifier = classifying.load(Registry(store, "finance_monitor").open())
    time = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
    records = [
        FeedRecord(id="1", published_at=time, title="Gildas shares plunge"),
        FeedRecord(id="2", published_at=time, title="Gildas beats forecasts, Alba is sued"),
    ]
    scored = classifier.score(records, [["Gildas"], ["Gildas", "Alba"]])
    assert scored[0].sentiment.label == "negative"
    assert sum(scored[0].sentiment.probabilities.values()) == pytest.approx(1, abs=0.001)
    assert scored[0].is_negative_on("Gildas")
    assert [target.entity for target in scored[1].targets] == ["Gildas", "Alba"]
    assert "plunge" in classifier.negative_words(records[0].content)


@pytest.mark.parametrize(
    ("content", "arguments", "message"),
    [
        ("title,label\na b c,up\n", ["--map", "sentiment=label"], "n.csv:2: sentiment"),
        ("label\nup\n", [], "neither text nor title"),
        ("text,sentiment\na b,positive\nc d,positive\n", [], "one label only"),
        ("text\nhello\nworld\n", [], "nothing to tell apart"),
    ],
)
def test_bad_news_is_told_plainly(
    tmp_path: Path, content: str, arguments: list[str], message: str
) -> None:
    path = tmp_path / "n.csv"
    path.write_text(content, encoding="utf-8")
    done = run_here("finance_monitor", "train", "--news", path, *arguments, "--store", tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_release_says_nothing_of_the_machine(release: Path) -> None:
    store = release
    assert_names_no_place((store / "finance_monitor" / "current").resolve(), store)
