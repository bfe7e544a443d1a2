"""Fine-tuning sentiment, topics and targets, from the command line to a release."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from command_line import run_apart, run_here
from release_contract import assert_names_no_place, assert_opens_as_sentence_transformer
from torch.nn.functional import normalize

from apps.finance_monitor.data import Sources, read_examples
from apps.finance_monitor.direction.lexicon import Lexicon
from apps.finance_monitor.direction.weighing import WEIGHTS, Direction
from apps.finance_monitor.release import load_release, save_release
from apps.finance_monitor.schema import SENTIMENTS, FeedRecord
from apps.finance_monitor.stories.calibrating import calibrate
from apps.finance_monitor.task import FinanceMonitorTask
from common.models.heads import Embedder
from common.models.prediction import predict
from common.records.rows import read_rows
from common.records.writing import write_table
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
    metrics = first["figures"]["all"]
    assert {"sentiment_f1", "topic_f1", "target_accuracy", "calibration_error"} <= metrics.keys()
    assert metrics["sentiment_f1"] > 0.9


def test_the_report_shows_what_was_gained_and_what_is_taken_for_what(store: Path) -> None:
    release = Registry(store, "finance_monitor").open()
    text = (release.directory / "report.html").read_text(encoding="utf-8")
    assert "Confusion matrix" in text
    assert text.count("<svg") == 3


def test_the_releases_model_reads_as_the_release_does(store: Path) -> None:
    release = Registry(store, "finance_monitor").open()
    backbone = load_release(release).backbone
    texts = ["Gildas shares plunge", "吉达股价大跌"]
    found = predict(Embedder(backbone.pooled()), backbone, texts)["embedding"]
    vectors = normalize(found, dim=-1)
    assert_opens_as_sentence_transformer(release.directory, texts, vectors)


def test_a_feed_record_is_scored_and_the_word_that_made_it_negative_is_named(store: Path) -> None:
    classifier = load_release(Registry(store, "finance_monitor").open())
    time = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
    records = [
        FeedRecord(id="1", published_at=time, title="Gildas shares plunge"),
        FeedRecord(id="2", published_at=time, title="Gildas beats forecasts, Alba is sued"),
    ]
    gildas = {"Gildas": [(0, 6)]}
    scored = classifier.score(records, [gildas, gildas | {"Alba": [(24, 28)]}])
    assert scored[0].sentiment.label == "negative"
    assert sum(scored[0].sentiment.probabilities.values()) == pytest.approx(1, abs=0.001)
    assert scored[0].sentiment_towards("Gildas").label == "negative"
    assert [target.entity for target in scored[1].targets] == ["Gildas", "Alba"]
    assert "plunge" in classifier.negative_words(records[0].content)


def test_a_release_keeps_when_to_abstain_and_an_older_one_keeps_its_rule(
    news: Path, store: Path, tmp_path: Path
) -> None:
    release = Registry(store, "finance_monitor").open()
    examples = read_examples(Sources(test=[news], mapping={"sentiment": "label"}))
    known = [replace(one, topics=None) for one in examples]
    trained = load_release(release)
    calibrated = calibrate(trained, FinanceMonitorTask(known, []), known)
    assert calibrated.abstain_below.keys() == {"sentiment", "target"}
    save_release(calibrated, tmp_path)
    kept = replace(release, directory=tmp_path)
    for name, least in calibrated.abstain_below.items():
        assert load_release(kept).is_sure(name, least)
        assert not load_release(kept).is_sure(name, least - 0.01)
    settings = json.loads((tmp_path / "model.json").read_text(encoding="utf-8"))
    del settings["abstain_below"]
    (tmp_path / "model.json").write_text(json.dumps(settings), encoding="utf-8")
    older = load_release(kept)
    assert older.is_sure("target", 0.45)
    assert not older.is_sure("target", 0.44)


def test_a_release_keeps_the_words_of_direction_and_an_older_one_has_none(
    store: Path, tmp_path: Path
) -> None:
    release = Registry(store, "finance_monitor").open()
    texts = ["Gildas averts a default", "吉达成本下降", "Gildas moves"]
    alone = replace(load_release(release), direction=None)
    own = Lexicon({"bad": ["default", "成本"], "ends": ["averts"], "down": ["下降"]})
    save_release(replace(alone, direction=Direction(own, 1.5, 0.5)), tmp_path / "new")
    save_release(alone, tmp_path / "old")
    new, old = (load_release(replace(release, directory=tmp_path / one)) for one in ("new", "old"))
    assert old.direction is None
    assert new.direction is not None
    assert new.direction.to_json() == {"weight": 1.5, "target_weight": 0.5}
    assert new.direction.lexicon.entries == own.entries
    with_words, without = (
        np.stack([one.sentiment for one in found.read(texts) if one.sentiment is not None])
        for found in (new, old)
    )
    kept = np.stack([one.sentiment for one in alone.read(texts) if one.sentiment is not None])
    assert without == pytest.approx(kept)
    good = SENTIMENTS.index("positive")
    assert (with_words[:2, good] > without[:2, good]).all()
    assert with_words[2] == pytest.approx(without[2])


def test_words_that_tell_of_sentiments_are_weighed_on_held_out_texts(
    news: Path, store: Path
) -> None:
    trained = load_release(Registry(store, "finance_monitor").open())
    known = list(read_examples(Sources(test=[news], mapping={"sentiment": "label"})))
    task = FinanceMonitorTask(known, trained.topics)
    right = Lexicon({"welcome": [*GOOD], "unwelcome": [*BAD]})
    wrong = Lexicon({"welcome": [*BAD], "unwelcome": [*GOOD]})
    helped = calibrate(trained, task, known, lexicon=right)
    assert helped.direction == Direction(right, WEIGHTS[0], WEIGHTS[0])
    misled = calibrate(trained, task, known, lexicon=wrong).direction
    assert misled is None or max(misled.weight, misled.target_weight) < WEIGHTS[0]


@pytest.mark.parametrize(
    ("content", "arguments", "message"),
    [
        ("title,label\na b c,up\n", ["--map", "sentiment=label"], "n.csv:2: sentiment"),
        ("label\nup\n", [], "read sentiment from 'label'"),
        ("mood\nup\n", [], "neither text nor title"),
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


def test_a_release_says_nothing_of_the_machine(
    release: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    current = (release / "finance_monitor" / "current").resolve()
    assert_names_no_place(current, tmp_path_factory.getbasetemp().parent)


NAMES = ("Alba", "Borealis", "Cygnus", "Draco")
VERDICTS = (("rises", "positive"), ("collapses", "negative"))


def _of_targets(path: Path, count: int) -> Path:
    """News of which only the sentiment towards a company is known."""
    lines = []
    for n in range(count):
        name, (word, sentiment) = NAMES[n % 4], VERDICTS[n // 4 % 2]
        target = {"entity": name, "sentiment": sentiment}
        lines.append({"text": f"{name} {word} again, number {n}", "targets": [target]})
    path.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    return path


def test_news_with_targets_alone_trains_and_is_scored(tiny_model: Path, tmp_path: Path) -> None:
    news = _of_targets(tmp_path / "targets.jsonl", 48)
    quick = ("--backbone", tiny_model, "--set", "strategy=head", "--set", "epochs=1")
    done = run_here("finance_monitor", "train", "--news", news, *quick, "--store", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "The best epoch is chosen by target f1" in done.stderr
    feed = tmp_path / "feed.jsonl"
    story = {"id": "a", "published_at": "2026-01-01T00:00:00Z", "text": "Alba collapses"}
    feed.write_text(json.dumps(story | {"entities": ["Alba"]}) + "\n", encoding="utf-8")
    out = tmp_path / "scored.jsonl"
    done = run_here("finance_monitor", "score", feed, "-o", out, "--store", tmp_path)
    assert done.returncode == 0, done.stderr
    (scored,) = map(json.loads, out.read_text(encoding="utf-8").splitlines())
    assert [one["entity"] for one in scored["targets"]] == ["Alba"]


def test_what_validation_news_cannot_give_is_not_watched(tiny_model: Path, tmp_path: Path) -> None:
    """Trained on sentiment and topics, chosen by the label that the validation news has."""
    news, validation = tmp_path / "news.csv", tmp_path / "validation.csv"
    rows = [
        f"text {n} {w},{s},{t}"
        for n in range(12)
        for w, s, t in (("up", "positive", "credit"), ("down", "negative", "earnings"))
    ]
    news.write_text("text,sentiment,topics\n" + "\n".join(rows), encoding="utf-8")
    validation.write_text("text,topics\nup once,credit\ndown once,earnings\n", encoding="utf-8")
    quick = ("--backbone", tiny_model, "--set", "strategy=head", "--set", "epochs=1")
    files = ("--news", news, "--validation", validation)
    done = run_here("finance_monitor", "train", *files, *quick, "--store", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "The best epoch is chosen by topic f1 on 2 validation records" in done.stderr
    validation.write_text("text,source\nup once,wire\ndown once,wire\n", encoding="utf-8")
    done = run_here("finance_monitor", "train", *files, *quick, "--store", tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_a_loss_that_is_no_number_stops_with_its_cause(tiny_model: Path, tmp_path: Path) -> None:
    news = _of_targets(tmp_path / "targets.jsonl", 48)
    wild = ("--set", "learning_rate=1e30", "--set", "head_learning_rate=1e30")
    steady = ("--set", "gradient_clipping=0", "--set", "optimizer=sgd", "--set", "epochs=5")
    files = ("--news", news, "--backbone", tiny_model, "--store", tmp_path, "--precision", "fp32")
    done = run_here("finance_monitor", "train", *files, *wild, *steady)
    assert done.returncode == 2
    assert "is not finite" in done.stderr
    assert "Lower the learning rate" in done.stderr
    assert not list((tmp_path / "finance_monitor").glob("releases/*"))


@pytest.mark.parametrize("suffix", [".csv", ".xlsx", ".parquet"])
def test_a_table_is_scored_into_a_table_without_ids_of_its_own(
    store: Path, tmp_path: Path, suffix: str
) -> None:
    rows = [
        {"Headline": "Gildas shares plunge", "date": "2026-03-02T09:30:00Z"},
        {"Headline": "=1+1 Alba raises dividend", "date": "2026-03-02T09:31:00Z"},
        {"Headline": "Borel opens an office", "date": "yesterday"},
    ]
    feed, out = tmp_path / f"news{suffix}", tmp_path / f"scored{suffix}"
    write_table(feed, rows)
    done = run_here("finance_monitor", "score", feed, "-o", out, "--store", store, "--json")
    assert json.loads(done.stdout)["rejected"] == 1
    assert "title from 'Headline'" in done.stderr
    found = [row for _, row in read_rows(out) if isinstance(row, dict)]
    assert [row["sentiment"] for row in found][:1] == ["negative"]
    assert len({row["id"] for row in found}) == 2
    again = tmp_path / f"again{suffix}"
    run_here("finance_monitor", "score", feed, "-o", again, "--store", store)
    assert [row["id"] for _, row in read_rows(again) if isinstance(row, dict)] == [
        row["id"] for row in found
    ]


def test_rows_that_share_an_id_are_all_scored(store: Path, tmp_path: Path) -> None:
    feed, out = tmp_path / "news.csv", tmp_path / "scored.jsonl"
    titles = ["Gildas shares plunge", "Alba raises dividend", "Gildas shares plunge"]
    time = "2026-03-02T09:30:00Z"
    write_table(feed, [{"id": "7", "title": one, "published_at": time} for one in titles])
    done = run_here("finance_monitor", "score", feed, "-o", out, "--store", store, "--json")
    assert json.loads(done.stdout)["scored"] == 3
    found = [row for _, row in read_rows(out) if isinstance(row, dict)]
    assert [row["title"] for row in found] == titles


def test_bad_rows_do_not_replace_the_file_that_is_read(store: Path, tmp_path: Path) -> None:
    mended, out = tmp_path / "scored.rejected.jsonl", tmp_path / "scored.csv"
    kept = '{"text": "Alba raises dividend", "published_at": "2026-03-02T09:30:00Z"}\n'
    mended.write_text(kept, encoding="utf-8")
    done = run_here("finance_monitor", "score", mended, "-o", out, "--store", store)
    assert done.returncode == 2
    assert "bad rows would be written" in done.stderr
    assert mended.read_text(encoding="utf-8") == kept


def test_a_table_can_be_watched_and_replayed(store: Path, tmp_path: Path) -> None:
    feed = tmp_path / "past.csv"
    times = [f"2026-03-{day:02}T{hour:02}:00:00Z" for day in range(1, 6) for hour in range(24)]
    write_table(feed, [{"title": f"Alba opens office {n}", "time": t} for n, t in enumerate(times)])
    done = run_here("finance_monitor", "backtest", feed, "--store", store, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["days"] == pytest.approx((len(times) - 1) / 24, abs=0.01)
    done = run_here("finance_monitor", "watch", feed, "--once", "--store", store, "--json")
    assert done.returncode == 0, done.stderr
