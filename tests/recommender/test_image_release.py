"""A shop whose pictures say what its texts do not, from the command line."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from command_line import run_here
from PIL import Image
from tiny_clip import write_clip
from trained_shop import QUICK, succeed

from apps.recommender.data import Sources, read_dataset
from apps.recommender.pipeline.first_stage import _read_images
from apps.recommender.release import load_release
from common.models.image_encoder import VARIABLE
from common.releases.registry import Registry

COLOURS = {"red": (200, 30, 30), "blue": (30, 30, 200), "green": (30, 160, 30), "ash": (140,) * 3}
ITEMS, USERS, EACH = 120, 80, 14
DAY, BEGIN = 86_400, 1_772_000_000


def _write_items(folder: Path, name: str, numbers: range) -> Path:
    random = np.random.default_rng(numbers.start)
    path = folder / name
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["item_id", "title", "image"])
        for number in numbers:
            colour = list(COLOURS.values())[number % 4] + random.integers(-25, 25, 3)
            picture = Image.new("RGB", (24, 20), tuple(int(one) for one in colour))
            picture.save(folder / f"{number}.png")
            title = "".join(random.choice([*"abcdefghij"], 6))
            table.writerow([f"i{number}", title, f"{number}.png"])
    return path


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    """Users who take one colour each, and a release that saw the pictures."""
    folder = tmp_path_factory.mktemp("colours")
    items = _write_items(folder, "items.csv", range(ITEMS))
    random = np.random.default_rng(0)
    rows = []
    for user in range(USERS):
        own = random.permutation(np.arange(user % 4, ITEMS, 4))[:EACH]
        days = np.sort(random.integers(0, 90 * DAY, EACH)) + BEGIN
        rows += [(f"u{user}", f"i{item}", time) for item, time in zip(own, days, strict=True)]
    frame = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
    frame.write_csv(folder / "interactions.csv")
    clip = write_clip(folder / "clip")
    train = ("train", "--interactions", folder / "interactions.csv", "--items", items, *QUICK)
    place = ("--backbone", tiny_model, "--store", folder / "var", "--promote")
    done = succeed(*train, *place, "--image-model", clip)
    assert "Pictures count" in done.stderr
    return folder


def _embed(shop: Path, items: Path) -> np.ndarray:
    out = items.with_suffix(".parquet")
    succeed("embed", "--items", items, "-o", out, "--store", shop / "var")
    return np.array(pl.read_parquet(out)["vector"].to_list())


def test_new_items_are_found_by_their_pictures(shop: Path) -> None:
    new = _embed(shop, _write_items(shop, "new.csv", range(500, 540)))
    known = _embed(shop, shop / "items.csv")
    nearest = np.argsort(-(new @ known.T), 1)[:, :5]
    same = (nearest % 4 == (np.arange(500, 540) % 4)[:, None]).mean()
    assert same > 0.6, "one in four by chance, which is what the texts are"
    shown = json.loads(succeed("releases", "show", "--json", "--store", shop / "var").stdout)
    assert (shown["images"]["name"], len(shown["images"]["sha256"])) == ("clip", 16)


def test_without_its_image_model_a_new_picture_cannot_be_read(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = _write_items(shop, "newer.csv", range(600, 603))
    (shop / "clip").rename(shop / "moved")
    try:
        embed = ("recommender", "embed", "--items", items, "-o", shop / "newer.parquet")
        done = run_here(*embed, "--store", shop / "var")
        assert (done.returncode, "which is not here" in done.stderr) == (2, True), done.stderr
        # What was read before needs no model.
        assert len(_embed(shop, shop / "items.csv")) == ITEMS
        monkeypatch.setenv(VARIABLE, str(shop / "moved"))
        assert len(_embed(shop, items)) == 3
    finally:
        (shop / "moved").rename(shop / "clip")


def test_learning_from_pictures_that_are_known_needs_no_image_model(shop: Path) -> None:
    (shop / "clip").rename(shop / "moved")
    try:
        registry = Registry(shop / "var", "recommender")
        model = load_release(registry.open())
        dataset = read_dataset(Sources([shop / "interactions.csv"], [shop / "items.csv"]))
        caches = registry.root / "vectors"
        found = _read_images(dataset, model.images, caches, "cpu", model.towers)
        assert found is not None and len(found) == ITEMS and found.any(-1).all()
    finally:
        (shop / "moved").rename(shop / "clip")


def test_lists_by_other_pictures_are_another_run(shop: Path, tmp_path: Path) -> None:
    data = ("--interactions", shop / "interactions.csv", "--items", shop / "items.csv")
    score = ("score", *data, "--out", tmp_path / "lists", "--store", shop / "var")
    succeed(*score)
    before = (shop / "0.png").read_bytes()
    (shop / "0.png").write_bytes((shop / "1.png").read_bytes())
    done = run_here("recommender", *score)
    (shop / "0.png").write_bytes(before)
    assert (done.returncode, "holds another run" in done.stderr) == (2, True), done.stderr
    assert "images" in done.stderr
