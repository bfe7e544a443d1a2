"""The mean of what the parties learned, without what is poisoned, as a model of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from common.console import progress
from common.errors import RefusedError
from common.files import scratch, write_json
from common.models.adapting.adding import add_adapter
from common.models.encoder import Encoder, load_encoder, save_encoder
from common.tuning.federated.agreement import Judged, View, judge
from common.tuning.federated.averaging import ENCODER, apply_mean, mean_heads
from common.tuning.federated.contribution import (
    Contribution,
    Floats,
    flat,
    read_contributions,
    read_integers,
    sketch_of,
    unweighted,
)
from common.tuning.federated.fixed_point import Integers, decode
from common.tuning.federated.round import CLASSES, HEADS, JOINT, MODEL, Roster
from common.tuning.federated.update import draw_a, head_of, learning, longest

REPORT = "report.json"
# Of a sketch, whose sums are of float64.
CLOSE = 1e-6


@dataclass(frozen=True)
class Aggregated:
    """What became of a round.

    Attributes:
        judged: party → how it stands to the others.
        lost: labels that nobody is left of.
        privacy: party → what its training guarantees.
    """

    directory: Path
    judged: dict[str, Judged]
    labels: dict[str, int]
    lost: dict[str, list[str]]
    privacy: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def left_out(self) -> dict[str, str]:
        """Party → why."""
        return {party: one.left_out for party, one in self.judged.items() if one.left_out}

    def to_json(self) -> dict[str, Any]:
        """What `federate aggregate --json` prints, and `joint/report.json` keeps."""
        return {name: value for name, value in asdict(self).items() if name != "directory"}


def aggregate(roster: Roster) -> Aggregated:
    """Check, judge and average the contributions, and write `joint/`.

    Raises:
        UserError: a contribution does not fit the round.
        RefusedError: one is missing; a masked one is poisoned, which cannot be taken out of the
            sum; or half of them are.
    """
    contributions = _all_there(roster)
    encoder, start = _start(roster)
    shapes = _shapes(encoder, start, roster)
    body = sorted(name for name in shapes if head_of(name) not in roster.classes)
    read: dict[str, dict[str, Integers]] = {}
    with progress("Reading contributions", len(contributions)) as advance:
        for party in contributions:
            read[party] = read_integers(roster, party, shapes)
            advance()
    if roster.round.masked:
        sums = _sum(read.values())
        judged = _judge_sketches(roster, contributions, {name: sums[name] for name in body})
    else:
        judged = _judge_updates(roster, read, body)
        sums = _sum(read[party] for party, one in judged.items() if not one.left_out)
    present = [party for party, one in judged.items() if not one.left_out]
    heads, classes, lost = mean_heads(roster, start, sums, present)
    apply_mean(encoder, sums, sum(roster.weights[party] for party in present))
    found = Aggregated(
        roster.round.directory / JOINT,
        judged,
        {head: len(names) for head, names in classes.items()},
        lost,
        {p: dict(one.privacy) for p, one in contributions.items() if one.privacy},
    )
    _write(found, encoder, heads, classes)
    return found


def _sum(parts: Iterable[Mapping[str, Integers]]) -> dict[str, Floats]:
    """The sum of the weighted updates; masks are gone from it."""
    total: dict[str, Integers] = {}
    for part in parts:
        for name, values in part.items():
            total[name] = total[name] + values if name in total else values
    return {name: decode(values) for name, values in total.items()}


def _all_there(roster: Roster) -> dict[str, Contribution]:
    found = read_contributions(roster)
    if missing := [party for party in roster.round.parties if party not in found]:
        masks = ", whose masks stand in the others'" if roster.round.masked else ""
        raise RefusedError(
            f"no contribution of this round from {', '.join(missing)}{masks}",
            where=str(roster.round.directory),
            hint="Wait for it, or go on without: federate drop DIR --party NAME. The others then "
            "contribute again, which takes seconds: what they learned is kept in their stores.",
        )
    return found


def _start(roster: Roster) -> tuple[Encoder, dict[str, Tensor]]:
    from safetensors.torch import load_file

    encoder = load_encoder(roster.round.source, projected=False)
    settings = roster.round.settings
    for parameter in encoder.pooled().parameters():
        parameter.requires_grad = settings.adapter is not None
    if settings.adapter is not None:
        encoder.network.requires_grad_(False)
        add_adapter(encoder.network, settings.adapter)
        draw_a(encoder.network, roster.round.seed)
    return encoder, load_file(roster.round.start / HEADS)


def _shapes(
    encoder: Encoder, start: Mapping[str, Tensor], roster: Roster
) -> dict[str, tuple[int, ...]]:
    """Name → shape of all that any party changes."""
    shapes = {ENCODER + n: tuple(one.shape) for n, one in learning(encoder.pooled()).items()}
    for name, values in start.items():
        head = head_of(name)
        if head not in roster.round.classes:
            shapes[name] = tuple(values.shape)
        elif head in roster.classes:
            labels = len(roster.classes[head])
            shapes[name] = (labels, *values.shape[1:]) if values.dim() else ()
    return shapes


def _judge_updates(
    roster: Roster, read: Mapping[str, Mapping[str, Integers]], body: Sequence[str]
) -> dict[str, Judged]:
    views = {}
    for party, integers in read.items():
        update = unweighted(integers, roster.weights[party])
        # All that was sent, whatever the party said that it has.
        rows = {
            (name, label): row
            for name, values in update.items()
            if (head := head_of(name)) in roster.classes and values.ndim
            for label, row in zip(roster.classes[head], values, strict=True)
            if row.any()
        }
        heads = [update[name] for name in update if name not in body]
        largest = max((longest(values) for values in heads), default=0.0)
        views[party] = View(flat(update, body), rows, largest)
    return judge(views, roster.round.clipping, sketched=False)


def _judge_sketches(
    roster: Roster, contributions: Mapping[str, Contribution], body: Mapping[str, Floats]
) -> dict[str, Judged]:
    """By what each says of its update; together they must say what the sum does.

    Raises:
        RefusedError: one is poisoned, or somebody's sketch is of another update.
    """
    sketches = {party: np.array(one.sketch) for party, one in contributions.items()}
    views = {party: View(sketch, {}) for party, sketch in sketches.items()}
    judged = judge(views, roster.round.clipping, sketched=True)
    if poisoned := {party: one.left_out for party, one in judged.items() if one.left_out}:
        told = "; ".join(f"{party}: {why}" for party, why in poisoned.items())
        raise RefusedError(
            f"poisoned, and masked, so that it cannot be taken out of the sum: {told}",
            hint="Go on without: federate drop DIR --party NAME. The others then contribute again, "
            "which takes seconds.",
        )
    told_sum = np.sum([sketches[p] * roster.weights[p] for p in sketches], axis=0)
    found = sketch_of(body, roster.round.seed)
    if not np.allclose(told_sum, found, rtol=0, atol=CLOSE):
        raise RefusedError(
            "the sketches are not those of the updates: somebody sent a sketch of something else, "
            "or a contribution is masked wrongly",
            hint="Masks hide whose. Begin a round without masks, or with other parties.",
        )
    return judged


def _write(
    found: Aggregated,
    encoder: Encoder,
    heads: dict[str, Tensor],
    classes: Mapping[str, Sequence[str]],
) -> None:
    from safetensors.torch import save_file

    with scratch(found.directory.parent, ".joint-") as folder:
        save_encoder(encoder, folder / MODEL)
        save_file({n: values.contiguous() for n, values in heads.items()}, folder / HEADS)
        write_json(folder / CLASSES, classes)
        write_json(folder / REPORT, found.to_json())
        if found.directory.exists():
            found.directory.rename(folder / "before")
        found.directory.mkdir()
        for path in (MODEL, HEADS, CLASSES, REPORT):
            (folder / path).rename(found.directory / path)
