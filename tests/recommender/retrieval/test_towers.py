from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from apps.recommender.catalogue.items import build_catalogue
from apps.recommender.interactions.events import Impressions, histories, sorted_events
from apps.recommender.interactions.sequences import Sequence, Shown, sequences, shown_after
from apps.recommender.retrieval.losses import best_match
from apps.recommender.retrieval.towers import TowerModel, TowerSizes, UserTower, gap_buckets
from apps.recommender.schema import Item
from apps.recommender.task import Query, RecommenderTask, interests, item_vectors
from common.models.pooling import PooledEncoder
from common.tuning.losses import corrected_softmax, listwise_softmax

WIDTH, ITEMS = 16, 40
SIZES = TowerSizes(interests=2, width=8, heads=2, history=6, dropout=0.0)


def _unit(*shape: int, seed: int = 0) -> torch.Tensor:
    drawn = torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
    return nn.functional.normalize(drawn, dim=-1)


def _tower(*, trained: bool = True) -> UserTower:
    torch.manual_seed(1)
    tower = UserTower(WIDTH, SIZES).eval()
    if trained:
        nn.init.normal_(tower.correct.weight, std=0.5)
    return tower


def _events(users: int = 8, each: int = 12):
    random = np.random.default_rng(0)
    user = np.repeat(np.arange(users, dtype=np.int32), each)
    count = len(user)
    return sorted_events(
        user,
        random.integers(ITEMS, size=count).astype(np.int32),
        random.integers(5, size=count).astype(np.int8),
        (1000 + random.permutation(count) * 50).astype(np.int64),
        np.ones(count, np.float32),
        users=users,
    )


def _task(*, frozen: bool = True) -> RecommenderTask:
    catalogue = build_catalogue([Item(item_id=str(n), title=f"item {n}") for n in range(ITEMS)])
    share = np.full(ITEMS, 1 / ITEMS)
    return RecommenderTask(
        catalogue,
        _unit(ITEMS, WIDTH),
        frozen=frozen,
        popularity=share,
        sizes=SIZES,
        negatives=5,
    )


def _model(task: RecommenderTask) -> TowerModel:
    model = TowerModel(PooledEncoder(nn.Identity()), task.pretrained.mean(0), SIZES)
    task.model = model
    return model.eval()


def test_interests_do_not_know_what_comes_next() -> None:
    tower = _tower()
    items, behavior = _unit(1, 6, WIDTH), torch.tensor([[0, 1, 2, 3, 4, 1]])
    time, mask = torch.arange(6)[None] * 100, torch.ones(1, 6, dtype=torch.bool)
    before = tower(items, behavior, time, mask)
    changed = items.clone()
    changed[:, 4:] = _unit(1, 2, WIDTH, seed=7)
    later = tower(changed, behavior.flip(1).where(torch.arange(6) > 3, behavior), time, mask)
    assert torch.allclose(before[:, :4], later[:, :4], atol=1e-6)
    assert not torch.allclose(before[:, 5], later[:, 5], atol=1e-3)


def test_empty_places_before_a_history_change_nothing() -> None:
    tower = _tower()
    items, behavior = _unit(1, 3, WIDTH), torch.tensor([[0, 1, 4]])
    time = torch.tensor([[100, 200, 900]])
    short = tower(items, behavior, time, torch.ones(1, 3, dtype=torch.bool))
    padded = tower(
        torch.cat([_unit(1, 3, WIDTH, seed=5), items], 1),
        torch.cat([torch.full((1, 3), 2), behavior], 1),
        torch.cat([torch.zeros(1, 3, dtype=torch.long), time], 1),
        torch.tensor([[False, False, False, True, True, True]]),
    )
    assert torch.allclose(short[:, -1], padded[:, -1], atol=1e-5)


