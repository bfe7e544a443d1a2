"""What an application of one's own learns from: its tables, and the corrections that overrule."""

from __future__ import annotations

from pathlib import Path

import pytest

from apps.new.skeletons.classify.application import APPLICATION
from apps.new.skeletons.classify.schema import Example
from apps.new.skeletons.classify.task import OwnTask
from apps.new.skeletons.rank.application import APPLICATION as RANK
from apps.new.skeletons.retrieve.application import APPLICATION as RETRIEVE
from common.applications.application import Application
from common.applications.data import Dataset, Sources, read_dataset, read_examples
from common.errors import UserError
from common.learning.schema import Feedback
from common.records.splits import Splits
from common.releases.registry import Registry
from common.tuning.label_names import named_records
from common.tuning.settings import Settings

LABELLED = [(f"message number {n}", "urgent" if n % 2 else "later") for n in range(20)]


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    table, test = tmp_path / "messages.csv", tmp_path / "test.csv"
    rows = [f"{text},{label}\n" for text, label in LABELLED]
    table.write_text("text,label\n" + "".join(rows), encoding="utf-8")
    test.write_text("text,label\nanother message,urgent\na last one,later\n", encoding="utf-8")
    return Sources([table], [test])


def said(text: str, label: str, *, trusted: bool, source: str = "someone") -> Feedback:
    wanted = {"label": label}
    return Feedback(
        at=1.0, source=source, trusted=trusted, kind="correction", text=text, wanted=wanted
    )


def labels(dataset: Dataset, text: str) -> dict[str, list[str]]:
    """The labels that a text has in each part."""
    return {
        part: [one.said["label"] for one in examples if one.text.lower() == text]
        for part, examples in vars(dataset.splits).items()
    }


def test_names_of_labels_that_are_words_are_learned_where_there_are_few(sources: Sources) -> None:
    learned = read_dataset(APPLICATION, sources).splits
    named = named_records(OwnTask(learned, Settings()), learned.train, "auto")
    assert {one.label: one.text for one in named} == {"later": "later", "urgent": "urgent"}
    many = [*learned.train, *learned.train]
    assert not named_records(OwnTask(Splits(many, [], []), Settings()), many, "auto")
    codes = [Example(text=text, label=f"C{n % 3}") for n, (text, _) in enumerate(LABELLED)]
    assert not named_records(OwnTask(Splits(codes, [], []), Settings()), codes, True)


@pytest.mark.parametrize("text", ["another message", *(text for text, _ in LABELLED[:4])])
def test_a_correction_overrules_what_a_table_says_wherever_it_stands(
    text: str, sources: Sources
) -> None:
    dataset = read_dataset(APPLICATION, sources, [said(text.upper(), "urgent", trusted=True)])
    assert labels(dataset, text) == {"train": ["urgent"], "validation": [], "test": []}


def test_one_source_that_nobody_trusts_is_not_enough(sources: Sources) -> None:
    text = "another message"
    once = [said(text, "later", trusted=False)]
    assert labels(read_dataset(APPLICATION, sources, once), text)["train"] == []
    twice = [*once, said(text, "later", trusted=False, source="another")]
    assert labels(read_dataset(APPLICATION, sources, twice), text)["train"] == ["later"]


def test_candidates_of_one_relevance_teach_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "lists.csv"
    table.write_text("text,candidate,relevance\na,x,1\na,y,0\nb,x,0\nb,y,0\n", encoding="utf-8")
    (found,) = read_examples(RANK, Sources((), [table]))
    assert found.text == "a"
    assert "1 texts have candidates of one relevance alone" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("application", "settings"),
    [
        (APPLICATION, Settings(seeds=3)),
        (APPLICATION, Settings(exemplars=7)),
        (RETRIEVE, Settings(label_smoothing=0.1)),
    ],
)
def test_a_setting_that_has_no_use_is_refused(
    application: Application, settings: Settings, sources: Sources, tmp_path: Path
) -> None:
    from common.applications.training import train

    dataset = read_dataset(APPLICATION, sources)
    with pytest.raises(UserError, match="Leave"):
        train(application, dataset, settings, Registry(tmp_path, "own"))
