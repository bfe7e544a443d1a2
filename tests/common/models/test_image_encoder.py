"""An image model: found, known again by its files, and read with."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_clip import write_clip

from common.errors import UserError
from common.models.image_encoder import PLACE, VARIABLE, ImageModel


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "shop-clip")


def test_pictures_of_one_colour_are_near_each_other(clip: Path, tmp_path: Path) -> None:
    encoder = ImageModel.find(str(clip), tmp_path).open(tmp_path, "cpu")
    colours = ("crimson", "navy", "darkred", "midnightblue")
    vectors = encoder.read([Image.new("RGB", (30, 20), colour) for colour in colours])
    assert vectors.shape == (4, encoder.width)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)
    near = vectors @ vectors.T
    assert min(near[0, 2], near[1, 3]) > max(near[0, 1], near[0, 3], near[2, 1], near[2, 3])


def test_it_is_found_where_it_was_or_where_one_says(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = tmp_path / "clip"
    shutil.copytree(clip, moved)
    model = ImageModel.find(str(moved), tmp_path / "vectors")
    assert (model.name, len(model.sha256)) == ("clip", 16)
    model.open(tmp_path / "vectors", "cpu")
    moved.rename(tmp_path / "elsewhere")
    with pytest.raises(UserError, match=rf"clip, which is not here(.|\n)*{VARIABLE}=DIR"):
        model.open(tmp_path / "vectors", "cpu")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "elsewhere"))
    model.open(tmp_path / "vectors", "cpu")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "nowhere"))
    with pytest.raises(UserError, match=rf"{VARIABLE}=.*nowhere: no such directory"):
        model.open(tmp_path / "vectors", "cpu")


def test_another_model_is_refused(clip: Path, tmp_path: Path) -> None:
    other = write_clip(tmp_path / "other", seed=1)
    model = ImageModel.find(str(clip), tmp_path)
    (model.cache(tmp_path) / PLACE).write_text(str(other), encoding="utf-8")
    with pytest.raises(UserError, match="not the image model shop-clip"):
        model.open(tmp_path, "cpu")


def test_a_model_of_texts_reads_no_pictures(tiny_model: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="reads text, and no pictures"):
        ImageModel.find(str(tiny_model), tmp_path).open(tmp_path, "cpu")
