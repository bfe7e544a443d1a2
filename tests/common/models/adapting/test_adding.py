"""What is added to a network: it begins as nothing, folds into the same, and has its place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import transformers
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertModel,
    DistilBertConfig,
    DistilBertModel,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    RobertaConfig,
    RobertaModel,
)

from common.errors import UserError
from common.models.adapting.adapter import Adapter, adapter_of
from common.models.adapting.adding import add_adapter, fold_adapter
from common.models.adapting.freezing import trained_share

SIZES: dict[str, Any] = {
    "vocab_size": 60,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": 64,
    # Usual ones are so small that hardly anything depends on the text.
    "initializer_range": 0.2,
}
OF_GPT2: dict[str, Any] = {
    **{"vocab_size": 60, "bos_token_id": 3, "eos_token_id": 3, "initializer_range": 0.2},
    **{"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 64},
}
NETWORKS: dict[str, Callable[[], Any]] = {
    "bert": lambda: BertModel(BertConfig(**SIZES), add_pooling_layer=False),
    "pairs": lambda: BertForSequenceClassification(BertConfig(**SIZES, num_labels=1)),
    "roberta": lambda: RobertaModel(RobertaConfig(**SIZES), add_pooling_layer=False),
    "llama": lambda: LlamaForCausalLM(LlamaConfig(**SIZES, num_key_value_heads=1)),
    "gpt2": lambda: GPT2LMHeadModel(GPT2Config(**OF_GPT2)),
}
FOLDABLE = [
    Adapter("lora", rank=4),
    Adapter("lora", rank=4, variant="rslora"),
    Adapter("lora", rank=4, variant="dora"),
    Adapter("lora", rank=4, frozen_a=True),
    Adapter("adalora", rank=4, initial_rank=6),
    Adapter("ia3"),
]
BEFORE_TEXT = [Adapter("prompt", tokens=5), Adapter("prefix", tokens=5)]
IDS = torch.tensor([[5, 9, 13, 8, 0, 0, 0], [7, 6, 22, 30, 41, 17, 4]])
MASK = (IDS > 0).long()


@pytest.fixture
def network(request: pytest.FixtureRequest) -> Any:
    torch.manual_seed(0)
    transformers.logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    return NETWORKS[request.param]().eval()


def _read(network: Any, ids: torch.Tensor = IDS, mask: torch.Tensor = MASK) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = network(input_ids=ids, attention_mask=mask)[0]
    return found if found.ndim < 3 else found[mask.bool()]


def _learning(network: Any) -> dict[str, torch.nn.Parameter]:
    return {name: p for name, p in network.base_model.named_parameters() if p.requires_grad}


def _stir(network: Any) -> None:
    with torch.no_grad():
        for parameter in _learning(network).values():
            parameter.add_(0.2 * torch.randn_like(parameter))


@pytest.mark.parametrize("network", NETWORKS, indirect=True)
@pytest.mark.parametrize("adapter", [*FOLDABLE, Adapter("adapter", width=3)], ids=repr)
def test_it_begins_as_what_was_there_and_it_alone_learns(network: Any, adapter: Adapter) -> None:
    before, weights = _read(network), {*network.state_dict()}
    add_adapter(network, adapter)
    torch.testing.assert_close(_read(network), before)
    learning = _learning(network)
    assert learning
    assert not {name for name in learning if name.removeprefix("bert.") in weights}
    _stir(network)
    assert not torch.allclose(_read(network), before, atol=1e-3)


@pytest.mark.parametrize("network", NETWORKS, indirect=True)
@pytest.mark.parametrize("adapter", FOLDABLE, ids=repr)
def test_folded_it_computes_the_same_and_is_gone(network: Any, adapter: Adapter) -> None:
    names = {*network.state_dict()}
    add_adapter(network, adapter)
    _stir(network)
    adapted = _read(network)
    fold_adapter(network)
    assert {*network.state_dict()} == names
    assert adapter_of(network) is None
    torch.testing.assert_close(_read(network), adapted, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("network", NETWORKS, indirect=True)
@pytest.mark.parametrize("adapter", BEFORE_TEXT, ids=repr)
def test_vectors_before_a_text_leave_it_its_length_and_padding_out(
    network: Any, adapter: Adapter
) -> None:
    before = _read(network)
    add_adapter(network, adapter)
    _stir(network)
    found = _read(network)
    assert found.shape == before.shape
    assert not torch.allclose(found, before, atol=1e-3)
    longer = (torch.nn.functional.pad(IDS, (0, 4)), torch.nn.functional.pad(MASK, (0, 4)))
    torch.testing.assert_close(_read(network, *longer), found, atol=1e-5, rtol=1e-4)
    sizes = {"prompt": 5 * 32, "prefix": 2 * 2 * 5 * network.base_model.config.hidden_size}
    if network.config.model_type == "llama":
        sizes["prefix"] //= 2
    learned = sum(parameter.numel() for parameter in _learning(network).values())
    assert learned == sizes[adapter.kind]


@pytest.mark.parametrize("network", ["bert", "roberta"], indirect=True)
@pytest.mark.parametrize("adapter", BEFORE_TEXT, ids=repr)
def test_the_longest_text_still_has_room(network: Any, adapter: Adapter) -> None:
    longest = 64 if network.config.model_type == "bert" else 62
    add_adapter(network, adapter)
    ids = torch.full((1, longest), 5)
    assert _read(network, ids, torch.ones_like(ids)).shape[0] == longest


@pytest.mark.parametrize("network", ["llama", "gpt2"], indirect=True)
@pytest.mark.parametrize("adapter", BEFORE_TEXT, ids=repr)
def test_what_is_written_depends_on_no_cache_and_no_padding(network: Any, adapter: Adapter) -> None:
    add_adapter(network, adapter)
    _stir(network)
    given = {"max_new_tokens": 8, "min_new_tokens": 8, "do_sample": False, "pad_token_id": 0}
    left = torch.stack([IDS[0].roll(3), IDS[1]])
    cached = network.generate(input_ids=left, attention_mask=(left > 0).long(), **given)
    slow = network.generate(
        input_ids=left, attention_mask=(left > 0).long(), use_cache=False, **given
    )
    alone = network.generate(input_ids=IDS[:1, :4], attention_mask=MASK[:1, :4], **given)
    assert torch.equal(cached, slow)
    assert torch.equal(cached[0, 3:], alone[0])


@pytest.mark.parametrize("network", ["bert"], indirect=True)
def test_of_a_product_whose_a_is_frozen_b_alone_learns(network: Any) -> None:
    for _ in range(2):
        add_adapter(network, Adapter("lora", rank=4, frozen_a=True))
        assert {"lora_B" in name for name in _learning(network)} == {True}


@pytest.mark.parametrize("network", ["bert"], indirect=True)
def test_what_learns_is_counted(network: Any) -> None:
    add_adapter(network, Adapter("adapter", width=3))
    assert trained_share(network)[0] == 4 * (2 * 32 * 3 + 3 + 32)


@pytest.mark.parametrize("network", ["bert"], indirect=True)
def test_the_same_goes_on_another_takes_its_place_or_is_refused(network: Any) -> None:
    add_adapter(network, Adapter("lora", rank=4))
    _stir(network)
    found, learning = _read(network), {*_learning(network)}
    network.requires_grad_(False)
    add_adapter(network, Adapter("lora", rank=4))
    assert {*_learning(network)} == learning
    add_adapter(network, Adapter("adapter"))
    torch.testing.assert_close(_read(network), found, atol=1e-3, rtol=1e-3)
    with pytest.raises(UserError, match="strategy=adapter"):
        add_adapter(network, Adapter("lora"))


def test_where_it_has_no_place_it_is_refused() -> None:
    network = DistilBertModel(DistilBertConfig(vocab_size=60, dim=32, hidden_dim=64, n_heads=2))
    with pytest.raises(UserError, match="distilbert takes no past_key_values"):
        add_adapter(network, Adapter("prefix"))
    for name in ("ia3", "adapter"):
        strange = BertModel(BertConfig(**SIZES), add_pooling_layer=False)
        for layer in strange.encoder.layer:
            layer.output.renamed = layer.output.dense
            del layer.output.dense
        with pytest.raises(UserError, match=f"strategy {name}: .* not known here"):
            add_adapter(strange, Adapter(name))  # type: ignore[arg-type]
