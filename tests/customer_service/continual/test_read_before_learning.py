"""What is read before anything is learned."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from torch import nn

from apps.customer_service.answers.building import build_answerer
from apps.customer_service.continual import beginning
from apps.customer_service.data import Sources, read_dataset
from common.models.encoder import Encoder
from common.models.sources.bundled import Source
from common.tuning.adapting.choosing import begin_to_learn
from common.tuning.settings import Settings

FAQS = {"abc": ["a b c", "c b a", "a c"], "xyz": ["x y z", "z y x", "x z"]}


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """The tokens of each text that the network reads, padding aside."""
    rows: list[tuple[int, ...]] = []
    load = beginning.load_to_learn

    def watch(_module: nn.Module, _given: object, named: dict[str, object]) -> None:
        ids, mask = (named[name].tolist() for name in ("input_ids", "attention_mask"))  # type: ignore[attr-defined]
        for row, real in zip(ids, mask, strict=True):
            rows.append(tuple(row[: sum(real)]))

    def loaded(source: Source, settings: Settings) -> Encoder:
        encoder = load(source, settings)
        encoder.network.register_forward_pre_hook(watch, with_kwargs=True)
        return encoder

    monkeypatch.setattr(beginning, "load_to_learn", loaded)
    return rows


@pytest.mark.parametrize("strategy", ["head", "full"])
def test_a_text_is_read_once_before_learning_begins(
    strategy: str, read: list[tuple[int, ...]], tiny_model: Path, tmp_path: Path
) -> None:
    faqs = tmp_path / "faqs.jsonl"
    lines = (
        {"id": name, "question": f"{name}?", "answer": f"{name}.", "similar_questions": asked}
        for name, asked in FAQS.items()
    )
    faqs.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    dataset = read_dataset(Sources(faqs=[faqs]))
    settings = Settings(strategy=strategy, precision="bf16", device="cpu")
    found = beginning.begin(dataset, settings, str(tiny_model))
    assert len(found.before) == len(dataset.splits.validation) > 0
    texts = {example.text for example in (*dataset.knowledge, *dataset.not_learned)}
    for text in texts:
        (ids,) = found.encoder.tokenize([text])["input_ids"].tolist()
        assert read.count(tuple(ids)) == 1, text
    # Questions are read as the release will read them.
    begin_to_learn(found.module, found.encoder, settings)
    learned = build_answerer(found.task, found.module, found.encoder, dataset, "bf16")
    assert learned.network.trained.precision == "fp32"
