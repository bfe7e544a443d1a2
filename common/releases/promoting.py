"""A release that was trained serves, if every gate lets it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from common.console import say
from common.evaluation.compare import Difference
from common.evaluation.stress.expectations.checking import Checked, Decide
from common.releases import gate
from common.releases.expectations import hold_to
from common.releases.registry import Registry
from common.releases.release import Release


class Outcome(Protocol):
    """What became of one held-out record."""

    @property
    def is_right(self) -> bool: ...  # noqa: D102


O = TypeVar("O", bound=Outcome)  # noqa: E741


def promote_if_not_worse(
    registry: Registry,
    release: Release,
    after: Sequence[O],
    *,
    judge: Callable[[Release], tuple[Sequence[O], Decide]],
    difference: Callable[[Sequence[O], Sequence[O]], Difference],
    groups: Sequence[Sequence[str]],
    max_group_loss: float,
    allow_group_loss: str | None,
    insisted: bool,
    checked: Checked | None,
) -> bool:
    """Let the release serve; one that serves already is measured on the same records.

    Args:
        after: what the release made of the held-out records.
        judge: what another release makes of the same records, and how it decides on texts.
        groups: of each record.
        max_group_loss: share of its figure that a group may lose.
        allow_group_loss: the option by which a person allows more, if there is one.
        insisted: it serves also where there are too few records to tell.
        checked: what the release made of its expectations, if there are any.

    Raises:
        RefusedError: it is worse, as a whole or for one group, or fails more expectations.
    """

    def hold(serves: Release) -> None:
        say("Measuring the serving release on the same held-out records")
        serving, decide = judge(serves)
        say(gate.check("right", difference(serving, after), insisted=insisted))
        before, now = ([one.is_right for one in outcomes] for outcomes in (serving, after))
        gate.check_groups(before, now, groups, max_group_loss, allow_group_loss)
        if checked:
            hold_to(checked, decide)

    return promote_past(registry, release, hold)


def promote_past(registry: Registry, release: Release, hold: Callable[[Release], None]) -> bool:
    """Let the release serve in place of one that it was held to, whatever is promoted meanwhile.

    Args:
        hold: compares it with the one that serves, if there is one; raises what refuses it.
    """
    while True:
        serving_id = registry.current_id()
        if serving_id is not None:
            hold(registry.open(serving_id))
        if registry.promote_over(serving_id, release.release_id):
            return True
        say("Another release was promoted meanwhile: that one is measured, too")
