"""What a release holds: written after training, read again to answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from apps.new.skeletons.rank.schema import Answer, Question, Ranked
from common.files import read_json, write_json
from common.models.sources.bundled import Source
from common.releases.release import Release

if TYPE_CHECKING:
    from apps.new.skeletons.rank.task import OwnModule, OwnTask
    from common.models.encoder import Encoder

HEADS, SETTINGS = "heads.safetensors", "model.json"


@dataclass(frozen=True)
class Model:
    """What answers."""

    module: OwnModule
    encoder: Encoder
    release_id: str = ""

    @classmethod
    def of(cls, task: OwnTask, module: OwnModule, encoder: Encoder) -> Model:
        """What a module answers while it is being trained."""
        return cls(module, encoder)

    @classmethod
    def load(cls, release: Release, *, device: str = "auto") -> Model:
        """Read a verified release."""
        from safetensors.torch import load_file

        from apps.new.skeletons.rank.task import OwnModule
        from common.models.devices import pick_device
        from common.models.encoder import load_encoder

        kept = read_json(release.directory / SETTINGS)
        encoder = load_encoder(Source(kept["base"], release.directory / "model", *kept["prefixes"]))
        module = OwnModule(encoder.pooled(), encoder.dimension)
        module.load_state_dict(load_file(release.directory / HEADS), strict=False)
        module.to(pick_device(device)).eval()
        return cls(module, encoder, release.release_id)

    def answer(self, questions: Sequence[Question]) -> list[Answer]:
        """One answer a question, all of them in one pass."""
        from apps.new.skeletons.rank.task import scores_of
        from common.models.prediction import predict

        found = scores_of(
            partial(predict, self.module, self.encoder),
            [(question.text, question.candidates) for question in questions],
        )
        return [
            Answer(
                release_id=self.release_id,
                ranking=[
                    Ranked(candidate=question.candidates[number], score=float(scores[number]))
                    for number in scores.argsort(descending=True, stable=True).tolist()
                ],
            )
            for question, scores in zip(questions, found, strict=True)
        ]

    def save(self, directory: Path) -> None:
        """Write all that `load` reads."""
        from common.models.encoder import save_encoder
        from common.models.heads import save_heads

        save_encoder(self.encoder, directory / "model")
        save_heads(self.module, directory / HEADS)
        source = self.encoder.source
        prefixes = [source.query_prefix, source.passage_prefix]
        write_json(directory / SETTINGS, {"base": source.name, "prefixes": prefixes})
