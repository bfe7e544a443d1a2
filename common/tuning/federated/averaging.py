"""From the sum of weighted updates to the weights of the joint model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from common.models.adapting.adding import fold_adapter
from common.models.encoder import Encoder
from common.tuning.federated.contribution import Floats
from common.tuning.federated.round import Roster
from common.tuning.federated.update import head_of

# Before the names of what is the encoder's own.
ENCODER = "pooled."
Heads = dict[str, Tensor]
Names = dict[str, list[str]]


def mean_heads(
    roster: Roster, start: Heads, sums: Mapping[str, Floats], present: Sequence[str]
) -> tuple[Heads, Names, Names]:
    """All that is not the encoder's; the labels of its rows; and labels that nobody is left of.

    A label's row is the mean over those who have it, one that nobody has any more its old one.

    Args:
        start: as they were before the round.
        present: the parties whose updates are in the sums.
    """
    share = {party: roster.weights[party] for party in present}
    heads: Heads = {}
    classes: Names = {head: [] for head in roster.round.classes}
    lost: Names = {}
    for name, before in start.items():
        head = head_of(name)
        if head not in classes:
            heads[name] = before + torch.from_numpy(sums[name] / sum(share.values())).to(before)
        elif before.dim():
            rows = _rows(roster, head, before, sums.get(name), present)
            classes[head] = sorted(rows)
            if gone := {*roster.classes.get(head, ())} - {*rows}:
                lost[head] = sorted(gone)
            heads[name] = torch.stack([rows[label] for label in sorted(rows)]) if rows else before
        else:
            having = sum(s for p, s in share.items() if roster.member(p).classes.get(head))
            heads[name] = before + (float(sums[name]) / having if having else 0.0)
    return heads, classes, lost


def _rows(
    roster: Roster, head: str, before: Tensor, summed: Floats | None, present: Sequence[str]
) -> dict[str, Tensor]:
    """Label → its direction, of length 1 where somebody sent one."""
    rows = {label: before[at] for at, label in enumerate(roster.round.classes[head])}
    had = {label for p in present for label in roster.member(p).classes.get(head, ())}
    for at, label in enumerate(roster.classes.get(head, ())):
        if label in had and summed is not None:
            rows[label] = functional.normalize(torch.from_numpy(summed[at]).to(before), dim=-1)
    return rows


@torch.no_grad()
def apply_mean(encoder: Encoder, sums: Mapping[str, Floats], share: float) -> None:
    """Put the mean into the encoder's weights.

    Args:
        share: sum of the weights of the parties in `sums`.
    """
    for name, parameter in encoder.pooled().named_parameters():
        if parameter.requires_grad:
            parameter.add_(torch.from_numpy(sums[ENCODER + name] / share).to(parameter))
    fold_adapter(encoder.network)
