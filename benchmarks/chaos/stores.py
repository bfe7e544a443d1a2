"""A small release of each application, over an encoder that costs nothing."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Collection
from itertools import islice, product
from pathlib import Path

from benchmarks.chaos.rounds import Scene
from tests.finance_monitor.news import BAD, FLAT, GOOD
from tests.processes import ROOT, run
from tests.tiny import write_tiny_model

SAMPLES = ROOT / "data_samples"
APPLICATIONS = ("customer_service", "finance_monitor", "recommender")
FAQS, READERS = 12, 60
COMPANIES = ("Borel", "Cinder", "Dorset", "Elmar", "Fenwick", "Gault")


def make_scene(folder: Path, applications: Collection[str] = APPLICATIONS) -> Scene:
    """Train them; about as long as their imports take."""
    files, releases = folder / "files", folder / "releases"
    files.mkdir(parents=True)
    encoder = write_tiny_model_in(files)
    for application, data in (
        ("customer_service", _faqs(files)),
        ("finance_monitor", _news(files)),
        ("recommender", shop(files)),
    ):
        if application not in applications:
            continue
        quick = ("--set", "epochs=1", "--device", "cpu", "--precision", "fp32", "--promote")
        place = ("--backbone", encoder, "--store", releases)
        done = run("-m", f"apps.{application}", "train", *data, *quick, *place)
        if done.returncode:
            raise SystemExit(f"{application} could not be trained:\n{done.stderr}")
    return Scene(folder, releases, files)


def write_tiny_model_in(files: Path) -> Path:
    """A random encoder of 32 dimensions."""
    directory = files / "encoder"
    directory.mkdir()
    return write_tiny_model(directory)


def shop(files: Path) -> tuple[object, ...]:
    """What the verbs of the recommender are given: the sample shop with its first readers."""
    readers = {f"user-{number:03}" for number in range(1, READERS + 1)}
    for name in ("interactions", "users"):
        if (files / f"{name}.csv").exists():
            continue
        source = SAMPLES / "recommender" / f"{name}.csv"
        with source.open(newline="", encoding="utf-8") as table:
            rows = csv.DictReader(table)
            kept = [row for row in rows if row["user_id"] in readers]
            with (files / f"{name}.csv").open("w", newline="", encoding="utf-8") as out:
                writer = csv.DictWriter(out, list(rows.fieldnames or ()))
                writer.writeheader()
                writer.writerows(kept)
    return (
        *("--interactions", files / "interactions.csv", "--users", files / "users.csv"),
        *("--items", SAMPLES / "recommender" / "items.jsonl"),
    )


def _faqs(files: Path) -> tuple[object, ...]:
    with (SAMPLES / "customer_service" / "faqs.en.jsonl").open(encoding="utf-8") as all_of_them:
        (files / "faqs.jsonl").write_text("".join(islice(all_of_them, FAQS)), encoding="utf-8")
    return "--faqs", files / "faqs.jsonl", "--set", "strategy=head"


def _news(files: Path) -> tuple[object, ...]:
    labelled = (("negative", BAD), ("positive", GOOD), ("neutral", FLAT))
    with (files / "news.jsonl").open("w", encoding="utf-8") as file:
        for name, (label, phrases) in product(COMPANIES, labelled):
            for phrase in phrases:
                row = {"text": f"{name} {phrase}", "sentiment": label, "topics": ["company"]}
                file.write(json.dumps(row) + "\n")
    return "--news", files / "news.jsonl", "--set", "strategy=head"


def furnish(scene: Scene, store: Path, application: str, *, copied: bool = False) -> Path:
    """Give a new store the promoted release of an application, by a link or as a copy."""
    source, target = scene.releases / application, store / application
    target.mkdir(parents=True)
    if copied:
        shutil.copytree(source / "releases", target / "releases")
    else:
        (target / "releases").symlink_to(source / "releases")
    (target / "current").symlink_to((source / "current").readlink())
    shutil.copy(source / "promoted", target / "promoted")
    return store
