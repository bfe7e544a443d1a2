"""The likelihood of a completion alone, whatever the model computes of its prompt."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from common.tuning.losses import completion_nll
from common.tuning.pretraining.clm import NextTokenModule


@pytest.mark.parametrize("can_leave_out", [True, False])
def test_only_the_completion_counts_and_only_it_takes_logits(can_leave_out: bool) -> None:
    torch.manual_seed(0)
    sizes = {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 16}
    network = GPT2LMHeadModel(GPT2Config(vocab_size=40, **sizes)).eval()
    generator: Any = SimpleNamespace(network=network)
    module = NextTokenModule(generator)
    assert module._can_leave_out
    module._can_leave_out = can_leave_out
    widths = []
    network.lm_head.register_forward_hook(lambda *of: widths.append(of[1][0].shape[1]))
    ids = torch.randint(40, (2, 12))
    completion = torch.zeros_like(ids)
    completion[0, 8:] = 1
    completion[1, 9:11] = 1
    mask = torch.ones_like(ids)
    found = module(input_ids=ids, attention_mask=mask, completion_mask=completion)
    wanted = completion_nll(network(input_ids=ids, attention_mask=mask).logits, ids, completion)
    torch.testing.assert_close(found["nll"] / found["tokens"], wanted)
    assert widths[0] == (4 if can_leave_out else 12)