def test_an_untrained_user_is_the_forgetting_mean_of_what_they_did() -> None:
    tower = _tower(trained=False)
    items, time = _unit(1, 2, WIDTH), torch.tensor([[0, 10]])
    both = torch.ones(1, 2, dtype=torch.bool)
    found = tower(items, torch.tensor([[4, 1]]), time, both)[0, -1]
    weights = tower.log_behavior.exp()[[4, 1]]
    for pace, interest in zip(tower.log_pace.exp(), found, strict=True):
        mean = weights[0] * torch.exp(-pace) * items[0, 0] + weights[1] * items[0, 1]
        assert torch.allclose(interest, nn.functional.normalize(mean, dim=0), atol=1e-5)


def test_gaps_are_those_between_events() -> None:
    time, mask = torch.tensor([[0, 5000, 5001, 5005]]), torch.tensor([[False, True, True, True]])
    assert gap_buckets(time, mask).tolist() == [[0, 0, 1, 2]]


def test_sampled_softmax_has_the_gradient_of_the_full_one() -> None:
    """In the mean over samples, and all negatives sampled: exactly."""
    logits = torch.randn(1, 9, generator=torch.Generator().manual_seed(3), requires_grad=True)
    target, nobody = torch.tensor([2]), torch.zeros(1, 9, dtype=torch.bool)
    nobody[0, 2] = True
    (sampled,) = torch.autograd.grad(
        corrected_softmax(logits, target, torch.zeros(9), nobody).sum(), logits
    )
    (full,) = torch.autograd.grad(nn.functional.cross_entropy(logits, target), logits)
    assert torch.allclose(sampled, full, atol=1e-6)


def test_what_is_rarely_sampled_weighs_more() -> None:
    logits, nobody = torch.zeros(1, 3, requires_grad=True), torch.zeros(1, 3, dtype=torch.bool)
    nobody[0, 0] = True
    log_inclusion = torch.tensor([0.0, 0.0, np.log(0.25)])
    (gradient,) = torch.autograd.grad(
        corrected_softmax(logits, torch.tensor([0]), log_inclusion, nobody).sum(), logits
    )
    assert gradient[0, 2] == pytest.approx(4 * gradient[0, 1].item(), rel=1e-5)


def test_own_items_are_no_negatives() -> None:
    logits = torch.tensor([[1.0, 5.0, 0.0]], requires_grad=True)
    own = torch.tensor([[True, True, False]])
    loss = corrected_softmax(logits, torch.tensor([0]), torch.zeros(3), own).sum()
    (gradient,) = torch.autograd.grad(loss, logits)
    assert gradient[0, 1] == 0
    assert gradient[0, 2] > 0


def test_of_what_was_shown_only_what_was_shown_counts() -> None:
    logits = torch.tensor([[2.0, 0.0, 9.0]])
    shown, taken = torch.tensor([[True, True, False]]), torch.tensor([[1, 0, 0]])
    expected = -torch.log_softmax(torch.tensor([2.0, 0.0]), 0)[0]
    assert listwise_softmax(logits, shown, taken).item() == pytest.approx(expected.item())


def test_the_best_interest_scores() -> None:
    people, items = _unit(3, 2, WIDTH), _unit(5, WIDTH, seed=2)
    expected = torch.maximum(people[:, 0] @ items.T, people[:, 1] @ items.T)
    assert torch.allclose(best_match(people, items), expected)


def test_a_batch_holds_each_item_once_and_each_history_by_row() -> None:
    task = _task()
    records = sequences(_events(), SIZES.history)[:4]
    torch.manual_seed(0)
    batch = task.collate(records, lambda texts: {})
    for row, record in enumerate(records):
        places = batch["history"][row]
        read = task.pretrained[record.item[:-1]]
        assert torch.equal(batch["vectors"][places[places >= 0]], read)
    assert len(batch["vectors"].unique(dim=0)) == len(batch["vectors"])
    assert (batch["log_inclusion"] <= 0).all()


