"""What a setting needs to have an effect: without it, what a person chose would be passed over."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from common.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

    from common.tuning.settings import Settings


@dataclass(frozen=True)
class Need:
    """What must be chosen beside a setting.

    Attributes:
        by: the settings that decide, as they are called.
        text: what they must be, as a person writes it.
        is_met: None: by an option of a verb, which the verb sees to.
    """

    by: Collection[str]
    text: str
    is_met: Callable[[Settings], bool] | None = None


def _of(*strategies: str) -> Need:
    *others, last = strategies
    text = f"strategy={', '.join(others)} or {last}" if others else f"strategy={last}"
    kinds = {name.partition(":")[0] for name in strategies}
    return Need({"strategy"}, text, lambda s: s.strategy.partition(":")[0] in kinds)


def _on(name: str, example: str) -> Need:
    return Need({name}, f"{name}={example}", lambda s: bool(getattr(s, name)))


def _average(kind: str) -> Need:
    return Need({"averaging"}, f"averaging={kind}", lambda s: s.averaging == kind)


_LOW_RANK = _of("lora", "adalora")
_LEARNS = Need(
    {"strategy", "contrastive_epochs"},
    "an encoder that learns: any strategy but head",
    lambda s: not s.keeps_encoder,
)
_PRIVATE = _on("privacy_epsilon", "8")
# Other strategies learn no words, but heads alone may be fitted after an encoder that learned.
_WORDS = Need(
    {"strategy", "contrastive_epochs"},
    "strategy=full, or head with contrastive_epochs=1",
    lambda s: s.strategy == "full" or (s.strategy == "head" and not s.keeps_encoder),
)
_IN_PARTS = Need(
    {"privacy_epsilon", "sharded"},
    "privacy_epsilon=none and sharded=false",
    lambda s: not s.is_private and not s.sharded,
)
_FROM = Need((), "--from")
_TEACHER = Need((), "--teacher, or ensemble=probabilities with seeds=3")

NEEDS: Mapping[str, Need] = {
    "freeze_word_embeddings": _WORDS,
    "lora_rank": _LOW_RANK,
    "lora_alpha": _LOW_RANK,
    "lora_dropout": _LOW_RANK,
    "lora_variant": _of("lora"),
    "lora_frozen_a": _of("lora"),
    "adalora_initial_rank": _of("adalora"),
    "adapter_width": _of("adapter"),
    "learned_tokens": _of("prompt", "prefix"),
    "keep_adapter": _of("lora", "adalora", "ia3"),
    "quantised_base": _of("lora"),
    "layer_decay": _LEARNS,
    "adversarial": _LEARNS,
    "adversarial_steps": _on("adversarial", "0.5"),
    # Of what adapters add no mean with nothing was measured.
    "pretrained_share": _of("full", "top-layers:N"),
    "averaging_decay": _average("ema"),
    "averaging_start": _average("swa"),
    "synonyms": _on("glossary", "words.toml"),
    "counterfactual": _on("counterfactual_lists", "lists.toml"),
    "back_translated": _on("back_translation", "THERE,BACK"),
    "contrastive_pairs": _on("contrastive_epochs", "1"),
    "tokens_per_pass": _IN_PARTS,
    "privacy_delta": _PRIVATE,
    "privacy_clipping": _PRIVATE,
    "ensemble": Need({"seeds"}, "seeds=3", lambda s: s.seeds > 1),
    "distillation_weight": _TEACHER,
    "distillation_temperature": _TEACHER,
    "pseudo_label_confidence": Need((), "--unlabelled"),
    "pair_weight": Need((), "--pairs"),
    "continual": _FROM,
    "exemplars": _FROM,
    "continual_distillation": _FROM,
    "continual_temperature": _FROM,
    "ewc": _FROM,
    "klda_features": _FROM,
}
# Evaluations are of validation records.
OF_EVALUATIONS: Mapping[str, Any] = {"monitor": None, "evaluate_every": 0}
SOUP = "soup"


def unmet(settings: Settings, name: str) -> Need | None:
    """What the setting `name` needs and has not; None where it has an effect, or a verb decides."""
    need = NEEDS.get(name)
    return need if need and need.is_met and not need.is_met(settings) else None


def refuse_without_effect(
    settings: Settings,
    chosen: Collection[str],
    *,
    usual: Mapping[str, Any],
    searched: Collection[str] = (),
    written: Mapping[str, Path] | None = None,
    refused: Mapping[str, str] | None = None,
) -> None:
    """For what would be passed over in silence.

    Args:
        chosen: the settings that a person gave.
        usual: an application's own defaults; what is as it is anyway is not refused.
        searched: settings that take other values, too.
        written: the file that each of `chosen` stands in, if in any.
        refused: settings that cannot be added here, and why.

    Raises:
        UserError: one of `chosen` has no effect without another.
    """
    defaults = {name: field.default for name, field in type(settings).model_fields.items()}
    for name in chosen:
        need = unmet(settings, name)
        is_usual = getattr(settings, name) in (defaults[name], usual.get(name, defaults[name]))
        if need and not is_usual and not {*need.by} & {*searched}:
            file = (written or {}).get(name)
            rest = f"take the line {name} = … out of {file}" if file else f"leave {name} out"
            said = f"{name} would change nothing: it needs {need.text}"
            if {*need.by} <= (refused or {}).keys():
                why = "; ".join((refused or {})[one] for one in need.by)
                raise UserError(f"{said}, and {why}", hint=f"{rest[0].upper()}{rest[1:]}.")
            raise UserError(said, hint=f"Add that, or {rest}.")


def unevaluated(settings: Settings) -> Settings:
    """The same, for a stage of a run that has no validation records of its own."""
    averaging = None if settings.averaging == SOUP else settings.averaging
    return settings.model_copy(update={**OF_EVALUATIONS, "averaging": averaging})


def refuse_without_validation(settings: Settings) -> None:
    """For a run that nothing is evaluated in.

    Raises:
        UserError: the settings choose among evaluations.
    """
    chosen = [name for name in OF_EVALUATIONS if getattr(settings, name)]
    if settings.averaging == SOUP:
        chosen.append(f"averaging={SOUP}")
    if chosen:
        raise UserError(
            f"{chosen[0]} is of evaluations, and there are no validation records",
            hint="Give some, or leave it out.",
        )
