"""The options of `train` about groups that a release may not be worse for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from common.learning.candidates.groups import GroupGate, Grouping

By = Annotated[
    str | None,
    typer.Option(
        "--by",
        help="Groups of held-out records that the release may not be worse for than the one that "
        "serves: language, segment … or a column of the held-out files; several by commas.",
    ),
]
MaxGroupLoss = Annotated[
    float | None,
    typer.Option(
        "--max-group-loss",
        min=0,
        max=1,
        help="Share of its figure that such a group may lose. Default: 0.02.",
    ),
]


@dataclass(frozen=True)
class GroupOptions:
    """Which groups, and how much one may lose."""

    by: By = None
    max_group_loss: MaxGroupLoss = None

    def read(
        self, grouping: Grouping[Any], mapping: Sequence[str] | None
    ) -> tuple[GroupGate[Any], list[str] | None]:
        """The gate, and `mapping` as the files are read beside a column of the user's own.

        Raises:
            UserError: records cannot be grouped so.
        """
        given = None if mapping is None else list(mapping)
        if self.by is None:
            return self.gate(grouping, grouping.usual), given
        wider, names, given = grouping.with_columns(self.by, mapping)
        return self.gate(wider, names), given

    def gate(self, grouping: Grouping[Any], names: tuple[str, ...]) -> GroupGate[Any]:
        """The gate by these names."""
        from common.learning.candidates.groups import GroupGate
        from common.releases.gate import MARGIN

        most = MARGIN if self.max_group_loss is None else self.max_group_loss
        return GroupGate(grouping, names, most, allow="train --max-group-loss")
