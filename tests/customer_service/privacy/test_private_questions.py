"""What reaches a release of questions that are a secret, from the command line on."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from sample import SAMPLES, Run

from common.files import read_json
from common.records.rows import read_rows
from common.records.writing import write_table
from common.releases.registry import Registry
from common.releases.release import Release

PRIVATE = ("--set", "privacy_epsilon=8", "--set", "strategy=head", "--set", "epochs=1")
SECRET = "Wilhelmina Brackenthorpe"
FAQS = 4


@dataclass(frozen=True)
class Files:
    faqs: Path
    secret: Path
    public: Path

    @property
    def arguments(self) -> tuple[object, ...]:
        return ("--faqs", self.faqs, "--questions", self.secret, *PRIVATE)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """Some sample FAQs, and the questions to them, asked by somebody who says who they are."""
    folder = tmp_path_factory.mktemp("secret")
    lines = (SAMPLES / "faqs.en.jsonl").read_text(encoding="utf-8").splitlines()[:FAQS]
    (folder / "faqs.jsonl").write_text("\n".join(lines), encoding="utf-8")
    known = {json.loads(line)["id"] for line in lines}
    for name, source, said in (
        ("secret", "questions.en.csv", f"{SECRET} here: "),
        ("public", "test.en.csv", ""),
    ):
        rows = [row for _, row in read_rows(SAMPLES / source) if row["faq_id"] in known]
        asked = [{"question": f"{said}{row['question']}", "faq_id": row["faq_id"]} for row in rows]
        write_table(folder / f"{name}.csv", asked)
    return Files(folder / "faqs.jsonl", folder / "secret.csv", folder / "public.csv")


@pytest.fixture(scope="module")
def release(files: Files, run: Run, tmp_path_factory: pytest.TempPathFactory) -> Release:
    store = tmp_path_factory.mktemp("private") / "var"
    done = run("train", *files.arguments, "--public", files.public, "--store", store, "--json")
    assert done.returncode == 0, done.stderr
    return Registry(store, "customer_service").open(json.loads(done.stdout)["release_id"])


def test_the_release_holds_nothing_of_the_secret_questions(release: Release, files: Files) -> None:
    asked = [str(row["question"]).split(" here: ")[1] for _, row in read_rows(files.secret)]
    public = (files.faqs.read_text(encoding="utf-8") + files.public.read_text("utf-8")).lower()
    # Short ones are words that a tokenizer has anyhow.
    long = [text.lower() for text in asked if len(text) > 25 and text.lower() not in public]
    secrets = [name.lower() for name in SECRET.split()] + long
    assert len(secrets) > 20
    for path in release.directory.rglob("*"):
        if path.is_file():
            content = path.read_bytes().lower()
            found = [text for text in secrets if text.encode() in content]
            assert not found, f"{found[0]!r} in {path.name}"
    assert not (release.directory / "lessons.json").exists()


def test_what_is_searched_are_faq_texts(release: Release, files: Files) -> None:
    known = {row["id"] for _, row in read_rows(files.faqs)}
    variants = read_json(release.directory / "variants.json")
    assert {faq_id for _, faq_id, *_ in variants} == known
    assert (release.directory / "confidence.json").exists()


def test_the_manifest_states_the_guarantee_and_no_hash(release: Release) -> None:
    stated = release.manifest["privacy"]
    assert 0 < stated["epsilon"] <= stated["budget_epsilon"] == 8
    assert "FAQs with their wordings" in stated["public"]
    assert release.manifest["measured_on"] == "public"
    assert "sha256" not in release.manifest["data"]
    assert release.manifest["settings"]["adversarial"] == 0


def test_without_public_questions_no_promise_can_be_shown(
    files: Files, run: Run, tmp_path: Path
) -> None:
    done = run("train", *files.arguments, "--store", tmp_path)
    assert done.returncode == 2 and "--public FILE" in done.stderr


@pytest.mark.parametrize("option", [("--rerank",), ("--resume",), ("--test", "secret")])
def test_what_would_read_secrets_without_noise_is_refused(
    files: Files, run: Run, tmp_path: Path, option: tuple[str, ...]
) -> None:
    given = [files.secret if one == "secret" else one for one in option]
    done = run("train", *files.arguments, "--public", files.public, *given, "--store", tmp_path)
    assert done.returncode == 2
    assert f"{option[0]} do not go together" in " ".join(done.stderr.split())


def test_intents_alone_are_those_that_public_questions_name(run: Run, tmp_path: Path) -> None:
    intents = {
        "card": ["my card is lost", "block my card", "card stolen", "lost the card abroad"],
        "fees": ["what does it cost", "monthly fee", "how much is a transfer", "price list"],
    }
    for name, extra in (("public", {}), ("secret", {"project-nightjar": ["I am insolvent"] * 4})):
        with (tmp_path / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["question", "intent"])
            for intent, texts in (intents | extra).items():
                numbered = [f"{text}, {name} {i}" for i in range(5) for text in texts]
                writer.writerows([text, intent] for text in numbered)
    done = run(
        "train", "--questions", tmp_path / "secret.csv", "--public", tmp_path / "public.csv",
        *PRIVATE, "--set", "batch_size=16", "--store", tmp_path / "var", "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    registry = Registry(tmp_path / "var", "customer_service")
    release = registry.open(json.loads(done.stdout)["release_id"])
    assert read_json(release.directory / "model.json")["intents"] == ["card", "fees"]
    for path in release.directory.rglob("*"):
        if path.is_file():
            assert b"nightjar" not in path.read_bytes()
