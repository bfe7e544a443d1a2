"""Pictures → vectors, by a model of sentence-transformers that reads pictures.

Such as CLIP (Radford et al. 2021, arXiv 2103.00020); a directory, or an id of the model hub.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from common.errors import UserError
from common.files import write_atomically
from common.models.devices import pick_device
from common.models.sentence_modules import directory_id
from common.models.sources.bundled import locate

if TYPE_CHECKING:
    from PIL.Image import Image

# Names the directory where the image model of a release lies, on another machine.
VARIABLE = "BIZLM_IMAGE_MODEL"
# In the directory where its vectors are kept: where it was found.
PLACE = "model.txt"
PICTURES_AT_ONCE = 32


@dataclass(frozen=True)
class ImageModel:
    """An image model by its name, and the hash of its files."""

    name: str
    sha256: str

    @classmethod
    def find(cls, name: str, caches: Path) -> ImageModel:
        """The one that is called so; where it lies is written down for later runs.

        Args:
            caches: directory of vector caches, one a model.

        Raises:
            UserError: there is none, or its weights are no safetensors.
        """
        source = locate(name)
        found = cls(source.name, directory_id(source.directory))
        folder = found.cache(caches)
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / PLACE, f"{source.directory.resolve()}\n")
        return found

    def cache(self, caches: Path) -> Path:
        """The directory of its vectors."""
        return caches / f"image-{self.sha256}"

    def open(self, caches: Path, device: str = "auto") -> ImageEncoder:
        """Load it.

        Raises:
            UserError: it is not on this machine or not where `VARIABLE` says, is another one, or
                reads no pictures.
        """
        given, known = os.environ.get(VARIABLE), self.cache(caches) / PLACE
        if given and not Path(given).is_dir():
            raise UserError(f"{VARIABLE}={given}: no such directory")
        if not given and known.exists():
            given = known.read_text(encoding="utf-8").strip()
        if not given or not Path(given).is_dir():
            given = self.name
        hint = f"Name the directory where it lies: {VARIABLE}=DIR"
        try:
            directory = locate(given).directory
        except UserError as error:
            raise UserError(
                f"the release reads pictures with the image model {self.name}, which is not here: "
                f"{error.what}",
                hint=hint,
            ) from None
        if directory_id(directory) != self.sha256:
            raise UserError(
                f"not the image model {self.name} that the release was trained with",
                where=str(directory),
                hint=hint,
            )
        return ImageEncoder(directory, device)


class ImageEncoder:
    """A loaded image model.

    Raises:
        UserError: it cannot be loaded, or reads no pictures.
    """

    def __init__(self, directory: Path, device: str = "auto") -> None:
        self._model = _load(directory, device)
        self.width = int(self._model.get_embedding_dimension())

    def read(self, pictures: Sequence[Image]) -> NDArray[np.float32]:
        """[pictures, width] of length 1.

        Args:
            pictures: in RGB, as `open_picture` gives them.
        """
        found = self._model.encode(
            list(pictures),
            batch_size=PICTURES_AT_ONCE,
            show_progress_bar=False,
            normalize_embeddings=True,
        )
        return np.asarray(found, np.float32)


def _load(directory: Path, device: str) -> Any:
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        model = SentenceTransformer(
            str(directory),
            device=str(pick_device(device)),
            local_files_only=True,
            model_kwargs={"use_safetensors": True},
        ).eval()
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise UserError(
            f"cannot load this image model: {str(error).splitlines()[0]}", where=str(directory)
        ) from None
    if "image" not in model.modalities:
        raise UserError(
            f"the model reads {', '.join(map(str, model.modalities))}, and no pictures",
            where=str(directory),
            hint="Give an image model, such as sentence-transformers/clip-ViT-B-32.",
        )
    return model
