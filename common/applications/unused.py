"""Settings that an application of one's own has no use for."""

from __future__ import annotations

from common.applications.application import Application
from common.tuning.configuration import (
    OF_CLASSES,
    OF_CONTINUAL,
    OF_DISTILLATION,
    OF_PAIRS,
    OF_PRIVACY,
    OF_UNLABELLED,
)

UNUSED = (*OF_CONTINUAL, *OF_DISTILLATION, *OF_PAIRS, *OF_UNLABELLED, *OF_PRIVACY)


def unused_settings(application: Application) -> dict[str, str]:
    """Each of them, and why it is refused."""
    unused = dict.fromkeys(UNUSED, "an application of one's own does not use it")
    if not application.has_classes:
        unused |= dict.fromkeys(OF_CLASSES, "there are no classes here")
    return unused
