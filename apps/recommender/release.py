"""A release of the recommender: what it holds, and how it meets the data it ranks."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import nn

from apps.recommender.baselines.blend import Blend
from apps.recommender.catalogue.images import image_vectors
from apps.recommender.catalogue.items import Catalogue
from apps.recommender.catalogue.users import UserFeatures
from apps.recommender.cold import scoring as cold_scoring
from apps.recommender.cold import together
from apps.recommender.data import Dataset
from apps.recommender.interactions.counting import EventCounting
from apps.recommender.interactions.events import Events
from apps.recommender.lists.rules import Rules
from apps.recommender.pipeline.choices import Choices
from apps.recommender.pipeline.pipeline import Pipeline
from apps.recommender.pipeline.prepared import Prepared
from apps.recommender.pipeline.second_stage import SecondStage
from apps.recommender.ranking.features import OF_USER
from apps.recommender.ranking.listwise import linear_of
from apps.recommender.ranking.probabilities import PROBABILITIES, Probabilities
from apps.recommender.ranking.ranker import TREES, Ranker, load_ranker
from apps.recommender.ranking.signals import FEATURES
from apps.recommender.retrieval.approximate import MOST_EXACT, build_search
from apps.recommender.retrieval.neighbours import learn_neighbours
from apps.recommender.retrieval.search import Depths
from apps.recommender.retrieval.towers import TowerModel, TowerSizes, beside, towers_of
from apps.recommender.task import item_vectors, text_vectors
from common.console import say
from common.errors import UserError
from common.files import read_json, write_json
from common.models.devices import pick_device
from common.models.encoder import Encoder, load_encoder, save_encoder
from common.models.heads import save_heads
from common.models.image_encoder import ImageModel
from common.models.int8.reader import Int8Reader
from common.models.prediction import Read, encode, encode_with
from common.models.sentence_modules import Projection, directory_id
from common.models.sources.bundled import Source
from common.releases.release import Release, of_another_version
from common.storage.vectors import VectorCache

ENCODER, TOWERS, MODEL = "model", "heads.safetensors", "model.json"


@dataclass(frozen=True)
class Model:
    """What a release holds beside the encoder, which stays on disk: scoring works on vectors."""

    model_id: str
    directory: Path
    towers: TowerModel
    choices: Choices
    ranker: Ranker | None
    probabilities: Probabilities
    features: list[str]
    source: Source
    images: ImageModel | None
    # As of `UserFeatures`; None: a release of before, which does not know them.
    user_words: dict[str, list[str]] | None = None

    def pipeline(self, prepared: Prepared, *, counted: Events | None = None) -> Pipeline:
        """The release over some data; a column of users that is missing there is not known."""
        return Pipeline(
            self.towers,
            replace(prepared, features=self.known_features(prepared.features)),
            self.choices,
            counted=counted,
            ranker=self.ranker,
            probabilities=self.probabilities,
        )

    def known_features(self, features: UserFeatures) -> UserFeatures:
        """The columns of users that the second stage was trained with."""
        if self.ranker is None:
            return features
        columns = [name.removeprefix(OF_USER) for name in self.features[len(FEATURES) :]]
        return features.aligned(columns, self.user_words)


def save_release(
    directory: Path,
    backbone: Encoder,
    towers: TowerModel,
    stage: SecondStage,
    images: ImageModel | None = None,
) -> None:
    """Write a release's files; the image model's are named, and stay where they are."""
    save_encoder(backbone, directory / ENCODER, _projection(towers))
    save_ranking(directory, backbone.source, towers, stage, images)


def save_ranking(
    directory: Path,
    source: Source,
    towers: TowerModel,
    stage: SecondStage,
    images: ImageModel | None = None,
) -> None:
    """Write a release's files but for the encoder's, which `source` names."""
    save_heads(towers, directory / TOWERS)
    if stage.ranker is not None:
        stage.ranker.save(directory)
    stage.probabilities.save(directory)
    choices = stage.choices
    write_json(
        directory / MODEL,
        {
            "base": source.name,
            "query_prefix": source.query_prefix,
            "passage_prefix": source.passage_prefix,
            "sizes": asdict(towers.users.sizes),
            "features": stage.features,
            "user_words": dict(stage.user_words),
            "images": asdict(images) if images else None,
            "choices": {
                "depths": asdict(choices.depths),
                "rules": choices.rules.model_dump(mode="json"),
                "method": choices.method,
                "strength": choices.diversity_weight,
                "history": choices.history,
                "cold": choices.cold.to_json() if choices.cold else None,
                "cold_step": choices.cold_step,
                "cold_together": choices.cold_together and choices.cold_together.to_json(),
                "margin_weight": choices.margin_weight,
                "blend": asdict(choices.blend) if choices.blend else None,
            },
        },
    )


def _projection(towers: TowerModel) -> Projection:
    """What makes item vectors of text vectors."""
    weight = towers.items.projection.weight
    return Projection(weight, -weight @ towers.items.center)


def load_release(release: Release) -> Model:
    """Read a verified release.

    Raises:
        UserError: it ranks by signals that this version does not compute.
    """
    directory = release.directory
    known: dict[str, Any] = read_json(directory / MODEL)
    chosen = known["choices"]
    model = Model(
        model_id=release.release_id,
        directory=directory,
        towers=towers_of(load_file(directory / TOWERS), TowerSizes(**known["sizes"])),
        choices=Choices(
            depths=Depths(**chosen["depths"]),
            rules=Rules.model_validate(chosen["rules"]),
            method=chosen["method"],
            diversity_weight=chosen["strength"],
            history=chosen["history"],
            cold=linear_of(chosen["cold"]) if chosen.get("cold") else None,
            cold_step=chosen.get("cold_step", 0),
            cold_together=(
                linear_of(chosen["cold_together"]) if chosen.get("cold_together") else None
            ),
            margin_weight=chosen.get("margin_weight", 0.0),
            blend=Blend(**chosen["blend"]) if chosen.get("blend") else None,
        ),
        ranker=load_ranker(directory) if (directory / TREES).exists() else None,
        probabilities=Probabilities.load(directory / PROBABILITIES),
        features=known["features"],
        source=Source(
            known["base"], directory / ENCODER, known["query_prefix"], known["passage_prefix"]
        ),
        images=ImageModel(**known["images"]) if known.get("images") else None,
        user_words=known.get("user_words"),
    )
    if not _ranks_by_known_signals(model):
        raise of_another_version(directory)
    return model


def _ranks_by_known_signals(model: Model) -> bool:
    if model.ranker and model.features[: len(FEATURES)] != [one.name for one in FEATURES]:
        return False
    cold, like = model.choices.cold, model.probabilities.like
    if cold and len(cold.weights) != len(cold_scoring.SIGNALS):
        return False
    order = model.choices.cold_together
    if order and len(order.weights) != len(together.SIGNALS):
        return False
    return like is None or like.is_known


def prepare(
    model: Model,
    dataset: Dataset,
    caches: Path,
    *,
    as_of: int | None = None,
    device: str = "auto",
    eight_bit: Path | None = None,
) -> Prepared:
    """Bring a release and the data together: encode what is new, learn what goes together.

    Args:
        caches: directory of vector caches, one an encoder.
        as_of: seconds since 1970; default: just after the last interaction. What is later is
            not looked at.
        eight_bit: the encoder's export, which new texts are read with.
    """
    events = dataset.events
    moment = int(events.time.max()) + 1 if as_of is None else as_of
    past = events.before(moment)
    if not len(past):
        raise UserError("no interaction is earlier than the moment to rank for")
    items = item_vectors_of(model, dataset.catalogue, caches, device=device, eight_bit=eight_bit)
    if model.choices.margin_weight and dataset.catalogue.margin_or_median is None:
        say("No item has a margin: lists are ordered without them")
    many = len(items) > MOST_EXACT
    there = dataset.allowed.everybody & dataset.catalogue.available
    blend = model.choices.blend
    return Prepared(
        catalogue=dataset.catalogue,
        items=items,
        user_ids=dataset.user_ids,
        languages=dataset.languages,
        events=past,
        features=model.known_features(dataset.features),
        allowed=dataset.allowed,
        neighbours=learn_neighbours(past, dataset.catalogue),
        as_of=moment,
        approximate=build_search(items, there) if many else None,
        snapshot=EventCounting(past, len(items)).snapshot(moment),
        simple=blend.for_everybody(past, dataset.catalogue) if blend else None,
    )


def item_vectors_of(
    model: Model,
    catalogue: Catalogue,
    caches: Path,
    *,
    device: str = "auto",
    eight_bit: Path | None = None,
) -> NDArray[np.float32]:
    """[items, width] of length 1; an encoder is loaded only where something is new.

    Raises:
        UserError: a picture cannot be read, or the image model is not here.
    """
    texts = catalogue.texts
    width = len(model.towers.items.center)

    def open_encoder() -> tuple[nn.Module, Encoder]:
        backbone = load_encoder(model.source, projected=False)
        nn.Module.to(backbone.network, pick_device(device))
        return text_vectors(backbone), backbone

    def open_reader() -> Read:
        assert eight_bit is not None
        reader = Int8Reader(eight_bit)
        return lambda some: reader.outputs(some)["embedding"]

    if eight_bit is None:
        cache = VectorCache(caches / directory_id(model.directory / ENCODER))
        vectors = encode(open_encoder, texts, cache, width=width)
    else:
        cache = VectorCache(caches / f"int8-{eight_bit.name}")
        vectors = encode_with(open_reader, texts, cache, width=width)
    read = torch.from_numpy(vectors)
    if (images := model.images) is not None and catalogue.images:
        seen = image_vectors(
            catalogue.images,
            lambda: images.open(caches, device),
            VectorCache(images.cache(caches)),
            model.towers.items.added_images().in_features,
        )
        read = beside(read, torch.from_numpy(seen))
    return item_vectors(model.towers, read).numpy()