def test_what_a_user_has_met_is_no_target_and_a_purchase_weighs_at_the_first_meeting() -> None:
    task = _task()
    record = Sequence(
        np.array([3, 4, 4, 3, 5], np.int32),
        np.array([1, 0, 4, 1, 0], np.int8),
        np.arange(5, dtype=np.int64),
        np.ones(5, np.float32),
    )
    batch = task.collate([record], lambda texts: {})
    target, weight = batch["target"][0, -4:], batch["weight"][0, -4:]
    assert (target >= 0).tolist() == [True, False, False, True]
    assert weight[0] > weight[3]


def test_texts_are_tokenised_where_the_encoder_learns() -> None:
    task, seen = _task(frozen=False), []

    def tokenize(texts):
        seen.extend(texts)
        return {"input_ids": torch.zeros(len(texts), 2, dtype=torch.long)}

    batch = task.collate(sequences(_events(), SIZES.history)[:2], tokenize)
    assert "vectors" not in batch
    assert len(seen) == len(set(seen)) == len(batch["log_inclusion"])


def test_training_lowers_the_loss() -> None:
    task = _task()
    model = _model(task).train()
    records = sequences(_events(), SIZES.history)
    optimizer = torch.optim.Adam(
        [p for n, p in model.named_parameters() if not n.startswith("pooled")], 0.01
    )
    losses = []
    for _ in range(30):
        torch.manual_seed(0)
        loss = model(**task.collate(records, lambda texts: {}))["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]


def test_impressions_follow_the_history_that_was_known() -> None:
    events = _events()
    moment = int(events.time[events.of(3)][5])
    impressions = Impressions(
        impression=np.array([0, 0, 1, 1], np.int32),
        user=np.array([3, 3, 3, 3], np.int32),
        item=np.array([1, 2, 3, 4], np.int32),
        label=np.array([1, 0, 0, 0], np.int8),
        time=np.full(4, moment),
    )
    (found,) = shown_after(events, impressions, 4)
    assert found.history.item.tolist() == events.item[events.of(3)][1:5].tolist()
    assert found.taken.tolist() == [1, 0]
    batch = _task().collate([found], lambda texts: {})
    assert (batch["target"] < 0).all()
    loss = _model(_task())(**batch)["loss"]
    assert torch.isfinite(loss)


def test_sequences_hold_every_event_and_overlap_in_one() -> None:
    events = _events(users=2, each=12)
    found = sequences(events, 5)
    assert [len(one.item) for one in found] == [6, 6, 2, 6, 6, 2]
    assert found[0].item[-1] == found[1].item[0]
    assert isinstance(found[0], Sequence) and not isinstance(found[0], Shown)


def test_who_did_nothing_has_no_interests() -> None:
    task = _task()
    model = _model(task)
    items = item_vectors(model, task.pretrained).numpy()
    events = _events()
    nobody = replace(events, offsets=np.append(events.offsets, events.offsets[-1]))
    past = histories(nobody, np.array([0, 8]), np.array([10**9, 10**9]), 6)
    found = interests(model, items, past)
    assert found[0].norm(dim=-1).tolist() == pytest.approx([1, 1])
    assert not found[1].any()


def test_of_a_short_history_only_what_is_in_it_is_left_out() -> None:
    """Its empty places are no item: not the first of the catalogue, either."""
    task = _task()
    task.pretrained[0] = task.pretrained[3] + 0.01 * _unit(WIDTH, seed=9)
    events = sorted_events(
        np.array([0]), np.array([3]), np.ones(1, np.int8), np.array([7]), np.ones(1), users=1
    )
    past = histories(events, np.array([0]), np.array([100]), SIZES.history)
    _model(task)
    measured = task.measure(lambda _: {}, [Query(past, np.array([0], np.int32))])
    assert measured["ndcg_at_10"] == 1.0
    assert task.measure(lambda _: {}, [Query(past, np.array([3], np.int32))])["ndcg_at_10"] == 0
