"""What training changed in one party's model, on the names and shapes that all parties share.

The adapter and all that has no classes: what was learned less what it was, bounded in its norm
(federated averaging, McMahan et al. 2017, arXiv 1602.05629). Of LoRA's product B A only B learns,
so that the mean of the Bs is the mean of the products (Sun et al. 2024, arXiv 2403.12313). Heads:
a row for each label of anybody, of length 1, and zeros where the party has no text of the label.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from common.models.adapting.adding import add_adapter
from common.tuning.federated.round import Classes
from common.tuning.settings import Settings
from common.tuning.task import TaskModule

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Update:
    """What one party changed, by the parameters' names.

    Attributes:
        body: of what all share: learned less start, clipped.
        rows: of heads, [own labels, …], each of length 1.
        values: of heads, what has no rows: learned less start, within ± 1.
        own: head → the labels of the rows, in their order.
        norm: of `body` before it was clipped.
    """

    body: dict[str, Floats]
    rows: dict[str, Floats]
    values: dict[str, Floats]
    own: dict[str, list[str]]
    norm: float

    def placed(self, joint: Classes, heads: Mapping[str, Tensor]) -> dict[str, Floats]:
        """Every parameter that any party changes, with zeros where this one has nothing.

        Args:
            joint: the labels of all parties.
            heads: those that the round starts from, which say the shapes of what is not here.
        """
        found = dict(self.body)
        for name, start in heads.items():
            head = head_of(name)
            if head in joint:
                labels = len(joint[head])
                found[name] = np.zeros((labels, *start.shape[1:]) if start.dim() else ())
                if name in self.rows:
                    number = {label: at for at, label in enumerate(joint[head])}
                    found[name][[number[label] for label in self.own[head]]] = self.rows[name]
                elif name in self.values:
                    found[name] += self.values[name]
        return found


def prepare(module: TaskModule, settings: Settings, seed: int) -> None:
    """Add the adapter that the round's parties share, in place: its A is the same for all."""
    if settings.adapter is not None:
        add_adapter(module.network, settings.adapter)
        draw_a(module.network, seed)


@torch.no_grad()
def draw_a(network: nn.Module, seed: int) -> None:
    """Fill every A of LoRA from `seed` alone, uniform within ±1/√width as peft draws them."""
    draw = np.random.Generator(np.random.PCG64(seed))
    for name, parameter in sorted(network.named_parameters()):
        if ".lora_A." in name:
            bound = 1 / math.sqrt(parameter.shape[1])
            parameter.copy_(torch.from_numpy(draw.uniform(-bound, bound, tuple(parameter.shape))))


def hold_rows(module: nn.Module, local: Classes, own: Classes) -> None:
    """Keep the rows of labels that the party has no text of where they are, while all learns.

    Args:
        local: head → the labels of its rows, in their order.
        own: those that the party has texts of.
    """
    for name, parameter in module.named_parameters():
        head = head_of(name)
        if head in local and parameter.dim():
            has = [label in own.get(head, ()) for label in local[head]]
            held = torch.tensor(has).reshape(-1, *[1] * (parameter.dim() - 1))
            parameter.register_hook(partial(_only, held))  # type: ignore[no-untyped-call]


def _only(held: Tensor, gradient: Tensor) -> Tensor:
    return gradient * held.to(gradient)


@torch.no_grad()
def seat(module: nn.Module, heads: Mapping[str, Tensor], known: Classes, local: Classes) -> None:
    """Put the round's heads into a module; rows of labels that they do not know stay as built.

    Args:
        known: head → labels of the rows of `heads`.
        local: head → labels of the rows of `module`.
    """
    for name, parameter in module.named_parameters():
        if name not in heads:
            continue
        labels = known.get(head_of(name))
        if labels is None or not parameter.dim():
            parameter.copy_(heads[name])
        elif labels:
            at = [local[head_of(name)].index(label) for label in labels]
            parameter[at] = heads[name].to(parameter)


def learning(module: nn.Module) -> dict[str, Tensor]:
    """What learns, by its name, as it is now."""
    named = module.named_parameters()
    return {name: one.detach().cpu().clone() for name, one in named if one.requires_grad}


def update_of(
    before: Mapping[str, Tensor],
    after: Mapping[str, Tensor],
    *,
    local: Classes,
    own: Classes,
    clipping: float,
) -> Update:
    """What was learned between `before` and `after`; `local` and `own` as in `hold_rows`.

    Args:
        clipping: largest norm of the changes of what all share.
    """
    body: dict[str, Floats] = {}
    rows: dict[str, Floats] = {}
    values: dict[str, Floats] = {}
    for name, learned in after.items():
        head = head_of(name)
        change = (learned - before[name]).double().numpy()
        if head not in local:
            body[name] = change
        elif learned.dim() and own.get(head):
            at = [local[head].index(label) for label in own[head]]
            rows[name] = functional.normalize(learned[at].double(), dim=-1).numpy()
        elif own.get(head):
            values[name] = np.asarray(np.clip(change, -1.0, 1.0))
    norm = norm_of(body)
    if norm > clipping:
        body = {name: change * (clipping / norm) for name, change in body.items()}
    return Update(body, rows, values, {head: list(some) for head, some in own.items()}, norm)


def head_of(name: str) -> str:
    """Of a parameter's name, what may be a head's."""
    return name.partition(".")[0]


def norm_of(body: Mapping[str, Floats]) -> float:
    """The Euclidean norm of all values together."""
    return math.sqrt(sum(float(np.square(values).sum()) for values in body.values()))


def longest(values: Floats) -> float:
    """Of a head's rows [labels, …], or its one value: the largest length."""
    if values.ndim == 0:
        return abs(float(values))
    return float(np.linalg.norm(values.reshape(len(values), -1), axis=1).max(initial=0.0))
