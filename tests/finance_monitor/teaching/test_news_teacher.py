"""A release of the finance monitor is learned from by another."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import torch
from command_line import run_here
from news import BAD, GOOD

from apps.finance_monitor.data import Example
from apps.finance_monitor.release import load_release
from apps.finance_monitor.task import FinanceMonitorTask
from apps.finance_monitor.teaching.teacher import teacher_of
from common.errors import UserError
from common.releases.registry import Registry
from common.tuning.settings import Settings


def _example(text: str, **known: object) -> Example:
    return Example(text, **{"sentiment": "negative", "topics": ("credit",), **known})  # type: ignore[arg-type]


def test_its_logits_are_those_of_the_release_in_the_order_of_the_task(release: Path) -> None:
    registry = Registry(release, "finance_monitor")
    classifier = load_release(registry.open())
    topics = classifier.topics[::-1]
    examples = [_example("a", topics=(topics[0],)), _example("b", topics=(topics[1],))]
    task = FinanceMonitorTask(examples, topics)
    # A machine with bf16 would round.
    settings = Settings(device="cpu", precision="fp32")
    teach = teacher_of(registry, registry.current_id(), task, settings)
    assert teach is not None
    found = teach(["Alba shares plunge", "Alba warns of heavy losses"])
    assert set(found) == {"sentiment_logits", "topic_logits"}
    classifier.module.topic_words = None
    with torch.no_grad():
        own = classifier.module(**classifier.backbone.tokenize(["Alba shares plunge"]))
    torch.testing.assert_close(found["sentiment_logits"][:1], own["sentiment_logits"])
    torch.testing.assert_close(found["topic_logits"][:1], own["topic_logits"].flip(-1))
    assert teacher_of(registry, None, task, Settings()) is None


def test_one_with_other_labels_is_refused(release: Path) -> None:
    registry = Registry(release, "finance_monitor")
    known = registry.current_id()
    other = FinanceMonitorTask([_example("a", topics=("merger",))], ["merger"])
    with pytest.raises(UserError, match="does not know: merger"):
        teacher_of(registry, known, other, Settings(device="cpu"))
    several = FinanceMonitorTask([_example("a", topics=("credit", "company"))], other.topics)
    with pytest.raises(UserError, match="one topic a text, and the training records have several"):
        teacher_of(registry, known, several, Settings(device="cpu"))
    targets = FinanceMonitorTask([_example("a", target="negative", topics=None)], [])
    with pytest.raises(UserError, match="not trained on sentiments of targets"):
        teacher_of(registry, known, targets, Settings(device="cpu"))
    with pytest.raises(UserError, match="nobody"):
        teacher_of(registry, "nobody", other, Settings(device="cpu"))


def test_the_command_line_names_it_in_the_manifest(release: Path, tmp_path: Path) -> None:
    for name, header in (("news", ["text", "sentiment", "topics"]), ("more", ["text"])):
        with (tmp_path / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(header)
            for company in ("Alba", "Borel", "Cinder", "Dorset", "Elmar"):
                for label, phrases in (("negative", BAD), ("positive", GOOD)):
                    for phrase in phrases:
                        topic = "credit" if "losses" in phrase else "company"
                        row = [f"{company} {phrase}", label, topic]
                        writer.writerow(row if name == "news" else [f"{phrase} of {company}"])
    teacher = Registry(release, "finance_monitor").current_id()
    done = run_here(
        "finance_monitor", "train", "--news", tmp_path / "news.csv", "--teacher", teacher,
        "--unlabelled", tmp_path / "more.csv", "--set", "strategy=head", "--set", "epochs=1",
        "--no-promote", "--store", release, "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "40 of them without a label" in done.stderr
    made = Registry(release, "finance_monitor").open(json.loads(done.stdout)["release_id"])
    assert made.manifest["teacher"] == teacher
    assert made.manifest["pseudo_labels"] is None
