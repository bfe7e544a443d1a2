"""`train --from`: new FAQs and questions on what a release learned."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
import torch
from command_line import Finished
from sample import Run

from apps.customer_service import evaluate
from apps.customer_service.data import Example
from apps.customer_service.documents.quoting import Documents
from apps.customer_service.release import load_release
from common.records.personal import prepare
from common.releases.registry import Registry

NAMES = ("Alba", "Borel", "Cinder", "Dorset", "Elmar", "Fenwick", "Gault", "Holm", "Ivo", "Jura")
OLD = {
    "parcel": ("has lost a parcel", "waits for a parcel"),
    "invoice": ("wants an invoice", "sees no invoice"),
    "refund": ("asks for money back", "returns the goods"),
}
NEW = {"voucher": ("holds a voucher", "got a gift card")}
QUICK = ("--set", "epochs=6", "--set", "learning_rate=2e-3", "--set", "tracking=none")
ANSWER = {faq_id: f"Write to {faq_id}@example.org about it." for faq_id in (*OLD, *NEW)}


def _faqs(path: Path, ids: Sequence[str], **changed: str) -> Path:
    rows = [
        {"id": one, "question": f"what about the {one}", "answer": {**ANSWER, **changed}[one]}
        for one in ids
    ]
    path.write_text("\n".join(map(json.dumps, rows)) + "\n", encoding="utf-8")
    return path


def _questions(path: Path, phrases: Mapping[str, Sequence[str]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["question", "faq_id"])
        for faq_id, some in phrases.items():
            writer.writerows([f"{name} {phrase}", faq_id] for name in NAMES for phrase in some)
    return path


@pytest.fixture(scope="module")
def store(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory, run: Run) -> Path:
    """A store whose release knows three FAQs."""
    folder = tmp_path_factory.mktemp("three")
    (folder / "hours.md").write_text("# Hours\n\nThe shop opens at nine.\n", encoding="utf-8")
    done = run(
        "train", "--faqs", _faqs(folder / "faqs.jsonl", list(OLD)),
        "--questions", _questions(folder / "questions.csv", OLD),
        "--documents", folder / "hours.md",
        "--backbone", tiny_model, *QUICK, "--store", folder / "var",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder / "var"


def _registry(store: Path) -> Registry:
    return Registry(store, "customer_service")


def _further(run: Run, store: Path, *given: object) -> Finished:
    return run(
        "train", "--from", _registry(store).current_id(), *given, *QUICK, "--no-promote",
        "--store", store, "--json",
    )  # fmt: skip


def _right(store: Path, release_id: str, phrases: Mapping[str, Sequence[str]]) -> float:
    examples = [
        Example(prepare(f"{name} {phrase}"), faq_id, None)
        for faq_id, some in phrases.items()
        for phrase in some
        for name in NAMES
    ]
    outcomes = evaluate.run(load_release(_registry(store).open(release_id)), examples)
    return sum(outcome.is_right for outcome in outcomes) / len(outcomes)


def test_new_faqs_join_and_the_old_ones_stay(run: Run, store: Path, tmp_path: Path) -> None:
    first = str(_registry(store).current_id())
    done = _further(
        run, store, "--faqs", _faqs(tmp_path / "new.jsonl", list(NEW)),
        "--questions", _questions(tmp_path / "new.csv", NEW),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["right"]["new"]["before"] == 0
    assert told["right"]["new"]["after"] == 1
    assert told["right"]["old"]["after"] >= 0.8
    made = _registry(store).open(told["release_id"])
    assert made.manifest["trained_from"] == [first]
    assert "What it knew, and what is new" in made.report.read_text(encoding="utf-8")
    answerer = load_release(made)
    assert answerer.faqs.keys() == {*OLD, *NEW}
    assert answerer.prototype_ids == sorted({*OLD, *NEW})
    assert isinstance(answerer.documents, Documents)
    assert [passage.document for passage in answerer.documents.index.passages] == ["hours.md"]
    assert _right(store, told["release_id"], OLD | NEW) > 0.9


def test_the_encoder_stays_where_heads_alone_are_fitted(
    run: Run, store: Path, tmp_path: Path
) -> None:
    done = _further(
        run, store, "--faqs", _faqs(tmp_path / "new.jsonl", list(NEW)),
        "--questions", _questions(tmp_path / "new.csv", NEW), "--set", "continual=nearest-mean",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    made = _registry(store).open(json.loads(done.stdout)["release_id"])
    old, new = load_release(_registry(store).open()), load_release(made)
    weights = dict(old.backbone.network.named_parameters())
    for name, parameter in new.backbone.network.named_parameters():
        assert parameter.equal(weights[name])
    assert torch.equal(old.module.projection.weight, new.module.projection.weight)
    assert _right(store, made.release_id, NEW) > 0.8


def test_questions_may_name_faqs_that_the_release_knows(
    run: Run, store: Path, tmp_path: Path
) -> None:
    more = {"parcel": ("sits at home all day", "stares at the tracking page")}
    done = _further(run, store, "--questions", _questions(tmp_path / "new.csv", more))
    assert done.returncode == 0, done.stderr
    assert _right(store, json.loads(done.stdout)["release_id"], more) > 0.9
    unknown = _questions(tmp_path / "unknown.csv", {"nobody": ("calls",)})
    done = _further(run, store, "--questions", unknown)
    assert done.returncode == 2
    assert "there is no FAQ 'nobody'" in done.stderr


def test_an_faq_that_is_given_again_takes_the_place_of_the_old_one(
    run: Run, store: Path, tmp_path: Path
) -> None:
    other = "Nothing is refunded any more, as of the first of May."
    again = _faqs(tmp_path / "again.jsonl", [*OLD, *NEW], refund=other)
    done = _further(run, store, "--faqs", again)
    assert done.returncode == 0, done.stderr
    assert "no news to the release: it knows them already" in done.stderr
    made = _registry(store).open(json.loads(done.stdout)["release_id"])
    answerer = load_release(made)
    assert answerer.faqs["refund"].answer == other
    assert answerer.index is not None
    texts = {variant.text for variant in answerer.index.variants if variant.faq_id == "refund"}
    assert prepare(other) in texts
    assert prepare(ANSWER["refund"]) not in texts


def test_what_the_release_is_measured_on_is_not_learned(
    run: Run, store: Path, tmp_path: Path
) -> None:
    lessons = json.loads((_registry(store).open().directory / "lessons.json").read_text())
    measured = [row[0] for row in lessons["validation"]]
    questions = _questions(tmp_path / "new.csv", NEW)
    with questions.open("a", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([text, "voucher"] for text in measured)
    done = _further(
        run, store, "--faqs", _faqs(tmp_path / "new.jsonl", list(NEW)), "--questions", questions,
        "--set", "continual=nearest-mean",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    made = _registry(store).open(json.loads(done.stdout)["release_id"])
    kept = json.loads((made.directory / "lessons.json").read_text())
    assert not {row[0] for row in kept["train"]} & {*measured}
    assert {row[0] for row in kept["validation"]} >= {*measured}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--from", "nowhere"), "no release 'nowhere'"),
        (("--from", "SERVING", "--backbone", "minilm"), "goes on with it"),
        (("--from", "SERVING", "--set", "continual=klda"), "FAQs are found by search"),
        (("--from", "SERVING", "--unlabelled", "FAQS"), "--unlabelled starts again"),
        (("--from", "SERVING"), "nothing is new to the release"),
        (("--max-forgetting", "0.1"), "none is named"),
    ],
)
def test_what_does_not_go_together_is_told(
    run: Run, store: Path, tmp_path: Path, options: Sequence[str], message: str
) -> None:
    faqs = _faqs(tmp_path / "old.jsonl", list(OLD))
    places = {"SERVING": str(_registry(store).current_id()), "FAQS": str(faqs)}
    given = [places.get(one, one) for one in options]
    done = run("train", "--faqs", faqs, *given, "--store", store)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
