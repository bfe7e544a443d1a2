from __future__ import annotations

from dataclasses import replace

import pytest
from sample import Demo

from apps.customer_service.data import Dataset, Sources, read_dataset
from apps.customer_service.training.usual import PRETRAINED_SHARE, as_usual
from common.tuning.settings import Settings


@pytest.fixture
def dataset(demo: Demo) -> Dataset:
    return read_dataset(Sources(faqs=[demo.faqs], questions=[demo.questions]))


def test_faqs_are_learned_with_the_mean_of_weights(dataset: Dataset) -> None:
    assert as_usual(Settings(), dataset).share_of_pretrained == PRETRAINED_SHARE


@pytest.mark.parametrize("share", [0.0, 0.2])
def test_what_was_chosen_stays(share: float, dataset: Dataset) -> None:
    assert as_usual(Settings(pretrained_share=share), dataset).share_of_pretrained == share


def test_a_private_run_fits_no_heads_again(dataset: Dataset) -> None:
    private = Settings(privacy_epsilon=8.0)
    assert as_usual(private, dataset) == private


def test_intents_alone_are_learned_without(dataset: Dataset) -> None:
    assert as_usual(Settings(), replace(dataset, faqs={})).share_of_pretrained == 0


@pytest.mark.parametrize("strategy", ["head", "lora"])
def test_where_no_pretrained_weight_moves_there_is_no_mean(strategy: str, dataset: Dataset) -> None:
    assert as_usual(Settings(strategy=strategy), dataset).share_of_pretrained == 0
