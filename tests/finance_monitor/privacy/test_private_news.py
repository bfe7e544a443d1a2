"""What reaches a release of news that are a secret, from the command line on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from command_line import run_here
from news import BAD, FLAT, GOOD

from apps.finance_monitor.release import direction_of, load_release
from apps.finance_monitor.schema import SENTIMENTS
from common.releases.registry import Registry
from common.releases.release import Release
from common.storage.vectors import text_key

SECRET_TOPIC = "project-nightjar"
PRIVATE = (
    *("--set", "privacy_epsilon=8", "--set", "privacy_delta=1e-4", "--set", "batch_size=16"),
    *("--set", "strategy=head", "--set", "epochs=2"),
)


def _write(path: Path, names: tuple[str, ...], topics: tuple[str, str]) -> Path:
    with path.open("w", encoding="utf-8") as file:
        for label, phrases in zip(SENTIMENTS, (GOOD, FLAT, BAD), strict=True):
            for name in names:
                for phrase in phrases:
                    topic = topics["payment" in phrase or "losses" in phrase]
                    row = {"text": f"{name} {phrase}", "sentiment": label, "topics": [topic]}
                    file.write(json.dumps(row) + "\n")
    return path


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("secret-news")
    secret = _write(
        folder / "secret.jsonl", ("Zorvex", "Quillam", "Yarrowby"), (SECRET_TOPIC, "credit")
    )
    public = _write(folder / "public.jsonl", ("Alba", "Borel"), ("company", "credit"))
    return {"secret": secret, "public": public}


def _train(store: Path, *arguments: Any) -> Release:
    done = run_here("finance_monitor", "train", *arguments, "--store", store, "--json")
    assert done.returncode == 0, done.stderr
    return Registry(store, "finance_monitor").open(json.loads(done.stdout)["release_id"])


@pytest.fixture(scope="module")
def release(files: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Release:
    store = tmp_path_factory.mktemp("private") / "var"
    given = ("--news", files["secret"], "--public", files["public"])
    return _train(store, *given, *PRIVATE)


def test_the_release_holds_nothing_of_the_secret_texts(
    release: Release, files: dict[str, Path]
) -> None:
    rows = [json.loads(line) for line in files["secret"].read_text().splitlines()]
    texts = [row["text"] for row in rows]
    secrets = [*texts, "Zorvex", "Quillam", "Yarrowby", SECRET_TOPIC, *map(text_key, texts)]
    for path in release.directory.rglob("*"):
        if path.is_file():
            content = path.read_bytes().lower()
            for secret in secrets:
                wanted = secret if isinstance(secret, bytes) else secret.lower().encode()
                assert wanted not in content, f"{secret!r} in {path.name}"
    assert not (release.directory / "lessons.json").exists()


def test_the_manifest_states_the_guarantee_and_no_hash(release: Release) -> None:
    stated = release.manifest["privacy"]
    assert 0 < stated["epsilon"] <= stated["budget_epsilon"] == 8
    assert {"delta", "unit", "sampling_rate", "noise_multiplier", "accountant"} <= stated.keys()
    assert (stated["records"], stated["steps"]) == (36, 2 * (36 // 16))
    assert "24 records" in stated["public"]
    directed = direction_of(release)
    assert release.manifest["direction"] == (directed and directed.to_json())
    assert "sha256" not in release.manifest["data"]
    assert "ε = " in release.report.read_text(encoding="utf-8")


def test_labels_are_those_that_public_records_name(release: Release) -> None:
    classifier = load_release(release, device="cpu")
    assert classifier.topics == ["company", "credit"]
    assert classifier.module.topic_words is None
    assert classifier.temperatures.keys() == {"sentiment", "topic"}


def test_without_public_records_sentiments_start_from_their_words(
    files: dict[str, Path], tmp_path: Path
) -> None:
    arguments = ("--news", files["secret"], *PRIVATE)
    done = run_here("finance_monitor", "train", *arguments, "--store", tmp_path)
    assert done.returncode == 2 and "--backbone minilm" in done.stderr
    release = _train(tmp_path, *arguments, "--backbone", "minilm")
    assert (release.manifest["before"], release.manifest["after"]) == ({}, {})
    assert Registry(tmp_path, "finance_monitor").current_id() is None
    classifier = load_release(release, device="cpu")
    assert classifier.topics == [] and classifier.temperatures == {}
    found = classifier.read(["a heavy loss, fraud and layoffs", "record profit, strong growth"])
    assert [
        SENTIMENTS[int(one.sentiment.argmax())] for one in found if one.sentiment is not None
    ] == [
        "negative",
        "positive",
    ]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--test", "secret"), "--test do not go together"),
        (("--validation", "secret"), "--validation do not go together"),
        (("--unlabelled", "secret"), "--unlabelled do not go together"),
        (("--resume",), "--resume do not go together"),
        (("--set", "r_drop=1"), "r_drop do not go together"),
    ],
)
def test_what_would_read_secrets_without_noise_is_refused(
    files: dict[str, Path], tmp_path: Path, arguments: tuple[str, ...], reason: str
) -> None:
    given = [files.get(one, one) for one in arguments]
    done = run_here(
        "finance_monitor", "train", "--news", files["secret"], *PRIVATE, *given, "--store", tmp_path
    )
    assert done.returncode == 2
    assert reason in " ".join(done.stderr.split())


def test_public_records_are_for_privacy_alone(files: dict[str, Path], tmp_path: Path) -> None:
    done = run_here(
        "finance_monitor", "train", "--news", files["secret"], "--public", files["public"],
        "--store", tmp_path,
    )  # fmt: skip
    assert done.returncode == 2 and "no budget is set" in done.stderr


def test_a_search_would_spend_many_budgets(files: dict[str, Path], tmp_path: Path) -> None:
    done = run_here(
        "finance_monitor", "tune", "--news", files["secret"], "--minutes", "1", "--set",
        "privacy_epsilon=8", "--store", tmp_path,
    )  # fmt: skip
    assert done.returncode == 2 and "budget of its own" in " ".join(done.stderr.split())


def test_learning_on_says_why_it_cannot(release: Release) -> None:
    registry = Registry(release.directory.parents[2], "finance_monitor")
    registry.promote(release.release_id)
    done = run_here("finance_monitor", "learn", "--store", release.directory.parents[2])
    assert done.returncode == 2 and "holds no texts" in done.stderr
