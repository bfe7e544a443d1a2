"""Pictures take part where they rank later events better, and else not at all."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from apps.recommender.catalogue.items import build_catalogue
from apps.recommender.interactions.events import Events, histories, sorted_events
from apps.recommender.pipeline.beginning import begin_with_images
from apps.recommender.retrieval.towers import TowerModel, TowerSizes, beside
from apps.recommender.schema import Item
from apps.recommender.task import Query, RecommenderTask, item_vectors

ITEMS, USERS, EACH, COLOURS = 120, 60, 12, 4
COLOUR = np.arange(ITEMS) % COLOURS


def _events() -> Events:
    """Each user takes items of one colour, never one twice."""
    random = np.random.default_rng(1)
    item = [
        random.permutation(np.flatnonzero(user % COLOURS == COLOUR))[:EACH] for user in range(USERS)
    ]
    return sorted_events(
        np.repeat(np.arange(USERS), EACH).astype(np.int32),
        np.concatenate(item).astype(np.int32),
        np.ones(USERS * EACH, np.int8),
        np.tile(np.arange(EACH), USERS),
        np.ones(USERS * EACH, np.float32),
        users=USERS,
    )


def _task(images: np.ndarray, width: int) -> RecommenderTask:
    texts = np.random.default_rng(2).normal(size=(ITEMS, width)).astype(np.float32)
    task = RecommenderTask(
        build_catalogue([Item(item_id=str(n), title=f"Title {n}") for n in range(ITEMS)]),
        torch.from_numpy(texts / np.linalg.norm(texts, axis=1, keepdims=True)),
        frozen=True,
        popularity=np.full(ITEMS, 1 / ITEMS),
        sizes=TowerSizes(width=8, history=EACH),
        images=torch.from_numpy(images.astype(np.float32)),
    )
    there = task.images[task.images.any(-1)]  # type: ignore[index, union-attr]
    center = task.pretrained.mean(0)
    task.model = TowerModel(nn.Identity(), center, task.sizes, there.mean(0)).eval()
    return task


def _begin(task: RecommenderTask) -> None:
    events = _events()

    def queries(moment: int) -> list[Query]:
        past = histories(events, np.arange(USERS), np.full(USERS, moment), EACH)
        later = [events.item[events.of(user)][moment : moment + 2] for user in range(USERS)]
        return [Query(past.row(user), later[user]) for user in range(USERS)]

    begin_with_images(task, events.before(EACH - 4), queries(EACH - 4), queries(EACH - 2))


@pytest.mark.parametrize("width", [16, 6])
def test_pictures_that_tell_are_kept(width: int, capsys: pytest.CaptureFixture[str]) -> None:
    random = np.random.default_rng(3)
    images = np.eye(8)[COLOUR] + random.normal(size=(ITEMS, 8)) / 5 + 1
    without = COLOUR == 3
    images[np.flatnonzero(without)[:5]] = 0
    task = _task(images, width)
    _begin(task)
    assert "Pictures count" in capsys.readouterr().err
    assert task.model is not None and task.image_projection is not None
    items = item_vectors(task.model, beside(task.pretrained, task.images)).numpy()
    near = np.argsort(-(items @ items.T), 1)[:, 1:6]
    seen = images.any(1)
    assert (COLOUR[near] == COLOUR[:, None])[seen].mean() > 0.6, "one in four by chance"
    alone = item_vectors(task.model, task.pretrained).numpy()
    assert np.allclose(items[~seen], alone[~seen], atol=1e-6), "without one, the text speaks alone"


def test_pictures_of_noise_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    random = np.random.default_rng(4)
    texts = np.eye(16)[COLOUR] + random.normal(size=(ITEMS, 16)) / 8
    task = _task(random.normal(size=(ITEMS, 8)), 16)
    task.pretrained = torch.from_numpy(texts.astype(np.float32))
    task.model = TowerModel(
        nn.Identity(), task.pretrained.mean(0), task.sizes, torch.zeros(8)
    ).eval()
    _begin(task)
    assert "the release goes by texts alone" in capsys.readouterr().err
    assert task.images is None
    assert not any("image" in name for name in task.model.state_dict())
