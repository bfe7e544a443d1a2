"""Settings from flag, environment, file and default, in this order."""

from __future__ import annotations

import difflib
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from common.errors import UserError, reason_of
from common.files import read_toml
from common.tuning.augmentation.counterfactual import read_swaps
from common.tuning.augmentation.glossary import read_glossary
from common.tuning.computing.settings import NOT_SHARED
from common.tuning.continual.settings import ContinualSettings
from common.tuning.describing.needs import refuse_without_effect
from common.tuning.distillation.settings import DistillationSettings
from common.tuning.privacy.settings import REFUSED, PrivacySettings
from common.tuning.settings import RATES, Settings
from common.tuning.tracking.names import require_packages

ENVIRONMENT_PREFIX = "BIZLM_"
# Settings that speak of labels alone, of a release that is trained further, of pairs of opposite
# texts, of several runs, of texts without labels, of what is secret.
OF_CLASSES = ("label_smoothing", "focal", "class_weights", "logit_adjustment", "label_names")
OF_CONTINUAL = tuple(ContinualSettings.model_fields)
OF_PAIRS = ("pair_weight",)
OF_DISTILLATION = tuple(DistillationSettings.model_fields)
OF_UNLABELLED = ("pseudo_label_confidence",)
OF_PRIVACY = tuple(PrivacySettings.model_fields)
# What a run over texts without labels has no use for, and why.
OF_LABELS: Mapping[str, str] = {
    **dict.fromkeys(OF_CLASSES, "texts without labels are of no classes"),
    "contrastive_epochs": "texts without labels make no pairs",
    **dict.fromkeys(OF_DISTILLATION, "one run is made here, and it has no labels"),
    **dict.fromkeys(OF_CONTINUAL, "it is for train --from"),
    **dict.fromkeys(OF_PAIRS, "it is for train --pairs"),
    **dict.fromkeys(OF_UNLABELLED, "it is for train --unlabelled"),
    **dict.fromkeys(OF_PRIVACY, "these texts are learned without noise"),
}
# The same of a trial of a search.
OF_ONE_RUN: Mapping[str, str] = {
    **dict.fromkeys(OF_CONTINUAL, "it is for train --from"),
    **dict.fromkeys(OF_PAIRS, "it is for train --pairs"),
    **dict.fromkeys(OF_UNLABELLED, "it is for train --unlabelled"),
    **dict.fromkeys(OF_DISTILLATION, "each trial is one run, on labels; --seeds tries several"),
    "privacy_epsilon": "each trial of a search would spend a budget of its own; search on public "
    "records without it, then train with what was found",
}


def read_settings(
    config: Path | None = None,
    pairs: Sequence[str] | None = None,
    *,
    defaults: Mapping[str, Any] | None = None,
    searched: Collection[str] = (),
    refused: Mapping[str, str] | None = None,
    **flags: Any,
) -> Settings:
    """Settings of a run; what was chosen of them is in `model_fields_set`.

    Args:
        config: a TOML file of settings.
        pairs: `name=value`, as given to `--set`.
        defaults: an application's own, where they differ from those of `Settings`.
        searched: settings that a search gives other values to.
        refused: settings that this run would pass over, and why.
        flags: settings that have a flag of their own; None where it was not given.

    Raises:
        UserError: the file, a glossary or lists are missing or broken, an unknown name, an
            impossible value, one of `refused`, or one that has no effect beside the others.
    """
    chosen = _from_environment()
    chosen |= {name: value for name, value in flags.items() if value is not None}
    chosen |= _from_pairs(pairs or ())
    of_file = _from_file(config) if config else {}
    written = {name: config for name in of_file if config and name not in chosen}
    chosen = of_file | chosen
    values = {**(defaults or {}), **chosen}
    if values.get("privacy_epsilon") is not None:
        # An application's defaults are for training without it.
        values = _without(REFUSED, values, chosen)
    if _is_on(values.get("sharded")):
        values = _without(NOT_SHARED, values, chosen)
    if values.get("strategy") in RATES and "learning_rate" not in chosen:
        # An application's rate is for what was pretrained.
        values["learning_rate"] = None
    try:
        settings = Settings(**values)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else ""
        raise UserError(f"setting {name}: {reason_of(first)} (given: {first['input']!r})") from None
    except UserError:
        # What it asks for may be refused, too.
        for name in sorted(chosen.keys() & (refused or {}).keys()):
            if str(chosen[name]) != str(Settings.model_fields[name].default):
                why = f"{name}: {(refused or {})[name]}"
                raise UserError(why, hint=f"Leave {name} out.") from None
        raise
    settings.model_fields_set.intersection_update(chosen)
    refuse_unused(settings, refused or {})
    refuse_without_effect(
        settings,
        chosen,
        usual=defaults or {},
        searched=searched,
        written=written,
        refused=refused or {},
    )
    if settings.glossary:
        read_glossary(Path(settings.glossary))
    if settings.counterfactual_lists:
        read_swaps(Path(settings.counterfactual_lists))
    require_packages(settings.tracking)
    return settings


def _without(
    clashing: Iterable[str], values: Mapping[str, Any], chosen: Iterable[str]
) -> dict[str, Any]:
    """Values less an application's own among those that clash; what was chosen is refused later."""
    left_out = {*clashing} - {*chosen}
    return {name: value for name, value in values.items() if name not in left_out}


def _is_on(value: Any) -> bool:
    """Whether a setting that is on or off, as text or as it is, is on."""
    try:
        return TypeAdapter(bool).validate_python(value)
    except ValidationError:
        return False


def _from_file(config: Path) -> dict[str, Any]:
    values = read_toml(config)
    check_names(values, where=str(config))
    return _with_none(values)


def _from_environment() -> dict[str, Any]:
    names = Settings.model_fields
    found = {name: os.environ.get(f"{ENVIRONMENT_PREFIX}{name.upper()}") for name in names}
    return _with_none({name: value for name, value in found.items() if value is not None})


def _with_none(values: Mapping[str, Any]) -> dict[str, Any]:
    """What is called none has no value."""
    return {name: None if value == "none" else value for name, value in values.items()}


def _from_pairs(pairs: Sequence[str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for pair in pairs:
        name, separator, value = pair.partition("=")
        if not separator:
            raise UserError(f"--set {pair}: not of the form name=value")
        values[name] = value
    check_names(values, where="--set")
    return _with_none(values)


def check_names(values: Iterable[str], *, where: str) -> None:
    """See that each is a setting.

    Args:
        where: they were given, as a person would say it.

    Raises:
        UserError: one is none; it names the nearest.
    """
    for name in values:
        if name not in Settings.model_fields:
            near = difflib.get_close_matches(name, Settings.model_fields, n=1)
            known = ", ".join(near or Settings.model_fields)
            hint = f"Did you mean {near[0]}?" if near else f"Settings: {known}"
            raise UserError(f"there is no setting {name!r}", where=where, hint=hint)


def refuse_settings(settings: Settings, names: Iterable[str], reason: str) -> None:
    """For a run that would pass them over in silence.

    Raises:
        UserError: one of them is not as usual.
    """
    for name in names:
        if getattr(settings, name) != Settings.model_fields[name].default:
            raise UserError(f"{name}: {reason}", hint=f"Leave {name} out.")


def refuse_unused(settings: Settings, unused: Mapping[str, str]) -> None:
    """As `refuse_settings`, each setting for a reason of its own."""
    for name, reason in unused.items():
        refuse_settings(settings, [name], reason)
