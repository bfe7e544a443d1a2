"""What a release holds: written after training, read again to answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from apps.new.skeletons.retrieve.schema import Answer, Found, Question
from common.files import read_json, write_json
from common.models.sources.bundled import Source
from common.releases.release import Release

if TYPE_CHECKING:
    from apps.new.skeletons.retrieve.task import OwnModule, OwnTask
    from common.models.encoder import Encoder

VECTORS, SETTINGS = "passages.npy", "model.json"


@dataclass(frozen=True)
class Model:
    """What answers; `vectors` [passages, width] are those of `passages`."""

    module: OwnModule
    encoder: Encoder
    passages: list[str]
    vectors: NDArray[np.float32]
    release_id: str = ""

    @classmethod
    def of(cls, task: OwnTask, module: OwnModule, encoder: Encoder) -> Model:
        """What a module answers while it is being trained."""
        return cls(module, encoder, task.passages, read(module, encoder, task.passages))

    @classmethod
    def load(cls, release: Release, *, device: str = "auto") -> Model:
        """Read a verified release."""
        from apps.new.skeletons.retrieve.task import OwnModule
        from common.models.devices import pick_device
        from common.models.encoder import load_encoder

        kept = read_json(release.directory / SETTINGS)
        encoder = load_encoder(Source(kept["base"], release.directory / "model", *kept["prefixes"]))
        module = OwnModule(encoder.pooled())
        module.to(pick_device(device)).eval()
        vectors = np.load(release.directory / VECTORS)
        return cls(module, encoder, kept["passages"], vectors, release.release_id)

    def answer(self, questions: Sequence[Question]) -> list[Answer]:
        """One answer a question, all of them in one pass."""
        cosines = read(self.module, self.encoder, [one.text for one in questions]) @ self.vectors.T
        return [
            Answer(
                release_id=self.release_id,
                passages=[
                    Found(passage=self.passages[number], score=float(row[number]))
                    for number in np.argsort(-row, kind="stable")[: question.top_k]
                ],
            )
            for question, row in zip(questions, cosines, strict=True)
        ]

    def save(self, directory: Path) -> None:
        """Write all that `load` reads."""
        from common.models.encoder import save_encoder

        save_encoder(self.encoder, directory / "model")
        np.save(directory / VECTORS, self.vectors)
        source = self.encoder.source
        prefixes = [source.query_prefix, source.passage_prefix]
        write_json(
            directory / SETTINGS,
            {"base": source.name, "prefixes": prefixes, "passages": self.passages},
        )


def read(module: OwnModule, encoder: Encoder, texts: Sequence[str]) -> NDArray[np.float32]:
    """The vectors of texts, [texts, width]."""
    from common.models.prediction import predict

    return predict(module, encoder, texts)["embedding"].numpy()
