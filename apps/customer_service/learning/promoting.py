"""How a release that was trained is compared with the one that serves."""

from __future__ import annotations

from collections.abc import Sequence

from apps.customer_service import evaluate
from apps.customer_service.data import Example
from apps.customer_service.evaluate import Outcome
from apps.customer_service.learning.groups import GROUPING
from apps.customer_service.release import load_release
from apps.customer_service.stress.judging import decide_with
from common.evaluation.stress.expectations.checking import Checked, Decide
from common.learning.candidates.groups import GroupGate
from common.releases import promoting
from common.releases.registry import Registry
from common.releases.release import Release


def promote_if_not_worse(
    registry: Registry,
    release: Release,
    after: Sequence[Outcome],
    held_out: Sequence[Example],
    *,
    insisted: bool,
    checked: Checked | None = None,
    groups: GroupGate[Example] | None = None,
) -> bool:
    """As `common.releases.promoting`, on held-out records.

    Args:
        groups: None: the usual ones.
    """
    held = groups or GroupGate.usual(GROUPING)

    def judge(serving: Release) -> tuple[Sequence[Outcome], Decide]:
        loaded = load_release(serving)
        return evaluate.run(loaded, held_out), decide_with(loaded)

    return promoting.promote_if_not_worse(
        registry,
        release,
        after,
        judge=judge,
        difference=evaluate.difference,
        groups=held.assign(held_out),
        max_group_loss=held.max_loss,
        allow_group_loss=held.allow,
        insisted=insisted,
        checked=checked,
    )
