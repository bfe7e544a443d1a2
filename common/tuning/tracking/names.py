"""Which kinds of curves there are, and how each is looked at."""

from __future__ import annotations

import difflib
from importlib.util import find_spec
from pathlib import Path

from common.errors import UserError

# What shows the curves that a run leaves in a directory.
SHOWN_BY = {
    "tensorboard": "tensorboard --logdir {work}/tensorboard",
    "wandb": "wandb sync {work}/wandb/offline-run-*  (this uploads them)",
    "mlflow": "MLFLOW_ALLOW_FILE_STORE=true mlflow ui --backend-store-uri file:{work}/mlflow",
    "json": "{work}/curves.jsonl",
}
PACKAGES = ("wandb", "mlflow")


def parse_tracking(value: str | None) -> list[str]:
    """The kinds in "tensorboard, json"; None and "none" name no kind.

    Raises:
        UserError: an unknown kind, or `none` beside others.
    """
    names = [name.strip() for name in (value or "none").split(",")]
    if names == ["none"]:
        return []
    for name in names:
        if name not in SHOWN_BY:
            near = difflib.get_close_matches(name, SHOWN_BY, n=1)
            known = f"{', '.join(SHOWN_BY)}, several of them by comma, or none"
            hint = f"Did you mean {near[0]}?" if near else known
            raise UserError(f"setting tracking: there is no {name!r}", hint=hint)
    return list(dict.fromkeys(names))


def require_packages(value: str | None) -> None:
    """See that what keeps these curves is installed, without importing it.

    Raises:
        UserError: it is not.
    """
    for name in parse_tracking(value):
        if name in PACKAGES and find_spec(name) is None:
            raise UserError(
                f"tracking={value}: {name} is not installed",
                hint="pip install 'bizlm[tracking]', or take tracking=tensorboard or json.",
            )


def where_curves_are(value: str | None, work: Path) -> list[str]:
    """What shows the curves of the run in `work`, a line each."""
    return [SHOWN_BY[name].format(work=work) for name in parse_tracking(value)]
