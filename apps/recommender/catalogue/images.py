"""Pictures of items: where they lie, and their vectors."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from apps.recommender.schema import Item
from common.console import say
from common.errors import UserError
from common.models.image_encoder import PICTURES_AT_ONCE, ImageEncoder
from common.models.prediction import Read, encode_with
from common.records.pictures.opening import MOST_BYTES, open_picture
from common.records.reader import Records
from common.storage.vectors import VectorCache

if TYPE_CHECKING:
    from PIL.Image import Image

Float32 = NDArray[np.float32]

# Image models look at far fewer; larger ones would only be held in memory.
LONGEST_SIDE = 1024
# Characters of a path that is told.
LONGEST_SHOWN = 200


@dataclass(frozen=True)
class ItemImage:
    """A file, and the row that names it, like `items.csv:12`."""

    path: Path
    place: str


def images_of(records: Records[Item]) -> list[ItemImage | None]:
    """The picture of each item, by its path from the file of items; None where it has none."""
    folder = records.source.parent
    return [
        ItemImage(folder / item.image, place) if item.image else None
        for item, place in zip(records.items, records.places, strict=True)
    ]


def image_vectors(
    images: Sequence[ItemImage | None],
    open_encoder: Callable[[], ImageEncoder],
    cache: VectorCache,
    width: int,
) -> Float32:
    """[items, width] of length 1; zeros where there is no picture, and says how many have none.

    Each content is read once, and kept.

    Args:
        open_encoder: called only where a picture is new.

    Raises:
        UserError: a picture is damaged or too large; names its file and row.
    """
    there = _there(images)
    _say_missing(images, there)
    keys = {number: _content_key(one) for number, one in there.items()}
    by_key = {key: there[number] for number, key in keys.items()}

    def open_reader() -> Read:
        encoder = open_encoder()

        def read(some: Sequence[str]) -> Float32:
            starts = range(0, len(some), PICTURES_AT_ONCE)
            parts = [some[start : start + PICTURES_AT_ONCE] for start in starts]
            return np.concatenate([encoder.read([_opened(by_key[k]) for k in p]) for p in parts])

        return read

    found = np.zeros((len(images), width), np.float32)
    if keys:
        found[[*keys]] = encode_with(
            open_reader, [*keys.values()], cache, width=width, unit="pictures"
        )
    return found


def pictures_sha256(ids: Sequence[str], images: Sequence[ItemImage | None]) -> str:
    """Another picture of an item, or one more, makes another.

    Raises:
        UserError: a picture is too large, or cannot be read; names its file and row.
    """
    there = _there(images)
    keys = [_content_key(there[n]) if n in there else "" for n in range(len(images))]
    rows = list(zip(ids, keys, strict=True))
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def _there(images: Sequence[ItemImage | None]) -> dict[int, ItemImage]:
    """The pictures that are files, by the number of their item."""
    # Whereas `Path.is_file` fails where a name is too long, such as a picture's own bytes.
    return {n: one for n, one in enumerate(images) if one and os.path.isfile(one.path)}  # noqa: PTH113


def _say_missing(images: Sequence[ItemImage | None], there: Mapping[int, ItemImage]) -> None:
    gone = [one for n, one in enumerate(images) if one and n not in there]
    told = f"{len(images) - len(there):,} of {len(images):,} items have no picture"
    if gone:
        first = str(gone[0].path)
        shown = first if len(first) <= LONGEST_SHOWN else f"{first[:LONGEST_SHOWN]}…"
        told += f"; files that are not there: {len(gone):,}, the first {shown}"
        told += f" ({gone[0].place})"
    if len(there) < len(images):
        say(f"{told}.")


def _content_key(image: ItemImage) -> str:
    return hashlib.sha256(_content(image)).hexdigest()


def _content(image: ItemImage) -> bytes:
    where = f"{image.place}: image"
    try:
        if image.path.stat().st_size <= MOST_BYTES:
            return image.path.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {image.path}: {error.strerror}", where=where) from None
    raise UserError(
        f"{image.path} is larger than {MOST_BYTES // 1_000_000} MB",
        where=where,
        hint="Make it smaller, or save it as JPEG.",
    )


def _opened(image: ItemImage) -> Image:
    picture = open_picture(_content(image), f"{image.place}: image {image.path}")
    picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    return picture
