"""Pictures of items: read once by content, missing ones told, broken ones named."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from apps.recommender.catalogue.images import ItemImage, image_vectors, pictures_sha256
from apps.recommender.data import Sources, read_items
from common.errors import UserError
from common.records.pictures import opening
from common.storage.vectors import VectorCache


class Eye:
    """Stands for an image model: it sees the mean colour, and counts what it read."""

    width = 3

    def __init__(self) -> None:
        self.read_count = 0

    def read(self, pictures: Sequence[Image.Image]) -> np.ndarray:
        self.read_count += len(pictures)
        found = np.array([np.asarray(one, np.float32).mean((0, 1)) for one in pictures])
        return found / np.linalg.norm(found, axis=1, keepdims=True)


def _shop(folder: Path) -> list[ItemImage | None]:
    for name, colour in {"a": "red", "b": "blue", "copy of a": "red"}.items():
        Image.new("RGB", (40, 30), colour).save(folder / f"{name}.png")
    rows = ["item_id,title,image", "1,A,a.png", "2,B,b.png", "3,C,", "4,D,gone.png"]
    (folder / "items.csv").write_text(
        "\n".join([*rows, "5,E,copy of a.png"]) + "\n", encoding="utf-8"
    )
    return read_items(Sources((), [folder / "items.csv"])).images


def test_each_content_is_read_once_and_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images, eye = _shop(tmp_path), Eye()
    for _ in range(2):
        cache = VectorCache(tmp_path / "vectors")
        found = image_vectors(images, lambda: eye, cache, 3)  # type: ignore[arg-type, return-value]
        assert eye.read_count == 2
    assert found.tolist() == [[1, 0, 0], [0, 0, 1], [0, 0, 0], [0, 0, 0], [1, 0, 0]]
    said = capsys.readouterr().err
    assert "2 of 5 items have no picture; files that are not there: 1" in said
    assert "gone.png" in said and "items.csv:5" in said
    image_vectors([None, images[0]], lambda: eye, cache, 3)  # type: ignore[arg-type, return-value]
    assert "1 of 2 items have no picture." in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["no picture", "cut off", "large file", "unread", "many pixels"])
def test_what_cannot_be_read_is_named_with_its_row(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = _shop(tmp_path)
    path = tmp_path / "b.png"
    if kind == "no picture":
        path.write_text("<svg/>", encoding="utf-8")
    elif kind == "cut off":
        path.write_bytes(path.read_bytes()[:60])
    elif kind == "large file":
        path.write_bytes(bytes(opening.MOST_BYTES + 1))
    elif kind == "unread":
        path.unlink()
        monkeypatch.setattr("os.path.isfile", lambda _: True)
        images = images[1:2]
    else:
        monkeypatch.setattr(opening, "MOST_PIXELS", 1000)
        Image.new("RGB", (40, 30), "green").save(path)
        images = images[1:2]
    with pytest.raises(UserError) as error:
        image_vectors(images, Eye, VectorCache(tmp_path / "vectors"), 3)  # type: ignore[arg-type]
    assert "items.csv:3" in str(error.value)
    assert "b.png" in str(error.value)


def test_what_names_no_picture_is_none_and_told_where_pictures_are_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inline = f"data:image/png;base64,{'A' * 9000}"
    given = ["", " ", None, [], {}, ["a.png", "b.png"], {"url": "a.png"}, 7, inline]
    path = tmp_path / "items.jsonl"
    rows = [{"item_id": n, "title": "A", "image": one} for n, one in enumerate(given)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    images = read_items(Sources((), [path])).images
    assert capsys.readouterr().err == ""
    assert [one is None for one in images] == [True] * 5 + [False] * 4
    cache = VectorCache(tmp_path / "vectors")
    assert not image_vectors(images, Eye, cache, 3).any()  # type: ignore[arg-type]
    (said,) = capsys.readouterr().err.splitlines()
    assert "9 of 9 items have no picture; files that are not there: 4, the first" in said
    assert "items.jsonl:6" in said and len(said) < 600
    image_vectors(images[-1:], Eye, cache, 3)  # type: ignore[arg-type]
    assert len(capsys.readouterr().err) < 600


def test_another_picture_of_an_item_is_another_input(tmp_path: Path) -> None:
    images, ids = _shop(tmp_path), [*"12345"]
    before = pictures_sha256(ids, images)
    assert pictures_sha256(ids, images) == before
    (tmp_path / "gone.png").write_bytes((tmp_path / "a.png").read_bytes())
    one_more = pictures_sha256(ids, images)
    Image.new("RGB", (40, 30), "green").save(tmp_path / "b.png")
    assert len({before, one_more, pictures_sha256(ids, images)}) == 3


def test_a_path_may_be_absolute(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    items = tmp_path / "shop" / "items.csv"
    items.write_text(f"item_id,title,image\n1,A,{tmp_path / 'a.png'}\n", encoding="utf-8")
    (image,) = read_items(Sources((), [items])).images
    assert image is not None and image.path == tmp_path / "a.png"
